//! Exercise of notebook 2: how often is which brightness in an image?

use super::cases::{Case, Checked, Findings, Mistake, attempt, message, mistake};
use super::report::Report;
use crate::error::Result;
use crate::language::{translate, translated};

/// The attempt: bytes and a number of bins → how many bytes fall into each bin. Bin i of n holds the
/// bytes p with i = ⌊n p / 256⌋.
type Attempt = fn(&[u8], usize) -> Result<Vec<usize>>;

/// The first and the last value of each of four bins, for the last of them twice.
const PIXELS: [u8; 9] = [0, 63, 64, 127, 128, 191, 192, 255, 255];

/// What the attempt gives for pixels and a number of bins.
struct Histogram {
    pixels: Vec<u8>,
    bins: usize,
    counts: Vec<usize>,
}

/// For the darkest and the brightest pixel alone, over which most first attempts stumble, and [`PIXELS`].
const FOUR_BINS: Case<Histogram> = Case {
    right: Histogram::is_right,
    passed: message!(
        "four bins are counted, from the darkest pixel to the brightest",
        "4 つの区間で、暗いピクセルから明るいピクセルまで正しく数えています"
    ),
    mistakes: &[
        mistake!(
            |it| it.pixels.len() > 1,
            "of {PIXELS:?} each of the first three of 4 bins holds 2 and the last 3; your function \
             gives {:?}",
            "{PIXELS:?} を 4 つの区間で数えると、はじめの 3 つは 2 個ずつ、最後は 3 個です。返ってきたのは {:?} です",
            it.counts
        ),
        OTHER_NUMBER_OF_BINS,
        OTHER_NUMBER_OF_PIXELS,
    ],
    otherwise: in_another_bin,
};

/// For one pixel in 10 bins. ⌊10 × 25 / 256⌋ = 0, ⌊10 × 26 / 256⌋ = 1, ⌊10 × 255 / 256⌋ = 9.
const TEN_BINS: Case<Histogram> = Case {
    right: Histogram::is_right,
    passed: message!(
        "the bins are equally wide, also where 256 cannot be divided by their number",
        "256 が割り切れない数でも、区間の幅はどれも同じです"
    ),
    mistakes: &[OTHER_NUMBER_OF_BINS, OTHER_NUMBER_OF_PIXELS],
    otherwise: in_another_bin,
};

/// For a bin of each value, and for no pixels.
const EXTREMES: Case<Histogram> = Case {
    right: Histogram::is_right,
    passed: message!(
        "so are as many bins as values, and no pixels at all",
        "区間が値の数だけあっても、ピクセルがなくても正しく動きます"
    ),
    mistakes: &[mistake!(
        |it| it.pixels.is_empty(),
        "without any pixel, 3 bins should all hold 0",
        "ピクセルが 1 つもなければ、3 つの区間はどれも 0 のはずです"
    )],
    otherwise: message!(
        "with 256 bins each value should have a bin of its own",
        "区間が 256 個なら、どの値にも自分の区間があるはずです"
    ),
};

const OTHER_NUMBER_OF_BINS: Mistake<Histogram> = mistake!(
    |it| it.counts.len() != it.bins,
    "asked for {} bins, your function gives {}",
    "{} 個の区間を求めたのに {} 個が返りました",
    it.bins,
    it.counts.len()
);

const OTHER_NUMBER_OF_PIXELS: Mistake<Histogram> = mistake!(
    |it| it.sum() != 1,
    "of 1 pixel your function counts {}",
    "ピクセルは 1 つなのに {} 個と数えています",
    it.sum()
);

/// Checks a function that counts the pixels in equally wide ranges of brightness.
///
/// It is tried with 4 bins, with 10, which do not divide 256, and with one for each value.
pub fn pixel_histogram(attempt: Attempt) -> Report {
    let title = translated("the histogram of the pixels", "ピクセル値のヒストグラム");
    Report::of("pixel_histogram", title, |findings| {
        check(attempt, findings)
    })
}

fn check(histogram: Attempt, findings: &mut Findings) -> Checked {
    let count = |(pixels, bins): (&[u8], usize)| {
        Ok(Histogram {
            pixels: pixels.to_vec(),
            bins,
            counts: attempt(|| histogram(pixels, bins))?,
        })
    };
    let every_value: Vec<u8> = (0..=255).collect();
    findings.check_each(
        &FOUR_BINS,
        [(&[0][..], 4), (&[255], 4), (&PIXELS, 4)],
        count,
    )?;
    findings.check_each(
        &TEN_BINS,
        [(&[25][..], 10), (&[26], 10), (&[255], 10)],
        count,
    )?;
    findings.check_each(&EXTREMES, [(&every_value[..], 256), (&[], 3)], count)
}

/// The bin of a pixel.
fn bin(pixel: u8, bins: usize) -> usize {
    usize::from(pixel) * bins / 256
}

impl Histogram {
    fn is_right(&self) -> bool {
        let mut counts = vec![0; self.bins];
        for &pixel in &self.pixels {
            counts[bin(pixel, self.bins)] += 1;
        }
        self.counts == counts
    }

    fn sum(&self) -> usize {
        self.counts.iter().sum()
    }
}

/// One pixel is counted, but not in its bin.
fn in_another_bin(it: &Histogram) -> String {
    let (pixel, bins) = (it.pixels[0], it.bins);
    let bin = bin(pixel, bins);
    let place = it.counts.iter().position(|&count| count == 1).unwrap_or(0);
    translate!(
        "a pixel of brightness {pixel} belongs to bin {bin} of {bins} (counted from 0), and your \
         function puts it into bin {place}; which part of 256 is {pixel}?",
        "明るさ {pixel} のピクセルは {bins} 個のうち区間 {bin} (0 から数えて) に入りますが、区間 {place} に\
         入っています。{pixel} は 256 のうちのどれだけでしょうか?"
    )
}

#[cfg(test)]
mod tests;

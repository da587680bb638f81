//! Exercise of notebook 2: how often is which brightness in an image?

use super::{Checked, Findings, Report, attempt, ensure};
use crate::error::Result;
use crate::language::{translate, translated};

/// The attempt: bytes and a number of bins → how many bytes fall into each bin. Bin i of n holds the
/// bytes p with i = ⌊n p / 256⌋.
type Attempt = fn(&[u8], usize) -> Result<Vec<usize>>;

/// The first and the last value of each of four bins, for the last of them twice.
const PIXELS: [u8; 9] = [0, 63, 64, 127, 128, 191, 192, 255, 255];
const IN_FOUR: [usize; 4] = [2, 2, 2, 3];

/// Checks a function that counts the pixels in equally wide ranges of brightness.
///
/// It is tried with 4 bins, with 10, which do not divide 256, and with one for each value.
pub fn pixel_histogram(attempt: Attempt) -> Report {
    let exercise = translated("the histogram of the pixels", "ピクセル値のヒストグラム");
    Report::of(exercise, |findings| check(attempt, findings))
}

fn check(histogram: Attempt, findings: &mut Findings) -> Checked {
    let counted = |pixels: &[u8], bins| attempt(|| histogram(pixels, bins));
    // The brightest pixel is what most first attempts stumble over.
    for (pixel, bin) in [(0, 0), (255, 3)] {
        in_bin(&counted(&[pixel], 4)?, pixel, 4, bin)?;
    }
    let four = counted(&PIXELS, 4)?;
    ensure(four == IN_FOUR, || {
        translate!(
            "of {PIXELS:?} each of the first three of 4 bins holds 2 and the last 3; your function \
             gives {four:?}",
            "{PIXELS:?} を 4 つの区間で数えると、はじめの 3 つは 2 個ずつ、最後は 3 個です。返ってきたのは {four:?} です"
        )
    })?;
    findings.right(translated(
        "four bins are counted, from the darkest pixel to the brightest",
        "4 つの区間で、暗いピクセルから明るいピクセルまで正しく数えています",
    ));
    // ⌊10 × 25 / 256⌋ = 0, ⌊10 × 26 / 256⌋ = 1, ⌊10 × 255 / 256⌋ = 9.
    for (pixel, bin) in [(25, 0), (26, 1), (255, 9)] {
        in_bin(&counted(&[pixel], 10)?, pixel, 10, bin)?;
    }
    findings.right(translated(
        "the bins are equally wide, also where 256 cannot be divided by their number",
        "256 が割り切れない数でも、区間の幅はどれも同じです",
    ));
    let all: Vec<u8> = (0..=255).collect();
    ensure(counted(&all, 256)? == [1; 256], || {
        translated(
            "with 256 bins each value should have a bin of its own",
            "区間が 256 個なら、どの値にも自分の区間があるはずです",
        )
        .to_owned()
    })?;
    ensure(counted(&[], 3)? == [0; 3], || {
        translated(
            "without any pixel, 3 bins should all hold 0",
            "ピクセルが 1 つもなければ、3 つの区間はどれも 0 のはずです",
        )
        .to_owned()
    })?;
    findings.right(translated(
        "so are as many bins as values, and no pixels at all",
        "区間が値の数だけあっても、ピクセルがなくても正しく動きます",
    ));
    Ok(())
}

/// Whether one pixel was counted, in its bin.
fn in_bin(counts: &[usize], pixel: u8, bins: usize, bin: usize) -> Checked {
    let found = counts.len();
    ensure(found == bins, || {
        translate!(
            "asked for {bins} bins, your function gives {found}",
            "{bins} 個の区間を求めたのに {found} 個が返りました"
        )
    })?;
    let sum: usize = counts.iter().sum();
    ensure(sum == 1, || {
        translate!(
            "of 1 pixel your function counts {sum}",
            "ピクセルは 1 つなのに {sum} 個と数えています"
        )
    })?;
    ensure(counts[bin] == 1, || {
        let place = counts.iter().position(|&count| count == 1).unwrap_or(0);
        translate!(
            "a pixel of brightness {pixel} belongs to bin {bin} of {bins} (counted from 0), and your \
             function puts it into bin {place}; which part of 256 is {pixel}?",
            "明るさ {pixel} のピクセルは {bins} 個のうち区間 {bin} (0 から数えて) に入りますが、区間 {place} に\
             入っています。{pixel} は 256 のうちのどれだけでしょうか?"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_solved, problem};
    use super::*;

    fn told(attempt: Attempt) -> String {
        problem(|| pixel_histogram(attempt))
    }

    /// Counts by a rule.
    fn by(pixels: &[u8], bins: usize, rule: impl Fn(usize) -> usize) -> Result<Vec<usize>> {
        let mut counts = vec![0; bins];
        for &pixel in pixels {
            counts[rule(usize::from(pixel))] += 1;
        }
        Ok(counts)
    }

    #[test]
    fn right_attempts_pass() {
        assert_solved(pixel_histogram(|pixels, bins| {
            by(pixels, bins, |pixel| pixel * bins / 256)
        }));
        assert_solved(pixel_histogram(|pixels, bins| {
            let width = 256.0 / bins as f64;
            by(pixels, bins, |pixel| (pixel as f64 / width) as usize)
        }));
    }

    #[test]
    fn typical_mistakes_are_named() {
        let gap = told(|pixels, bins| by(pixels, bins, |_| 0));
        assert!(
            gap.contains("brightness 255 belongs to bin 3 of 4"),
            "{gap}"
        );
        let last = told(|pixels, bins| by(pixels, bins, |pixel| pixel * bins / 255));
        assert!(last.contains("the index is 4"), "{last}");
        let no_bin = told(|pixels, bins| by(pixels, bins, |pixel| pixel * (bins - 1) / 255));
        assert!(no_bin.contains("[0, 63, 64"), "{no_bin}");
        let narrow =
            told(|pixels, bins| by(pixels, bins, |pixel| (pixel / (256 / bins)).min(bins - 1)));
        assert!(
            narrow.contains("brightness 25 belongs to bin 0 of 10"),
            "{narrow}"
        );
        let swapped = told(|pixels, bins| by(pixels, bins, |pixel| pixel / bins));
        assert!(swapped.contains("stops in the middle"), "{swapped}");
        let more = told(|pixels, bins| by(pixels, bins + 1, |pixel| pixel * bins / 256));
        assert!(more.contains("gives 5"), "{more}");
        let nothing = told(|_, bins| Ok(vec![0; bins]));
        assert!(nothing.contains("counts 0"), "{nothing}");
        let typed = told(|pixels, bins| {
            let counts = by(pixels, bins, |pixel| pixel * bins / 256)?;
            Ok(if bins == 256 { vec![4; 64] } else { counts })
        });
        assert!(typed.contains("256 bins"), "{typed}");
        let never_empty = told(|pixels, bins| match pixels {
            [] => Ok(Vec::new()),
            _ => by(pixels, bins, |pixel| pixel * bins / 256),
        });
        assert!(never_empty.contains("without any pixel"), "{never_empty}");
    }
}

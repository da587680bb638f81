use super::super::testing::{assert_problems, assert_solved};
use super::*;

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
    let attempts: [(Attempt, &str); 9] = [
        // The gap as it stands.
        (
            |pixels, bins| by(pixels, bins, |_| 0),
            "a pixel of brightness 255 belongs to bin 3 of 4 (counted from 0), and your function \
             puts it into bin 0",
        ),
        (
            |pixels, bins| by(pixels, bins, |pixel| pixel * bins / 255),
            "your function stops in the middle: index out of bounds: the len is 4 but the index is 4",
        ),
        (
            |pixels, bins| by(pixels, bins, |pixel| pixel * (bins - 1) / 255),
            "of [0, 63, 64, 127, 128, 191, 192, 255, 255] each of the first three of 4 bins holds 2",
        ),
        (
            |pixels, bins| by(pixels, bins, |pixel| (pixel / (256 / bins)).min(bins - 1)),
            "a pixel of brightness 25 belongs to bin 0 of 10 (counted from 0), and your function \
             puts it into bin 1",
        ),
        (
            |pixels, bins| by(pixels, bins, |pixel| pixel / bins),
            "your function stops in the middle",
        ),
        (
            |pixels, bins| by(pixels, bins + 1, |pixel| pixel * bins / 256),
            "asked for 4 bins, your function gives 5",
        ),
        (
            |_, bins| Ok(vec![0; bins]),
            "of 1 pixel your function counts 0",
        ),
        (
            |pixels, bins| {
                let counts = by(pixels, bins, |pixel| pixel * bins / 256)?;
                Ok(if bins == 256 { vec![4; 64] } else { counts })
            },
            "with 256 bins each value should have a bin of its own",
        ),
        (
            |pixels, bins| match pixels {
                [] => Ok(Vec::new()),
                _ => by(pixels, bins, |pixel| pixel * bins / 256),
            },
            "without any pixel, 3 bins should all hold 0",
        ),
    ];
    assert_problems(pixel_histogram, &attempts);
}

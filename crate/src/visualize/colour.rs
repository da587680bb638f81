//! Colours that people with a colour vision deficiency can tell apart.

use oklab::Oklab;
use plotters::style::RGBColor;

/// A colour of the sRGB space.
pub(super) type Colour = RGBColor;

/// The colour of titles and values.
pub(super) const TEXT: Colour = RGBColor(0x22, 0x22, 0x22);
/// The colour of axis titles, tick labels and subtitles.
pub(super) const MUTED: Colour = RGBColor(0x59, 0x59, 0x59);
/// The colour of axis lines and borders.
pub(super) const AXIS: Colour = RGBColor(0x9A, 0x9A, 0x9A);
/// The colour of grid lines.
pub(super) const GRID: Colour = RGBColor(0xE6, 0xE6, 0xE6);
/// The background of every picture.
pub(super) const BACKGROUND: Colour = RGBColor(0xFF, 0xFF, 0xFF);

const BLACK: Colour = RGBColor(0x00, 0x00, 0x00);

/// The colour of what is right, and of the first series.
pub(super) const BLUE: Colour = RGBColor(0x00, 0x72, 0xB2);
/// The colour of what is wrong, and of the second series.
pub(super) const VERMILLION: Colour = RGBColor(0xD5, 0x5E, 0x00);
/// The colour of bars and lines that only give context.
pub(super) const LIGHT_BLUE: Colour = RGBColor(0xB9, 0xC9, 0xD6);

/// The palette of Okabe and Ito without yellow, which is too light for a line on white.
const SERIES: [Colour; 7] = [
    BLUE,
    VERMILLION,
    RGBColor(0x00, 0x9E, 0x73),
    RGBColor(0xCC, 0x79, 0xA7),
    RGBColor(0xE6, 0x9F, 0x00),
    RGBColor(0x56, 0xB4, 0xE9),
    BLACK,
];

/// The colour of the series with this index; after seven they repeat.
pub(super) fn series_colour(index: usize) -> Colour {
    SERIES[index % SERIES.len()]
}

/// The same hue, dark enough for small text on white.
pub(super) fn darkened(colour: Colour) -> Colour {
    let dark = |channel: u8| (f64::from(channel) * 0.75) as u8;
    RGBColor(dark(colour.0), dark(colour.1), dark(colour.2))
}

// In Oklab, equal steps look equally large: lightness, green–red, blue–yellow.
const DARK_BLUE: [f32; 3] = [0.38, -0.03, -0.13];
const DEEP_BLUE: [f32; 3] = [0.48, -0.04, -0.13];
const DEEP_ORANGE: [f32; 3] = [0.48, 0.09, 0.098];

/// From white at 0 to dark blue at 1, along a straight line in Oklab, so that equal steps look equally large.
pub(super) fn sequential(fraction: f64) -> Colour {
    away_from_white(DARK_BLUE, fraction)
}

/// Orange at −1, white at 0, blue at +1, equally dark at both ends.
pub(super) fn diverging(fraction: f64) -> Colour {
    let end = if fraction < 0.0 {
        DEEP_ORANGE
    } else {
        DEEP_BLUE
    };
    away_from_white(end, fraction.abs())
}

fn away_from_white([l, a, b]: [f32; 3], fraction: f64) -> Colour {
    let fraction = fraction.clamp(0.0, 1.0) as f32;
    let (l, a, b) = (1.0 + (l - 1.0) * fraction, a * fraction, b * fraction);
    let colour = Oklab { l, a, b }.to_srgb();
    RGBColor(colour.r, colour.g, colour.b)
}

/// From dark violet at 0 over blue and green to yellow at 1: one of the 256 colours of matplotlib's default.
pub(super) fn viridis(fraction: f64) -> Colour {
    let colour = colorous::VIRIDIS.eval_continuous(fraction);
    RGBColor(colour.r, colour.g, colour.b)
}

/// `over` on top of `under`, with an opacity in [0, 1].
pub(super) fn blend(under: Colour, over: Colour, opacity: f64) -> Colour {
    let mix = |under: u8, over: u8| {
        let (under, over) = (f64::from(under), f64::from(over));
        (under + (over - under) * opacity).round() as u8
    };
    let (red, green) = (mix(under.0, over.0), mix(under.1, over.1));
    RGBColor(red, green, mix(under.2, over.2))
}

/// Black or white, whichever is easier to read on `background`.
pub(super) fn text_on(background: Colour) -> Colour {
    // The luminance on which black and white have the same contrast.
    const MIDDLE: f64 = 0.179_129;
    if luminance(background) > MIDDLE {
        BLACK
    } else {
        BACKGROUND
    }
}

/// The relative luminance of WCAG 2, in [0, 1].
fn luminance(colour: Colour) -> f64 {
    let linear = [colour.0, colour.1, colour.2].map(to_linear);
    0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
}

/// An sRGB byte to a linear intensity.
fn to_linear(byte: u8) -> f64 {
    let encoded = f64::from(byte) / 255.0;
    if encoded <= 0.040_45 {
        encoded / 12.92
    } else {
        ((encoded + 0.055) / 1.055).powf(2.4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_white_on_both_scales() {
        assert_eq!(sequential(0.0), BACKGROUND);
        assert_eq!(diverging(0.0), BACKGROUND);
    }

    #[test]
    fn the_sequential_scale_only_darkens() {
        let levels: Vec<f64> = (0..=100)
            .map(|step| luminance(sequential(f64::from(step) / 100.0)))
            .collect();
        assert!(levels.windows(2).all(|pair| pair[1] < pair[0]));
    }

    #[test]
    fn both_ends_of_the_diverging_scale_are_equally_dark() {
        let negative = diverging(-1.0);
        let positive = diverging(1.0);
        assert!(negative.0 > negative.2, "{negative:?} is not orange");
        assert!(positive.2 > positive.0, "{positive:?} is not blue");
        assert!((luminance(negative) - luminance(positive)).abs() < 0.05);
    }

    #[test]
    fn text_contrasts_with_its_background() {
        assert_eq!(text_on(BACKGROUND), BLACK);
        assert_eq!(text_on(BLACK), BACKGROUND);
        for step in 0..=100 {
            let background = sequential(f64::from(step) / 100.0);
            let (one, other) = (luminance(background), luminance(text_on(background)));
            let contrast = (one.max(other) + 0.05) / (one.min(other) + 0.05);
            assert!(contrast > 4.5, "contrast {contrast} on {background:?}");
        }
    }

    /// How people with protanopia, deuteranopia and tritanopia see a linear RGB colour: Machado,
    /// Oliveira, Fernandes, "A Physiologically-based Model for Simulation of Color Vision
    /// Deficiency", 2009, severity 1.0.
    const DEFICIENCIES: [[[f64; 3]; 3]; 3] = [
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ],
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ],
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ],
    ];

    fn times(matrix: [[f64; 3]; 3], vector: [f64; 3]) -> [f64; 3] {
        matrix.map(|row| row.iter().zip(vector).map(|(one, other)| one * other).sum())
    }

    /// The conversion published by the author of Oklab.
    fn to_oklab(linear: [f64; 3]) -> [f64; 3] {
        let cones = [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ];
        let lab = [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ];
        times(lab, times(cones, linear).map(f64::cbrt))
    }

    /// The distance between two colours for those who see the least difference.
    fn smallest_distance(one: Colour, other: Colour) -> f64 {
        let seen = |colour: Colour, deficiency| {
            let linear = [colour.0, colour.1, colour.2].map(to_linear);
            to_oklab(times(deficiency, linear).map(|channel| channel.clamp(0.0, 1.0)))
        };
        let distance = |deficiency| {
            let (one, other) = (seen(one, deficiency), seen(other, deficiency));
            let squares = one
                .iter()
                .zip(other)
                .map(|(one, other)| (one - other).powi(2));
            squares.sum::<f64>().sqrt()
        };
        DEFICIENCIES
            .into_iter()
            .map(distance)
            .fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn series_can_be_told_apart_by_everybody() {
        // A difference of 0.02 is barely visible. The usual red and green are too close.
        let red_and_green = (RGBColor(214, 39, 40), RGBColor(44, 160, 44));
        assert!(smallest_distance(red_and_green.0, red_and_green.1) < 0.05);
        for (index, &one) in SERIES.iter().enumerate() {
            for &other in &SERIES[index + 1..] {
                let distance = smallest_distance(one, other);
                assert!(distance > 0.07, "{one:?} and {other:?}: {distance}");
            }
        }
        assert!(smallest_distance(BLUE, VERMILLION) > 0.2, "right and wrong");
        assert!(smallest_distance(BLUE, GRID) > 0.2, "done and not done");
        assert!(smallest_distance(diverging(-1.0), diverging(1.0)) > 0.15);
    }

    #[test]
    fn viridis_has_the_colours_of_matplotlib() {
        let known = [
            (0, [68, 1, 84]),
            (64, [59, 82, 139]),
            (127, [33, 144, 141]),
            (128, [33, 145, 140]),
            (191, [92, 200, 99]),
            (255, [253, 231, 37]),
        ];
        for (index, expected) in known {
            let colour = viridis(f64::from(index) / 255.0);
            for (found, expected) in [colour.0, colour.1, colour.2].into_iter().zip(expected) {
                assert!(
                    found.abs_diff(expected) <= 1,
                    "{colour:?} at {index} of 255"
                );
            }
        }
    }

    #[test]
    fn viridis_only_grows_lighter() {
        let levels: Vec<f64> = (0..=100)
            .map(|step| luminance(viridis(f64::from(step) / 100.0)))
            .collect();
        assert!(levels.windows(2).all(|pair| pair[1] > pair[0]));
    }
}

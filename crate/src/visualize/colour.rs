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
mod tests;

//! From values to colours.

use super::axis::min_max;
use super::colour::{Colour, diverging, sequential, viridis};
use super::number_format::significant;
use crate::language::translate;
use plotters::style::RGBColor;
use plotters::style::colors::colormaps::ColorMap;

/// How values become colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColourScale {
    /// Negative values orange, zero white, positive values blue; for weights and signed attributions.
    #[default]
    Diverging,
    /// The smallest value white, the largest dark blue; for activations and other amounts.
    Sequential,
    /// The smallest value dark violet, the largest yellow; the usual colours of a heat map over an image. Lightness alone
    /// distinguishes them.
    Viridis,
}

impl ColourScale {
    /// The colour at a position in [0, 1], from the smallest value to the largest.
    pub(super) fn at(self, position: f64) -> Colour {
        match self {
            ColourScale::Diverging => diverging(2.0 * position - 1.0),
            ColourScale::Sequential => sequential(position),
            ColourScale::Viridis => viridis(position),
        }
    }
}

/// A colour map of plotters: `ColourScale::Viridis.get_color(0.7)`. A value below `min` or above `max` has the colour of
/// that end.
impl ColorMap<RGBColor, f64> for ColourScale {
    fn get_color_normalized(&self, value: f64, min: f64, max: f64) -> RGBColor {
        self.at(((value - min) / (max - min)).clamp(0.0, 1.0))
    }
}

/// The colours of the values from `low` to `high`.
pub(super) struct Scale {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) colours: ColourScale,
}

impl Scale {
    /// From the smallest to the largest value, with zero in the middle for diverging colours.
    pub(super) fn from_values(values: impl Iterator<Item = f64>, colours: ColourScale) -> Scale {
        let (low, high) = min_max(values).unwrap_or_default();
        let largest = low.abs().max(high.abs());
        // If all values are equal, any other upper end prevents a division by zero.
        let (low, high) = match colours {
            ColourScale::Diverging if largest > 0.0 => (-largest, largest),
            ColourScale::Diverging => (-1.0, 1.0),
            _ if high > low => (low, high),
            _ => (low, low + low.abs().max(1.0)),
        };
        Scale { low, high, colours }
    }

    /// For fractions of a largest value: [−1, 1] for diverging colours, else [0, 1].
    pub(super) fn of_fractions(colours: ColourScale) -> Scale {
        let is_diverging = colours == ColourScale::Diverging;
        let (low, high) = (if is_diverging { -1.0 } else { 0.0 }, 1.0);
        Scale { low, high, colours }
    }

    pub(super) fn colour(&self, value: f64) -> Colour {
        self.colours.at((value - self.low) / (self.high - self.low))
    }

    /// For an alt text, the start of a sentence about `values`.
    pub(super) fn describe(&self, values: &str) -> String {
        let (low, high) = (significant(self.low, 3), significant(self.high, 3));
        translate!(
            " Colours show {values} from {low} to {high}",
            "色が示す値: {values}、{low} から {high}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_colour_map_of_plotters() {
        let viridis = ColourScale::Viridis;
        assert_eq!(viridis.get_color(0.0), RGBColor(0x44, 0x01, 0x54));
        assert_eq!(
            viridis.get_color_normalized(9.0, 5.0, 7.0),
            viridis.get_color(1.0)
        );
        let diverging = ColourScale::Diverging.get_color_normalized(0.0, -3.0, 3.0);
        assert_eq!(diverging, RGBColor(255, 255, 255));
        // plotters' own viridis interpolates between eight colours.
        let own = plotters::style::colors::colormaps::ViridisRGB.get_color(0.5_f64);
        assert!(viridis.get_color(0.5).1.abs_diff(own.1) < 20);
    }
}

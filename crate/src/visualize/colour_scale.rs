//! From values to colours.

use super::axis::Axis;
use super::colour::{Colour, diverging, sequential};
use super::colour_bar::ColourBar;
use super::viridis::viridis;

/// Which colours stand for which values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColourScale {
    /// Negative values orange, zero white, positive values blue; for weights and signed attributions.
    #[default]
    Diverging,
    /// The smallest value white, the largest dark blue; for activations and other amounts.
    Sequential,
    /// The smallest value dark violet, the largest yellow; the usual colours of a heat map over an
    /// image, and told apart by lightness alone.
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

/// The colours of the values from `low` to `high`.
pub(super) struct Scale {
    pub(super) low: f64,
    pub(super) high: f64,
    colours: ColourScale,
}

impl Scale {
    /// From the smallest to the largest value; with zero in the middle if the colours diverge.
    pub(super) fn of(values: impl Iterator<Item = f64>, colours: ColourScale) -> Scale {
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        let largest = low.abs().max(high.abs());
        // All values equal: any difference will do that can be divided by.
        let (low, high) = match colours {
            ColourScale::Diverging if largest > 0.0 => (-largest, largest),
            ColourScale::Diverging => (-1.0, 1.0),
            _ if high > low => (low, high),
            _ => (low, low + low.abs().max(1.0)),
        };
        Scale { low, high, colours }
    }

    /// Shares of a largest value: [−1, 1] if the colours diverge, else [0, 1].
    pub(super) fn of_shares(colours: ColourScale) -> Scale {
        let low = if colours == ColourScale::Diverging {
            -1.0
        } else {
            0.0
        };
        Scale {
            low,
            high: 1.0,
            colours,
        }
    }

    pub(super) fn colour(&self, value: f64) -> Colour {
        self.colours.at((value - self.low) / (self.high - self.low))
    }

    /// The legend of this scale.
    pub(super) fn bar(&self, title: &str, height: f64) -> ColourBar {
        let axis = Axis::exact(self.low, self.high, 5);
        let ticks = axis.ticks.iter();
        let ticks = ticks.map(|tick| (axis.position(tick.value), tick.label.clone()));
        ColourBar::new(self.colours, ticks.collect(), title, height)
    }
}

//! Where an axis ends and how its numbers are written; plotters chooses the numbers.

use std::ops::Range;

use plotters::coord::ranged1d::Ranged;
use plotters::coord::types::RangedCoordf64;

use super::number_format::{fixed, power_of_ten};
use super::text::{SMALL, max_width};

/// How a value becomes a coordinate of plotters' axis, and how that is labelled.
#[derive(Clone, Copy, Debug, PartialEq)]
enum AxisScale {
    /// The value in units of this power of ten; labels with this number of decimals: `2.5×10⁻⁵`, or `2.5` for the power 0.
    Linear { exponent: i32, decimals: usize },
    /// The decimal logarithm of the value.
    Logarithmic,
}

/// One axis of a chart.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    /// The ends, as coordinates.
    pub(super) range: Range<f64>,
    /// How many labels plotters may choose.
    pub(super) max_labels: usize,
    scale: AxisScale,
}

impl Axis {
    /// A linear axis whose ends are round numbers around the values; about `target` labels.
    pub(super) fn round(low: f64, high: f64, target: usize) -> Axis {
        let (low, high) = moved_apart(low, high);
        let step = round_step((high - low) / target as f64);
        let down = step * (low / step + 1e-9).floor();
        Axis::linear(down, step * (high / step - 1e-9).ceil(), step)
    }

    /// A linear axis that ends exactly at the given values; about `target` labels in between.
    pub(super) fn exact(low: f64, high: f64, target: usize) -> Axis {
        let (low, high) = moved_apart(low, high);
        Axis::linear(low, high, round_step((high - low) / target as f64))
    }

    /// An axis from 0 for counts, with labels at whole numbers only.
    pub(super) fn counts(most: usize, target: usize) -> Axis {
        let high = most.max(1) as f64;
        let step = integer_step(high, target);
        Axis::linear(0.0, step * (high / step).ceil(), step)
    }

    /// The numbers 1 to `last`, with labels at whole numbers only.
    pub(super) fn from_one(last: usize, target: usize) -> Axis {
        match last as f64 {
            last if last > 1.0 => Axis::linear(1.0, last, integer_step(last - 1.0, target)),
            _ => Axis::linear(0.5, 1.5, 1.0),
        }
    }

    /// The numbers 0 to `last`, at least 1, with labels at whole numbers only.
    pub(super) fn from_zero(last: usize, target: usize) -> Axis {
        let last = last.max(1) as f64;
        Axis::linear(0.0, last, integer_step(last, target))
    }

    /// One unit for each category, without labels.
    pub(super) fn categories(number: usize) -> Axis {
        Axis {
            max_labels: 0,
            ..Axis::from_zero(number, 1)
        }
    }

    /// A logarithmic axis between powers of ten; both values are greater than 0.
    pub(super) fn logarithmic(low: f64, high: f64) -> Axis {
        const MAX_LABELS: usize = 9;
        let (first, last) = (low.log10().floor(), high.log10().ceil());
        let last = last.max(first + 1.0);
        Axis {
            range: first..last,
            max_labels: MAX_LABELS.min((last - first) as usize + 1),
            scale: AxisScale::Logarithmic,
        }
    }

    /// The same axis with another upper end, which need not be a round number.
    pub(super) fn with_end(mut self, highest: f64) -> Axis {
        self.range.end = self.coordinate(highest);
        self
    }

    fn linear(low: f64, high: f64, step: f64) -> Axis {
        let largest = low.abs().max(high.abs());
        let exponent = match (1e-4..1e7).contains(&largest) {
            true => 0,
            false => largest.log10().floor() as i32,
        };
        let unit = 10f64.powi(exponent);
        let decimals = (-((step / unit).log10() + 1e-9).floor()).clamp(0.0, 12.0);
        // As many labels as there are multiples of the step: plotters takes the smallest round step that gives no more
        // labels than it may choose.
        let multiples = (high / step + 1e-6).floor() - (low / step - 1e-6).ceil();
        Axis {
            range: low / unit..high / unit,
            max_labels: multiples.clamp(0.0, 50.0) as usize + 1,
            scale: AxisScale::Linear {
                exponent,
                decimals: decimals as usize,
            },
        }
    }

    /// The coordinate of a value.
    pub(super) fn coordinate(&self, value: f64) -> f64 {
        match self.scale {
            AxisScale::Linear { exponent, .. } => value / 10f64.powi(exponent),
            AxisScale::Logarithmic => value.log10(),
        }
    }

    /// Where a value lies between the ends: 0 at the lowest, 1 at the highest.
    pub(super) fn fraction(&self, value: f64) -> f64 {
        (self.coordinate(value) - self.range.start) / (self.range.end - self.range.start)
    }

    /// The label at a coordinate.
    pub(super) fn label(&self, coordinate: f64) -> String {
        match self.scale {
            AxisScale::Linear {
                exponent: 0,
                decimals,
            } => fixed(coordinate, decimals),
            AxisScale::Linear { .. } if coordinate.abs() < 1e-9 => "0".to_owned(),
            AxisScale::Linear { exponent, decimals } => {
                let (number, unit) = (fixed(coordinate, decimals), power_of_ten(exponent));
                format!("{number}×{unit}")
            }
            AxisScale::Logarithmic if (-4.0..=4.0).contains(&coordinate) => {
                fixed(10f64.powf(coordinate), (-coordinate).max(0.0) as usize)
            }
            AxisScale::Logarithmic => power_of_ten(coordinate.round() as i32),
        }
    }

    /// The labels that plotters writes, each with its position as a fraction of the axis.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let length = self.range.end - self.range.start;
        let coordinates = RangedCoordf64::from(self.range.clone()).key_points(self.max_labels);
        let tick = |at: f64| ((at - self.range.start) / length, self.label(at));
        coordinates.into_iter().map(tick).collect()
    }

    /// The width of the widest label, in CSS pixels.
    pub(super) fn max_label_width(&self) -> f64 {
        max_width(self.ticks().into_iter().map(|(_, label)| label), SMALL)
    }
}

/// The lowest and the highest value; `None` if there are none.
pub(super) fn min_max(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    let ends = |(low, high): (f64, f64), (value, _)| (low.min(value), high.max(value));
    let values = values.into_iter().map(|value| (value, value));
    values.reduce(ends)
}

/// The next larger number of the form 1, 2 or 5 times a power of ten.
fn round_step(least: f64) -> f64 {
    let decade = 10f64.powf(least.log10().floor());
    let fits = |round: &f64| least / decade <= round * (1.0 + 1e-9);
    [1.0, 2.0, 5.0].into_iter().find(fits).unwrap_or(10.0) * decade
}

/// The step between about `target` labels at whole numbers.
fn integer_step(length: f64, target: usize) -> f64 {
    round_step(length / target as f64).max(1.0)
}

/// The same ends, moved apart if they are too close to divide by their difference.
fn moved_apart(low: f64, high: f64) -> (f64, f64) {
    let largest = low.abs().max(high.abs());
    if high - low > largest * 1e-9 && high - low > 1e-100 {
        (low, high)
    } else if largest < 1e-100 {
        (0.0, 1.0)
    } else {
        (low - 0.1 * largest, high + 0.1 * largest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<String> {
        axis.ticks().into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn a_round_axis_ends_at_ticks() {
        let axis = Axis::round(0.0, 0.83, 5);
        assert_eq!(labels(&axis), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(axis.range, 0.0..1.0);
        assert_eq!(axis.fraction(0.25), 0.25);
    }

    #[test]
    fn an_exact_axis_has_ticks_inside_only() {
        let axis = Axis::exact(-7.0, 13.0, 4);
        assert_eq!(labels(&axis), ["−5", "0", "5", "10"]);
        assert_eq!(axis.fraction(3.0), 0.5);
    }

    #[test]
    fn counts_have_whole_ticks() {
        assert_eq!(labels(&Axis::counts(0, 5)), ["0", "1"]);
        assert_eq!(labels(&Axis::counts(3, 5)), ["0", "1", "2", "3"]);
        assert_eq!(
            labels(&Axis::counts(6_000, 4)),
            ["0", "2,000", "4,000", "6,000"]
        );
    }

    #[test]
    fn epochs_start_at_one_and_are_whole() {
        assert_eq!(labels(&Axis::from_one(5, 8)), ["1", "2", "3", "4", "5"]);
        assert_eq!(
            labels(&Axis::from_one(12, 6)),
            ["2", "4", "6", "8", "10", "12"]
        );
        let single = Axis::from_one(1, 8);
        assert_eq!(labels(&single), ["1"]);
        assert_eq!(single.fraction(1.0), 0.5);
    }

    #[test]
    fn decades_are_evenly_spaced() {
        let axis = Axis::logarithmic(2e-4, 0.5);
        assert_eq!(labels(&axis), ["0.0001", "0.001", "0.01", "0.1", "1"]);
        assert!((axis.fraction(0.01) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn equal_ends_are_moved_apart() {
        let axis = Axis::round(3.0, 3.0, 5);
        assert!(axis.range.contains(&3.0));
        let axis = Axis::round(0.0, 0.0, 5);
        assert_eq!(axis.range, 0.0..1.0);
    }

    #[test]
    fn extreme_ranges_have_few_short_labels() {
        for (low, high) in [
            (0.0, 3e-7),
            (-1e99, 1e99),
            (1e15, 1e15 + 2.0),
            (1e-90, 2e-90),
        ] {
            let axis = Axis::round(low, high, 5);
            let labels = labels(&axis);
            assert!((2..=12).contains(&labels.len()), "{axis:?} {labels:?}");
            let longest = labels.iter().map(|label| label.chars().count()).max();
            assert!(longest < Some(22), "{labels:?}");
        }
        assert_eq!(
            labels(&Axis::round(0.0, 3e-7, 3)),
            ["0", "1×10⁻⁷", "2×10⁻⁷", "3×10⁻⁷"]
        );
    }
}

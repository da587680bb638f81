//! Scales with round tick values.

use super::numerals::{fixed, power_of_ten};

/// A value at which an axis has a grid line, with its label.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    pub(super) value: f64,
    pub(super) label: String,
}

/// A linear or logarithmic scale from `low` to `high`.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) ticks: Vec<Tick>,
    logarithmic: bool,
}

impl Axis {
    /// A linear axis whose ends are ticks around the values; about `target` ticks.
    pub(super) fn round(low: f64, high: f64, target: usize) -> Axis {
        let (low, high) = spread(low, high);
        let step = round_step((high - low) / target as f64);
        Axis::linear(
            step * (low / step + 1e-9).floor(),
            step * (high / step - 1e-9).ceil(),
            step,
        )
    }

    /// A linear axis that ends exactly at the given values; about `target` ticks in between.
    pub(super) fn exact(low: f64, high: f64, target: usize) -> Axis {
        let (low, high) = spread(low, high);
        Axis::linear(low, high, round_step((high - low) / target as f64))
    }

    /// An axis from 0 for counts, with ticks at whole numbers only.
    pub(super) fn counts(most: usize, target: usize) -> Axis {
        let high = most.max(1) as f64;
        let step = round_step(high / target as f64).max(1.0);
        Axis::linear(0.0, step * (high / step).ceil(), step)
    }

    /// The numbers 1 to `last`, with ticks at whole numbers only.
    pub(super) fn numbering(last: usize, target: usize) -> Axis {
        let last = last as f64;
        let step = round_step((last - 1.0).max(1.0) / target as f64).max(1.0);
        let mut axis = Axis::linear(1.0, last, step);
        if step > 1.0 {
            axis.ticks.insert(0, tick(1.0, 0));
        }
        if last <= 1.0 {
            (axis.low, axis.high) = (0.5, 1.5);
        }
        axis
    }

    /// The numbers 0 to `last`, at least 1, with ticks at whole numbers only.
    pub(super) fn whole_numbers(last: usize, target: usize) -> Axis {
        let last = last.max(1) as f64;
        Axis::linear(0.0, last, round_step(last / target as f64).max(1.0))
    }

    /// A logarithmic axis; both values are greater than 0.
    pub(super) fn logarithmic(low: f64, high: f64) -> Axis {
        let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
        let last = last.max(first + 1);
        let every = ((last - first) as usize).div_ceil(8);
        let mut ticks: Vec<Tick> = (first..=last)
            .step_by(every)
            .map(|exponent| Tick {
                value: 10f64.powi(exponent),
                label: if (-4..=4).contains(&exponent) {
                    fixed(10f64.powi(exponent), (-exponent).max(0) as usize)
                } else {
                    power_of_ten(exponent)
                },
            })
            .collect();
        if last - first == 1 {
            let decade = 10f64.powi(first);
            let decimals = (-first).max(0) as usize;
            for factor in [2.0, 5.0] {
                if (-4..=4).contains(&first) {
                    ticks.push(tick(factor * decade, decimals));
                }
            }
        }
        Axis {
            low: 10f64.powi(first),
            high: 10f64.powi(last),
            ticks,
            logarithmic: true,
        }
    }

    /// Where the value lies between the ends: 0 at `low`, 1 at `high`.
    pub(super) fn position(&self, value: f64) -> f64 {
        if self.logarithmic {
            (value / self.low).log10() / (self.high / self.low).log10()
        } else {
            (value - self.low) / (self.high - self.low)
        }
    }

    fn linear(low: f64, high: f64, step: f64) -> Axis {
        let decimals = (-(step.log10() + 1e-9).floor()).clamp(0.0, 12.0) as usize;
        let first = (low / step - 1e-6).ceil();
        let number = ((high / step + 1e-6).floor() - first).clamp(0.0, 50.0) as usize;
        let largest = low.abs().max(high.abs());
        let ticks = (0..=number).map(|index| {
            let value = step * (first + index as f64);
            if (1e-4..1e7).contains(&largest) {
                tick(value, decimals)
            } else {
                scaled_tick(value, step, largest)
            }
        });
        Axis {
            low,
            high,
            ticks: ticks.collect(),
            logarithmic: false,
        }
    }
}

fn tick(value: f64, decimals: usize) -> Tick {
    Tick {
        value,
        label: fixed(value, decimals),
    }
}

/// A label such as `2.5×10⁻⁵`, with the same power of ten on the whole axis.
fn scaled_tick(value: f64, step: f64, largest: f64) -> Tick {
    let exponent = largest.log10().floor() as i32;
    let unit = 10f64.powi(exponent);
    let decimals = (-(step / unit).log10().floor()).clamp(0.0, 12.0) as usize;
    let label = if value == 0.0 {
        "0".to_owned()
    } else {
        format!(
            "{}×{}",
            fixed(value / unit, decimals),
            power_of_ten(exponent)
        )
    };
    Tick { value, label }
}

/// The next larger number of the form 1, 2 or 5 times a power of ten.
fn round_step(least: f64) -> f64 {
    let decade = 10f64.powf(least.log10().floor());
    let factor = least / decade;
    let round = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|&round| factor <= round * (1.0 + 1e-9))
        .unwrap_or(10.0);
    round * decade
}

/// Ends that are far enough apart to divide by their difference.
fn spread(low: f64, high: f64) -> (f64, f64) {
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

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    #[test]
    fn a_round_axis_ends_at_ticks() {
        let axis = Axis::round(0.0, 0.83, 5);
        assert_eq!(labels(&axis), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!((axis.low, axis.high), (0.0, 1.0));
        assert_eq!(axis.position(0.25), 0.25);
    }

    #[test]
    fn an_exact_axis_has_ticks_inside_only() {
        let axis = Axis::exact(-7.0, 13.0, 4);
        assert_eq!(labels(&axis), ["−5", "0", "5", "10"]);
        assert_eq!(axis.position(3.0), 0.5);
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
        assert_eq!(labels(&Axis::numbering(5, 8)), ["1", "2", "3", "4", "5"]);
        assert_eq!(
            labels(&Axis::numbering(12, 6)),
            ["1", "2", "4", "6", "8", "10", "12"]
        );
        let single = Axis::numbering(1, 8);
        assert_eq!(labels(&single), ["1"]);
        assert_eq!(single.position(1.0), 0.5);
    }

    #[test]
    fn decades_are_evenly_spaced() {
        let axis = Axis::logarithmic(2e-4, 0.5);
        assert_eq!(labels(&axis), ["0.0001", "0.001", "0.01", "0.1", "1"]);
        assert!((axis.position(0.01) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn equal_ends_are_spread() {
        let axis = Axis::round(3.0, 3.0, 5);
        assert!(axis.low < 3.0 && axis.high > 3.0);
        let axis = Axis::round(0.0, 0.0, 5);
        assert_eq!((axis.low, axis.high), (0.0, 1.0));
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
            assert!((2..=12).contains(&axis.ticks.len()), "{axis:?}");
            assert!(
                axis.ticks
                    .iter()
                    .all(|tick| tick.label.chars().count() < 22),
                "{axis:?}"
            );
        }
        assert_eq!(
            labels(&Axis::round(0.0, 3e-7, 3)),
            ["0", "1×10⁻⁷", "2×10⁻⁷", "3×10⁻⁷"]
        );
    }
}

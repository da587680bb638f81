//! Learning-rate schedules.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// A learning-rate schedule; the settings' learning rate is its highest value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Schedule {
    /// The same learning rate at every step.
    None,
    /// Half a cosine from the learning rate to zero: η(t) = η (1 + cos(π t / T)) / 2
    /// (Loshchilov, Hutter, arXiv 1608.03983, equation 5, one period, minimum 0).
    Cosine,
    /// Up from η / 25 to η during the first 30 % of the steps, then down to η / 250,000, each along
    /// half a cosine, while the momentum (β₁ of Adam) goes from 0.95 to 0.85 and back (Smith,
    /// Topin, arXiv 1708.07120; the numbers are the defaults of PyTorch's `OneCycleLR`). A single
    /// step has the rate η; PyTorch's gives it the last rate of a cycle, with which it learns nothing.
    #[default]
    OneCycle,
}

/// The learning rate and the momentum of one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepRates {
    /// The learning rate.
    pub learning_rate: f64,
    /// SGD's momentum, Adam's β₁.
    pub momentum: f64,
}

impl Schedule {
    /// The rates of one step, counted from 0, of a training of `steps` steps in all.
    ///
    /// `highest` holds the settings' learning rate and momentum. A momentum of
    /// 0 stays 0.
    pub fn at(self, step: usize, steps: usize, highest: StepRates) -> StepRates {
        let fraction = step as f64 / steps.max(1) as f64;
        match self {
            Schedule::None => highest,
            Schedule::Cosine => StepRates {
                learning_rate: highest.learning_rate * (1.0 + (PI * fraction).cos()) / 2.0,
                ..highest
            },
            Schedule::OneCycle => one_cycle(step as f64, steps as f64, highest),
        }
    }
}

fn one_cycle(step: f64, steps: f64, highest: StepRates) -> StepRates {
    let start = highest.learning_rate / 25.0;
    let end = start / 10_000.0;
    let top = 0.3 * steps - 1.0;
    let (learning_rate, momentum) = if steps <= 1.0 {
        (highest.learning_rate, 0.85)
    } else if step <= top {
        let fraction = step / top;
        (
            half_cosine(start, highest.learning_rate, fraction),
            half_cosine(0.95, 0.85, fraction),
        )
    } else {
        let fraction = (step - top) / (steps - 1.0 - top);
        (
            half_cosine(highest.learning_rate, end, fraction),
            half_cosine(0.85, 0.95, fraction),
        )
    };
    let momentum = if highest.momentum > 0.0 {
        momentum
    } else {
        0.0
    };
    StepRates {
        learning_rate,
        momentum,
    }
}

/// From one value to another along half a cosine, for a fraction from 0 to 1.
fn half_cosine(from: f64, to: f64, fraction: f64) -> f64 {
    to + (from - to) / 2.0 * (1.0 + (PI * fraction).cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HIGHEST: StepRates = StepRates {
        learning_rate: 1.0,
        momentum: 0.9,
    };

    fn rates(schedule: Schedule, step: usize, steps: usize) -> (f64, f64) {
        let rates = schedule.at(step, steps, HIGHEST);
        (rates.learning_rate, rates.momentum)
    }

    fn assert_near(found: (f64, f64), expected: (f64, f64)) {
        assert!(
            (found.0 - expected.0).abs() < 1e-12,
            "{found:?} beside {expected:?}"
        );
        assert!(
            (found.1 - expected.1).abs() < 1e-12,
            "{found:?} beside {expected:?}"
        );
    }

    #[test]
    fn without_a_schedule_nothing_moves() {
        assert_near(rates(Schedule::None, 0, 10), (1.0, 0.9));
        assert_near(rates(Schedule::None, 9, 10), (1.0, 0.9));
    }

    #[test]
    fn a_cosine_falls_from_the_learning_rate_to_zero() {
        assert_near(rates(Schedule::Cosine, 0, 4), (1.0, 0.9));
        assert_near(
            rates(Schedule::Cosine, 1, 4),
            ((1.0 + 0.5f64.sqrt()) / 2.0, 0.9),
        );
        assert_near(rates(Schedule::Cosine, 2, 4), (0.5, 0.9));
    }

    #[test]
    fn one_cycle_rises_falls_and_moves_the_momentum_against_it() {
        // 0.3 · 10 − 1 = 2: the top is at step 2.
        assert_near(rates(Schedule::OneCycle, 0, 10), (1.0 / 25.0, 0.95));
        assert_near(
            rates(Schedule::OneCycle, 1, 10),
            ((1.0 / 25.0 + 1.0) / 2.0, 0.9),
        );
        assert_near(rates(Schedule::OneCycle, 2, 10), (1.0, 0.85));
        assert_near(rates(Schedule::OneCycle, 9, 10), (1.0 / 250_000.0, 0.95));
    }

    #[test]
    fn the_shortest_cycles_are_those_of_pytorch_and_a_single_step_learns() {
        // torch.optim.lr_scheduler.OneCycleLR(Adam([p], lr=1.0), max_lr=1.0, total_steps=2, 3 and 4), PyTorch 2.13.
        let expected: [&[(f64, f64)]; 3] = [
            &[
                (0.811_745_653_949_763, 0.868_825_509_907_063_3),
                (4e-6, 0.95),
            ],
            &[
                (0.994_415_435_450_911_7, 0.850_558_458_688_743_6),
                (0.462_637_102_666_975_05, 0.903_736_504_679_321_2),
                (4e-6, 0.95),
            ],
            &[
                (0.04, 0.95),
                (0.811_745_653_949_763, 0.868_825_509_907_063_3),
                (0.283_060_998_208_699_23, 0.921_694_186_955_877_9),
                (4e-6, 0.95),
            ],
        ];
        for cycle in expected {
            for (step, &expected) in cycle.iter().enumerate() {
                assert_near(rates(Schedule::OneCycle, step, cycle.len()), expected);
            }
        }
        assert_near(rates(Schedule::OneCycle, 0, 1), (1.0, 0.85));
    }

    #[test]
    fn even_the_shortest_training_has_finite_rates() {
        for schedule in [Schedule::None, Schedule::Cosine, Schedule::OneCycle] {
            for steps in 1..=12 {
                for step in 0..steps {
                    let (learning_rate, momentum) = rates(schedule, step, steps);
                    assert!(
                        (0.0..=1.0).contains(&learning_rate),
                        "{schedule:?} {step}/{steps}: {learning_rate}"
                    );
                    assert!(
                        (0.85..=0.95).contains(&momentum),
                        "{schedule:?} {step}/{steps}: {momentum}"
                    );
                }
            }
        }
    }

    #[test]
    fn without_momentum_one_cycle_adds_none() {
        let highest = StepRates {
            momentum: 0.0,
            ..HIGHEST
        };
        assert_eq!(Schedule::OneCycle.at(5, 10, highest).momentum, 0.0);
    }
}

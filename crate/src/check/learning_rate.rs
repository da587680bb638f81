//! Exercise of notebook 4: find a better learning rate than the one given.

use super::cases::{Case, message, mistake};
use super::report::Report;
use crate::language::{translate, translated};
use crate::train::{Run, Runs, TrainingSettings};

/// The best training with the given learning rate and the best with another one. The validation
/// accuracies are in percent, −∞ if there is no such training.
struct Comparison {
    given: f64,
    given_accuracy: f64,
    other: f64,
    other_accuracy: f64,
    /// Whether the trainings differ in nothing but the learning rate.
    is_fair: bool,
}

/// Of no training.
const NONE: f64 = f64::NEG_INFINITY;

const CASES: [Case<Comparison>; 3] = [
    Case {
        right: |it| it.given_accuracy != NONE && it.other_accuracy != NONE,
        passed: message!(
            "several learning rates were tried",
            "いくつかの学習率を試しました"
        ),
        mistakes: &[mistake!(
            |it| it.given_accuracy == NONE,
            "no training had the learning rate {}; leave it in the list, to compare with",
            "学習率 {} の訓練がありません。比べるために、リストに残しておきます",
            it.given
        )],
        otherwise: message!(
            |it| "all trainings had the learning rate {}; add another one to the list",
            "どの訓練も学習率が {} です。リストにほかの値を加えます",
            it.given
        ),
    },
    Case {
        right: |it| it.is_fair,
        passed: message!(
            "nothing else differs between the trainings",
            "ほかの設定はすべて同じです"
        ),
        mistakes: &[],
        otherwise: message!(
            "the trainings differ in more than the learning rate; change one thing at a time",
            "学習率のほかにも違う設定があります。変えるのは一度に 1 つだけです"
        ),
    },
    Case {
        right: |it| it.other_accuracy > it.given_accuracy,
        passed: message!(
            |it| "{0} reaches {1:.1} % on the validation images, {2} only {3:.1} %",
            "検証データの正解率は {0} で {1:.1} %、{2} では {3:.1} % でした",
            it.other,
            it.other_accuracy,
            it.given,
            it.given_accuracy
        ),
        mistakes: &[],
        otherwise: not_better,
    },
];

/// Checks that trainings were compared in which nothing but the learning rate differs, the one with the
/// `given` rate among them, and that one of the others has a higher validation accuracy.
pub fn learning_rate(runs: &Runs, given: f64) -> Report {
    let title = translated("a better learning rate", "もっと良い学習率");
    Report::of("learning_rate", title, |findings| {
        findings.check(&CASES, &Comparison::of(runs, given))
    })
}

impl Comparison {
    fn of(runs: &Runs, given: f64) -> Comparison {
        let has_given = |run: &Run| run.settings.learning_rate == given;
        let best = |with_given| match runs.best_of(|run| has_given(run) == with_given) {
            Some((run, accuracy)) => (run.settings.learning_rate, 100.0 * accuracy),
            None => (given, NONE),
        };
        let (given, given_accuracy) = best(true);
        let (other, other_accuracy) = best(false);
        let mut settings = runs.all().iter().map(|run| comparable(&run.settings));
        let first = settings.next();
        Comparison {
            given,
            given_accuracy,
            other,
            other_accuracy,
            is_fair: settings.all(|other| Some(other) == first),
        }
    }
}

/// The settings that must be the same.
fn comparable(settings: &TrainingSettings) -> TrainingSettings {
    TrainingSettings {
        learning_rate: 1.0,
        checkpoint: None,
        ..settings.clone()
    }
}

fn not_better(it: &Comparison) -> String {
    let (rate, percent) = (it.other, it.other_accuracy);
    let (given, before) = (it.given, it.given_accuracy);
    let advice = if rate < given {
        translated("Longer steps, perhaps?", "ステップをもっと長くしてみては?")
    } else {
        translated("Shorter steps, perhaps?", "ステップをもっと短くしてみては?")
    };
    translate!(
        "the best other one, {rate}, reaches {percent:.1} % on the validation images, and {given} reaches {before:.1} %. {advice}",
        "ほかの中でいちばん良い {rate} は検証データで {percent:.1} %、{given} は {before:.1} % です。{advice}"
    )
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_problems, assert_solved};
    use super::*;
    use crate::evaluate::Score;
    use crate::train::{EpochRecord, History};

    /// Learning rate, batch size and validation accuracy of each training.
    type Trainings = &'static [(f64, usize, f64)];

    fn runs(trainings: Trainings) -> Runs {
        let mut runs = Runs::new();
        for &(learning_rate, batch_size, accuracy) in trainings {
            let score = Score {
                loss: 1.0,
                accuracy,
            };
            let epoch = EpochRecord {
                epoch: 1,
                training: score,
                validation: Some(score),
                learning_rate,
                seconds: 1.0,
                images_per_second: 1.0,
            };
            let settings = TrainingSettings {
                learning_rate,
                batch_size,
                ..Default::default()
            };
            runs.add(
                &settings,
                &History {
                    epochs: vec![epoch],
                },
            );
        }
        runs
    }

    #[test]
    fn a_better_one_beside_the_given_is_right() {
        let trainings = runs(&[(1e-4, 100, 0.5), (1e-2, 100, 0.8)]);
        assert_solved(learning_rate(&trainings, 1e-4));
    }

    #[test]
    fn typical_mistakes_are_named() {
        let attempts: [(Trainings, &str); 6] = [
            (&[], "no training had the learning rate 0.0001"),
            (
                &[(1e-2, 100, 0.8)],
                "no training had the learning rate 0.0001",
            ),
            (
                &[(1e-4, 100, 0.5)],
                "all trainings had the learning rate 0.0001",
            ),
            (
                &[(1e-4, 100, 0.5), (1e-2, 50, 0.8)],
                "the trainings differ in more than the learning rate; change one thing at a time",
            ),
            (
                &[(1e-4, 100, 0.5), (1e-5, 100, 0.3)],
                "the best other one, 0.00001, reaches 30.0 % on the validation images, and 0.0001 \
                 reaches 50.0 %. Longer steps, perhaps?",
            ),
            (
                &[(1e-4, 100, 0.5), (10.0, 100, 0.1)],
                "the best other one, 10, reaches 10.0 % on the validation images, and 0.0001 \
                 reaches 50.0 %. Shorter steps, perhaps?",
            ),
        ];
        assert_problems(|trainings| learning_rate(&runs(trainings), 1e-4), &attempts);
    }
}

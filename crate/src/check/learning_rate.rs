//! Exercise of notebook 4: find a better learning rate than the one given.

use super::{Checked, Findings, Problem, Report, ensure};
use crate::language::{translate, translated};
use crate::train::{Runs, TrainingSettings};

/// Checks that trainings were compared in which nothing but the learning rate differs, the one with the
/// `given` rate among them, and that one of the others has a higher validation accuracy.
pub fn learning_rate(runs: &Runs, given: f64) -> Report {
    let exercise = translated("a better learning rate", "もっと良い学習率");
    Report::of(exercise, |findings| check(runs, given, findings))
}

fn check(runs: &Runs, given: f64, findings: &mut Findings) -> Checked {
    let (first, first_accuracy) = runs
        .best_of(|run| run.settings.learning_rate == given)
        .ok_or_else(|| {
            Problem(translate!(
                "no training had the learning rate {given}; leave it in the list, to compare with",
                "学習率 {given} の訓練がありません。比べるために、リストに残しておきます"
            ))
        })?;
    let (best, accuracy) = runs
        .best_of(|run| run.settings.learning_rate != given)
        .ok_or_else(|| {
            Problem(translate!(
                "all trainings had the learning rate {given}; add another one to the list",
                "どの訓練も学習率が {given} です。リストにほかの値を加えます"
            ))
        })?;
    findings.right(translated(
        "several learning rates were tried",
        "いくつかの学習率を試しました",
    ));
    for run in runs.all() {
        ensure(
            comparable(&run.settings) == comparable(&first.settings),
            || {
                translated(
                "the trainings differ in more than the learning rate; change one thing at a time",
                "学習率のほかにも違う設定があります。変えるのは一度に 1 つだけです",
            )
            .to_owned()
            },
        )?;
    }
    findings.right(translated(
        "nothing else differs between the trainings",
        "ほかの設定はすべて同じです",
    ));
    let (rate, percent, before) = (
        best.settings.learning_rate,
        100.0 * accuracy,
        100.0 * first_accuracy,
    );
    ensure(accuracy > first_accuracy, || {
        let way = match rate < given {
            true => translated("Longer steps, perhaps?", "ステップをもっと長くしてみては?"),
            false => translated("Shorter steps, perhaps?", "ステップをもっと短くしてみては?"),
        };
        translate!(
            "the best other one, {rate}, reaches {percent:.1} % on the validation images, and {given} reaches {before:.1} %. {way}",
            "ほかの中でいちばん良い {rate} は検証データで {percent:.1} %、{given} は {before:.1} % です。{way}"
        )
    })?;
    findings.right(translate!(
        "{rate} reaches {percent:.1} % on the validation images, {given} only {before:.1} %",
        "検証データの正解率は {rate} で {percent:.1} %、{given} では {before:.1} % でした"
    ));
    Ok(())
}

/// What must be the same.
fn comparable(settings: &TrainingSettings) -> TrainingSettings {
    TrainingSettings {
        learning_rate: 1.0,
        checkpoint: None,
        ..settings.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::Score;
    use crate::train::{EpochRecord, History};

    fn runs(of: &[(f64, usize, f64)]) -> Runs {
        let mut runs = Runs::new();
        for &(learning_rate, batch_size, accuracy) in of {
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

    fn problem(of: &[(f64, usize, f64)]) -> String {
        let report = learning_rate(&runs(of), 1e-4);
        report.problem().unwrap_or("none").to_owned()
    }

    #[test]
    fn a_better_one_beside_the_given_is_right() {
        let report = learning_rate(&runs(&[(1e-4, 100, 0.5), (1e-2, 100, 0.8)]), 1e-4);
        assert!(report.is_solved(), "{report:?}");
    }

    #[test]
    fn what_is_missing_is_named() {
        assert!(problem(&[]).starts_with("no training had the learning rate 0.0001"));
        assert!(problem(&[(1e-2, 100, 0.8)]).starts_with("no training had the learning rate"));
        assert!(problem(&[(1e-4, 100, 0.5)]).starts_with("all trainings had the learning rate"));
        let two_things = problem(&[(1e-4, 100, 0.5), (1e-2, 50, 0.8)]);
        assert!(
            two_things.contains("change one thing at a time"),
            "{two_things}"
        );
    }

    #[test]
    fn a_worse_one_gets_a_direction() {
        let longer = problem(&[(1e-4, 100, 0.5), (1e-5, 100, 0.3)]);
        assert!(longer.ends_with("Longer steps, perhaps?"), "{longer}");
        let shorter = problem(&[(1e-4, 100, 0.5), (10.0, 100, 0.1)]);
        assert!(shorter.ends_with("Shorter steps, perhaps?"), "{shorter}");
    }
}

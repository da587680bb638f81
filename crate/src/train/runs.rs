//! Comparing trainings: their settings and their results.

use serde::{Deserialize, Serialize};

use super::history::History;
use super::settings::TrainingSettings;

/// A finished training: its settings and its history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The hyperparameters.
    pub settings: TrainingSettings,
    /// Loss and accuracy of each epoch.
    pub history: History,
}

impl Run {
    /// The validation accuracy after the last epoch, 0 to 1; `None` without validation.
    pub fn validation_accuracy(&self) -> Option<f64> {
        Some(self.history.last()?.validation?.accuracy)
    }
}

/// Trainings to compare. Each is named by the settings in which it differs.
///
/// ```
/// use gasshuku::prelude::*;
/// let mut runs = Runs::new();
/// for learning_rate in [1e-3, 1e-2] {
///     let settings = TrainingSettings { learning_rate, ..Default::default() };
///     let history = History::default(); // train(&model, &training_set, &settings)?
///     runs.add(&settings, &history);
/// }
/// assert_eq!(runs.names(), ["learning_rate 0.001", "learning_rate 0.01"]);
/// ```
///
/// A notebook shows a picture of the validation accuracies, and a table of the settings that differ, the
/// highest validation accuracy first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Runs {
    runs: Vec<Run>,
}

impl Runs {
    /// No training yet.
    pub fn new() -> Runs {
        Runs::default()
    }

    /// Adds a training.
    pub fn add(&mut self, settings: &TrainingSettings, history: &History) {
        self.runs.push(Run {
            settings: settings.clone(),
            history: history.clone(),
        });
    }

    /// The trainings in the order in which they were added.
    pub fn all(&self) -> &[Run] {
        &self.runs
    }

    /// The training with the highest validation accuracy; `None` before one with validation images.
    pub fn best(&self) -> Option<&Run> {
        self.best_of(|_| true).map(|(run, _)| run)
    }

    /// The same among some of the trainings, with that accuracy.
    pub(crate) fn best_of(&self, is_one: impl Fn(&Run) -> bool) -> Option<(&Run, f64)> {
        let some = self.runs.iter().filter(|run| is_one(run));
        let rated = some.filter_map(|run| Some((run, run.validation_accuracy()?)));
        rated.max_by(|(_, one), (_, other)| one.total_cmp(other))
    }

    /// The settings in which the trainings differ: the name of each with its value in every training.
    pub fn differences(&self) -> Vec<(&'static str, Vec<String>)> {
        let all: Vec<_> = self.runs.iter().map(|run| run.settings.named()).collect();
        let Some(first) = all.first() else {
            return Vec::new();
        };
        (0..first.len())
            .map(|index| {
                let values = all.iter().map(|named| named[index].1.clone()).collect();
                (first[index].0, values)
            })
            // The path of the checkpoint does not change a training.
            .filter(|(name, values): &(_, Vec<String>)| {
                *name != "checkpoint" && values.iter().any(|value| *value != values[0])
            })
            .collect()
    }

    /// The name of each training: the settings in which it differs from others, or its number if there are
    /// none. Trainings with the same settings get their number, too.
    pub fn names(&self) -> Vec<String> {
        let differences = self.differences();
        let name = |run: usize| -> String {
            let parts: Vec<String> = differences
                .iter()
                .map(|(setting, values)| format!("{setting} {}", values[run]))
                .collect();
            parts.join(", ")
        };
        let names: Vec<String> = (0..self.runs.len()).map(name).collect();
        let is_alone = |name: &String| names.iter().filter(|other| *other == name).count() == 1;
        (names.iter().enumerate())
            .map(|(index, name)| match (name.is_empty(), is_alone(name)) {
                (true, _) => format!("run {}", index + 1),
                (false, true) => name.clone(),
                (false, false) => format!("{name} (run {})", index + 1),
            })
            .collect()
    }

    /// The numbers of the trainings, the highest validation accuracy first.
    pub(crate) fn ranking(&self) -> Vec<usize> {
        let mut ranking: Vec<usize> = (0..self.runs.len()).collect();
        let accuracy = |&run: &usize| self.runs[run].validation_accuracy().unwrap_or(-1.0);
        ranking.sort_by(|one, other| accuracy(other).total_cmp(&accuracy(one)));
        ranking
    }
}

#[cfg(test)]
mod tests {
    use super::super::history::EpochRecord;
    use super::*;
    use crate::evaluate::Score;
    use crate::train::Optimizer;

    fn history(accuracy: Option<f64>) -> History {
        let score = |accuracy| Score {
            loss: 0.5,
            accuracy,
        };
        History {
            epochs: vec![EpochRecord {
                epoch: 1,
                training: score(0.5),
                validation: accuracy.map(score),
                learning_rate: 1e-3,
                seconds: 1.0,
                images_per_second: 1.0,
            }],
        }
    }

    fn runs(of: &[(TrainingSettings, Option<f64>)]) -> Runs {
        let mut runs = Runs::new();
        for (settings, accuracy) in of {
            runs.add(settings, &history(*accuracy));
        }
        runs
    }

    fn with_rate(learning_rate: f64) -> TrainingSettings {
        TrainingSettings {
            learning_rate,
            ..Default::default()
        }
    }

    #[test]
    fn trainings_are_named_by_what_differs() {
        let saved = TrainingSettings {
            optimizer: Optimizer::Sgd,
            checkpoint: Some("somewhere".into()),
            ..with_rate(0.1)
        };
        let runs = runs(&[
            (with_rate(1e-3), None),
            (saved.clone(), None),
            (saved, None),
        ]);
        assert_eq!(
            runs.names(),
            [
                "learning_rate 0.001, optimizer Adam",
                "learning_rate 0.1, optimizer Sgd (run 2)",
                "learning_rate 0.1, optimizer Sgd (run 3)",
            ]
        );
    }

    #[test]
    fn the_same_training_again_has_a_number() {
        let same = with_rate(0.1);
        assert_eq!(
            runs(&[(same.clone(), None), (same, None)]).names(),
            ["run 1", "run 2"]
        );
        assert!(Runs::new().names().is_empty() && Runs::new().differences().is_empty());
    }

    #[test]
    fn the_best_is_that_of_the_highest_validation_accuracy() {
        let runs = runs(&[
            (with_rate(1.0), Some(0.3)),
            (with_rate(2.0), None),
            (with_rate(3.0), Some(0.8)),
        ]);
        assert_eq!(runs.best().unwrap().settings.learning_rate, 3.0);
        assert_eq!(runs.ranking(), [2, 0, 1]);
        assert!(Runs::new().best().is_none());
    }
}

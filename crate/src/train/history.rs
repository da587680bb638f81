//! The history of a training: loss and accuracy of each epoch.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::evaluate::Score;
use crate::language::{Language, translate};
use crate::text::{pad_start, with_commas};

/// One epoch: every training image seen once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// On the training images, measured during the epoch, while the weights changed.
    pub training: Score,
    /// On the validation images, after the epoch; `None` without validation.
    pub validation: Option<Score>,
    /// The learning rate of the epoch's last step.
    pub learning_rate: f64,
    /// Training time in seconds, without the validation.
    pub seconds: f64,
    /// Training images per second.
    pub images_per_second: f64,
}

/// All epochs of a training. A notebook shows it as curves of loss and accuracy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// The epochs, in order.
    pub epochs: Vec<EpochRecord>,
}

impl History {
    /// The last epoch; `None` before the first.
    pub fn last(&self) -> Option<&EpochRecord> {
        self.epochs.last()
    }

    /// The points of a curve: the number of each epoch, from 1, and the mean training loss in it.
    pub fn training_losses(&self) -> Vec<(f64, f64)> {
        self.points(|epoch| Some(epoch.training.loss))
    }

    /// The number of each epoch, and the accuracy in [0, 1] on the images it trained with.
    pub fn training_accuracies(&self) -> Vec<(f64, f64)> {
        self.points(|epoch| Some(epoch.training.accuracy))
    }

    /// The number of each epoch that was validated, and its validation loss.
    pub fn validation_losses(&self) -> Vec<(f64, f64)> {
        self.points(|epoch| Some(epoch.validation?.loss))
    }

    /// The number of each epoch that was validated, and its validation accuracy in [0, 1].
    pub fn validation_accuracies(&self) -> Vec<(f64, f64)> {
        self.points(|epoch| Some(epoch.validation?.accuracy))
    }

    fn points(&self, value: fn(&EpochRecord) -> Option<f64>) -> Vec<(f64, f64)> {
        let point = |epoch: &EpochRecord| Some((epoch.epoch as f64, value(epoch)?));
        self.epochs.iter().filter_map(point).collect()
    }

    /// Training time in seconds.
    pub fn seconds(&self) -> f64 {
        self.epochs.iter().map(|epoch| epoch.seconds).sum()
    }
}

/// The heading above the lines of [`EpochRecord::line`] in English.
const HEADING: &str =
    "epoch   training loss  accuracy   validation loss  accuracy      time   images/s";

/// The heading above the lines of [`EpochRecord::line`].
pub(crate) fn heading() -> String {
    match Language::current() {
        Language::English => HEADING.to_owned(),
        Language::Japanese => [
            ("エポック", first_width()),
            ("訓練損失", 16),
            ("正解率", 10),
            ("検証損失", 18),
            ("正解率", 10),
            ("時間", 10),
            ("枚/秒", 11),
        ]
        .map(|(name, width)| pad_start(name, width))
        .concat(),
    }
}

/// The columns of the first heading.
fn first_width() -> usize {
    match Language::current() {
        Language::English => 5,
        Language::Japanese => 8,
    }
}

impl EpochRecord {
    /// The record below the columns of [`heading`].
    pub(crate) fn line(&self, epochs: usize) -> String {
        let validation = match &self.validation {
            Some(validation) => columns(validation, 18),
            None => format!("{:>18}{:>10}", "–", "–"),
        };
        format!(
            "{}{validation}{} {:>10}",
            first_columns(self.epoch, epochs, &self.training),
            pad_start(&translate!("{:.1} s", "{:.1} 秒", self.seconds), 10),
            with_commas(self.images_per_second as usize),
        )
    }
}

/// The number of an epoch and its training score, below the first columns of [`heading`].
pub(crate) fn first_columns(epoch: usize, epochs: usize, training: &Score) -> String {
    pad_start(&format!("{epoch}/{epochs}"), first_width()) + &columns(training, 16)
}

fn columns(score: &Score, width: usize) -> String {
    format!(
        "{:>width$}{:>8.2} %",
        number(score.loss),
        100.0 * score.accuracy
    )
}

/// A loss with four decimals, or a large one with a power of ten, so that columns hold any.
pub(crate) fn number(loss: f64) -> String {
    match loss.abs() {
        0.0..1e6 => format!("{loss:.4}"),
        _ => format!("{loss:.3e}"),
    }
}

impl fmt::Display for Score {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&translate!(
            "loss {:.4} accuracy {:5.2} %",
            "損失 {:.4} 正解率 {:5.2} %",
            self.loss,
            100.0 * self.accuracy
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::Score;
    use crate::language::with_language;

    #[test]
    fn a_record_stands_below_its_heading() {
        let mut record = EpochRecord {
            epoch: 3,
            training: Score {
                loss: 0.51234,
                accuracy: 0.8121,
            },
            validation: Some(Score {
                loss: 0.5,
                accuracy: 1.0,
            }),
            learning_rate: 1e-3,
            seconds: 2.54,
            images_per_second: 21234.4,
        };
        assert_eq!(
            format!("{HEADING}\n{}", record.line(5)),
            "epoch   training loss  accuracy   validation loss  accuracy      time   images/s\n  \
               3/5          0.5123   81.21 %            0.5000  100.00 %     2.5 s     21,234"
        );
        record.validation = None;
        assert_eq!(
            record.line(12),
            " 3/12          0.5123   81.21 %                 –         –     2.5 s     21,234"
        );
    }

    #[test]
    fn curves_are_points() {
        let epoch = |epoch, loss, validation: Option<f64>| EpochRecord {
            epoch,
            training: Score {
                loss,
                accuracy: 0.5,
            },
            validation: validation.map(|accuracy| Score {
                loss: 2.0,
                accuracy,
            }),
            learning_rate: 1e-3,
            seconds: 1.0,
            images_per_second: 1.0,
        };
        let history = History {
            epochs: vec![epoch(1, 0.75, None), epoch(2, 0.25, Some(0.9))],
        };
        assert_eq!(history.training_losses(), [(1.0, 0.75), (2.0, 0.25)]);
        assert_eq!(history.training_accuracies(), [(1.0, 0.5), (2.0, 0.5)]);
        assert_eq!(history.validation_losses(), [(2.0, 2.0)]);
        assert_eq!(history.validation_accuracies(), [(2.0, 0.9)]);
    }

    #[test]
    fn the_japanese_log_stands_in_columns() {
        let score = Score {
            loss: 0.51234,
            accuracy: 0.8121,
        };
        let mut record = EpochRecord {
            epoch: 12,
            training: score,
            validation: Some(score),
            learning_rate: 1e-3,
            seconds: 2.54,
            images_per_second: 21234.4,
        };
        with_language(Language::Japanese, || {
            assert_eq!(
                format!("{}\n{}", heading(), record.line(12)),
                "エポック        訓練損失    正解率          検証損失    正解率      時間      枚/秒\n   \
                    12/12          0.5123   81.21 %            0.5123   81.21 %    2.5 秒     21,234"
            );
            let width = crate::text::display_width(&heading());
            assert_eq!(crate::text::display_width(&record.line(12)), width);
            record.validation = None;
            assert_eq!(crate::text::display_width(&record.line(12)), width);
            assert_eq!(score.to_string(), "損失 0.5123 正解率 81.21 %");
        });
    }

    #[test]
    fn columns_hold_any_number() {
        let width = |loss| {
            columns(
                &Score {
                    loss,
                    accuracy: 0.1,
                },
                16,
            )
            .len()
        };
        for loss in [0.0, 999_999.4, 1.234e12, f64::MAX, f64::INFINITY, f64::NAN] {
            assert_eq!(width(loss), 26, "{loss}");
        }
        assert_eq!(number(1.234e12), "1.234e12");
    }
}

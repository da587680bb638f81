//! What happened during training, epoch by epoch.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Mean loss and share of right answers over some images.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Mean cross-entropy in nats; ln(classes) is guessing.
    pub loss: f64,
    /// Share of right answers, 0 to 1.
    pub accuracy: f64,
}

/// One epoch: every training image seen once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// On the training images, measured while the weights were changing.
    pub training: Score,
    /// On the images held back, after the epoch; `None` if none were.
    pub validation: Option<Score>,
    /// The learning rate of the epoch's last step.
    pub learning_rate: f64,
    /// Training time in seconds, without the validation.
    pub seconds: f64,
    /// Training images per second.
    pub images_per_second: f64,
}

/// All epochs of a training. Shows itself as curves of loss and accuracy.
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

    /// Training time in seconds.
    pub fn seconds(&self) -> f64 {
        self.epochs.iter().map(|epoch| epoch.seconds).sum()
    }
}

impl fmt::Display for EpochRecord {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "training {}", self.training)?;
        if let Some(validation) = &self.validation {
            write!(formatter, "   validation {validation}")?;
        }
        write!(
            formatter,
            "   {:.1} s   {:.0} images/s",
            self.seconds, self.images_per_second
        )
    }
}

impl fmt::Display for Score {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "loss {:.4} accuracy {:5.2} %",
            self.loss,
            100.0 * self.accuracy
        )
    }
}

/// A duration as one says it: `8 s`, `2 min 05 s`, `1 h 07 min`.
pub(crate) fn spoken(duration: Duration) -> String {
    let seconds = duration.as_secs_f64().round() as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_as_one_line() {
        let record = EpochRecord {
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
            record.to_string(),
            "training loss 0.5123 accuracy 81.21 %   validation loss 0.5000 accuracy 100.00 %   2.5 s   21234 images/s"
        );
    }

    #[test]
    fn durations_are_spoken() {
        let said = |seconds| spoken(Duration::from_secs_f64(seconds));
        assert_eq!(
            [said(0.4), said(59.4), said(125.0), said(4020.0)],
            ["0 s", "59 s", "2 min 05 s", "1 h 07 min"]
        );
    }
}

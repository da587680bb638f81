//! Callbacks, which are called with the progress of a training and may stop it. Their methods are named as
//! Keras's.

use std::fmt;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use tch::Tensor;

use super::history::{EpochRecord, first_columns, heading, number};
use super::meter::Meter;
use super::settings::TrainingSettings;
use crate::error::Result;
use crate::language::{translate, translated};
use crate::notebook::interrupt::stop_requested;
use crate::notebook::progress::LINE_INTERVAL;
use crate::text::{format_duration, with_commas};

/// What a training calls at the end of each batch and each epoch.
pub(super) trait Callback {
    /// After each step, when the model has its new weights. A break stops the training.
    fn on_batch_end(&mut self, progress: &EpochProgress) -> Result<ControlFlow<()>>;

    /// The training was stopped before the end of its last epoch.
    fn on_stop(&mut self, at: &StoppedAt);

    /// After the validation, with the logits `[N, classes]` of the validation images.
    fn on_validation_end(&mut self, _logits: &Tensor) {}

    /// After each epoch, with an estimate of the time that the other epochs will take.
    fn on_epoch_end(&mut self, record: &EpochRecord, epochs: usize, remaining: Duration);

    /// At the end of the training, also after a failure.
    fn on_train_end(&mut self, _settings: &TrainingSettings) {}
}

/// What [`Callback::on_batch_end`] returns.
pub(super) fn stop_if(stop_requested: bool) -> ControlFlow<()> {
    match stop_requested {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    }
}

/// The progress of an epoch.
pub(super) struct EpochProgress<'a> {
    /// The epoch, counted from 1.
    pub(super) epoch: usize,
    /// The number of epochs of the training.
    pub(super) epochs: usize,
    /// When the epoch began.
    pub(super) start: Instant,
    /// The number of training images.
    pub(super) images: usize,
    pub(super) meter: &'a Meter,
}

impl EpochProgress<'_> {
    /// The fraction of the training images that were seen, above 0, up to 1.
    pub(super) fn fraction(&self) -> f64 {
        self.meter.images() as f64 / self.images as f64
    }
}

/// Where a training was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StoppedAt {
    /// The epoch, counted from 1.
    pub(super) epoch: usize,
    /// The number of epochs of the training.
    pub(super) epochs: usize,
    /// How many training images were seen in that epoch.
    pub(super) seen: usize,
    /// The number of training images.
    pub(super) images: usize,
}

impl fmt::Display for StoppedAt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StoppedAt { epoch, epochs, .. } = self;
        formatter.write_str(&translate!(
            "stopped in epoch {epoch} of {epochs}, after {} of {} images; the model keeps what it has learned, \
             and training it again goes on from there",
            "エポック {epoch}/{epochs} で停止しました ({} / {} 枚まで終了)。モデルはここまでに学んだことを保っていて、\
             もう一度訓練すると、そこから続けます",
            with_commas(self.seen),
            with_commas(self.images)
        ))
    }
}

/// Prints a line for each epoch, and more lines within epochs that take long. Stops the training at ■.
pub(super) struct TrainingLog {
    /// The loss of a network that guesses.
    guessing: f64,
    /// The highest mean loss of an epoch.
    highest: f64,
    /// The epoch of the last line within an epoch, and the time since the epoch's start.
    last_line: Option<(usize, Duration)>,
}

impl TrainingLog {
    /// Prints the announcement and the heading of the log. `guessing` is the loss of a network that guesses.
    pub(super) fn begin(announcement: &str, guessing: f64) -> TrainingLog {
        println!("{announcement}\n{}", log_heading());
        TrainingLog {
            guessing,
            highest: 0.0,
            last_line: None,
        }
    }
}

impl Callback for TrainingLog {
    fn on_batch_end(&mut self, progress: &EpochProgress) -> Result<ControlFlow<()>> {
        let elapsed = progress.start.elapsed();
        let next_line = match self.last_line {
            Some((epoch, at)) if epoch == progress.epoch => at + LINE_INTERVAL,
            _ => LINE_INTERVAL,
        };
        if elapsed >= next_line {
            println!("{}", within_epoch(progress, elapsed)?);
            self.last_line = Some((progress.epoch, elapsed));
        }
        Ok(stop_if(stop_requested()))
    }

    fn on_stop(&mut self, at: &StoppedAt) {
        println!("{at}");
    }

    fn on_epoch_end(&mut self, record: &EpochRecord, epochs: usize, remaining: Duration) {
        println!("{}", log_line(record, epochs, remaining));
        self.highest = self.highest.max(record.training.loss);
    }

    fn on_train_end(&mut self, settings: &TrainingSettings) {
        if is_explosion(self.highest, self.guessing) {
            println!(
                "{}",
                explosion_advice(self.highest, self.guessing, settings)
            );
        }
    }
}

/// Whether a loss has grown above ten times that of guessing.
pub(super) fn is_explosion(loss: f64, guessing: f64) -> bool {
    loss > 10.0 * guessing
}

/// What to change after a loss has exploded.
pub(super) fn explosion_advice(loss: f64, guessing: f64, settings: &TrainingSettings) -> String {
    let (loss, rate) = (number(loss), settings.learning_rate);
    let smaller = rate / 10.0;
    // Small rates are written as 2e-3, larger ones as 0.2.
    let written = |rate: f64| match rate >= 0.1 {
        true => format!("{rate}"),
        false => format!("{rate:e}"),
    };
    let (rate, smaller) = (written(rate), written(smaller));
    translate!(
        "the loss exploded to {loss}, where guessing has {guessing:.2}: the steps are too long. Make a new \
         model, and try learning_rate: {smaller} instead of {rate}",
        "損失が {loss} まで爆発しました (当てずっぽうなら {guessing:.2})。ステップが長すぎます。モデルを作り直して、\
         learning_rate: {rate} の代わりに {smaller} を試してください"
    )
}

/// The heading above the lines of [`log_line`].
pub(super) fn log_heading() -> String {
    format!("{}   {}", heading(), translated("time left", "残り時間"))
}

/// The line of one epoch, and the estimated time of the others.
pub(super) fn log_line(record: &EpochRecord, epochs: usize, remaining: Duration) -> String {
    format!("{}   {}", record.line(epochs), format_duration(remaining))
}

fn within_epoch(progress: &EpochProgress, elapsed: Duration) -> Result<String> {
    let fraction = progress.fraction();
    let remaining = elapsed.mul_f64((1.0 - fraction) / fraction);
    Ok(translate!(
        "{}   {:.0} % of the epoch, {} left in it",
        "{}   エポックの {:.0} %、残り {}",
        first_columns(progress.epoch, progress.epochs, &progress.meter.score()?),
        100.0 * fraction,
        format_duration(remaining)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_above_ten_times_guessing_is_an_explosion() {
        let guessing = 10f64.ln();
        assert!(!is_explosion(22.9, guessing) && is_explosion(23.1, guessing));
        assert!(is_explosion(1e12, guessing) && is_explosion(f64::INFINITY, guessing));
        // NaN is an error, `Error::Diverged`.
        assert!(!is_explosion(f64::NAN, guessing));
    }

    #[test]
    fn the_advice_is_a_tenth_of_the_learning_rate() {
        let settings = TrainingSettings {
            learning_rate: 2.0,
            ..Default::default()
        };
        let advice = explosion_advice(1.234e12, 10f64.ln(), &settings);
        assert_eq!(
            advice,
            "the loss exploded to 1.234e12, where guessing has 2.30: the steps are too long. Make a new \
             model, and try learning_rate: 0.2 instead of 2"
        );
    }
}

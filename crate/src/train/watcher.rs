//! Who hears how a training goes, and may end it.

use std::fmt;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use tch::Tensor;

use super::Meter;
use super::history::{EpochRecord, first_columns, heading, number};
use super::settings::TrainingSettings;
use crate::error::Result;
use crate::language::{translate, translated};
use crate::notebook::interrupt::is_to_stop;
use crate::notebook::progress::LINE_EVERY;
use crate::text::{format_duration, with_commas};

/// Hears of every batch and every epoch.
pub(super) trait Watcher {
    /// After each batch, whose weights are in the model already. A break ends the training.
    fn batch(&mut self, so_far: &EpochSoFar) -> Result<ControlFlow<()>>;

    /// The training has ended before its last epoch did.
    fn stopped(&mut self, at: &StoppedAt);

    /// After the validation: the logits `[N, classes]` of the images held back.
    fn validated(&mut self, _logits: &Tensor) {}

    /// After each epoch, and how long the others will take.
    fn epoch(&mut self, record: &EpochRecord, epochs: usize, left: Duration);

    /// The training is over, by whatever way.
    fn ends(&mut self, _settings: &TrainingSettings) {}
}

/// What a watcher answers after a batch.
pub(super) fn break_if(is_to_stop: bool) -> ControlFlow<()> {
    match is_to_stop {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    }
}

/// Where an epoch stands.
pub(super) struct EpochSoFar<'a> {
    /// The epoch, counted from 1, of so many.
    pub(super) epoch: usize,
    pub(super) epochs: usize,
    /// When it began.
    pub(super) start: Instant,
    /// Of all training images.
    pub(super) images: usize,
    pub(super) meter: &'a Meter,
}

impl EpochSoFar<'_> {
    /// The share of the training images that were seen, above 0, up to 1.
    pub(super) fn share(&self) -> f64 {
        self.meter.images() as f64 / self.images as f64
    }
}

/// Where a training has ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StoppedAt {
    /// The epoch, counted from 1, of so many.
    pub(super) epoch: usize,
    pub(super) epochs: usize,
    /// How many training images were seen in it, of so many.
    pub(super) seen: usize,
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

/// Prints a line for each epoch, and some within epochs that take long. Ends the training at ■.
pub(super) struct Log {
    guessing: f64,
    /// The highest mean loss of an epoch.
    highest: f64,
    /// The epoch that the last line within an epoch was about, and when it came.
    last_line: Option<(usize, Duration)>,
}

impl Log {
    /// Prints what is going to be done, in a sentence. `guessing` is the loss of a network that guesses.
    pub(super) fn begin(announcement: &str, guessing: f64) -> Log {
        println!("{announcement}\n{}", log_heading());
        Log {
            guessing,
            highest: 0.0,
            last_line: None,
        }
    }
}

impl Watcher for Log {
    fn batch(&mut self, so_far: &EpochSoFar) -> Result<ControlFlow<()>> {
        let elapsed = so_far.start.elapsed();
        let next_line = match self.last_line {
            Some((epoch, at)) if epoch == so_far.epoch => at + LINE_EVERY,
            _ => LINE_EVERY,
        };
        if elapsed >= next_line {
            println!("{}", within_epoch(so_far, elapsed)?);
            self.last_line = Some((so_far.epoch, elapsed));
        }
        Ok(break_if(is_to_stop()))
    }

    fn stopped(&mut self, at: &StoppedAt) {
        println!("{at}");
    }

    fn epoch(&mut self, record: &EpochRecord, epochs: usize, left: Duration) {
        println!("{}", log_line(record, epochs, left));
        self.highest = self.highest.max(record.training.loss);
    }

    fn ends(&mut self, settings: &TrainingSettings) {
        if is_explosion(self.highest, self.guessing) {
            println!(
                "{}",
                explosion_advice(self.highest, self.guessing, settings)
            );
        }
    }
}

/// Whether a loss is a number, but no training: ten times that of guessing.
pub(super) fn is_explosion(loss: f64, guessing: f64) -> bool {
    loss > 10.0 * guessing
}

/// What to change after a loss has exploded.
pub(super) fn explosion_advice(loss: f64, guessing: f64, settings: &TrainingSettings) -> String {
    let (loss, rate) = (number(loss), settings.learning_rate);
    let smaller = rate / 10.0;
    // 2e-3 below, 0.2 above, as one writes them.
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

/// One epoch, and how long the others will take.
pub(super) fn log_line(record: &EpochRecord, epochs: usize, left: Duration) -> String {
    format!("{}   {}", record.line(epochs), format_duration(left))
}

fn within_epoch(so_far: &EpochSoFar, elapsed: Duration) -> Result<String> {
    let share = so_far.share();
    let left = elapsed.mul_f64((1.0 - share) / share);
    Ok(translate!(
        "{}   {:.0} % of the epoch, {} left in it",
        "{}   エポックの {:.0} %、残り {}",
        first_columns(so_far.epoch, so_far.epochs, &so_far.meter.score()?),
        100.0 * share,
        format_duration(left)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_times_the_loss_of_guessing_is_no_training() {
        let guessing = 10f64.ln();
        assert!(!is_explosion(22.9, guessing) && is_explosion(23.1, guessing));
        assert!(is_explosion(1e12, guessing) && is_explosion(f64::INFINITY, guessing));
        // What is no number is an error: `Error::Diverged`.
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

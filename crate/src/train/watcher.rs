//! Who hears how a training goes, and may end it.

use std::fmt;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use tch::Tensor;

use super::Meter;
use super::history::{EpochRecord, first_columns, heading, spoken};
use crate::error::Result;
use crate::language::{said, say};
use crate::notebook::interrupt::is_to_stop;
use crate::text::with_commas;

/// A line comes this often in an epoch that takes longer.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Hears of every batch and every epoch.
pub(super) trait Watcher {
    /// Before the first step: what is going to be done, in a sentence.
    fn begins(&mut self, announcement: &str);

    /// After each batch, whose weights are in the model already. A break ends the training.
    fn batch(&mut self, so_far: &EpochSoFar) -> Result<ControlFlow<()>>;

    /// The training has ended before its last epoch did.
    fn stopped(&mut self, at: &StoppedAt);

    /// After the validation: the logits `[N, classes]` of the images held back.
    fn validated(&mut self, logits: &Tensor);

    /// After each epoch, and how long the others will take.
    fn epoch(&mut self, record: &EpochRecord, epochs: usize, left: Duration);
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
        formatter.write_str(&said!(
            "stopped in epoch {epoch} of {epochs}, after {} of {} images; the model keeps what it has learned",
            "エポック {epoch}/{epochs} で停止しました ({} / {} 枚まで終了)。モデルはここまでに学んだことを保っています",
            with_commas(self.seen),
            with_commas(self.images)
        ))
    }
}

/// Prints a line for each epoch, and some within epochs that take long. Ends the training at ■.
#[derive(Default)]
pub(super) struct Log {
    /// The epoch that the last line within an epoch was about, and when it came.
    last_line: Option<(usize, Duration)>,
}

impl Watcher for Log {
    fn begins(&mut self, announcement: &str) {
        println!("{announcement}\n{}", log_heading());
    }

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
        Ok(match is_to_stop() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        })
    }

    fn stopped(&mut self, at: &StoppedAt) {
        println!("{at}");
    }

    fn validated(&mut self, _logits: &Tensor) {}

    fn epoch(&mut self, record: &EpochRecord, epochs: usize, left: Duration) {
        println!("{}", log_line(record, epochs, left));
    }
}

/// The heading above the lines of [`log_line`].
pub(super) fn log_heading() -> String {
    format!("{}   {}", heading(), say("time left", "残り時間"))
}

/// One epoch, and how long the others will take.
pub(super) fn log_line(record: &EpochRecord, epochs: usize, left: Duration) -> String {
    format!("{}   {}", record.line(epochs), spoken(left))
}

fn within_epoch(so_far: &EpochSoFar, elapsed: Duration) -> Result<String> {
    let share = so_far.share();
    let left = elapsed.mul_f64((1.0 - share) / share);
    Ok(said!(
        "{}   {:.0} % of the epoch, {} left in it",
        "{}   エポックの {:.0} %、残り {}",
        first_columns(so_far.epoch, so_far.epochs, &so_far.meter.score()?),
        100.0 * share,
        spoken(left)
    ))
}

//! The progress of a background training, shared between its thread and the cells.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tch::{Device, Tensor};

use super::callback::{Callback, EpochProgress, StoppedAt, stop_if};
use super::history::{EpochRecord, History};
use crate::error::Result;
use crate::language::translate;
use crate::text::format_duration;

/// How often a waiting cell looks whether ■ was pressed.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// The progress of a training.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingProgress {
    /// Whether it is running, or how it ended.
    pub state: TrainingState,
    /// The epoch it is in, counted from 1.
    pub epoch: usize,
    /// The number of epochs of the training.
    pub epochs: usize,
    /// The share of all steps that are done, 0 to 1.
    pub share: f64,
    /// Estimated remaining time.
    pub left: Duration,
    /// The finished epochs.
    pub history: History,
}

/// Whether a training is running, or how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrainingState {
    /// It is running.
    Running,
    /// All epochs are finished.
    Finished,
    /// It was stopped earlier.
    Stopped,
    /// It failed, for this reason.
    Failed(String),
}

impl fmt::Display for TrainingProgress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TrainingProgress { epoch, epochs, .. } = self;
        let percent = 100.0 * self.share;
        formatter.write_str(&match &self.state {
            TrainingState::Running => translate!(
                "epoch {epoch} of {epochs}, {percent:.0} % done, {} left",
                "エポック {epoch}/{epochs}、{percent:.0} % 終了、残り {}",
                format_duration(self.left)
            ),
            TrainingState::Finished => translate!(
                "finished, epoch {epochs} of {epochs}",
                "終了しました (エポック {epochs}/{epochs})"
            ),
            TrainingState::Stopped => translate!(
                "stopped in epoch {epoch} of {epochs}, {percent:.0} % done",
                "エポック {epoch}/{epochs} で停止しました ({percent:.0} % 終了)"
            ),
            TrainingState::Failed(reason) => {
                translate!("failed: {reason}", "失敗しました: {reason}")
            }
        })
    }
}

/// What the training's thread and the cells share.
pub(super) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    start: Instant,
}

pub(super) struct State {
    pub(super) progress: TrainingProgress,
    /// The logits of the validation images after the last epoch, on the CPU.
    pub(super) logits: Option<Tensor>,
    pub(super) stop_requested: bool,
}

impl State {
    pub(super) fn is_running(&self) -> bool {
        self.progress.state == TrainingState::Running
    }
}

impl Shared {
    pub(super) fn new(epochs: usize) -> Shared {
        let progress = TrainingProgress {
            state: TrainingState::Running,
            epoch: 1,
            epochs,
            share: 0.0,
            left: Duration::ZERO,
            history: History::default(),
        };
        Shared {
            state: Mutex::new(State {
                progress,
                logits: None,
                stop_requested: false,
            }),
            changed: Condvar::new(),
            start: Instant::now(),
        }
    }

    /// The state. It is valid even after a panic under the lock, because every change is one assignment.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something has changed, or for [`POLL_INTERVAL`].
    pub(super) fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let changed = self.changed.wait_timeout(state, POLL_INTERVAL);
        changed.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// The callback that tells the cells how far the training is.
pub(super) struct SharedProgress(pub(super) Arc<Shared>);

impl SharedProgress {
    pub(super) fn ended(&self, result: &Result<History>) {
        let mut state = self.0.state();
        let progress = &mut state.progress;
        progress.left = Duration::ZERO;
        progress.state = match result {
            Err(error) => TrainingState::Failed(error.to_string()),
            Ok(history) if history.epochs.len() < progress.epochs => TrainingState::Stopped,
            Ok(_) => TrainingState::Finished,
        };
        self.0.changed.notify_all();
    }
}

impl Callback for SharedProgress {
    fn on_batch_end(&mut self, epoch: &EpochProgress) -> Result<ControlFlow<()>> {
        let mut state = self.0.state();
        let progress = &mut state.progress;
        progress.epoch = epoch.epoch;
        progress.share = ((epoch.epoch - 1) as f64 + epoch.fraction()) / epoch.epochs as f64;
        let elapsed = self.0.start.elapsed();
        progress.left = elapsed.mul_f64((1.0 - progress.share) / progress.share);
        Ok(stop_if(state.stop_requested))
    }

    // `ended` sets the state when the thread ends.
    fn on_stop(&mut self, _at: &StoppedAt) {}

    fn on_validation_end(&mut self, logits: &Tensor) {
        self.0.state().logits = Some(logits.to_device(Device::Cpu));
    }

    fn on_epoch_end(&mut self, record: &EpochRecord, _epochs: usize, remaining: Duration) {
        let mut state = self.0.state();
        state.progress.history.epochs.push(record.clone());
        state.progress.left = remaining;
        self.0.changed.notify_all();
    }
}

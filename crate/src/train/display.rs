//! The callback that shows a training in a notebook: a progress bar and growing curves, and at the end the
//! curves and the table of the log.
//!
//! It is the one picture that a step draws itself, because it is shown while the step runs.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::callback::{
    Callback, EpochProgress, StoppedAt, explosion_advice, is_explosion, log_heading, log_line,
    stop_if,
};
use super::history::{EpochRecord, History};
use super::settings::TrainingSettings;
use crate::error::Result;
use crate::language::{translate, translated};
use crate::notebook::bar::Bar;
use crate::notebook::interrupt::stop_requested;
use crate::notebook::live::LiveDisplay;
use crate::notebook::progress::remaining_time;
use crate::notebook::show::Representations;
use crate::text::{escape, with_commas};
use crate::visualize::{self, EpochMetrics, Figure, StepLosses};

/// Shows a training in the output of the running cell.
pub(super) struct TrainingDisplay {
    display: Option<LiveDisplay>,
    announcement: String,
    start: Instant,
    /// The finished epochs, including those before a resumed training.
    history: History,
    /// The lines of the table.
    lines: Vec<String>,
    /// The loss of each step, epoch by epoch.
    steps: StepLosses,
    /// How many of them belong to finished epochs.
    steps_before: usize,
    guessing: f64,
}

impl TrainingDisplay {
    /// For a training of `epochs` epochs that continues after `history`. `guessing` is the loss of a network
    /// that guesses. `None` if the notebook cannot update what it shows.
    pub(super) fn begin(
        announcement: &str,
        history: &History,
        epochs: usize,
        steps_per_epoch: usize,
        guessing: f64,
    ) -> Option<TrainingDisplay> {
        let steps = StepLosses {
            steps_per_epoch,
            epochs_before: history.epochs.len(),
            epochs,
            ..StepLosses::default()
        };
        let bar = Bar::of(0.0, announcement.to_owned());
        Some(TrainingDisplay {
            display: Some(LiveDisplay::start(&bar.representations())?),
            announcement: announcement.to_owned(),
            start: Instant::now(),
            history: history.clone(),
            lines: Vec::new(),
            steps,
            steps_before: 0,
            guessing,
        })
    }

    /// Reads the losses of the steps since the last call. Reading them waits for the device.
    fn read_losses(&mut self, progress: &EpochProgress) -> Result<()> {
        let known = self.steps.losses.len() - self.steps_before;
        self.steps.losses.extend(progress.meter.step_losses(known)?);
        Ok(())
    }

    fn bar(&self, progress: &EpochProgress) -> Bar {
        let EpochProgress { epoch, epochs, .. } = *progress;
        let fraction = progress.fraction();
        let done = (epoch - 1 - self.steps.epochs_before) as f64 + fraction;
        let all = (epochs - self.steps.epochs_before) as f64;
        let pace = progress.meter.images() as f64 / progress.start.elapsed().as_secs_f64();
        let (pace, percent) = (with_commas(pace as usize), 100.0 * fraction);
        let left = remaining_time(self.start.elapsed(), done / all);
        let text = translate!(
            "epoch {epoch} of {epochs}, {percent:.0} % of it done{left}, {pace} images/s",
            "エポック {epoch}/{epochs}、その {percent:.0} % が終了{left}、{pace} 枚/秒"
        );
        Bar::of(fraction, text)
    }

    fn draw(&self, bar: Bar) {
        let Some(display) = &self.display else {
            return;
        };
        let (history, steps) = (self.history.clone(), self.steps.clone());
        display.draw(move || {
            let figure = curves(&history, &steps)?;
            let html = bar.html() + &figure.image()?;
            Ok(vec![("text/html", html), ("text/plain", bar.text)])
        });
    }

    /// Marks the step at which the loss exploded, if it did. Returns the highest loss, unless a loss was not
    /// finite: the training ends in an error then, which gives the same advice.
    fn mark_explosion(&mut self) -> Option<f64> {
        let losses = &self.steps.losses;
        let exploded = |&loss: &f64| !loss.is_finite() || is_explosion(loss, self.guessing);
        let step = losses.iter().position(exploded)?;
        let highest = losses.iter().copied().fold(losses[step], f64::max);
        let all_finite = losses.iter().all(|loss| loss.is_finite());
        let at = (step + 1) as f64 / self.steps.steps_per_epoch as f64;
        let words = translated("the loss explodes", "損失が爆発").to_owned();
        self.steps.mark = Some((self.steps.epochs_before as f64 + at, words));
        all_finite.then_some(highest)
    }

    /// What stays in the notebook: the curves, and the table below them.
    fn final_output(&self) -> Result<Representations> {
        let figure = curves(&self.history, &self.steps)?;
        let mut table = self.announcement.clone();
        if !self.lines.is_empty() {
            table += &format!("\n{}\n{}", log_heading(), self.lines.join("\n"));
        }
        let html = figure.image()?
            + &format!(
                "<pre style=\"line-height:1.4;\
             font-family:var(--jp-code-font-family,monospace)\">{}</pre>",
                escape(&table)
            );
        let plain = format!("{table}\n{}", figure.alt_text());
        Ok(vec![
            ("text/html", html),
            figure.png_image()?,
            ("text/plain", plain),
        ])
    }
}

impl Callback for TrainingDisplay {
    fn on_batch_end(&mut self, progress: &EpochProgress) -> Result<ControlFlow<()>> {
        let is_last = progress.fraction() >= 1.0;
        let is_due = self.display.as_ref().is_some_and(LiveDisplay::is_due);
        let stop = stop_requested();
        if is_due || is_last || stop {
            self.read_losses(progress)?;
        }
        if is_due {
            self.draw(self.bar(progress));
        }
        if is_last {
            self.steps_before = self.steps.losses.len();
        }
        Ok(stop_if(stop))
    }

    fn on_stop(&mut self, at: &StoppedAt) {
        println!("{at}");
    }

    fn on_epoch_end(&mut self, record: &EpochRecord, epochs: usize, remaining: Duration) {
        self.history.epochs.push(record.clone());
        self.lines.push(log_line(record, epochs, remaining));
    }

    fn on_train_end(&mut self, settings: &TrainingSettings) {
        if let Some(loss) = self.mark_explosion() {
            println!("{}", explosion_advice(loss, self.guessing, settings));
        }
        let output = self.final_output();
        if let Some(display) = self.display.take() {
            display.end(output);
        }
    }
}

impl History {
    /// The record in the form that pictures are drawn from.
    pub(crate) fn metrics(&self) -> Vec<EpochMetrics> {
        self.epochs
            .iter()
            .map(|epoch| EpochMetrics {
                training_loss: epoch.training.loss,
                training_accuracy: epoch.training.accuracy,
                validation_loss: epoch.validation.map(|score| score.loss),
                validation_accuracy: epoch.validation.map(|score| score.accuracy),
            })
            .collect()
    }
}

fn curves(history: &History, steps: &StepLosses) -> Result<Figure> {
    let title = translated("Training", "訓練の経過");
    visualize::training_curves(title, &history.metrics(), steps)
}

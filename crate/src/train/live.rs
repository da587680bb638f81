//! A training as a notebook shows it: a bar and growing curves, and at last the picture and the table.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::history::{EpochRecord, History};
use super::settings::TrainingSettings;
use super::watcher::{
    EpochSoFar, StoppedAt, Watcher, break_if, explosion_advice, is_explosion, log_heading, log_line,
};
use crate::error::Result;
use crate::language::{translate, translated};
use crate::notebook::interrupt::is_to_stop;
use crate::notebook::live::LiveDisplay;
use crate::notebook::progress::{Bar, left};
use crate::notebook::show::Representations;
use crate::text::{escape, with_commas};
use crate::visualize::{self, Figure, StepLosses};

/// Watches a training for the running cell.
pub(super) struct Live {
    display: Option<LiveDisplay>,
    announcement: String,
    begun: Instant,
    /// The epochs that are over, those before this training began too.
    history: History,
    /// The lines of the table.
    lines: Vec<String>,
    /// The loss of each step, epoch by epoch.
    steps: StepLosses,
    /// How many of them belong to epochs that are over.
    steps_before: usize,
    guessing: f64,
}

impl Live {
    /// For a training that goes on after `history`, to `epochs` in all. `guessing` is the loss of a
    /// network that guesses. `None` where nothing can be replaced in the notebook.
    pub(super) fn start(
        announcement: &str,
        history: &History,
        epochs: usize,
        steps_per_epoch: usize,
        guessing: f64,
    ) -> Option<Live> {
        let steps = StepLosses {
            steps_per_epoch,
            epochs_before: history.epochs.len(),
            epochs,
            ..StepLosses::default()
        };
        let bar = Bar::of(0.0, announcement.to_owned());
        Some(Live {
            display: Some(LiveDisplay::start(&bar.representations())?),
            announcement: announcement.to_owned(),
            begun: Instant::now(),
            history: history.clone(),
            lines: Vec::new(),
            steps,
            steps_before: 0,
            guessing,
        })
    }

    /// Takes in the losses of the steps since it was last asked for. Reading them waits for the device.
    fn read_losses(&mut self, so_far: &EpochSoFar) -> Result<()> {
        let known = self.steps.losses.len() - self.steps_before;
        self.steps.losses.extend(so_far.meter.step_losses(known)?);
        Ok(())
    }

    fn bar(&self, so_far: &EpochSoFar) -> Bar {
        let EpochSoFar { epoch, epochs, .. } = *so_far;
        let share = so_far.share();
        let done = (epoch - 1 - self.steps.epochs_before) as f64 + share;
        let all = (epochs - self.steps.epochs_before) as f64;
        let pace = so_far.meter.images() as f64 / so_far.start.elapsed().as_secs_f64();
        let (pace, percent) = (with_commas(pace as usize), 100.0 * share);
        let left = left(self.begun.elapsed(), done / all);
        let text = translate!(
            "epoch {epoch} of {epochs}, {percent:.0} % of it done{left}, {pace} images/s",
            "エポック {epoch}/{epochs}、その {percent:.0} % が終了{left}、{pace} 枚/秒"
        );
        Bar::of(share, text)
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

    /// Marks where the loss grew far beyond guessing, if it did. Gives back its highest value, where it
    /// stayed a number: else the training ends in an error, which says the same.
    fn mark_explosion(&mut self) -> Option<f64> {
        let losses = &self.steps.losses;
        let is_one = |&loss: &f64| !loss.is_finite() || is_explosion(loss, self.guessing);
        let step = losses.iter().position(is_one)?;
        let highest = losses.iter().copied().fold(losses[step], f64::max);
        let is_number = losses.iter().all(|loss| loss.is_finite());
        let at = (step + 1) as f64 / self.steps.steps_per_epoch as f64;
        let words = translated("the loss explodes", "損失が爆発").to_owned();
        self.steps.mark = Some((self.steps.epochs_before as f64 + at, words));
        is_number.then_some(highest)
    }

    /// What stays: the picture, and the table below it.
    fn finished(&self) -> Result<Representations> {
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

impl Watcher for Live {
    fn batch(&mut self, so_far: &EpochSoFar) -> Result<ControlFlow<()>> {
        let is_last = so_far.share() >= 1.0;
        let wants = self.display.as_ref().is_some_and(LiveDisplay::wants);
        let stops = is_to_stop();
        if wants || is_last || stops {
            self.read_losses(so_far)?;
        }
        if wants {
            self.draw(self.bar(so_far));
        }
        if is_last {
            self.steps_before = self.steps.losses.len();
        }
        Ok(break_if(stops))
    }

    fn stopped(&mut self, at: &StoppedAt) {
        println!("{at}");
    }

    fn epoch(&mut self, record: &EpochRecord, epochs: usize, left: Duration) {
        self.history.epochs.push(record.clone());
        self.lines.push(log_line(record, epochs, left));
    }

    fn ends(&mut self, settings: &TrainingSettings) {
        if let Some(loss) = self.mark_explosion() {
            println!("{}", explosion_advice(loss, self.guessing, settings));
        }
        let last = self.finished();
        if let Some(display) = self.display.take() {
            display.end(last);
        }
    }
}

fn curves(history: &History, steps: &StepLosses) -> Result<Figure> {
    let title = translated("Training", "訓練の経過");
    visualize::training_curves(title, &history.metrics(), steps)
}

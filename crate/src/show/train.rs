//! Step 4, train: settings, schedules, histories and running trainings.

use super::answered;
use crate::error::{Error, Result};
use crate::language::{translate, translated};
use crate::load::batches_per_epoch;
use crate::notebook::bar::Bar;
use crate::notebook::show::{Representations, Show};
use crate::notebook::table::Table;
use crate::text::with_commas;
use crate::train::{BackgroundTraining, History, StepRates, TrainingSettings};
use crate::visualize::{self, Figure, GridSettings, LinePlotSettings, LineSeries};

/// The learning rate at every step of a training on `images` images.
///
/// # Errors
/// [`Error::Setting`] for settings that cannot work.
pub fn show_schedule(settings: &TrainingSettings, images: usize) -> Result<Figure> {
    settings.check()?;
    let steps_per_epoch = batches_per_epoch(images, settings.batch_size).max(1);
    let steps = settings.epochs.saturating_mul(steps_per_epoch);
    let highest = StepRates {
        learning_rate: settings.learning_rate,
        momentum: settings.momentum,
    };
    // A few hundred points are enough for any curve; the last step belongs to it.
    let points = (0..steps)
        .step_by(steps.div_ceil(400))
        .chain([steps - 1])
        .map(|step| {
            let rate = settings.schedule.at(step, steps, highest).learning_rate;
            (step as f64 / steps_per_epoch as f64, rate)
        })
        .collect();
    let series = LineSeries {
        name: String::new(),
        points,
    };
    let axes = LinePlotSettings {
        x_title: translated("epochs done", "終了したエポック数").into(),
        y_title: translated("learning rate", "学習率").into(),
        ..LinePlotSettings::default()
    };
    visualize::line_plot(translated("Learning rate", "学習率"), &[series], &axes)
}

impl TrainingSettings {
    fn table(&self) -> Table {
        let columns = [translated("setting", "設定"), translated("value", "値")];
        let mut table = Table::new(translated("Training settings", "訓練の設定"), &columns);
        for (name, value) in self.named() {
            table.row([name.into(), value]);
        }
        table
    }
}

/// All settings, including the defaults.
impl Show for TrainingSettings {
    fn representations(&self) -> Result<Representations> {
        self.table().representations()
    }
}

impl History {
    /// Loss and accuracy, epoch by epoch.
    ///
    /// # Errors
    /// [`Error::Picture`] before the first epoch.
    pub fn curves(&self) -> Result<Figure> {
        visualize::learning_curves(translated("Training", "訓練の経過"), &self.metrics())
    }
}

/// The curves; a sentence before the first epoch's end.
impl Show for History {
    fn representations(&self) -> Result<Representations> {
        if self.epochs.is_empty() {
            let none = translated("no epoch is over", "終わったエポックはまだありません");
            return Ok(vec![("text/plain", none.into())]);
        }
        self.curves()?.representations()
    }
}

impl BackgroundTraining {
    /// Validation images with wrong predictions at the end of the last epoch, at most `count` of them, those
    /// with the highest probability.
    ///
    /// # Errors
    /// Those of [`BackgroundTraining::mistakes`]; [`Error::Data`] if there are none.
    pub fn show_mistakes(&self, count: usize) -> Result<Figure> {
        let (mistakes, images) = (self.mistakes()?, self.validation_images()?);
        if mistakes.is_empty() {
            let all = with_commas(images.len());
            return Err(Error::Data(format!(
                "there are no mistakes: all {all} validation images are recognised"
            )));
        }
        let title = translate!(
            "Taken for something else: {} of {} validation images",
            "取り違えた検証画像: {} / {} 枚",
            with_commas(mistakes.len()),
            with_commas(images.len())
        );
        let pictures = mistakes
            .iter()
            .take(count)
            .map(|mistake| {
                let answer = &images.info.classes[mistake.answer];
                answered(images, mistake.index, answer, mistake.probability)
            })
            .collect::<Result<Vec<_>>>()?;
        visualize::image_grid(&title, &pictures, &GridSettings::default())
    }
}

/// A progress bar with the time left, and the curves of the finished epochs.
impl Show for BackgroundTraining {
    fn representations(&self) -> Result<Representations> {
        let progress = self.progress();
        let bar = Bar::of(progress.share, progress.to_string());
        let epochs = progress.history.metrics();
        if epochs.is_empty() {
            return Ok(bar.representations());
        }
        let title = translated("Training in the background", "バックグラウンドでの訓練");
        let curves = visualize::learning_curves(title, &epochs)?;
        Ok(vec![
            ("text/html", bar.html() + &curves.image()?),
            curves.png_image()?,
            ("text/plain", format!("{}\n{}", bar.text, curves.alt_text())),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::define::{LeNet, LeNetSettings};
    use crate::load::Dataset;
    use crate::train::train_in_background;
    use tch::{Device, Kind, Tensor};

    #[test]
    fn the_table_shows_every_setting() {
        let text = TrainingSettings::default().table().to_string();
        let fields = serde_json::to_value(TrainingSettings::default()).unwrap();
        for name in fields.as_object().unwrap().keys() {
            assert!(
                text.lines().any(|line| line.starts_with(name)),
                "{name} is missing in\n{text}"
            );
        }
        assert!(text.contains("learning_rate         0.02\n"), "{text}");
    }

    #[test]
    fn the_schedule_ends_with_its_last_step() {
        let settings = TrainingSettings {
            epochs: 3,
            ..Default::default()
        };
        for images in [0, 1, 100, 54_000] {
            assert!(show_schedule(&settings, images).is_ok(), "{images} images");
        }
        let endless = TrainingSettings {
            epochs: usize::MAX,
            ..Default::default()
        };
        assert!(show_schedule(&endless, 54_000).is_ok());
        let none = TrainingSettings {
            epochs: 0,
            ..Default::default()
        };
        assert!(show_schedule(&none, 100).is_err());
    }

    /// A training on 20 equal images with these labels, followed to its end.
    fn followed(labels: Tensor, settings: &TrainingSettings) -> BackgroundTraining {
        let images = Tensor::zeros([20, 1, 16, 16], (Kind::Uint8, Device::Cpu));
        let dataset = Dataset::new(&images, &labels, &["day", "night"]).unwrap();
        let shape = LeNetSettings {
            image: [1, 16, 16],
            classes: 2,
            ..Default::default()
        };
        let model = LeNet::new(&shape, Device::Cpu).unwrap();
        let training = train_in_background(&mut Some(model), &dataset, settings).unwrap();
        training.follow(settings.epochs);
        training
    }

    #[test]
    fn a_training_in_the_background_shows_how_far_it_is_and_what_it_gets_wrong() {
        let labels = Tensor::arange(20, (Kind::Int64, Device::Cpu)).remainder(2);
        let settings = TrainingSettings {
            epochs: 1,
            validation_share: 0.5,
            ..Default::default()
        };
        let training = followed(labels, &settings);
        // Equal images get equal answers: half of them, or as many as have the other label.
        let wrong = training.mistakes().unwrap();
        let figure = training.show_mistakes(3).unwrap();
        let title = format!("{} of 10 validation images", wrong.len());
        assert!(figure.alt_text().contains(&title), "{}", figure.alt_text());
        let shown = figure.alt_text().matches(" %").count();
        assert_eq!(shown, wrong.len().min(3), "{}", figure.alt_text());
        let shown = training.representations().unwrap();
        let kinds: Vec<&str> = shown.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, ["text/html", "image/png", "text/plain"]);
        let html = &shown[0].1;
        assert!(html.contains("width:100.0%"), "all is done: {html}");
        assert!(html.contains("<img"), "and the curves: {html}");
        let words = &shown[2].1;
        let start = "finished, epoch 1 of 1\nTraining in the background. Learning curves over 1";
        assert!(words.starts_with(start), "{words}");
    }

    #[test]
    fn no_mistakes_are_no_empty_picture() {
        let labels = Tensor::zeros([20], (Kind::Int64, Device::Cpu));
        let settings = TrainingSettings {
            epochs: 20,
            ..Default::default()
        };
        let training = followed(labels, &settings);
        let error = training.show_mistakes(5).unwrap_err().to_string();
        assert!(error.contains("all 2 validation images"), "{error}");
    }
}

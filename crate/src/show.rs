//! How the values of the workshop become pictures.
//!
//! The steps know nothing of pictures, and [`visualize`] nothing of tensors; here
//! the two meet.

mod diagram;
mod explanation;
mod live_curve;
mod runs;

use tch::{Device, Kind, Tensor};

pub use explanation::show_filters;
pub use live_curve::LiveCurve;

use crate::define::{LeNet, summary};
use crate::error::{Error, Result};
use crate::language::{translate, translated};
use crate::load::{Dataset, batches_per_epoch};
use crate::notebook::progress::Bar;
use crate::notebook::show::{Representations, Show};
use crate::predict::{Classifier, Evaluation};
use crate::text::with_commas;
use crate::train::{BackgroundTraining, History, StepRates, TrainingSettings};
use crate::visualize::{
    self, CountSeries, EpochMetrics, Figure, GridSettings, LinePlotSettings, LineSeries, Picture,
};

/// An image tensor as a picture: bytes `[1, C, H, W]` or `[C, H, W]`, with 1 or 3 channels.
///
/// # Errors
/// [`Error::Data`] for another kind or shape.
pub fn picture(image: &Tensor) -> Result<Picture> {
    let image = if image.dim() == 4 {
        image.f_squeeze_dim(0)?
    } else {
        image.shallow_clone()
    };
    let (&[channels, height, width], Kind::Uint8) = (&image.size()[..], image.kind()) else {
        return Err(Error::Data(format!(
            "a picture is made of bytes (Uint8) of shape [1, C, H, W]; this is {:?} of shape {:?}",
            image.kind(),
            image.size()
        )));
    };
    let interleaved = image
        .f_permute([1, 2, 0])?
        .f_contiguous()?
        .f_to(Device::Cpu)?;
    let pixels = Vec::<u8>::try_from(interleaved.f_flatten(0, -1)?)?;
    let (width, height) = (width as usize, height as usize);
    match channels {
        1 => Ok(Picture::grey(width, height, pixels)),
        3 => Ok(Picture::rgb(width, height, pixels)),
        _ => Err(Error::Data(format!(
            "a picture has 1 channel or 3; this has {channels}"
        ))),
    }
}

/// Images of several tensors side by side, each with a caption.
///
/// # Errors
/// Those of [`picture`]; [`Error::Data`] if there are not as many captions as images.
pub fn show_images(title: &str, images: &[Tensor], captions: &[String]) -> Result<Figure> {
    if images.len() != captions.len() {
        let (images, captions) = (images.len(), captions.len());
        return Err(Error::Data(format!(
            "there are {images} images but {captions} captions"
        )));
    }
    let pictures = images
        .iter()
        .zip(captions)
        .map(|(image, caption)| Ok(picture(image)?.captioned(caption)))
        .collect::<Result<Vec<_>>>()?;
    visualize::image_grid(title, &pictures, &GridSettings::default())
}

/// How many images of each class some data sets have, as bars.
///
/// # Errors
/// [`Error::Data`] if the data sets have different classes.
pub fn show_class_counts(datasets: &[(&str, &Dataset)]) -> Result<Figure> {
    let Some((_, first)) = datasets.first() else {
        return Err(Error::Data("there is no data set to count".into()));
    };
    if datasets
        .iter()
        .any(|(_, dataset)| dataset.info.classes != first.info.classes)
    {
        return Err(Error::Data("these data sets have different classes".into()));
    }
    let series: Vec<CountSeries> = datasets
        .iter()
        .map(|(name, dataset)| CountSeries {
            name: name.to_string(),
            counts: dataset.class_counts(),
        })
        .collect();
    let title = translated("Images per class", "クラスごとの画像の枚数");
    visualize::class_histogram(title, &first.info.classes, &series)
}

/// The learning rate at every step of a training on so many images.
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

impl Dataset {
    /// One image as a picture, with its class as caption.
    ///
    /// # Errors
    /// [`Error::Index`] beyond the last image.
    pub fn picture(&self, index: usize) -> Result<Picture> {
        Ok(picture(&self.image(index)?)?.captioned(self.class(index)?))
    }

    /// Images with their classes in a grid.
    ///
    /// # Errors
    /// [`Error::Index`] beyond the last image.
    pub fn show(&self, indices: &[usize]) -> Result<Figure> {
        let pictures = indices
            .iter()
            .map(|&index| self.picture(index))
            .collect::<Result<Vec<_>>>()?;
        visualize::image_grid(
            translated("Images and their classes", "画像とクラス"),
            &pictures,
            &GridSettings::default(),
        )
    }

    /// One image as the numbers it is made of.
    ///
    /// # Errors
    /// [`Error::Index`] beyond the last image.
    pub fn show_pixels(&self, index: usize) -> Result<Figure> {
        let class = self.class(index)?;
        let title = translate!(
            "Image {index}, {class}: its pixels as bytes",
            "画像 {index} ({class}) の画素のバイト値"
        );
        visualize::pixel_values(&title, &picture(&self.image(index)?)?)
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

/// Its layers, as [`summary()`] lists them.
impl Show for LeNet {
    fn representations(&self) -> Result<Representations> {
        summary(self, self.settings().image)?.representations()
    }
}

/// How many images of which shape and of which classes.
impl Show for Dataset {
    fn representations(&self) -> Result<Representations> {
        let [channels, height, width] = self.info.image;
        let (images, classes) = (with_commas(self.len()), self.info.classes.len());
        let names = self.info.classes.join(translated(", ", "、"));
        let text = translate!(
            "{images} images of shape [{channels}, {height}, {width}] in {classes} classes: {names}",
            "画像 {images} 枚、形状 [{channels}, {height}, {width}]、{classes} クラス: {names}"
        );
        Ok(vec![("text/plain", text)])
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
    /// Some of the validation images that the network got wrong at the end of the last epoch, those
    /// it was most sure of.
    ///
    /// # Errors
    /// Those of [`BackgroundTraining::mistakes`]; [`Error::Data`] if there are none.
    pub fn show_mistakes(&self, count: usize) -> Result<Figure> {
        let (mistakes, images) = (self.mistakes()?, self.held_back()?);
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

/// A bar with the share that is done and the time left, and the curves of the epochs that are over.
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

impl Evaluation {
    /// The confusion matrix: a row for each true class, a column for each predicted class.
    ///
    /// # Errors
    /// [`Error::Picture`] without classes.
    pub fn show_confusion(&self) -> Result<Figure> {
        let title = translated("Confusion matrix", "混同行列");
        visualize::confusion_matrix(title, &self.classes, &self.confusion)
    }
}

impl Classifier {
    /// Images of a data set with the probabilities that the model gives to the classes.
    ///
    /// # Errors
    /// [`Error::Index`] beyond the last image; [`Error::Data`] for a data set with other images, classes or
    /// normalisation than the model's.
    pub fn show_predictions(&self, dataset: &Dataset, indices: &[usize]) -> Result<Figure> {
        self.check_knows(dataset)?;
        let chosen = dataset.select(indices)?;
        let true_classes: Vec<Option<usize>> = indices
            .iter()
            .map(|&index| dataset.label(index).map(Some))
            .collect::<Result<_>>()?;
        self.prediction_bars(&chosen.images, &true_classes)
    }

    /// One image with the probabilities that the model gives to the classes.
    ///
    /// # Errors
    /// [`Error::Data`] if the image is not one of the size the model was trained on.
    pub fn show_prediction(&self, image: &Tensor) -> Result<Figure> {
        self.prediction_bars(image, &[None])
    }

    /// Images of a data set with what the model takes them for, marked as right or wrong.
    ///
    /// # Errors
    /// Those of [`show_predictions`](Self::show_predictions).
    pub fn show_answers(&self, dataset: &Dataset, indices: &[usize]) -> Result<Figure> {
        self.check_knows(dataset)?;
        let predictions = self.predict_batch(&dataset.select(indices)?.images)?;
        let pictures = indices
            .iter()
            .zip(&predictions)
            .map(|(&index, prediction)| {
                answered(dataset, index, prediction.class(), prediction.probability())
            })
            .collect::<Result<Vec<_>>>()?;
        let title = translated("What the network says", "ネットワークの答え");
        visualize::image_grid(title, &pictures, &GridSettings::default())
    }

    fn prediction_bars(&self, images: &Tensor, true_classes: &[Option<usize>]) -> Result<Figure> {
        let predictions = self
            .predict_batch(images)?
            .into_iter()
            .zip(true_classes)
            .enumerate()
            .map(|(index, (prediction, &true_class))| {
                let probability = |class: &String| prediction.probability_of(class);
                Ok(visualize::Prediction {
                    picture: picture(&images.f_narrow(0, index as i64, 1)?)?,
                    probabilities: self.info.classes.iter().map(probability).collect(),
                    true_class,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        visualize::prediction_bars(
            translated("How sure the network is", "ネットワークの確信の度合い"),
            &self.info.classes,
            &predictions,
            None,
        )
    }
}

/// An image with the class that a model takes it for, marked as right or wrong; if wrong, with the
/// true one.
fn answered(dataset: &Dataset, index: usize, answer: &str, probability: f64) -> Result<Picture> {
    let class = dataset.class(index)?;
    let right = answer == class;
    let mut caption = format!("{answer} {:.0} %", 100.0 * probability);
    if !right {
        caption += "\n";
        caption += &truth(class);
    }
    Ok(picture(&dataset.image(index)?)?
        .captioned(caption)
        .marked(right))
}

/// What an image is, below what it was taken for.
fn truth(class: &str) -> String {
    translate!("is {class}", "正解: {class}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::define::{LeNet, LeNetSettings};
    use crate::train::train_in_background;

    #[test]
    fn a_colour_tensor_becomes_interleaved_pixels() {
        let planes = Tensor::from_slice(&[1u8, 4, 2, 5, 3, 6]).reshape([1, 3, 1, 2]);
        let picture = picture(&planes).unwrap();
        assert_eq!((picture.width, picture.height, picture.channels), (2, 1, 3));
        assert_eq!(picture.pixels, [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn what_is_no_image_is_an_error() {
        let bytes = |shape: &[i64]| Tensor::zeros(shape, (Kind::Uint8, Device::Cpu));
        assert!(picture(&bytes(&[2, 2])).is_err());
        assert!(
            picture(&bytes(&[2, 1, 2, 2])).is_err(),
            "a batch is no picture"
        );
        assert!(
            picture(&bytes(&[2, 2, 2])).is_err(),
            "two channels are no picture"
        );
        assert!(picture(&bytes(&[1, 2, 2]).to_kind(Kind::Float)).is_err());
    }

    #[test]
    fn figures_say_what_they_show() {
        let images = Tensor::from_slice(&[0u8, 255]).reshape([2, 1, 1, 1]);
        let labels = Tensor::from_slice(&[1i64, 0]);
        let dataset = Dataset::new(&images, &labels, &["day", "night"]).unwrap();
        let grid = dataset.show(&[0, 1]).unwrap();
        assert!(grid.alt_text().contains("night") && grid.alt_text().contains("day"));
        let counts = show_class_counts(&[("training", &dataset)]).unwrap();
        assert!(
            counts.alt_text().contains("training"),
            "{}",
            counts.alt_text()
        );
        assert!(dataset.show(&[2]).is_err());
        assert!(History::default().curves().is_err(), "no epoch, no curve");
        let shown = History::default().representations().unwrap();
        assert_eq!(shown, [("text/plain", "no epoch is over".to_string())]);
        let confusion =
            Evaluation::count(&["day".into(), "night".into()], &[0, 1, 1], &[0, 1, 0]).unwrap();
        assert!(
            confusion
                .show_confusion()
                .unwrap()
                .alt_text()
                .contains("66.7 %")
        );
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

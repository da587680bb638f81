//! Step 6, predict: answers of a network beside the images.

use tch::Tensor;

use super::{answered, picture};
use crate::define::Classifier;
use crate::error::Result;
use crate::language::translated;
use crate::load::Dataset;
use crate::visualize::{self, Figure, GridSettings};

impl Classifier {
    /// Images of a data set with the probabilities that the model gives to the classes.
    ///
    /// # Errors
    /// [`Error::Index`](crate::Error::Index) beyond the last image; [`Error::Data`](crate::Error::Data) for a data set with other images, classes or
    /// normalisation than the model's.
    pub fn show_predictions(&self, dataset: &Dataset, indices: &[usize]) -> Result<Figure> {
        self.check_fits(dataset)?;
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
    /// [`Error::Data`](crate::Error::Data) if the image is not one of the size the model was trained on.
    pub fn show_prediction(&self, image: &Tensor) -> Result<Figure> {
        self.prediction_bars(image, &[None])
    }

    /// Images of a data set with their predicted classes, marked as right or wrong.
    ///
    /// # Errors
    /// Those of [`show_predictions`](Self::show_predictions).
    pub fn show_answers(&self, dataset: &Dataset, indices: &[usize]) -> Result<Figure> {
        self.check_fits(dataset)?;
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

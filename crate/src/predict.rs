//! Step 6, predict: the classes and probabilities that a trained model gives to images.
//!
//! A [`Classifier`] gives a [`Prediction`] for each image. [`evaluate`](mod@crate::evaluate) counts how often
//! predictions are right.

use std::path::Path;

use tch::Tensor;

use crate::define::{Classifier, probabilities};
use crate::device::on_cpu_as_double;
use crate::error::{Error, Result};
use crate::evaluate::{Evaluation, all_logits, evaluate, mistakes, not_finite};
use crate::language::LocalizedText;
use crate::load::{Dataset, read_image};

const SEARCH: LocalizedText = LocalizedText {
    english: "the search for mistakes",
    japanese: "間違いの検索",
};

/// Images at a time: without gradients there is room for larger batches than in training.
const BATCH: usize = 1000;

/// The answer of a model for one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// Every class with its probability, the most probable first; the probabilities sum to 1.
    pub classes: Vec<(String, f64)>,
}

impl Prediction {
    /// The most probable class.
    pub fn class(&self) -> &str {
        self.classes.first().map_or("", |(class, _)| class)
    }

    /// Its probability, 0 to 1.
    pub fn probability(&self) -> f64 {
        self.classes
            .first()
            .map_or(0.0, |(_, probability)| *probability)
    }

    /// The probability of a class, 0 to 1; 0 if there is no such class.
    pub fn probability_of(&self, class: &str) -> f64 {
        self.classes
            .iter()
            .find(|(name, _)| name == class)
            .map_or(0.0, |(_, probability)| *probability)
    }

    /// The next classes with their probabilities.
    pub fn runners_up(&self, count: usize) -> &[(String, f64)] {
        let rest = self.classes.get(1..).unwrap_or_default();
        &rest[..count.min(rest.len())]
    }
}

impl std::fmt::Display for Prediction {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let said: Vec<String> = self
            .classes
            .iter()
            .take(3)
            .map(|(class, p)| format!("{class} {:.1} %", 100.0 * p))
            .collect();
        write!(formatter, "{}", said.join(", "))
    }
}

impl Classifier {
    /// The predictions for images, bytes of shape `[N, C, H, W]`.
    ///
    /// # Errors
    /// [`Error::Data`] if these are not bytes of the size the model was trained on, or the network's answer
    /// is not finite.
    pub fn predict_batch(&self, images: &Tensor) -> Result<Vec<Prediction>> {
        self.check_images(images)?;
        let mut predictions = Vec::new();
        // Of 60,000 images at once, one layer's activations would take 0.8 GB.
        for batch in images.f_split(BATCH as i64, 0)? {
            let probabilities = probabilities(&*self.model, &self.normalised(&batch)?)?;
            for row in Vec::<Vec<f64>>::try_from(on_cpu_as_double(&probabilities)?)? {
                if !row.iter().all(|probability| probability.is_finite()) {
                    return Err(not_finite());
                }
                predictions.push(ranked(&self.info.classes, row)?);
            }
        }
        Ok(predictions)
    }

    /// The prediction for one image, bytes of shape `[1, C, H, W]`.
    ///
    /// # Errors
    /// [`Error::Data`] if this is not one image of the size the model was trained on.
    pub fn predict(&self, image: &Tensor) -> Result<Prediction> {
        let mut predictions = self.predict_batch(image)?;
        match (predictions.pop(), predictions.is_empty()) {
            (Some(prediction), true) => Ok(prediction),
            _ => Err(Error::Data(format!(
                "one image is needed, of shape [1, C, H, W]; this is {:?}: use `predict_batch`",
                image.size()
            ))),
        }
    }

    /// How often the model is right on a data set: see [`evaluate`].
    ///
    /// # Errors
    /// [`Error::Data`] for a data set with other images, classes or normalisation than the model's; those
    /// of [`evaluate`].
    pub fn evaluate(&self, dataset: &Dataset) -> Result<Evaluation> {
        self.check_fits(dataset)?;
        evaluate(&*self.model, dataset)
    }

    /// The images of a data set that the model takes for another class, by their index, those it is most
    /// sure of first.
    ///
    /// # Errors
    /// [`Error::Data`] for a data set with other images, classes or normalisation than the model's;
    /// [`Error::Interrupted`] at ■.
    pub fn mistakes(&self, dataset: &Dataset) -> Result<Vec<usize>> {
        self.check_fits(dataset)?;
        let logits = all_logits(&*self.model, dataset, SEARCH)?;
        let mistakes = mistakes(&logits, &dataset.labels)?;
        Ok(mistakes.into_iter().map(|mistake| mistake.index).collect())
    }

    /// The prediction for an image file of any size and colour.
    ///
    /// # Errors
    /// Those of [`read_image`].
    pub fn predict_file(&self, path: impl AsRef<Path>) -> Result<Prediction> {
        self.predict_path(path.as_ref())
    }

    fn predict_path(&self, path: &Path) -> Result<Prediction> {
        self.predict(&read_image(path, self.info.image)?)
    }
}

fn ranked(classes: &[String], row: Vec<f64>) -> Result<Prediction> {
    if row.len() != classes.len() {
        let (found, needed) = (row.len(), classes.len());
        return Err(Error::Data(format!(
            "the network tells {found} classes apart, but {needed} have names"
        )));
    }
    let mut classes: Vec<(String, f64)> = classes.iter().cloned().zip(row).collect();
    classes.sort_by(|(_, left), (_, right)| right.total_cmp(left));
    Ok(Prediction { classes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::define::{ForwardPass, Model};
    use crate::load::DatasetInfo;
    use crate::notebook::front::tests::FakeFront;
    use tch::{Device, Kind, nn};

    /// Its logits are the first two pixels, times 255: what it says can be worked out by hand.
    struct FirstPixels(nn::VarStore);

    impl Model for FirstPixels {
        fn variables(&self) -> &nn::VarStore {
            &self.0
        }
        fn forward(&self, images: &Tensor, _pass: &mut ForwardPass) -> Tensor {
            images.flatten(1, -1).narrow(1, 0, 2) * 255.0
        }
    }

    fn classifier() -> Classifier {
        let info = DatasetInfo {
            image: [1, 1, 2],
            classes: vec!["left".into(), "right".into()],
            normalization: crate::load::Normalization {
                mean: 0.0,
                std: 1.0,
            },
        };
        Classifier::new(Box::new(FirstPixels(nn::VarStore::new(Device::Cpu))), &info)
    }

    /// Images that the classifier knows.
    fn dataset(images: Tensor, labels: Tensor) -> Dataset {
        let info = classifier().info;
        Dataset {
            info: info.clone(),
            ..Dataset::new(&images, &labels, &info.classes).unwrap()
        }
    }

    fn image(left: u8, right: u8) -> Tensor {
        Tensor::from_slice(&[left, right]).reshape([1, 1, 1, 2])
    }

    #[test]
    fn probabilities_are_the_softmax_by_hand() {
        let prediction = classifier().predict(&image(1, 3)).unwrap();
        // softmax(1, 3): 1 / (1 + e⁻²) for the right one.
        let right = 1.0 / (1.0 + (-2.0f64).exp());
        assert_eq!(prediction.class(), "right");
        assert!((prediction.probability() - right).abs() < 1e-6);
        let [(class, probability)] = prediction.runners_up(5) else {
            panic!("one runner-up")
        };
        assert_eq!(class, "left");
        assert!((probability - (1.0 - right)).abs() < 1e-6);
        assert_eq!(prediction.to_string(), "right 88.1 %, left 11.9 %");
    }

    #[test]
    fn a_classifier_says_what_it_is_and_how_good() {
        let said = format!("{:?}", classifier());
        assert_eq!(said, "a classifier of images [1, 1, 2] into left, right");
        let images = Tensor::cat(&[image(9, 0), image(0, 9)], 0);
        let labels = Tensor::from_slice(&[0i64, 0]);
        let dataset = dataset(images, labels);
        let evaluation = classifier().evaluate(&dataset).unwrap();
        assert_eq!(evaluation.confusion, [[1, 1], [0, 0]]);
    }

    #[test]
    fn a_batch_keeps_its_order() {
        let images = Tensor::cat(&[image(9, 0), image(0, 9), image(9, 0)], 0);
        let predictions = classifier().predict_batch(&images).unwrap();
        let classes: Vec<&str> = predictions.iter().map(Prediction::class).collect();
        assert_eq!(classes, ["left", "right", "left"]);
    }

    #[test]
    fn mistakes_come_with_the_surest_first() {
        let images = Tensor::cat(&[image(9, 0), image(1, 0), image(0, 5), image(3, 0)], 0);
        let labels = Tensor::from_slice(&[1i64, 1, 1, 1]);
        let dataset = dataset(images, labels);
        assert_eq!(classifier().mistakes(&dataset).unwrap(), [0, 3, 1]);
    }

    #[test]
    fn other_classes_are_refused_even_if_there_are_as_many() {
        let images = Tensor::cat(&[image(9, 0), image(0, 9)], 0);
        let mut other = dataset(images, Tensor::from_slice(&[0i64, 1]));
        other.info.classes = vec!["right".into(), "left".into()];
        let expected = "the model was not trained on such a data set: label 0 is the class `right`, for the \
                        model `left`; classes must have the same names in the same order";
        let classifier = classifier();
        let refused = [
            classifier.evaluate(&other).map(|_| ()),
            classifier.mistakes(&other).map(|_| ()),
            classifier.show_answers(&other, &[0]).map(|_| ()),
            classifier.show_predictions(&other, &[0]).map(|_| ()),
            classifier
                .show_explanations(&other, &[0], &crate::explain::Saliency)
                .map(|_| ()),
            classifier
                .show_both_classes(&other, &[0], &crate::explain::Saliency)
                .map(|_| ()),
        ];
        for outcome in refused {
            assert_eq!(outcome.unwrap_err().to_string(), expected);
        }
        // The model alone has no names to compare.
        assert!(evaluate(&*classifier.model, &other).is_ok());
    }

    /// Counts the images of the largest batch it has seen.
    struct Counting(FirstPixels, std::rc::Rc<std::cell::Cell<i64>>);

    impl Model for Counting {
        fn variables(&self) -> &nn::VarStore {
            self.0.variables()
        }
        fn forward(&self, images: &Tensor, pass: &mut ForwardPass) -> Tensor {
            self.1.set(self.1.get().max(images.size()[0]));
            self.0.forward(images, pass)
        }
    }

    #[test]
    fn many_images_are_predicted_in_batches() {
        let largest = std::rc::Rc::new(std::cell::Cell::new(0));
        let network = FirstPixels(nn::VarStore::new(Device::Cpu));
        let model = Counting(network, largest.clone());
        let classifier = Classifier::new(Box::new(model), &classifier().info);
        let images = [image(9, 0).repeat([2 * BATCH as i64, 1, 1, 1]), image(0, 9)];
        let predictions = classifier.predict_batch(&Tensor::cat(&images, 0)).unwrap();
        assert_eq!(predictions.len(), 2 * BATCH + 1);
        assert_eq!(predictions[2 * BATCH].class(), "right");
        assert_eq!(predictions[2 * BATCH - 1].class(), "left");
        assert_eq!(largest.get(), BATCH as i64);
        let none = classifier
            .predict_batch(&image(0, 0).narrow(0, 0, 0))
            .unwrap();
        assert!(none.is_empty());
    }

    #[test]
    fn an_answer_that_is_no_number_is_an_error() {
        let mut broken = classifier();
        broken.info.normalization.std = 1e-300;
        let message = broken.predict(&image(1, 3)).unwrap_err().to_string();
        assert!(
            message.starts_with("the network's answer is not a finite number"),
            "{message}"
        );
    }

    #[test]
    fn images_of_the_wrong_kind_or_size_are_errors() {
        let error = |images: &Tensor| classifier().predict(images).expect_err("wrong").to_string();
        assert!(
            error(&image(0, 0).to_kind(Kind::Float))
                .contains("these are Float of shape [1, 1, 1, 2]")
        );
        assert!(
            error(&image(0, 0).reshape([1, 1, 2, 1]))
                .starts_with("the model wants images as bytes (Uint8) of shape [N, 1, 1, 2]")
        );
        assert!(
            error(&Tensor::cat(&[image(0, 0), image(0, 0)], 0)).contains("use `predict_batch`")
        );
        assert!(error(&image(0, 0).narrow(0, 0, 0)).contains("one image is needed"));
    }

    #[test]
    fn mistakes_are_found_in_every_batch_and_an_interrupt_ends_the_search() {
        // All images are of the left; the last one, alone in its batch, looks like the right.
        let images = [image(9, 0).repeat([BATCH as i64, 1, 1, 1]), image(0, 9)];
        let labels = Tensor::zeros([BATCH as i64 + 1], (Kind::Int64, Device::Cpu));
        let dataset = dataset(Tensor::cat(&images, 0), labels);
        assert_eq!(classifier().mistakes(&dataset).unwrap(), [BATCH]);

        let front = FakeFront::without_socket();
        front.interrupt();
        let message = |stopped: Error| stopped.to_string();
        let found = front.cell(|| classifier().mistakes(&dataset));
        assert_eq!(
            found.map_err(message),
            Err(
                "the search for mistakes was stopped after 0 of 1,001 images; nothing is lost"
                    .into()
            )
        );
        let evaluation = front.cell(|| classifier().evaluate(&dataset));
        assert_eq!(
            evaluation.map_err(message),
            Err("the evaluation was stopped after 0 of 1,001 images; nothing is lost".into())
        );
    }
}

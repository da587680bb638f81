//! What a model must know about the images it was trained on.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};
use unicode_normalization::UnicodeNormalization;

use crate::error::{Error, Result};

/// What a model must know about the images it was trained on. It is saved with the weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatasetInfo {
    /// Shape of one image, `[C, H, W]`.
    pub image: [i64; 3],
    /// The names of the classes, in the order of the labels.
    pub classes: Vec<String>,
    /// How bytes become the numbers that a network sees.
    pub normalization: Normalization,
}

impl DatasetInfo {
    /// The label of a class.
    ///
    /// # Errors
    /// [`Error::Name`] with the names that exist.
    pub fn class_index(&self, class: &str) -> Result<usize> {
        let class = &composed(class);
        self.classes
            .iter()
            .position(|known| composed(known) == *class)
            .ok_or_else(|| Error::Name {
                what: "class",
                name: class.clone(),
                known: self.classes.clone(),
            })
    }

    /// Checks that a data set has the images, classes and normalisation that a model was trained with. The
    /// same number of classes is not enough: a model predicts labels, and another data set may give them
    /// other names.
    ///
    /// # Errors
    /// [`Error::Data`] with the first difference.
    pub(crate) fn check_same(&self, model: &DatasetInfo) -> Result<()> {
        let Some(difference) = self.difference(model) else {
            return Ok(());
        };
        Err(Error::Data(format!(
            "the model was not trained on such a data set: {difference}"
        )))
    }

    /// The first difference, in words.
    fn difference(&self, model: &DatasetInfo) -> Option<String> {
        if self.image != model.image {
            return Some(format!(
                "its images have the shape {:?}, the model's {:?}; load it in that size",
                self.image, model.image
            ));
        }
        self.class_difference(model).or_else(|| {
            (self.normalization != model.normalization).then(|| {
                format!(
                    "its pixels are normalised by {}, the model's by {}; give its `info` the model's normalisation",
                    self.normalization.in_words(),
                    model.normalization.in_words()
                )
            })
        })
    }

    fn class_difference(&self, model: &DatasetInfo) -> Option<String> {
        let (own, known) = (&self.classes, &model.classes);
        if own.len() != known.len() {
            return Some(format!(
                "it has {} classes, the model {}: {}",
                own.len(),
                known.len(),
                known.join(", ")
            ));
        }
        let mut pairs = own.iter().zip(known).enumerate();
        let (label, (own, known)) =
            pairs.find(|(_, (own, known))| composed(own) != composed(known))?;
        Some(format!(
            "label {label} is the class `{own}`, for the model `{known}`; classes must have the same \
             names in the same order"
        ))
    }
}

/// Pixels become (byte / 255 − mean) / std, as torchvision's `Normalize` computes them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normalization {
    /// Subtracted from each pixel, in [0, 1].
    pub mean: f64,
    /// The standard deviation that the difference is divided by, in [1e-6, 1e6].
    // Its name in files that were saved before.
    #[serde(alias = "deviation")]
    pub std: f64,
}

impl Default for Normalization {
    /// Mean 0.5, standard deviation 0.5: pixels in [−1, 1].
    fn default() -> Self {
        Normalization {
            mean: 0.5,
            std: 0.5,
        }
    }
}

impl Normalization {
    /// Bytes of any shape as floats: [0, 255] becomes [−1, 1] by default.
    pub fn apply(&self, bytes: &Tensor) -> Tensor {
        // One multiplication and one addition instead of three passes over the batch.
        let scale = 1.0 / (255.0 * self.std);
        bytes.to_kind(Kind::Float) * scale - self.mean / self.std
    }

    /// Checks that pixels become numbers that a network can work with.
    ///
    /// # Errors
    /// [`Error::Setting`] for a mean or a standard deviation out of range.
    pub(crate) fn check(&self) -> Result<()> {
        if (0.0..=1.0).contains(&self.mean) && (1e-6..=1e6).contains(&self.std) {
            return Ok(());
        }
        Err(Error::setting(
            "normalization",
            self.in_words(),
            "the mean must be in [0, 1], and the standard deviation greater than 0, in [1e-6, 1e6]",
        ))
    }

    fn in_words(&self) -> String {
        format!("mean {} and standard deviation {}", self.mean, self.std)
    }
}

/// A name in Unicode's composed form (NFC). macOS and some archives write `ä` as two characters, `a` and a
/// combining diaeresis: it looks the same, but it is not equal.
pub(super) fn composed(name: &str) -> String {
    name.nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(classes: &[&str]) -> DatasetInfo {
        DatasetInfo {
            image: [3, 32, 32],
            classes: classes.iter().map(ToString::to_string).collect(),
            normalization: Normalization::default(),
        }
    }

    fn refused(dataset: &DatasetInfo) -> String {
        let model = info(&["bear", "cat", "dog"]);
        let error = dataset.check_same(&model).unwrap_err().to_string();
        let head = "the model was not trained on such a data set: ";
        error.strip_prefix(head).unwrap().to_owned()
    }

    #[test]
    fn pixels_are_normalised_to_minus_one_to_one() {
        let bytes = Tensor::from_slice(&[0u8, 51, 127, 204, 255]);
        let pixels = Vec::<f32>::try_from(Normalization::default().apply(&bytes)).unwrap();
        let expected = [-1.0, -0.6, 127.0 / 127.5 - 1.0, 0.6, 1.0];
        for (pixel, expected) in pixels.iter().zip(expected) {
            assert!((pixel - expected).abs() < 1e-6, "{pixel} beside {expected}");
        }
    }

    #[test]
    fn files_with_the_old_field_name_are_read() {
        let expected = Normalization {
            mean: 0.25,
            std: 0.125,
        };
        for field in ["std", "deviation"] {
            let json = format!(r#"{{"mean":0.25,"{field}":0.125}}"#);
            let read: Normalization = serde_json::from_str(&json).unwrap();
            assert_eq!(read, expected);
        }
        let written = serde_json::to_string(&expected).unwrap();
        assert_eq!(written, r#"{"mean":0.25,"std":0.125}"#);
    }

    #[test]
    fn the_same_number_of_classes_is_not_enough() {
        let same = info(&["bear", "cat", "dog"]);
        same.check_same(&same.clone()).unwrap();
        let others = refused(&info(&["bear", "dog", "owl"]));
        assert!(
            others.starts_with("label 1 is the class `dog`, for the model `cat`"),
            "{others}"
        );
        let order = refused(&info(&["cat", "bear", "dog"]));
        assert!(order.starts_with("label 0 is the class `cat`"), "{order}");
        // The same letters, written by another program.
        let decomposed = info(&["ba\u{308}r"]);
        decomposed.check_same(&info(&["b\u{e4}r"])).unwrap();
        let fewer = refused(&info(&["bear", "cat"]));
        assert_eq!(fewer, "it has 2 classes, the model 3: bear, cat, dog");
    }

    #[test]
    fn images_and_their_normalisation_must_be_the_same_too() {
        let mut other = info(&["bear", "cat", "dog"]);
        other.normalization.mean = 0.25;
        let message = refused(&other);
        assert!(
            message.starts_with(
                "its pixels are normalised by mean 0.25 and standard deviation 0.5, the model's by mean 0.5"
            ),
            "{message}"
        );
        other.image = [1, 32, 32];
        assert!(refused(&other).starts_with("its images have the shape [1, 32, 32]"));
    }

    #[test]
    fn a_normalisation_must_give_numbers() {
        for (mean, std) in [
            (f64::NAN, 0.5),
            (1e308, 0.5),
            (0.5, 0.0),
            (0.5, 1e-320),
            (0.5, -1.0),
            (0.5, f64::INFINITY),
        ] {
            let error = Normalization { mean, std }.check().unwrap_err();
            assert!(error.to_string().starts_with("normalization is mean"));
        }
        // Bytes as they are.
        let (mean, std) = (0.0, 1.0 / 255.0);
        assert!(Normalization { mean, std }.check().is_ok());
    }
}

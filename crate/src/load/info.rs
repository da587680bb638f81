//! Whether images are those that a model knows.

use super::{DatasetInfo, Normalization, composed};
use crate::error::{Error, Result};

impl DatasetInfo {
    /// An error that names the first difference, unless images, classes and normalisation are those that
    /// a model knows: the same number of classes is not enough, for its answers are numbers, and these
    /// would get other names.
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
        if let Some((label, (own, known))) =
            pairs.find(|(_, (own, known))| composed(own) != composed(known))
        {
            return Some(format!(
                "label {label} is the class `{own}`, for the model `{known}`; classes must have the same \
                 names in the same order"
            ));
        }
        (self.normalization != model.normalization).then(|| {
            format!(
                "its pixels are normalised by {}, the model's by {}; give its `info` the model's normalisation",
                self.normalization.in_words(),
                model.normalization.in_words()
            )
        })
    }
}

impl Normalization {
    /// An error unless numbers come out that a network can work with.
    pub(crate) fn check(&self) -> Result<()> {
        if (0.0..=1.0).contains(&self.mean) && (1e-6..=1e6).contains(&self.deviation) {
            return Ok(());
        }
        Err(Error::setting(
            "normalization",
            self.in_words(),
            "the mean must be in [0, 1], and the deviation greater than 0, in [1e-6, 1e6]",
        ))
    }

    fn in_words(&self) -> String {
        format!("mean {} and deviation {}", self.mean, self.deviation)
    }
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
    fn as_many_classes_are_not_the_same_classes() {
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
                "its pixels are normalised by mean 0.25 and deviation 0.5, the model's by mean 0.5"
            ),
            "{message}"
        );
        other.image = [1, 32, 32];
        assert!(refused(&other).starts_with("its images have the shape [1, 32, 32]"));
    }

    #[test]
    fn a_normalisation_must_give_numbers() {
        for (mean, deviation) in [
            (f64::NAN, 0.5),
            (1e308, 0.5),
            (0.5, 0.0),
            (0.5, 1e-320),
            (0.5, -1.0),
            (0.5, f64::INFINITY),
        ] {
            let error = Normalization { mean, deviation }.check().unwrap_err();
            assert!(error.to_string().starts_with("normalization is mean"));
        }
        // Bytes as they are.
        let (mean, deviation) = (0.0, 1.0 / 255.0);
        assert!(Normalization { mean, deviation }.check().is_ok());
    }
}

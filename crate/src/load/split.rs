//! Splitting a data set in two, and balancing its classes.

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use tch::{Device, Tensor};

use super::batches::random_permutation;
use super::dataset::Dataset;
use crate::error::{Error, Result};

impl Dataset {
    /// Splits the images in two parts: the first gets this share of every class, the second the rest. The
    /// images and their order depend on the seed alone.
    ///
    /// ```
    /// use gasshuku::prelude::*;
    /// let images = Tensor::zeros([10, 1, 4, 4], (Kind::Uint8, Device::Cpu));
    /// let labels = Tensor::from_slice(&[0i64, 0, 0, 0, 0, 0, 1, 1, 1, 1]);
    /// let dataset = Dataset::new(&images, &labels, &["bear", "cat"])?;
    /// let (training_set, test_set) = dataset.split(0.5, 0)?;
    /// assert_eq!(training_set.class_counts(), [3, 2]);
    /// assert_eq!(test_set.class_counts(), [3, 2]);
    /// # Ok::<(), gasshuku::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Setting`] for a share that is not between 0 and 1, [`Error::Data`] if one part would have
    /// no image of a class, and for labels that no class has.
    pub fn split(&self, share: f64, seed: u64) -> Result<(Dataset, Dataset)> {
        if !(share > 0.0 && share < 1.0) {
            let requirement = "it must be greater than 0 and below 1";
            return Err(Error::setting("share", share, requirement));
        }
        let random = &mut StdRng::seed_from_u64(seed);
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for (class, mut indices) in self.indices_by_class()? {
            indices.shuffle(random);
            let count = (indices.len() as f64 * share).round() as usize;
            if count == 0 || count == indices.len() {
                return Err(cannot_split(class, indices.len(), share));
            }
            second.extend(indices.split_off(count));
            first.extend(indices);
        }
        first.shuffle(random);
        second.shuffle(random);
        Ok((self.select(&first)?, self.select(&second)?))
    }

    /// Splits the images in a training and a validation set at random, regardless of their classes, as PyTorch's
    /// `random_split` does. There is no validation set if the share rounds to no image.
    ///
    /// # Errors
    /// [`Error::Setting`] if no image would be left for training.
    pub(crate) fn validation_split(
        &self,
        validation_share: f64,
        seed: u64,
    ) -> Result<(Dataset, Option<Dataset>)> {
        match self.validation_indices(validation_share, seed)? {
            Some((training, validation)) => Ok((
                self.index_select(&training)?,
                Some(self.index_select(&validation)?),
            )),
            None => Ok((self.to_device(self.images.device())?, None)),
        }
    }

    /// The validation set of [`validation_split`](Self::validation_split), without a copy of the training images.
    ///
    /// # Errors
    /// Those of `validation_split`.
    pub(crate) fn validation_set(
        &self,
        validation_share: f64,
        seed: u64,
    ) -> Result<Option<Dataset>> {
        let indices = self.validation_indices(validation_share, seed)?;
        indices
            .map(|(_, validation)| self.index_select(&validation))
            .transpose()
    }

    /// The indices of the training images and of the validation images; `None` if no image is for validation.
    fn validation_indices(
        &self,
        validation_share: f64,
        seed: u64,
    ) -> Result<Option<(Tensor, Tensor)>> {
        let count = self.len() as i64;
        let held_out = (count as f64 * validation_share).round() as i64;
        if held_out == 0 {
            return Ok(None);
        }
        if held_out == count {
            let requirement = format!("that leaves none of the {count} images for training");
            return Err(Error::setting(
                "validation_share",
                validation_share,
                requirement,
            ));
        }
        let order = random_permutation(self.len(), seed)?;
        let rest = count - held_out;
        Ok(Some((
            order.f_narrow(0, 0, rest)?,
            order.f_narrow(0, rest, held_out)?,
        )))
    }

    /// As many images of every class as the rarest class has. The images and their order depend on the seed
    /// alone.
    ///
    /// # Errors
    /// [`Error::Data`] if a class has no image, and for labels that no class has.
    pub fn balanced(&self, seed: u64) -> Result<Dataset> {
        let random = &mut StdRng::seed_from_u64(seed);
        let classes = self.indices_by_class()?;
        let fewest = classes.iter().map(|(_, indices)| indices.len()).min();
        let fewest = fewest.unwrap_or(0);
        if let Some((class, _)) = classes.iter().find(|(_, indices)| indices.is_empty()) {
            return Err(Error::Data(format!(
                "class {class} has no image, so there is nothing to balance; add some, or leave the class out"
            )));
        }
        let mut chosen = Vec::with_capacity(fewest * classes.len());
        for (_, indices) in &classes {
            chosen.extend(indices.choose_multiple(random, fewest));
        }
        chosen.shuffle(random);
        self.select(&chosen)
    }

    /// Each class with the indices of its images.
    fn indices_by_class(&self) -> Result<Vec<(&str, Vec<usize>)>> {
        let names = self.info.classes.iter().map(String::as_str);
        let mut classes: Vec<(&str, Vec<usize>)> = names.map(|name| (name, Vec::new())).collect();
        let labels = Vec::<i64>::try_from(self.labels.f_to(Device::Cpu)?)?;
        for (index, label) in labels.into_iter().enumerate() {
            classes[self.checked_label(index, label)?].1.push(index);
        }
        Ok(classes)
    }
}

fn cannot_split(class: &str, count: usize, share: f64) -> Error {
    Error::Data(format!(
        "class {class} cannot be split: a share of {share} of its {count} images would leave one part without any; add images of it, or choose another share"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    /// Image i has a single pixel of value i.
    fn dataset(labels: &[i64]) -> Dataset {
        let count = labels.len() as i64;
        let images = Tensor::arange(count, (Kind::Uint8, Device::Cpu)).reshape([count, 1, 1, 1]);
        let classes = ["bear", "cat", "dog"];
        Dataset::new(&images, &Tensor::from_slice(labels), &classes).unwrap()
    }

    /// 10 bears, 20 cats and 5 dogs, in turns as long as there are any.
    fn animals() -> Dataset {
        let labels: Vec<i64> = (0..20)
            .flat_map(|turn| {
                let classes = [(0, 10), (1, 20), (2, 5)].into_iter();
                classes.filter_map(move |(class, count)| (turn < count).then_some(class))
            })
            .collect();
        dataset(&labels)
    }

    fn pixels(dataset: &Dataset) -> Vec<u8> {
        Vec::try_from(dataset.images.flatten(0, -1)).unwrap()
    }

    #[test]
    fn each_class_is_split_by_the_share_and_no_image_is_lost() {
        let whole = animals();
        let (first, second) = whole.split(0.7, 3).unwrap();
        // 3.5 dogs are 4.
        assert_eq!(first.class_counts(), [7, 14, 4]);
        assert_eq!(second.class_counts(), [3, 6, 1]);
        let mut all = [pixels(&first), pixels(&second)].concat();
        all.sort_unstable();
        assert_eq!(all, (0..35).collect::<Vec<u8>>());
        for part in [&first, &second] {
            for (index, pixel) in pixels(part).into_iter().enumerate() {
                let label = whole.label(pixel.into()).unwrap();
                assert_eq!(part.label(index).unwrap(), label, "image {pixel}");
            }
            assert_eq!(part.info, whole.info);
        }
    }

    #[test]
    fn the_order_depends_on_the_seed_and_mixes_the_classes() {
        let first = |seed| pixels(&animals().split(0.5, seed).unwrap().0);
        assert_eq!(first(1), first(1));
        assert_ne!(first(1), first(2));
        assert!(!first(1).is_sorted());
        let balanced = |seed| pixels(&animals().balanced(seed).unwrap());
        assert_eq!(balanced(1), balanced(1));
        assert_ne!(balanced(1), balanced(2));
    }

    #[test]
    fn a_balanced_set_has_as_many_images_of_each_class_as_the_rarest() {
        let whole = animals();
        let balanced = whole.balanced(0).unwrap();
        assert_eq!(balanced.class_counts(), [5, 5, 5]);
        let mut chosen = pixels(&balanced);
        chosen.sort_unstable();
        chosen.dedup();
        assert_eq!(chosen.len(), 15, "no image twice");
    }

    #[test]
    fn a_changed_label_is_an_error() {
        for label in [3, -1] {
            let dataset = dataset(&[0, 0, 1, 1, 2, 2]);
            let _ = dataset.labels.get(4).fill_(label);
            let expected =
                format!("image 4 has label {label}, but there are 3 classes, labelled 0 to 2");
            let error = dataset.split(0.5, 0).expect_err("no such class");
            assert_eq!(error.to_string(), expected);
            let error = dataset.balanced(0).expect_err("no such class");
            assert_eq!(error.to_string(), expected);
            assert_eq!(dataset.label(4).expect_err("none").to_string(), expected);
            assert_eq!(dataset.class(4).expect_err("none").to_string(), expected);
            assert_eq!(dataset.class_counts(), [2, 2, 1]);
        }
    }

    #[test]
    fn a_part_without_a_class_is_an_error() {
        let message = |labels: &[i64], share| {
            let error = dataset(labels).split(share, 0).expect_err("too few");
            error.to_string()
        };
        assert_eq!(
            message(&[0, 0, 1, 2, 2], 0.5),
            "class cat cannot be split: a share of 0.5 of its 1 images would leave one part \
             without any; add images of it, or choose another share"
        );
        assert!(message(&[0, 0, 1, 1, 2, 2], 0.8).starts_with("class bear cannot be split"));
        assert!(message(&[0, 0, 1, 1], 0.5).starts_with("class dog cannot be split"));
        for share in [0.0, 1.0, -0.5, f64::NAN] {
            assert!(message(&[0, 0], share).starts_with("share is "), "{share}");
        }
        let message = dataset(&[0, 1])
            .balanced(0)
            .expect_err("no dog")
            .to_string();
        assert!(message.starts_with("class dog has no image"), "{message}");
    }
}

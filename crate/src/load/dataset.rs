//! A data set: images, their labels and what a model must know about them.

use tch::{Device, IndexOp, Kind, Tensor};

use super::batches::{Batches, batch, random_permutation};
use super::info::{DatasetInfo, Normalization, composed};
use crate::error::{Error, Result};

/// Images and their labels, as bytes, on one device.
#[derive(Debug)]
pub struct Dataset {
    /// The images, `[N, C, H, W]`, `u8`, 0 (black) to 255 (white).
    pub images: Tensor,
    /// The class of each image, `[N]`, `i64`, 0 to the number of classes − 1.
    pub labels: Tensor,
    /// What a model must know about these images.
    pub info: DatasetInfo,
}

impl Dataset {
    /// A data set of your own images. It shares the memory of the tensors.
    ///
    /// `images` are `u8` `[N, C, H, W]`, `labels` `i64` `[N]` below the number of classes.
    ///
    /// # Errors
    /// [`Error::Data`] if shapes, kinds, counts or labels do not fit together.
    pub fn new(images: &Tensor, labels: &Tensor, classes: &[impl AsRef<str>]) -> Result<Dataset> {
        let classes = classes.iter().map(|name| name.as_ref().to_owned());
        Dataset::from_tensors(images, labels, classes.collect())
    }

    fn from_tensors(images: &Tensor, labels: &Tensor, classes: Vec<String>) -> Result<Dataset> {
        let image = image_shape(images)?;
        check_labels(images, labels, &classes)?;
        let info = DatasetInfo {
            image,
            classes: classes.iter().map(|name| composed(name)).collect(),
            normalization: Normalization::default(),
        };
        Ok(Dataset {
            images: images.shallow_clone(),
            labels: labels.shallow_clone(),
            info,
        })
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        self.labels.numel()
    }

    /// Whether it has no images.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same data on another device; nothing is copied if it is there already.
    ///
    /// # Errors
    /// [`Error::Torch`] if the device has not enough memory.
    pub fn to_device(&self, device: Device) -> Result<Dataset> {
        let moved = |tensor: &Tensor| tensor.f_to(device);
        Ok(Dataset {
            images: moved(&self.images)?,
            labels: moved(&self.labels)?,
            info: self.info.clone(),
        })
    }

    /// One image as a batch of one, `u8` `[1, C, H, W]`.
    ///
    /// # Errors
    /// [`Error::Index`] beyond the last image.
    pub fn image(&self, index: usize) -> Result<Tensor> {
        self.check_index(index)?;
        Ok(self.images.narrow(0, index as i64, 1))
    }

    /// The label of one image.
    ///
    /// # Errors
    /// [`Error::Index`] beyond the last image, [`Error::Data`] if the label was changed to one that no
    /// class has.
    pub fn label(&self, index: usize) -> Result<usize> {
        self.check_index(index)?;
        self.checked_label(index, self.labels.int64_value(&[index as i64]))
    }

    /// The label as an index of a class. The tensor is public, so its labels may have been changed.
    pub(super) fn checked_label(&self, index: usize, label: i64) -> Result<usize> {
        let count = self.info.classes.len();
        usize::try_from(label)
            .ok()
            .filter(|&label| label < count)
            .ok_or_else(|| label_out_of_range(index as i64, label, count as i64))
    }

    /// The name of the class of one image.
    ///
    /// # Errors
    /// Those of [`label`](Self::label).
    pub fn class(&self, index: usize) -> Result<&str> {
        Ok(&self.info.classes[self.label(index)?])
    }

    /// How many images each class has.
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.info.classes.len()];
        let labels = self.labels.to_device(Device::Cpu).to_kind(Kind::Int64);
        for label in Vec::<i64>::try_from(labels.flatten(0, -1)).unwrap_or_default() {
            // The tensor is public: a label that no class has is not counted.
            let count = usize::try_from(label)
                .ok()
                .and_then(|label| counts.get_mut(label));
            if let Some(count) = count {
                *count += 1;
            }
        }
        counts
    }

    /// The indices of the first `count` images of a class.
    ///
    /// # Errors
    /// [`Error::Name`] if there is no such class.
    pub fn indices_of(&self, class: &str, count: usize) -> Result<Vec<usize>> {
        let label = self.class_index(class)?;
        let found = self
            .labels
            .eq(label as i64)
            .nonzero()
            .flatten(0, -1)
            .to_device(Device::Cpu);
        Ok(Vec::<i64>::try_from(&found)?
            .into_iter()
            .take(count)
            .map(|index| index as usize)
            .collect())
    }

    /// The label of a class.
    ///
    /// # Errors
    /// [`Error::Name`] with the names that exist.
    pub fn class_index(&self, class: &str) -> Result<usize> {
        self.info.class_index(class)
    }

    /// The images of these indices, in this order.
    ///
    /// # Errors
    /// [`Error::Index`] beyond the last image.
    pub fn select(&self, indices: &[usize]) -> Result<Dataset> {
        for &index in indices {
            self.check_index(index)?;
        }
        let indices: Vec<i64> = indices.iter().map(|&index| index as i64).collect();
        self.index_select(&Tensor::from_slice(&indices))
    }

    /// The mini-batches of one epoch, in an order that depends on the seed alone.
    ///
    /// The last batch has the images that are left. If a single image would be left, it joins the batch
    /// before: batch normalisation needs the variance of at least two.
    ///
    /// # Errors
    /// [`Error::Setting`] for a batch size of 0, [`Error::Data`] without images.
    pub fn shuffled_batches(&self, batch_size: usize, seed: u64) -> Result<Batches> {
        self.batches_in_order(random_permutation(self.len(), seed)?, batch_size)
    }

    /// The mini-batches from the first image to the last.
    ///
    /// # Errors
    /// Those of [`shuffled_batches`](Self::shuffled_batches).
    pub fn batches(&self, batch_size: usize) -> Result<Batches> {
        let order = Tensor::f_arange(self.len() as i64, (Kind::Int64, Device::Cpu))?;
        self.batches_in_order(order, batch_size)
    }

    fn batches_in_order(&self, order: Tensor, batch_size: usize) -> Result<Batches> {
        if batch_size == 0 {
            return Err(Error::setting(
                "batch_size",
                batch_size,
                "a batch holds at least 1 image",
            ));
        }
        if self.is_empty() {
            return Err(Error::Data("there are no images in this data set".into()));
        }
        let order = order.f_to(self.images.device())?;
        let data = (&self.images, &self.labels);
        Ok(Batches::new(
            data,
            self.info.normalization,
            order,
            batch_size,
        ))
    }

    /// The normalised images `[n, C, H, W]` and the labels `[n]` of these indices, `[n]`.
    pub(crate) fn batch(&self, indices: &Tensor) -> (Tensor, Tensor) {
        batch(&self.images, &self.labels, self.info.normalization, indices)
    }

    /// The images of these indices, `[n]`, `i64`.
    pub(super) fn index_select(&self, indices: &Tensor) -> Result<Dataset> {
        let indices = indices.f_to(self.images.device())?;
        Ok(Dataset {
            images: self.images.f_index_select(0, &indices)?,
            labels: self.labels.f_index_select(0, &indices)?,
            info: self.info.clone(),
        })
    }

    fn check_index(&self, index: usize) -> Result<()> {
        if index < self.len() {
            Ok(())
        } else {
            Err(Error::Index {
                what: "image",
                index,
                count: self.len(),
            })
        }
    }
}

fn image_shape(images: &Tensor) -> Result<[i64; 3]> {
    match (images.kind(), &images.size()[..]) {
        (Kind::Uint8, &[_, channels, height, width]) => Ok([channels, height, width]),
        (kind, _) => Err(Error::Data(format!(
            "images must be bytes (Uint8) of shape [N, C, H, W], these are {kind:?} of shape {:?}",
            images.size()
        ))),
    }
}

fn check_labels(images: &Tensor, labels: &Tensor, classes: &[String]) -> Result<()> {
    if labels.kind() != Kind::Int64 || labels.dim() != 1 {
        return Err(Error::Data(format!(
            "labels must be integers (Int64) of shape [N], these are {:?} of shape {:?}",
            labels.kind(),
            labels.size()
        )));
    }
    let (images, labelled) = (images.size()[0], labels.size()[0]);
    if images != labelled {
        return Err(Error::Data(format!(
            "there are {images} images but {labelled} labels; are both files of the same split?"
        )));
    }
    let count = classes.len() as i64;
    let out_of_range = labels.lt(0).logical_or(&labels.ge(count)).nonzero();
    if out_of_range.size()[0] == 0 {
        return Ok(());
    }
    let (min, max) = (labels.min().int64_value(&[]), labels.max().int64_value(&[]));
    if (min, max) == (1, count) {
        return Err(Error::Data(format!(
            "labels count from 0; these run from 1 to {count}: subtract 1"
        )));
    }
    let index = out_of_range.i((0, 0)).int64_value(&[]);
    Err(label_out_of_range(
        index,
        labels.int64_value(&[index]),
        count,
    ))
}

fn label_out_of_range(index: i64, label: i64, count: i64) -> Error {
    Error::Data(match count {
        0 => format!("image {index} has label {label}, but there are no classes; give their names"),
        1 => format!("image {index} has label {label}, but there is one class, labelled 0"),
        _ => format!(
            "image {index} has label {label}, but there are {count} classes, labelled 0 to {}",
            count - 1
        ),
    })
}

#[cfg(test)]
mod tests;

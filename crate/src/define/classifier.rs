//! A model together with the description of its data.

use tch::{Kind, Tensor};

use super::model::Model;
use crate::error::{Error, Result};
use crate::language::translate;
use crate::load::{Dataset, DatasetInfo};

/// A model with the description of its data: all that prediction and explanation need.
///
/// [`load_model`](crate::save::load_model) makes one from a file.
pub struct Classifier {
    /// The network.
    pub model: Box<dyn Model>,
    /// Image size, classes and normalisation of its training set.
    pub info: DatasetInfo,
}

impl Classifier {
    /// A classifier from any model and the description of the data it was trained on.
    pub fn new(model: Box<dyn Model>, info: &DatasetInfo) -> Classifier {
        Classifier {
            model,
            info: info.clone(),
        }
    }

    /// Images, bytes of shape `[N, C, H, W]`, as the network was trained on them: normalised, on its device.
    pub(crate) fn normalised(&self, images: &Tensor) -> Result<Tensor> {
        self.check_images(images)?;
        let images = images.f_to(self.model.variables().device())?;
        Ok(self.info.normalization.apply(&images))
    }

    /// An error unless a data set has the images, classes and normalisation that the model was trained on.
    pub(crate) fn check_fits(&self, dataset: &Dataset) -> Result<()> {
        dataset.info.check_same(&self.info)
    }

    /// An error unless these are bytes of the shape that the model was trained on.
    pub(crate) fn check_images(&self, images: &Tensor) -> Result<()> {
        let size = images.size();
        if images.kind() == Kind::Uint8 && size.len() == 4 && size[1..] == self.info.image {
            return Ok(());
        }
        let [channels, height, width] = self.info.image;
        Err(Error::Data(format!(
            "the model wants images as bytes (Uint8) of shape [N, {channels}, {height}, {width}]; these are \
             {:?} of shape {size:?}",
            images.kind()
        )))
    }
}

impl std::fmt::Debug for Classifier {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (image, classes) = (self.info.image, self.info.classes.join(", "));
        formatter.write_str(&translate!(
            "a classifier of images {image:?} into {classes}",
            "画像 {image:?} の分類器、クラス: {classes}"
        ))
    }
}

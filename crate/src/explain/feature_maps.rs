//! Feature maps: what each filter finds in an image.

use tch::{Device, Tensor};

use crate::define::model::forward;
use crate::define::{ForwardPass, Model};
use crate::error::{Error, Result};

/// What each filter of a layer answers to one normalised image `[1, C, H, W]`: `[K, h, w]`, on the
/// CPU.
///
/// # Errors
/// [`Error::Name`] with the layers that exist; [`Error::Explain`] for one without height and width;
/// [`Error::Data`] for more or fewer images than one; [`Error::Forward`] if the image does not fit.
pub fn feature_maps(model: &dyn Model, image: &Tensor, layer: &str) -> Result<Tensor> {
    if image.size().first() != Some(&1) {
        return Err(Error::Data(format!(
            "feature maps are those of one image, of shape [1, C, H, W]; this is {:?}",
            image.size()
        )));
    }
    let mut pass = ForwardPass::recording();
    let image = image.f_to(model.variables().device())?;
    let _logits = tch::no_grad(|| forward(model, &image, &mut pass))?;
    let activation = pass.layer(layer)?;
    super::question::check_spatial(layer, activation)?;
    Ok(activation.f_squeeze_dim(0)?.f_to(Device::Cpu)?)
}

//! Feature maps: the output of each filter for an image.

use tch::{Device, Tensor};

use crate::define::model::forward;
use crate::define::{ForwardPass, Model};
use crate::error::{Error, Result};

/// The output of each filter of a layer for one normalised image `[1, C, H, W]`: `[K, h, w]`, on the CPU.
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
    super::attribution_context::check_spatial(layer, activation)?;
    Ok(activation.f_squeeze_dim(0)?.f_to(Device::Cpu)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::define::{LeNet, LeNetSettings};
    use tch::Kind;

    #[test]
    fn feature_maps_are_the_activations_of_one_image() {
        let model = LeNet::new(&LeNetSettings::default(), Device::Cpu).unwrap();
        let image = Tensor::rand([1, 1, 28, 28], (Kind::Float, Device::Cpu));
        let found = feature_maps(&model, &image, "conv1").unwrap();
        let weights = model.variables().variables();
        let expected = image.conv2d(
            &weights["conv1.weight"],
            Some(&weights["conv1.bias"]),
            [1, 1],
            [0, 0],
            [1, 1],
            1,
        );
        assert_eq!(found, expected.squeeze_dim(0));
        assert!(!found.requires_grad());
    }

    #[test]
    fn what_has_no_feature_maps_says_why() {
        let model = LeNet::new(&LeNetSettings::default(), Device::Cpu).unwrap();
        let images = Tensor::zeros([2, 1, 28, 28], (Kind::Float, Device::Cpu));
        let message = |images: &Tensor, layer| {
            feature_maps(&model, images, layer)
                .expect_err("no maps")
                .to_string()
        };
        let one = images.narrow(0, 0, 1);
        assert!(message(&one, "fc1").starts_with("layer fc1 cannot be explained"));
        assert!(message(&one, "conv9").starts_with("there is no layer `conv9`; there are: conv1"));
        assert!(message(&images, "conv1").contains("those of one image"));
        assert!(message(&images.narrow(0, 0, 0), "conv1").contains("those of one image"));
    }
}

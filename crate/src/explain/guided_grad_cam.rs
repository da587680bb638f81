//! Guided Grad-CAM: the pixels of guided backpropagation, where Grad-CAM looks.

use tch::Tensor;

use super::{GradCam, GuidedBackpropagation, Method, Question, enlarge};
use crate::error::Result;
use crate::language::translate;

/// Selvaraju et al., arXiv 1610.02391, section 3.3: the product, pixel by pixel, of guided
/// backpropagation and the Grad-CAM map enlarged to the image.
///
/// The map is enlarged bilinearly, as the paper says; Captum's `GuidedGradCam` takes the nearest
/// place unless it is told `interpolate_mode="bilinear"`. The map is not scaled before it is
/// multiplied, as in Captum; pytorch-grad-cam's example scales it.
#[derive(Clone, Debug, PartialEq)]
pub struct GuidedGradCam {
    /// The layer that Grad-CAM looks into.
    pub layer: String,
}

impl GuidedGradCam {
    /// Guided Grad-CAM at the layer of that name.
    pub fn at(layer: &str) -> GuidedGradCam {
        GuidedGradCam {
            layer: layer.to_string(),
        }
    }
}

impl Method for GuidedGradCam {
    fn name(&self) -> String {
        translate!("Guided Grad-CAM at {}", "Guided Grad-CAM ({})", self.layer)
    }

    /// `[N, C, H, W]`, with signs.
    fn attribute(&self, question: &Question) -> Result<Tensor> {
        let pixels = GuidedBackpropagation.attribute(question)?;
        let (_, _, height, width) = pixels.size4()?;
        let places = GradCam::at(&self.layer).attribute(question)?;
        Ok(pixels.f_mul(&enlarge(&places, [height, width])?)?)
    }

    fn is_signed(&self) -> bool {
        true
    }
}

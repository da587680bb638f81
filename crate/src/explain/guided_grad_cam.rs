//! Guided Grad-CAM: guided backpropagation, limited to the regions that Grad-CAM marks.

use tch::Tensor;

use super::{AttributionContext, GradCam, GuidedBackpropagation, Method, enlarge};
use crate::error::Result;
use crate::language::translate;

/// Selvaraju et al., arXiv 1610.02391, section 3.3: the product, pixel by pixel, of guided
/// backpropagation and the Grad-CAM map enlarged to the image.
///
/// The map is enlarged bilinearly, as the paper says; Captum's `GuidedGradCam` takes the nearest
/// position unless `interpolate_mode="bilinear"` is set. The map is not scaled before it is
/// multiplied, as in Captum; pytorch-grad-cam's example scales it.
#[derive(Clone, Debug, PartialEq)]
pub struct GuidedGradCam {
    /// The name of Grad-CAM's layer.
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
    fn attribute(&self, context: &AttributionContext) -> Result<Tensor> {
        let pixels = GuidedBackpropagation.attribute(context)?;
        let (_, _, height, width) = pixels.size4()?;
        let map = GradCam::at(&self.layer).attribute(context)?;
        Ok(pixels.f_mul(&enlarge(&map, [height, width])?)?)
    }

    fn is_signed(&self) -> bool {
        true
    }
}

//! Saliency: the pixels that the answer depends on.

use tch::Tensor;

use super::{AttributionContext, Method};
use crate::error::Result;
use crate::language::translated;

/// The magnitude of the gradient of the logit with respect to each pixel, |∂y/∂x|.
///
/// Simonyan, Vedaldi, Zisserman, "Deep Inside Convolutional Networks: Visualising Image
/// Classification Models and Saliency Maps", arXiv 1312.6034, section 3. The
/// attributions keep every channel, as Captum's `Saliency` does;
/// [`heat_maps`](super::Explanation::heat_maps) takes the largest one of a colour image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Saliency;

impl Method for Saliency {
    fn name(&self) -> String {
        translated("Saliency", "顕著性マップ").into()
    }

    /// `[N, C, H, W]`, 0 or more.
    fn attribute(&self, context: &AttributionContext) -> Result<Tensor> {
        Ok(context.input_gradient()?.f_abs()?)
    }
}

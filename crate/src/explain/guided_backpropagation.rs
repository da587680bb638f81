//! Guided backpropagation: a sharper gradient, which says less about the network.

use tch::Tensor;

use super::{AttributionContext, Method};
use crate::error::Result;

/// Springenberg, Dosovitskiy, Brox, Riedmiller, "Striving for Simplicity: The All Convolutional
/// Net", arXiv 1412.6806, section 3.4.
///
/// The gradient of the logit with respect to each pixel, except that a ReLU lets a gradient g back
/// only where it is positive, besides where its input x was: g · \[x > 0\] · \[g > 0\].
///
/// It finds the ReLUs that a network computes with [`ForwardPass::relu`]; a network without any,
/// such as LeNet with sigmoids, has nothing to guide, and the result is the plain gradient, as in
/// Captum and pytorch-grad-cam. The maps look sharp, but much of them is the image and not the
/// network: see [`sanity_check`](fn@super::sanity_check).
///
/// [`ForwardPass::relu`]: crate::define::ForwardPass::relu
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GuidedBackpropagation;

impl Method for GuidedBackpropagation {
    fn name(&self) -> String {
        "Guided backpropagation".into()
    }

    /// `[N, C, H, W]`, with signs.
    fn attribute(&self, context: &AttributionContext) -> Result<Tensor> {
        context.guided_gradient()
    }

    fn is_signed(&self) -> bool {
        true
    }
}

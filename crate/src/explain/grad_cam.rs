//! Grad-CAM: the regions of a layer that speak for a class.

use tch::{Kind, Tensor};

use super::{AttributionContext, Method};
use crate::error::Result;
use crate::language::translate;

/// Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
/// Localization", arXiv 1610.02391.
///
/// Each filter k of the layer gets a weight: how much the logit y of the class grows, on average
/// over the positions i, j, when its activation A does (equation 1). The map is the sum of the
/// activations with these weights, and only what is positive, since what lowers the logit belongs
/// to other classes (equation 2):
///
/// ```text
/// αₖ = 1/(h·w) Σᵢⱼ ∂y/∂Aᵏᵢⱼ          L = ReLU(Σₖ αₖ Aᵏ)
/// ```
///
/// pytorch-grad-cam and Captum compute the same; Captum applies the ReLU only with
/// `relu_attributions=True`.
#[derive(Clone, Debug, PartialEq)]
pub struct GradCam {
    /// The name of the layer, usually the last convolution.
    pub layer: String,
}

impl GradCam {
    /// Grad-CAM at the layer of that name.
    pub fn at(layer: &str) -> GradCam {
        GradCam {
            layer: layer.to_string(),
        }
    }
}

impl Method for GradCam {
    fn name(&self) -> String {
        translate!("Grad-CAM at {}", "Grad-CAM ({})", self.layer)
    }

    /// `[N, 1, h, w]` at the size of the layer, 0 or more.
    fn attribute(&self, context: &AttributionContext) -> Result<Tensor> {
        let (activation, gradient) = context.activation_and_gradient(&self.layer)?;
        let weights = gradient.f_mean_dim([2i64, 3].as_slice(), true, Kind::Float)?;
        weighted_sum(&weights, &activation)
    }
}

/// ReLU(Σₖ αₖ Aᵏ), `[N, 1, h, w]`, of weights `[N, K, 1, 1]` and activations `[N, K, h, w]`.
pub(super) fn weighted_sum(weights: &Tensor, activation: &Tensor) -> Result<Tensor> {
    let sum = weights
        .f_mul(activation)?
        .f_sum_dim_intlist([1i64].as_slice(), true, Kind::Float)?;
    Ok(sum.f_relu()?)
}

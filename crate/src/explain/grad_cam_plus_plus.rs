//! Grad-CAM++: Grad-CAM for several objects of one class, and for small ones.

use tch::{Kind, Tensor};

use super::grad_cam::weighted_sum;
use super::{AttributionContext, Method};
use crate::error::Result;
use crate::language::translate;

/// Keeps the denominator of equation 19 away from zero, as in pytorch-grad-cam.
const EPSILON: f64 = 1e-6;

/// Chattopadhyay et al., "Grad-CAM++: Generalized Gradient-based Visual Explanations for Deep
/// Convolutional Networks", arXiv 1710.11063.
///
/// Grad-CAM averages the gradient over all positions; Grad-CAM++ sums the positive gradients,
/// each with its own weight (equations 19 and 11; g is ∂y/∂Aᵏᵢⱼ):
///
/// ```text
/// αᵏᵢⱼ = g² / (2 g² + Σₐᵦ Aᵏₐᵦ · g³)     wₖ = Σᵢⱼ αᵏᵢⱼ ReLU(g)     L = ReLU(Σₖ wₖ Aᵏ)
/// ```
///
/// The paper differentiates eʸ instead of y, which multiplies the whole map by eʸ. That factor is
/// left out here, as in pytorch-grad-cam, which this follows to the 10⁻⁶ in the denominator and to
/// α = 0 where g = 0: it vanishes when a map is scaled, and overflows for a large logit.
///
/// Choose a layer after an activation function, such as `sigmoid2`: where A can be negative, as at
/// a convolution itself, the denominator passes through zero, and single weights become enormous.
#[derive(Clone, Debug, PartialEq)]
pub struct GradCamPlusPlus {
    /// The name of the layer, usually the last convolution.
    pub layer: String,
}

impl GradCamPlusPlus {
    /// Grad-CAM++ at the layer of that name.
    pub fn at(layer: &str) -> GradCamPlusPlus {
        GradCamPlusPlus {
            layer: layer.to_string(),
        }
    }
}

impl Method for GradCamPlusPlus {
    fn name(&self) -> String {
        translate!("Grad-CAM++ at {}", "Grad-CAM++ ({})", self.layer)
    }

    /// `[N, 1, h, w]` at the size of the layer, 0 or more.
    fn attribute(&self, context: &AttributionContext) -> Result<Tensor> {
        let (activation, gradient) = context.activation_and_gradient(&self.layer)?;
        let positions = [2i64, 3];
        let sum = activation.f_sum_dim_intlist(positions.as_slice(), true, Kind::Float)?;
        let squared = gradient.f_mul(&gradient)?;
        let cubed = squared.f_mul(&gradient)?;
        let denominator = squared
            .f_mul_scalar(2.0)?
            .f_add(&sum.f_mul(&cubed)?)?
            .f_add_scalar(EPSILON)?;
        // Where the gradient is zero, the numerator is zero too, so α needs no special case.
        let alpha = squared.f_div(&denominator)?;
        let weights = alpha.f_mul(&gradient.f_relu()?)?.f_sum_dim_intlist(
            positions.as_slice(),
            true,
            Kind::Float,
        )?;
        weighted_sum(&weights, &activation)
    }
}

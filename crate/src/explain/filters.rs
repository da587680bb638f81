//! Filters: what a convolution looks for.

use tch::{Device, Tensor};

use crate::define::Model;
use crate::error::{Error, Result};

/// The filters of a convolution, `[K, C, height, width]`: a kernel for each of K filters and each
/// of C channels of what the layer before puts out. A copy, on the CPU.
///
/// # Errors
/// [`Error::Name`] with the convolutions that exist.
pub fn filters(model: &dyn Model, layer: &str) -> Result<Tensor> {
    let mut convolutions: Vec<(String, Tensor)> = model
        .variables()
        .variables()
        .into_iter()
        .filter(|(_, weight)| weight.dim() == 4)
        .filter_map(|(name, weight)| Some((name.strip_suffix(".weight")?.to_string(), weight)))
        .collect();
    convolutions.sort_by(|(left, _), (right, _)| left.cmp(right));
    match convolutions.iter().find(|(name, _)| name == layer) {
        Some((_, weight)) => Ok(weight.f_detach()?.f_to(Device::Cpu)?.f_contiguous()?.copy()),
        None => Err(Error::Name {
            what: "convolution",
            name: layer.to_string(),
            known: convolutions.into_iter().map(|(name, _)| name).collect(),
        }),
    }
}

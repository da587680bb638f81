//! Filters: the weights of a convolution.

use tch::{Device, Tensor};

use crate::define::Model;
use crate::error::{Error, Result};

/// The filters of a convolution, `[K, C, height, width]`: a kernel for each of K filters and each
/// of C channels of its input. A copy, on the CPU.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::define::{LeNet, LeNetSettings};

    #[test]
    fn filters_are_a_copy_of_the_weights() {
        let model = LeNet::new(&LeNetSettings::colour(), Device::Cpu).unwrap();
        let weight = &model.variables().variables()["conv1.weight"];
        let mut found = filters(&model, "conv1").unwrap();
        assert_eq!(found.size(), [6, 3, 5, 5]);
        assert_eq!(&found, weight);
        let _zeros = found.fill_(0.0);
        assert_ne!(&found, weight);
        assert_eq!(filters(&model, "conv2").unwrap().size(), [16, 6, 5, 5]);
    }

    #[test]
    fn a_layer_without_filters_gets_the_list_of_those_with() {
        let model = LeNet::new(&LeNetSettings::default(), Device::Cpu).unwrap();
        for layer in ["fc1", "pool1", "Conv1", ""] {
            let message = filters(&model, layer).expect_err("no filters").to_string();
            assert_eq!(
                message,
                format!("there is no convolution `{layer}`; there are: conv1, conv2")
            );
        }
    }
}

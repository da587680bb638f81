//! A network's layers, sizes and parameters.

use std::collections::HashMap;

use tch::{Kind, Tensor};

use super::forward_pass::ForwardPass;
use super::model::{Model, forward};
use crate::error::Result;

/// One layer of a [`Summary`].
#[derive(Clone, Debug, PartialEq)]
pub struct LayerRow {
    /// The name of its activation in the network, or of its parameters.
    pub layer: String,
    /// Shape of the layer's output for one image; `None` if the network does not record it.
    pub output: Option<Vec<i64>>,
    /// The number of trainable parameters.
    pub parameters: usize,
}

/// The layers of a network, in the order of computation. A notebook shows it as a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Shape of one image, `[C, H, W]`.
    pub image: [i64; 3],
    /// The layers.
    pub layers: Vec<LayerRow>,
}

impl Summary {
    /// The number of trainable parameters of all layers.
    pub fn parameters(&self) -> usize {
        self.layers.iter().map(|layer| layer.parameters).sum()
    }
}

/// The output shape of each layer for one image `[C, H, W]`, and its number of trainable parameters.
///
/// # Errors
/// [`Error::Forward`](crate::Error::Forward) if the network cannot process such an image.
pub fn summary(model: &dyn Model, image: [i64; 3]) -> Result<Summary> {
    let [channels, height, width] = image;
    let device = model.variables().device();
    let images = Tensor::f_zeros([1, channels, height, width], (Kind::Float, device))?;
    let mut pass = ForwardPass::recording();
    {
        let _no_gradients = tch::no_grad_guard();
        let _logits = forward(model, &images, &mut pass)?;
    }

    let mut parameters = parameters_by_layer(model);
    let mut layers: Vec<LayerRow> = pass
        .activations()
        .iter()
        .map(|(name, activation)| LayerRow {
            layer: name.clone(),
            output: Some(activation.size()[1..].to_vec()),
            parameters: parameters.remove(name).unwrap_or(0),
        })
        .collect();
    let mut unrecorded: Vec<_> = parameters.into_iter().collect();
    unrecorded.sort();
    layers.extend(unrecorded.into_iter().map(|(layer, parameters)| LayerRow {
        layer,
        output: None,
        parameters,
    }));
    Ok(Summary { image, layers })
}

/// Trainable parameters by the name before the last dot: `conv1` for `conv1.weight`.
fn parameters_by_layer(model: &dyn Model) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for (name, tensor) in model.variables().variables() {
        if tensor.requires_grad() {
            let layer = name
                .rsplit_once('.')
                .map_or(name.as_str(), |(layer, _)| layer);
            *counts.entry(layer.to_string()).or_default() += tensor.numel();
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::define::{LeNet, LeNetSettings};
    use tch::{Device, nn};

    fn row(layer: &str, output: &[i64], parameters: usize) -> LayerRow {
        LayerRow {
            layer: layer.into(),
            output: Some(output.to_vec()),
            parameters,
        }
    }

    #[test]
    fn lenets_table_is_the_workshops() {
        let model = LeNet::new(&LeNetSettings::default(), Device::Cpu).unwrap();
        let expected = vec![
            row("conv1", &[6, 24, 24], 156),
            row("pool1", &[6, 12, 12], 0),
            row("sigmoid1", &[6, 12, 12], 0),
            row("conv2", &[16, 8, 8], 2416),
            row("pool2", &[16, 4, 4], 0),
            row("sigmoid2", &[16, 4, 4], 0),
            row("fc1", &[120], 30840),
            row("fc2", &[64], 7744),
            row("fc3", &[10], 650),
        ];
        assert_eq!(summary(&model, [1, 28, 28]).unwrap().layers, expected);
    }

    #[test]
    fn layers_that_are_not_recorded_are_listed_after_the_others() {
        struct Unrecorded(nn::VarStore, nn::Linear, nn::Linear);
        impl Model for Unrecorded {
            fn variables(&self) -> &nn::VarStore {
                &self.0
            }
            fn forward(&self, images: &Tensor, pass: &mut ForwardPass) -> Tensor {
                let x = images.flatten(1, -1).apply(&self.1);
                pass.record("out", x.apply(&self.2))
            }
        }
        let variables = nn::VarStore::new(Device::Cpu);
        let first = nn::linear(variables.root() / "hidden", 4, 3, Default::default());
        let second = nn::linear(variables.root() / "out", 3, 2, Default::default());
        let summary = summary(&Unrecorded(variables, first, second), [1, 2, 2]).unwrap();
        let hidden = LayerRow {
            layer: "hidden".into(),
            output: None,
            parameters: 15,
        };
        assert_eq!(summary.layers, vec![row("out", &[2], 8), hidden]);
    }
}

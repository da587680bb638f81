//! The trait that training, evaluation, saving and explanation need of a network.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor, nn};

use super::forward_pass::ForwardPass;
use crate::error::{Error, Result};
use crate::notebook::panics::catch;

/// A network that can be trained, evaluated, saved and explained.
///
/// Two functions are enough. A custom network, as a cell has it:
///
/// ```
/// use gasshuku::prelude::*;
/// use tch::{Device, Tensor, nn};
///
/// struct OneLayer {
///     variables: nn::VarStore,
///     linear: nn::Linear,
/// }
///
/// impl Model for OneLayer {
///     fn variables(&self) -> &nn::VarStore {
///         &self.variables
///     }
///     fn forward(&self, images: &Tensor, pass: &mut ForwardPass) -> Tensor {
///         pass.record("linear", images.flatten(1, -1).apply(&self.linear))
///     }
/// }
///
/// let variables = nn::VarStore::new(Device::Cpu);
/// let linear = nn::linear(variables.root() / "linear", 784, 10, Default::default());
/// let model = OneLayer { variables, linear };
/// let images = Tensor::zeros([2, 1, 28, 28], (tch::Kind::Float, Device::Cpu));
/// assert_eq!(logits(&model, &images).unwrap().size(), [2, 10]);
/// ```
pub trait Model {
    /// The store that holds the weights.
    fn variables(&self) -> &nn::VarStore;

    /// The logits `[N, classes]` of normalised images `[N, C, H, W]`.
    ///
    /// Pass every activation that shall be visible, such as to Grad-CAM, through [`ForwardPass::record`].
    /// The softmax is not applied: training works on logits.
    fn forward(&self, images: &Tensor, pass: &mut ForwardPass) -> Tensor;

    /// What a model file needs to build this network again: its name and settings.
    fn architecture(&self) -> Architecture {
        Architecture::custom()
    }

    /// A second network with the same tensors and the same [`forward`](Self::forward), on the CPU, for data
    /// parallelism: [`train`](crate::train::train) lets it share this network's weights and gives it a shard
    /// of each mini-batch. The default, `None`, means that mini-batches are not split.
    ///
    /// Do not give a replica if layers mix the images of a mini-batch, as batch normalisation does. A network
    /// that wraps another one must not return the inner network's replica, which lacks the wrapper.
    ///
    /// # Errors
    /// Those of building the network.
    fn replica(&self) -> Result<Option<Box<dyn Model + Send>>> {
        Ok(None)
    }
}

/// A boxed model is a model, too: a background training returns its model in a box.
impl<M: Model + ?Sized> Model for Box<M> {
    fn variables(&self) -> &nn::VarStore {
        (**self).variables()
    }

    fn forward(&self, images: &Tensor, pass: &mut ForwardPass) -> Tensor {
        (**self).forward(images, pass)
    }

    fn architecture(&self) -> Architecture {
        (**self).architecture()
    }

    fn replica(&self) -> Result<Option<Box<dyn Model + Send>>> {
        (**self).replica()
    }
}

/// The name of a network's architecture and its settings: what a model file says about the network whose
/// weights it holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Architecture {
    /// `lenet` for the workshop's network, which is built again from the file alone; `custom` for a network
    /// whose code the file does not have.
    pub name: String,
    /// The settings that the network was made with.
    #[serde(flatten)]
    pub settings: serde_json::Map<String, serde_json::Value>,
}

impl Architecture {
    /// The architecture of a network whose code is not in this crate.
    pub fn custom() -> Architecture {
        Architecture {
            name: "custom".into(),
            settings: serde_json::Map::new(),
        }
    }
}

/// The logits `[N, classes]` of normalised images `[N, C, H, W]`, without gradients.
///
/// # Errors
/// [`Error::Forward`] if the network cannot process images of that shape.
pub fn logits(model: &dyn Model, images: &Tensor) -> Result<Tensor> {
    let _no_gradients = tch::no_grad_guard();
    forward(model, images, &mut ForwardPass::inference())
}

/// The class probabilities `[N, classes]`: the softmax of the logits, each row summing to 1.
///
/// # Errors
/// Those of [`logits`].
pub fn probabilities(model: &dyn Model, images: &Tensor) -> Result<Tensor> {
    Ok(logits(model, images)?.f_softmax(-1, Kind::Float)?)
}

/// A forward pass that returns an error where tch's operators panic, as they do when shapes do not fit.
pub(crate) fn forward(
    model: &dyn Model,
    images: &Tensor,
    pass: &mut ForwardPass,
) -> Result<Tensor> {
    catch(|| model.forward(images, pass)).map_err(|reason| Error::Forward {
        images: images.size(),
        reason,
    })
}

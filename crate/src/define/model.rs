//! The trait between a network and everything that is done with it.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, NoGradGuard, Tensor, nn};

use super::lenet::{LeNet, LeNetSettings};
use crate::error::{Error, Result};
use crate::panics::catch;

/// A network that can be trained, evaluated, saved and explained.
///
/// Two functions are enough. A network of one's own, as a cell would have it:
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
    /// Every activation that somebody may want to look at goes through [`ForwardPass::record`].
    /// The softmax is not applied: training works on logits.
    fn forward(&self, images: &Tensor, pass: &mut ForwardPass) -> Tensor;

    /// What a file must know to build this model again without code.
    fn architecture(&self) -> Architecture {
        Architecture::Custom
    }
}

/// What a model file says about the network whose weights it holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "lowercase")]
pub enum Architecture {
    /// The workshop's network; the file alone is enough to build it.
    LeNet(LeNetSettings),
    /// A network written elsewhere; loading its weights needs that code.
    Custom,
}

impl Architecture {
    /// Another network of this kind, with starting weights of its own; `None` for one whose code is
    /// elsewhere.
    pub(crate) fn build(&self, device: Device) -> Result<Option<Box<dyn Model + Send>>> {
        match self {
            Architecture::LeNet(settings) => Ok(Some(Box::new(LeNet::new(settings, device)?))),
            Architecture::Custom => Ok(None),
        }
    }
}

/// One way through a network, from images to logits: for training or not, recording or not.
///
/// It is what PyTorch's users do with forward hooks: the activations between the layers, by name.
#[derive(Debug, Default)]
pub struct ForwardPass {
    training: bool,
    recorded: Option<Vec<(String, Tensor)>>,
    rectified: Option<Vec<Rectified>>,
    beginning: Option<Beginning>,
}

/// The layer from which on gradients are tracked.
struct Beginning {
    layer: String,
    _no_gradients: NoGradGuard,
}

impl std::fmt::Debug for Beginning {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Beginning({})", self.layer)
    }
}

/// A ReLU at which the way back from the logits to the image is cut in two.
#[derive(Debug)]
pub(crate) struct Rectified {
    /// What goes in, with all that it was computed from.
    pub(crate) input: Tensor,
    /// What comes out, a new beginning for what is computed from it.
    pub(crate) output: Tensor,
}

impl ForwardPass {
    /// For training: layers such as dropout are active.
    pub fn training() -> ForwardPass {
        ForwardPass {
            training: true,
            ..Default::default()
        }
    }

    /// For evaluation and prediction.
    pub fn inference() -> ForwardPass {
        ForwardPass::default()
    }

    /// For looking inside: keeps every activation that the network records.
    pub fn recording() -> ForwardPass {
        ForwardPass {
            recorded: Some(Vec::new()),
            ..Default::default()
        }
    }

    /// For guided backpropagation, which changes what a ReLU does to gradients.
    pub(crate) fn guided() -> ForwardPass {
        ForwardPass {
            rectified: Some(Vec::new()),
            ..Default::default()
        }
    }

    /// For the gradient at a layer: records, and tracks gradients from that layer on. What comes
    /// before it is only computed, which is faster. No gradient is tracked until the layer is
    /// reached, or the pass dropped.
    pub(crate) fn beginning_at(layer: &str) -> ForwardPass {
        ForwardPass {
            beginning: Some(Beginning {
                layer: layer.to_string(),
                _no_gradients: tch::no_grad_guard(),
            }),
            ..ForwardPass::recording()
        }
    }

    /// Whether layers such as dropout and batch normalisation shall behave as in training.
    pub fn is_training(&self) -> bool {
        self.training
    }

    /// Images in the memory layout in which convolution and max-pooling are fastest: in training on
    /// the CPU that of oneDNN, which spares both from turning their numbers over. Behind it must
    /// come a convolution and [`max_pool`](super::max_pool), which returns to the usual layout.
    ///
    /// The numbers are the same, bit for bit. Where something is recorded or nothing is to be
    /// learned, the images are handed on as they are.
    pub fn packed(&self, images: &Tensor) -> Tensor {
        let fits = images.device() == Device::Cpu && images.kind() == Kind::Float;
        if self.training && self.recorded.is_none() && fits && tch::utils::has_mkldnn() {
            images.to_mkldnn()
        } else {
            images.shallow_clone()
        }
    }

    /// Names an activation, keeps it if this pass is recording, and hands it on unchanged.
    pub fn record(&mut self, name: &str, activation: Tensor) -> Tensor {
        let begins = |beginning: &mut Beginning| beginning.layer == name;
        let activation = match self.beginning.take_if(begins) {
            Some(_) => activation.detach().set_requires_grad(true),
            None => activation,
        };
        if let Some(recorded) = &mut self.recorded {
            recorded.push((name.to_string(), activation.shallow_clone()));
        }
        activation
    }

    /// The rectified linear unit, max(0, x), of a tensor of any shape.
    ///
    /// The same as [`Tensor::relu`], but guided backpropagation finds it: the method has something
    /// to guide only in networks that call this.
    pub fn relu(&mut self, x: &Tensor) -> Tensor {
        let Some(rectified) = &mut self.rectified else {
            return x.relu();
        };
        let output = x.relu().detach().set_requires_grad(true);
        rectified.push(Rectified {
            input: x.shallow_clone(),
            output: output.shallow_clone(),
        });
        output
    }

    /// The ReLUs of a guided pass, in the order in which the network computed them.
    pub(crate) fn rectified(&self) -> &[Rectified] {
        self.rectified.as_deref().unwrap_or_default()
    }

    /// The recorded activations, in the order in which the network computed them.
    pub fn activations(&self) -> &[(String, Tensor)] {
        self.recorded.as_deref().unwrap_or_default()
    }

    /// The activation of that name.
    ///
    /// # Errors
    /// [`Error::Name`] with the names that were recorded.
    pub fn activation(&self, name: &str) -> Result<&Tensor> {
        self.named("activation", name)
    }

    /// The same, where the name is to be that of a layer.
    pub(crate) fn layer(&self, name: &str) -> Result<&Tensor> {
        self.named("layer", name)
    }

    fn named(&self, what: &'static str, name: &str) -> Result<&Tensor> {
        self.activations()
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, activation)| activation)
            .ok_or_else(|| Error::Name {
                what,
                name: name.to_string(),
                known: self
                    .activations()
                    .iter()
                    .map(|(known, _)| known.clone())
                    .collect(),
            })
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

/// A forward pass whose failure is an error, not a panic.
///
/// tch's operators panic when shapes do not fit, and networks written in a cell use them.
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

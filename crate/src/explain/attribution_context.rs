//! What an attribution method gets: the network, the images, the classes, and gradients with respect to them.

use std::cell::OnceCell;

use tch::{Device, Kind, Tensor};

use crate::define::model::forward;
use crate::define::{ForwardPass, Model};
use crate::error::{Error, Result};

/// Which class is to be explained.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Target {
    /// The predicted class of each image.
    #[default]
    Predicted,
    /// The same class for all images, as its label.
    Class(usize),
    /// A class for each image, as their labels.
    Each(Vec<usize>),
}

impl Target {
    /// The target of a batch: `count` images from `start` on, of `all`.
    pub(super) fn for_batch(&self, start: usize, count: usize, all: usize) -> Result<Target> {
        match self {
            Target::Each(classes) if classes.len() != all => Err(Error::Data(format!(
                "there are {all} images to explain but {} classes; give one class for each image",
                classes.len()
            ))),
            Target::Each(classes) => Ok(Target::Each(classes[start..start + count].to_vec())),
            other => Ok(other.clone()),
        }
    }

    /// The labels `[N]` for logits `[N, classes]`, on their device.
    fn labels(&self, logits: &Tensor) -> Result<Tensor> {
        let (images, classes) = logits.size2()?;
        let labels = match self {
            Target::Predicted => return Ok(logits.f_argmax(1, false)?),
            Target::Class(class) => vec![*class; images as usize],
            Target::Each(labels) => labels.clone(),
        };
        let count = classes as usize;
        if let Some(&index) = labels.iter().find(|&&label| label >= count) {
            return Err(Error::Index {
                what: "class",
                index,
                count,
            });
        }
        let labels: Vec<i64> = labels.into_iter().map(|label| label as i64).collect();
        Ok(Tensor::f_from_slice(&labels)?.f_to(logits.device())?)
    }
}

/// A network, images, and the class of each image that is to be explained.
///
/// It gives methods what they need: activations and gradients. Differentiated is the logit of the class,
/// before the softmax, as in the papers: a probability also grows when the logits of other classes fall.
/// Each image's logit depends on that image alone, so one backward pass from the sum of all logits gives
/// every image its own gradient.
pub struct AttributionContext<'a> {
    /// The network.
    pub model: &'a dyn Model,
    /// Normalised images `[N, C, H, W]`, on the network's device.
    pub images: &'a Tensor,
    target: Target,
    /// `[N]`, known after the first forward pass.
    labels: OnceCell<Tensor>,
}

impl<'a> AttributionContext<'a> {
    pub(super) fn new(
        model: &'a dyn Model,
        images: &'a Tensor,
        target: Target,
    ) -> AttributionContext<'a> {
        AttributionContext {
            model,
            images,
            target,
            labels: OnceCell::new(),
        }
    }

    /// The class that is explained, for each image.
    ///
    /// # Errors
    /// [`Error::Forward`] if the images do not fit the network, [`Error::Index`] for a class that
    /// does not exist.
    pub fn classes(&self) -> Result<Vec<usize>> {
        if self.labels.get().is_none() {
            let logits = crate::define::logits(self.model, self.images)?;
            let _score = self.score(&logits)?;
        }
        let labels = self.labels.get().map_or_else(
            || Ok(Vec::new()),
            |labels| Vec::<i64>::try_from(labels.f_to(Device::Cpu)?),
        )?;
        Ok(labels.into_iter().map(|label| label as usize).collect())
    }

    /// The activation A of a layer and the gradient of the logit with respect to it, ∂y/∂A; both
    /// `[N, K, h, w]` for K filters.
    ///
    /// # Errors
    /// [`Error::Name`] with the layers that exist; [`Error::Explain`] for a layer without height
    /// and width, or one that the logits do not depend on.
    pub fn activation_and_gradient(&self, layer: &str) -> Result<(Tensor, Tensor)> {
        tch::with_grad(|| {
            let mut pass = ForwardPass::gradients_from(layer);
            let score = self.forward(self.images, &mut pass)?;
            let activation = pass.layer(layer)?;
            check_spatial(layer, activation)?;
            let gradient = backward(&score, &[activation.shallow_clone()])?
                .pop()
                .flatten()
                .ok_or_else(|| Error::Explain {
                    layer: layer.to_string(),
                    reason: "the logits do not depend on it; record an activation that lies on \
                             the way to them"
                        .into(),
                })?;
            Ok((activation.f_detach()?, gradient))
        })
    }

    /// The gradient of the logit with respect to each pixel, ∂y/∂x, `[N, C, H, W]`.
    ///
    /// # Errors
    /// [`Error::Explain`] if the logits do not depend on the images.
    pub fn input_gradient(&self) -> Result<Tensor> {
        tch::with_grad(|| {
            let images = self.images_with_gradient()?;
            let score = self.forward(&images, &mut ForwardPass::inference())?;
            let mut gradients = backward(&score, &[images])?;
            gradients.pop().flatten().ok_or_else(no_dependence)
        })
    }

    /// [`input_gradient`](Self::input_gradient), but a gradient passes back through a ReLU only where it is
    /// positive: see [`GuidedBackpropagation`](super::GuidedBackpropagation).
    ///
    /// # Errors
    /// Those of `input_gradient`.
    pub fn guided_gradient(&self) -> Result<Tensor> {
        tch::with_grad(|| {
            let images = self.images_with_gradient()?;
            let mut pass = ForwardPass::guided();
            let score = self.forward(&images, &mut pass)?;
            // The graph is cut at each ReLU. These are the leaves of its parts: the images, then the ReLUs' outputs.
            let mut leaves = vec![images];
            let outputs = pass.guided_relus().iter();
            leaves.extend(outputs.map(|relu| relu.output.shallow_clone()));
            let mut gradients = backward(&score, &leaves)?;
            for relu in pass.guided_relus().iter().rev() {
                leaves.pop();
                let Some(gradient) = gradients.pop().flatten() else {
                    continue;
                };
                // Passes back where both the gradient and the ReLU's input are positive.
                let guided = gradient.f_relu()?.f_mul(&relu.input.f_gt(0.0)?)?;
                let part = relu.input.f_mul(&guided.f_detach()?)?.f_sum(Kind::Float)?;
                let further = backward(&part, &leaves)?;
                for (sum, more) in gradients.iter_mut().zip(further) {
                    *sum = sum_of(sum.take(), more)?;
                }
            }
            gradients.pop().flatten().ok_or_else(no_dependence)
        })
    }

    /// The images as a leaf that tracks gradients, even if the weights do not.
    fn images_with_gradient(&self) -> Result<Tensor> {
        Ok(self.images.f_detach()?.f_set_requires_grad(true)?)
    }

    fn forward(&self, images: &Tensor, pass: &mut ForwardPass) -> Result<Tensor> {
        self.score(&forward(self.model, images, pass)?)
    }

    /// The sum over the images of the logit of each one's class.
    fn score(&self, logits: &Tensor) -> Result<Tensor> {
        let images = self.images.size()[0];
        if logits.dim() != 2 || logits.size()[0] != images {
            return Err(Error::Data(format!(
                "a network must give logits of shape [{images}, classes] for {images} images; \
                 this one gives {:?}",
                logits.size()
            )));
        }
        let labels = match self.labels.get() {
            Some(labels) => labels.shallow_clone(),
            None => self.target.labels(logits)?,
        };
        let labels = self.labels.get_or_init(|| labels);
        Ok(logits
            .f_gather(1, &labels.f_unsqueeze(1)?, false)?
            .f_sum(Kind::Float)?)
    }
}

/// The gradients of a number with respect to some tensors; `None` where it does not depend on one.
///
/// The gradients that the weights hold stay unchanged.
fn backward(score: &Tensor, inputs: &[Tensor]) -> Result<Vec<Option<Tensor>>> {
    if !score.requires_grad() || !inputs.iter().all(Tensor::requires_grad) {
        return Ok(inputs.iter().map(|_| None).collect());
    }
    // The graph is kept, because the parts of a guided pass may share nodes.
    let gradients = Tensor::f_run_backward(&[score], inputs, true, false)?;
    Ok(gradients
        .into_iter()
        .map(|gradient| gradient.defined().then_some(gradient))
        .collect())
}

fn sum_of(sum: Option<Tensor>, more: Option<Tensor>) -> Result<Option<Tensor>> {
    Ok(match (sum, more) {
        (Some(sum), Some(more)) => Some(sum.f_add(&more)?),
        (sum, more) => sum.or(more),
    })
}

pub(super) fn check_spatial(layer: &str, activation: &Tensor) -> Result<()> {
    let size = activation.size();
    if size.len() == 4 && !size.contains(&0) {
        return Ok(());
    }
    Err(Error::Explain {
        layer: layer.to_string(),
        reason: format!(
            "its output {size:?} has no height and width, so there is nothing to lay over the \
             image; choose a convolution, a pooling or what follows it"
        ),
    })
}

fn no_dependence() -> Error {
    Error::Data("the logits of this network do not depend on the image".into())
}

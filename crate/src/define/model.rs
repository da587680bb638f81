//! The trait between a network and everything that is done with it.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, NoGradGuard, Tensor, nn};

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
        Architecture::custom()
    }

    /// Another network with the same tensors and the same [`forward`](Self::forward), on the CPU, for data
    /// parallelism: [`train`](crate::train::train) lets it share this one's weights and gives it a part of
    /// every mini-batch. `None`, as here, for a network that takes the whole mini-batch itself.
    ///
    /// A network around another one that does something of its own must not hand on the other's replica,
    /// which would leave that out. Nor may layers mix the images of a mini-batch, as batch normalisation does.
    ///
    /// # Errors
    /// Those of building it.
    fn replica(&self) -> Result<Option<Box<dyn Model + Send>>> {
        Ok(None)
    }
}

/// What holds a model is one, too: a training in the background gives its model back in a box.
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

/// One way through a network, from images to logits: for training or not, recording or not.
///
/// It is what PyTorch's users do with forward hooks: the activations between the layers, by name.
#[derive(Debug, Default)]
pub struct ForwardPass {
    training: bool,
    /// For dropout; made from libtorch's seed when it is first needed, unless a training has one of its own.
    random: Option<StdRng>,
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

    /// For training with random numbers of its own, which depend on this seed alone.
    pub(crate) fn training_with_seed(seed: u64) -> ForwardPass {
        ForwardPass {
            random: Some(StdRng::seed_from_u64(seed)),
            ..ForwardPass::training()
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

    /// Names an activation, keeps it if this pass is recording, and hands it on unchanged. What the network
    /// does to it in place afterwards does not change what was kept.
    pub fn record(&mut self, name: &str, activation: Tensor) -> Tensor {
        let begins = |beginning: &mut Beginning| beginning.layer == name;
        let activation = match self.beginning.take_if(begins) {
            Some(_) => activation.detach().set_requires_grad(true),
            None => activation,
        };
        let Some(recorded) = &mut self.recorded else {
            return activation;
        };
        // A copy goes on: what a layer does in place (`relu_`) must not change what was recorded.
        let going_on = activation.copy();
        recorded.push((name.to_string(), activation));
        going_on
    }

    /// Dropout: in training every number becomes 0 with the probability `p`, and the others are divided by
    /// 1 − p, so that their mean stays (Srivastava et al., JMLR 15, 2014, in PyTorch's form). Otherwise the
    /// tensor, of any shape, is handed on as it is.
    ///
    /// Unlike [`Tensor::dropout`], which draws from the one generator of libtorch, a training draws these
    /// numbers from its own seed, and ends with the same weights whatever runs beside it.
    pub fn dropout(&mut self, x: &Tensor, p: f64) -> Tensor {
        if !self.training || !(0.0..1.0).contains(&p) {
            // All of it dropped, nothing, or libtorch's own words about a `p` that is no probability.
            return x.dropout(p, self.training);
        }
        let random = self.random.get_or_insert_with(|| {
            let seed = Tensor::randint(i64::MAX, [1], (Kind::Int64, Device::Cpu));
            StdRng::seed_from_u64(seed.int64_value(&[0]) as u64)
        });
        let kept = 1.0 / (1.0 - p) as f32;
        let mask: Vec<f32> = (0..x.numel())
            .map(|_| if random.gen_bool(p) { 0.0 } else { kept })
            .collect();
        x * Tensor::from_slice(&mask)
            .reshape_as(x)
            .to_device(x.device())
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
        // Copies go on and stay, as in `record`.
        let going_on = output.copy();
        rectified.push(Rectified {
            input: x.copy(),
            output,
        });
        going_on
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::{GradCam, GuidedBackpropagation, Method, Target, explain};

    /// A convolution whose activation is recorded and then rectified, in place or not.
    struct Rectifying {
        variables: nn::VarStore,
        conv: nn::Conv2D,
        linear: nn::Linear,
        in_place: bool,
    }

    impl Rectifying {
        fn new(in_place: bool) -> Rectifying {
            let variables = nn::VarStore::new(Device::Cpu);
            let root = variables.root();
            let model = Rectifying {
                conv: nn::conv2d(&root / "conv", 1, 2, 3, Default::default()),
                linear: nn::linear(&root / "linear", 2 * 4 * 4, 3, Default::default()),
                variables,
                in_place,
            };
            let _no_gradients = tch::no_grad_guard();
            for (name, mut variable) in model.variables.variables() {
                let numbers = Tensor::arange(variable.numel() as i64, (Kind::Float, Device::Cpu));
                let numbers = (numbers * (name.len() as f64)).sin().reshape_as(&variable);
                variable.copy_(&numbers);
            }
            model
        }
    }

    impl Model for Rectifying {
        fn variables(&self) -> &nn::VarStore {
            &self.variables
        }

        fn forward(&self, images: &Tensor, pass: &mut ForwardPass) -> Tensor {
            let mut x = pass.record("conv", images.apply(&self.conv));
            let x = match self.in_place {
                true => x.relu_(),
                false => x.relu(),
            };
            let mut x = x - 0.1;
            let rectified = pass.relu(&x);
            let shifted = match self.in_place {
                true => x.g_add_scalar_(1.0),
                false => x + 1.0,
            };
            let x = rectified + shifted;
            x.flatten(1, -1).apply(&self.linear)
        }
    }

    fn images() -> Tensor {
        let numbers = Tensor::arange(2 * 6 * 6, (Kind::Float, Device::Cpu));
        numbers.cos().reshape([2, 1, 6, 6])
    }

    #[test]
    fn what_happens_in_place_afterwards_does_not_change_what_was_recorded() {
        let [in_place, plain] = [true, false].map(Rectifying::new);
        let recorded = |model: &Rectifying| {
            let mut pass = ForwardPass::recording();
            let logits = model.forward(&images(), &mut pass);
            (pass.activation("conv").unwrap().copy(), logits)
        };
        let expected = images().apply(&plain.conv);
        assert!(expected.min().double_value(&[]) < 0.0, "nothing to rectify");
        assert_eq!(recorded(&in_place).0, expected);
        assert_eq!(recorded(&in_place).1, recorded(&plain).1);
        let methods: [&dyn Method; 2] = [&GradCam::at("conv"), &GuidedBackpropagation];
        for method in methods {
            let maps = |model| {
                let found = explain(model, method, &images(), &Target::Class(1));
                found.unwrap().attributions
            };
            assert_eq!(maps(&in_place), maps(&plain), "{}", method.name());
            assert!(maps(&plain).abs().max().double_value(&[]) > 0.0);
        }
    }

    #[test]
    fn a_layer_that_nobody_recorded_leads_to_record() {
        let message = |pass: &ForwardPass, name| pass.activation(name).unwrap_err().to_string();
        assert_eq!(
            message(&ForwardPass::recording(), "conv1"),
            "there is no activation `conv1`; the network records none; in its `forward`, pass the values \
             through `pass.record(\"name\", x)`"
        );
        let mut pass = ForwardPass::recording();
        for layer in ["conv1", "fc"] {
            let _ = pass.record(layer, images());
        }
        assert_eq!(
            message(&pass, "conv2"),
            "there is no activation `conv2`; there are: conv1, fc"
        );
    }

    #[test]
    fn dropout_keeps_a_share_of_the_numbers_and_their_mean() {
        let ones = Tensor::ones([100, 100], (Kind::Float, Device::Cpu));
        let dropped = |seed| ForwardPass::training_with_seed(seed).dropout(&ones, 0.25);
        let found = dropped(1);
        // What is kept is divided by 1 − 0.25; of 10,000 numbers 2,500 are dropped, ± 43 (binomial).
        let zeros = found.eq(0.0).sum(Kind::Int64).int64_value(&[]);
        assert!((zeros - 2500).abs() < 4 * 43, "{zeros}");
        let kept = found.gt(0.0).sum(Kind::Int64).int64_value(&[]);
        let sum = found.sum(Kind::Float).double_value(&[]);
        assert!((sum - kept as f64 / 0.75).abs() < 0.1, "{sum}");
        assert_eq!(dropped(1), found);
        assert_ne!(dropped(2), found);
        // The second layer of a pass drops other numbers than the first.
        let mut pass = ForwardPass::training_with_seed(1);
        assert_eq!(pass.dropout(&ones, 0.25), found);
        assert_ne!(pass.dropout(&ones, 0.25), found);
        assert_eq!(ForwardPass::inference().dropout(&ones, 0.25), ones);
        assert_eq!(
            ForwardPass::training().dropout(&ones, 1.0),
            ones.zeros_like()
        );
        assert_eq!(ForwardPass::training().dropout(&ones, 0.0), ones);
    }

    #[test]
    fn without_a_training_dropout_follows_libtorchs_seed_and_wants_a_probability() {
        let ones = Tensor::ones([1000], (Kind::Float, Device::Cpu));
        // Other tests may draw numbers between the two calls.
        let drawn = |pass: &mut ForwardPass| {
            let random = pass.random.take();
            random.is_some()
        };
        let mut pass = ForwardPass::training();
        assert!(!drawn(&mut pass));
        let _ = pass.dropout(&ones, 0.5);
        assert!(drawn(&mut pass));
        let wrong = catch(|| ForwardPass::training().dropout(&ones, 1.5)).unwrap_err();
        assert!(
            wrong.contains("dropout probability has to be between 0 and 1"),
            "{wrong}"
        );
    }
}

//! One forward pass, with what layers need to know of it and what it records.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tch::{Device, Kind, NoGradGuard, Tensor};

use crate::error::{Error, Result};

/// One forward pass through a network, from images to logits: for training or for inference, with or without
/// recording.
///
/// Recording does what forward hooks do in PyTorch: it keeps the activations between layers, by name.
#[derive(Debug, Default)]
pub struct ForwardPass {
    training: bool,
    /// For dropout. A training sets it; otherwise it is seeded from libtorch's generator at first use.
    random: Option<StdRng>,
    recorded: Option<Vec<(String, Tensor)>>,
    guided_relus: Option<Vec<GuidedRelu>>,
    start_layer: Option<StartLayer>,
}

/// The layer from which gradients are tracked.
struct StartLayer {
    layer: String,
    _no_gradients: NoGradGuard,
}

impl std::fmt::Debug for StartLayer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "StartLayer({})", self.layer)
    }
}

/// A ReLU of a guided pass. The graph of gradients is cut here, so that guided backpropagation can change
/// the gradient on its way back.
#[derive(Debug)]
pub(crate) struct GuidedRelu {
    /// The ReLU's input, with the graph it was computed by.
    pub(crate) input: Tensor,
    /// The ReLU's output, detached: the leaf of a new graph.
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

    /// For training, with random numbers that depend on this seed alone.
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

    /// Keeps every activation that the network records.
    pub fn recording() -> ForwardPass {
        ForwardPass {
            recorded: Some(Vec::new()),
            ..Default::default()
        }
    }

    /// For guided backpropagation: cuts the graph of gradients at every ReLU.
    pub(crate) fn guided() -> ForwardPass {
        ForwardPass {
            guided_relus: Some(Vec::new()),
            ..Default::default()
        }
    }

    /// For the gradient at a layer: records, and tracks gradients from that layer on. The layers before it
    /// are computed without gradients, which is faster. Gradients stay off in this thread until the layer
    /// is recorded or the pass is dropped.
    pub(crate) fn gradients_from(layer: &str) -> ForwardPass {
        ForwardPass {
            start_layer: Some(StartLayer {
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

    /// Images in the memory layout in which convolution and max-pooling are fastest. In training on the CPU
    /// that is oneDNN's layout, which saves both from converting their input. A convolution and
    /// [`max_pool`](super::max_pool) must follow; `max_pool` returns to the usual layout.
    ///
    /// The numbers are the same, bit for bit. When recording, and outside training, the images are returned
    /// unchanged.
    pub fn to_mkldnn(&self, images: &Tensor) -> Tensor {
        let fits = images.device() == Device::Cpu && images.kind() == Kind::Float;
        if self.training && self.recorded.is_none() && fits && tch::utils::has_mkldnn() {
            images.to_mkldnn()
        } else {
            images.shallow_clone()
        }
    }

    /// Names an activation, keeps it if this pass is recording, and returns it unchanged. Operations in place,
    /// such as `relu_`, do not change the recorded activation.
    pub fn record(&mut self, name: &str, activation: Tensor) -> Tensor {
        let is_start = |start: &mut StartLayer| start.layer == name;
        let activation = match self.start_layer.take_if(is_start) {
            Some(_) => activation.detach().set_requires_grad(true),
            None => activation,
        };
        let Some(recorded) = &mut self.recorded else {
            return activation;
        };
        // The network gets a copy, so that an operation in place cannot change what was recorded.
        let copy = activation.copy();
        recorded.push((name.to_string(), activation));
        copy
    }

    /// Dropout: in training every number becomes 0 with the probability `p`, and the others are divided by
    /// 1 − p, which keeps the mean (Srivastava et al., JMLR 15, 2014, in PyTorch's form). Outside training the
    /// tensor, of any shape, is returned unchanged.
    ///
    /// [`Tensor::dropout`] draws from libtorch's one generator. These numbers come from the training's seed, so
    /// that it ends with the same weights whatever else runs.
    pub fn dropout(&mut self, x: &Tensor, p: f64) -> Tensor {
        if !self.training || !(0.0..1.0).contains(&p) {
            // Drop everything or nothing; for other values libtorch's own message.
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
    /// The same as [`Tensor::relu`], but visible to guided backpropagation, which changes nothing in networks
    /// that do not call this.
    pub fn relu(&mut self, x: &Tensor) -> Tensor {
        let Some(guided_relus) = &mut self.guided_relus else {
            return x.relu();
        };
        let output = x.relu().detach().set_requires_grad(true);
        // Copies, for the same reason as in `record`.
        let copy = output.copy();
        guided_relus.push(GuidedRelu {
            input: x.copy(),
            output,
        });
        copy
    }

    /// The ReLUs of a guided pass, in the order in which the network computed them.
    pub(crate) fn guided_relus(&self) -> &[GuidedRelu] {
        self.guided_relus.as_deref().unwrap_or_default()
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

    /// [`activation`](Self::activation) with an error that speaks of layers.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::define::Model;
    use crate::explain::{GradCam, GuidedBackpropagation, Method, Target, explain};
    use crate::notebook::panics::catch;
    use tch::nn;

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
            "there is no activation `conv1`; the network records none; in its `forward`, pass \
             the values through `pass.record(\"name\", x)`"
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

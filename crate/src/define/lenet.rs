//! LeNet, as the workshop's table gives it.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor, nn};

use super::forward_pass::ForwardPass;
use super::model::{Architecture, Model};
use super::pooling::{WINDOW, max_pool};
use crate::error::{Error, Result};
use crate::notebook::panics::catch;

const KERNEL: i64 = 5;
const FILTERS: [i64; 2] = [6, 16];
const HIDDEN: [i64; 2] = [120, 64];

/// What can be chosen about a LeNet: its input and its classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeNetSettings {
    /// Shape of one image, `[C, H, W]`: channels, height and width in pixels.
    pub image: [i64; 3],
    /// Number of classes, at least 2.
    pub classes: i64,
    /// The activation function after each pooling.
    #[serde(default)]
    pub activation: Activation,
    /// Seed of the starting weights; the same seed gives the same weights.
    pub seed: u64,
}

/// The activation function. Without one, all layers together would be one linear layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// 1 / (1 + e⁻ˣ), in (0, 1), as was usual in LeNet's time.
    #[default]
    Sigmoid,
    /// max(0, x), the rectified linear unit, usual since about 2012.
    Relu,
}

impl Default for LeNetSettings {
    /// Fashion-MNIST: 28×28 pixels, one channel, ten classes.
    fn default() -> Self {
        LeNetSettings {
            image: [1, 28, 28],
            classes: 10,
            activation: Activation::Sigmoid,
            seed: 0,
        }
    }
}

impl LeNetSettings {
    /// For colour images of 32×32 pixels in two classes, as notebook 8 has them.
    pub fn colour() -> Self {
        LeNetSettings {
            image: [3, 32, 32],
            classes: 2,
            ..Default::default()
        }
    }
}

/// LeNet: two convolutions, three fully connected layers.
///
/// | layer | what it does | 28×28×1 | 32×32×3 |
/// | --- | --- | --- | --- |
/// | `conv1` | convolution 5×5, 6 filters, stride 1, no padding | `[6, 24, 24]` | `[6, 28, 28]` |
/// | `pool1`, `sigmoid1` | max-pooling 2×2, stride 2, then sigmoid | `[6, 12, 12]` | `[6, 14, 14]` |
/// | `conv2` | convolution 5×5, 16 filters | `[16, 8, 8]` | `[16, 10, 10]` |
/// | `pool2`, `sigmoid2` | max-pooling 2×2, stride 2, then sigmoid | `[16, 4, 4]` | `[16, 5, 5]` |
/// | `fc1` | fully connected, 120 | `[120]` | `[120]` |
/// | `fc2` | fully connected, 64 | `[64]` | `[64]` |
/// | `fc3` | fully connected, one logit per class | `[10]` | `[2]` |
///
/// With [`Activation::Relu`] the sigmoids are `relu1` and `relu2`.
///
/// The softmax at the output is in [`probabilities`](super::probabilities): training works on
/// logits. After LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document
/// recognition", Proc. IEEE 86(11), 1998. Weights start as Xavier uniform (Glorot, Bengio,
/// AISTATS 2010, equation 16), biases as zero.
#[derive(Debug)]
pub struct LeNet {
    settings: LeNetSettings,
    variables: nn::VarStore,
    conv1: nn::Conv2D,
    conv2: nn::Conv2D,
    fc1: nn::Linear,
    fc2: nn::Linear,
    fc3: nn::Linear,
}

impl LeNet {
    /// A LeNet with starting weights on a device.
    ///
    /// ```
    /// use gasshuku::prelude::*;
    /// let model = LeNet::new(&LeNetSettings::colour(), tch::Device::Cpu).unwrap();
    /// let too_small = LeNetSettings { image: [1, 12, 12], ..Default::default() };
    /// let error = LeNet::new(&too_small, tch::Device::Cpu).err().unwrap().to_string();
    /// assert!(error.starts_with("layer conv2 cannot work"), "{error}");
    /// ```
    ///
    /// # Errors
    /// [`Error::Layer`] if an image is too small for the kernels, naming the layer;
    /// [`Error::Setting`] for fewer than two classes or no channel.
    pub fn new(settings: &LeNetSettings, device: Device) -> Result<LeNet> {
        let flattened = flattened_size(settings)?;
        let model = catch(|| build(settings, flattened, device)).map_err(|reason| {
            let asked = format!("{settings:?}");
            Error::setting(
                "settings",
                asked,
                format!("such a network cannot be built: {reason}"),
            )
        })?;
        initialize_weights(&model.variables, settings.seed)?;
        Ok(model)
    }

    /// The settings this network was made with.
    pub fn settings(&self) -> &LeNetSettings {
        &self.settings
    }

    fn activate(&self, number: usize, x: &Tensor, pass: &mut ForwardPass) -> Tensor {
        match self.settings.activation {
            Activation::Sigmoid => pass.record(&format!("sigmoid{number}"), x.sigmoid()),
            Activation::Relu => {
                let x = pass.relu(x);
                pass.record(&format!("relu{number}"), x)
            }
        }
    }
}

impl Model for LeNet {
    fn variables(&self) -> &nn::VarStore {
        &self.variables
    }

    fn forward(&self, images: &Tensor, pass: &mut ForwardPass) -> Tensor {
        let x = pass.record("conv1", pass.to_mkldnn(images).apply(&self.conv1));
        let x = pass.record("pool1", max_pool(&x));
        let x = self.activate(1, &x, pass);

        let x = pass.record("conv2", pass.to_mkldnn(&x).apply(&self.conv2));
        let x = pass.record("pool2", max_pool(&x));
        let x = self.activate(2, &x, pass);

        let x = x.flatten(1, -1);
        let x = pass.record("fc1", x.apply(&self.fc1));
        let x = pass.record("fc2", x.apply(&self.fc2));
        pass.record("fc3", x.apply(&self.fc3))
    }

    fn architecture(&self) -> Architecture {
        self.settings.architecture()
    }

    fn replica(&self) -> Result<Option<Box<dyn Model + Send>>> {
        Ok(Some(Box::new(LeNet::new(&self.settings, Device::Cpu)?)))
    }
}

/// LeNet for what is written against tch alone, such as [`nn::ModuleT::batch_accuracy_for_logits`].
impl nn::ModuleT for LeNet {
    fn forward_t(&self, images: &Tensor, train: bool) -> Tensor {
        let mut pass = match train {
            true => ForwardPass::training(),
            false => ForwardPass::inference(),
        };
        self.forward(images, &mut pass)
    }
}

/// The layers, with the weights that tch gives them.
fn build(settings: &LeNetSettings, flattened: i64, device: Device) -> LeNet {
    let variables = nn::VarStore::new(device);
    let root = variables.root();
    let convolution = |name, channels, filters| {
        nn::conv2d(&root / name, channels, filters, KERNEL, Default::default())
    };
    let fully_connected =
        |name, inputs, outputs| nn::linear(&root / name, inputs, outputs, Default::default());
    LeNet {
        conv1: convolution("conv1", settings.image[0], FILTERS[0]),
        conv2: convolution("conv2", FILTERS[0], FILTERS[1]),
        fc1: fully_connected("fc1", flattened, HIDDEN[0]),
        fc2: fully_connected("fc2", HIDDEN[0], HIDDEN[1]),
        fc3: fully_connected("fc3", HIDDEN[1], settings.classes),
        settings: settings.clone(),
        variables,
    }
}

impl LeNetSettings {
    /// The name of LeNet's architecture in model files.
    pub(crate) const ARCHITECTURE: &str = "lenet";

    fn architecture(&self) -> Architecture {
        let settings = match serde_json::to_value(self) {
            Ok(serde_json::Value::Object(settings)) => settings,
            // Numbers and names only: there is nothing in them that JSON cannot hold.
            _ => serde_json::Map::new(),
        };
        Architecture {
            name: LeNetSettings::ARCHITECTURE.into(),
            settings,
        }
    }

    /// The shape of each tensor of such a network, by its name, without a network.
    ///
    /// # Errors
    /// Those of [`LeNet::new`].
    pub(crate) fn shapes(&self) -> Result<BTreeMap<String, Vec<i64>>> {
        let flattened = flattened_size(self)?;
        let [first, second] = FILTERS;
        let layers = [
            ("conv1", vec![first, self.image[0], KERNEL, KERNEL]),
            ("conv2", vec![second, first, KERNEL, KERNEL]),
            ("fc1", vec![HIDDEN[0], flattened]),
            ("fc2", vec![HIDDEN[1], HIDDEN[0]]),
            ("fc3", vec![self.classes, HIDDEN[1]]),
        ];
        let tensors = layers.into_iter().flat_map(|(layer, weight)| {
            let bias = vec![weight[0]];
            [
                (format!("{layer}.weight"), weight),
                (format!("{layer}.bias"), bias),
            ]
        });
        Ok(tensors.collect())
    }
}

/// The number of inputs of the first fully connected layer.
fn flattened_size(settings: &LeNetSettings) -> Result<i64> {
    let [channels, mut height, mut width] = settings.image;
    if channels < 1 {
        return Err(Error::setting(
            "image",
            format!("{:?}", settings.image),
            "an image has at least one channel",
        ));
    }
    if settings.classes < 2 {
        return Err(Error::setting(
            "classes",
            settings.classes,
            "LeNet needs at least 2 classes",
        ));
    }
    for (convolution, pooling) in [("conv1", "pool1"), ("conv2", "pool2")] {
        (height, width) = after_convolution(convolution, height, width)?;
        (height, width) = after_pooling(pooling, height, width)?;
    }
    FILTERS[1]
        .checked_mul(height)
        .and_then(|size| size.checked_mul(width))
        .ok_or_else(|| {
            Error::setting(
                "image",
                format!("{:?}", settings.image),
                "that is too large",
            )
        })
}

fn after_convolution(layer: &str, height: i64, width: i64) -> Result<(i64, i64)> {
    if height < KERNEL || width < KERNEL {
        return Err(Error::Layer {
            layer: layer.into(),
            reason: format!(
                "its {KERNEL}×{KERNEL} kernel does not fit into {height}×{width} pixels; use larger images (16×16 at least)"
            ),
        });
    }
    Ok((height - KERNEL + 1, width - KERNEL + 1))
}

fn after_pooling(layer: &str, height: i64, width: i64) -> Result<(i64, i64)> {
    if height < WINDOW || width < WINDOW {
        return Err(Error::Layer {
            layer: layer.into(),
            reason: format!(
                "its {WINDOW}×{WINDOW} window does not fit into {height}×{width} pixels; use larger images (16×16 at least)"
            ),
        });
    }
    Ok((height / WINDOW, width / WINDOW))
}

/// Sets weights to Xavier uniform and biases to zero. The random numbers depend on the seed alone, not on
/// libtorch's generator.
fn initialize_weights(variables: &nn::VarStore, seed: u64) -> Result<()> {
    let _no_gradients = tch::no_grad_guard();
    let mut random = StdRng::seed_from_u64(seed);
    let by_name: BTreeMap<_, _> = variables.variables().into_iter().collect();
    for mut variable in by_name.into_values() {
        match variable.size()[..] {
            [outputs, inputs, ref kernel @ ..] => {
                let bound = xavier_bound(inputs, outputs, kernel.iter().product());
                let weights: Vec<f32> = (0..variable.numel())
                    .map(|_| random.gen_range(-bound..=bound))
                    .collect();
                variable.f_copy_(&Tensor::f_from_slice(&weights)?.f_view_as(&variable)?)?;
            }
            _ => drop(variable.f_zero_()?),
        }
    }
    Ok(())
}

/// √(6 / (fan in + fan out)), where the fans count every pixel of the kernel.
fn xavier_bound(inputs: i64, outputs: i64, kernel: i64) -> f32 {
    (6.0 / ((inputs + outputs) * kernel) as f32).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::define::{logits, summary};
    use crate::evaluate::score;
    use crate::load::{Dataset, Normalization};
    use tch::Kind;
    use tch::nn::ModuleT;

    fn failing_layer(height: i64, width: i64) -> String {
        let settings = LeNetSettings {
            image: [1, height, width],
            ..Default::default()
        };
        LeNet::new(&settings, Device::Cpu)
            .expect_err("too small")
            .to_string()
    }

    #[test]
    fn the_flattened_size_is_derived() {
        let size = |image| {
            flattened_size(&LeNetSettings {
                image,
                ..Default::default()
            })
        };
        assert_eq!(size([1, 28, 28]).unwrap(), 256);
        assert_eq!(size([3, 32, 32]).unwrap(), 400);
        assert_eq!(size([1, 16, 16]).unwrap(), 16);
        assert_eq!(size([1, 29, 40]).unwrap(), 16 * 4 * 7);
    }

    #[test]
    fn shapes_are_known_before_there_is_a_network() {
        let relu = LeNetSettings {
            activation: Activation::Relu,
            ..LeNetSettings::colour()
        };
        for settings in [LeNetSettings::default(), relu] {
            let model = LeNet::new(&settings, Device::Cpu).unwrap();
            let variables = model.variables().variables().into_iter();
            let found: BTreeMap<_, _> = variables.map(|(name, it)| (name, it.size())).collect();
            assert_eq!(settings.shapes().unwrap(), found);
        }
    }

    #[test]
    fn an_image_that_is_too_small_names_the_layer() {
        assert!(
            failing_layer(4, 28)
                .starts_with("layer conv1 cannot work: its 5×5 kernel does not fit into 4×28")
        );
        assert!(
            failing_layer(5, 5)
                .starts_with("layer pool1 cannot work: its 2×2 window does not fit into 1×1")
        );
        assert!(
            failing_layer(13, 13)
                .starts_with("layer conv2 cannot work: its 5×5 kernel does not fit into 4×4")
        );
        assert!(
            failing_layer(28, 15)
                .starts_with("layer pool2 cannot work: its 2×2 window does not fit into 8×1")
        );
        assert!(failing_layer(0, -3).starts_with("layer conv1"));
    }

    #[test]
    fn a_setting_that_cannot_work_is_an_error() {
        let error = |settings: LeNetSettings| {
            LeNet::new(&settings, Device::Cpu)
                .expect_err("bad")
                .to_string()
        };
        assert!(
            error(LeNetSettings {
                classes: 1,
                ..Default::default()
            })
            .starts_with("classes is 1")
        );
        assert!(
            error(LeNetSettings {
                image: [0, 28, 28],
                ..Default::default()
            })
            .starts_with("image is [0, 28, 28]")
        );
        let enormous = LeNetSettings {
            image: [1, i64::MAX, i64::MAX],
            ..Default::default()
        };
        assert!(error(enormous).contains("too large"));
        let many = LeNetSettings {
            classes: i64::MAX / 64,
            ..Default::default()
        };
        assert!(error(many).contains("such a network cannot be built"));
    }

    #[test]
    fn parameters_are_those_counted_by_hand() {
        // Fashion-MNIST: (25+1)·6 + (6·25+1)·16 + (256+1)·120 + (120+1)·64 + (64+1)·10
        let grey = LeNet::new(&LeNetSettings::default(), Device::Cpu).unwrap();
        assert_eq!(
            summary(&grey, [1, 28, 28]).unwrap().parameters(),
            156 + 2416 + 30840 + 7744 + 650
        );
        // The table: (3·25+1)·6 + 2416 + (400+1)·120 + 7744 + (64+1)·2
        let colour = LeNet::new(&LeNetSettings::colour(), Device::Cpu).unwrap();
        assert_eq!(
            summary(&colour, [3, 32, 32]).unwrap().parameters(),
            456 + 2416 + 48120 + 7744 + 130
        );
    }

    #[test]
    fn weights_start_as_xavier_uniform_and_follow_the_seed() {
        let weights = |seed| {
            let settings = LeNetSettings {
                seed,
                ..Default::default()
            };
            LeNet::new(&settings, Device::Cpu)
                .unwrap()
                .fc1
                .ws
                .shallow_clone()
        };
        let bound = (6.0_f64 / (256.0 + 120.0)).sqrt();
        let largest = weights(7).abs().max().double_value(&[]);
        assert!(
            largest <= bound && largest > 0.999 * bound,
            "{largest} beside {bound}"
        );
        // The deviation of a uniform distribution on ±b is b/√3.
        let deviation = weights(7).std(false).double_value(&[]);
        assert!(
            (deviation - bound / 3.0_f64.sqrt()).abs() < 0.002,
            "{deviation}"
        );
        assert_eq!(weights(7), weights(7));
        assert_ne!(weights(7), weights(8));
    }

    #[test]
    fn relu_takes_the_place_of_the_sigmoids() {
        let settings = LeNetSettings {
            activation: Activation::Relu,
            ..Default::default()
        };
        let model = LeNet::new(&settings, Device::Cpu).unwrap();
        let names: Vec<String> = summary(&model, [1, 28, 28])
            .unwrap()
            .layers
            .into_iter()
            .map(|row| row.layer)
            .collect();
        assert_eq!((&names[2][..], &names[5][..]), ("relu1", "relu2"));
        let images = Tensor::rand([2, 1, 28, 28], (Kind::Float, Device::Cpu));
        let mut pass = ForwardPass::recording();
        let _logits = model.forward(&images, &mut pass);
        let expected = pass.activation("pool1").unwrap().clamp_min(0.0);
        assert_eq!(pass.activation("relu1").unwrap(), &expected);
    }

    /// Layer by layer with nothing but libtorch's own functions.
    fn plain(model: &LeNet, images: &Tensor) -> Tensor {
        let block = |x: &Tensor, convolution| x.apply(convolution).max_pool2d_default(2).sigmoid();
        let x = block(&block(images, &model.conv1), &model.conv2).flatten(1, -1);
        x.apply(&model.fc1).apply(&model.fc2).apply(&model.fc3)
    }

    #[test]
    fn the_layout_of_training_changes_no_bit() {
        for settings in [LeNetSettings::default(), LeNetSettings::colour()] {
            let model = LeNet::new(&settings, Device::Cpu).unwrap();
            let [channels, height, width] = settings.image;
            // Black images: all values of a window are equal, and the first one gets the gradient.
            for images in [
                Tensor::randn([5, channels, height, width], (Kind::Float, Device::Cpu)),
                Tensor::zeros([1, channels, height, width], (Kind::Float, Device::Cpu)),
            ] {
                let learned = |logits: Tensor| {
                    let names = model.variables.variables().into_iter();
                    let weights: BTreeMap<String, Tensor> = names.collect();
                    let weights: Vec<Tensor> = weights.into_values().collect();
                    let loss = logits.square().sum(Kind::Float);
                    Tensor::run_backward(&[loss], &weights, false, false)
                };
                let logits = model.forward(&images, &mut ForwardPass::training());
                let expected = plain(&model, &images);
                assert_eq!(logits, expected);
                assert_eq!(learned(logits), learned(expected));
            }
        }
    }

    #[test]
    fn tch_counts_the_right_answers_that_score_counts() {
        let model = LeNet::new(&LeNetSettings::default(), Device::Cpu).unwrap();
        let images = Tensor::randint(256, [70, 1, 28, 28], (Kind::Uint8, Device::Cpu));
        let normalised = Normalization::default().apply(&images);
        let labels = logits(&model, &normalised).unwrap().argmax(-1, false);
        // The first 20 answers are made wrong.
        let wrong = (labels.narrow(0, 0, 20) + 1).remainder(10);
        labels.narrow(0, 0, 20).copy_(&wrong);
        let classes: Vec<String> = (0..10).map(|class| class.to_string()).collect();
        let dataset = Dataset::new(&images, &labels, &classes).unwrap();
        let expected = score(&model, &dataset).unwrap().accuracy;
        assert_eq!(expected, 50.0 / 70.0);
        let found = model.batch_accuracy_for_logits(&normalised, &labels, Device::Cpu, 16);
        assert!((found - expected).abs() < 1e-6, "{found} and {expected}");
        let in_training = model.forward_t(&normalised, true);
        assert!(in_training.requires_grad());
        assert_eq!(in_training, model.forward_t(&normalised, false));
    }

    #[test]
    fn images_of_another_shape_are_an_error_not_a_panic() {
        let model = LeNet::new(&LeNetSettings::default(), Device::Cpu).unwrap();
        let colour = Tensor::zeros([1, 3, 28, 28], (Kind::Float, Device::Cpu));
        let error = logits(&model, &colour)
            .expect_err("three channels")
            .to_string();
        assert!(
            error.starts_with("the network cannot process images of shape [1, 3, 28, 28]: "),
            "{error}"
        );
        assert!(
            error.contains("channels") && !error.contains("frame #"),
            "{error}"
        );
    }
}

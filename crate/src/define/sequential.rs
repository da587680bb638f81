//! Layers of tch, one after the other, as one model.

use std::sync::Arc;

use tch::Tensor;
use tch::nn::{self, ModuleT, VarStore};

use super::forward_pass::ForwardPass;
use super::model::Model;

/// Named layers, each of which gets the output of the layer before it: PyTorch's
/// `nn.Sequential(OrderedDict([…]))`, or tch's [`nn::seq_t`] with names.
///
/// A layer is anything that implements tch's [`ModuleT`], and so every [`nn::Module`] too. What a
/// layer computes is recorded under its name, so that [`summary`](super::summary()) lists it and
/// [`explain`](crate::explain::explain) finds it.
///
/// ```
/// use gasshuku::explain::{GradCam, Target, explain};
/// use gasshuku::prelude::*;
///
/// let variables = nn::VarStore::new(Device::Cpu);
/// let root = variables.root();
/// let model = Sequential::new(&variables)
///     .add("conv1", nn::conv2d(&root / "conv1", 1, 8, 5, Default::default()))
///     .add_relu("relu1")
///     .add_fn("pool1", |x| x.max_pool2d_default(2))
///     .add_fn("flatten", |x| x.flatten(1, -1))
///     .add("fc1", nn::linear(&root / "fc1", 8 * 12 * 12, 2, Default::default()));
///
/// let images = Tensor::randint(256, [60, 1, 28, 28], (Kind::Uint8, Device::Cpu));
/// let labels = Tensor::arange(60, (Kind::Int64, Device::Cpu)).remainder(2);
/// let dataset = Dataset::new(&images, &labels, &["even", "odd"])?;
/// let settings = TrainingSettings { epochs: 1, batch_size: 10, ..Default::default() };
/// train(&model, &dataset, &settings)?;
///
/// let images = dataset.info.normalization.apply(&images);
/// let explanation = explain(&model, &GradCam::at("relu1"), &images, &Target::Predicted)?;
/// assert_eq!(explanation.heat_maps()?.size(), [60, 28, 28]);
/// # Ok::<(), gasshuku::Error>(())
/// ```
///
/// A network that is written against tch already needs one line:
///
/// ```
/// use gasshuku::prelude::*;
///
/// fn network(path: &nn::Path) -> nn::SequentialT {
///     nn::seq_t()
///         .add_fn(|x| x.flatten(1, -1))
///         .add_fn_t(|x, train| x.dropout(0.5, train))
///         .add(nn::linear(path / "fc", 784, 10, Default::default()))
/// }
///
/// let variables = nn::VarStore::new(Device::Cpu);
/// let model = Sequential::new(&variables).add("net", network(&variables.root()));
/// assert_eq!(summary(&model, [1, 28, 28])?.parameters(), 7850);
/// # Ok::<(), gasshuku::Error>(())
/// ```
///
/// Saved weights are read back with [`load_weights`](crate::save::load_weights) into a model that is
/// built with the same code: a file cannot hold the code of the layers.
#[derive(Debug)]
pub struct Sequential {
    variables: VarStore,
    layers: Vec<(String, Layer)>,
}

#[derive(Debug)]
enum Layer {
    Module(Box<dyn ModuleT>),
    Relu,
}

impl Sequential {
    /// A model without layers, which returns its input. Its layers have their weights in `variables`.
    ///
    /// The model and the caller share the weights: variables that are added later belong to both, and
    /// a change through one is seen by the other. Only [`VarStore::set_device`] must not be called
    /// afterwards, since the model would not know; make the store on the device instead.
    pub fn new(variables: &VarStore) -> Sequential {
        let mut shared = VarStore::new(variables.device());
        shared.variables_ = Arc::clone(&variables.variables_);
        Sequential {
            variables: shared,
            layers: Vec::new(),
        }
    }

    /// Adds a layer at the end. Of several layers with the same name, methods that look for a layer
    /// find the first.
    ///
    /// In training, [`ModuleT::forward_t`] gets `train = true`, for dropout and the like. tch's dropout
    /// draws from libtorch's own random numbers; see [`ForwardPass::dropout`].
    pub fn add(self, name: &str, module: impl ModuleT + 'static) -> Sequential {
        self.push(name, Layer::Module(Box::new(module)))
    }

    /// Adds a function without weights at the end, such as a pooling.
    pub fn add_fn<F>(self, name: &str, function: F) -> Sequential
    where
        F: Fn(&Tensor) -> Tensor + Send + 'static,
    {
        self.add(name, nn::func(function))
    }

    /// Adds a ReLU at the end, max(0, x), through [`ForwardPass::relu`]: guided backpropagation does
    /// not find a ReLU that is hidden in a function or a module.
    pub fn add_relu(self, name: &str) -> Sequential {
        self.push(name, Layer::Relu)
    }

    // Not generic: a cell that adds a layer does not compile this again.
    fn push(mut self, name: &str, layer: Layer) -> Sequential {
        self.layers.push((name.to_owned(), layer));
        self
    }
}

impl Model for Sequential {
    fn variables(&self) -> &VarStore {
        &self.variables
    }

    fn forward(&self, images: &Tensor, pass: &mut ForwardPass) -> Tensor {
        let mut x = images.shallow_clone();
        for (name, layer) in &self.layers {
            let output = match layer {
                Layer::Module(module) => module.forward_t(&x, pass.is_training()),
                Layer::Relu => pass.relu(&x),
            };
            x = pass.record(name, output);
        }
        x
    }
}

#[cfg(test)]
mod tests;

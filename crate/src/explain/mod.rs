//! Step 7, explain: why does the network give this answer?
//!
//! Methods that explain, and two checks of what a method is worth:
//!
//! - [`grad_cam`], [`grad_cam_plus_plus`]: the regions of a layer that speak for a class
//! - [`saliency`], [`guided_backpropagation`], [`guided_grad_cam`]: the pixels that a class depends on
//! - [`mod@filters`]: the weights of a convolution
//! - [`mod@feature_maps`]: its output for an image
//! - [`deletion`]: does the class disappear with the pixels that a heat map marks?
//! - [`mod@sanity_check`]: does a heat map change when the weights are randomised?
//! - [`edges`]: a heat map that explains nothing, to compare with
//! - `attribution_context`: the activations and gradients that methods are made of
//! - here: the trait [`Method`], and the [`Explanation`] that it gives
//!
//! A further method is one more file: see [`Method`].

mod attribution_context;
pub mod deletion;
pub mod edges;
pub mod feature_maps;
pub mod filters;
pub mod grad_cam;
pub mod grad_cam_plus_plus;
pub mod guided_backpropagation;
pub mod guided_grad_cam;
pub mod rank_correlation;
pub mod saliency;
pub mod sanity_check;

use tch::{Device, Kind, Tensor};

pub use attribution_context::{AttributionContext, Target};
pub use deletion::{Curve, DeletionSettings, Faithfulness, blurred, faithfulness};
pub use edges::Edges;
pub use feature_maps::feature_maps;
pub use filters::filters;
pub use grad_cam::GradCam;
pub use grad_cam_plus_plus::GradCamPlusPlus;
pub use guided_backpropagation::GuidedBackpropagation;
pub use guided_grad_cam::GuidedGradCam;
pub use rank_correlation::rank_correlation;
pub use saliency::Saliency;
pub use sanity_check::{SanityCheck, Stage, sanity_check};

use crate::define::{Classifier, Model};
use crate::error::{Error, Result};
use crate::language::LocalizedText;
use crate::notebook::progress::{IMAGES, Progress};

const WORK: LocalizedText = LocalizedText {
    english: "the explanation",
    japanese: "説明",
};

/// Images explained at once. With more, each image takes longer, because they do not fit into the cache.
const BATCH: i64 = 250;

/// An attribution method: it says how much each position or pixel matters.
///
/// A custom method needs two functions. This one weights the image by its gradient
/// (Shrikumar et al., arXiv 1605.01713):
///
/// ```
/// use gasshuku::explain::{Method, AttributionContext, Target, explain};
/// use gasshuku::prelude::*;
///
/// struct GradientTimesInput;
///
/// impl Method for GradientTimesInput {
///     fn name(&self) -> String {
///         "gradient × input".into()
///     }
///     fn attribute(&self, context: &AttributionContext) -> gasshuku::Result<Tensor> {
///         Ok(context.input_gradient()? * context.images)
///     }
/// }
///
/// let model = LeNet::new(&LeNetSettings::default(), Device::Cpu)?;
/// let images = Tensor::rand([2, 1, 28, 28], (Kind::Float, Device::Cpu));
/// let explanation = explain(&model, &GradientTimesInput, &images, &Target::Class(9))?;
/// assert_eq!(explanation.attributions.size(), [2, 1, 28, 28]);
/// # Ok::<(), gasshuku::Error>(())
/// ```
pub trait Method {
    /// Its name, as a textbook writes it.
    fn name(&self) -> String;

    /// How much each position speaks for the class, before any scaling.
    ///
    /// `[N, 1, h, w]` at the size of a layer, or `[N, C, H, W]` with a number for every pixel.
    ///
    /// # Errors
    /// Those of the [`AttributionContext`]; [`explain`] adds its own.
    fn attribute(&self, context: &AttributionContext) -> Result<Tensor>;

    /// Whether negative numbers mean that a position speaks against the class.
    fn is_signed(&self) -> bool {
        false
    }
}

/// What a method says about some images.
#[derive(Debug)]
pub struct Explanation {
    /// The name of the method.
    pub method: String,
    /// The class that was explained, for each image.
    pub classes: Vec<usize>,
    /// How much each position speaks for that class, before scaling: `[N, 1, h, w]` at the size of a
    /// layer, or `[N, C, H, W]` with a number for every pixel. On the CPU.
    pub attributions: Tensor,
    /// Whether negative numbers mean that a position speaks against the class.
    pub is_signed: bool,
    /// Height and width of the images in pixels.
    pub image: [i64; 2],
}

/// Explains what a model says about normalised images `[N, C, H, W]`.
///
/// Weights, their gradients and libtorch's random numbers stay unchanged.
///
/// ```
/// use gasshuku::explain::{GradCam, Target, explain};
/// use gasshuku::prelude::*;
///
/// let model = LeNet::new(&LeNetSettings::default(), Device::Cpu)?;
/// let images = Tensor::rand([3, 1, 28, 28], (Kind::Float, Device::Cpu));
/// let explanation = explain(&model, &GradCam::at("conv2"), &images, &Target::Predicted)?;
/// assert_eq!(explanation.attributions.size(), [3, 1, 8, 8]);
/// assert_eq!(explanation.heat_maps()?.size(), [3, 28, 28]);
/// # Ok::<(), gasshuku::Error>(())
/// ```
///
/// # Errors
/// [`Error::Data`] if these are not normalised images, if there are none, or if the network's
/// answer is not finite; [`Error::Index`] for a class that does not exist; [`Error::Name`] for a
/// layer that does not; [`Error::Explain`] for a layer that cannot be explained;
/// [`Error::Interrupted`] at ■.
pub fn explain(
    model: &dyn Model,
    method: &dyn Method,
    images: &Tensor,
    target: &Target,
) -> Result<Explanation> {
    let image = check_normalised(images)?;
    let count = images.size()[0];
    let images = images.f_to(model.variables().device())?;
    let mut progress = Progress::of(WORK, count as usize, IMAGES);
    let mut attributions = Vec::new();
    let mut classes = Vec::new();
    for start in (0..count).step_by(BATCH as usize) {
        progress.done(start as usize)?;
        let batch = images.f_narrow(0, start, BATCH.min(count - start))?;
        let target = target.for_batch(start as usize, batch.size()[0] as usize, count as usize)?;
        let context = AttributionContext::new(model, &batch, target);
        let found = method.attribute(&context)?.f_detach()?;
        attributions.push(found.f_to(Device::Cpu)?);
        classes.extend(context.classes()?);
    }
    let attributions = Tensor::f_cat(&attributions, 0)?;
    check_attributions(method, &attributions, count)?;
    Ok(Explanation {
        method: method.name(),
        classes,
        attributions,
        is_signed: method.is_signed(),
        image,
    })
}

impl Explanation {
    /// How many images were explained.
    pub fn len(&self) -> usize {
        self.classes.len()
    }

    /// Whether no image was explained.
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }

    /// Whether there is a number for every pixel, not for the coarser positions of a layer.
    pub fn is_per_pixel(&self) -> bool {
        self.attributions.size()[2..] == self.image
    }

    /// The attributions at the size of the images, not scaled: `[N, 1 or C, H, W]`.
    ///
    /// Those of a layer are enlarged bilinearly, as the Grad-CAM paper has it (section 3.2), with
    /// the centres of the corner positions half a position away from the edge: what
    /// `torch.nn.functional.interpolate(align_corners=False)`, Captum's `LayerAttribution` in its
    /// mode "bilinear", and OpenCV's `resize` in pytorch-grad-cam do.
    ///
    /// # Errors
    /// [`Error::Torch`] if there is no room.
    pub fn enlarged(&self) -> Result<Tensor> {
        enlarge(&self.attributions, self.image)
    }

    /// The heat maps `[N, H, W]`, 0 (does not matter) to 1 (the position that matters most).
    ///
    /// Of several channels the largest magnitude counts, as in Simonyan, Vedaldi, Zisserman, arXiv
    /// 1312.6034, section 3.1. Each map is divided by its own largest value; a map of zeros stays
    /// so. pytorch-grad-cam subtracts the smallest value first, which gives 0 to positions that do
    /// speak for the class; Captum and the papers do not scale at all.
    ///
    /// # Errors
    /// [`Error::Torch`] if there is no room.
    pub fn heat_maps(&self) -> Result<Tensor> {
        let strength = self.enlarged()?.f_abs()?.f_amax([1i64], false)?;
        scaled(&strength)
    }

    /// The same with signs, `[N, H, W]`, −1 (speaks against the class) to 1 (speaks for it): the
    /// sum over the channels, divided by its largest magnitude.
    ///
    /// # Errors
    /// [`Error::Torch`] if there is no room.
    pub fn signed_maps(&self) -> Result<Tensor> {
        scaled(
            &self
                .enlarged()?
                .f_sum_dim_intlist([1i64].as_slice(), false, Kind::Float)?,
        )
    }
}

impl Classifier {
    /// Explains the model's answers for images, bytes of shape `[N, C, H, W]`: what speaks for the predicted
    /// class of each image, or for the given class.
    ///
    /// # Errors
    /// [`Error::Data`] if these are not bytes of the size the model was trained on;
    /// [`Error::Name`] for a class that does not exist; those of [`explain`].
    pub fn explain(
        &self,
        method: &dyn Method,
        images: &Tensor,
        class: Option<&str>,
    ) -> Result<Explanation> {
        let target = match class {
            None => Target::Predicted,
            Some(class) => Target::Class(self.info.class_index(class)?),
        };
        explain(&*self.model, method, &self.normalised(images)?, &target)
    }

    /// How a method's heat maps of some images, bytes `[N, C, H, W]`, change while the model's weights are
    /// randomised: see [`sanity_check()`]. The seed decides the random weights.
    ///
    /// # Errors
    /// [`Error::Data`] if these are not the model's images; those of [`sanity_check()`].
    pub fn sanity_check(
        &self,
        method: &dyn Method,
        images: &Tensor,
        seed: u64,
    ) -> Result<SanityCheck> {
        sanity_check(&*self.model, method, &self.normalised(images)?, seed)
    }

    /// How well a method's heat maps of some images, bytes `[N, C, H, W]`, find the pixels that the answer
    /// depends on; deleted pixels become black. See
    /// [`faithfulness()`].
    ///
    /// # Errors
    /// [`Error::Data`] if these are not the model's images; those of [`Classifier::explain`].
    pub fn faithfulness(&self, method: &dyn Method, images: &Tensor) -> Result<Faithfulness> {
        let images = self.normalised(images)?;
        let explanation = explain(&*self.model, method, &images, &Target::Predicted)?;
        let black = Tensor::f_zeros([1i64], (Kind::Uint8, Device::Cpu))?;
        let settings = DeletionSettings {
            fill_value: self.info.normalization.apply(&black).double_value(&[0]),
            ..Default::default()
        };
        faithfulness(&*self.model, &images, &explanation, &settings)
    }
}

/// Bilinear, from `[N, C, h, w]` to `[N, C, H, W]`; see [`Explanation::enlarged`].
pub(crate) fn enlarge(maps: &Tensor, image: [i64; 2]) -> Result<Tensor> {
    if maps.size()[2..] == image {
        return Ok(maps.shallow_clone());
    }
    Ok(maps.f_upsample_bilinear2d(image, false, None, None)?)
}

/// Divides each map `[N, H, W]` by its largest magnitude; zeros stay zeros.
fn scaled(maps: &Tensor) -> Result<Tensor> {
    let largest = maps.f_abs()?.f_amax([1i64, 2], true)?;
    let divisor = largest.f_where_self(&largest.f_gt(0.0)?, &largest.f_ones_like()?)?;
    Ok(maps.f_div(&divisor)?)
}

/// Height and width of normalised images.
fn check_normalised(images: &Tensor) -> Result<[i64; 2]> {
    match (images.kind(), &images.size()[..]) {
        (_, [0, ..]) => Err(Error::Data(
            "there is no image to explain; give at least one".into(),
        )),
        (Kind::Float, &[_, _, height, width]) => Ok([height, width]),
        (kind, size) => Err(Error::Data(format!(
            "what is to be explained must be normalised images (Float) of shape [N, C, H, W]; \
             these are {kind:?} of shape {size:?}"
        ))),
    }
}

fn check_attributions(method: &dyn Method, attributions: &Tensor, count: i64) -> Result<()> {
    let size = attributions.size();
    if size.len() != 4 || size[0] != count || size.contains(&0) {
        return Err(Error::Data(format!(
            "{} must give attributions of shape [N, C, H, W] for {count} images; these are {size:?}",
            method.name()
        )));
    }
    if attributions.f_isfinite()?.f_all()?.int64_value(&[]) == 0 {
        return Err(Error::Data(format!(
            "{} finds numbers that are not finite: the weights of this network are damaged, or it diverged in training",
            method.name()
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::define::{ForwardPass, LeNet, LeNetSettings};
    use crate::notebook::front::tests::FakeFront;
    use tch::nn;

    /// A network whose answers can be worked out by hand: one channel, two filters that hand the
    /// image and its negative on, and logits that weight the places of both.
    pub(super) struct ByHand {
        variables: nn::VarStore,
        /// `[2 × pixels, classes]`
        head: Tensor,
    }

    impl ByHand {
        /// For each class the weights of the places of the first filter, then of the second.
        pub(super) fn new(classes: &[&[f32]]) -> ByHand {
            ByHand {
                variables: nn::VarStore::new(Device::Cpu),
                head: Tensor::from_slice2(classes).tr(),
            }
        }
    }

    impl Model for ByHand {
        fn variables(&self) -> &nn::VarStore {
            &self.variables
        }
        fn forward(&self, images: &Tensor, pass: &mut ForwardPass) -> Tensor {
            let maps = pass.record("maps", Tensor::cat(&[images, &images.neg()], 1));
            let _aside = pass.record("aside", images.neg());
            let flat = pass.record("flat", maps.flatten(1, -1));
            pass.record("logits", flat.matmul(&self.head))
        }
    }

    /// One image of 1×2 pixels.
    pub(super) fn image(left: f32, right: f32) -> Tensor {
        Tensor::from_slice(&[left, right]).reshape([1, 1, 1, 2])
    }

    pub(super) fn numbers(tensor: &Tensor) -> Vec<f32> {
        Vec::try_from(tensor.flatten(0, -1)).unwrap()
    }

    fn lenet() -> LeNet {
        LeNet::new(&LeNetSettings::default(), Device::Cpu).unwrap()
    }

    /// Normalised images without any pattern, the same every time.
    pub(super) fn noise(count: i64) -> Tensor {
        let numbers = Tensor::arange(count * 784, (Kind::Float, Device::Cpu));
        (numbers * 12.9898).sin().view([count, 1, 28, 28])
    }

    fn error(method: &dyn Method, images: &Tensor, target: &Target) -> String {
        explain(&lenet(), method, images, target)
            .expect_err("cannot be explained")
            .to_string()
    }

    #[test]
    fn grad_cam_is_the_one_worked_out_by_hand() {
        let model = ByHand::new(&[&[4.0, 2.0, 1.0, 1.0], &[-1.0, 0.0, 0.0, 0.0]]);
        let explained = |class| {
            let target = Target::Class(class);
            explain(&model, &GradCam::at("maps"), &image(3.0, -5.0), &target).unwrap()
        };
        // α = (3, 1); L = ReLU(3 · (3, −5) + 1 · (−3, 5)) = ReLU(6, −10).
        assert_eq!(numbers(&explained(0).attributions), [6.0, 0.0]);
        assert_eq!(numbers(&explained(0).heat_maps().unwrap()), [1.0, 0.0]);
        // α = (−1/2, 0); L = ReLU(−1.5, 2.5).
        assert_eq!(numbers(&explained(1).attributions), [0.0, 2.5]);
        assert_eq!(explained(1).method, "Grad-CAM at maps");
    }

    #[test]
    fn grad_cam_plus_plus_is_the_one_worked_out_by_hand() {
        let model = ByHand::new(&[&[1.0, -2.0, 0.0, 3.0], &[0.0; 4]]);
        let method = GradCamPlusPlus::at("maps");
        let found = explain(&model, &method, &image(1.0, 3.0), &Target::Class(0)).unwrap();
        // First filter, ΣA = 4: α = 1/(2 + 4·1) at the left, where g = 1; the right has g < 0.
        // Second filter, ΣA = −4: α = 9/(18 − 4·27) = −0.1 at the right, where g = 3.
        // w = (1/6, −0.3); L = 1/6 · (1, 3) − 0.3 · (−1, −3).
        let left = 1.0 / 6.0 + 0.3;
        for (found, expected) in numbers(&found.attributions).iter().zip([left, 3.0 * left]) {
            assert!((found - expected).abs() < 1e-6, "{found} beside {expected}");
        }
        // Without any gradient nothing matters, and nothing is divided by zero.
        let silent = explain(&model, &method, &image(1.0, 3.0), &Target::Class(1)).unwrap();
        assert_eq!(numbers(&silent.heat_maps().unwrap()), [0.0, 0.0]);
    }

    #[test]
    fn gradients_are_those_worked_out_by_hand() {
        let model = ByHand::new(&[&[4.0, 2.0, 1.0, 5.0], &[0.0; 4]]);
        let attributions = |method: &dyn Method| {
            let found = explain(&model, method, &image(3.0, -5.0), &Target::Class(0)).unwrap();
            assert!(found.is_per_pixel());
            found
        };
        // Each pixel counts once as it is and once as its negative: 4 − 1, 2 − 5.
        let saliency = attributions(&Saliency);
        assert_eq!(numbers(&saliency.attributions), [3.0, 3.0]);
        let plain = attributions(&GuidedBackpropagation);
        assert_eq!(numbers(&plain.attributions), [3.0, -3.0]);
        assert_eq!(numbers(&plain.signed_maps().unwrap()), [1.0, -1.0]);
        assert_eq!(numbers(&plain.heat_maps().unwrap()), [1.0, 1.0]);
        // Grad-CAM's map: α = (3, 3), L = ReLU(0, 0).
        let product = attributions(&GuidedGradCam::at("maps"));
        assert_eq!(numbers(&product.heat_maps().unwrap()), [0.0, 0.0]);
    }

    /// ReLUs one after the other, and side by side on the way to one sum.
    #[test]
    fn guided_backpropagation_follows_every_way_through_the_network() {
        struct Branches(nn::VarStore);
        impl Model for Branches {
            fn variables(&self) -> &nn::VarStore {
                &self.0
            }
            fn forward(&self, images: &Tensor, pass: &mut ForwardPass) -> Tensor {
                let first = pass.relu(images);
                let up = pass.relu(&(&first * 2.0));
                let down = pass.relu(&(&first * 3.0));
                let passed_by = images * 10.0;
                let y = (up - down * 5.0 + first * 0.5 + passed_by).flatten(1, -1);
                Tensor::cat(
                    &[&y.sum_dim_intlist([1i64].as_slice(), true, Kind::Float); 2],
                    1,
                )
            }
        }
        let model = Branches(nn::VarStore::new(Device::Cpu));
        let found = |method: &dyn Method| {
            let explanation =
                explain(&model, method, &image(1.0, -1.0), &Target::Class(0)).unwrap();
            numbers(&explanation.attributions)
        };
        // Left: up 2, down −15, straight 0.5, past all ReLUs 10; right: only what goes past.
        assert_eq!(found(&Saliency), [2.5, 10.0]);
        // The −5 that reaches the second branch is not let through.
        assert_eq!(found(&GuidedBackpropagation), [12.5, 10.0]);
    }

    #[test]
    fn edges_are_those_of_the_image_alone() {
        let images = Tensor::from_slice(&[0f32, 0.0, 8.0, 0.0, 0.0, 8.0]).reshape([1, 1, 2, 3]);
        let model = ByHand::new(&[&[0.0; 12], &[0.0; 12]]);
        let found = explain(&model, &Edges, &images, &Target::Predicted).unwrap();
        // (1 + 2 + 1) · 8 where the step is, nothing where the image is flat.
        assert_eq!(
            numbers(&found.attributions),
            [0.0, 32.0, 32.0, 0.0, 32.0, 32.0]
        );
    }

    #[test]
    fn colours_are_explained_too() {
        let model = LeNet::new(&LeNetSettings::colour(), Device::Cpu).unwrap();
        let images = Tensor::rand([2, 3, 32, 32], (Kind::Float, Device::Cpu));
        let found = explain(&model, &Saliency, &images, &Target::Class(1)).unwrap();
        assert_eq!(found.attributions.size(), [2, 3, 32, 32]);
        let strongest = found.attributions.amax([1i64], false);
        let expected = &strongest / strongest.amax([1i64, 2], true);
        assert_eq!(found.heat_maps().unwrap(), expected);
    }

    #[test]
    fn many_images_are_explained_as_each_by_itself() {
        let (model, images) = (lenet(), noise(2 * BATCH + 1));
        let method = GradCam::at("sigmoid2");
        let labels: Vec<usize> = (0..images.size()[0] as usize).map(|n| n % 10).collect();
        let all = explain(&model, &method, &images, &Target::Each(labels.clone())).unwrap();
        assert_eq!(all.classes, labels);
        for index in [0, BATCH - 1, BATCH, 2 * BATCH] {
            let target = Target::Class(labels[index as usize]);
            let one = explain(&model, &method, &images.narrow(0, index, 1), &target).unwrap();
            let apart = (one.attributions - all.attributions.narrow(0, index, 1))
                .abs()
                .max();
            assert!(apart.double_value(&[]) < 1e-6, "image {index}");
        }
    }

    #[test]
    fn a_frozen_model_and_a_cell_without_gradients_are_explained_alike() {
        let (model, images) = (lenet(), noise(2));
        let method = GuidedGradCam::at("conv2");
        let explained = |model: &LeNet| {
            explain(model, &method, &images, &Target::Class(3))
                .unwrap()
                .attributions
        };
        let expected = explained(&model);
        assert_eq!(tch::no_grad(|| explained(&model)), expected);
        for weight in model.variables().trainable_variables() {
            let _frozen = weight.set_requires_grad(false);
        }
        assert_eq!(explained(&model), expected);
    }

    #[test]
    fn what_cannot_be_explained_says_why() {
        let (method, any) = (GradCam::at("conv2"), Target::Predicted);
        assert_eq!(
            error(&GradCam::at("conv3"), &noise(1), &any),
            "there is no layer `conv3`; there are: conv1, pool1, sigmoid1, conv2, pool2, \
             sigmoid2, fc1, fc2, fc3"
        );
        assert_eq!(
            error(&method, &noise(1), &Target::Class(10)),
            "there is no class 10: there are 10, counted from 0"
        );
        assert_eq!(
            error(&Saliency, &noise(2), &Target::Each(vec![0, 11])),
            "there is no class 11: there are 10, counted from 0"
        );
        assert!(
            error(&method, &noise(2), &Target::Each(vec![1]))
                .contains("2 images to explain but 1 classes")
        );
        for layer in ["fc1", "fc3"] {
            let message = error(&GradCam::at(layer), &noise(1), &any);
            assert!(
                message.starts_with(&format!(
                    "layer {layer} cannot be explained: its output [1, "
                )),
                "{message}"
            );
            assert!(message.contains("choose a convolution"), "{message}");
        }
        for method in [&method as &dyn Method, &Saliency, &Edges] {
            assert!(error(method, &noise(0), &any).starts_with("there is no image to explain"));
        }
        assert!(error(&method, &noise(1).squeeze_dim(0), &any).contains("[1, 28, 28]"));
        assert!(error(&method, &noise(1).to_kind(Kind::Uint8), &any).contains("Uint8"));
        assert!(
            error(&method, &noise(1).narrow(2, 0, 9), &any)
                .starts_with("the network cannot process images of shape [1, 1, 9, 28]")
        );
    }

    #[test]
    fn a_layer_that_the_logits_do_not_depend_on_is_an_error() {
        let model = ByHand::new(&[&[1.0; 4], &[1.0; 4]]);
        for method in [
            &GradCam::at("aside") as &dyn Method,
            &GradCamPlusPlus::at("aside"),
        ] {
            let message = explain(&model, method, &image(1.0, 2.0), &Target::Predicted)
                .expect_err("not on the way to the logits")
                .to_string();
            assert!(
                message.starts_with("layer aside cannot be explained: the logits do not depend"),
                "{message}"
            );
        }
    }

    #[test]
    fn logits_that_do_not_depend_on_the_image_are_an_error() {
        struct Deaf(nn::VarStore);
        impl Model for Deaf {
            fn variables(&self) -> &nn::VarStore {
                &self.0
            }
            fn forward(&self, images: &Tensor, pass: &mut ForwardPass) -> Tensor {
                let maps = pass.record("maps", images.shallow_clone()).detach();
                maps.mean_dim([2i64, 3].as_slice(), false, Kind::Float)
                    * Tensor::ones([2], (Kind::Float, Device::Cpu))
            }
        }
        let model = Deaf(nn::VarStore::new(Device::Cpu));
        let methods = [
            &Saliency as &dyn Method,
            &GuidedBackpropagation,
            &GradCam::at("maps"),
        ];
        for method in methods {
            let message = explain(&model, method, &image(1.0, 2.0), &Target::Predicted)
                .expect_err("nothing to differentiate")
                .to_string();
            assert!(message.contains("do not depend on"), "{message}");
        }
    }

    #[test]
    fn numbers_that_are_not_finite_are_an_error_not_a_picture() {
        let model = ByHand::new(&[&[f32::NAN, 0.0, 0.0, 0.0], &[0.0; 4]]);
        let message = explain(&model, &Saliency, &image(1.0, 2.0), &Target::Class(0))
            .expect_err("NaN")
            .to_string();
        assert!(
            message.starts_with("Saliency finds numbers that are not finite"),
            "{message}"
        );
    }

    #[test]
    fn a_method_that_gives_another_shape_is_an_error() {
        struct Odd;
        impl Method for Odd {
            fn name(&self) -> String {
                "Odd".into()
            }
            fn attribute(&self, context: &AttributionContext) -> Result<Tensor> {
                Ok(context.images.flatten(0, -1))
            }
        }
        let message = error(&Odd, &noise(1), &Target::Predicted);
        assert!(
            message.contains("Odd must give attributions of shape [N, C, H, W]"),
            "{message}"
        );
    }

    #[test]
    fn a_classifier_explains_bytes_by_the_name_of_a_class() {
        let info = crate::load::DatasetInfo {
            image: [1, 28, 28],
            classes: (0..10).map(|class| format!("class {class}")).collect(),
            normalization: Default::default(),
        };
        let classifier = Classifier::new(Box::new(lenet()), &info);
        let bytes = Tensor::randint(256, [2, 1, 28, 28], (Kind::Uint8, Device::Cpu));
        let method = GradCam::at("conv2");
        let named = classifier
            .explain(&method, &bytes, Some("class 4"))
            .unwrap();
        assert_eq!(named.classes, [4, 4]);
        let predicted = classifier.explain(&method, &bytes, None).unwrap();
        for (class, prediction) in predicted
            .classes
            .iter()
            .zip(classifier.predict_batch(&bytes).unwrap())
        {
            assert_eq!(prediction.class(), info.classes[*class]);
        }
        let message = |images: &Tensor, class| {
            classifier
                .explain(&method, images, class)
                .expect_err("wrong")
                .to_string()
        };
        assert!(message(&bytes, Some("boot")).starts_with("there is no class `boot`"));
        assert!(message(&bytes.to_kind(Kind::Float), None).contains("bytes (Uint8)"));
        assert!(message(&bytes.narrow(0, 0, 0), None).starts_with("there is no image"));
    }

    #[test]
    fn an_interrupt_ends_the_explaining_of_many_images() {
        /// Presses ■ while it explains the first of two batches.
        struct Impatient<'a>(&'a FakeFront);
        impl Method for Impatient<'_> {
            fn name(&self) -> String {
                "impatient".into()
            }
            fn attribute(&self, context: &AttributionContext) -> Result<Tensor> {
                self.0.interrupt();
                Ok(context.images.shallow_clone())
            }
        }
        let (model, front) = (lenet(), FakeFront::without_socket());
        let images = noise(251);
        let method = Impatient(&front);
        let error = front.cell(|| explain(&model, &method, &images, &Target::Class(0)));
        assert_eq!(
            error.expect_err("interrupted").to_string(),
            "the explanation was stopped after 250 of 251 images; nothing is lost"
        );
    }
}

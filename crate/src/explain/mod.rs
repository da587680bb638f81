//! Step 7, explain: why does the network say so?
//!
//! Three ways to look inside, and two ways to find out whether to believe what one sees:
//!
//! - [`grad_cam`], [`grad_cam_plus_plus`]: where a layer found what speaks for a class
//! - [`saliency`], [`guided_backpropagation`], [`guided_grad_cam`]: which pixels a class hangs on
//! - [`filters`]: what a convolution looks for
//! - [`feature_maps`]: what it finds in an image
//! - [`deletion`]: does the class vanish with the pixels that a heat map names?
//! - [`sanity_check`]: does a heat map change when the network forgets what it learned?
//! - [`edges`]: a heat map that explains nothing, to compare with
//! - here: the [`Method`] that they have in common, and the [`Explanation`] it gives
//!
//! A further method is one more file: see [`Method`].

pub mod deletion;
pub mod edges;
pub mod feature_maps;
pub mod filters;
pub mod grad_cam;
pub mod grad_cam_plus_plus;
pub mod guided_backpropagation;
pub mod guided_grad_cam;
mod question;
pub mod rank_correlation;
pub mod saliency;
pub mod sanity_check;

use tch::{Device, Kind, Tensor};

pub use deletion::{Curve, DeletionSettings, Faithfulness, blurred, faithfulness};
pub use edges::Edges;
pub use feature_maps::feature_maps;
pub use filters::filters;
pub use grad_cam::GradCam;
pub use grad_cam_plus_plus::GradCamPlusPlus;
pub use guided_backpropagation::GuidedBackpropagation;
pub use guided_grad_cam::GuidedGradCam;
pub use question::{Question, Target};
pub use rank_correlation::rank_correlation;
pub use saliency::Saliency;
pub use sanity_check::{SanityCheck, Stage, sanity_check};

use crate::define::Model;
use crate::error::{Error, Result};
use crate::predict::{Classifier, check_images};

/// So many images are explained at once: more take longer each, since they leave the cache.
const BATCH: i64 = 250;

/// A way to explain: from a question to numbers that say which places matter.
///
/// A method of one's own needs two functions. This one weights the image by its gradient
/// (Shrikumar et al., arXiv 1605.01713):
///
/// ```
/// use gasshuku::explain::{Method, Question, Target, explain};
/// use gasshuku::prelude::*;
///
/// struct GradientTimesInput;
///
/// impl Method for GradientTimesInput {
///     fn name(&self) -> String {
///         "gradient × input".into()
///     }
///     fn attribute(&self, question: &Question) -> gasshuku::Result<Tensor> {
///         Ok(question.input_gradient()? * question.images)
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

    /// How much each place speaks for the class in question, before any scaling.
    ///
    /// `[N, 1, h, w]` at the size of a layer, or `[N, C, H, W]` with a number for every pixel.
    ///
    /// # Errors
    /// Those of the [`Question`]; [`explain`] adds its own.
    fn attribute(&self, question: &Question) -> Result<Tensor>;

    /// Whether numbers below zero mean something: that a place speaks against the class.
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
    /// How much each place speaks for that class, before scaling: `[N, 1, h, w]` at the size of a
    /// layer, or `[N, C, H, W]` with a number for every pixel. On the CPU.
    pub attributions: Tensor,
    /// Whether numbers below zero mean something.
    pub is_signed: bool,
    /// Height and width of the images in pixels.
    pub image: [i64; 2],
}

/// Explains what a model says about normalised images `[N, C, H, W]`.
///
/// Nothing is disturbed: weights, their gradients and libtorch's random numbers stay as they are.
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
/// layer that does not; [`Error::Explain`] for a layer that cannot be explained.
pub fn explain(
    model: &dyn Model,
    method: &dyn Method,
    images: &Tensor,
    target: &Target,
) -> Result<Explanation> {
    let image = check_normalised(images)?;
    let count = images.size()[0];
    let images = images.f_to(model.variables().device())?;
    let mut attributions = Vec::new();
    let mut classes = Vec::new();
    for start in (0..count).step_by(BATCH as usize) {
        let batch = images.f_narrow(0, start, BATCH.min(count - start))?;
        let target = target.part(start as usize, batch.size()[0] as usize, count as usize)?;
        let question = Question::new(model, &batch, target);
        let found = method.attribute(&question)?.f_detach()?;
        attributions.push(found.f_to(Device::Cpu)?);
        classes.extend(question.classes()?);
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

    /// Whether there is a number for every pixel, not for the coarser places of a layer.
    pub fn is_per_pixel(&self) -> bool {
        self.attributions.size()[2..] == self.image
    }

    /// The attributions at the size of the images, not scaled: `[N, 1 or C, H, W]`.
    ///
    /// Those of a layer are enlarged bilinearly, as the Grad-CAM paper has it (section 3.2), with
    /// the centres of the corner places half a place away from the edge: what
    /// `torch.nn.functional.interpolate(align_corners=False)`, Captum's `LayerAttribution` in its
    /// mode "bilinear", and OpenCV's `resize` in pytorch-grad-cam do.
    ///
    /// # Errors
    /// [`Error::Torch`] if there is no room.
    pub fn enlarged(&self) -> Result<Tensor> {
        enlarge(&self.attributions, self.image)
    }

    /// The heat maps `[N, H, W]`, 0 (does not matter) to 1 (the place that matters most).
    ///
    /// Of several channels the largest magnitude counts, as in Simonyan, Vedaldi, Zisserman, arXiv
    /// 1312.6034, section 3.1. Each map is divided by its own largest value; a map of zeros stays
    /// so. pytorch-grad-cam subtracts the smallest value first, which makes a 0 of places that do
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
    /// Explains what the model says about images, bytes of shape `[N, C, H, W]`: why it takes each
    /// for what it does, or, with a class, what speaks for that class.
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

    /// What the network sees of images, bytes of shape `[N, C, H, W]`, on its device.
    pub(crate) fn normalised(&self, images: &Tensor) -> Result<Tensor> {
        check_images(&self.info, images)?;
        let images = images.f_to(self.model.variables().device())?;
        Ok(self.info.normalization.apply(&images))
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

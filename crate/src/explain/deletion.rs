//! Deletion and insertion: does the answer depend on the pixels that a heat map marks?

use tch::{Kind, Tensor};

use super::{Explanation, check_normalised};
use crate::define::{Model, probabilities};
use crate::device::on_cpu_as_double;
use crate::error::{Error, Result};
use crate::language::LocalizedText;
use crate::notebook::progress::{IMAGES, Progress};

const WORK: LocalizedText = LocalizedText {
    english: "the deletion of pixels",
    japanese: "画素の削除",
};

/// The Gaussian blur with which insertion begins: 11×11 pixels, standard deviation 5, as in the authors'
/// own code.
const BLUR_RADIUS: i64 = 5;
const BLUR_STD: f64 = 5.0;

/// How pixels are deleted.
#[derive(Clone, Debug, PartialEq)]
pub struct DeletionSettings {
    /// Pixels that change in one step, at least 1.
    pub pixels_per_step: usize,
    /// The normalised value of a deleted pixel. −1 is black with the default
    /// normalisation: Fashion-MNIST's own background. The paper's images had their mean there.
    pub fill_value: f64,
}

impl Default for DeletionSettings {
    /// One row's worth of a 28×28 image at a time, black.
    fn default() -> Self {
        DeletionSettings {
            pixels_per_step: 28,
            fill_value: -1.0,
        }
    }
}

/// The probability of the explained class while pixels are deleted or inserted: for each image one
/// probability, 0 to 1, at each of [`fractions`](Curve::fractions).
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// The fraction of the pixels that have changed, 0 to 1.
    pub fractions: Vec<f64>,
    /// The probabilities of each image.
    pub probabilities: Vec<Vec<f64>>,
}

/// How well a heat map finds the pixels that the network's answer depends on.
#[derive(Clone, Debug, PartialEq)]
pub struct Faithfulness {
    /// The name of the method.
    pub method: String,
    /// The pixels deleted, the hottest first. A good map makes the probability fall at once: the
    /// smaller the area, the better.
    pub deletion: Curve,
    /// The pixels put back into a blurred image, the hottest first. The larger the area, the better.
    pub insertion: Curve,
}

impl Curve {
    /// The mean over the images, one probability for each fraction.
    pub fn mean(&self) -> Vec<f64> {
        let images = self.probabilities.len().max(1) as f64;
        (0..self.fractions.len())
            .map(|step| {
                self.probabilities
                    .iter()
                    .map(|image| image[step])
                    .sum::<f64>()
                    / images
            })
            .collect()
    }

    /// The area below the curve of each image, 0 to 1, by the trapezoidal rule.
    pub fn areas(&self) -> Vec<f64> {
        let area = |probabilities: &Vec<f64>| area(&self.fractions, probabilities);
        self.probabilities.iter().map(area).collect()
    }

    /// The area below the mean curve, 0 to 1: the mean of the areas.
    pub fn area(&self) -> f64 {
        area(&self.fractions, &self.mean())
    }
}

/// Deletes and inserts the pixels of normalised images in the order of their heat maps.
///
/// Petsiuk, Das, Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models",
/// arXiv 1806.07421, section 4.3, for the class that was explained, where the authors' code takes
/// the predicted one. Equally hot pixels go in reading order. Insertion starts from the image
/// blurred with its edges continued; the authors' code continues with zeros, which would be a grey
/// frame here.
///
/// # Errors
/// [`Error::Setting`] for 0 pixels in a step, [`Error::Data`] if these are not the images of the
/// explanation, [`Error::Forward`] if they do not fit the network, [`Error::Interrupted`] at ■.
pub fn faithfulness(
    model: &dyn Model,
    images: &Tensor,
    explanation: &Explanation,
    settings: &DeletionSettings,
) -> Result<Faithfulness> {
    check(images, explanation, settings)?;
    let device = model.variables().device();
    let images = images.f_to(device)?;
    let empty = images.f_full_like(settings.fill_value)?;
    let blurred = blurred(&images)?;
    let heat_maps = explanation.heat_maps()?;
    let pixels = heat_maps.numel() / explanation.len();
    let counts = steps(pixels, settings.pixels_per_step);

    let mut progress = Progress::of(WORK, explanation.len(), IMAGES);
    let mut deletion = Vec::new();
    let mut insertion = Vec::new();
    for (index, &class) in explanation.classes.iter().enumerate() {
        progress.done(index)?;
        let index = index as i64;
        let changed = changed_pixels(&heat_maps.f_get(index)?, &counts)?.f_to(device)?;
        let one = |images: &Tensor| images.f_narrow(0, index, 1);
        let image = one(&images)?;
        let follow = |before: &Tensor, after: &Tensor| -> Result<Vec<f64>> {
            let steps = after.f_where_self(&changed, before)?;
            let column = probabilities(model, &steps)?.f_select(1, class as i64)?;
            Ok(Vec::<f64>::try_from(on_cpu_as_double(&column)?)?)
        };
        deletion.push(follow(&image, &one(&empty)?)?);
        insertion.push(follow(&one(&blurred)?, &image)?);
    }
    let fractions: Vec<f64> = counts
        .iter()
        .map(|&count| count as f64 / pixels as f64)
        .collect();
    let curve = |probabilities| Curve {
        fractions: fractions.clone(),
        probabilities,
    };
    Ok(Faithfulness {
        method: explanation.method.clone(),
        deletion: curve(deletion),
        insertion: curve(insertion),
    })
}

fn check(images: &Tensor, explanation: &Explanation, settings: &DeletionSettings) -> Result<()> {
    let size = check_normalised(images)?;
    if settings.pixels_per_step == 0 {
        return Err(Error::setting(
            "pixels_per_step",
            0,
            "at least 1 pixel changes in a step",
        ));
    }
    let (count, explained) = (images.size()[0] as usize, explanation.len());
    if count != explained || size != explanation.image {
        return Err(Error::Data(format!(
            "the explanation is one of {explained} images of {:?} pixels, these are {count} of \
             {size:?}: give the images that were explained",
            explanation.image
        )));
    }
    Ok(())
}

/// How many pixels have changed after each step: none at the start, all at the end.
fn steps(pixels: usize, pixels_per_step: usize) -> Vec<usize> {
    (0..pixels)
        .step_by(pixels_per_step)
        .chain([pixels])
        .collect()
}

/// Whether each pixel of a map `[H, W]` has changed after each of `counts` changes: `[S, 1, H, W]`.
fn changed_pixels(heat_map: &Tensor, counts: &[usize]) -> Result<Tensor> {
    let (height, width) = heat_map.size2()?;
    let heat = Vec::<f32>::try_from(heat_map.f_flatten(0, -1)?)?;
    let mut order: Vec<usize> = (0..heat.len()).collect();
    order.sort_by(|&one, &other| heat[other].total_cmp(&heat[one]));
    let mut position = vec![0i64; heat.len()];
    for (rank, &pixel) in order.iter().enumerate() {
        position[pixel] = rank as i64;
    }
    let counts: Vec<i64> = counts.iter().map(|&count| count as i64).collect();
    let counts = Tensor::f_from_slice(&counts)?.f_reshape([-1, 1, 1, 1])?;
    Ok(Tensor::f_from_slice(&position)?
        .f_reshape([1, 1, height, width])?
        .f_lt_tensor(&counts)?)
}

/// Images `[N, C, H, W]` blurred by a Gaussian of 11×11 pixels with standard deviation 5, their edges
/// continued.
///
/// # Errors
/// [`Error::Torch`] for another shape.
pub fn blurred(images: &Tensor) -> Result<Tensor> {
    let (count, channels, height, width) = images.size4()?;
    let offsets = Tensor::f_arange_start(
        -BLUR_RADIUS,
        BLUR_RADIUS + 1,
        (Kind::Float, images.device()),
    )?;
    let weights = (offsets.f_square()? / (-2.0 * BLUR_STD.powi(2))).f_exp()?;
    let weights = weights.f_div(&weights.f_sum(Kind::Float)?)?;
    let planes = images
        .f_reshape([count * channels, 1, height, width])?
        .f_replication_pad2d([BLUR_RADIUS; 4])?;
    // A Gaussian in two dimensions is one along the rows after one along the columns.
    let along = |planes: &Tensor, shape: [i64; 4]| {
        let kernel = weights.f_reshape(shape)?;
        planes.f_conv2d::<Tensor>(&kernel, None, [1, 1], [0, 0], [1, 1], 1)
    };
    let blurred = along(&along(&planes, [1, 1, -1, 1])?, [1, 1, 1, -1])?;
    Ok(blurred.f_reshape([count, channels, height, width])?)
}

fn area(fractions: &[f64], probabilities: &[f64]) -> f64 {
    fractions
        .windows(2)
        .zip(probabilities.windows(2))
        .map(|(share, probability)| (share[1] - share[0]) * (probability[0] + probability[1]) / 2.0)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{ByHand, image, numbers};
    use super::super::{Saliency, Target, explain};
    use super::*;
    use crate::notebook::front::tests::FakeFront;

    /// 1 / (1 + e⁻ˣ): the softmax of two logits x apart.
    fn sigmoid(x: f64) -> f64 {
        1.0 / (1.0 + (-x).exp())
    }

    fn near(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} beside {expected}");
        }
    }

    #[test]
    fn curves_and_areas_are_those_worked_out_by_hand() {
        // The logits are x₀ + 2 x₁ and 0: the right pixel matters more, and goes first.
        let model = ByHand::new(&[&[1.0, 2.0, 0.0, 0.0], &[0.0; 4]]);
        let images = image(0.5, 1.5);
        let explanation = explain(&model, &Saliency, &images, &Target::Class(0)).unwrap();
        let settings = DeletionSettings {
            pixels_per_step: 1,
            fill_value: -1.0,
        };
        let found = faithfulness(&model, &images, &explanation, &settings).unwrap();
        assert_eq!(found.deletion.fractions, [0.0, 0.5, 1.0]);
        let deletion = [sigmoid(3.5), sigmoid(-1.5), sigmoid(-3.0)];
        near(&found.deletion.probabilities[0], &deletion);
        near(&found.deletion.mean(), &deletion);
        let area = (deletion[0] + 2.0 * deletion[1] + deletion[2]) / 4.0;
        near(&found.deletion.areas(), &[area]);
        near(&[found.deletion.area()], &[area]);
        let blurred = numbers(&blurred(&images).unwrap());
        let blurred = [f64::from(blurred[0]), f64::from(blurred[1])];
        let insertion = [
            sigmoid(blurred[0] + 2.0 * blurred[1]),
            sigmoid(blurred[0] + 2.0 * 1.5),
            sigmoid(3.5),
        ];
        near(&found.insertion.probabilities[0], &insertion);
    }

    #[test]
    fn the_last_step_takes_what_is_left() {
        assert_eq!(steps(784, 28).len(), 29);
        assert_eq!(steps(10, 4), [0, 4, 8, 10]);
        assert_eq!(steps(3, 100), [0, 3]);
        near(&[area(&[0.0, 0.8, 1.0], &[1.0, 0.5, 0.0])], &[0.6 + 0.05]);
    }

    #[test]
    fn a_flat_image_is_not_changed_by_the_blur() {
        let flat = Tensor::from_slice(&[3f32]).expand([2, 3, 4, 7], false);
        let found = blurred(&flat).unwrap();
        assert!((found - flat).abs().max().double_value(&[]) < 1e-6);
    }

    #[test]
    fn what_does_not_fit_says_so() {
        let model = ByHand::new(&[&[1.0; 4], &[0.0; 4]]);
        let images = image(0.5, 1.5);
        let explanation = explain(&model, &Saliency, &images, &Target::Class(0)).unwrap();
        let message = |images: &Tensor, pixels_per_step| {
            let settings = DeletionSettings {
                pixels_per_step,
                ..Default::default()
            };
            faithfulness(&model, images, &explanation, &settings)
                .expect_err("wrong")
                .to_string()
        };
        assert!(message(&images, 0).starts_with("pixels_per_step is 0"));
        let two = Tensor::cat(&[&images, &images], 0);
        assert!(message(&two, 1).contains("give the images that were explained"));
        assert!(message(&images.transpose(2, 3), 1).contains("[2, 1]"));
        assert!(message(&images.narrow(0, 0, 0), 1).starts_with("there is no image"));
    }

    #[test]
    fn an_interrupt_ends_it() {
        let model = ByHand::new(&[&[1.0; 4], &[0.0; 4]]);
        let images = image(0.5, 1.5);
        let explanation = explain(&model, &Saliency, &images, &Target::Class(0)).unwrap();
        let front = FakeFront::without_socket();
        front.interrupt();
        let settings = DeletionSettings::default();
        let error = front.cell(|| faithfulness(&model, &images, &explanation, &settings));
        assert_eq!(
            error.expect_err("interrupted").to_string(),
            "the deletion of pixels was stopped after 0 of 1 images; nothing is lost"
        );
    }
}

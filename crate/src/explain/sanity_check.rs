//! The sanity check: the heat maps of a network with random weights must be different.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tch::{Tensor, nn};

use super::{Method, Target, explain, rank_correlation};
use crate::define::{Model, summary};
use crate::error::Result;
use crate::language::LocalizedText;
use crate::notebook::progress::{LAYERS, Progress};

const WORK: LocalizedText = LocalizedText {
    english: "the sanity check",
    japanese: "健全性の検査",
};

/// A similarity below this counts as changed. The paper draws curves and names no number.
const SIMILARITY_THRESHOLD: f64 = 0.5;

/// How a method's heat maps change while the weights are randomised, layer by layer.
#[derive(Debug)]
pub struct SanityCheck {
    /// The name of the method.
    pub method: String,
    /// First the trained network, then with one more randomised layer each, from the last layer to the first.
    pub stages: Vec<Stage>,
}

/// The network after one more layer was randomised.
#[derive(Debug)]
pub struct Stage {
    /// The layer that was randomised last; `None` for the trained network.
    pub layer: Option<String>,
    /// The heat maps `[N, H, W]`, 0 to 1.
    pub heat_maps: Tensor,
    /// Similarity to the maps of the trained network: Spearman's rank correlation of the pixels, −1 to 1,
    /// averaged over the images. A constant map counts as 0.
    pub similarity: f64,
}

impl SanityCheck {
    /// Whether the maps have changed when all weights are random: a rank correlation below 0.5 at the last
    /// stage.
    pub fn passes(&self) -> bool {
        self.stages
            .last()
            .is_some_and(|stage| stage.similarity < SIMILARITY_THRESHOLD)
    }
}

/// Explains normalised images `[N, C, H, W]` after each layer that is randomised, from the logits back to
/// the image.
///
/// The model parameter randomisation test with cascading of Adebayo, Gilmer, Muelly, Goodfellow,
/// Hardt, Kim, "Sanity Checks for Saliency Maps", arXiv 1810.03292, section 3. It always
/// explains the class that the trained network predicts. The authors initialise a layer again; here its
/// numbers are drawn from a uniform distribution with their mean and standard deviation, which suits every
/// kind of layer. When the function returns, also with an error, the weights are bit for bit the same as
/// before.
///
/// # Errors
/// Those of [`explain`].
pub fn sanity_check(
    model: &dyn Model,
    method: &dyn Method,
    images: &Tensor,
    seed: u64,
) -> Result<SanityCheck> {
    let trained = explain(model, method, images, &Target::Predicted)?;
    let target = Target::Each(trained.classes.clone());
    let original = trained.heat_maps()?;
    let mut stages = vec![Stage {
        layer: None,
        similarity: 1.0,
        heat_maps: original.shallow_clone(),
    }];
    let layers = layers_from_the_last(model, images)?;
    let mut random = StdRng::seed_from_u64(seed);
    let weights = WeightSnapshot::of(model.variables())?;
    let mut progress = Progress::of(WORK, layers.len(), LAYERS);
    for (done, layer) in layers.into_iter().enumerate() {
        progress.done(done)?;
        weights.randomize(&layer, &mut random)?;
        let heat_maps = explain(model, method, images, &target)?.heat_maps()?;
        stages.push(Stage {
            layer: Some(layer),
            similarity: similarity(&original, &heat_maps)?,
            heat_maps,
        });
    }
    Ok(SanityCheck {
        method: trained.method,
        stages,
    })
}

/// The layers with weights, the one next to the logits first.
fn layers_from_the_last(model: &dyn Model, images: &Tensor) -> Result<Vec<String>> {
    let (_, channels, height, width) = images.size4()?;
    let summary = summary(model, [channels, height, width])?;
    let with_weights = summary.layers.into_iter().filter(|row| row.parameters > 0);
    Ok(with_weights.rev().map(|row| row.layer).collect())
}

fn similarity(original: &Tensor, changed: &Tensor) -> Result<f64> {
    let maps = |maps: &Tensor| Vec::<Vec<f32>>::try_from(maps.f_flatten(1, -1)?);
    let (original, changed) = (maps(original)?, maps(changed)?);
    let sum: f64 = original
        .iter()
        .zip(&changed)
        .map(|(one, other)| rank_correlation(one, other).unwrap_or(0.0))
        .sum();
    Ok(sum / original.len() as f64)
}

/// A copy of a network's weights, which is restored when it is dropped.
struct WeightSnapshot {
    by_name: BTreeMap<String, (Tensor, Tensor)>,
}

impl WeightSnapshot {
    fn of(variables: &nn::VarStore) -> Result<WeightSnapshot> {
        let by_name = variables
            .variables()
            .into_iter()
            .map(|(name, tensor)| {
                let copy = tensor.f_detach()?.f_contiguous()?.copy();
                Ok((name, (tensor, copy)))
            })
            .collect::<Result<_>>()?;
        Ok(WeightSnapshot { by_name })
    }

    /// Draws random weights for one layer.
    fn randomize(&self, layer: &str, random: &mut StdRng) -> Result<()> {
        let _no_gradients = tch::no_grad_guard();
        let belongs = |name: &str| {
            name.rsplit_once('.')
                .map_or(name == layer, |(prefix, _)| prefix == layer)
        };
        for (name, (tensor, _)) in &self.by_name {
            if belongs(name) && tensor.requires_grad() {
                let mean = tensor.f_mean(tch::Kind::Float)?.double_value(&[]) as f32;
                let deviation = tensor.f_std(false)?.double_value(&[]) as f32;
                // A uniform distribution on ±b has the standard deviation b/√3.
                let bound = deviation * 3f32.sqrt();
                let drawn: Vec<f32> = (0..tensor.numel())
                    .map(|_| mean + bound * random.gen_range(-1.0..=1.0))
                    .collect();
                tensor
                    .shallow_clone()
                    .f_copy_(&Tensor::f_from_slice(&drawn)?.f_view_as(tensor)?)?;
            }
        }
        Ok(())
    }
}

impl Drop for WeightSnapshot {
    fn drop(&mut self) {
        let _no_gradients = tch::no_grad_guard();
        for (tensor, copy) in self.by_name.values_mut() {
            // Copying onto a tensor of the same shape and kind cannot fail.
            let _copied = tensor.f_copy_(copy);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tch::{Device, Kind};

    use super::super::{AttributionContext, Edges, GradCam, Saliency};
    use super::*;
    use crate::define::{LeNet, LeNetSettings};
    use crate::error::Error;
    use crate::notebook::front::tests::FakeFront;
    use crate::state_dict::StateDict;

    fn lenet() -> LeNet {
        LeNet::new(&LeNetSettings::default(), Device::Cpu).unwrap()
    }

    fn images() -> Tensor {
        super::super::tests::noise(3)
    }

    fn weights(model: &LeNet) -> BTreeMap<String, Tensor> {
        let state = StateDict::of(model.variables()).tensors;
        state
            .iter()
            .map(|(name, tensor)| (name.clone(), tensor.copy()))
            .collect()
    }

    #[test]
    fn a_method_that_never_looks_at_the_network_fails() {
        let check = sanity_check(&lenet(), &Edges, &images(), 0).unwrap();
        let layers: Vec<Option<&str>> = check
            .stages
            .iter()
            .map(|stage| stage.layer.as_deref())
            .collect();
        let expected = [
            None,
            Some("fc3"),
            Some("fc2"),
            Some("fc1"),
            Some("conv2"),
            Some("conv1"),
        ];
        assert_eq!(layers, expected);
        assert!(
            check
                .stages
                .iter()
                .all(|stage| (stage.similarity - 1.0).abs() < 1e-12)
        );
        assert!(!check.passes());
    }

    #[test]
    fn a_method_that_follows_the_weights_passes_and_the_seed_decides_how() {
        let (model, images) = (lenet(), images());
        let similarities = |seed| -> Vec<f64> {
            let check = sanity_check(&model, &Saliency, &images, seed).unwrap();
            assert!(check.passes());
            check.stages.iter().map(|stage| stage.similarity).collect()
        };
        let first = similarities(1);
        assert_eq!(first[0], 1.0);
        assert!(
            first[1..].iter().all(|&similarity| similarity < 0.9),
            "{first:?}"
        );
        assert_eq!(similarities(1), first);
        assert_ne!(similarities(2), first);
    }

    #[test]
    fn the_weights_are_what_they_were() {
        let model = lenet();
        let before = weights(&model);
        sanity_check(&model, &GradCam::at("conv2"), &images(), 0).unwrap();
        assert_eq!(weights(&model), before);
    }

    #[test]
    fn the_weights_are_what_they_were_after_a_failure_in_the_middle() {
        struct Third(Cell<usize>);
        impl Method for Third {
            fn name(&self) -> String {
                "third time unlucky".into()
            }
            fn attribute(&self, context: &AttributionContext) -> Result<Tensor> {
                self.0.set(self.0.get() + 1);
                match self.0.get() {
                    3 => Err(Error::Data("unlucky".into())),
                    _ => Ok(context.images.shallow_clone()),
                }
            }
        }
        let model = lenet();
        let before = weights(&model);
        let error = sanity_check(&model, &Third(Cell::new(0)), &images(), 0);
        assert_eq!(error.expect_err("unlucky").to_string(), "unlucky");
        assert_eq!(weights(&model), before);
    }

    #[test]
    fn random_weights_keep_mean_and_standard_deviation() {
        let model = lenet();
        let kept = WeightSnapshot::of(model.variables()).unwrap();
        let moments = || {
            let fc1 = &model.variables().variables()["fc1.weight"];
            let mean = fc1.mean(Kind::Float).double_value(&[]);
            (mean, fc1.std(false).double_value(&[]))
        };
        let (mean, deviation) = moments();
        let others = weights(&model);
        kept.randomize("fc1", &mut StdRng::seed_from_u64(3))
            .unwrap();
        let (new_mean, new_deviation) = moments();
        assert!((new_mean - mean).abs() < 0.01 * deviation);
        assert!((new_deviation - deviation).abs() < 0.01 * deviation);
        for (name, tensor) in weights(&model) {
            assert_eq!(tensor != others[&name], name == "fc1.weight", "{name}");
        }
    }

    #[test]
    fn the_weights_are_what_they_were_after_an_interrupt() {
        /// Presses ■ while the network with one randomised layer is explained.
        struct Impatient<'a>(&'a FakeFront, Cell<usize>);
        impl Method for Impatient<'_> {
            fn name(&self) -> String {
                "impatient".into()
            }
            fn attribute(&self, context: &AttributionContext) -> Result<Tensor> {
                self.1.set(self.1.get() + 1);
                if self.1.get() == 2 {
                    self.0.interrupt();
                }
                Ok(context.images.shallow_clone())
            }
        }
        let (model, front) = (lenet(), FakeFront::without_socket());
        let before = weights(&model);
        let method = Impatient(&front, Cell::new(0));
        let error = front.cell(|| sanity_check(&model, &method, &images(), 0));
        assert_eq!(
            error.expect_err("interrupted").to_string(),
            "the sanity check was stopped after 1 of 5 layers; nothing is lost"
        );
        assert_eq!(weights(&model), before);
    }
}

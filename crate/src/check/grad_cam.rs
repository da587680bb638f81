//! Exercise of notebook 7: Grad-CAM by hand.

use tch::{Device, IndexOp, Kind, Tensor};

use super::{Checked, Findings, Problem, Report, attempt, close, ensure, ratio, shape};
use crate::define::{ForwardPass, LeNet, LeNetSettings, Model};
use crate::error::Result;
use crate::explain::{GradCam, Target, explain};
use crate::language::{translate, translated};

/// The attempt: a model, one normalised image `[1, C, H, W]`, a class → the map L of that class at
/// the layer `sigmoid2`, not enlarged and not scaled, `[4, 4]` or `[1, 1, 4, 4]`.
type Attempt = fn(&dyn Model, &Tensor, i64) -> Result<Tensor>;

const LAYER: &str = "sigmoid2";
/// Not the one that the check's network predicts, and for both some places speak and others against:
/// only there does the ReLU matter.
const CLASSES: [i64; 2] = [3, 9];

/// Checks a function that computes Grad-CAM at the layer `sigmoid2` (Selvaraju et al., arXiv
/// 1610.02391, equations 1 and 2): L = ReLU(Σₖ αₖ Aᵏ), αₖ the mean of ∂y/∂Aᵏ.
///
/// It is tried on a LeNet of the check's own, and compared with
/// [`GradCam`](crate::explain::GradCam).
pub fn grad_cam(attempt: Attempt) -> Report {
    let exercise = translated("Grad-CAM by hand", "手作りの Grad-CAM");
    Report::of(exercise, |findings| check(attempt, findings))
}

fn check(grad_cam: Attempt, findings: &mut Findings) -> Checked {
    let model = example()?;
    let image = image()?;
    for (position, class) in CLASSES.into_iter().enumerate() {
        let given = attempt(|| tch::with_grad(|| grad_cam(&model, &image, class)))?;
        let parts = Parts::of(&model, &image, class)?;
        let map = parts.map_of(&given)?;
        if position == 0 {
            findings.right(translated(
                "the result is a map of 4 × 4 places",
                "結果は 4 × 4 のマップです",
            ));
        }
        parts.compare(&map, &model, &image)?;
    }
    findings.right(translated(
        "it is Grad-CAM of the class asked for, whichever that is",
        "どのクラスを指定しても、そのクラスの Grad-CAM です",
    ));
    Ok(())
}

/// A network whose maps differ from place to place, as those of a trained one do: the filters of
/// starting weights answer too weakly for that.
fn example() -> Checked<LeNet> {
    let model = LeNet::new(&LeNetSettings::default(), Device::Cpu)?;
    tch::no_grad(|| {
        for name in ["conv1.weight", "conv2.weight"] {
            if let Some(mut weight) = model.variables().variables().remove(name) {
                weight *= 8.0;
            }
        }
    });
    Ok(model)
}

fn image() -> Checked<Tensor> {
    let steps = Tensor::f_arange(28 * 28, (Kind::Float, Device::Cpu))?;
    Ok((steps.square() * 0.37).sin().reshape([1, 1, 28, 28]))
}

/// What Grad-CAM is made of.
struct Parts {
    class: i64,
    /// A, `[16, 4, 4]`.
    activation: Tensor,
    /// ∂y/∂A, `[16, 4, 4]`.
    gradient: Tensor,
    /// Σₖ αₖ Aᵏ, `[4, 4]`.
    sum: Tensor,
    /// L, `[4, 4]`, by the crate's own method.
    map: Tensor,
}

impl Parts {
    fn of(model: &LeNet, image: &Tensor, class: i64) -> Checked<Parts> {
        let (activation, gradient) = at_layer(model, image, |logits| logits.i((0, class)))?;
        let weights = gradient.mean_dim([1i64, 2].as_slice(), true, Kind::Float);
        let sum = (weights * &activation).sum_dim_intlist([0i64].as_slice(), false, Kind::Float);
        let target = Target::Class(class as usize);
        let explanation = explain(model, &GradCam::at(LAYER), image, &target)?;
        Ok(Parts {
            class,
            activation,
            gradient,
            sum,
            map: explanation.attributions.f_reshape([4, 4])?,
        })
    }

    /// What an attempt gave as `[4, 4]`, if it has that shape.
    fn map_of(&self, given: &Tensor) -> Checked<Tensor> {
        let size = given.size();
        if given.numel() == 16 && size.ends_with(&[4, 4]) {
            return Ok(given.detach().reshape([4, 4]).to_kind(Kind::Float));
        }
        let why = match given.numel() {
            16 => translated(
                "a number for each of the 16 maps: these are the weights; what are they weights of?",
                "16 枚のマップそれぞれに 1 つの数、つまり重みです。何に掛ける重みでしょうか?",
            ),
            256 => translated(
                "the 16 maps have not been added up",
                "16 枚のマップがまだ足し合わされていません",
            ),
            784 => translated(
                "it has been enlarged already; that is the picture's business",
                "もう拡大されています。拡大は図を描くときに行います",
            ),
            64 => translated("that is another layer", "別の層のようです"),
            _ => translated("compare it with the formula", "式と見比べましょう"),
        };
        Err(Problem(translate!(
            "the result has the shape {}, expected 4 × 4, the places of `{LAYER}`: {why}",
            "結果の形状は {} ですが、`{LAYER}` の位置の数 4 × 4 になるはずです。{why}",
            shape(given)
        )))
    }

    fn compare(&self, map: &Tensor, model: &LeNet, image: &Tensor) -> Checked {
        if close(map, &self.map) {
            return Ok(());
        }
        ensure(map.abs().max().double_value(&[]) != 0.0, || {
            translated(
                "the map is 0 everywhere, but some places do speak for the class: is it the logit, \
                 before the softmax, whose gradient is taken, and is its sign right?",
                "マップがどこも 0 ですが、クラスの根拠となる位置はあるはずです。勾配を取っているのはソフトマックスの前のロジットですか? 符号は正しいですか?",
            )
            .to_string()
        })?;
        for (mistaken, mistake) in self.mistakes(model, image)? {
            ensure(!same_direction(map, &mistaken), || mistake.to_string())?;
        }
        if let Some(factor) = ratio(map, &self.map).filter(|factor| *factor > 0.0) {
            return Err(Problem(translate!(
                "the map has the right form, but {factor:.3} times the right values: is αₖ a mean over \
                 the places? (Dividing by the largest value comes later.)",
                "マップの形は正しいのですが、値が {factor:.3} 倍です。αₖ は位置についての平均ですか? (最大値で割るのはもっと後です)"
            )));
        }
        Err(Problem(translate!(
            "for class {} the map is not that of the formula; look at the lines for αₖ and for the sum, \
             and at what is summed over which dimension",
            "クラス {} のマップが式と一致しません。αₖ の行と和の行について、どの次元で平均や和を取っているかを見直しましょう",
            self.class
        )))
    }

    /// Maps of the right shape, and what is wrong with them.
    fn mistakes(&self, model: &LeNet, image: &Tensor) -> Checked<Vec<(Tensor, &'static str)>> {
        let mean_of_maps = self.activation.mean_dim(0, false, Kind::Float);
        let places =
            |tensor: &Tensor| tensor.sum_dim_intlist([0i64].as_slice(), false, Kind::Float);
        let product = places(&(&self.gradient * &self.activation));
        let predicted = self.combined(model, image, |logits| logits.amax(-1i64, false).i(0))?;
        let first = self.combined(model, image, |logits| logits.i((0, 0)))?;
        let probability = self.combined(model, image, |logits| {
            logits.softmax(-1, Kind::Float).i((0, self.class))
        })?;
        let without_relu = translated(
            "places that speak against the class are still in it: what is negative must go",
            "クラスに反対する位置がまだ残っています。負の値はどうするのでしたか?",
        );
        let only_maps = translated(
            "this is the mean of the maps, the same for every class: the gradient is not in it yet",
            "これはマップの平均で、どのクラスでも同じです。勾配がまだ使われていません",
        );
        let only_gradient = translated(
            "this is made of the gradient alone: the maps themselves are not in it",
            "これは勾配だけでできています。マップそのものが使われていません",
        );
        let by_place = translated(
            "gradient and maps are multiplied place by place; αₖ is one number for a whole map",
            "勾配とマップを位置ごとに掛けています。αₖ はマップ 1 枚につき 1 つの数です",
        );
        let absolute = translated(
            "the gradient has lost its signs; what lowers the logit should count as negative",
            "勾配の符号が失われています。ロジットを下げるものは負として数えるはずです",
        );
        let other_class = translated(
            "this is the map of the class that the network predicts, not of the one that was asked for",
            "これは指定されたクラスではなく、ネットワークが予測したクラスのマップです",
        );
        let always_first = translated(
            "this is the map of class 0, whatever class is asked for",
            "これはクラス 0 のマップで、どのクラスを指定しても同じです",
        );
        let of_probability = translated(
            "this is the gradient of the probability; the formula has the logit, before the softmax",
            "これは確率の勾配です。式にあるのはソフトマックスの前のロジットです",
        );
        let absolute_sum = self.weighted(&self.gradient.abs());
        Ok(vec![
            (mean_of_maps, only_maps),
            (self.sum.shallow_clone(), without_relu),
            (product.relu(), by_place),
            (product, by_place),
            (places(&self.gradient), only_gradient),
            (places(&self.gradient).relu(), only_gradient),
            (absolute_sum, absolute),
            (predicted, other_class),
            (first, always_first),
            (probability, of_probability),
        ])
    }

    /// ReLU(Σₖ αₖ Aᵏ) for the gradient of something else than the logit.
    fn combined(
        &self,
        model: &LeNet,
        image: &Tensor,
        score: impl Fn(&Tensor) -> Tensor,
    ) -> Checked<Tensor> {
        let (_, gradient) = at_layer(model, image, score)?;
        Ok(self.weighted(&gradient).relu())
    }

    fn weighted(&self, gradient: &Tensor) -> Tensor {
        let weights = gradient.mean_dim([1i64, 2].as_slice(), true, Kind::Float);
        (weights * &self.activation).sum_dim_intlist([0i64].as_slice(), false, Kind::Float)
    }
}

/// Whether the maps differ in nothing but their scale.
fn same_direction(map: &Tensor, other: &Tensor) -> bool {
    ratio(map, other).is_some_and(|factor| factor > 0.0)
}

/// A and the gradient of a score at it, both `[16, 4, 4]`.
fn at_layer(
    model: &LeNet,
    image: &Tensor,
    score: impl Fn(&Tensor) -> Tensor,
) -> Checked<(Tensor, Tensor)> {
    tch::with_grad(|| {
        let mut pass = ForwardPass::recording();
        let logits = model.forward(image, &mut pass);
        let activation = pass.activation(LAYER)?;
        let gradients = Tensor::f_run_backward(&[score(&logits)], &[activation], false, false)?;
        let gradient = gradients.first().map(|gradient| gradient.i(0));
        let gradient = gradient.ok_or_else(|| Problem(LAYER.to_string()))?;
        Ok((activation.i(0).detach(), gradient))
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_solved, problem};
    use super::*;

    /// Activation and gradient, both `[1, 16, 4, 4]`.
    fn parts(model: &dyn Model, image: &Tensor, class: i64) -> Result<(Tensor, Tensor)> {
        let mut pass = ForwardPass::recording();
        let logits = model.forward(image, &mut pass);
        let maps = pass.activation("sigmoid2")?;
        let logit = logits.i((0, class));
        let gradient = Tensor::run_backward(&[logit], &[maps], false, false).remove(0);
        Ok((maps.shallow_clone(), gradient))
    }

    fn mean(gradient: &Tensor) -> Tensor {
        gradient.mean_dim([2i64, 3].as_slice(), true, Kind::Float)
    }

    fn sum(maps: &Tensor) -> Tensor {
        maps.sum_dim_intlist([1i64].as_slice(), true, Kind::Float)
    }

    fn told(attempt: Attempt) -> String {
        problem(|| grad_cam(attempt))
    }

    #[test]
    fn the_examples_can_tell_right_from_wrong() {
        let (model, image) = (example().ok().unwrap(), image().ok().unwrap());
        let logits = crate::define::logits(&model, &image).unwrap();
        let predicted = logits.argmax(-1, false).int64_value(&[0]);
        for class in CLASSES {
            assert_ne!(class, predicted);
            let sum = Parts::of(&model, &image, class).ok().unwrap().sum;
            assert!(sum.min().double_value(&[]) < -0.01, "{sum}");
            assert!(sum.max().double_value(&[]) > 0.01, "{sum}");
        }
    }

    #[test]
    fn right_attempts_pass() {
        assert_solved(grad_cam(|model, image, class| {
            let (maps, gradient) = parts(model, image, class)?;
            Ok(sum(&(mean(&gradient) * maps)).relu())
        }));
        // As a loop over the maps, and in the shape [4, 4].
        assert_solved(grad_cam(|model, image, class| {
            let (maps, gradient) = parts(model, image, class)?;
            let mut map = Tensor::zeros([4, 4], (Kind::Float, Device::Cpu));
            for k in 0..16 {
                let weight = gradient.i((0, k)).mean(Kind::Float);
                map += weight * maps.i((0, k));
            }
            Ok(map.clamp_min(0.0))
        }));
    }

    #[test]
    fn the_gap_as_it_stands_is_told() {
        let told = told(|model, image, class| {
            let (maps, _) = parts(model, image, class)?;
            Ok(maps.mean_dim(1, true, Kind::Float))
        });
        assert!(told.starts_with("this is the mean of the maps"), "{told}");
    }

    #[test]
    fn wrong_values_are_named() {
        let no_relu = told(|model, image, class| {
            let (maps, gradient) = parts(model, image, class)?;
            Ok(sum(&(mean(&gradient) * maps)))
        });
        assert!(
            no_relu.starts_with("places that speak against"),
            "{no_relu}"
        );
        let summed = told(|model, image, class| {
            let (maps, gradient) = parts(model, image, class)?;
            Ok(sum(&(mean(&gradient) * 16.0 * maps)).relu())
        });
        assert!(summed.contains("16.000 times"), "{summed}");
        let averaged = told(|model, image, class| {
            let (maps, gradient) = parts(model, image, class)?;
            Ok(sum(&(mean(&gradient) * maps)).relu() / 16.0)
        });
        assert!(
            averaged.contains("0.062 times") || averaged.contains("0.063 times"),
            "{averaged}"
        );
        let by_place = told(|model, image, class| {
            let (maps, gradient) = parts(model, image, class)?;
            Ok(sum(&(gradient * maps)).relu())
        });
        assert!(by_place.contains("place by place"), "{by_place}");
        let gradient_alone = told(|model, image, class| {
            let (_, gradient) = parts(model, image, class)?;
            Ok(sum(&gradient).relu())
        });
        assert!(
            gradient_alone.contains("gradient alone"),
            "{gradient_alone}"
        );
        let absolute = told(|model, image, class| {
            let (maps, gradient) = parts(model, image, class)?;
            Ok(sum(&(mean(&gradient.abs()) * maps)).relu())
        });
        assert!(absolute.contains("lost its signs"), "{absolute}");
        let predicted = told(|model, image, _| {
            let class = model
                .forward(image, &mut ForwardPass::inference())
                .argmax(-1, false);
            let (maps, gradient) = parts(model, image, class.int64_value(&[0]))?;
            Ok(sum(&(mean(&gradient) * maps)).relu())
        });
        assert!(
            predicted.contains("that the network predicts"),
            "{predicted}"
        );
        let probability = told(|model, image, class| {
            let mut pass = ForwardPass::recording();
            let p = model
                .forward(image, &mut pass)
                .softmax(-1, Kind::Float)
                .i((0, class));
            let maps = pass.activation("sigmoid2")?;
            let gradient = Tensor::run_backward(&[p], &[maps], false, false).remove(0);
            Ok(sum(&(mean(&gradient) * maps)).relu())
        });
        assert!(probability.contains("before the softmax"), "{probability}");
        let wrong_dimension = told(|model, image, class| {
            let (maps, gradient) = parts(model, image, class)?;
            let weights = gradient.mean_dim(1, true, Kind::Float);
            Ok(sum(&(weights * maps)).relu())
        });
        assert!(
            wrong_dimension.contains("which dimension"),
            "{wrong_dimension}"
        );
        let one_class = told(|model, image, _| {
            let (maps, gradient) = parts(model, image, 0)?;
            Ok(sum(&(mean(&gradient) * maps)).relu())
        });
        assert!(
            one_class.contains("the map of class 0, whatever class"),
            "{one_class}"
        );
    }

    #[test]
    fn wrong_shapes_are_named() {
        let weights = told(|model, image, class| Ok(mean(&parts(model, image, class)?.1)));
        assert!(weights.contains("these are the weights"), "{weights}");
        let not_summed = told(|model, image, class| {
            let (maps, gradient) = parts(model, image, class)?;
            Ok((mean(&gradient) * maps).relu())
        });
        assert!(
            not_summed.contains("1 × 16 × 4 × 4, expected 4 × 4"),
            "{not_summed}"
        );
        let enlarged = told(|model, image, class| {
            let (maps, gradient) = parts(model, image, class)?;
            let map = sum(&(mean(&gradient) * maps)).relu();
            Ok(map.upsample_bilinear2d([28, 28], false, None, None))
        });
        assert!(enlarged.contains("enlarged already"), "{enlarged}");
        let other_layer = told(|model, image, _| {
            let mut pass = ForwardPass::recording();
            let _logits = model.forward(image, &mut pass);
            Ok(pass.activation("conv2")?.mean_dim(1, true, Kind::Float))
        });
        assert!(other_layer.contains("another layer"), "{other_layer}");
        let typing_error = told(|model, image, _| {
            let mut pass = ForwardPass::recording();
            let _logits = model.forward(image, &mut pass);
            Ok(pass.activation("sigmoid_2")?.shallow_clone())
        });
        assert!(
            typing_error.contains("no activation `sigmoid_2`"),
            "{typing_error}"
        );
        let out_of_range = told(|model, image, class| Ok(parts(model, image, class + 10)?.0));
        assert!(
            out_of_range.contains("stops in the middle"),
            "{out_of_range}"
        );
    }
}

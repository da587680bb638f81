//! Exercise of notebook 7: Grad-CAM by hand.

use std::rc::Rc;

use tch::{Device, IndexOp, Kind, Tensor};

use super::cases::{Case, Checked, Findings, Problem, attempt, message, mistake};
use super::report::Report;
use super::tensors::{close, images, is_zero, ratio, shape};
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

/// A map that the attempt gave, beside what Grad-CAM is made of.
struct Map {
    model: Rc<LeNet>,
    image: Tensor,
    class: i64,
    /// As the attempt gave it.
    given: Tensor,
    /// A, `[16, 4, 4]`.
    activation: Tensor,
    /// ∂y/∂A, `[16, 4, 4]`.
    gradient: Tensor,
    /// L, `[4, 4]`, by the crate's own method.
    expected: Tensor,
}

const SHAPE: Case<Map> = Case {
    right: Map::has_right_shape,
    passed: message!(
        "the result is a map of 4 × 4 places",
        "結果は 4 × 4 のマップです"
    ),
    mistakes: &[],
    otherwise: wrong_shape,
};

const VALUES: Case<Map> = Case {
    right: |it| it.has_right_shape() && close(&it.map(), &it.expected),
    passed: message!(
        "it is Grad-CAM of the class asked for, whichever that is",
        "どのクラスを指定しても、そのクラスの Grad-CAM です"
    ),
    mistakes: &[
        |it| (!it.has_right_shape()).then(|| wrong_shape(it)),
        mistake!(
            |it| is_zero(&it.map()),
            "the map is 0 everywhere, but some places do speak for the class: is it the logit, \
             before the softmax, whose gradient is taken, and is its sign right?",
            "マップがどこも 0 ですが、クラスの根拠となる位置はあるはずです。勾配を取っているのはソフトマックスの前のロジットですか? 符号は正しいですか?"
        ),
        mistake!(
            |it| it.is_like(&it.activation.mean_dim(0, false, Kind::Float)),
            "this is the mean of the maps, the same for every class: the gradient is not in it yet",
            "これはマップの平均で、どのクラスでも同じです。勾配がまだ使われていません"
        ),
        mistake!(
            |it| it.is_like(&it.weighted_sum(&it.gradient)),
            "places that speak against the class are still in it: what is negative must go",
            "クラスに反対する位置がまだ残っています。負の値はどうするのでしたか?"
        ),
        mistake!(
            |it| it.is_like_or_its_relu(&sum_of_maps(&(&it.gradient * &it.activation))),
            "gradient and maps are multiplied place by place; αₖ is one number for a whole map",
            "勾配とマップを位置ごとに掛けています。αₖ はマップ 1 枚につき 1 つの数です"
        ),
        mistake!(
            |it| it.is_like_or_its_relu(&sum_of_maps(&it.gradient)),
            "this is made of the gradient alone: the maps themselves are not in it",
            "これは勾配だけでできています。マップそのものが使われていません"
        ),
        mistake!(
            |it| it.is_like(&it.weighted_sum(&it.gradient.abs())),
            "the gradient has lost its signs; what lowers the logit should count as negative",
            "勾配の符号が失われています。ロジットを下げるものは負として数えるはずです"
        ),
        mistake!(
            |it| it.is_grad_cam_of(|logits| logits.amax(-1i64, false).i(0)),
            "this is the map of the class that the network predicts, not of the one that was asked for",
            "これは指定されたクラスではなく、ネットワークが予測したクラスのマップです"
        ),
        mistake!(
            |it| it.is_grad_cam_of(|logits| logits.i((0, 0))),
            "this is the map of class 0, whatever class is asked for",
            "これはクラス 0 のマップで、どのクラスを指定しても同じです"
        ),
        mistake!(
            |it| it.is_grad_cam_of(|logits| logits.softmax(-1, Kind::Float).i((0, it.class))),
            "this is the gradient of the probability; the formula has the logit, before the softmax",
            "これは確率の勾配です。式にあるのはソフトマックスの前のロジットです"
        ),
        wrong_scale,
    ],
    otherwise: message!(
        |it| "for class {} the map is not that of the formula; look at the lines for αₖ and for the sum, \
              and at what is summed over which dimension",
        "クラス {} のマップが式と一致しません。αₖ の行と和の行について、どの次元で平均や和を取っているかを見直しましょう",
        it.class
    ),
};

/// Checks a function that computes Grad-CAM at the layer `sigmoid2` (Selvaraju et al., arXiv
/// 1610.02391, equations 1 and 2): L = ReLU(Σₖ αₖ Aᵏ), αₖ the mean of ∂y/∂Aᵏ.
///
/// It is tried on a LeNet of the check's own, and compared with
/// [`GradCam`](crate::explain::GradCam).
pub fn grad_cam(attempt: Attempt) -> Report {
    let title = translated("Grad-CAM by hand", "手作りの Grad-CAM");
    Report::of("grad_cam", title, |findings| check(attempt, findings))
}

fn check(grad_cam: Attempt, findings: &mut Findings) -> Checked {
    let model = Rc::new(example()?);
    let image = images(0, 1)?;
    let map = |class| Map::of(grad_cam, &model, &image, class);
    let first = map(CLASSES[0])?;
    findings.check(&[SHAPE], &first)?;
    VALUES.check(&first)?;
    findings.check(&[VALUES], &map(CLASSES[1])?)
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

impl Map {
    fn of(grad_cam: Attempt, model: &Rc<LeNet>, image: &Tensor, class: i64) -> Checked<Map> {
        let given = attempt(|| tch::with_grad(|| grad_cam(&**model, image, class)))?;
        let (activation, gradient) = at_layer(model, image, |logits| logits.i((0, class)))?;
        let target = Target::Class(class as usize);
        let explanation = explain(&**model, &GradCam::at(LAYER), image, &target)?;
        Ok(Map {
            model: Rc::clone(model),
            image: image.shallow_clone(),
            class,
            given,
            activation,
            gradient,
            expected: explanation.attributions.f_reshape([4, 4])?,
        })
    }

    fn has_right_shape(&self) -> bool {
        self.given.numel() == 16 && self.given.size().ends_with(&[4, 4])
    }

    /// What the attempt gave as `[4, 4]`, if it has the right shape.
    fn map(&self) -> Tensor {
        self.given.detach().reshape([4, 4]).to_kind(Kind::Float)
    }

    /// Whether the map differs from another one in nothing but its scale.
    fn is_like(&self, other: &Tensor) -> bool {
        ratio(&self.map(), other).is_some_and(|factor| factor > 0.0)
    }

    fn is_like_or_its_relu(&self, other: &Tensor) -> bool {
        self.is_like(other) || self.is_like(&other.relu())
    }

    /// Whether the map is Grad-CAM, up to scale, with the gradient of `score` instead of the class's logit.
    fn is_grad_cam_of(&self, score: impl Fn(&Tensor) -> Tensor) -> bool {
        at_layer(&self.model, &self.image, score)
            .is_ok_and(|(_, gradient)| self.is_like(&self.weighted_sum(&gradient).relu()))
    }

    /// Σₖ αₖ Aᵏ with a gradient's mean αₖ, `[4, 4]`.
    fn weighted_sum(&self, gradient: &Tensor) -> Tensor {
        let weights = gradient.mean_dim([1i64, 2].as_slice(), true, Kind::Float);
        sum_of_maps(&(weights * &self.activation))
    }
}

/// `[16, 4, 4]` → `[4, 4]`.
fn sum_of_maps(maps: &Tensor) -> Tensor {
    maps.sum_dim_intlist([0i64].as_slice(), false, Kind::Float)
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

fn wrong_shape(it: &Map) -> String {
    let why = match it.given.numel() {
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
    translate!(
        "the result has the shape {}, expected 4 × 4, the places of `{LAYER}`: {why}",
        "結果の形状は {} ですが、`{LAYER}` の位置の数 4 × 4 になるはずです。{why}",
        shape(&it.given)
    )
}

fn wrong_scale(it: &Map) -> Option<String> {
    let factor = ratio(&it.map(), &it.expected).filter(|factor| *factor > 0.0)?;
    Some(translate!(
        "the map has the right form, but {factor:.3} times the right values: is αₖ a mean over \
         the places? (Dividing by the largest value comes later.)",
        "マップの形は正しいのですが、値が {factor:.3} 倍です。αₖ は位置についての平均ですか? (最大値で割るのはもっと後です)"
    ))
}

#[cfg(test)]
mod tests;

//! Exercise of notebook 4: one step of gradient descent.

use tch::{Device, Kind, Tensor};

use super::cases::{Case, Checked, Findings, Mistake, Problem, attempt, message, mistake};
use super::report::Report;
use super::tensors::{close, images, is_zero, ratio};
use crate::define::{ForwardPass, LeNet, LeNetSettings, Model};
use crate::error::Result;
use crate::language::{translate, translated};

/// The attempt: model, normalised images `[N, C, H, W]`, labels `[N]`, learning rate → the loss of
/// the batch before the step.
type Attempt = fn(&dyn Model, &Tensor, &Tensor, f64) -> Result<f64>;

/// A step that the attempt took.
struct Step {
    learning_rate: f64,
    /// What the attempt gave back.
    loss: f64,
    loss_before: f64,
    loss_after: f64,
    /// Sorted by name.
    weights: Vec<Weight>,
}

/// A weight of the model that was trained.
struct Weight {
    name: String,
    tensor: Tensor,
    before: Tensor,
    /// That of the loss before the step, computed without the attempt.
    gradient: Tensor,
    /// That of the step before this one; 0 if there was none.
    old_gradient: Tensor,
}

const FIRST_STEP: [Case<Step>; 2] = [
    Case {
        right: Step::moves_right,
        passed: message!(
            "every weight moves against its gradient, by the learning rate times its size",
            "どの重みも、勾配と反対の向きに「学習率 × 勾配」だけ動きます"
        ),
        mistakes: WRONG_MOVES,
        otherwise: OTHER_MOVE,
    },
    Case {
        right: |it| is_near(it.loss, it.loss_before),
        passed: message!(
            "the loss is that of the batch before the step",
            "返された損失は、ステップの前のバッチの損失です"
        ),
        mistakes: &[mistake!(
            |it| is_near(it.loss, it.loss_after),
            "the loss you give back is that after the step; that before it is wanted",
            "返された損失はステップの後のものです。必要なのはステップの前の損失です"
        )],
        otherwise: message!(
            |it| "the loss you give back is {:.4}; the cross-entropy of the batch is {:.4}",
            "返された損失は {:.4} ですが、バッチの交差エントロピーは {:.4} です",
            it.loss,
            it.loss_before
        ),
    },
];

const SECOND_STEP: Case<Step> = Case {
    right: Step::moves_right,
    passed: message!(
        "a second step forgets the gradients of the first",
        "2 回目のステップに 1 回目の勾配は残りません"
    ),
    mistakes: WRONG_MOVES,
    otherwise: OTHER_MOVE,
};

const WRONG_MOVES: &[Mistake<Step>] = &[
    mistake!(
        |it| it.moves_by(|weight| (&weight.gradient + &weight.old_gradient) * -it.learning_rate),
        "the second step still carries the gradients of the first: libtorch adds new gradients \
         to the old ones until they are set to 0",
        "2 回目のステップに 1 回目の勾配が残っています。libtorch は、0 に戻すまで新しい勾配を古い勾配に足し続けます"
    ),
    mistake!(
        |it| it.has_moved_nothing() && it.has_zero_gradients(),
        "no weight has moved, and all gradients are 0: what computes the gradients of a loss? or \
         were they set to 0 before they were used?",
        "重みは 1 つも動いておらず、勾配はすべて 0 です。損失から勾配を計算するのは何でしょうか? \
         それとも、使う前に 0 にしていませんか?"
    ),
    mistake!(
        |it| it.has_moved_nothing(),
        "the gradients are there, but no weight has moved: what is still missing is the step",
        "勾配は計算できていますが、重みが動いていません。あとは重みを動かすだけです"
    ),
    mistake!(
        |it| !it.unmoved().is_empty(),
        "some weights have moved, but not `{}`: all of them must",
        "動いた重みもありますが、`{}` は動いていません。すべての重みを動かしましょう",
        it.unmoved().join("`, `")
    ),
    mistake!(
        |it| it.moves_by_factor(it.learning_rate) || it.moves_by_factor(1.0),
        "the weights move the way the gradient points, where the loss grows; which way should \
         they go?",
        "重みが勾配の向き、つまり損失が増える向きに動いています。どちらへ動くべきでしょうか?"
    ),
    mistake!(
        |it| it.moves_by_factor(-1.0),
        "the weights move by the whole gradient; where does the learning rate come in?",
        "重みが勾配の大きさそのままで動いています。学習率はどこで使いますか?"
    ),
    wrong_length,
];

const OTHER_MOVE: fn(&Step) -> String = message!(
    "the weights have moved, but not by learning rate times gradient; look at the line that \
     changes them",
    "重みは動きましたが、「学習率 × 勾配」の分ではありません。重みを書き換える行を見直しましょう"
);

/// Checks a function that takes one step of stochastic gradient descent, w ← w − η ∂L/∂w, with the
/// cross-entropy L of a batch and the learning rate η.
///
/// It takes two steps with different batches and learning rates on a LeNet of the check's own; after
/// each, the weights are compared with those computed without it.
pub fn training_step(attempt: Attempt) -> Report {
    let title = translated("the training step", "訓練の 1 ステップ");
    Report::of("training_step", title, |findings| check(attempt, findings))
}

fn check(step: Attempt, findings: &mut Findings) -> Checked {
    let model = LeNet::new(&LeNetSettings::default(), Device::Cpu)?;
    start_gradients(&model);
    let first = Step::take(step, &model, &Batch::new(0)?, 0.5, None)?;
    findings.check(&FIRST_STEP, &first)?;
    let second = Step::take(step, &model, &Batch::new(1)?, 0.25, Some(&first))?;
    findings.check(&[SECOND_STEP], &second)
}

/// Gradients of 0. A weight that has none yet gives an undefined tensor, and libtorch ends the whole
/// process when an attempt computes with one.
fn start_gradients(model: &LeNet) {
    for weight in model.variables().trainable_variables() {
        (weight.sum(Kind::Float) * 0.0).backward();
    }
}

/// Images and labels of which each batch has its own.
struct Batch {
    images: Tensor,
    labels: Tensor,
}

impl Batch {
    fn new(number: i64) -> Checked<Batch> {
        let labels: Vec<i64> = (0..8).map(|index| (3 * index + number) % 10).collect();
        Ok(Batch {
            images: images(8 * number, 8)?,
            labels: Tensor::f_from_slice(&labels)?,
        })
    }

    fn loss(&self, model: &LeNet) -> Tensor {
        let logits = model.forward(&self.images, &mut ForwardPass::inference());
        logits.cross_entropy_for_logits(&self.labels)
    }
}

/// What libtorch says of the most frequent mistake, in plain words.
fn explained(problem: String) -> String {
    if !problem.contains("leaf Variable that requires grad") {
        return problem;
    }
    translated(
        "libtorch will not let a weight be changed while it keeps track of gradients: what stands \
         in `tch::no_grad(|| { … })` is not tracked",
        "勾配を追跡している間は、libtorch が重みの書き換えを許しません。`tch::no_grad(|| { … })` の中なら追跡されません",
    )
    .to_string()
}

impl Step {
    /// Calls the attempt. The model's own gradients stay as they are before that.
    fn take(
        step: Attempt,
        model: &LeNet,
        batch: &Batch,
        learning_rate: f64,
        old: Option<&Step>,
    ) -> Checked<Step> {
        let loss_before = batch.loss(model);
        let weights = weights(model, &loss_before, old)?;
        let loss = attempt(|| step(model, &batch.images, &batch.labels, learning_rate))
            .map_err(|Problem(problem)| Problem(explained(problem)))?;
        Ok(Step {
            learning_rate,
            loss,
            loss_before: loss_before.double_value(&[]),
            loss_after: tch::no_grad(|| batch.loss(model)).double_value(&[]),
            weights,
        })
    }

    /// Whether every weight has moved by what `expected` gives for it.
    fn moves_by(&self, expected: impl Fn(&Weight) -> Tensor) -> bool {
        let mut weights = self.weights.iter();
        weights.all(|weight| close(&weight.moved(), &expected(weight)))
    }

    fn moves_right(&self) -> bool {
        self.moves_by(|weight| &weight.gradient * -self.learning_rate)
    }

    fn unmoved(&self) -> Vec<&str> {
        let weights = self.weights.iter();
        let unmoved = weights.filter(|weight| is_zero(&weight.moved()));
        unmoved.map(|weight| weight.name.as_str()).collect()
    }

    fn has_moved_nothing(&self) -> bool {
        self.unmoved().len() == self.weights.len()
    }

    /// Whether the gradients that libtorch keeps with the weights are all 0.
    fn has_zero_gradients(&self) -> bool {
        let mut weights = self.weights.iter();
        weights.all(|weight| is_zero(&weight.tensor.grad()))
    }

    /// The number r of step = r · gradient, if all weights have the same.
    fn factor(&self) -> Option<f64> {
        let all = |of: fn(&Weight) -> Tensor| {
            let rows: Vec<Tensor> = self
                .weights
                .iter()
                .map(|weight| of(weight).flatten(0, -1))
                .collect();
            Tensor::cat(&rows, 0)
        };
        ratio(
            &all(Weight::moved),
            &all(|weight| weight.gradient.shallow_clone()),
        )
    }

    fn moves_by_factor(&self, value: f64) -> bool {
        self.factor()
            .is_some_and(|factor| (factor - value).abs() < 1e-3 * value.abs())
    }
}

/// Every weight before a step, with its gradient.
fn weights(model: &LeNet, loss: &Tensor, old: Option<&Step>) -> Checked<Vec<Weight>> {
    let mut named: Vec<(String, Tensor)> = model.variables().variables().into_iter().collect();
    named.sort_by(|(left, _), (right, _)| left.cmp(right));
    let tensors: Vec<&Tensor> = named.iter().map(|(_, tensor)| tensor).collect();
    let gradients = Tensor::f_run_backward(&[loss], &tensors, false, false)?;
    let with_gradients = named.into_iter().zip(gradients).enumerate();
    let weights = with_gradients.map(|(index, ((name, tensor), gradient))| {
        let old = old.map(|step| step.weights[index].gradient.shallow_clone());
        Weight {
            name,
            before: tensor.detach().copy(),
            tensor,
            old_gradient: old.unwrap_or_else(|| gradient.zeros_like()),
            gradient,
        }
    });
    Ok(weights.collect())
}

impl Weight {
    fn moved(&self) -> Tensor {
        self.tensor.detach() - &self.before
    }
}

fn is_near(left: f64, right: f64) -> bool {
    (left - right).abs() < 1e-4 * right.abs()
}

fn wrong_length(it: &Step) -> Option<String> {
    let times = -it.factor()? / it.learning_rate;
    Some(translate!(
        "the step has {times:.3} times its right length; is the learning rate that of the argument, and \
         the loss a mean?",
        "ステップの長さが正しい値の {times:.3} 倍です。学習率は引数の値ですか? 損失は平均ですか?"
    ))
}

#[cfg(test)]
mod tests;

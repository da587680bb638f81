//! Exercise of notebook 4: one step of gradient descent.

use tch::{Device, Kind, Tensor};

use super::{Checked, Findings, Problem, Report, attempt, close, ensure, ratio};
use crate::define::{ForwardPass, LeNet, LeNetSettings, Model};
use crate::error::Result;
use crate::language::{translate, translated};

/// The attempt: model, normalised images `[N, C, H, W]`, labels `[N]`, learning rate → the loss of
/// the batch before the step.
type Attempt = fn(&dyn Model, &Tensor, &Tensor, f64) -> Result<f64>;

/// Checks a function that takes one step of stochastic gradient descent, w ← w − η ∂L/∂w, with the
/// cross-entropy L of a batch and the learning rate η.
///
/// It takes two steps with different batches and learning rates on a LeNet of the check's own; after
/// each, the weights are compared with those computed without it.
pub fn training_step(attempt: Attempt) -> Report {
    let exercise = translated("the training step", "訓練の 1 ステップ");
    Report::of(exercise, |findings| check(attempt, findings))
}

fn check(step: Attempt, findings: &mut Findings) -> Checked {
    let model = LeNet::new(&LeNetSettings::default(), Device::Cpu)?;
    start_gradients(&model);

    let first = Batch::new(0)?;
    let rate = 0.5;
    let before = first.look(&model)?;
    let loss = take(step, &model, &first, rate)?;
    moved(&model, &before, rate)?;
    findings.right(translated(
        "every weight moves against its gradient, by the learning rate times its size",
        "どの重みも、勾配と反対の向きに「学習率 × 勾配」だけ動きます",
    ));
    returned(loss, &before, first.look(&model)?.loss)?;
    findings.right(translated(
        "the loss is that of the batch before the step",
        "返された損失は、ステップの前のバッチの損失です",
    ));

    let second = Batch::new(1)?;
    let old = before;
    let before = second.look(&model)?;
    take(step, &model, &second, 0.25)?;
    moved_again(&model, &before, &old)?;
    findings.right(translated(
        "a second step forgets the gradients of the first",
        "2 回目のステップに 1 回目の勾配は残りません",
    ));
    Ok(())
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

/// A model at one moment, as a batch sees it.
struct Look {
    loss: f64,
    /// Name, weight and gradient of each of the model's variables, sorted by name.
    variables: Vec<(String, Tensor, Tensor)>,
}

impl Batch {
    fn new(number: i64) -> Checked<Batch> {
        let pixels = 8 * 28 * 28;
        let steps = Tensor::f_arange(pixels, (Kind::Float, Device::Cpu))? + number * pixels;
        let labels: Vec<i64> = (0..8).map(|index| (3 * index + number) % 10).collect();
        Ok(Batch {
            images: (steps.square() * 0.37).sin().reshape([8, 1, 28, 28]),
            labels: Tensor::f_from_slice(&labels)?,
        })
    }

    /// Leaves the model's own gradients as they are.
    fn look(&self, model: &LeNet) -> Checked<Look> {
        let mut named: Vec<(String, Tensor)> = model.variables().variables().into_iter().collect();
        named.sort_by(|(left, _), (right, _)| left.cmp(right));
        let weights: Vec<&Tensor> = named.iter().map(|(_, weight)| weight).collect();
        let logits = model.forward(&self.images, &mut ForwardPass::inference());
        let loss = logits.cross_entropy_for_logits(&self.labels);
        let gradients = Tensor::f_run_backward(&[&loss], &weights, false, false)?;
        let variables = named.into_iter().zip(gradients);
        Ok(Look {
            loss: loss.double_value(&[]),
            variables: variables
                .map(|((name, weight), gradient)| (name, weight.detach().copy(), gradient))
                .collect(),
        })
    }
}

fn take(step: Attempt, model: &LeNet, batch: &Batch, learning_rate: f64) -> Checked<f64> {
    let taken = attempt(|| step(model, &batch.images, &batch.labels, learning_rate));
    taken.map_err(|Problem(problem)| Problem(explained(problem)))
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

/// Whether the weights are where one step leads.
fn moved(model: &LeNet, before: &Look, rate: f64) -> Checked {
    let steps = Steps::of(model, before);
    if steps.all(|step, gradient| close(step, &(gradient * -rate))) {
        return Ok(());
    }
    let still = steps.still();
    ensure(still.len() < steps.moves.len(), || no_step(model))?;
    ensure(still.is_empty(), || {
        translate!(
            "some weights have moved, but not `{}`: all of them must",
            "動いた重みもありますが、`{}` は動いていません。すべての重みを動かしましょう",
            still.join("`, `")
        )
    })?;
    Err(Problem(match steps.ratio() {
        Some(factor) => wrong_length(factor, rate),
        None => translated(
            "the weights have moved, but not by learning rate times gradient; look at the line that \
             changes them",
            "重みは動きましたが、「学習率 × 勾配」の分ではありません。重みを書き換える行を見直しましょう",
        )
        .to_string(),
    }))
}

/// What is wrong with weights that moved by `factor` times their gradient.
fn wrong_length(factor: f64, rate: f64) -> String {
    let is = |value: f64| (factor - value).abs() < 1e-3 * value.abs();
    if is(rate) || is(1.0) {
        return translated(
            "the weights move the way the gradient points, where the loss grows; which way should \
             they go?",
            "重みが勾配の向き、つまり損失が増える向きに動いています。どちらへ動くべきでしょうか?",
        )
        .to_string();
    }
    if is(-1.0) {
        return translated(
            "the weights move by the whole gradient; where does the learning rate come in?",
            "重みが勾配の大きさそのままで動いています。学習率はどこで使いますか?",
        )
        .to_string();
    }
    translate!(
        "the step has {:.3} times its right length; is the learning rate that of the argument, and \
         the loss a mean?",
        "ステップの長さが正しい値の {:.3} 倍です。学習率は引数の値ですか? 損失は平均ですか?",
        -factor / rate
    )
}

/// Nothing has moved: the gradients tell why.
fn no_step(model: &LeNet) -> String {
    let weights = model.variables().trainable_variables();
    let zero = |weight: &Tensor| weight.grad().abs().max().double_value(&[]) == 0.0;
    if weights.iter().all(zero) {
        return translated(
            "no weight has moved, and all gradients are 0: what computes the gradients of a loss? or \
             were they set to 0 before they were used?",
            "重みは 1 つも動いておらず、勾配はすべて 0 です。損失から勾配を計算するのは何でしょうか? \
             それとも、使う前に 0 にしていませんか?",
        )
        .to_string();
    }
    translated(
        "the gradients are there, but no weight has moved: what is still missing is the step",
        "勾配は計算できていますが、重みが動いていません。あとは重みを動かすだけです",
    )
    .to_string()
}

fn returned(loss: f64, before: &Look, after: f64) -> Checked {
    let same = |left: f64, right: f64| (left - right).abs() < 1e-4 * right.abs();
    if same(loss, before.loss) {
        return Ok(());
    }
    Err(Problem(if same(loss, after) {
        translated(
            "the loss you give back is that after the step; that before it is wanted",
            "返された損失はステップの後のものです。必要なのはステップの前の損失です",
        )
        .to_string()
    } else {
        translate!(
            "the loss you give back is {loss:.4}; the cross-entropy of the batch is {:.4}",
            "返された損失は {loss:.4} ですが、バッチの交差エントロピーは {:.4} です",
            before.loss
        )
    }))
}

/// Whether a second step of another length leads where it should.
fn moved_again(model: &LeNet, before: &Look, old: &Look) -> Checked {
    let rate = 0.25;
    let steps = Steps::of(model, before);
    if steps.all(|step, gradient| close(step, &(gradient * -rate))) {
        return Ok(());
    }
    let kept = steps
        .moves
        .iter()
        .zip(&old.variables)
        .all(|((_, step, gradient), (_, _, old))| close(step, &((*gradient + old) * -rate)));
    ensure(!kept, || {
        translated(
            "the second step still carries the gradients of the first: libtorch adds new gradients \
             to the old ones until they are set to 0",
            "2 回目のステップに 1 回目の勾配が残っています。libtorch は、0 に戻すまで新しい勾配を古い勾配に足し続けます",
        )
        .to_string()
    })?;
    moved(model, before, rate)
}

/// How far each weight went, beside its gradient.
struct Steps<'a> {
    moves: Vec<(&'a str, Tensor, &'a Tensor)>,
}

impl<'a> Steps<'a> {
    fn of(model: &LeNet, before: &'a Look) -> Steps<'a> {
        let now = model.variables().variables();
        let moves = before
            .variables
            .iter()
            .filter_map(|(name, weight, gradient)| {
                let step = now.get(name)?.detach() - weight;
                Some((name.as_str(), step, gradient))
            });
        Steps {
            moves: moves.collect(),
        }
    }

    fn all(&self, holds: impl Fn(&Tensor, &Tensor) -> bool) -> bool {
        self.moves
            .iter()
            .all(|(_, step, gradient)| holds(step, gradient))
    }

    fn still(&self) -> Vec<&str> {
        let moves = self.moves.iter();
        let still = moves.filter(|(_, step, _)| step.abs().max().double_value(&[]) == 0.0);
        still.map(|(name, ..)| *name).collect()
    }

    /// The number r of step = r · gradient, if all have one.
    fn ratio(&self) -> Option<f64> {
        let flat = |tensors: Vec<Tensor>| {
            let rows: Vec<Tensor> = tensors.iter().map(|tensor| tensor.flatten(0, -1)).collect();
            Tensor::cat(&rows, 0)
        };
        let steps = self.moves.iter().map(|(_, step, _)| step.shallow_clone());
        let gradients = self
            .moves
            .iter()
            .map(|(.., gradient)| gradient.shallow_clone());
        ratio(&flat(steps.collect()), &flat(gradients.collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_solved, problem};
    use super::*;

    fn told(attempt: Attempt) -> String {
        problem(|| training_step(attempt))
    }

    fn loss(model: &dyn Model, images: &Tensor, labels: &Tensor) -> Tensor {
        model
            .forward(images, &mut ForwardPass::training())
            .cross_entropy_for_logits(labels)
    }

    /// Moves every weight by `factor` times its gradient, and sets the gradients to 0.
    fn descend(model: &dyn Model, factor: f64) {
        tch::no_grad(|| {
            for mut weight in model.variables().trainable_variables() {
                let gradient = weight.grad();
                weight += gradient * factor;
                weight.zero_grad();
            }
        });
    }

    #[test]
    fn right_attempts_pass() {
        assert_solved(training_step(|model, images, labels, learning_rate| {
            let loss = loss(model, images, labels);
            loss.backward();
            descend(model, -learning_rate);
            Ok(loss.double_value(&[]))
        }));
        // By hand, and zeroing at the beginning.
        assert_solved(training_step(|model, images, labels, learning_rate| {
            let weights = model.variables().trainable_variables();
            let loss = loss(model, images, labels);
            let gradients = Tensor::run_backward(&[&loss], &weights, false, false);
            tch::no_grad(|| {
                for (mut weight, gradient) in weights.into_iter().zip(gradients) {
                    weight -= learning_rate * gradient;
                }
            });
            Ok(loss.double_value(&[]))
        }));
    }

    #[test]
    fn the_gap_as_it_stands_is_told() {
        let told =
            told(|model, images, labels, _| Ok(loss(model, images, labels).double_value(&[])));
        assert!(
            told.starts_with("no weight has moved, and all gradients are 0"),
            "{told}"
        );
    }

    #[test]
    fn a_missing_part_is_named() {
        let only_backward = told(|model, images, labels, _| {
            let loss = loss(model, images, labels);
            loss.backward();
            Ok(loss.double_value(&[]))
        });
        assert!(
            only_backward.starts_with("the gradients are there"),
            "{only_backward}"
        );
        let no_backward = told(|model, images, labels, learning_rate| {
            descend(model, -learning_rate);
            Ok(loss(model, images, labels).double_value(&[]))
        });
        assert!(
            no_backward.contains("what computes the gradients"),
            "{no_backward}"
        );
        let tracked = told(|model, images, labels, learning_rate| {
            let loss = loss(model, images, labels);
            loss.backward();
            for mut weight in model.variables().trainable_variables() {
                let gradient = weight.grad();
                weight -= gradient * learning_rate;
            }
            Ok(loss.double_value(&[]))
        });
        assert!(tracked.contains("tch::no_grad"), "{tracked}");
        let not_zeroed = told(|model, images, labels, learning_rate| {
            let loss = loss(model, images, labels);
            loss.backward();
            tch::no_grad(|| {
                for mut weight in model.variables().trainable_variables() {
                    let gradient = weight.grad();
                    weight -= gradient * learning_rate;
                }
            });
            Ok(loss.double_value(&[]))
        });
        assert!(
            not_zeroed.contains("still carries the gradients"),
            "{not_zeroed}"
        );
        let too_early = told(|model, images, labels, learning_rate| {
            let loss = loss(model, images, labels);
            loss.backward();
            tch::no_grad(|| {
                for mut weight in model.variables().trainable_variables() {
                    weight.zero_grad();
                    let gradient = weight.grad();
                    weight -= gradient * learning_rate;
                }
            });
            Ok(loss.double_value(&[]))
        });
        assert!(too_early.contains("before they were used"), "{too_early}");
        let some = told(|model, images, labels, learning_rate| {
            let loss = loss(model, images, labels);
            loss.backward();
            tch::no_grad(|| {
                for (name, mut weight) in model.variables().variables() {
                    if name.ends_with("weight") {
                        let gradient = weight.grad();
                        weight -= gradient * learning_rate;
                    }
                    weight.zero_grad();
                }
            });
            Ok(loss.double_value(&[]))
        });
        assert!(some.contains("but not `conv1.bias`"), "{some}");
    }

    #[test]
    fn a_step_of_the_wrong_length_is_named() {
        let uphill = told(|model, images, labels, learning_rate| {
            let loss = loss(model, images, labels);
            loss.backward();
            descend(model, learning_rate);
            Ok(loss.double_value(&[]))
        });
        assert!(uphill.contains("where the loss grows"), "{uphill}");
        let whole = told(|model, images, labels, _| {
            let loss = loss(model, images, labels);
            loss.backward();
            descend(model, -1.0);
            Ok(loss.double_value(&[]))
        });
        assert!(whole.contains("whole gradient"), "{whole}");
        let typed = told(|model, images, labels, _| {
            let loss = loss(model, images, labels);
            loss.backward();
            descend(model, -0.02);
            Ok(loss.double_value(&[]))
        });
        assert!(typed.starts_with("the step has 0.040 times"), "{typed}");
        // The sum over 8 images instead of the mean.
        let sum = told(|model, images, labels, learning_rate| {
            let loss = loss(model, images, labels) * 8;
            loss.backward();
            descend(model, -learning_rate);
            Ok(loss.double_value(&[]))
        });
        assert!(sum.starts_with("the step has 8.000 times"), "{sum}");
        let typed_well = told(|model, images, labels, _| {
            let loss = loss(model, images, labels);
            loss.backward();
            descend(model, -0.5);
            Ok(loss.double_value(&[]))
        });
        assert!(
            typed_well.starts_with("the step has 2.000 times"),
            "{typed_well}"
        );
        let sign = told(|model, images, labels, learning_rate| {
            let loss = loss(model, images, labels);
            loss.backward();
            tch::no_grad(|| {
                for mut weight in model.variables().trainable_variables() {
                    let gradient = weight.grad();
                    weight -= gradient.sign() * learning_rate;
                    weight.zero_grad();
                }
            });
            Ok(loss.double_value(&[]))
        });
        assert!(sign.contains("look at the line"), "{sign}");
    }

    #[test]
    fn a_wrong_loss_is_named() {
        let after = told(|model, images, labels, learning_rate| {
            loss(model, images, labels).backward();
            descend(model, -learning_rate);
            Ok(loss(model, images, labels).double_value(&[]))
        });
        assert!(after.contains("that after the step"), "{after}");
        let none = told(|model, images, labels, learning_rate| {
            loss(model, images, labels).backward();
            descend(model, -learning_rate);
            Ok(0.0)
        });
        assert!(
            none.starts_with("the loss you give back is 0.0000; the cross-entropy"),
            "{none}"
        );
    }
}

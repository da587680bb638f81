use super::super::testing::{assert_problems, assert_solved};
use super::*;

fn loss(model: &dyn Model, images: &Tensor, labels: &Tensor) -> Tensor {
    model
        .forward(images, &mut ForwardPass::training())
        .cross_entropy_for_logits(labels)
}

/// Does something to every weight, untracked.
fn for_all(model: &dyn Model, change: impl Fn(&mut Tensor)) {
    tch::no_grad(|| {
        for mut weight in model.variables().trainable_variables() {
            change(&mut weight);
        }
    });
}

/// Moves every weight by `factor` times its gradient, and sets the gradients to 0.
fn descend(model: &dyn Model, factor: f64) {
    for_all(model, |weight| {
        *weight += weight.grad() * factor;
        weight.zero_grad();
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
fn a_missing_part_is_named() {
    let attempts: [(Attempt, &str); 7] = [
        // The gap as it stands.
        (
            |model, images, labels, _| Ok(loss(model, images, labels).double_value(&[])),
            "no weight has moved, and all gradients are 0: what computes the gradients",
        ),
        (
            |model, images, labels, _| {
                let loss = loss(model, images, labels);
                loss.backward();
                Ok(loss.double_value(&[]))
            },
            "the gradients are there",
        ),
        (
            |model, images, labels, learning_rate| {
                descend(model, -learning_rate);
                Ok(loss(model, images, labels).double_value(&[]))
            },
            "no weight has moved, and all gradients are 0: what computes the gradients",
        ),
        // Tracked by libtorch.
        (
            |model, images, labels, learning_rate| {
                let loss = loss(model, images, labels);
                loss.backward();
                for mut weight in model.variables().trainable_variables() {
                    let gradient = weight.grad();
                    weight -= gradient * learning_rate;
                }
                Ok(loss.double_value(&[]))
            },
            "libtorch will not let a weight be changed while it keeps track of gradients: what \
             stands in `tch::no_grad(|| { … })`",
        ),
        // Gradients that are not set to 0.
        (
            |model, images, labels, learning_rate| {
                let loss = loss(model, images, labels);
                loss.backward();
                for_all(model, |weight| *weight -= weight.grad() * learning_rate);
                Ok(loss.double_value(&[]))
            },
            "the second step still carries the gradients",
        ),
        // Gradients that are set to 0 too early.
        (
            |model, images, labels, learning_rate| {
                let loss = loss(model, images, labels);
                loss.backward();
                for_all(model, |weight| {
                    weight.zero_grad();
                    *weight -= weight.grad() * learning_rate;
                });
                Ok(loss.double_value(&[]))
            },
            "no weight has moved, and all gradients are 0: what computes the gradients of a loss? \
             or were they set to 0 before they were used?",
        ),
        (
            |model, images, labels, learning_rate| {
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
            },
            "some weights have moved, but not `conv1.bias`",
        ),
    ];
    assert_problems(training_step, &attempts);
}

#[test]
fn a_step_of_the_wrong_length_is_named() {
    let attempts: [(Attempt, &str); 6] = [
        (
            |model, images, labels, learning_rate| {
                let loss = loss(model, images, labels);
                loss.backward();
                descend(model, learning_rate);
                Ok(loss.double_value(&[]))
            },
            "the weights move the way the gradient points, where the loss grows",
        ),
        (
            |model, images, labels, _| {
                let loss = loss(model, images, labels);
                loss.backward();
                descend(model, -1.0);
                Ok(loss.double_value(&[]))
            },
            "the weights move by the whole gradient",
        ),
        // A fixed learning rate.
        (
            |model, images, labels, _| {
                let loss = loss(model, images, labels);
                loss.backward();
                descend(model, -0.02);
                Ok(loss.double_value(&[]))
            },
            "the step has 0.040 times",
        ),
        // The sum over 8 images instead of the mean.
        (
            |model, images, labels, learning_rate| {
                let loss = loss(model, images, labels) * 8;
                loss.backward();
                descend(model, -learning_rate);
                Ok(loss.double_value(&[]))
            },
            "the step has 8.000 times",
        ),
        // A fixed learning rate, which is right for the first step.
        (
            |model, images, labels, _| {
                let loss = loss(model, images, labels);
                loss.backward();
                descend(model, -0.5);
                Ok(loss.double_value(&[]))
            },
            "the step has 2.000 times",
        ),
        // Only the gradient's sign.
        (
            |model, images, labels, learning_rate| {
                let loss = loss(model, images, labels);
                loss.backward();
                for_all(model, |weight| {
                    *weight -= weight.grad().sign() * learning_rate;
                    weight.zero_grad();
                });
                Ok(loss.double_value(&[]))
            },
            "the weights have moved, but not by learning rate times gradient; look at the line",
        ),
    ];
    assert_problems(training_step, &attempts);
}

#[test]
fn a_wrong_loss_is_named() {
    let attempts: [(Attempt, &str); 2] = [
        (
            |model, images, labels, learning_rate| {
                loss(model, images, labels).backward();
                descend(model, -learning_rate);
                Ok(loss(model, images, labels).double_value(&[]))
            },
            "the loss you give back is that after the step",
        ),
        (
            |model, images, labels, learning_rate| {
                loss(model, images, labels).backward();
                descend(model, -learning_rate);
                Ok(0.0)
            },
            "the loss you give back is 0.0000; the cross-entropy",
        ),
    ];
    assert_problems(training_step, &attempts);
}

use tch::{Device, nn, nn::Module};

use super::super::testing::{assert_problems, assert_solved};
use super::*;
use crate::define::{LeNet, LeNetSettings};

/// Layers as in notebook 3, with a forward pass that is yet to be written.
struct Attempt {
    variables: nn::VarStore,
    conv1: nn::Conv2D,
    conv2: nn::Conv2D,
    fc1: nn::Linear,
    fc2: nn::Linear,
    fc3: nn::Linear,
    forward: Forward,
}

type Forward = fn(&Attempt, &Tensor, &mut ForwardPass) -> Tensor;

impl Model for Attempt {
    fn variables(&self) -> &nn::VarStore {
        &self.variables
    }
    fn forward(&self, images: &Tensor, pass: &mut ForwardPass) -> Tensor {
        (self.forward)(self, images, pass)
    }
}

fn padded(padding: i64, forward: Forward) -> Report {
    let variables = nn::VarStore::new(Device::Cpu);
    let root = variables.root();
    let config = nn::ConvConfig {
        padding,
        ..Default::default()
    };
    lenet(&Attempt {
        conv1: nn::conv2d(&root / "conv1", 1, 6, 5, config),
        conv2: nn::conv2d(&root / "conv2", 6, 16, 5, config),
        fc1: nn::linear(&root / "fc1", 256, 120, Default::default()),
        fc2: nn::linear(&root / "fc2", 120, 64, Default::default()),
        fc3: nn::linear(&root / "fc3", 64, 10, Default::default()),
        variables,
        forward,
    })
}

fn attempt(forward: Forward) -> Report {
    padded(0, forward)
}

/// The table, with other functions in it.
fn with(
    net: &Attempt,
    images: &Tensor,
    pool: impl Fn(&Tensor) -> Tensor,
    activation: impl Fn(&Tensor) -> Tensor,
    between: impl Fn(&Tensor) -> Tensor,
) -> Tensor {
    let x = activation(&pool(&images.apply(&net.conv1)));
    let x = activation(&pool(&x.apply(&net.conv2)));
    let x = between(&x.flatten(1, -1).apply(&net.fc1));
    between(&x.apply(&net.fc2)).apply(&net.fc3)
}

fn max(x: &Tensor) -> Tensor {
    x.max_pool2d_default(2)
}

fn average(x: &Tensor) -> Tensor {
    x.avg_pool2d_default(2)
}

#[test]
fn right_attempts_pass() {
    assert_solved(lenet(
        &LeNet::new(&LeNetSettings::default(), Device::Cpu).unwrap(),
    ));
    assert_solved(attempt(|net, images, pass| {
        let x = pass.record("conv1", images.apply(&net.conv1));
        let x = pass.record("pool1", x.max_pool2d_default(2)).sigmoid();
        let x = pass.record("conv2", x.apply(&net.conv2));
        let x = pass.record("pool2", x.max_pool2d_default(2)).sigmoid();
        let x = pass.record("fc1", x.flatten(1, -1).apply(&net.fc1));
        let x = pass.record("fc2", x.apply(&net.fc2));
        pass.record("fc3", x.apply(&net.fc3))
    }));
    // Nothing recorded, and the sigmoid before the pooling: the largest stays the largest.
    assert_solved(attempt(|net, images, _| {
        let x = images.apply(&net.conv1).sigmoid().max_pool2d_default(2);
        let x = x.apply(&net.conv2).sigmoid().max_pool2d_default(2);
        let x = x.view([-1, 256]);
        net.fc3.forward(&net.fc2.forward(&net.fc1.forward(&x)))
    }));
}

#[test]
fn wrong_functions_are_named() {
    let attempts: [(Forward, &str); 10] = [
        (
            |net, images, _| with(net, images, max, identity, identity),
            "no sigmoid",
        ),
        (
            |net, images, _| with(net, images, max, Tensor::relu, identity),
            "this is LeNet with ReLU",
        ),
        (
            |net, images, _| with(net, images, max, Tensor::tanh, identity),
            "this is LeNet with the hyperbolic tangent",
        ),
        (
            |net, images, _| with(net, images, average, Tensor::sigmoid, identity),
            "the pooling takes the average",
        ),
        (
            |net, images, _| with(net, images, max, Tensor::sigmoid, Tensor::relu),
            "between the fully connected",
        ),
        (
            |net, images, _| with(net, images, max, Tensor::sigmoid, Tensor::sigmoid),
            "between the fully connected",
        ),
        (
            |net, images, _| {
                with(net, images, max, Tensor::sigmoid, identity).softmax(-1, Kind::Float)
            },
            "these are probabilities: there is a softmax at the end",
        ),
        (
            |net, images, _| {
                let x = max(&images.apply(&net.conv1));
                let x = max(&x.apply(&net.conv2)).sigmoid().flatten(1, -1);
                x.apply(&net.fc1).apply(&net.fc2).apply(&net.fc3)
            },
            "the sigmoid after the first pooling",
        ),
        (
            |net, images, _| {
                let x = max(&images.apply(&net.conv1)).sigmoid();
                let x = max(&x.apply(&net.conv2)).flatten(1, -1);
                x.apply(&net.fc1).apply(&net.fc2).apply(&net.fc3)
            },
            "the sigmoid after the second pooling",
        ),
        (
            |net, images, _| -with(net, images, max, Tensor::sigmoid, identity),
            "the shapes are right, but the logits are not those of the table; compare your lines \
             with its rows, one by one",
        ),
    ];
    assert_problems(attempt, &attempts);
}

#[test]
fn the_first_wrong_shape_is_named() {
    let with_padding: Forward = |net, images, pass| {
        let x = pass.record("conv1", images.apply(&net.conv1));
        let x = pass.record("pool1", max(&x)).sigmoid();
        max(&pass.record("conv2", x.apply(&net.conv2)))
    };
    let problem = "shape after `conv1` is 6 × 28 × 28, expected 6 × 24 × 24: did you pad? or leave \
                   out the pooling before it?";
    assert_problems(|forward| padded(2, forward), &[(with_padding, problem)]);

    let attempts: [(Forward, &str); 4] = [
        (
            |net, images, pass| {
                let x = pass.record("conv1", images.apply(&net.conv1));
                pass.record("pool1", x.max_pool2d([2, 2], [1, 1], [0, 0], [1, 1], false))
            },
            "shape after `pool1` is 6 × 23 × 23, expected 6 × 12 × 12: does",
        ),
        (
            |net, images, pass| {
                let x = max(&images.apply(&net.conv1)).sigmoid();
                let x = max(&x.apply(&net.conv2)).sigmoid();
                pass.record("fc1", x.narrow(0, 0, 1).flatten(1, -1).apply(&net.fc1))
            },
            "2 images go in, but behind `fc1` the shape is 1 × 120",
        ),
        (
            |net, images, _| {
                let x = max(&images.apply(&net.conv1)).sigmoid();
                let x = max(&x.apply(&net.conv2)).sigmoid();
                x.flatten(1, -1).apply(&net.fc1).apply(&net.fc2)
            },
            "the way ends with the shape 2 × 64",
        ),
        // The gap as it stands.
        (
            |net, images, pass| pass.record("conv1", images.apply(&net.conv1)),
            "the way ends with the shape 2 × 6 × 24 × 24",
        ),
    ];
    assert_problems(attempt, &attempts);
}

#[test]
fn a_pass_that_stops_says_where() {
    let attempts: [(Forward, &str); 3] = [
        (
            |net, images, pass| {
                let x = pass.record("conv1", images.apply(&net.conv1));
                let x = pass.record("pool1", max(&x)).sigmoid();
                let x = pass.record("conv2", x.apply(&net.conv2));
                let x = pass.record("pool2", max(&x)).sigmoid();
                x.apply(&net.fc1)
            },
            "the pass stops behind `pool2`, where the shape is 2 × 16 × 4 × 4: a fully connected \
             layer wants a single row of numbers",
        ),
        (
            |net, images, pass| {
                let x = pass.record("conv1", images.apply(&net.conv1));
                x.flatten(1, -1).apply(&net.fc1)
            },
            "the pass stops behind `conv1`",
        ),
        (
            |net, images, _| images.apply(&net.conv2),
            "the pass stops behind the beginning, where the shape is 2 × 1 × 28 × 28",
        ),
    ];
    assert_problems(attempt, &attempts);
}

#[test]
fn the_layers_come_first() {
    let settings = LeNetSettings::colour();
    let colour = |settings| lenet(&LeNet::new(settings, Device::Cpu).unwrap());
    assert_problems(colour, &[(&settings, "the layers come first")]);
}

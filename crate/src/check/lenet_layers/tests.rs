use tch::Device;

use super::super::testing::{assert_problems, assert_solved, problem};
use super::*;
use crate::define::{LeNet, LeNetSettings, Model};

/// Channels, filters and kernel of the convolutions; in and out of the fully connected layers.
type Numbers = ([[i64; 3]; 2], [[i64; 2]; 3]);

type Change = fn(&mut Numbers);
type Store = fn() -> nn::VarStore;

const RIGHT: Numbers = ([[1, 6, 5], [6, 16, 5]], [[256, 120], [120, 64], [64, 10]]);

fn store((convolutions, connected): Numbers) -> nn::VarStore {
    let variables = nn::VarStore::new(Device::Cpu);
    let root = variables.root();
    for (name, [channels, filters, kernel]) in ["conv1", "conv2"].iter().zip(convolutions) {
        nn::conv2d(&root / *name, channels, filters, kernel, Default::default());
    }
    for (name, [inputs, outputs]) in ["fc1", "fc2", "fc3"].iter().zip(connected) {
        nn::linear(&root / *name, inputs, outputs, Default::default());
    }
    variables
}

#[test]
fn right_attempts_pass() {
    assert_solved(lenet_layers(&store(RIGHT)));
    let ours = LeNet::new(&LeNetSettings::default(), Device::Cpu).unwrap();
    assert_solved(lenet_layers(ours.variables()));
}

/// The whole messages, to see that they do not give the answer away.
#[test]
fn typical_mistakes_are_named_without_the_answer() {
    let attempts: [(Change, &str); 9] = [
        // The gap as it stands.
        (
            |numbers| *numbers = ([[1, 6, 5], [1, 1, 1]], [[1, 1]; 3]),
            "the second convolution should have 16 filters, yours has 1",
        ),
        (
            |(convolutions, _)| convolutions[1] = [6, 6, 5],
            "the second convolution should have 16 filters, yours has 6",
        ),
        (
            |(convolutions, _)| convolutions[1] = [16, 6, 5],
            "the second convolution should have 16 filters, yours has 6",
        ),
        (
            |(convolutions, _)| convolutions[1] = [6, 16, 3],
            "the filters of the second convolution should be 5 × 5 pixels large, yours are 3 × 3",
        ),
        (
            |(convolutions, _)| convolutions[1] = [1, 16, 5],
            "the second convolution takes in 1 channels, but that is not how many the step before \
             it hands on: a channel for each of its feature maps",
        ),
        (
            |(_, connected)| connected[0] = [400, 120],
            "`fc1` takes in 400 numbers, but after the second pooling another number of them is \
             left: multiply channels, height and width (the cell above prints them)",
        ),
        (
            |(_, connected)| connected[1] = [120, 84],
            "`fc2` should give 64 numbers, yours gives 84",
        ),
        (
            |(_, connected)| connected[2] = [120, 10],
            "`fc3` takes in 120 numbers; how many does the layer before it give?",
        ),
        (
            |(_, connected)| connected[2] = [64, 2],
            "`fc3` gives 2 numbers; Fashion-MNIST has another number of classes",
        ),
    ];
    for (change, expected) in attempts {
        let mut numbers = RIGHT;
        change(&mut numbers);
        assert_eq!(problem(|| lenet_layers(&store(numbers))), expected);
    }
}

#[test]
fn missing_renamed_and_foreign_layers_are_named() {
    let attempts: [(Store, &str); 4] = [
        (
            || nn::VarStore::new(Device::Cpu),
            "there is no layer called `conv1`",
        ),
        (
            || {
                let linear = nn::VarStore::new(Device::Cpu);
                nn::linear(linear.root() / "conv1", 1, 6, Default::default());
                linear
            },
            "`conv1` should be a convolution",
        ),
        (
            || {
                let unbiased = nn::VarStore::new(Device::Cpu);
                let config = nn::ConvConfig {
                    bias: false,
                    ..Default::default()
                };
                nn::conv2d(unbiased.root() / "conv1", 1, 6, 5, config);
                unbiased
            },
            "`conv1` has no bias",
        ),
        (
            || {
                let more = store(RIGHT);
                nn::linear(more.root() / "fc4", 10, 10, Default::default());
                more
            },
            "there are weights that the table knows nothing of: fc4.bias, fc4.weight",
        ),
    ];
    assert_problems(|store| lenet_layers(&store()), &attempts);
}

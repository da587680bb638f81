//! First exercise of notebook 3: LeNet's layers, with the numbers of the table.

use std::collections::HashMap;

use tch::{Tensor, nn};

use super::{Checked, Findings, Problem, Report, ensure};
use crate::language::{translate, translated};

/// A convolution of the table: its name, channels in, filters, pixels along a filter's side.
const CONVOLUTIONS: [(&str, i64, i64, i64); 2] = [("conv1", 1, 6, 5), ("conv2", 6, 16, 5)];
/// A fully connected layer of the table: its name, numbers in, numbers out.
const FULLY_CONNECTED: [(&str, i64, i64); 3] =
    [("fc1", 256, 120), ("fc2", 120, 64), ("fc3", 64, 10)];

/// Checks the layers of a LeNet for Fashion-MNIST by the weights in its store, which must be called
/// `conv1`, `conv2`, `fc1`, `fc2` and `fc3`.
pub fn lenet_layers(variables: &nn::VarStore) -> Report {
    let exercise = translated("the layers of LeNet", "LeNet の層");
    Report::of(exercise, |findings| check(variables, Some(findings)))
}

/// The same without a report of what is right.
pub(super) fn check(variables: &nn::VarStore, mut findings: Option<&mut Findings>) -> Checked {
    let weights = variables.variables();
    let mut right = |name: &str| {
        if let Some(findings) = &mut findings {
            findings.right(translate!(
                "`{name}` is as in the table",
                "`{name}` は表のとおりです"
            ));
        }
    };
    for (name, channels, filters, kernel) in CONVOLUTIONS {
        let sizes = sizes(&weights, name, 4)?;
        convolution(name, &sizes, (channels, filters, kernel))?;
        bias(&weights, name)?;
        right(name);
    }
    for (name, inputs, outputs) in FULLY_CONNECTED {
        let sizes = sizes(&weights, name, 2)?;
        fully_connected(name, &sizes, (inputs, outputs))?;
        bias(&weights, name)?;
        right(name);
    }
    let known = 2 * (CONVOLUTIONS.len() + FULLY_CONNECTED.len());
    ensure(weights.len() == known, || {
        translate!(
            "there are weights that the table knows nothing of: {}",
            "表にない重みがあります: {}",
            strangers(&weights)
        )
    })
}

fn sizes(weights: &HashMap<String, Tensor>, name: &str, dimensions: usize) -> Checked<Vec<i64>> {
    let Some(weight) = weights.get(&format!("{name}.weight")) else {
        return Err(Problem(translate!(
            "there is no layer called `{name}`; is its name written behind `&root /`?",
            "`{name}` という名前の層がありません。`&root /` の後ろの名前を確かめてください"
        )));
    };
    let sizes = weight.size();
    ensure(sizes.len() == dimensions, || {
        if dimensions == 4 {
            translate!(
                "`{name}` should be a convolution",
                "`{name}` は畳み込み層のはずです"
            )
        } else {
            translate!(
                "`{name}` should be a fully connected layer",
                "`{name}` は全結合層のはずです"
            )
        }
    })?;
    Ok(sizes)
}

fn convolution(name: &str, sizes: &[i64], (channels, filters, kernel): (i64, i64, i64)) -> Checked {
    let which = if name == "conv1" {
        translated("the first convolution", "1 つ目の畳み込み層")
    } else {
        translated("the second convolution", "2 つ目の畳み込み層")
    };
    ensure(sizes[0] == filters, || {
        translate!(
            "{which} should have {filters} filters, yours has {}",
            "{which}のフィルタは {filters} 枚のはずですが、{} 枚になっています",
            sizes[0]
        )
    })?;
    ensure(sizes[2..] == [kernel, kernel], || {
        translate!(
            "the filters of {which} should be {kernel} × {kernel} pixels large, yours are {} × {}",
            "{which}のフィルタは {kernel} × {kernel} 画素のはずですが、{} × {} 画素になっています",
            sizes[2],
            sizes[3]
        )
    })?;
    ensure(sizes[1] == channels, || {
        translate!(
            "{which} takes in {} channels, but that is not how many the step before it hands on: \
             a channel for each of its feature maps",
            "{which}の入力は {} チャネルになっていますが、直前の段から届く数と合いません。\
             特徴マップ 1 枚が 1 チャネルです",
            sizes[1]
        )
    })
}

fn fully_connected(name: &str, sizes: &[i64], (inputs, outputs): (i64, i64)) -> Checked {
    ensure(sizes[0] == outputs, || {
        if name == "fc3" {
            translate!(
                "`fc3` gives {} numbers; Fashion-MNIST has another number of classes",
                "`fc3` の出力は {} 個ですが、Fashion-MNIST のクラス数と合いません",
                sizes[0]
            )
        } else {
            translate!(
                "`{name}` should give {outputs} numbers, yours gives {}",
                "`{name}` の出力は {outputs} 個のはずですが、{} 個になっています",
                sizes[0]
            )
        }
    })?;
    ensure(sizes[1] == inputs, || {
        if name == "fc1" {
            translate!(
                "`fc1` takes in {} numbers, but after the second pooling another number of them is \
                 left: multiply channels, height and width (the cell above prints them)",
                "`fc1` の入力は {} 個になっていますが、2 回目のプーリングの後に残る数と合いません。\
                 チャネル数 × 高さ × 幅を計算しましょう (上のセルに出ています)",
                sizes[1]
            )
        } else {
            translate!(
                "`{name}` takes in {} numbers; how many does the layer before it give?",
                "`{name}` の入力は {} 個になっています。直前の層は何個出力しますか?",
                sizes[1]
            )
        }
    })
}

fn bias(weights: &HashMap<String, Tensor>, name: &str) -> Checked {
    ensure(weights.contains_key(&format!("{name}.bias")), || {
        translate!(
            "`{name}` has no bias; the default settings of a layer give it one",
            "`{name}` にバイアスがありません。層の設定は既定のままにしてください"
        )
    })
}

/// The names of the weights that belong to none of the table's layers.
fn strangers(weights: &HashMap<String, Tensor>) -> String {
    let layers = CONVOLUTIONS.map(|layer| layer.0).into_iter();
    let layers: Vec<&str> = layers.chain(FULLY_CONNECTED.map(|layer| layer.0)).collect();
    let mut names: Vec<&str> = weights
        .keys()
        .map(String::as_str)
        .filter(|name| !layers.contains(&name.split('.').next().unwrap_or_default()))
        .collect();
    names.sort_unstable();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_solved, problem};
    use super::*;
    use crate::define::{LeNet, LeNetSettings, Model};
    use tch::Device;

    /// Channels, filters and kernel of the convolutions; in and out of the fully connected layers.
    type Numbers = ([[i64; 3]; 2], [[i64; 2]; 3]);

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

    fn told(change: impl Fn(&mut Numbers)) -> String {
        let mut numbers = RIGHT;
        change(&mut numbers);
        problem(|| lenet_layers(&store(numbers)))
    }

    #[test]
    fn right_attempts_pass() {
        assert_solved(lenet_layers(&store(RIGHT)));
        let ours = LeNet::new(&LeNetSettings::default(), Device::Cpu).unwrap();
        assert_solved(lenet_layers(ours.variables()));
    }

    #[test]
    fn the_gap_as_it_stands_is_told() {
        let told = told(|numbers| *numbers = ([[1, 6, 5], [1, 1, 1]], [[1, 1]; 3]));
        assert_eq!(
            told,
            "the second convolution should have 16 filters, yours has 1"
        );
    }

    #[test]
    fn typical_mistakes_are_named_without_the_answer() {
        let filters = told(|(convolutions, _)| convolutions[1] = [6, 6, 5]);
        assert_eq!(
            filters,
            "the second convolution should have 16 filters, yours has 6"
        );
        let swapped = told(|(convolutions, _)| convolutions[1] = [16, 6, 5]);
        assert!(swapped.contains("yours has 6"), "{swapped}");
        let kernel = told(|(convolutions, _)| convolutions[1] = [6, 16, 3]);
        assert!(kernel.contains("yours are 3 × 3"), "{kernel}");
        let channels = told(|(convolutions, _)| convolutions[1] = [1, 16, 5]);
        assert!(
            channels.contains("takes in 1 channels") && !channels.contains('6'),
            "{channels}"
        );
        let table = told(|(_, connected)| connected[0] = [400, 120]);
        assert!(
            table.contains("takes in 400 numbers") && !table.contains("256"),
            "{table}"
        );
        let original = told(|(_, connected)| connected[1] = [120, 84]);
        assert_eq!(original, "`fc2` should give 64 numbers, yours gives 84");
        let chain = told(|(_, connected)| connected[2] = [120, 10]);
        assert!(
            chain.starts_with("`fc3` takes in 120 numbers") && !chain.contains("64"),
            "{chain}"
        );
        let classes = told(|(_, connected)| connected[2] = [64, 2]);
        assert!(
            classes.starts_with("`fc3` gives 2 numbers") && !classes.contains("10"),
            "{classes}"
        );
    }

    #[test]
    fn missing_renamed_and_foreign_layers_are_named() {
        let empty = nn::VarStore::new(Device::Cpu);
        let missing = problem(|| lenet_layers(&empty));
        assert!(
            missing.starts_with("there is no layer called `conv1`"),
            "{missing}"
        );

        let linear = nn::VarStore::new(Device::Cpu);
        nn::linear(linear.root() / "conv1", 1, 6, Default::default());
        let kind = problem(|| lenet_layers(&linear));
        assert_eq!(kind, "`conv1` should be a convolution");

        let unbiased = nn::VarStore::new(Device::Cpu);
        let config = nn::ConvConfig {
            bias: false,
            ..Default::default()
        };
        nn::conv2d(unbiased.root() / "conv1", 1, 6, 5, config);
        let bias = problem(|| lenet_layers(&unbiased));
        assert!(bias.starts_with("`conv1` has no bias"), "{bias}");

        let more = store(RIGHT);
        nn::linear(more.root() / "fc4", 10, 10, Default::default());
        let strangers = problem(|| lenet_layers(&more));
        assert!(strangers.ends_with("fc4.bias, fc4.weight"), "{strangers}");
    }
}

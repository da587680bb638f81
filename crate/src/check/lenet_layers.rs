//! First exercise of notebook 3: LeNet's layers, with the numbers of the table.

use tch::{Tensor, nn};

use super::cases::{Case, Checked, Findings, Mistake, Problem, message, mistake};
use super::report::Report;
use super::tensors::sizes;
use crate::language::{translate, translated};

/// The table: name and shape of each layer's weight. That of a convolution is filters, channels in,
/// and the filters' height and width in pixels; that of a fully connected layer is numbers out and in.
const LAYERS: [(&str, &[i64]); 5] = [
    ("conv1", &[6, 1, 5, 5]),
    ("conv2", &[16, 6, 5, 5]),
    ("fc1", &[120, 256]),
    ("fc2", &[64, 120]),
    ("fc3", &[10, 64]),
];

/// A layer of an attempt beside the table's.
struct Layer {
    name: &'static str,
    expected: &'static [i64],
    has_weight: bool,
    /// That of the weight.
    shape: Vec<i64>,
    has_bias: bool,
}

const CONVOLUTION: Case<Layer> = Case {
    right: Layer::is_right,
    passed: AS_IN_THE_TABLE,
    mistakes: &[
        NO_WEIGHT,
        mistake!(
            |it| it.shape.len() != 4,
            "`{}` should be a convolution",
            "`{}` は畳み込み層のはずです",
            it.name
        ),
        mistake!(
            |it| it.shape[0] != it.expected[0],
            "{} should have {} filters, yours has {}",
            "{}のフィルタは {} 枚のはずですが、{} 枚になっています",
            it.position(),
            it.expected[0],
            it.shape[0]
        ),
        mistake!(
            |it| it.shape[2..] != it.expected[2..],
            "the filters of {} should be {} pixels large, yours are {}",
            "{}のフィルタは {} 画素のはずですが、{} 画素になっています",
            it.position(),
            sizes(&it.expected[2..]),
            sizes(&it.shape[2..])
        ),
        mistake!(
            |it| it.shape[1] != it.expected[1],
            "{} takes in {} channels, but that is not how many the step before it hands on: \
             a channel for each of its feature maps",
            "{}の入力は {} チャネルになっていますが、直前の段から届く数と合いません。\
             特徴マップ 1 枚が 1 チャネルです",
            it.position(),
            it.shape[1]
        ),
    ],
    otherwise: NO_BIAS,
};

const FULLY_CONNECTED: Case<Layer> = Case {
    right: Layer::is_right,
    passed: AS_IN_THE_TABLE,
    mistakes: &[
        NO_WEIGHT,
        mistake!(
            |it| it.shape.len() != 2,
            "`{}` should be a fully connected layer",
            "`{}` は全結合層のはずです",
            it.name
        ),
        mistake!(
            |it| it.name == "fc3" && it.shape[0] != it.expected[0],
            "`fc3` gives {} numbers; Fashion-MNIST has another number of classes",
            "`fc3` の出力は {} 個ですが、Fashion-MNIST のクラス数と合いません",
            it.shape[0]
        ),
        mistake!(
            |it| it.shape[0] != it.expected[0],
            "`{}` should give {} numbers, yours gives {}",
            "`{}` の出力は {} 個のはずですが、{} 個になっています",
            it.name,
            it.expected[0],
            it.shape[0]
        ),
        mistake!(
            |it| it.name == "fc1" && it.shape[1] != it.expected[1],
            "`fc1` takes in {} numbers, but after the second pooling another number of them is \
             left: multiply channels, height and width (the cell above prints them)",
            "`fc1` の入力は {} 個になっていますが、2 回目のプーリングの後に残る数と合いません。\
             チャネル数 × 高さ × 幅を計算しましょう (上のセルに出ています)",
            it.shape[1]
        ),
        mistake!(
            |it| it.shape[1] != it.expected[1],
            "`{}` takes in {} numbers; how many does the layer before it give?",
            "`{}` の入力は {} 個になっています。直前の層は何個出力しますか?",
            it.name,
            it.shape[1]
        ),
    ],
    otherwise: NO_BIAS,
};

const AS_IN_THE_TABLE: fn(&Layer) -> String = message!(
    |it| "`{}` is as in the table",
    "`{}` は表のとおりです",
    it.name
);

const NO_WEIGHT: Mistake<Layer> = mistake!(
    |it| !it.has_weight,
    "there is no layer called `{}`; is its name written behind `&root /`?",
    "`{}` という名前の層がありません。`&root /` の後ろの名前を確かめてください",
    it.name
);

const NO_BIAS: fn(&Layer) -> String = message!(
    |it| "`{}` has no bias; the default settings of a layer give it one",
    "`{}` にバイアスがありません。層の設定は既定のままにしてください",
    it.name
);

/// Checks the layers of a LeNet for Fashion-MNIST by the weights in its store, which must be called
/// `conv1`, `conv2`, `fc1`, `fc2` and `fc3`.
pub fn lenet_layers(variables: &nn::VarStore) -> Report {
    let title = translated("the layers of LeNet", "LeNet の層");
    Report::of("lenet_layers", title, |findings| check(variables, findings))
}

pub(super) fn check(variables: &nn::VarStore, findings: &mut Findings) -> Checked {
    for (name, expected) in LAYERS {
        let case = match expected.len() {
            4 => CONVOLUTION,
            _ => FULLY_CONNECTED,
        };
        findings.check(&[case], &Layer::of(variables, name, expected))?;
    }
    no_other_weights(variables)
}

impl Layer {
    fn of(variables: &nn::VarStore, name: &'static str, expected: &'static [i64]) -> Layer {
        let weights = variables.variables();
        let weight = weights.get(&format!("{name}.weight"));
        Layer {
            name,
            expected,
            has_weight: weight.is_some(),
            shape: weight.map(Tensor::size).unwrap_or_default(),
            has_bias: weights.contains_key(&format!("{name}.bias")),
        }
    }

    fn is_right(&self) -> bool {
        self.shape == self.expected && self.has_bias
    }

    /// Which of the convolutions it is, in words.
    fn position(&self) -> &'static str {
        match self.name {
            "conv1" => translated("the first convolution", "1 つ目の畳み込み層"),
            _ => translated("the second convolution", "2 つ目の畳み込み層"),
        }
    }
}

fn no_other_weights(variables: &nn::VarStore) -> Checked {
    let is_in_table = |weight: &str| {
        let layer = weight
            .strip_suffix(".weight")
            .or(weight.strip_suffix(".bias"));
        LAYERS.iter().any(|(name, _)| layer == Some(name))
    };
    let mut others: Vec<String> = variables.variables().into_keys().collect();
    others.retain(|weight| !is_in_table(weight));
    others.sort_unstable();
    if others.is_empty() {
        return Ok(());
    }
    Err(Problem(translate!(
        "there are weights that the table knows nothing of: {}",
        "表にない重みがあります: {}",
        others.join(", ")
    )))
}

#[cfg(test)]
mod tests;

//! Second exercise of notebook 3: the way of an image through LeNet.

use std::collections::HashMap;

use tch::{Kind, Tensor};

use super::cases::{Case, Checked, Findings, Problem, message, mistake};
use super::lenet_layers;
use super::report::Report;
use super::tensors::{close, images, shape, sizes};
use crate::define::{ForwardPass, Model};
use crate::language::{translate, translated};
use crate::notebook::panics::catch;

/// What each step of the table leaves of an image of 28×28 pixels.
const SHAPES: [(&str, &[i64]); 9] = [
    ("conv1", &[6, 24, 24]),
    ("pool1", &[6, 12, 12]),
    ("sigmoid1", &[6, 12, 12]),
    ("conv2", &[16, 8, 8]),
    ("pool2", &[16, 4, 4]),
    ("sigmoid2", &[16, 4, 4]),
    ("fc1", &[120]),
    ("fc2", &[64]),
    ("fc3", &[10]),
];
/// Two, so that a pass that works for one image only is found out.
const IMAGES: i64 = 2;

/// A forward pass of an attempt.
struct Pass {
    weights: HashMap<String, Tensor>,
    images: Tensor,
    recorded: ForwardPass,
    /// Its logits, or the reason for which it panicked.
    logits: Result<Tensor, String>,
}

const CASES: [Case<Pass>; 2] = [
    Case {
        right: |it| wrong_shape(it).is_none() && it.has_ten_numbers_per_image(),
        passed: message!(
            "every image becomes ten numbers",
            "どの画像も 10 個の数になります"
        ),
        mistakes: &[wrong_shape, stops],
        otherwise: message!(
            |it| "the way ends with the shape {}, not with ten numbers for each of {IMAGES} images: which rows \
                  of the table are still missing?",
            "最後の形状が {} で、画像 {IMAGES} 枚それぞれに 10 個の数になっていません。表のどの行がまだ足りないでしょうか?",
            it.logits.as_ref().map(shape).unwrap_or_default()
        ),
    },
    Case {
        right: |it| it.is(&TABLE),
        passed: message!(
            "they are the logits of the table's LeNet",
            "その値は表の LeNet のロジットと一致します"
        ),
        mistakes: &[
            mistake!(
                |it| it.is_table_with(|net| net.activations = [identity; 2]),
                "no sigmoid: two linear steps in a row are only one; which function comes after each pooling?",
                "シグモイドがありません。線形な段を続けても 1 つの線形な段と同じです。プーリングの後には何が来ますか?"
            ),
            mistake!(
                |it| it.is_table_with(|net| net.activations[0] = identity),
                "the sigmoid after the first pooling is missing",
                "1 回目のプーリングの後のシグモイドがありません"
            ),
            mistake!(
                |it| it.is_table_with(|net| net.activations[1] = identity),
                "the sigmoid after the second pooling is missing",
                "2 回目のプーリングの後のシグモイドがありません"
            ),
            mistake!(
                |it| it.is_table_with(|net| net.activations = [Tensor::relu; 2]),
                "this is LeNet with ReLU; the table wants another activation",
                "これは ReLU を使った LeNet です。表の活性化関数とは違います"
            ),
            mistake!(
                |it| it.is_table_with(|net| net.activations = [Tensor::tanh; 2]),
                "this is LeNet with the hyperbolic tangent; the table wants another activation",
                "これは tanh を使った LeNet です。表の活性化関数とは違います"
            ),
            mistake!(
                |it| it.is_table_with(|net| net.pool = |x| x.avg_pool2d_default(2)),
                "the pooling takes the average of every window; the table wants another number of it",
                "プーリングが窓の平均を取っています。表が求めているのは別の値です"
            ),
            mistake!(
                |it| it.is_table_with(|net| net.between = Tensor::relu)
                    || it.is_table_with(|net| net.between = Tensor::sigmoid),
                "between the fully connected layers stands an activation that the table does not have",
                "全結合層の間に、表にはない活性化関数が入っています"
            ),
            mistake!(
                |it| PROBABILITIES
                    .iter()
                    .any(|&output| it.is_table_with(|net| net.output = output)),
                "these are probabilities: there is a softmax at the end, but the table ends with logits",
                "これは確率です。最後にソフトマックスが入っていますが、表の最後はロジットです"
            ),
        ],
        otherwise: message!(
            "the shapes are right, but the logits are not those of the table; compare your lines \
             with its rows, one by one, the sigmoids too",
            "形状は合っていますが、ロジットが表の LeNet と一致しません。表の行と 1 行ずつ、シグモイドも含めて見比べましょう"
        ),
    },
];

/// A LeNet with the attempt's weights: the table's, or one that is often taken for it.
struct Variant {
    pool: Function,
    /// After the first and the second pooling.
    activations: [Function; 2],
    /// Between the fully connected layers.
    between: Function,
    /// After the last layer.
    output: Function,
}

type Function = fn(&Tensor) -> Tensor;

const TABLE: Variant = Variant {
    pool: |x| x.max_pool2d_default(2),
    activations: [Tensor::sigmoid, Tensor::sigmoid],
    between: identity,
    output: identity,
};

/// What turns logits into probabilities, or is used for it.
const PROBABILITIES: [Function; 3] = [
    |x| x.softmax(-1, Kind::Float),
    |x| x.log_softmax(-1, Kind::Float),
    Tensor::sigmoid,
];

fn identity(x: &Tensor) -> Tensor {
    x.shallow_clone()
}

/// Checks a network for Fashion-MNIST: whether its logits are those of the table with its weights.
///
/// Shapes of recorded activations are looked at first, so that the first wrong step is named.
pub fn lenet(model: &dyn Model) -> Report {
    let title = translated("the forward pass of LeNet", "LeNet の順伝播");
    Report::of("lenet", title, |findings| check(model, findings))
}

fn check(model: &dyn Model, findings: &mut Findings) -> Checked {
    let layers = lenet_layers::check(model.variables(), &mut Findings::default());
    layers.map_err(|Problem(problem)| {
        Problem(translate!(
            "the layers come first, see the exercise before: {problem}",
            "まず 1 つ前の演習の層を仕上げましょう: {problem}"
        ))
    })?;
    let _no_gradients = tch::no_grad_guard();
    findings.check(&CASES, &Pass::through(model)?)
}

impl Pass {
    fn through(model: &dyn Model) -> Checked<Pass> {
        let images = images(0, IMAGES)?;
        let mut pass = ForwardPass::recording();
        let logits = catch(|| model.forward(&images, &mut pass));
        Ok(Pass {
            weights: model.variables().variables(),
            images,
            recorded: pass,
            logits,
        })
    }

    fn has_ten_numbers_per_image(&self) -> bool {
        let logits = self.logits.as_ref();
        logits.is_ok_and(|logits| logits.size() == [IMAGES, 10])
    }

    /// Whether the logits are those of a variant.
    fn is(&self, variant: &Variant) -> bool {
        let expected = variant.logits(&self.weights, &self.images);
        matches!((&self.logits, expected), (Ok(logits), Ok(expected)) if close(logits, &expected))
    }

    fn is_table_with(&self, change: impl Fn(&mut Variant)) -> bool {
        let mut variant = TABLE;
        change(&mut variant);
        self.is(&variant)
    }
}

impl Variant {
    fn logits(&self, weights: &HashMap<String, Tensor>, images: &Tensor) -> Checked<Tensor> {
        let convolution = |x: &Tensor, name: &str| {
            let [weight, bias] = of_layer(weights, name)?;
            Ok::<_, Problem>(x.f_conv2d(weight, Some(bias), 1, 0, 1, 1)?)
        };
        let connected = |x: &Tensor, name: &str| {
            let [weight, bias] = of_layer(weights, name)?;
            Ok::<_, Problem>(x.f_linear(weight, Some(bias))?)
        };
        let x = (self.activations[0])(&(self.pool)(&convolution(images, "conv1")?));
        let x = (self.activations[1])(&(self.pool)(&convolution(&x, "conv2")?));
        let x = (self.between)(&connected(&x.flatten(1, -1), "fc1")?);
        let x = (self.between)(&connected(&x, "fc2")?);
        Ok((self.output)(&connected(&x, "fc3")?))
    }
}

/// Weight and bias of a layer; that they exist has been checked.
fn of_layer<'a>(weights: &'a HashMap<String, Tensor>, name: &str) -> Checked<[&'a Tensor; 2]> {
    let part = |part| {
        weights
            .get(&format!("{name}.{part}"))
            .ok_or_else(|| Problem(name.to_string()))
    };
    Ok([part("weight")?, part("bias")?])
}

/// The first recorded activation whose shape is not that of the table.
fn wrong_shape(it: &Pass) -> Option<String> {
    it.recorded.activations().iter().find_map(|(name, activation)| {
        let (_, expected) = SHAPES.iter().find(|(known, _)| known == name)?;
        let size = activation.size();
        if size.first() != Some(&IMAGES) {
            return Some(translate!(
                "{IMAGES} images go in, but behind `{name}` the shape is {}: the first number must \
                 stay that of the images",
                "画像を {IMAGES} 枚入れたのに、`{name}` の後の形状は {} です。最初の数は画像の枚数のままのはずです",
                shape(activation)
            ));
        }
        (&size[1..] != *expected).then(|| unexpected_shape(name, &size[1..], expected))
    })
}

fn unexpected_shape(name: &str, found: &[i64], expected: &[i64]) -> String {
    let (shape, wanted) = (sizes(found), sizes(expected));
    let larger = found.len() == 3 && expected.len() == 3 && found[1] > expected[1];
    let question = match name {
        "conv1" | "conv2" if larger => translated(
            ": did you pad? or leave out the pooling before it?",
            "。パディングしていませんか? 直前のプーリングを忘れていませんか?",
        ),
        "pool1" | "pool2" if larger => translated(
            ": does the window move by its own width? did the convolution before it pad?",
            "。窓は自分の幅ずつ動いていますか? 直前の畳み込みでパディングしていませんか?",
        ),
        _ => translated(
            "; look at the step before it",
            "。1 つ前の段を見直しましょう",
        ),
    };
    translate!(
        "shape after `{name}` is {shape}, expected {wanted}{question}",
        "`{name}` の後の形状は {shape} ですが、{wanted} になるはずです{question}"
    )
}

/// Where the pass panics.
fn stops(it: &Pass) -> Option<String> {
    let reason = it.logits.as_ref().err()?;
    let (place, shape) = match it.recorded.activations().last() {
        Some((name, activation)) => (format!("`{name}`"), shape(activation)),
        None => (
            translated("the beginning", "先頭").into(),
            shape(&it.images),
        ),
    };
    Some(if place == "`pool2`" {
        translate!(
            "the pass stops behind {place}, where the shape is {shape}: a fully connected layer wants \
             a single row of numbers for each image ({reason})",
            "{place} の後、形状 {shape} のところで止まりました。全結合層は画像 1 枚につき 1 列に並んだ数を受け取ります ({reason})"
        )
    } else {
        translate!(
            "the pass stops behind {place}, where the shape is {shape}: {reason}",
            "{place} の後、形状 {shape} のところで止まりました: {reason}"
        )
    })
}

#[cfg(test)]
mod tests;

//! Second exercise of notebook 3: the way of an image through LeNet.

use std::collections::HashMap;

use tch::{Device, Kind, Tensor};

use super::{Checked, Findings, Problem, Report, close, ensure, lenet_layers, shape};
use crate::define::{ForwardPass, Model};
use crate::language::{translate, translated};
use crate::panics::catch;

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

/// Checks a network for Fashion-MNIST: whether its logits are those of the table with its weights.
///
/// Shapes of recorded activations are looked at first, so that the first wrong step is named.
pub fn lenet(model: &dyn Model) -> Report {
    let exercise = translated("the way through LeNet", "LeNet の順伝播");
    Report::of(exercise, |findings| check(model, findings))
}

fn check(model: &dyn Model, findings: &mut Findings) -> Checked {
    lenet_layers::check(model.variables(), None).map_err(|Problem(problem)| {
        Problem(translate!(
            "the layers come first, see the exercise before: {problem}",
            "まず 1 つ前の演習の層を仕上げましょう: {problem}"
        ))
    })?;
    let images = images();
    let _no_gradients = tch::no_grad_guard();
    let mut pass = ForwardPass::recording();
    let ended = catch(|| model.forward(&images, &mut pass));
    shapes(&pass)?;
    let logits = ended.map_err(|reason| Problem(stopped(&pass, &reason)))?;
    ensure(logits.size() == [IMAGES, 10], || unfinished(&logits))?;
    findings.right(translated(
        "every image becomes ten numbers",
        "どの画像も 10 個の数になります",
    ));
    numbers(model, &images, &logits)?;
    findings.right(translated(
        "they are the logits of the table's LeNet",
        "その値は表の LeNet のロジットと一致します",
    ));
    Ok(())
}

/// Images whose every pixel differs, with values as after normalisation, always the same.
fn images() -> Tensor {
    let pixels = IMAGES * 28 * 28;
    let steps = Tensor::arange(pixels, (Kind::Float, Device::Cpu));
    (steps.square() * 0.37).sin().reshape([IMAGES, 1, 28, 28])
}

fn shapes(pass: &ForwardPass) -> Checked {
    for (name, activation) in pass.activations() {
        let Some((_, expected)) = SHAPES.iter().find(|(known, _)| known == name) else {
            continue;
        };
        let size = activation.size();
        ensure(size.first() == Some(&IMAGES), || {
            translate!(
                "{IMAGES} images go in, but behind `{name}` the shape is {}: the first number must \
                 stay that of the images",
                "画像を {IMAGES} 枚入れたのに、`{name}` の後の形状は {} です。最初の数は画像の枚数のままのはずです",
                shape(activation)
            )
        })?;
        ensure(&size[1..] == *expected, || {
            wrong_shape(name, &size[1..], expected)
        })?;
    }
    Ok(())
}

fn wrong_shape(name: &str, found: &[i64], expected: &[i64]) -> String {
    let written = |sizes: &[i64]| {
        let sizes: Vec<String> = sizes.iter().map(ToString::to_string).collect();
        sizes.join(" × ")
    };
    let (shape, wanted) = (written(found), written(expected));
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

fn stopped(pass: &ForwardPass, reason: &str) -> String {
    let (place, left) = pass.activations().last().map_or_else(
        || {
            (
                translated("the beginning", "先頭").to_string(),
                "2 × 1 × 28 × 28".to_string(),
            )
        },
        |(name, activation)| (format!("`{name}`"), shape(activation)),
    );
    if pass
        .activations()
        .last()
        .is_some_and(|(name, _)| name == "pool2")
    {
        return translate!(
            "the pass stops behind {place}, where the shape is {left}: a fully connected layer wants \
             a single row of numbers for each image ({reason})",
            "{place} の後、形状 {left} のところで止まりました。全結合層は画像 1 枚につき 1 列に並んだ数を受け取ります ({reason})"
        );
    }
    translate!(
        "the pass stops behind {place}, where the shape is {left}: {reason}",
        "{place} の後、形状 {left} のところで止まりました: {reason}"
    )
}

fn unfinished(logits: &Tensor) -> String {
    translate!(
        "the way ends with the shape {}, not with ten numbers for each of {IMAGES} images: which rows \
         of the table are still missing?",
        "最後の形状が {} で、画像 {IMAGES} 枚それぞれに 10 個の数になっていません。表のどの行がまだ足りないでしょうか?",
        shape(logits)
    )
}

fn numbers(model: &dyn Model, images: &Tensor, logits: &Tensor) -> Checked {
    let weights = model.variables().variables();
    if close(logits, &Way::default().logits(&weights, images)?) {
        return Ok(());
    }
    for (way, mistake) in mistakes() {
        if close(logits, &way.logits(&weights, images)?) {
            return Err(Problem(mistake.to_string()));
        }
    }
    Err(Problem(
        translated(
            "the shapes are right, but the logits are not those of the table; compare your lines \
             with its rows, one by one, the sigmoids too",
            "形状は合っていますが、ロジットが表の LeNet と一致しません。表の行と 1 行ずつ、シグモイドも含めて見比べましょう",
        )
        .to_string(),
    ))
}

/// A way through the layers: the table's, or one that is often taken for it.
#[derive(Clone, Copy)]
struct Way {
    pool: fn(&Tensor) -> Tensor,
    first: fn(&Tensor) -> Tensor,
    second: fn(&Tensor) -> Tensor,
    between: fn(&Tensor) -> Tensor,
    last: fn(&Tensor) -> Tensor,
}

impl Default for Way {
    fn default() -> Way {
        Way {
            pool: |x| x.max_pool2d_default(2),
            first: Tensor::sigmoid,
            second: Tensor::sigmoid,
            between: Tensor::shallow_clone,
            last: Tensor::shallow_clone,
        }
    }
}

impl Way {
    fn logits(&self, weights: &HashMap<String, Tensor>, images: &Tensor) -> Checked<Tensor> {
        let convolution = |x: &Tensor, name: &str| {
            let [weight, bias] = of_layer(weights, name)?;
            Ok::<_, Problem>(x.f_conv2d(weight, Some(bias), 1, 0, 1, 1)?)
        };
        let connected = |x: &Tensor, name: &str| {
            let [weight, bias] = of_layer(weights, name)?;
            Ok::<_, Problem>(x.f_linear(weight, Some(bias))?)
        };
        let x = (self.first)(&(self.pool)(&convolution(images, "conv1")?));
        let x = (self.second)(&(self.pool)(&convolution(&x, "conv2")?));
        let x = (self.between)(&connected(&x.flatten(1, -1), "fc1")?);
        let x = (self.between)(&connected(&x, "fc2")?);
        Ok((self.last)(&connected(&x, "fc3")?))
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

/// Ways that have the right shapes, and what is wrong with them.
fn mistakes() -> [(Way, &'static str); 11] {
    let right = Way::default();
    let no_sigmoid = translated(
        "no sigmoid: two linear steps in a row are only one; which function comes after each pooling?",
        "シグモイドがありません。線形な段を続けても 1 つの線形な段と同じです。プーリングの後には何が来ますか?",
    );
    let only_second = translated(
        "the sigmoid after the first pooling is missing",
        "1 回目のプーリングの後のシグモイドがありません",
    );
    let only_first = translated(
        "the sigmoid after the second pooling is missing",
        "2 回目のプーリングの後のシグモイドがありません",
    );
    let relu = translated(
        "this is LeNet with ReLU; the table wants another activation",
        "これは ReLU を使った LeNet です。表の活性化関数とは違います",
    );
    let tanh = translated(
        "this is LeNet with the hyperbolic tangent; the table wants another activation",
        "これは tanh を使った LeNet です。表の活性化関数とは違います",
    );
    let average = translated(
        "the pooling takes the average of every window; the table wants another number of it",
        "プーリングが窓の平均を取っています。表が求めているのは別の値です",
    );
    let between = translated(
        "between the fully connected layers stands an activation that the table does not have",
        "全結合層の間に、表にはない活性化関数が入っています",
    );
    let softmax = translated(
        "these are probabilities: there is a softmax at the end, but the table ends with logits",
        "これは確率です。最後にソフトマックスが入っていますが、表の最後はロジットです",
    );
    let none: fn(&Tensor) -> Tensor = Tensor::shallow_clone;
    [
        (
            Way {
                first: none,
                second: none,
                ..right
            },
            no_sigmoid,
        ),
        (
            Way {
                first: none,
                ..right
            },
            only_second,
        ),
        (
            Way {
                second: none,
                ..right
            },
            only_first,
        ),
        (
            Way {
                first: Tensor::relu,
                second: Tensor::relu,
                ..right
            },
            relu,
        ),
        (
            Way {
                first: Tensor::tanh,
                second: Tensor::tanh,
                ..right
            },
            tanh,
        ),
        (
            Way {
                pool: |x| x.avg_pool2d_default(2),
                ..right
            },
            average,
        ),
        (
            Way {
                between: Tensor::sigmoid,
                ..right
            },
            between,
        ),
        (
            Way {
                between: Tensor::relu,
                ..right
            },
            between,
        ),
        (
            Way {
                last: |x| x.softmax(-1, Kind::Float),
                ..right
            },
            softmax,
        ),
        (
            Way {
                last: |x| x.log_softmax(-1, Kind::Float),
                ..right
            },
            softmax,
        ),
        (
            Way {
                last: Tensor::sigmoid,
                ..right
            },
            softmax,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_solved, problem};
    use super::*;
    use crate::define::{LeNet, LeNetSettings};
    use tch::{nn, nn::Module};

    /// Layers as in notebook 3, with a way through them that is yet to be written.
    struct Attempt {
        variables: nn::VarStore,
        conv1: nn::Conv2D,
        conv2: nn::Conv2D,
        fc1: nn::Linear,
        fc2: nn::Linear,
        fc3: nn::Linear,
        way: fn(&Attempt, &Tensor, &mut ForwardPass) -> Tensor,
    }

    impl Model for Attempt {
        fn variables(&self) -> &nn::VarStore {
            &self.variables
        }
        fn forward(&self, images: &Tensor, pass: &mut ForwardPass) -> Tensor {
            (self.way)(self, images, pass)
        }
    }

    fn attempt(padding: i64, way: fn(&Attempt, &Tensor, &mut ForwardPass) -> Tensor) -> Attempt {
        let variables = nn::VarStore::new(Device::Cpu);
        let root = variables.root();
        let config = nn::ConvConfig {
            padding,
            ..Default::default()
        };
        Attempt {
            conv1: nn::conv2d(&root / "conv1", 1, 6, 5, config),
            conv2: nn::conv2d(&root / "conv2", 6, 16, 5, config),
            fc1: nn::linear(&root / "fc1", 256, 120, Default::default()),
            fc2: nn::linear(&root / "fc2", 120, 64, Default::default()),
            fc3: nn::linear(&root / "fc3", 64, 10, Default::default()),
            variables,
            way,
        }
    }

    fn told(way: fn(&Attempt, &Tensor, &mut ForwardPass) -> Tensor) -> String {
        problem(|| lenet(&attempt(0, way)))
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

    fn nothing(x: &Tensor) -> Tensor {
        x.shallow_clone()
    }

    #[test]
    fn right_attempts_pass() {
        assert_solved(lenet(
            &LeNet::new(&LeNetSettings::default(), Device::Cpu).unwrap(),
        ));
        assert_solved(lenet(&attempt(0, |net, images, pass| {
            let x = pass.record("conv1", images.apply(&net.conv1));
            let x = pass.record("pool1", x.max_pool2d_default(2)).sigmoid();
            let x = pass.record("conv2", x.apply(&net.conv2));
            let x = pass.record("pool2", x.max_pool2d_default(2)).sigmoid();
            let x = pass.record("fc1", x.flatten(1, -1).apply(&net.fc1));
            let x = pass.record("fc2", x.apply(&net.fc2));
            pass.record("fc3", x.apply(&net.fc3))
        })));
        // Nothing recorded, and the sigmoid before the pooling: the largest stays the largest.
        assert_solved(lenet(&attempt(0, |net, images, _| {
            let x = images.apply(&net.conv1).sigmoid().max_pool2d_default(2);
            let x = x.apply(&net.conv2).sigmoid().max_pool2d_default(2);
            let x = x.view([-1, 256]);
            net.fc3.forward(&net.fc2.forward(&net.fc1.forward(&x)))
        })));
    }

    #[test]
    fn the_gap_as_it_stands_is_told() {
        let told = told(|net, images, pass| pass.record("conv1", images.apply(&net.conv1)));
        assert!(
            told.starts_with("the way ends with the shape 2 × 6 × 24 × 24"),
            "{told}"
        );
    }

    #[test]
    fn wrong_functions_are_named() {
        let no_sigmoid = told(|net, images, _| with(net, images, max, nothing, nothing));
        assert!(no_sigmoid.starts_with("no sigmoid"), "{no_sigmoid}");
        let relu = told(|net, images, _| with(net, images, max, Tensor::relu, nothing));
        assert!(relu.contains("with ReLU"), "{relu}");
        let tanh = told(|net, images, _| with(net, images, max, Tensor::tanh, nothing));
        assert!(tanh.contains("tangent"), "{tanh}");
        let average = told(|net, images, _| {
            with(
                net,
                images,
                |x| x.avg_pool2d_default(2),
                Tensor::sigmoid,
                nothing,
            )
        });
        assert!(average.contains("average"), "{average}");
        let between = told(|net, images, _| with(net, images, max, Tensor::sigmoid, Tensor::relu));
        assert!(between.contains("between the fully connected"), "{between}");
        let softmax = told(|net, images, _| {
            with(net, images, max, Tensor::sigmoid, nothing).softmax(-1, Kind::Float)
        });
        assert!(softmax.contains("softmax at the end"), "{softmax}");
        let one_sigmoid = told(|net, images, _| {
            let x = max(&images.apply(&net.conv1)).sigmoid();
            let x = max(&x.apply(&net.conv2)).flatten(1, -1);
            x.apply(&net.fc1).apply(&net.fc2).apply(&net.fc3)
        });
        assert!(
            one_sigmoid.contains("after the second pooling"),
            "{one_sigmoid}"
        );
        let other = told(|net, images, _| -with(net, images, max, Tensor::sigmoid, nothing));
        assert!(other.contains("one by one"), "{other}");
    }

    #[test]
    fn the_first_wrong_shape_is_named() {
        let padded = problem(|| {
            lenet(&attempt(2, |net, images, pass| {
                let x = pass.record("conv1", images.apply(&net.conv1));
                let x = pass.record("pool1", max(&x)).sigmoid();
                max(&pass.record("conv2", x.apply(&net.conv2)))
            }))
        });
        assert_eq!(
            padded,
            "shape after `conv1` is 6 × 28 × 28, expected 6 × 24 × 24: did you pad? or leave out \
             the pooling before it?"
        );
        let overlapping = told(|net, images, pass| {
            let x = pass.record("conv1", images.apply(&net.conv1));
            pass.record("pool1", x.max_pool2d([2, 2], [1, 1], [0, 0], [1, 1], false))
        });
        assert!(
            overlapping
                .starts_with("shape after `pool1` is 6 × 23 × 23, expected 6 × 12 × 12: does"),
            "{overlapping}"
        );
        let images_lost = told(|net, images, pass| {
            let x = max(&images.apply(&net.conv1)).sigmoid();
            let x = max(&x.apply(&net.conv2)).sigmoid();
            pass.record("fc1", x.narrow(0, 0, 1).flatten(1, -1).apply(&net.fc1))
        });
        assert!(images_lost.starts_with("2 images go in"), "{images_lost}");
        let skipped = told(|net, images, _| {
            let x = max(&images.apply(&net.conv1)).sigmoid();
            let x = max(&x.apply(&net.conv2)).sigmoid();
            x.flatten(1, -1).apply(&net.fc1).apply(&net.fc2)
        });
        assert!(
            skipped.starts_with("the way ends with the shape 2 × 64"),
            "{skipped}"
        );
    }

    #[test]
    fn a_pass_that_stops_says_where() {
        let not_flat = told(|net, images, pass| {
            let x = pass.record("conv1", images.apply(&net.conv1));
            let x = pass.record("pool1", max(&x)).sigmoid();
            let x = pass.record("conv2", x.apply(&net.conv2));
            let x = pass.record("pool2", max(&x)).sigmoid();
            x.apply(&net.fc1)
        });
        assert!(
            not_flat
                .starts_with("the pass stops behind `pool2`, where the shape is 2 × 16 × 4 × 4"),
            "{not_flat}"
        );
        assert!(not_flat.contains("single row"), "{not_flat}");
        let no_convolution = told(|net, images, pass| {
            let x = pass.record("conv1", images.apply(&net.conv1));
            x.flatten(1, -1).apply(&net.fc1)
        });
        assert!(
            no_convolution.starts_with("the pass stops behind `conv1`"),
            "{no_convolution}"
        );
        let at_once = told(|net, images, _| images.apply(&net.conv2));
        assert!(
            at_once.starts_with("the pass stops behind the beginning"),
            "{at_once}"
        );
    }

    #[test]
    fn the_layers_come_first() {
        let colour = LeNet::new(&LeNetSettings::table(), Device::Cpu).unwrap();
        let told = problem(|| lenet(&colour));
        assert!(told.starts_with("the layers come first"), "{told}");
    }
}

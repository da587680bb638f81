use super::super::testing::{assert_problems, assert_solved, problem};
use super::*;

/// Activation and gradient, both `[1, 16, 4, 4]`.
fn parts(model: &dyn Model, image: &Tensor, class: i64) -> Result<(Tensor, Tensor)> {
    let mut pass = ForwardPass::recording();
    let logits = model.forward(image, &mut pass);
    let maps = pass.activation("sigmoid2")?;
    let logit = logits.i((0, class));
    let gradient = Tensor::run_backward(&[logit], &[maps], false, false).remove(0);
    Ok((maps.shallow_clone(), gradient))
}

fn mean(gradient: &Tensor) -> Tensor {
    gradient.mean_dim([2i64, 3].as_slice(), true, Kind::Float)
}

fn sum(maps: &Tensor) -> Tensor {
    maps.sum_dim_intlist([1i64].as_slice(), true, Kind::Float)
}

fn right(model: &dyn Model, image: &Tensor, class: i64) -> Result<Tensor> {
    let (maps, gradient) = parts(model, image, class)?;
    Ok(sum(&(mean(&gradient) * maps)).relu())
}

/// The layer's activation of that name, averaged over its maps.
fn mean_activation(model: &dyn Model, image: &Tensor, layer: &str) -> Result<Tensor> {
    let mut pass = ForwardPass::recording();
    let _logits = model.forward(image, &mut pass);
    Ok(pass.activation(layer)?.mean_dim(1, true, Kind::Float))
}

#[test]
fn the_examples_can_tell_right_from_wrong() {
    let (Ok(model), Ok(image)) = (example(), images(0, 1)) else {
        panic!("no example");
    };
    let logits = crate::define::logits(&model, &image).unwrap();
    assert_eq!(logits.argmax(-1, false).int64_value(&[0]), 8, "predicted");
    let model = Rc::new(model);
    let extremes = [(-0.0163, 0.0113), (-0.0112, 0.0107)];
    for (class, (min, max)) in CLASSES.into_iter().zip(extremes) {
        let Ok(map) = Map::of(right, &model, &image, class) else {
            panic!("no map of class {class}");
        };
        let sum = map.weighted_sum(&map.gradient);
        assert!((sum.min().double_value(&[]) - min).abs() < 1e-3, "{sum}");
        assert!((sum.max().double_value(&[]) - max).abs() < 1e-3, "{sum}");
        assert!(close(&sum.relu(), &map.expected), "{sum}");
    }
}

#[test]
fn right_attempts_pass() {
    assert_solved(grad_cam(right));
    // As a loop over the maps, and in the shape [4, 4].
    assert_solved(grad_cam(|model, image, class| {
        let (maps, gradient) = parts(model, image, class)?;
        let mut map = Tensor::zeros([4, 4], (Kind::Float, Device::Cpu));
        for k in 0..16 {
            let weight = gradient.i((0, k)).mean(Kind::Float);
            map += weight * maps.i((0, k));
        }
        Ok(map.clamp_min(0.0))
    }));
}

#[test]
fn wrong_values_are_named() {
    let attempts: [(Attempt, &str); 11] = [
        // The gap as it stands.
        (
            |model, image, _| mean_activation(model, image, "sigmoid2"),
            "this is the mean of the maps",
        ),
        // No ReLU.
        (
            |model, image, class| {
                let (maps, gradient) = parts(model, image, class)?;
                Ok(sum(&(mean(&gradient) * maps)))
            },
            "places that speak against",
        ),
        // The gradient's sum instead of its mean.
        (
            |model, image, class| {
                let (maps, gradient) = parts(model, image, class)?;
                Ok(sum(&(mean(&gradient) * 16.0 * maps)).relu())
            },
            "the map has the right form, but 16.000 times",
        ),
        (
            |model, image, class| {
                let (maps, gradient) = parts(model, image, class)?;
                Ok(sum(&(gradient * maps)).relu())
            },
            "gradient and maps are multiplied place by place",
        ),
        (
            |model, image, class| Ok(sum(&parts(model, image, class)?.1).relu()),
            "this is made of the gradient alone",
        ),
        (
            |model, image, class| {
                let (maps, gradient) = parts(model, image, class)?;
                Ok(sum(&(mean(&gradient.abs()) * maps)).relu())
            },
            "the gradient has lost its signs",
        ),
        (
            |model, image, _| {
                let logits = model.forward(image, &mut ForwardPass::inference());
                right(model, image, logits.argmax(-1, false).int64_value(&[0]))
            },
            "this is the map of the class that the network predicts",
        ),
        (
            |model, image, class| {
                let mut pass = ForwardPass::recording();
                let p = model
                    .forward(image, &mut pass)
                    .softmax(-1, Kind::Float)
                    .i((0, class));
                let maps = pass.activation("sigmoid2")?;
                let gradient = Tensor::run_backward(&[p], &[maps], false, false).remove(0);
                Ok(sum(&(mean(&gradient) * maps)).relu())
            },
            // Every place speaks against that.
            "the map is 0 everywhere, but some places do speak for the class: is it the logit, before \
             the softmax, whose gradient is taken",
        ),
        // The mean over the maps instead of the places.
        (
            |model, image, class| {
                let (maps, gradient) = parts(model, image, class)?;
                let weights = gradient.mean_dim(1, true, Kind::Float);
                Ok(sum(&(weights * maps)).relu())
            },
            "for class 3 the map is not that of the formula; look at the lines for αₖ and for the \
             sum, and at what is summed over which dimension",
        ),
        (
            |model, image, _| right(model, image, 0),
            "this is the map of class 0, whatever class",
        ),
        (
            |_, _, _| Ok(Tensor::zeros([4, 4], (Kind::Float, Device::Cpu))),
            "the map is 0 everywhere",
        ),
    ];
    assert_problems(grad_cam, &attempts);
}

/// The maps' mean instead of their sum: 0.0625, which is rounded up or down.
#[test]
fn a_wrong_scale_is_given() {
    let averaged: Attempt = |model, image, class| Ok(right(model, image, class)? / 16.0);
    let problem = problem(|| grad_cam(averaged));
    assert!(
        problem.contains("0.062 times") || problem.contains("0.063 times"),
        "{problem}"
    );
}

#[test]
fn wrong_shapes_are_named() {
    let attempts: [(Attempt, &str); 6] = [
        (
            |model, image, class| Ok(mean(&parts(model, image, class)?.1)),
            "the result has the shape 1 × 16 × 1 × 1, expected 4 × 4, the places of `sigmoid2`: a \
             number for each of the 16 maps: these are the weights",
        ),
        (
            |model, image, class| {
                let (maps, gradient) = parts(model, image, class)?;
                Ok((mean(&gradient) * maps).relu())
            },
            "the result has the shape 1 × 16 × 4 × 4, expected 4 × 4, the places of `sigmoid2`: the \
             16 maps have not been added up",
        ),
        (
            |model, image, class| {
                let map = right(model, image, class)?;
                Ok(map.upsample_bilinear2d([28, 28], false, None, None))
            },
            "the result has the shape 1 × 1 × 28 × 28, expected 4 × 4, the places of `sigmoid2`: it \
             has been enlarged already",
        ),
        (
            |model, image, _| mean_activation(model, image, "conv2"),
            "the result has the shape 1 × 1 × 8 × 8, expected 4 × 4, the places of `sigmoid2`: that \
             is another layer",
        ),
        (
            |model, image, _| mean_activation(model, image, "sigmoid_2"),
            "your function gives back an error: there is no activation `sigmoid_2`",
        ),
        (
            |model, image, class| Ok(parts(model, image, class + 10)?.0),
            "your function stops in the middle",
        ),
    ];
    assert_problems(grad_cam, &attempts);
}

//! Explanations equal those of Captum and pytorch-grad-cam, and have no side effects.
//!
//! The reference files and the script that made them are in `reference/`.

use std::collections::HashMap;

use gasshuku::explain::{
    DeletionSettings, Explanation, Method, Target, blurred, explain, faithfulness, rank_correlation,
};
use gasshuku::prelude::*;
use support::{alone, assert_near, reference, tensors};

/// The largest allowed difference from the references, before any scaling.
const TOLERANCE: f64 = 1e-5;
const TARGETS: [&str; 2] = ["predicted", "true"];
const LAYERS: [&str; 2] = ["conv1", "conv2"];
const AFTER_ACTIVATION: [&str; 2] = ["sigmoid1", "sigmoid2"];

/// The reference explanations.
struct References {
    tensors: HashMap<String, Tensor>,
}

impl References {
    fn read() -> References {
        References {
            tensors: tensors("explanations.safetensors"),
        }
    }

    fn get(&self, name: &str) -> &Tensor {
        &self.tensors[name]
    }

    fn images(&self) -> Tensor {
        let images = self.get("images");
        assert!(images.size()[0] >= 64);
        Normalization::default().apply(images)
    }

    fn target(&self, network: &str, target: &str) -> Target {
        match target {
            "predicted" => Target::Predicted,
            _ => {
                let labels = Vec::<i64>::try_from(self.get("labels")).unwrap();
                assert_ne!(&labels, &self.predicted(network));
                Target::Each(labels.into_iter().map(|label| label as usize).collect())
            }
        }
    }

    fn predicted(&self, network: &str) -> Vec<i64> {
        Vec::try_from(self.get(&format!("{network}.predicted"))).unwrap()
    }

    fn explain(&self, network: &str, target: &str, method: &dyn Method) -> Explanation {
        let target = self.target(network, target);
        explain(&lenet(network), method, &self.images(), &target).unwrap()
    }

    /// Compares attributions. Those of the references may have no channel.
    #[track_caller]
    fn compare(&self, network: &str, target: &str, method: &dyn Method, name: &str) {
        let name = format!("{network}.{target}.{name}");
        let found = self.explain(network, target, method).attributions;
        let expected = self.get(&name).view_as(&found);
        assert!(expected.abs().max().double_value(&[]) > 100.0 * TOLERANCE);
        assert_near(&name, &found, &expected, TOLERANCE);
    }
}

fn lenet(network: &str) -> LeNet {
    let activation = match network {
        "relu" => Activation::Relu,
        _ => Activation::Sigmoid,
    };
    let settings = LeNetSettings {
        activation,
        ..Default::default()
    };
    let model = LeNet::new(&settings, Device::Cpu).unwrap();
    let weights = reference(&format!("explained_{network}.safetensors"));
    load_weights(&model, weights).unwrap();
    model
}

#[test]
fn the_predicted_classes_equal_pytorchs() {
    let references = References::read();
    for network in ["sigmoid", "relu"] {
        let explanation = references.explain(network, "predicted", &Saliency);
        let expected = references.predicted(network);
        let found: Vec<i64> = explanation
            .classes
            .iter()
            .map(|&class| class as i64)
            .collect();
        assert_eq!(found, expected, "{network}");
    }
}

#[test]
fn grad_cam_equals_captums_and_pytorch_grad_cams() {
    let references = References::read();
    for target in TARGETS {
        for layer in LAYERS.into_iter().chain(AFTER_ACTIVATION) {
            let name = format!("{layer}.grad_cam");
            references.compare("sigmoid", target, &GradCam::at(layer), &name);
        }
    }
}

#[test]
fn grad_cam_plus_plus_equals_pytorch_grad_cams() {
    let references = References::read();
    for target in TARGETS {
        for layer in AFTER_ACTIVATION {
            let name = format!("{layer}.grad_cam_plus_plus");
            references.compare("sigmoid", target, &GradCamPlusPlus::at(layer), &name);
        }
    }
}

/// The formula assumes activations that are not negative. Those of a convolution can be, so its denominator
/// can be near zero. The reference itself changes by up to 5e-4 of a map's largest value when it is computed in
/// double precision from the same numbers: see reference/README.md.
#[test]
fn grad_cam_plus_plus_at_a_convolution_equals_pytorch_grad_cams_within_its_precision() {
    let references = References::read();
    for target in TARGETS {
        for layer in LAYERS {
            let method = GradCamPlusPlus::at(layer);
            let found = references.explain("sigmoid", target, &method).attributions;
            let name = format!("sigmoid.{target}.{layer}.grad_cam_plus_plus");
            let expected = references.get(&name).view_as(&found);
            let places = [1i64, 2, 3];
            let largest = expected.amax(places, false);
            let apart = (&found - &expected).abs().amax(places, false);
            let empty = largest.eq(0.0);
            assert_eq!(
                apart
                    .masked_select(&empty)
                    .count_nonzero(0)
                    .int64_value(&[]),
                0
            );
            let relative = (apart / largest).masked_select(&empty.logical_not());
            let median = relative.median().double_value(&[]);
            let worst = relative.max().double_value(&[]);
            println!("{name} differs by {median:.1e} in the median, {worst:.1e} at worst");
            assert!(median < 1e-4 && worst < 2e-2, "{name}: {median}, {worst}");
        }
    }
}

#[test]
fn saliency_equals_captums() {
    let references = References::read();
    for target in TARGETS {
        let expected = references.get(&format!("sigmoid.{target}.gradient")).abs();
        let found = references
            .explain("sigmoid", target, &Saliency)
            .attributions;
        assert_near(target, &found, &expected, TOLERANCE);
    }
}

#[test]
fn guided_backpropagation_equals_captums_and_pytorch_grad_cams() {
    let references = References::read();
    for target in TARGETS {
        references.compare(
            "relu",
            target,
            &GuidedBackpropagation,
            "guided_backpropagation",
        );
        // For a network without ReLU both references return the gradient, with its sign.
        references.compare("sigmoid", target, &GuidedBackpropagation, "gradient");
    }
}

#[test]
fn guided_grad_cam_equals_captums() {
    let references = References::read();
    for network in ["sigmoid", "relu"] {
        for target in TARGETS {
            for layer in LAYERS {
                let name = format!("{layer}.guided_grad_cam");
                references.compare(network, target, &GuidedGradCam::at(layer), &name);
            }
        }
    }
}

#[test]
fn heat_maps_are_enlarged_as_by_captum_and_scaled_by_their_largest_value() {
    let references = References::read();
    for (network, target, layer) in [("sigmoid", "predicted", "conv2"), ("relu", "true", "conv1")] {
        let name = format!("{network}.{target}.{layer}");
        let explanation = references.explain(network, target, &GradCam::at(layer));
        let enlarged = explanation.enlarged().unwrap().squeeze_dim(1);
        let expected = references.get(&format!("{name}.upsampled"));
        assert_near(&name, &enlarged, expected, TOLERANCE);

        // pytorch-grad-cam subtracts the smallest value before it divides, so the test does, too.
        let heat_maps = explanation.heat_maps().unwrap();
        let smallest = heat_maps.amin([1i64, 2], true);
        let largest = heat_maps.amax([1i64, 2], true);
        let stretched = (&heat_maps - &smallest) / (&largest - &smallest).clamp_min(1e-7);
        let expected = references.get(&format!("{name}.scaled"));
        assert_near(&name, &stretched, expected, TOLERANCE);

        // Some maps are zero everywhere, and stay zero.
        let empty =
            i64::try_from(enlarged.amax([1i64, 2], false).eq(0.0).sum(Kind::Int64)).unwrap();
        if name == "sigmoid.predicted.conv2" {
            assert_eq!(empty, 14);
        }
        let ones = i64::try_from(largest.eq(1.0).sum(Kind::Int64)).unwrap();
        assert_eq!(empty + ones, heat_maps.size()[0]);
    }
}

#[test]
fn deletion_and_insertion_follow_their_definition() {
    let references = References::read();
    let probabilities = references.get("deletion.probabilities");
    let (count, steps) = probabilities.size2().unwrap();
    let images = references.images().narrow(0, 0, count);
    assert_near(
        "blurred",
        &blurred(&images).unwrap(),
        references.get("blurred"),
        TOLERANCE,
    );

    // In the order of the reference's maps: if two pixels are almost equally hot, their order depends on the
    // last digit.
    let explanation = Explanation {
        method: "reference".into(),
        classes: references.predicted("sigmoid")[..count as usize]
            .iter()
            .map(|&class| class as usize)
            .collect(),
        attributions: references
            .get("sigmoid.predicted.conv2.upsampled")
            .narrow(0, 0, count)
            .unsqueeze(1),
        is_signed: false,
        image: [28, 28],
    };
    let settings = DeletionSettings::default();
    let found = faithfulness(&lenet("sigmoid"), &images, &explanation, &settings).unwrap();
    for (name, curve) in [
        ("deletion", &found.deletion),
        ("insertion", &found.insertion),
    ] {
        assert_eq!(curve.fractions.len() as i64, steps);
        let rows = Tensor::from_slice2(&curve.probabilities).to_kind(Kind::Float);
        assert_near(
            name,
            &rows,
            references.get(&format!("{name}.probabilities")),
            TOLERANCE,
        );
        let areas = Tensor::from_slice(&curve.areas()).to_kind(Kind::Float);
        assert_near(
            name,
            &areas,
            references.get(&format!("{name}.areas")),
            TOLERANCE,
        );
    }
}

#[test]
fn rank_correlations_equal_scipys() {
    let text = std::fs::read(reference("rank_correlations.json")).unwrap();
    let cases: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let numbers = |value: &serde_json::Value| -> Vec<f32> {
        let numbers = value.as_array().unwrap().iter();
        numbers
            .map(|number| number.as_f64().unwrap() as f32)
            .collect()
    };
    for (name, case) in cases.as_object().unwrap() {
        let found = rank_correlation(&numbers(&case["first"]), &numbers(&case["second"]));
        match case["coefficient"].as_f64() {
            None => assert_eq!(found, None, "{name}"),
            Some(expected) => {
                let difference = (found.unwrap() - expected).abs();
                assert!(difference < 1e-12, "{name} differs by {difference}");
            }
        }
    }
}

/// Each method once, at a layer if it needs one.
fn all_methods() -> Vec<Box<dyn Method>> {
    vec![
        Box::new(GradCam::at("conv2")),
        Box::new(GradCamPlusPlus::at("conv1")),
        Box::new(Saliency),
        Box::new(GuidedBackpropagation),
        Box::new(GuidedGradCam::at("conv2")),
        Box::new(Edges),
    ]
}

#[test]
fn explaining_changes_neither_weights_nor_gradients_nor_random_numbers() {
    if !alone("explaining_changes_neither_weights_nor_gradients_nor_random_numbers") {
        return;
    }
    let model = lenet("relu");
    let images = References::read().images().narrow(0, 0, 4);
    let loss = model
        .forward(&images, &mut ForwardPass::training())
        .logsumexp([1i64], false);
    loss.sum(Kind::Float).backward();
    let state = || -> HashMap<String, (Tensor, Tensor, bool)> {
        let variables = model.variables().variables().into_iter();
        variables
            .map(|(name, weight)| {
                let kept = (
                    weight.detach().copy(),
                    weight.grad().copy(),
                    weight.requires_grad(),
                );
                (name, kept)
            })
            .collect()
    };
    let draw = || Tensor::rand([8], (Kind::Float, Device::Cpu));
    let before = state();
    assert!(
        before
            .values()
            .any(|(_, gradient, _)| gradient.abs().max().double_value(&[]) > 0.0)
    );
    tch::manual_seed(11);
    let expected = draw();

    tch::manual_seed(11);
    for method in all_methods() {
        let explanation = explain(&model, &*method, &images, &Target::Predicted).unwrap();
        assert!(!explanation.attributions.requires_grad());
        faithfulness(&model, &images, &explanation, &DeletionSettings::default()).unwrap();
        sanity_check(&model, &*method, &images, 5).unwrap();
        // Not even if explaining fails.
        assert!(explain(&model, &*method, &images, &Target::Class(10)).is_err());
    }
    assert_eq!(draw(), expected);
    assert_eq!(state(), before);
    assert!(!images.requires_grad());
    // Outside of an explanation gradients are tracked as before.
    assert!(
        model
            .forward(&images, &mut ForwardPass::inference())
            .requires_grad()
    );
    let tracked = tch::no_grad(|| {
        explain(&model, &Saliency, &images, &Target::Predicted).unwrap();
        model
            .forward(&images, &mut ForwardPass::inference())
            .requires_grad()
    });
    assert!(!tracked);
}

/// An explanation does not change the random numbers of a training.
#[test]
fn explaining_does_not_change_the_random_numbers_of_dropout() {
    if !alone("explaining_does_not_change_the_random_numbers_of_dropout") {
        return;
    }
    struct Dropout(LeNet);
    impl Model for Dropout {
        fn variables(&self) -> &nn::VarStore {
            self.0.variables()
        }
        fn forward(&self, images: &Tensor, pass: &mut ForwardPass) -> Tensor {
            let dropped = images.dropout(0.5, pass.is_training());
            self.0.forward(&dropped, pass)
        }
    }
    let model = Dropout(lenet("sigmoid"));
    let images = References::read().images().narrow(0, 0, 2);
    let step = || model.forward(&images, &mut ForwardPass::training());
    tch::manual_seed(3);
    let (first, second) = (step(), step());
    assert_ne!(first, second);
    tch::manual_seed(3);
    assert_eq!(step(), first);
    let explained = explain(&model, &Saliency, &images, &Target::Predicted).unwrap();
    let plain = explain(&model.0, &Saliency, &images, &Target::Predicted).unwrap();
    assert_eq!(
        explained.attributions, plain.attributions,
        "nothing is dropped"
    );
    assert_eq!(step(), second);
}

/// The bytes that this process has allocated and not freed.
///
/// The memory that the process has from the operating system would hide a leak in memory that was free before.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn allocated() -> usize {
    // SAFETY: it only reads the allocator's statistics, with its locks taken.
    let statistics = unsafe { libc::mallinfo2() };
    statistics.uordblks + statistics.hblkhd
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn ten_thousand_explanations_leak_no_memory() {
    if !alone("ten_thousand_explanations_leak_no_memory") {
        return;
    }
    let model = lenet("relu");
    let images = References::read().images();
    let methods = all_methods();
    let explain_some = |count: usize| {
        for index in 0..count {
            let image = images.narrow(0, (index % 64) as i64, 1);
            let method = &*methods[index % methods.len()];
            let explanation = explain(&model, method, &image, &Target::Predicted).unwrap();
            let _heat_map = explanation.heat_maps().unwrap();
        }
    };
    explain_some(1_000);
    let before = allocated();
    explain_some(10_000);
    let grown = allocated().saturating_sub(before);
    println!("10,000 explanations: {grown} bytes more");
    // If each explanation leaked only one number, these would be 10,000 tensors of about 300 bytes.
    assert!(grown < 256 << 10, "{grown} bytes more");

    // The counter works: 10,000 heat maps that are kept are 31 MB.
    let before = allocated();
    let kept: Vec<Tensor> = (0..10_000)
        .map(|_| Tensor::zeros([784], (Kind::Float, Device::Cpu)))
        .collect();
    let counted = allocated() - before;
    println!("{} heat maps kept: {counted} bytes more", kept.len());
    assert!(counted > 10_000 * 784 * 4);
}

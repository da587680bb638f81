//! The crate computes what PyTorch computes.
//!
//! The reference files and the script that made them are in `reference/`.

use std::collections::HashMap;

use gasshuku::prelude::*;
use gasshuku::train::OptimizerState;
use serde_json::Value;
use support::{assert_near, data, reference, tensors};

const TOLERANCE: f64 = 1e-5;

fn json(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(reference(name)).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|number| number.as_f64().unwrap())
        .collect()
}

fn lenet(settings: &LeNetSettings, weights: &str) -> LeNet {
    let model = LeNet::new(settings, Device::Cpu).unwrap();
    load_weights(&model, reference(weights)).unwrap();
    model
}

#[test]
fn every_activation_of_lenet_equals_pytorchs() {
    let model = lenet(&LeNetSettings::default(), "lenet.safetensors");
    let expected = tensors("lenet_io.safetensors");
    let input = Normalization::default().apply(&expected["images"]);
    assert_near("input", &input, &expected["input"], 1e-6);

    let mut pass = ForwardPass::recording();
    let logits = model.forward(&expected["input"], &mut pass);
    assert_near("logits", &logits, &expected["logits"], TOLERANCE);
    let names: Vec<&str> = pass
        .activations()
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    let layers = [
        "conv1", "pool1", "sigmoid1", "conv2", "pool2", "sigmoid2", "fc1", "fc2",
    ];
    assert_eq!(names, [&layers[..], &["fc3"]].concat());
    for name in layers {
        assert_near(
            name,
            pass.activation(name).unwrap(),
            &expected[name],
            TOLERANCE,
        );
    }
    let found = probabilities(&model, &expected["input"]).unwrap();
    assert_near(
        "probabilities",
        &found,
        &expected["probabilities"],
        TOLERANCE,
    );
}

#[test]
fn a_colour_image_gives_pytorchs_logits() {
    let model = lenet(&LeNetSettings::colour(), "lenet_rgb.safetensors");
    let expected = tensors("lenet_io.safetensors");
    let input = Normalization::default().apply(&expected["rgb.images"]);
    assert_near("input", &input, &expected["rgb.input"], 1e-6);
    assert_near(
        "logits",
        &logits(&model, &input).unwrap(),
        &expected["rgb.logits"],
        TOLERANCE,
    );
}

/// PyTorch can read a saved model: the same numbers, bit for bit, have the same names.
#[test]
fn a_saved_model_is_pytorchs_state_dict() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lenet.safetensors");
    let model = lenet(&LeNetSettings::default(), "lenet.safetensors");
    let test_set = load(&fashion_mnist(), data(), Split::Test).unwrap();
    save_model(&model, &test_set.info, &path).unwrap();

    let saved: HashMap<String, Tensor> = Tensor::read_safetensors(&path)
        .unwrap()
        .into_iter()
        .collect();
    let expected = tensors("lenet.safetensors");
    let names = |tensors: &HashMap<String, Tensor>| {
        let mut names: Vec<String> = tensors.keys().cloned().collect();
        names.sort();
        names
    };
    assert_eq!(names(&saved), names(&expected));
    for (name, tensor) in &expected {
        assert_eq!(&saved[name], tensor, "{name}");
    }

    // The model that is loaded from the file predicts the same for the 16 images as PyTorch.
    let classifier = load_model(&path, Device::Cpu).unwrap();
    let io = tensors("lenet_io.safetensors");
    assert_eq!(test_set.images.narrow(0, 0, 16), io["images"]);
    let predictions = classifier.predict_batch(&io["images"]).unwrap();
    for (index, prediction) in predictions.iter().enumerate() {
        let (probability, label) = io["probabilities"].get(index as i64).max_dim(0, false);
        assert_eq!(
            prediction.class(),
            test_set.info.classes[label.int64_value(&[]) as usize]
        );
        assert!((prediction.probability() - probability.double_value(&[])).abs() <= TOLERANCE);
    }
}

#[test]
fn every_step_of_every_optimizer_equals_pytorchs() {
    let settings = json("optimizers.json");
    let reference = tensors("optimizers.safetensors");
    for (case, settings) in settings.as_object().unwrap() {
        let optimizer = match settings["optimizer"].as_str().unwrap() {
            "SGD" => Optimizer::Sgd,
            "Adam" => Optimizer::Adam,
            "AdamW" => Optimizer::AdamW,
            other => panic!("unknown optimizer {other}"),
        };
        let default_momentum = if optimizer == Optimizer::Sgd {
            0.0
        } else {
            0.9
        };
        let momentum = |step: usize| match &settings["beta1"] {
            Value::Array(values) => values[step].as_f64().unwrap(),
            _ => settings["momentum"].as_f64().unwrap_or(default_momentum),
        };
        let weight_decay = settings["weight_decay"].as_f64().unwrap_or(0.0);
        let parameters = ["a", "b"].map(|name| {
            let start = &reference[&format!("start.{name}")];
            start.copy().set_requires_grad(true)
        });
        let tracked = parameters.iter().map(Tensor::shallow_clone).collect();
        let mut state = OptimizerState::new(optimizer, weight_decay, tracked).unwrap();
        for step in 0..12 {
            // The gradient of Σ θ·g is g.
            let loss: Tensor = parameters
                .iter()
                .zip(["a", "b"])
                .map(|(parameter, name)| {
                    let gradient = reference[&format!("gradients.{name}")].get(step as i64);
                    (parameter * gradient).sum(Kind::Float)
                })
                .sum();
            let learning_rate = settings["lr"].as_f64().unwrap();
            state
                .step(
                    &loss,
                    StepRates {
                        learning_rate,
                        momentum: momentum(step),
                    },
                )
                .unwrap();
            for (parameter, name) in parameters.iter().zip(["a", "b"]) {
                let expected = reference[&format!("{case}.{name}")].get(step as i64);
                assert_near(
                    &format!("{case}, step {step}, {name}"),
                    parameter,
                    &expected,
                    1e-6,
                );
            }
        }
    }
}

#[test]
fn every_learning_rate_of_every_schedule_equals_pytorchs() {
    let reference = json("schedules.json");
    let steps = reference["steps"].as_u64().unwrap() as usize;
    let highest = StepRates {
        learning_rate: reference["peak"].as_f64().unwrap(),
        momentum: 0.9,
    };
    let cases = [
        ("one_cycle_adam", Schedule::OneCycle),
        ("one_cycle_sgd", Schedule::OneCycle),
        ("cosine", Schedule::Cosine),
    ];
    for (case, schedule) in cases {
        let learning_rates = numbers(&reference[case]["learning_rate"]);
        let momenta = numbers(&reference[case]["momentum"]);
        assert_eq!((learning_rates.len(), momenta.len()), (steps, steps));
        for step in 0..steps {
            let found = schedule.at(step, steps, highest);
            assert!(
                (found.learning_rate - learning_rates[step]).abs() < 1e-12,
                "{case}, step {step}"
            );
            assert!(
                (found.momentum - momenta[step]).abs() < 1e-12,
                "{case}, step {step}"
            );
        }
    }
}

#[test]
fn twenty_steps_of_training_equal_pytorchs() {
    let model = lenet(&LeNetSettings::default(), "lenet.safetensors");
    let training_set = load(&fashion_mnist(), data(), Split::Train).unwrap();
    let expected = tensors("training.safetensors");
    let named = |model: &LeNet| {
        let mut named: Vec<(String, Tensor)> = model.variables().variables().into_iter().collect();
        named.sort_by(|(left, _), (right, _)| left.cmp(right));
        named
    };
    let parameters = named(&model)
        .into_iter()
        .map(|(_, tensor)| tensor)
        .collect();
    let mut state = OptimizerState::new(Optimizer::Adam, 0.0, parameters).unwrap();
    let highest = StepRates {
        learning_rate: 5e-3,
        momentum: 0.9,
    };
    for (step, (images, labels)) in training_set.batches(32).unwrap().take(20).enumerate() {
        let logits = model.forward(&images, &mut ForwardPass::training());
        let loss = logits.cross_entropy_for_logits(&labels);
        let difference = loss.double_value(&[]) - expected["loss"].double_value(&[step as i64]);
        assert!(
            difference.abs() <= TOLERANCE,
            "loss of step {step} differs by {difference}"
        );
        state
            .step(&loss, Schedule::OneCycle.at(step, 20, highest))
            .unwrap();
    }
    for (name, tensor) in named(&model) {
        assert_near(&name, &tensor, &expected[&name], TOLERANCE);
    }
}

#[test]
fn accuracy_precision_and_recall_equal_scikit_learns() {
    let reference = json("metrics.json");
    let labels = |key: &str| -> Vec<i64> {
        reference[key]
            .as_array()
            .unwrap()
            .iter()
            .map(|label| label.as_i64().unwrap())
            .collect()
    };
    let classes: Vec<String> = (0..4).map(|class| class.to_string()).collect();
    let found = Evaluation::count(&classes, &labels("true"), &labels("predicted")).unwrap();
    assert_eq!(
        serde_json::to_value(&found.confusion).unwrap(),
        reference["confusion"]
    );
    assert!((found.accuracy() - reference["accuracy"].as_f64().unwrap()).abs() < 1e-12);
    let precision = numbers(&reference["precision"]);
    let recall = numbers(&reference["recall"]);
    for (class, row) in found.report().iter().enumerate() {
        assert!(
            (row.precision - precision[class]).abs() < 1e-12,
            "precision of {class}"
        );
        assert!(
            (row.recall - recall[class]).abs() < 1e-12,
            "recall of {class}"
        );
    }
}

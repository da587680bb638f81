//! What participants rely on, as far as a test of it needs the real images or a training.

use gasshuku::Error;
use gasshuku::prelude::*;
use support::{alone, data};

fn part(split: Split, count: usize) -> Dataset {
    let indices: Vec<usize> = (0..count).collect();
    load(&fashion_mnist(), data(), split)
        .unwrap()
        .select(&indices)
        .unwrap()
}

fn lenet() -> LeNet {
    LeNet::new(&LeNetSettings::default(), Device::Cpu).unwrap()
}

fn error(model: &dyn Model, dataset: &Dataset, settings: &TrainingSettings) -> Error {
    train(model, dataset, settings).expect_err("cannot work")
}

#[test]
fn fashion_mnist_is_there_without_a_network() {
    let training_set = load(&fashion_mnist(), data(), Split::Train).unwrap();
    let test_set = load(&fashion_mnist(), data(), Split::Test).unwrap();
    assert_eq!(training_set.images.size(), [60_000, 1, 28, 28]);
    assert_eq!(test_set.images.size(), [10_000, 1, 28, 28]);
    assert_eq!(training_set.class_counts(), [6_000; 10]);
    assert_eq!(test_set.class_counts(), [1_000; 10]);
    // The first training image is the ankle boot that many tutorials show.
    assert_eq!(training_set.class(0).unwrap(), "Ankle boot");
    assert_eq!(
        training_set
            .images
            .i((0, 0, 27))
            .sum(Kind::Int64)
            .int64_value(&[]),
        0
    );
}

/// The documented limit is twice the decoded size, which is 55 MB.
#[cfg(target_os = "linux")]
#[test]
fn loading_takes_no_more_than_twice_the_decoded_size() {
    let most = || -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM:"))
            .unwrap();
        line.split_whitespace()
            .nth(1)
            .unwrap()
            .parse::<usize>()
            .unwrap()
            * 1024
    };
    if !alone("loading_takes_no_more_than_twice_the_decoded_size") {
        return;
    }
    let _warm = Tensor::zeros([1], (Kind::Uint8, Device::Cpu)).to_kind(Kind::Int64);
    let before = most();
    let sets =
        [Split::Train, Split::Test].map(|split| load(&fashion_mnist(), data(), split).unwrap());
    let decoded: usize = sets.iter().map(|set| set.len() * (784 + 1)).sum();
    let taken = most() - before;
    assert!(taken <= 2 * decoded, "{taken} bytes for {decoded}");
}

#[test]
fn training_learns_and_its_history_says_so() {
    let training_set = part(Split::Train, 6_000);
    let model = lenet();
    let settings = TrainingSettings {
        epochs: 4,
        batch_size: 32,
        ..Default::default()
    };
    let history = train(&model, &training_set, &settings).unwrap();
    assert_eq!(history.epochs.len(), 4);
    let last = history.last().unwrap();
    let chance = 10f64.ln();
    assert!(last.training.loss < chance / 2.0, "{last:?}");
    assert!(last.validation.unwrap().accuracy > 0.6, "{last:?}");
    // The history's numbers for the validation images are those of the finished model.
    let whole = score(&model, &training_set).unwrap();
    assert!(whole.accuracy > 0.6);
    let evaluation = evaluate(&model, &training_set).unwrap();
    assert!((evaluation.accuracy() - whole.accuracy).abs() < 1e-12);
    assert!((evaluation.loss - whole.loss).abs() < 1e-5);
    assert_eq!(evaluation.images(), 6_000);
}

/// Notebook 4 says so.
#[test]
fn the_default_settings_reach_87_percent_on_the_test_set() {
    let training_set = load(&fashion_mnist(), data(), Split::Train).unwrap();
    let test_set = load(&fashion_mnist(), data(), Split::Test).unwrap();
    let model = lenet();
    train(&model, &training_set, &TrainingSettings::default()).unwrap();
    let result = score(&model, &test_set).unwrap();
    assert!(result.accuracy >= 0.87, "{result}");
}

#[test]
fn without_validation_images_there_is_no_validation() {
    let settings = TrainingSettings {
        epochs: 1,
        validation_share: 0.0,
        ..Default::default()
    };
    let history = train(&lenet(), &part(Split::Test, 150), &settings).unwrap();
    assert_eq!(history.last().unwrap().validation, None);
}

#[test]
fn settings_that_cannot_work_are_errors() {
    let dataset = part(Split::Test, 10);
    let zero = TrainingSettings {
        batch_size: 0,
        ..Default::default()
    };
    assert!(matches!(
        error(&lenet(), &dataset, &zero),
        Error::Setting {
            name: "batch_size",
            ..
        }
    ));
    let nan = TrainingSettings {
        learning_rate: f64::NAN,
        ..Default::default()
    };
    assert!(matches!(
        error(&lenet(), &dataset, &nan),
        Error::Setting {
            name: "learning_rate",
            ..
        }
    ));
    let all = TrainingSettings {
        validation_share: 0.99,
        ..Default::default()
    };
    assert!(matches!(
        error(&lenet(), &dataset, &all),
        Error::Setting {
            name: "validation_share",
            ..
        }
    ));
    let empty = dataset.select(&[]).unwrap();
    assert!(matches!(
        error(&lenet(), &empty, &TrainingSettings::default()),
        Error::Data(_)
    ));
}

#[test]
fn a_learning_rate_that_is_far_too_large_is_an_error() {
    let settings = TrainingSettings {
        learning_rate: 1e30,
        optimizer: Optimizer::Sgd,
        schedule: Schedule::None,
        epochs: 3,
        ..Default::default()
    };
    let error = error(&lenet(), &part(Split::Test, 500), &settings);
    assert!(matches!(error, Error::Diverged { .. }), "{error}");
    assert!(
        error
            .to_string()
            .contains("try a smaller learning rate than"),
        "{error}"
    );
}

#[test]
fn a_network_for_other_images_or_classes_is_an_error() {
    let dataset = part(Split::Test, 10);
    let colour = LeNet::new(&LeNetSettings::colour(), Device::Cpu).unwrap();
    let message = error(&colour, &dataset, &TrainingSettings::default()).to_string();
    assert!(
        message.starts_with("the network cannot process images of shape [1, 1, 28, 28]"),
        "{message}"
    );
    let two = LeNet::new(
        &LeNetSettings {
            classes: 2,
            ..Default::default()
        },
        Device::Cpu,
    )
    .unwrap();
    let message = error(&two, &dataset, &TrainingSettings::default()).to_string();
    assert!(
        message.contains("puts out [1, 2] for one image, but [1, 10] is needed"),
        "{message}"
    );
}

#[test]
fn a_checkpoint_of_another_training_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    let dataset = part(Split::Test, 200);
    let settings = TrainingSettings {
        epochs: 1,
        checkpoint: Some(path.clone()),
        ..Default::default()
    };
    train(&lenet(), &dataset, &settings).unwrap();

    let message = resume(&lenet(), &part(Split::Test, 100), &path)
        .expect_err("other images")
        .to_string();
    assert!(
        message.contains("this training ran on 200 images; it cannot go on with 100"),
        "{message}"
    );
    let saved = folder.path().join("model.safetensors");
    save_model(&lenet(), &dataset.info, &saved).unwrap();
    let message = resume(&lenet(), &dataset, &saved)
        .expect_err("a model")
        .to_string();
    assert!(
        message.contains("not a checkpoint of a training"),
        "{message}"
    );
    let missing = folder.path().join("nothing.safetensors");
    let message = resume(&lenet(), &dataset, &missing)
        .expect_err("nothing")
        .to_string();
    assert!(
        message.starts_with("cannot read ") && message.contains("nothing.safetensors"),
        "{message}"
    );
}

#[test]
fn a_custom_network_is_trained_saved_and_loaded() {
    struct OneLayer(nn::VarStore, nn::Linear);
    impl Model for OneLayer {
        fn variables(&self) -> &nn::VarStore {
            &self.0
        }
        fn forward(&self, images: &Tensor, pass: &mut ForwardPass) -> Tensor {
            pass.record("linear", images.flatten(1, -1).apply(&self.1))
        }
    }
    let new = || {
        let variables = nn::VarStore::new(Device::Cpu);
        let linear = nn::linear(variables.root() / "linear", 784, 10, Default::default());
        OneLayer(variables, linear)
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one_layer.safetensors");
    let dataset = part(Split::Train, 3_000);
    let model = new();
    train(&model, &dataset, &TrainingSettings::default()).unwrap();
    let accuracy = score(&model, &dataset).unwrap().accuracy;
    assert!(accuracy > 0.7, "{accuracy}");

    save_model(&model, &dataset.info, &path).unwrap();
    let message = load_model(&path, Device::Cpu)
        .expect_err("no LeNet")
        .to_string();
    assert!(
        message.contains("build it and call `load_weights`"),
        "{message}"
    );
    let again = new();
    load_weights(&again, &path).unwrap();
    assert_eq!(score(&again, &dataset).unwrap().accuracy, accuracy);
}

#[test]
fn an_exported_test_image_gives_the_same_prediction_as_the_image_itself() {
    let test_set = part(Split::Test, 8);
    let classifier = Classifier::new(Box::new(lenet()), &test_set.info);
    let folder = tempfile::tempdir().unwrap();
    for index in 0..8 {
        let path = folder.path().join(format!("{index}.png"));
        let image = test_set.image(index).unwrap();
        assert_eq!(image.size(), [1, 1, 28, 28]);
        let pixels = Vec::<u8>::try_from(image.flatten(0, -1)).unwrap();
        image::GrayImage::from_raw(28, 28, pixels)
            .unwrap()
            .save(&path)
            .unwrap();
        assert_eq!(read_image(&path, [1, 28, 28]).unwrap(), image);
        let from_file = classifier.predict_file(&path).unwrap();
        let from_set = classifier.predict(&image).unwrap();
        assert_eq!(from_file.class(), from_set.class());
        // Not bit for bit: the rounding of libtorch's kernels depends on the address of the bytes.
        assert!((from_file.probability() - from_set.probability()).abs() < 1e-6);
    }
}

/// With a GPU, the host waits for each number that it reads, and each number that it writes is a copy of its own.
#[cfg(target_os = "linux")]
#[test]
fn steps_of_a_training_copy_nothing_to_or_from_the_host() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_count-copies"))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    let counts: serde_json::Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!(counts["one number"], 1, "the counter counts: {counts}");
    assert_eq!(counts["10 steps"], counts["20 steps"], "{counts}");
    let count = |name: &str| counts[name].as_u64().unwrap();
    let of_an_epoch = count("2 epochs") - count("10 steps");
    assert!(
        (1..10).contains(&of_an_epoch),
        "its score is read: {counts}"
    );
}

//! Whole trainings: stopped, resumed, watched, broken.

use std::cell::{Cell, RefCell};

use std::ops::ControlFlow;

use tch::{Device, Kind, Tensor, nn};

use super::callback::{Callback, EpochProgress, StoppedAt, TrainingLog};
use super::meter::Meter;
use super::*;
use crate::define::{ForwardPass, LeNet, LeNetSettings};
use crate::evaluate::score;
use crate::load::batches_per_epoch;
use crate::notebook::front::tests::FakeFront;
use crate::save::save_model;
use crate::state_dict::{StateDict, not_finite};

/// A network that presses ■ while it learns from its nth batch.
struct Impatient<'a> {
    network: LeNet,
    front: &'a FakeFront,
    presses_at: usize,
    batches: Cell<usize>,
}

impl<'a> Impatient<'a> {
    fn new(front: &'a FakeFront, presses_at: usize) -> Impatient<'a> {
        let settings = LeNetSettings {
            image: [1, 16, 16],
            classes: 2,
            ..Default::default()
        };
        Impatient {
            network: LeNet::new(&settings, Device::Cpu).unwrap(),
            front,
            presses_at,
            batches: Cell::new(0),
        }
    }

    fn weights(&self) -> Vec<f32> {
        let tensors = StateDict::of(self.variables()).tensors.into_values();
        let numbers = tensors.map(|tensor| tensor.flatten(0, -1));
        let all = Tensor::cat(&numbers.collect::<Vec<_>>(), 0);
        Vec::try_from(all).unwrap()
    }
}

impl Model for Impatient<'_> {
    fn variables(&self) -> &nn::VarStore {
        self.network.variables()
    }

    fn forward(&self, images: &Tensor, pass: &mut ForwardPass) -> Tensor {
        if pass.is_training() {
            self.batches.set(self.batches.get() + 1);
            if self.batches.get() == self.presses_at {
                self.front.interrupt();
            }
        }
        self.network.forward(images, pass)
    }
}

/// Remembers where the training ended, and ends it at ■ only if it is to.
struct Witness {
    is_to_end: bool,
    stopped: Option<StoppedAt>,
}

impl Callback for Witness {
    fn on_batch_end(&mut self, progress: &EpochProgress) -> Result<ControlFlow<()>> {
        match self.is_to_end {
            true => TrainingLog::begin("", 1.0).on_batch_end(progress),
            false => Ok(ControlFlow::Continue(())),
        }
    }

    fn on_stop(&mut self, at: &StoppedAt) {
        self.stopped = Some(*at);
    }

    fn on_epoch_end(&mut self, _record: &EpochRecord, _epochs: usize, _left: std::time::Duration) {}
}

/// 28 images to train on, in 4 batches, and 12 held back.
fn images() -> Dataset {
    let pixels = (0..40 * 16 * 16).map(|number| (number * 37 % 251) as u8);
    let images = Tensor::from_slice(&pixels.collect::<Vec<u8>>()).reshape([40, 1, 16, 16]);
    let labels = Tensor::arange(40, (Kind::Int64, Device::Cpu)).remainder(2);
    Dataset::new(&images, &labels, &["even", "odd"]).unwrap()
}

fn settings() -> TrainingSettings {
    TrainingSettings {
        epochs: 3,
        batch_size: 7,
        validation_share: 0.3,
        ..Default::default()
    }
}

/// The epochs that were over, and where the training ended.
fn watched(model: &Impatient, is_to_end: bool) -> (usize, Option<StoppedAt>) {
    let mut witness = Witness {
        is_to_end,
        stopped: None,
    };
    let training = Training::new(model, &images(), &settings()).unwrap();
    let history = model.front.cell(|| training.run(&mut witness)).unwrap();
    (history.epochs.len(), witness.stopped)
}

/// One fully connected layer behind batch normalisation, and the sizes of the batches it has learned from.
struct Normalized {
    variables: nn::VarStore,
    norm: nn::BatchNorm,
    linear: nn::Linear,
    batches: RefCell<Vec<i64>>,
}

impl Normalized {
    fn new() -> Normalized {
        let variables = nn::VarStore::new(Device::Cpu);
        let root = variables.root();
        Normalized {
            norm: nn::batch_norm1d(&root / "norm", 256, Default::default()),
            linear: nn::linear(&root / "linear", 256, 2, Default::default()),
            variables,
            batches: RefCell::default(),
        }
    }
}

impl Model for Normalized {
    fn variables(&self) -> &nn::VarStore {
        &self.variables
    }

    fn forward(&self, images: &Tensor, pass: &mut ForwardPass) -> Tensor {
        if pass.is_training() {
            self.batches.borrow_mut().push(images.size()[0]);
        }
        let pixels = images.flatten(1, -1);
        pixels
            .apply_t(&self.norm, pass.is_training())
            .apply(&self.linear)
    }
}

#[test]
fn a_single_image_left_over_joins_the_batch_before_it() {
    let model = Normalized::new();
    let settings = TrainingSettings {
        // 40 = 13 + 13 + 14.
        batch_size: 13,
        validation_share: 0.0,
        epochs: 1,
        ..settings()
    };
    let history = train(&model, &images(), &settings).unwrap();
    assert_eq!(*model.batches.borrow(), [13, 13, 14]);
    assert!(history.epochs[0].training.loss.is_finite());
    assert_eq!(not_finite(&model.variables).unwrap(), None);
    let sizes = |batch_size| -> Vec<i64> {
        let batches = images().shuffled_batches(batch_size, 0).unwrap();
        batches.map(|(_, labels)| labels.size()[0]).collect()
    };
    assert_eq!(sizes(39), [40]);
    assert_eq!(sizes(20), [20, 20]);
    assert_eq!(sizes(19), [19, 19, 2]);
    assert_eq!(sizes(1), [1; 40]);
    for batch_size in 1..=41 {
        let expected = batches_per_epoch(40, batch_size);
        assert_eq!(sizes(batch_size).len(), expected, "{batch_size}");
    }
}

#[test]
fn a_network_that_broke_is_found_at_the_epochs_end_and_not_saved() {
    let folder = tempfile::tempdir().unwrap();
    let model = Normalized::new();
    let settings = TrainingSettings {
        batch_size: 1,
        checkpoint: Some(folder.path().join("training.safetensors")),
        ..settings()
    };
    let message = train(&model, &images(), &settings).unwrap_err().to_string();
    assert!(
        message.starts_with(
            "`norm.running_var` of the network has numbers that are not finite in epoch 1: the training \
             diverged; try a smaller learning rate than 0.02, and with batch normalisation at least 2"
        ),
        "{message}"
    );
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    let info = images().info;
    let saved = crate::save::save_model(&model, &info, folder.path().join("m.safetensors"));
    assert!(
        saved
            .unwrap_err()
            .to_string()
            .contains("tensor norm.running_var")
    );
}

#[test]
fn a_checkpoint_that_cannot_be_written_is_told_before_the_first_step() {
    let model = Normalized::new();
    for path in ["", "/dev/null/training.safetensors"] {
        let settings = TrainingSettings {
            checkpoint: Some(path.into()),
            ..settings()
        };
        assert!(train(&model, &images(), &settings).is_err(), "{path}");
    }
    assert_eq!(model.batches.borrow().len(), 0);
    assert!(!Path::new(".partial").exists());
}

#[test]
fn a_training_goes_on_with_its_own_classes_only() {
    let folder = tempfile::tempdir().unwrap();
    let front = FakeFront::without_socket();
    let model = Impatient::new(&front, usize::MAX);
    let path = folder.path().join("training.safetensors");
    let settings = TrainingSettings {
        checkpoint: Some(path.clone()),
        ..settings()
    };
    train(&model, &images(), &settings).unwrap();
    let mut others = images();
    others.info.classes = vec!["even".into(), "uneven".into()];
    let message = resume(&model, &others, &path).unwrap_err().to_string();
    assert!(
        message.contains("label 1 is the class `uneven`, for the model `odd`"),
        "{message}"
    );
    let fewer = images().select(&[0, 1, 2]).unwrap();
    let message = resume(&model, &fewer, &path).unwrap_err().to_string();
    assert!(
        message.contains("ran on 40 images; it cannot go on with 3"),
        "{message}"
    );
    assert!(resume(&model, &images(), &path).is_ok());
}

/// A wrapper around LeNet that says it is one, and counts the images it has learned from.
struct Wrapped(LeNet, Cell<i64>);

impl Model for Wrapped {
    fn variables(&self) -> &nn::VarStore {
        self.0.variables()
    }

    fn forward(&self, images: &Tensor, pass: &mut ForwardPass) -> Tensor {
        if pass.is_training() {
            self.1.set(self.1.get() + images.size()[0]);
        }
        self.0.forward(images, pass)
    }

    fn architecture(&self) -> crate::define::Architecture {
        self.0.architecture()
    }
}

#[test]
fn every_part_of_a_batch_goes_through_the_model_itself() {
    let front = FakeFront::without_socket();
    let model = Wrapped(Impatient::new(&front, 0).network, Cell::new(0));
    let many = images().select(&[0; 200]).unwrap();
    let settings = TrainingSettings {
        batch_size: 100,
        validation_share: 0.0,
        epochs: 1,
        ..settings()
    };
    train(&model, &many, &settings).unwrap();
    assert_eq!(model.1.get(), 200);
}

#[test]
fn a_single_step_learns() {
    let front = FakeFront::without_socket();
    let model = Impatient::new(&front, usize::MAX);
    let before = model.weights();
    let settings = TrainingSettings {
        batch_size: 40,
        validation_share: 0.0,
        epochs: 1,
        ..settings()
    };
    train(&model, &images(), &settings).unwrap();
    // Adam's first step is as long as the learning rate, 0.02, for every weight with a gradient.
    let steps = model.weights().into_iter().zip(before);
    let longest = steps.map(|(after, before)| (after - before).abs());
    let longest = longest.fold(0.0, f32::max);
    assert!((longest - 0.02).abs() < 1e-6, "{longest}");
}

#[test]
fn an_interrupt_ends_a_training_after_its_batch() {
    let front = FakeFront::without_socket();
    let model = Impatient::new(&front, 6);
    let (epochs, stopped) = watched(&model, true);
    assert_eq!((epochs, model.batches.get()), (1, 6));
    assert_eq!(
        stopped.unwrap().to_string(),
        "stopped in epoch 2 of 3, after 14 of 28 images; the model keeps what it has learned, \
         and training it again goes on from there"
    );
}

#[test]
fn an_interrupt_ends_the_look_at_the_validation_images() {
    let front = FakeFront::without_socket();
    let (epochs, stopped) = watched(&Impatient::new(&front, 4), false);
    let (epoch, seen) = stopped.map(|at| (at.epoch, at.seen)).unwrap();
    assert_eq!((epochs, epoch, seen), (0, 1, 28));
}

#[test]
fn an_interrupted_training_keeps_its_model_and_resumes_to_the_same_weights() {
    let (front, folder) = (FakeFront::without_socket(), tempfile::tempdir().unwrap());
    let settings = TrainingSettings {
        checkpoint: Some(folder.path().join("training.safetensors")),
        ..settings()
    };
    let never = Impatient::new(&front, usize::MAX);
    let whole = train(&never, &images(), &settings).unwrap();
    let model = Impatient::new(&front, 6);
    let first = model.weights();
    let history = front.cell(|| train(&model, &images(), &settings)).unwrap();
    assert_eq!(history.epochs.len(), 1);
    assert_ne!(model.weights(), first);
    let path = settings.checkpoint.as_ref().unwrap();
    let resumed = resume(&model, &images(), path).unwrap();
    assert_eq!(resumed.epochs.len(), whole.epochs.len());
    assert_eq!(model.weights(), never.weights());
}

#[test]
fn an_interrupt_ends_a_look_at_many_images() {
    let front = FakeFront::without_socket();
    let model = Impatient::new(&front, 0);
    front.interrupt();
    let error = front.cell(|| score(&model, &images())).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the evaluation was stopped after 0 of 40 images; nothing is lost"
    );
    assert!(score(&model, &images()).is_ok(), "the next cell begins");
}

#[test]
fn a_training_is_the_same_whether_anybody_watches_it() {
    let (front, nobody) = (FakeFront::accepting(), FakeFront::without_socket());
    let watched = Impatient::new(&front, usize::MAX);
    let history = front
        .cell(|| train(&watched, &images(), &settings()))
        .unwrap();
    let alone = Impatient::new(&nobody, usize::MAX);
    let same = train(&alone, &images(), &settings()).unwrap();
    assert_eq!(watched.weights(), alone.weights());
    let losses = |history: &History| -> Vec<f64> {
        let epochs = history.epochs.iter();
        epochs.map(|epoch| epoch.training.loss).collect()
    };
    assert_eq!(losses(&history), losses(&same));
}

#[test]
fn a_notebook_keeps_the_picture_and_the_table() {
    let front = FakeFront::accepting();
    let model = Impatient::new(&front, usize::MAX);
    front
        .cell(|| train(&model, &images(), &settings()))
        .unwrap();
    let messages = front.messages();
    let (first, last) = (&messages[0]["data"], &messages[messages.len() - 1]["data"]);
    let announcement = "training on 28 images, 12 held back for validation, 4 steps an epoch";
    let text = |data: &serde_json::Value, kind: &str| data[kind].as_str().unwrap().to_owned();
    assert!(text(first, "text/html").contains("progressbar"));
    assert!(text(first, "text/plain").starts_with(announcement));
    let (html, plain) = (text(last, "text/html"), text(last, "text/plain"));
    assert!(!html.contains("progressbar") && html.contains("data:image/svg+xml"));
    assert!(
        html.contains(announcement) && html.contains("3/3"),
        "{html}"
    );
    assert!(
        plain.starts_with(announcement) && plain.contains("\n  3/3 "),
        "{plain}"
    );
    assert!(plain.contains("Learning curves over 3 epochs."), "{plain}");
    assert!(
        messages
            .iter()
            .all(|message| message["id"] == messages[0]["id"])
    );
}

#[test]
fn a_training_that_explodes_keeps_its_picture_with_a_mark() {
    let front = FakeFront::accepting();
    let model = Impatient::new(&front, usize::MAX);
    let settings = TrainingSettings {
        learning_rate: 1e30,
        optimizer: Optimizer::Sgd,
        schedule: Schedule::None,
        ..settings()
    };
    let ended = front.cell(|| train(&model, &images(), &settings));
    assert!(matches!(ended, Err(Error::Diverged { .. })), "{ended:?}");
    let messages = front.messages();
    let last = messages[messages.len() - 1]["data"]["text/plain"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        last.contains("Marked: the loss explodes, at epoch 0."),
        "{last}"
    );
}

#[test]
fn the_losses_of_steps_are_means_over_their_parts() {
    let mut meter = Meter::default();
    // Two parts of 3 images and 1, then one of 2.
    for (loss, images, ends) in [(1.0, 3, false), (5.0, 1, true), (4.0, 2, true)] {
        meter.add(Tensor::from(loss), Tensor::from(0i64), images);
        if ends {
            meter.end_step();
        }
    }
    assert_eq!(meter.step_losses(0).unwrap(), [2.0, 4.0]);
    assert_eq!(meter.step_losses(1).unwrap(), [4.0]);
    assert_eq!(meter.step_losses(2).unwrap(), [0.0; 0]);
}
#[test]
fn a_file_that_is_not_there_is_made_up_for_by_training() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lenet.safetensors");
    let images = Tensor::zeros([20, 1, 16, 16], (Kind::Uint8, Device::Cpu));
    let labels = Tensor::arange(20, (Kind::Int64, Device::Cpu)).remainder(3);
    let classes = ["a", "b", "c"].map(String::from).to_vec();
    let training_set = Dataset::new(&images, &labels, &classes).unwrap();
    let settings = TrainingSettings {
        epochs: 1,
        ..Default::default()
    };
    let trained = load_or_train(&path, &training_set, &settings).unwrap();
    assert_eq!(trained.info, training_set.info);
    assert!(!path.exists());
    save_model(&*trained.model, &trained.info, &path).unwrap();
    let none = TrainingSettings {
        epochs: 0,
        ..Default::default()
    };
    let loaded = load_or_train(&path, &training_set, &none).unwrap();
    assert_eq!(loaded.info, trained.info);
    let mut other = training_set.to_device(Device::Cpu).unwrap();
    other.info.classes = ["a", "c", "b"].map(String::from).to_vec();
    let error = load_or_train(&path, &other, &settings)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("label 1 is the class `c`, for the model `b`"),
        "{error}"
    );
    std::fs::write(&path, "damaged").unwrap();
    assert!(load_or_train(&path, &training_set, &settings).is_err());
}

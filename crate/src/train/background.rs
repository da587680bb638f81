//! Training in a background thread, while other cells run.
//!
//! Its progress can be shown from other cells, and it can be stopped without losing its model. ■ does not stop
//! it, because it belongs to no running cell.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use tch::{Device, Tensor};

use super::background_progress::{Shared, SharedProgress};
pub use super::background_progress::{TrainingProgress, TrainingState};
use super::callback::{log_heading, log_line};
use super::history::History;
use super::settings::TrainingSettings;
use super::training::{Training, check_trainable};
use crate::define::Model;
use crate::error::{Error, Result};
use crate::evaluate::{self, Mistake};
use crate::language::translate;
use crate::load::Dataset;
use crate::notebook::interrupt::stop_requested;
use crate::notebook::panics::catch;

/// A model that can be moved to a thread.
type SendModel = Box<dyn Model + Send>;

/// The thread that trains. It returns the model and the result, or nothing if it never got a model.
type Trainer = JoinHandle<Option<(SendModel, Result<History>)>>;

/// Trains a model as [`train`](super::train) does, to the same weights, but returns at once.
///
/// Takes the model out of `model` only when all checks have passed, so a cell that fails does not lose it.
/// libtorch's generator is not seeded, because other cells use it too; for reproducible dropout use
/// [`ForwardPass::dropout`](crate::define::ForwardPass::dropout).
///
/// ```no_run
/// use gasshuku::prelude::*;
/// let training_set = load(&fashion_mnist(), "data", Split::Train)?;
/// let mut model = Some(LeNet::new(&LeNetSettings::default(), Device::Cpu)?);
/// let settings = TrainingSettings { epochs: 30, ..Default::default() };
/// let training = train_in_background(&mut model, &training_set, &settings)?;
/// training.follow(2);
/// let (model, history) = training.stop()?;
/// println!("{} whole epochs", history.epochs.len());
/// # Ok::<(), gasshuku::Error>(())
/// ```
///
/// # Errors
/// Those of [`train`](super::train) that are known before the first step, and [`Error::Data`] if there is no
/// model. Later errors are returned by [`BackgroundTraining::stop`] and [`BackgroundTraining::wait`].
pub fn train_in_background<M: Model + Send + 'static>(
    model: &mut Option<M>,
    training_set: &Dataset,
    settings: &TrainingSettings,
) -> Result<BackgroundTraining> {
    let none = "there is no model: another training has taken it; make a new one";
    let prepared = match model {
        Some(model) => PreparedTraining::new(model, training_set, settings)?,
        None => return Err(Error::Data(none.into())),
    };
    match model.take() {
        Some(model) => prepared.begin(Box::new(model)),
        None => Err(Error::Data(none.into())),
    }
}

/// A training that is ready to start as soon as it gets its model.
struct PreparedTraining {
    validation_set: Option<Dataset>,
    shared: Arc<Shared>,
    thread: Trainer,
    /// Sends the model to the thread.
    model: Sender<SendModel>,
}

impl PreparedTraining {
    fn new(
        model: &dyn Model,
        training_set: &Dataset,
        settings: &TrainingSettings,
    ) -> Result<PreparedTraining> {
        check_trainable(model, training_set, settings)?;
        let on_cpu = training_set.to_device(Device::Cpu)?;
        let validation_set = on_cpu.validation_set(settings.validation_share, settings.seed)?;
        let shared = Arc::new(Shared::new(settings.epochs));
        let (model, given) = channel();
        let thread = start(given, training_set, settings, &shared)?;
        Ok(PreparedTraining {
            validation_set,
            shared,
            thread,
            model,
        })
    }

    fn begin(self, model: SendModel) -> Result<BackgroundTraining> {
        self.model
            .send(model)
            .map_err(|_| Error::Data("the training's thread has ended; start it again".into()))?;
        Ok(BackgroundTraining {
            validation_set: self.validation_set,
            shared: self.shared,
            owner: Mutex::new(ModelOwner::Training(self.thread)),
        })
    }
}

fn start(
    model: Receiver<SendModel>,
    training_set: &Dataset,
    settings: &TrainingSettings,
    shared: &Arc<Shared>,
) -> Result<Trainer> {
    let mut callback = SharedProgress(shared.clone());
    let dataset = training_set.to_device(training_set.images.device())?;
    let settings = settings.clone();
    let work = move || {
        let Ok(model) = model.recv() else {
            return None;
        };
        let training =
            || Training::new(&*model, &dataset, &settings).and_then(|it| it.run(&mut callback));
        let result = catch(training).unwrap_or_else(|reason| Err(Error::Data(reason)));
        callback.ended(&result);
        Some((model, result))
    };
    thread::Builder::new()
        .name("training".into())
        .spawn(work)
        .map_err(|error| Error::Data(format!("no thread for the training: {error}")))
}

/// A training in a background thread.
///
/// As the last expression of a cell it shows its progress. When the value is dropped, the training stops after
/// the current batch, and its model is lost.
pub struct BackgroundTraining {
    validation_set: Option<Dataset>,
    shared: Arc<Shared>,
    owner: Mutex<ModelOwner>,
}

/// Where the model of a training is.
enum ModelOwner {
    /// In the thread that trains it.
    Training(Trainer),
    /// Here: the training has failed, and the model was not taken yet.
    Failed(SendModel),
    /// Given back.
    Taken,
}

impl BackgroundTraining {
    /// The progress.
    pub fn progress(&self) -> TrainingProgress {
        self.shared.state().progress.clone()
    }

    /// The validation set; `None` without one.
    pub fn validation_set(&self) -> Option<&Dataset> {
        self.validation_set.as_ref()
    }

    /// The validation set, or an error that names the setting to change.
    pub(crate) fn validation_images(&self) -> Result<&Dataset> {
        self.validation_set.as_ref().ok_or_else(|| {
            let requirement = "its mistakes are those on images held back, so it must be above 0";
            Error::setting("validation_share", 0.0, requirement)
        })
    }

    /// The validation images with wrong predictions at the end of the last epoch, those with the highest
    /// probability first.
    ///
    /// # Errors
    /// [`Error::Setting`] if no images were held back, [`Error::Data`] before the first epoch's end.
    pub fn mistakes(&self) -> Result<Vec<Mistake>> {
        let validation_set = self.validation_images()?;
        let Some(logits) = self
            .shared
            .state()
            .logits
            .as_ref()
            .map(Tensor::shallow_clone)
        else {
            return Err(Error::Data(
                "no epoch is over yet; run this cell again in a moment".into(),
            ));
        };
        evaluate::mistakes(&logits, &validation_set.labels)
    }

    /// Prints a line for each of the next epochs as they end, as [`train`](super::train) does. Returns
    /// after `epochs` lines, when the training has ended, or at ■, which leaves the training running.
    pub fn follow(&self, epochs: usize) {
        if self.follow_unless_stopped(epochs).is_break() {
            let progress = self.progress();
            let left = translate!(
                "no longer followed; the training goes on: {progress}",
                "表示を止めました。訓練は続いています: {progress}"
            );
            println!("{left}");
        }
    }

    /// Follows as [`follow`](Self::follow) does, and breaks at ■.
    fn follow_unless_stopped(&self, epochs: usize) -> ControlFlow<()> {
        let mut state = self.shared.state();
        let already = state.progress.history.epochs.len();
        let until = already.saturating_add(epochs);
        println!("{}", log_heading());
        for next in already.. {
            while state.progress.history.epochs.len() == next && state.is_running() {
                if stop_requested() {
                    return ControlFlow::Break(());
                }
                state = self.shared.wait(state);
            }
            let Some(record) = state.progress.history.epochs.get(next) else {
                break;
            };
            let line = log_line(record, state.progress.epochs, state.progress.left);
            println!("{line}");
            if next + 1 == until {
                break;
            }
        }
        ControlFlow::Continue(())
    }

    /// Stops the training after the current batch. Returns the model as it is then, and the finished epochs.
    ///
    /// # Errors
    /// Why the training failed, if it did; [`take_model`](Self::take_model) gives its model back then.
    pub fn stop(&self) -> Result<(Box<dyn Model + Send>, History)> {
        self.request_stop();
        self.end()
    }

    /// Waits for the last epoch, printing a line for each. Returns the trained model, once.
    ///
    /// # Errors
    /// Those of [`BackgroundTraining::stop`]; [`Error::Interrupted`] at ■, which leaves the training
    /// running: wait again, or stop it.
    pub fn wait(&self) -> Result<(Box<dyn Model + Send>, History)> {
        if self.follow_unless_stopped(usize::MAX).is_break() {
            let TrainingProgress { epoch, epochs, .. } = self.progress();
            return Err(Error::Interrupted {
                work: "waiting for the training",
                done: format!("{} of {epochs} epochs", epoch - 1),
                outcome: "the training goes on",
            });
        }
        self.end()
    }

    fn request_stop(&self) {
        self.shared.state().stop_requested = true;
    }

    fn end(&self) -> Result<(SendModel, History)> {
        let mut owner = self.owner();
        match std::mem::replace(&mut *owner, ModelOwner::Taken) {
            ModelOwner::Training(thread) => {
                let ended = thread.join().ok().flatten().ok_or_else(|| {
                    Error::Data("the training's thread is lost; start the training again".into())
                })?;
                match ended {
                    (model, Ok(history)) => Ok((model, history)),
                    (model, Err(error)) => {
                        *owner = ModelOwner::Failed(model);
                        Err(error)
                    }
                }
            }
            ModelOwner::Failed(model) => {
                *owner = ModelOwner::Failed(model);
                Err(Error::Data(
                    "this training failed; `take_model` gives its model back".into(),
                ))
            }
            ModelOwner::Taken => Err(Error::Data(
                "the model of this training was given back already".into(),
            )),
        }
    }

    /// The model of a failed training, once.
    ///
    /// # Errors
    /// [`Error::Data`] while the training goes on, and when the model was given back already.
    pub fn take_model(&self) -> Result<Box<dyn Model + Send>> {
        if self.shared.state().is_running() {
            let running = "the training goes on; `stop` ends it and gives the model back";
            return Err(Error::Data(running.into()));
        }
        match self.end() {
            Ok((model, _)) => Ok(model),
            Err(error) => match std::mem::replace(&mut *self.owner(), ModelOwner::Taken) {
                ModelOwner::Failed(model) => Ok(model),
                _ => Err(error),
            },
        }
    }

    fn owner(&self) -> MutexGuard<'_, ModelOwner> {
        self.owner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for BackgroundTraining {
    fn drop(&mut self) {
        self.request_stop();
    }
}

impl fmt::Debug for BackgroundTraining {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "BackgroundTraining({})", self.progress())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::define::{Activation, ForwardPass, LeNet, LeNetSettings};
    use crate::notebook::front::tests::FakeFront;
    use crate::state_dict::StateDict;
    use crate::train::train;
    use tch::Kind;
    use tch::nn;

    const BATCH: i64 = 7;

    /// 28 images to train on, in 4 batches, and 12 held back.
    fn images() -> Dataset {
        let pixels = (0..40 * 16 * 16).map(|number| (number * 37 % 251) as u8);
        let images = Tensor::from_slice(&pixels.collect::<Vec<u8>>()).reshape([40, 1, 16, 16]);
        let labels = Tensor::arange(40, (Kind::Int64, Device::Cpu)).remainder(2);
        Dataset::new(&images, &labels, &["even", "odd"]).unwrap()
    }

    fn settings(epochs: usize) -> TrainingSettings {
        TrainingSettings {
            epochs,
            batch_size: BATCH as usize,
            validation_share: 0.3,
            ..Default::default()
        }
    }

    fn lenet() -> LeNet {
        let settings = LeNetSettings {
            image: [1, 16, 16],
            classes: 2,
            activation: Activation::Relu,
            ..Default::default()
        };
        LeNet::new(&settings, Device::Cpu).unwrap()
    }

    fn weights(model: &dyn Model) -> Vec<f32> {
        let tensors = StateDict::of(model.variables()).tensors.into_values();
        tensors
            .flat_map(|tensor| Vec::<f32>::try_from(tensor.flatten(0, -1)).unwrap())
            .collect()
    }

    /// A network that takes a batch of training only when it may, and tells when it is dropped.
    struct Gated {
        network: LeNet,
        permits: Receiver<()>,
        _alive: Sender<()>,
    }

    impl Model for Gated {
        fn variables(&self) -> &nn::VarStore {
            self.network.variables()
        }

        fn forward(&self, images: &Tensor, pass: &mut ForwardPass) -> Tensor {
            if images.size()[0] == BATCH {
                self.permits.recv().expect("the test is over");
            }
            self.network.forward(images, pass)
        }
    }

    /// A training that waits for permits, and what ends with its model.
    fn gated(epochs: usize) -> (BackgroundTraining, Sender<()>, Receiver<()>) {
        let (permit, permits) = channel();
        let (alive, ended) = channel();
        let model = Gated {
            network: lenet(),
            permits,
            _alive: alive,
        };
        let training = train_in_background(&mut Some(model), &images(), &settings(epochs)).unwrap();
        (training, permit, ended)
    }

    fn allow(permit: &Sender<()>, batches: usize) {
        for _ in 0..batches {
            permit.send(()).unwrap();
        }
    }

    #[test]
    fn the_weights_are_those_of_a_training_in_the_foreground() {
        let model = lenet();
        let expected = train(&model, &images(), &settings(3)).unwrap();
        let training = train_in_background(&mut Some(lenet()), &images(), &settings(3)).unwrap();
        let (trained, history) = training.wait().unwrap();
        assert_eq!(weights(&*trained), weights(&model));
        let scores = |history: &History| -> Vec<_> {
            let epochs = history.epochs.iter();
            epochs.map(|it| (it.training, it.validation)).collect()
        };
        assert_eq!(scores(&history), scores(&expected));
    }

    #[test]
    fn it_ends_after_the_batch_it_is_at_and_keeps_the_model() {
        let (training, permit, _ended) = gated(5);
        allow(&permit, 4);
        training.follow(1);
        training.request_stop();
        // The first batch of the second epoch is taken, no other.
        allow(&permit, 2);
        let (model, history) = training.stop().unwrap();
        assert_eq!(history.epochs.len(), 1);

        let (other, permit, _ended) = gated(5);
        allow(&permit, 4);
        other.follow(1);
        let after_an_epoch = other.mistakes().unwrap();
        other.request_stop();
        allow(&permit, 1);
        let (same, _) = other.stop().unwrap();
        assert_eq!(weights(&*model), weights(&*same));
        // What it says of the last whole epoch does not change with the batch after it.
        let indices = |mistakes: Vec<Mistake>| -> Vec<usize> {
            mistakes.iter().map(|mistake| mistake.index).collect()
        };
        assert_eq!(indices(other.mistakes().unwrap()), indices(after_an_epoch));
    }

    #[test]
    fn it_says_how_far_it_is() {
        let (training, permit, _ended) = gated(2);
        let progress = training.progress();
        assert_eq!((progress.epoch, progress.epochs), (1, 2));
        assert_eq!(progress.state, TrainingState::Running);
        assert!(
            training
                .mistakes()
                .unwrap_err()
                .to_string()
                .contains("no epoch is over")
        );

        allow(&permit, 4);
        training.follow(1);
        let progress = training.progress();
        assert_eq!((progress.share, progress.history.epochs.len()), (0.5, 1));
        assert!(progress.to_string().contains("50 % done"), "{progress}");
        let accuracy = progress.history.epochs[0].validation.unwrap().accuracy;
        let mistakes = training.mistakes().unwrap();
        assert_eq!(mistakes.len(), (12.0 * (1.0 - accuracy)).round() as usize);

        allow(&permit, 4);
        // Two epochs are all there are.
        training.follow(10);
        let progress = training.progress();
        assert_eq!((progress.share, progress.history.epochs.len()), (1.0, 2));
        let (_, history) = training.stop().unwrap();
        assert_eq!(history.epochs.len(), 2);
    }

    #[test]
    fn a_stopped_training_says_so() {
        let (training, permit, _ended) = gated(2);
        training.request_stop();
        allow(&permit, 1);
        training.follow(1);
        let progress = training.progress();
        assert_eq!(progress.state, TrainingState::Stopped);
        assert_eq!(progress.to_string(), "stopped in epoch 1 of 2, 12 % done");
    }

    #[test]
    fn dropped_it_stops_after_its_batch() {
        let (training, permit, ended) = gated(1_000_000);
        drop(training);
        permit.send(()).unwrap();
        // Ends when the model is dropped, which it is not before the training is over.
        assert!(ended.recv().is_err());
        assert!(permit.send(()).is_err());
    }

    #[test]
    fn a_failure_is_told_by_the_progress_and_at_the_end() {
        let settings = TrainingSettings {
            learning_rate: 1e30,
            optimizer: crate::train::Optimizer::Sgd,
            ..settings(9)
        };
        let training = train_in_background(&mut Some(lenet()), &images(), &settings).unwrap();
        training.follow(9);
        let TrainingState::Failed(reason) = training.progress().state else {
            panic!("{:?}", training.progress());
        };
        assert!(reason.contains("learning rate"), "{reason}");
        let error = training.stop().map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), reason);
    }

    #[test]
    fn what_cannot_work_is_said_at_once_and_leaves_the_model_where_it_is() {
        let mut model = Some(lenet());
        let before = weights(model.as_ref().unwrap());
        let mut error = |settings: &TrainingSettings| {
            let training = train_in_background(&mut model, &images(), settings);
            training.map(|_| ()).unwrap_err().to_string()
        };
        assert!(error(&settings(0)).starts_with("epochs is 0"));
        let everything = TrainingSettings {
            validation_share: 0.99,
            ..settings(1)
        };
        assert!(error(&everything).contains("validation_share"));
        let nowhere = TrainingSettings {
            checkpoint: Some("/dev/null/training.safetensors".into()),
            ..settings(1)
        };
        assert!(error(&nowhere).starts_with("cannot "));
        assert_eq!(weights(model.as_ref().unwrap()), before);

        let mut larger = Some(LeNet::new(&LeNetSettings::default(), Device::Cpu).unwrap());
        assert!(train_in_background(&mut larger, &images(), &settings(1)).is_err());
        assert!(larger.is_some());

        let training = train_in_background(&mut model, &images(), &settings(1)).unwrap();
        assert!(model.is_none());
        let again = train_in_background(&mut model, &images(), &settings(1));
        let message = again.map(|_| ()).unwrap_err().to_string();
        assert!(message.starts_with("there is no model"), "{message}");
        let (trained, _) = training.wait().unwrap();
        // A model that was given back can be trained on.
        let further = train_in_background(&mut Some(trained), &images(), &settings(1)).unwrap();
        further.wait().unwrap();
    }

    #[test]
    fn a_training_that_failed_gives_its_model_back_once() {
        let settings = TrainingSettings {
            learning_rate: 1e30,
            optimizer: crate::train::Optimizer::Sgd,
            schedule: crate::train::Schedule::None,
            ..settings(9)
        };
        let training = train_in_background(&mut Some(lenet()), &images(), &settings).unwrap();
        assert!(training.wait().is_err());
        let message = |outcome: Result<()>| outcome.unwrap_err().to_string();
        let again = message(training.stop().map(|_| ()));
        assert!(
            again.contains("`take_model` gives its model back"),
            "{again}"
        );
        let model = training.take_model().unwrap();
        assert_eq!(weights(&*model).len(), weights(&lenet()).len());
        assert!(message(training.take_model().map(|_| ())).contains("given back already"));

        let (running, permit, _ended) = gated(1);
        assert!(message(running.take_model().map(|_| ())).contains("goes on"));
        allow(&permit, 4);
        running.wait().unwrap();
        assert!(running.take_model().is_err());
    }

    /// LeNet behind dropout, which trains without workers.
    struct Dropping(LeNet);

    impl Model for Dropping {
        fn variables(&self) -> &nn::VarStore {
            self.0.variables()
        }

        fn forward(&self, images: &Tensor, pass: &mut ForwardPass) -> Tensor {
            let images = pass.dropout(images, 0.3);
            self.0.forward(&images, pass)
        }
    }

    #[test]
    fn random_numbers_drawn_beside_it_change_no_weight() {
        let alone = Dropping(lenet());
        train(&alone, &images(), &settings(2)).unwrap();
        let training =
            train_in_background(&mut Some(Dropping(lenet())), &images(), &settings(2)).unwrap();
        while training.progress().state == TrainingState::Running {
            let _numbers = Tensor::rand([1000], (Kind::Float, Device::Cpu));
        }
        let (model, _) = training.stop().unwrap();
        assert_eq!(weights(&*model), weights(&alone));
    }

    #[test]
    fn trainings_beside_each_other_end_as_each_alone() {
        // Batches of 56 images are shared out among threads, whose number must be the same for all.
        let settings = TrainingSettings {
            batch_size: 56,
            epochs: 3,
            ..Default::default()
        };
        let many = Dataset {
            images: images().images.repeat([6, 1, 1, 1]),
            labels: images().labels.repeat([6]),
            info: images().info,
        };
        let alone = lenet();
        train(&alone, &many, &settings).unwrap();
        let trainings: Vec<_> = (0..3)
            .map(|_| train_in_background(&mut Some(lenet()), &many, &settings).unwrap())
            .collect();
        let front = lenet();
        train(&front, &many, &settings).unwrap();
        assert_eq!(weights(&front), weights(&alone));
        for training in trainings {
            let (model, _) = training.wait().unwrap();
            assert_eq!(weights(&*model), weights(&alone));
        }
        assert_eq!(tch::get_num_threads(), crate::threads::default_threads());
    }

    #[test]
    fn without_validation_there_are_no_mistakes_to_show() {
        let settings = TrainingSettings {
            validation_share: 0.0,
            ..settings(1)
        };
        let training = train_in_background(&mut Some(lenet()), &images(), &settings).unwrap();
        let error = training.mistakes().unwrap_err().to_string();
        assert!(error.starts_with("validation_share is 0"), "{error}");
        assert!(training.validation_set().is_none());
        training.wait().unwrap();
    }

    #[test]
    fn an_interrupt_ends_the_waiting_and_not_the_training() {
        let (training, permit, _ended) = gated(2);
        let front = FakeFront::without_socket();
        front.interrupt();
        // Without a permit the training cannot go on: both would wait forever.
        front.cell(|| training.follow(1));
        let error = front.cell(|| training.wait()).map(|_| ()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "waiting for the training was stopped after 0 of 2 epochs; the training goes on"
        );
        assert_eq!(training.progress().state, TrainingState::Running);
        allow(&permit, 8);
        let (_, history) = training.wait().unwrap();
        assert_eq!(history.epochs.len(), 2);
        let error = training.wait().map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("given back already"), "{error}");
    }
}

//! Training in a thread of its own, while other cells run.
//!
//! A cell that trains is busy until the last epoch. A training in the background can be looked at
//! meanwhile, and stopped with its model kept. ■ does not end it, for it belongs to no running cell.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tch::{Device, Kind, Tensor};

use super::history::{EpochRecord, History};
use super::settings::TrainingSettings;
use super::watcher::{EpochSoFar, StoppedAt, Watcher, break_if, log_heading, log_line};
use super::{Training, check_fit, parts};
use crate::define::Model;
use crate::error::{Error, Result};
use crate::language::said;
use crate::load::Dataset;
use crate::notebook::interrupt::is_to_stop;
use crate::panics::catch;
use crate::text::spoken;

/// ■ is seen this soon by a cell that waits.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A model that can be given to a thread.
type SendModel = Box<dyn Model + Send>;

/// The thread that trains, which ends with its model.
type Trainer = JoinHandle<(SendModel, Result<History>)>;

/// Trains a model as [`train`](super::train) does, to the same weights, but returns at once.
///
/// ```no_run
/// use gasshuku::prelude::*;
/// let training_set = load(&fashion_mnist(), "data", Split::Train)?;
/// let model = LeNet::new(&LeNetSettings::default(), Device::Cpu)?;
/// let settings = TrainingSettings { epochs: 30, ..Default::default() };
/// let training = train_in_background(Box::new(model), &training_set, &settings)?;
/// training.follow(2);
/// let (model, history) = training.stop()?;
/// println!("{} whole epochs", history.epochs.len());
/// # Ok::<(), gasshuku::Error>(())
/// ```
///
/// # Errors
/// What is wrong with the settings, the images or the network is said at once, as by
/// [`train`](super::train); what goes wrong later, by [`BackgroundTraining::stop`] and
/// [`BackgroundTraining::wait`].
pub fn train_in_background(
    model: Box<dyn Model + Send>,
    training_set: &Dataset,
    settings: &TrainingSettings,
) -> Result<BackgroundTraining> {
    settings.check()?;
    check_fit(&*model, training_set)?;
    let on_cpu = training_set.to_device(Device::Cpu)?;
    let validation_set = match parts(training_set.len(), settings)? {
        Some((_, validation)) => Some(on_cpu.select_rows(&validation)?),
        None => None,
    };
    let shared = Arc::new(Shared::new(settings.epochs));
    let thread = start(model, training_set, settings, &shared)?;
    Ok(BackgroundTraining {
        validation_set,
        shared,
        thread: Mutex::new(Some(thread)),
    })
}

fn start(
    model: SendModel,
    training_set: &Dataset,
    settings: &TrainingSettings,
    shared: &Arc<Shared>,
) -> Result<Trainer> {
    let mut reporter = Reporter(shared.clone());
    let dataset = training_set.to_device(training_set.images.device())?;
    let settings = settings.clone();
    let work = move || {
        let training =
            || Training::new(&*model, &dataset, &settings).and_then(|it| it.run(&mut reporter));
        let result = catch(training).unwrap_or_else(|reason| Err(Error::Data(reason)));
        reporter.ended(&result);
        (model, result)
    };
    thread::Builder::new()
        .name("training".into())
        .spawn(work)
        .map_err(|error| Error::Data(format!("no thread for the training: {error}")))
}

/// A training that goes on while other cells run.
///
/// As the last expression of a cell it shows how far it is. When the variable is given another value,
/// the training stops after its batch, and its model is lost.
pub struct BackgroundTraining {
    validation_set: Option<Dataset>,
    shared: Arc<Shared>,
    /// `None` once the model was given back.
    thread: Mutex<Option<Trainer>>,
}

/// How far a training is.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingProgress {
    /// Whether it goes on, or how it ended.
    pub state: TrainingState,
    /// The epoch it is in, counted from 1.
    pub epoch: usize,
    /// How many epochs it is to have.
    pub epochs: usize,
    /// The share of all steps that are done, 0 to 1.
    pub share: f64,
    /// How long it will take at this pace.
    pub left: Duration,
    /// The epochs that are over.
    pub history: History,
}

/// Whether a training goes on, or how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrainingState {
    /// It goes on.
    Running,
    /// All epochs are over.
    Finished,
    /// It was stopped before that.
    Stopped,
    /// It failed, for this reason.
    Failed(String),
}

/// A validation image that the network got wrong at the end of the last epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mistake {
    /// The index of the image among the validation images.
    pub index: usize,
    /// The class the network took it for.
    pub answer: usize,
    /// The probability it gave to that class, 0 to 1.
    pub probability: f64,
}

impl BackgroundTraining {
    /// How far it is.
    pub fn progress(&self) -> TrainingProgress {
        self.shared.state().progress.clone()
    }

    /// The images held back for validation; `None` if none were.
    pub fn validation_set(&self) -> Option<&Dataset> {
        self.validation_set.as_ref()
    }

    /// The same, or what to change.
    pub(crate) fn held_back(&self) -> Result<&Dataset> {
        self.validation_set.as_ref().ok_or_else(|| {
            let requirement = "its mistakes are those on images held back, so it must be above 0";
            Error::setting("validation_share", 0.0, requirement)
        })
    }

    /// The validation images that the network got wrong at the end of the last epoch, those it was
    /// most sure of first.
    ///
    /// # Errors
    /// [`Error::Setting`] if no images were held back, [`Error::Data`] before the first epoch's end.
    pub fn mistakes(&self) -> Result<Vec<Mistake>> {
        let validation_set = self.held_back()?;
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
        mistakes(&logits, &validation_set.labels)
    }

    /// Prints a line for each of the next epochs as they end, as [`train`](super::train) does. Returns
    /// after so many, when the training has ended, or at ■, which leaves the training running.
    pub fn follow(&self, epochs: usize) {
        if self.follow_unless_stopped(epochs).is_break() {
            let progress = self.progress();
            let left = said!(
                "no longer followed; the training goes on: {progress}",
                "表示を止めました。訓練は続いています: {progress}"
            );
            println!("{left}");
        }
    }

    /// The same; a break at ■.
    fn follow_unless_stopped(&self, epochs: usize) -> ControlFlow<()> {
        let mut state = self.shared.state();
        let already = state.progress.history.epochs.len();
        let until = already.saturating_add(epochs);
        println!("{}", log_heading());
        for next in already.. {
            while state.progress.history.epochs.len() == next && state.is_running() {
                if is_to_stop() {
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

    /// Ends the training after the batch it is at. Gives back the model as it is then, and the epochs
    /// that were over.
    ///
    /// # Errors
    /// Why the training failed, if it did; the model is lost then.
    pub fn stop(self) -> Result<(Box<dyn Model + Send>, History)> {
        self.ask_to_stop();
        self.end()
    }

    /// Waits for the last epoch, printing a line for each. Gives back the trained model, once.
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
                left: "the training goes on",
            });
        }
        self.end()
    }

    fn ask_to_stop(&self) {
        self.shared.state().is_to_stop = true;
    }

    fn end(&self) -> Result<(SendModel, History)> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        let thread = thread.take().ok_or_else(|| {
            Error::Data("the model of this training was given back already".into())
        })?;
        let (model, result) = thread.join().map_err(|_| {
            Error::Data("the training's thread is lost; start the training again".into())
        })?;
        Ok((model, result?))
    }
}

impl Drop for BackgroundTraining {
    fn drop(&mut self) {
        self.ask_to_stop();
    }
}

impl fmt::Debug for BackgroundTraining {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "BackgroundTraining({})", self.progress())
    }
}

impl fmt::Display for TrainingProgress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TrainingProgress { epoch, epochs, .. } = self;
        let percent = 100.0 * self.share;
        formatter.write_str(&match &self.state {
            TrainingState::Running => said!(
                "epoch {epoch} of {epochs}, {percent:.0} % done, {} left",
                "エポック {epoch}/{epochs}、{percent:.0} % 終了、残り {}",
                spoken(self.left)
            ),
            TrainingState::Finished => said!(
                "finished, epoch {epochs} of {epochs}",
                "終了しました (エポック {epochs}/{epochs})"
            ),
            TrainingState::Stopped => said!(
                "stopped in epoch {epoch} of {epochs}, {percent:.0} % done",
                "エポック {epoch}/{epochs} で停止しました ({percent:.0} % 終了)"
            ),
            TrainingState::Failed(reason) => {
                said!("failed: {reason}", "失敗しました: {reason}")
            }
        })
    }
}

/// The mistakes among logits `[N, classes]`, given the labels `[N]`.
fn mistakes(logits: &Tensor, labels: &Tensor) -> Result<Vec<Mistake>> {
    let probabilities = logits.f_softmax(-1, Kind::Float)?;
    let (probabilities, answers) = probabilities.f_max_dim(-1, false)?;
    let probabilities = Vec::<f32>::try_from(probabilities)?;
    let answers = Vec::<i64>::try_from(answers)?;
    let labels = Vec::<i64>::try_from(labels)?;
    let mut mistakes: Vec<Mistake> = (0..labels.len())
        .filter(|&index| answers[index] != labels[index])
        .map(|index| Mistake {
            index,
            answer: answers[index] as usize,
            probability: probabilities[index].into(),
        })
        .collect();
    mistakes.sort_by(|one, other| other.probability.total_cmp(&one.probability));
    Ok(mistakes)
}

/// What the training's thread and the cells have in common.
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    start: Instant,
}

struct State {
    progress: TrainingProgress,
    /// Of the validation images, after the last epoch, on the CPU.
    logits: Option<Tensor>,
    is_to_stop: bool,
}

impl State {
    fn is_running(&self) -> bool {
        self.progress.state == TrainingState::Running
    }
}

impl Shared {
    fn new(epochs: usize) -> Shared {
        let progress = TrainingProgress {
            state: TrainingState::Running,
            epoch: 1,
            epochs,
            share: 0.0,
            left: Duration::ZERO,
            history: History::default(),
        };
        Shared {
            state: Mutex::new(State {
                progress,
                logits: None,
                is_to_stop: false,
            }),
            changed: Condvar::new(),
            start: Instant::now(),
        }
    }

    /// A panic while it was held has left it whole: every change is one assignment.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until something has changed, or it is time to look whether somebody pressed ■.
    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let changed = self.changed.wait_timeout(state, LOOK_EVERY);
        changed.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Tells the cells how far the training's thread is.
struct Reporter(Arc<Shared>);

impl Reporter {
    fn ended(&self, result: &Result<History>) {
        let mut state = self.0.state();
        let progress = &mut state.progress;
        progress.left = Duration::ZERO;
        progress.state = match result {
            Err(error) => TrainingState::Failed(error.to_string()),
            Ok(history) if history.epochs.len() < progress.epochs => TrainingState::Stopped,
            Ok(_) => TrainingState::Finished,
        };
        self.0.changed.notify_all();
    }
}

impl Watcher for Reporter {
    fn batch(&mut self, so_far: &EpochSoFar) -> Result<ControlFlow<()>> {
        let mut state = self.0.state();
        let progress = &mut state.progress;
        progress.epoch = so_far.epoch;
        progress.share = ((so_far.epoch - 1) as f64 + so_far.share()) / so_far.epochs as f64;
        let elapsed = self.0.start.elapsed();
        progress.left = elapsed.mul_f64((1.0 - progress.share) / progress.share);
        Ok(break_if(state.is_to_stop))
    }

    // The state says so when the thread has ended.
    fn stopped(&mut self, _at: &StoppedAt) {}

    fn validated(&mut self, logits: &Tensor) {
        self.0.state().logits = Some(logits.to_device(Device::Cpu));
    }

    fn epoch(&mut self, record: &EpochRecord, _epochs: usize, left: Duration) {
        let mut state = self.0.state();
        state.progress.history.epochs.push(record.clone());
        state.progress.left = left;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::define::{Activation, ForwardPass, LeNet, LeNetSettings};
    use crate::notebook::front::tests::Stage;
    use crate::state_dict::StateDict;
    use crate::train::train;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use tch::nn;

    const BATCH: i64 = 7;

    /// 28 images to train on, in 4 batches, and 12 held back.
    fn images() -> Dataset {
        let pixels = (0..40 * 16 * 16).map(|number| (number * 37 % 251) as u8);
        let images = Tensor::from_slice(&pixels.collect::<Vec<u8>>()).reshape([40, 1, 16, 16]);
        let labels = Tensor::arange(40, (Kind::Int64, Device::Cpu)).remainder(2);
        Dataset::new(images, labels, vec!["even".into(), "odd".into()]).unwrap()
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
        let training = train_in_background(Box::new(model), &images(), &settings(epochs)).unwrap();
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
        let training = train_in_background(Box::new(lenet()), &images(), &settings(3)).unwrap();
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
        training.ask_to_stop();
        // The first batch of the second epoch is taken, no other.
        allow(&permit, 2);
        let (model, history) = training.stop().unwrap();
        assert_eq!(history.epochs.len(), 1);

        let (other, permit, _ended) = gated(5);
        allow(&permit, 4);
        other.follow(1);
        let after_an_epoch = other.mistakes().unwrap();
        other.ask_to_stop();
        allow(&permit, 1);
        let (same, _) = other.stop().unwrap();
        assert_eq!(weights(&*model), weights(&*same));
        assert!(after_an_epoch.len() <= 12);
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
        training.ask_to_stop();
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
        let training = train_in_background(Box::new(lenet()), &images(), &settings).unwrap();
        training.follow(9);
        let TrainingState::Failed(reason) = training.progress().state else {
            panic!("{:?}", training.progress());
        };
        assert!(reason.contains("learning rate"), "{reason}");
        let error = training.stop().map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), reason);
    }

    #[test]
    fn what_cannot_work_is_said_at_once() {
        let error = |settings: &TrainingSettings| {
            let training = train_in_background(Box::new(lenet()), &images(), settings);
            training.map(|_| ()).unwrap_err().to_string()
        };
        assert!(error(&settings(0)).starts_with("epochs is 0"));
        let everything = TrainingSettings {
            validation_share: 0.99,
            ..settings(1)
        };
        assert!(error(&everything).contains("validation_share"));
        let larger = LeNet::new(&LeNetSettings::default(), Device::Cpu).unwrap();
        assert!(train_in_background(Box::new(larger), &images(), &settings(1)).is_err());
    }

    #[test]
    fn without_validation_there_are_no_mistakes_to_show() {
        let settings = TrainingSettings {
            validation_share: 0.0,
            ..settings(1)
        };
        let training = train_in_background(Box::new(lenet()), &images(), &settings).unwrap();
        let error = training.mistakes().unwrap_err().to_string();
        assert!(error.starts_with("validation_share is 0"), "{error}");
        assert!(training.validation_set().is_none());
        training.wait().unwrap();
    }

    #[test]
    fn mistakes_come_with_the_surest_first() {
        // Softmax of (0, ln 3) is (1/4, 3/4), of (0, ln 9) is (1/10, 9/10).
        let (three, nine) = (3f32.ln(), 9f32.ln());
        let logits = Tensor::from_slice(&[0.0, three, 0.0, nine, three, 0.0, 0.0, three]);
        let labels = Tensor::from_slice(&[0i64, 0, 0, 1]);
        let found = mistakes(&logits.reshape([4, 2]), &labels).unwrap();
        let expected = [(1, 1, 0.9), (0, 1, 0.75)];
        assert_eq!(found.len(), 2);
        for (mistake, (index, answer, probability)) in found.iter().zip(expected) {
            assert_eq!((mistake.index, mistake.answer), (index, answer));
            assert!((mistake.probability - probability).abs() < 1e-6);
        }
    }

    #[test]
    fn an_interrupt_ends_the_waiting_and_not_the_training() {
        let (training, permit, _ended) = gated(2);
        let stage = Stage::deserted();
        stage.interrupt();
        // Without a permit the training cannot go on: both would wait forever.
        stage.cell(|| training.follow(1));
        let error = stage.cell(|| training.wait()).map(|_| ()).unwrap_err();
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

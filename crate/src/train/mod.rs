//! Step 4, train: from starting weights to a network that tells classes apart.
//!
//! - [`settings`]: the hyperparameters
//! - [`schedule`], [`optimizer`]: how far and which way a step goes
//! - `learner`: what the weights have to learn from a batch
//! - [`history`]: what happened
//! - [`runs`]: trainings side by side
//! - [`checkpoint`]: how an interrupted training goes on
//! - [`background`]: training while other cells run
//! - `live`: what the notebook shows meanwhile
//! - `watcher`: who hears how it goes, and may end it
//! - here: the loop itself

pub mod background;
pub mod checkpoint;
pub mod history;
mod learner;
mod live;
pub mod optimizer;
pub mod runs;
pub mod schedule;
pub mod settings;
mod watcher;

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tch::{Device, Kind, Tensor};

pub use background::{BackgroundTraining, train_in_background};
pub use checkpoint::load_checkpoint;
pub use history::{EpochRecord, History, Score};
pub use optimizer::{Optimizer, OptimizerState};
pub use runs::{Run, Runs};
pub use schedule::{Schedule, StepRates};
pub use settings::TrainingSettings;

use crate::define::model::forward;
use crate::define::{ForwardPass, Model};
use crate::error::{Error, Result};
use crate::language::translate;
use crate::load::{Dataset, batches_per_epoch, shuffled};
use crate::notebook::progress::{IMAGES, Progress, Shown, Word};
use crate::state_dict::{StateDict, check_writable, not_finite};
use crate::text::with_commas;
use crate::threads::compute_as_usual;
use checkpoint::Checkpoint;
use learner::{Learner, mean_gradient};
use live::Live;
use watcher::{EpochSoFar, Log, StoppedAt, Watcher};

const EVALUATION: Word = Word {
    english: "the evaluation",
    japanese: "評価",
};

/// Without gradients there is room for larger batches.
const EVALUATION_BATCH: usize = 1000;

/// Trains a model on its device, printing one line an epoch.
///
/// The same model, data, settings and number of threads give the same weights, bit for bit on the
/// CPU, whatever trains or draws random numbers beside it: dropout has numbers of its own in
/// [`ForwardPass::dropout`]. For networks that use libtorch's dropout, which draws from the one generator
/// of the process, its seed is set at the beginning of every epoch.
///
/// ■ ends it after the mini-batch it is at: the model keeps what it has learned, and the history has
/// the epochs that were over.
///
/// # Errors
/// [`Error::Setting`] for hyperparameters that cannot work, [`Error::Forward`] if the images do
/// not fit the network, [`Error::Data`] if the classes do not, [`Error::Diverged`] if the loss
/// leaves the range of numbers, and those of writing a checkpoint.
pub fn train(
    model: &dyn Model,
    training_set: &Dataset,
    settings: &TrainingSettings,
) -> Result<History> {
    Training::new(model, training_set, settings)?.show()
}

/// Goes on with a training from its checkpoint, to the weights an uninterrupted one reaches.
///
/// The settings are those in the checkpoint, which is kept up to date. A training that had
/// finished is left as it is. ■ ends it as it ends [`train`].
///
/// # Errors
/// Those of [`train`]; a checkpoint that is missing, damaged, of another network or other images.
pub fn resume(
    model: &dyn Model,
    training_set: &Dataset,
    checkpoint: impl AsRef<Path>,
) -> Result<History> {
    resume_from(model, training_set, checkpoint.as_ref())
}

fn resume_from(model: &dyn Model, training_set: &Dataset, path: &Path) -> Result<History> {
    let checkpoint = Checkpoint::read(path)?;
    let checkpoint::Progress {
        mut settings,
        history,
        images,
        info,
    } = checkpoint.progress;
    training_set.info.check_known_to(&info)?;
    if images != training_set.len() {
        let (images, found) = (with_commas(images), with_commas(training_set.len()));
        return Err(Error::file(
            path,
            format!("this training ran on {images} images; it cannot go on with {found}"),
        ));
    }
    settings.checkpoint = Some(path.to_path_buf());
    let mut training = Training::new(model, training_set, &settings)?;
    checkpoint.weights.copy_into(model.variables(), path)?;
    training
        .optimizer
        .restore(&checkpoint.optimizer)
        .map_err(|error| Error::file(path, error.to_string()))?;
    training.history = history;
    training.show()
}

/// Mean loss and accuracy of a model on a data set.
///
/// A model alone knows no names: that there are as many classes is all that can be compared. A
/// [`Classifier`](crate::predict::Classifier) compares them one by one.
///
/// # Errors
/// [`Error::Forward`] if the images do not fit the network, [`Error::Data`] without images or with
/// other classes, [`Error::Interrupted`] at ■.
pub fn score(model: &dyn Model, dataset: &Dataset) -> Result<Score> {
    Ok(examine(model, dataset)?.0)
}

/// The score of a model on a data set, and its logits `[N, classes]`.
fn examine(model: &dyn Model, dataset: &Dataset) -> Result<(Score, Tensor)> {
    check_fit(model, dataset)?;
    let _no_gradients = tch::no_grad_guard();
    let dataset = dataset.to_device(model.variables().device())?;
    let mut progress = Progress::of(EVALUATION, dataset.len(), IMAGES);
    let mut meter = Meter::default();
    let mut all = Vec::new();
    let mut batches = dataset.batches(EVALUATION_BATCH)?;
    while let Some((images, labels)) = batches.next_batch() {
        progress.done(meter.images() as usize)?;
        let logits = forward(model, &images, &mut ForwardPass::inference())?;
        let loss = logits.cross_entropy_for_logits(&labels);
        let right = logits.argmax(-1, false).eq_tensor(&labels).sum(Kind::Int64);
        meter.add(loss, right, labels.size()[0]);
        all.push(logits);
    }
    Ok((meter.score()?, Tensor::f_cat(&all, 0)?))
}

/// One training on its way.
struct Training<'a> {
    model: &'a dyn Model,
    training_set: Dataset,
    validation_set: Option<Dataset>,
    /// How many images there are, before some were held back.
    images: usize,
    /// Whether libtorch's one generator of random numbers is set anew with every epoch.
    seeds_libtorch: bool,
    settings: TrainingSettings,
    learner: Learner<'a>,
    optimizer: OptimizerState,
    history: History,
}

impl<'a> Training<'a> {
    fn new(
        model: &'a dyn Model,
        dataset: &Dataset,
        settings: &TrainingSettings,
    ) -> Result<Training<'a>> {
        check_possible(model, dataset, settings)?;
        compute_as_usual();
        let on_device = dataset.to_device(model.variables().device())?;
        let (training_set, validation_set) = hold_back(on_device, settings)?;
        let parameters = trainable(model)?;
        let learner = Learner::new(model, &training_set, settings.batch_size)?;
        Ok(Training {
            model,
            training_set,
            validation_set,
            images: dataset.len(),
            seeds_libtorch: false,
            settings: settings.clone(),
            learner,
            optimizer: OptimizerState::new(settings.optimizer, settings.weight_decay, parameters)?,
            history: History::default(),
        })
    }

    /// Runs, and shows how it goes: in place in a notebook, line by line elsewhere.
    fn show(mut self) -> Result<History> {
        self.seeds_libtorch = true;
        let (epochs, steps) = (self.settings.epochs, self.steps_per_epoch());
        let guessing = (self.training_set.info.classes.len() as f64).ln();
        let announcement = self.announcement();
        let _validation_shows_nothing = Shown::begin();
        match Live::start(&announcement, &self.history, epochs, steps, guessing) {
            Some(mut live) => self.run(&mut live),
            None => self.run(&mut Log::begin(&announcement, guessing)),
        }
    }

    fn run(mut self, watcher: &mut dyn Watcher) -> Result<History> {
        let ended = self.all_epochs(watcher);
        watcher.ends(&self.settings);
        ended?;
        Ok(self.history)
    }

    fn all_epochs(&mut self, watcher: &mut dyn Watcher) -> Result<()> {
        let start = Instant::now();
        let already = self.history.epochs.len();
        for epoch in already + 1..=self.settings.epochs {
            let record = match self.epoch(epoch, watcher)? {
                ControlFlow::Continue(record) => record,
                ControlFlow::Break(seen) => {
                    watcher.stopped(&self.stopped_at(epoch, seen));
                    break;
                }
            };
            let done = (epoch - already) as u32;
            let left = start.elapsed() / done * (self.settings.epochs - epoch) as u32;
            watcher.epoch(&record, self.settings.epochs, left);
            self.history.epochs.push(record);
            self.save()?;
        }
        Ok(())
    }

    fn stopped_at(&self, epoch: usize, seen: usize) -> StoppedAt {
        StoppedAt {
            epoch,
            epochs: self.settings.epochs,
            seen,
            images: self.training_set.len(),
        }
    }

    fn announcement(&self) -> String {
        let images = with_commas(self.training_set.len());
        let held_back = match &self.validation_set {
            Some(validation_set) => translate!(
                ", {} held back for validation",
                " (ほかに検証用 {} 枚)",
                with_commas(validation_set.len())
            ),
            None => String::new(),
        };
        let device = self.model.variables().device();
        translate!(
            "training on {images} images{held_back}, {} steps an epoch, device {device:?}",
            "訓練画像 {images} 枚{held_back}、1 エポックは {} ステップ、デバイスは {device:?}",
            self.steps_per_epoch()
        )
    }

    fn steps_per_epoch(&self) -> usize {
        batches_per_epoch(self.training_set.len(), self.settings.batch_size)
    }

    fn rates(&self, step: usize) -> StepRates {
        let TrainingSettings {
            learning_rate,
            momentum,
            ..
        } = self.settings;
        let steps = self.settings.epochs.saturating_mul(self.steps_per_epoch());
        self.settings.schedule.at(
            step,
            steps,
            StepRates {
                learning_rate,
                momentum,
            },
        )
    }

    /// One pass over the training images, then a look at the validation images. A break, with the
    /// number of training images seen, where the watcher wanted one or ■ ended the look.
    fn epoch(
        &mut self,
        epoch: usize,
        watcher: &mut dyn Watcher,
    ) -> Result<ControlFlow<usize, EpochRecord>> {
        let start = Instant::now();
        let first_step = (epoch - 1) * self.steps_per_epoch();
        let training = match self.pass(epoch, first_step, start, watcher)? {
            ControlFlow::Continue(score) => score,
            ControlFlow::Break(seen) => return Ok(ControlFlow::Break(seen)),
        };
        let seconds = start.elapsed().as_secs_f64();
        self.check_loss(epoch, "loss", training.loss)?;
        self.check_network(epoch)?;
        let validation = match self.validate(watcher) {
            Err(Error::Interrupted { .. }) => {
                return Ok(ControlFlow::Break(self.training_set.len()));
            }
            validation => validation?,
        };
        if let Some(score) = validation {
            self.check_loss(epoch, "validation loss", score.loss)?;
        }
        Ok(ControlFlow::Continue(EpochRecord {
            epoch,
            training,
            validation,
            learning_rate: self
                .rates(first_step + self.steps_per_epoch() - 1)
                .learning_rate,
            seconds,
            images_per_second: self.training_set.len() as f64 / seconds,
        }))
    }

    /// The score of one pass over the training images, unless the watcher ended it after so many.
    fn pass(
        &mut self,
        epoch: usize,
        first_step: usize,
        start: Instant,
        watcher: &mut dyn Watcher,
    ) -> Result<ControlFlow<usize, Score>> {
        let mut meter = Meter::default();
        let seed = epoch_seed(self.settings.seed, epoch);
        let mut random = StdRng::seed_from_u64(seed);
        if self.seeds_libtorch {
            tch::manual_seed(seed as i64);
        }
        let _shared_out = self.learner.share_out();
        let mut batches = self
            .training_set
            .shuffled_batches(self.settings.batch_size, seed)?;
        for step in first_step.. {
            let Some(rows) = batches.next_rows() else {
                break;
            };
            let lessons = self.learner.learn(&rows, random.r#gen())?;
            let rates = self.rates(step);
            self.optimizer.apply(mean_gradient(&lessons)?, rates)?;
            for lesson in lessons {
                meter.add(lesson.loss, lesson.right, lesson.images);
            }
            meter.end_step();
            let so_far = EpochSoFar {
                epoch,
                epochs: self.settings.epochs,
                start,
                images: self.training_set.len(),
                meter: &meter,
            };
            if watcher.batch(&so_far)?.is_break() {
                return Ok(ControlFlow::Break(meter.images() as usize));
            }
        }
        // Reading the score waits for the device, so it belongs to the epoch's time.
        meter.score().map(ControlFlow::Continue)
    }

    fn validate(&self, watcher: &mut dyn Watcher) -> Result<Option<Score>> {
        let Some(validation_set) = &self.validation_set else {
            return Ok(None);
        };
        let (score, logits) = examine(self.model, validation_set)?;
        watcher.validated(&logits);
        Ok(Some(score))
    }

    fn check_loss(&self, epoch: usize, name: &str, loss: f64) -> Result<()> {
        if loss.is_finite() {
            return Ok(());
        }
        let rate = self.settings.learning_rate;
        Err(Error::Diverged {
            what: format!("the {name} became {loss}"),
            epoch,
            advice: format!("try a smaller learning rate than {rate}"),
        })
    }

    /// Weights and buffers, which may break without the loss of the training: the running variance of batch
    /// normalisation over a batch of one image is NaN.
    fn check_network(&self, epoch: usize) -> Result<()> {
        let Some(name) = not_finite(self.model.variables())? else {
            return Ok(());
        };
        let rate = self.settings.learning_rate;
        Err(Error::Diverged {
            what: format!("`{name}` of the network has numbers that are not finite"),
            epoch,
            advice: format!(
                "try a smaller learning rate than {rate}, and with batch normalisation at least 2 images in \
                 a batch"
            ),
        })
    }

    fn save(&self) -> Result<()> {
        let Some(path) = &self.settings.checkpoint else {
            return Ok(());
        };
        let checkpoint = Checkpoint {
            progress: checkpoint::Progress {
                settings: self.settings.clone(),
                history: self.history.clone(),
                images: self.images,
                info: self.training_set.info.clone(),
            },
            weights: StateDict::of(self.model.variables()),
            optimizer: self.optimizer.tensors(),
        };
        checkpoint.write(path)
    }
}

/// Losses and right answers of an epoch, left on the device until somebody asks.
#[derive(Default)]
struct Meter {
    losses: Vec<Tensor>,
    right: Vec<Tensor>,
    counts: Vec<i64>,
    /// How many of them there were at the end of each step.
    step_ends: Vec<usize>,
}

impl Meter {
    fn add(&mut self, loss: Tensor, right: Tensor, images: i64) {
        self.losses.push(loss);
        self.right.push(right);
        self.counts.push(images);
    }

    fn end_step(&mut self) {
        self.step_ends.push(self.counts.len());
    }

    /// The mean loss of each step after the first so many.
    fn step_losses(&self, after: usize) -> Result<Vec<f64>> {
        let Some(ends) = self.step_ends.get(after..).filter(|ends| !ends.is_empty()) else {
            return Ok(Vec::new());
        };
        let mut begin = after.checked_sub(1).map_or(0, |last| self.step_ends[last]);
        let losses = Tensor::f_stack(&self.losses[begin..], 0)?;
        let losses = losses.f_to(Device::Cpu)?.f_to_kind(Kind::Float)?;
        let mut losses = Vec::<f32>::try_from(losses)?.into_iter();
        let mean = |&end: &usize| {
            let counts = &self.counts[begin..end];
            begin = end;
            let sum: f64 = counts
                .iter()
                .zip(&mut losses)
                .map(|(&n, loss)| n as f64 * f64::from(loss))
                .sum();
            sum / counts.iter().sum::<i64>() as f64
        };
        Ok(ends.iter().map(mean).collect())
    }

    fn images(&self) -> i64 {
        self.counts.iter().sum()
    }

    fn score(&self) -> Result<Score> {
        let losses = Vec::<f32>::try_from(
            Tensor::f_stack(&self.losses, 0)?
                .to_device(Device::Cpu)
                .to_kind(Kind::Float),
        )?;
        let right = Tensor::f_stack(&self.right, 0)?
            .to_device(Device::Cpu)
            .sum(Kind::Int64)
            .int64_value(&[]);
        let total: f64 = losses
            .iter()
            .zip(&self.counts)
            .map(|(&loss, &count)| f64::from(loss) * count as f64)
            .sum();
        let images = self.images() as f64;
        Ok(Score {
            loss: total / images,
            accuracy: right as f64 / images,
        })
    }
}

/// The training images, and those held back.
fn hold_back(dataset: Dataset, settings: &TrainingSettings) -> Result<(Dataset, Option<Dataset>)> {
    let Some((training, validation)) = parts(dataset.len(), settings)? else {
        return Ok((dataset, None));
    };
    let validation_set = dataset.select_rows(&validation)?;
    Ok((dataset.select_rows(&training)?, Some(validation_set)))
}

/// The indices of the images to train on and of those to hold back, chosen by the seed; `None` if
/// none are held back.
fn parts(images: usize, settings: &TrainingSettings) -> Result<Option<(Tensor, Tensor)>> {
    let count = images as i64;
    let held = (count as f64 * settings.validation_share).round() as i64;
    if held == 0 {
        return Ok(None);
    }
    if held == count {
        let requirement = format!("that leaves none of the {count} images for training");
        return Err(Error::setting(
            "validation_share",
            settings.validation_share,
            requirement,
        ));
    }
    let order = shuffled(images, settings.seed)?;
    Ok(Some((
        order.narrow(0, 0, count - held),
        order.narrow(0, count - held, held),
    )))
}

/// The weights in the order of their names, so that a checkpoint's long vectors keep their places.
fn trainable(model: &dyn Model) -> Result<Vec<Tensor>> {
    let named = StateDict::of(model.variables()).tensors;
    let parameters: Vec<Tensor> = named.into_values().filter(Tensor::requires_grad).collect();
    if parameters.is_empty() {
        return Err(Error::Data(
            "the model has no weights to train; are its layers made from its `variables`?".into(),
        ));
    }
    Ok(parameters)
}

/// What would fail only after the first step, or take a model that cannot be trained.
fn check_possible(model: &dyn Model, dataset: &Dataset, settings: &TrainingSettings) -> Result<()> {
    settings.check()?;
    if let Some(path) = &settings.checkpoint {
        check_writable(path)?;
    }
    check_fit(model, dataset)?;
    trainable(model).map(|_| ())
}

fn epoch_seed(seed: u64, epoch: usize) -> u64 {
    seed.wrapping_mul(1_000_003).wrapping_add(epoch as u64)
}

/// Tries one image, so that what does not fit is said before the first step.
pub(crate) fn check_fit(model: &dyn Model, dataset: &Dataset) -> Result<()> {
    if dataset.is_empty() {
        return Err(Error::Data("there are no images in this data set".into()));
    }
    let image = dataset
        .info
        .normalization
        .apply(&dataset.image(0)?)
        .f_to(model.variables().device())?;
    let logits = crate::define::logits(model, &image)?;
    let classes = dataset.info.classes.len() as i64;
    if logits.size() != [1, classes] {
        return Err(Error::Data(format!(
            "the network puts out {:?} for one image, but [1, {classes}] is needed: one logit for each of the {classes} classes",
            logits.size()
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use tch::nn;

    use super::*;
    use crate::define::{LeNet, LeNetSettings};
    use crate::notebook::front::tests::Stage;

    /// A network that presses ■ while it learns from its nth batch.
    struct Impatient<'a> {
        network: LeNet,
        stage: &'a Stage,
        presses_at: usize,
        batches: Cell<usize>,
    }

    impl<'a> Impatient<'a> {
        fn new(stage: &'a Stage, presses_at: usize) -> Impatient<'a> {
            let settings = LeNetSettings {
                image: [1, 16, 16],
                classes: 2,
                ..Default::default()
            };
            Impatient {
                network: LeNet::new(&settings, Device::Cpu).unwrap(),
                stage,
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
                    self.stage.interrupt();
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

    impl Watcher for Witness {
        fn batch(&mut self, so_far: &EpochSoFar) -> Result<ControlFlow<()>> {
            match self.is_to_end {
                true => Log::begin("", 1.0).batch(so_far),
                false => Ok(ControlFlow::Continue(())),
            }
        }

        fn stopped(&mut self, at: &StoppedAt) {
            self.stopped = Some(*at);
        }

        fn epoch(&mut self, _record: &EpochRecord, _epochs: usize, _left: std::time::Duration) {}
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
        let history = model.stage.cell(|| training.run(&mut witness)).unwrap();
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
        let stage = Stage::deserted();
        let model = Impatient::new(&stage, usize::MAX);
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
        let stage = Stage::deserted();
        let model = Wrapped(Impatient::new(&stage, 0).network, Cell::new(0));
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
        let stage = Stage::deserted();
        let model = Impatient::new(&stage, usize::MAX);
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
        let stage = Stage::deserted();
        let model = Impatient::new(&stage, 6);
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
        let stage = Stage::deserted();
        let (epochs, stopped) = watched(&Impatient::new(&stage, 4), false);
        let (epoch, seen) = stopped.map(|at| (at.epoch, at.seen)).unwrap();
        assert_eq!((epochs, epoch, seen), (0, 1, 28));
    }

    #[test]
    fn an_interrupted_training_keeps_its_model_and_resumes_to_the_same_weights() {
        let (stage, folder) = (Stage::deserted(), tempfile::tempdir().unwrap());
        let settings = TrainingSettings {
            checkpoint: Some(folder.path().join("training.safetensors")),
            ..settings()
        };
        let never = Impatient::new(&stage, usize::MAX);
        let whole = train(&never, &images(), &settings).unwrap();
        let model = Impatient::new(&stage, 6);
        let first = model.weights();
        let history = stage.cell(|| train(&model, &images(), &settings)).unwrap();
        assert_eq!(history.epochs.len(), 1);
        assert_ne!(model.weights(), first);
        let path = settings.checkpoint.as_ref().unwrap();
        let resumed = resume(&model, &images(), path).unwrap();
        assert_eq!(resumed.epochs.len(), whole.epochs.len());
        assert_eq!(model.weights(), never.weights());
    }

    #[test]
    fn an_interrupt_ends_a_look_at_many_images() {
        let stage = Stage::deserted();
        let model = Impatient::new(&stage, 0);
        stage.interrupt();
        let error = stage.cell(|| score(&model, &images())).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the evaluation was stopped after 0 of 40 images; nothing is lost"
        );
        assert!(score(&model, &images()).is_ok(), "the next cell begins");
    }

    #[test]
    fn a_training_is_the_same_whether_anybody_watches_it() {
        let (stage, nobody) = (Stage::attentive(), Stage::deserted());
        let watched = Impatient::new(&stage, usize::MAX);
        let history = stage
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
        let stage = Stage::attentive();
        let model = Impatient::new(&stage, usize::MAX);
        stage
            .cell(|| train(&model, &images(), &settings()))
            .unwrap();
        let messages = stage.messages();
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
        let stage = Stage::attentive();
        let model = Impatient::new(&stage, usize::MAX);
        let settings = TrainingSettings {
            learning_rate: 1e30,
            optimizer: Optimizer::Sgd,
            schedule: Schedule::None,
            ..settings()
        };
        let ended = stage.cell(|| train(&model, &images(), &settings));
        assert!(matches!(ended, Err(Error::Diverged { .. })), "{ended:?}");
        let messages = stage.messages();
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
}

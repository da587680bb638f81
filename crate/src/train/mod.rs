//! Step 4, train: from starting weights to a network that tells classes apart.
//!
//! - [`settings`]: the hyperparameters
//! - [`schedule`], [`optimizer`]: how far and which way a step goes
//! - `learner`: what the weights have to learn from a batch
//! - [`history`]: what happened
//! - [`checkpoint`]: how an interrupted training goes on
//! - [`background`]: training while other cells run
//! - `watcher`: who hears how it goes, and may end it
//! - here: the loop itself

pub mod background;
pub mod checkpoint;
pub mod history;
mod learner;
pub mod optimizer;
pub mod schedule;
pub mod settings;
mod watcher;

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use tch::{Device, Kind, Tensor};

pub use background::{BackgroundTraining, train_in_background};
pub use checkpoint::load_checkpoint;
pub use history::{EpochRecord, History, Score};
pub use optimizer::{Optimizer, OptimizerState};
pub use schedule::{Schedule, StepRates};
pub use settings::TrainingSettings;

use crate::define::model::forward;
use crate::define::{ForwardPass, Model};
use crate::error::{Error, Result};
use crate::language::said;
use crate::load::{Dataset, shuffled};
use crate::state_dict::StateDict;
use crate::text::with_commas;
use checkpoint::{Checkpoint, Progress};
use learner::{Learner, mean_gradient};
use watcher::{EpochSoFar, Log, Watcher};

/// Without gradients there is room for larger batches.
const EVALUATION_BATCH: usize = 1000;

/// Trains a model on its device, printing one line an epoch.
///
/// The same model, data, settings and number of threads give the same weights, bit for bit on the
/// CPU. Sets libtorch's seed at the beginning of every epoch.
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
    Training::new(model, training_set, settings)?.run(&mut Log::default())
}

/// Goes on with a training from its checkpoint, to the weights an uninterrupted one reaches.
///
/// The settings are those in the checkpoint, which is kept up to date. A training that had
/// finished is left as it is.
///
/// # Errors
/// Those of [`train`]; a checkpoint that is missing, damaged, of another network or other images.
pub fn resume(
    model: &dyn Model,
    training_set: &Dataset,
    checkpoint: impl AsRef<Path>,
) -> Result<History> {
    let path = checkpoint.as_ref();
    let checkpoint = Checkpoint::read(path)?;
    let Progress {
        mut settings,
        history,
        images,
    } = checkpoint.progress;
    if images != training_set.images.size() {
        let found = training_set.images.size();
        return Err(Error::file(
            path,
            format!(
                "this training ran on images of shape {images:?}; it cannot go on with {found:?}"
            ),
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
    training.run(&mut Log::default())
}

/// Mean loss and accuracy of a model on a data set.
///
/// # Errors
/// [`Error::Forward`] if the images do not fit the network, [`Error::Data`] without images or with
/// other classes.
pub fn score(model: &dyn Model, dataset: &Dataset) -> Result<Score> {
    Ok(examine(model, dataset)?.0)
}

/// The score of a model on a data set, and its logits `[N, classes]`.
fn examine(model: &dyn Model, dataset: &Dataset) -> Result<(Score, Tensor)> {
    check_fit(model, dataset)?;
    let _no_gradients = tch::no_grad_guard();
    let dataset = dataset.to_device(model.variables().device())?;
    let mut meter = Meter::default();
    let mut all = Vec::new();
    for (images, labels) in dataset.batches(EVALUATION_BATCH)? {
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
    /// Shape of all the images, before some were held back.
    images: Vec<i64>,
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
        settings.check()?;
        check_fit(model, dataset)?;
        let on_device = dataset.to_device(model.variables().device())?;
        let (training_set, validation_set) = hold_back(on_device, settings)?;
        let parameters = trainable(model)?;
        let learner = Learner::new(model, &training_set, settings.batch_size)?;
        Ok(Training {
            model,
            training_set,
            validation_set,
            images: dataset.images.size(),
            settings: settings.clone(),
            learner,
            optimizer: OptimizerState::new(settings.optimizer, settings.weight_decay, parameters)?,
            history: History::default(),
        })
    }

    fn run(mut self, watcher: &mut dyn Watcher) -> Result<History> {
        watcher.begins(&self.announcement());
        let start = Instant::now();
        let already = self.history.epochs.len();
        for epoch in already + 1..=self.settings.epochs {
            let ControlFlow::Continue(record) = self.epoch(epoch, watcher)? else {
                break;
            };
            let done = (epoch - already) as u32;
            let left = start.elapsed() / done * (self.settings.epochs - epoch) as u32;
            watcher.epoch(&record, self.settings.epochs, left);
            self.history.epochs.push(record);
            self.save()?;
        }
        Ok(self.history)
    }

    fn announcement(&self) -> String {
        let images = with_commas(self.training_set.len());
        let held_back = match &self.validation_set {
            Some(validation_set) => said!(
                ", {} held back for validation",
                " (ほかに検証用 {} 枚)",
                with_commas(validation_set.len())
            ),
            None => String::new(),
        };
        let device = self.model.variables().device();
        said!(
            "training on {images} images{held_back}, {} steps an epoch, device {device:?}",
            "訓練画像 {images} 枚{held_back}、1 エポックは {} ステップ、デバイスは {device:?}",
            self.steps_per_epoch()
        )
    }

    fn steps_per_epoch(&self) -> usize {
        self.training_set.len().div_ceil(self.settings.batch_size)
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

    /// One pass over the training images, then a look at the validation images; a break where the
    /// watcher wanted one.
    fn epoch(
        &mut self,
        epoch: usize,
        watcher: &mut dyn Watcher,
    ) -> Result<ControlFlow<(), EpochRecord>> {
        let start = Instant::now();
        let first_step = (epoch - 1) * self.steps_per_epoch();
        let Some(training) = self.pass(epoch, first_step, start, watcher)? else {
            return Ok(ControlFlow::Break(()));
        };
        let seconds = start.elapsed().as_secs_f64();
        self.check_converging(epoch, training.loss)?;
        Ok(ControlFlow::Continue(EpochRecord {
            epoch,
            training,
            validation: self.validate(watcher)?,
            learning_rate: self
                .rates(first_step + self.steps_per_epoch() - 1)
                .learning_rate,
            seconds,
            images_per_second: self.training_set.len() as f64 / seconds,
        }))
    }

    /// The score of one pass over the training images, unless the watcher ended it.
    fn pass(
        &mut self,
        epoch: usize,
        first_step: usize,
        start: Instant,
        watcher: &mut dyn Watcher,
    ) -> Result<Option<Score>> {
        let mut meter = Meter::default();
        let seed = epoch_seed(self.settings.seed, epoch);
        // For dropout in networks of one's own.
        tch::manual_seed(seed as i64);
        let _shared_out = self.learner.share_out();
        let mut batches = self
            .training_set
            .shuffled_batches(self.settings.batch_size, seed)?;
        for step in first_step.. {
            let Some(rows) = batches.next_rows() else {
                break;
            };
            let lessons = self.learner.learn(&rows)?;
            let rates = self.rates(step);
            self.optimizer.apply(mean_gradient(&lessons)?, rates)?;
            for lesson in lessons {
                meter.add(lesson.loss, lesson.right, lesson.images);
            }
            let so_far = EpochSoFar {
                epoch,
                epochs: self.settings.epochs,
                start,
                images: self.training_set.len(),
                meter: &meter,
            };
            if watcher.batch(&so_far)?.is_break() {
                return Ok(None);
            }
        }
        // Reading the score waits for the device, so it belongs to the epoch's time.
        meter.score().map(Some)
    }

    fn validate(&self, watcher: &mut dyn Watcher) -> Result<Option<Score>> {
        let Some(validation_set) = &self.validation_set else {
            return Ok(None);
        };
        let (score, logits) = examine(self.model, validation_set)?;
        watcher.validated(&logits);
        Ok(Some(score))
    }

    fn check_converging(&self, epoch: usize, loss: f64) -> Result<()> {
        if loss.is_finite() {
            Ok(())
        } else {
            Err(Error::Diverged {
                epoch,
                loss,
                learning_rate: self.settings.learning_rate,
            })
        }
    }

    fn save(&self) -> Result<()> {
        let Some(path) = &self.settings.checkpoint else {
            return Ok(());
        };
        let checkpoint = Checkpoint {
            progress: Progress {
                settings: self.settings.clone(),
                history: self.history.clone(),
                images: self.images.clone(),
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
}

impl Meter {
    fn add(&mut self, loss: Tensor, right: Tensor, images: i64) {
        self.losses.push(loss);
        self.right.push(right);
        self.counts.push(images);
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

//! The training loop.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Instant;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tch::Tensor;

use super::callback::{Callback, EpochProgress, StoppedAt, TrainingLog};
use super::checkpoint::{self, Checkpoint};
use super::data_parallel::{DataParallel, average_gradients};
use super::display::TrainingDisplay;
use super::history::{EpochRecord, History};
use super::meter::Meter;
use super::optimizer::{OptimizerState, trainable_parameters};
use super::schedule::StepRates;
use super::settings::TrainingSettings;
use crate::atomic_file::check_writable;
use crate::define::Model;
use crate::error::{Error, Result};
use crate::evaluate::{EVALUATION, Evaluation, Score, all_logits, check_fit};
use crate::language::translate;
use crate::load::{Dataset, batches_per_epoch};
use crate::notebook::progress::HideNestedProgress;
use crate::state_dict::{StateDict, not_finite};
use crate::text::with_commas;
use crate::threads::use_default_threads;

/// One training.
pub(super) struct Training<'a> {
    model: &'a dyn Model,
    training_set: Dataset,
    validation_set: Option<Dataset>,
    /// The number of images before the validation split.
    images: usize,
    /// Whether libtorch's random generator is seeded at the start of each epoch.
    seeds_libtorch: bool,
    settings: TrainingSettings,
    data_parallel: DataParallel<'a>,
    optimizer: OptimizerState,
    history: History,
}

impl<'a> Training<'a> {
    pub(super) fn new(
        model: &'a dyn Model,
        dataset: &Dataset,
        settings: &TrainingSettings,
    ) -> Result<Training<'a>> {
        check_trainable(model, dataset, settings)?;
        use_default_threads();
        let on_device = dataset.to_device(model.variables().device())?;
        let (training_set, validation_set) =
            on_device.validation_split(settings.validation_share, settings.seed)?;
        let parameters = trainable_parameters(model)?;
        let data_parallel = DataParallel::new(model, &training_set, settings.batch_size)?;
        Ok(Training {
            model,
            training_set,
            validation_set,
            images: dataset.len(),
            seeds_libtorch: false,
            settings: settings.clone(),
            data_parallel,
            optimizer: OptimizerState::new(settings.optimizer, settings.weight_decay, parameters)?,
            history: History::default(),
        })
    }

    /// Continues from the optimizer's state and the history of a checkpoint.
    pub(super) fn restore(
        &mut self,
        optimizer: &BTreeMap<String, Tensor>,
        history: History,
    ) -> Result<()> {
        self.history = history;
        self.optimizer.restore(optimizer)
    }

    /// Runs with a display in a notebook, with a log elsewhere.
    pub(super) fn run_in_foreground(mut self) -> Result<History> {
        self.seeds_libtorch = true;
        let (epochs, steps) = (self.settings.epochs, self.steps_per_epoch());
        let guessing_loss = (self.training_set.info.classes.len() as f64).ln();
        let announcement = self.announcement();
        let _no_progress_of_validation = HideNestedProgress::begin();
        match TrainingDisplay::begin(&announcement, &self.history, epochs, steps, guessing_loss) {
            Some(mut display) => self.run(&mut display),
            None => self.run(&mut TrainingLog::begin(&announcement, guessing_loss)),
        }
    }

    pub(super) fn run(mut self, callback: &mut dyn Callback) -> Result<History> {
        let result = self.all_epochs(callback);
        callback.on_train_end(&self.settings);
        result?;
        Ok(self.history)
    }

    fn all_epochs(&mut self, callback: &mut dyn Callback) -> Result<()> {
        let start = Instant::now();
        let finished = self.history.epochs.len();
        for epoch in finished + 1..=self.settings.epochs {
            let record = match self.epoch(epoch, callback)? {
                ControlFlow::Continue(record) => record,
                ControlFlow::Break(seen) => {
                    callback.on_stop(&self.stopped_at(epoch, seen));
                    break;
                }
            };
            let done = (epoch - finished) as u32;
            let remaining = start.elapsed() / done * (self.settings.epochs - epoch) as u32;
            callback.on_epoch_end(&record, self.settings.epochs, remaining);
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
        let validation_images = match &self.validation_set {
            Some(validation_set) => translate!(
                ", {} held back for validation",
                " (ほかに検証用 {} 枚)",
                with_commas(validation_set.len())
            ),
            None => String::new(),
        };
        let device = self.model.variables().device();
        translate!(
            "training on {images} images{validation_images}, {} steps an epoch, device {device:?}",
            "訓練画像 {images} 枚{validation_images}、1 エポックは {} ステップ、デバイスは {device:?}",
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

    /// One epoch: a pass over the training images, then the validation. Breaks with the number of training
    /// images seen if the callback or ■ stops it.
    fn epoch(
        &mut self,
        epoch: usize,
        callback: &mut dyn Callback,
    ) -> Result<ControlFlow<usize, EpochRecord>> {
        let start = Instant::now();
        let first_step = (epoch - 1) * self.steps_per_epoch();
        let training = match self.pass(epoch, first_step, start, callback)? {
            ControlFlow::Continue(score) => score,
            ControlFlow::Break(seen) => return Ok(ControlFlow::Break(seen)),
        };
        let seconds = start.elapsed().as_secs_f64();
        self.check_loss(epoch, "loss", training.loss)?;
        self.check_network(epoch)?;
        let validation = match self.validate(callback) {
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

    /// One pass over the training images. Returns the score, or breaks with the number of images seen.
    fn pass(
        &mut self,
        epoch: usize,
        first_step: usize,
        start: Instant,
        callback: &mut dyn Callback,
    ) -> Result<ControlFlow<usize, Score>> {
        let mut meter = Meter::default();
        let seed = epoch_seed(self.settings.seed, epoch);
        let mut random = StdRng::seed_from_u64(seed);
        if self.seeds_libtorch {
            tch::manual_seed(seed as i64);
        }
        let _single_threaded = self.data_parallel.single_threaded();
        let mut batches = self
            .training_set
            .shuffled_batches(self.settings.batch_size, seed)?;
        for step in first_step.. {
            let Some(rows) = batches.next_indices() else {
                break;
            };
            let results = self
                .data_parallel
                .compute_gradients(&rows, random.r#gen())?;
            let rates = self.rates(step);
            self.optimizer.apply(average_gradients(&results)?, rates)?;
            for result in results {
                meter.add(result.loss, result.correct, result.images);
            }
            meter.end_step();
            let progress = EpochProgress {
                epoch,
                epochs: self.settings.epochs,
                start,
                images: self.training_set.len(),
                meter: &meter,
            };
            if callback.on_batch_end(&progress)?.is_break() {
                return Ok(ControlFlow::Break(meter.images() as usize));
            }
        }
        // Reading the score waits for the device, so it belongs to the epoch's time.
        meter.score().map(ControlFlow::Continue)
    }

    fn validate(&self, callback: &mut dyn Callback) -> Result<Option<Score>> {
        let Some(validation_set) = &self.validation_set else {
            return Ok(None);
        };
        let logits = all_logits(self.model, validation_set, EVALUATION)?;
        callback.on_validation_end(&logits);
        let evaluation = Evaluation::of_logits(&logits, validation_set)?;
        Ok(Some(evaluation.score()))
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

    /// Weights and buffers can become NaN while the training loss does not: an example is the running variance
    /// of batch normalisation over a batch of one image.
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

/// Finds errors before the first step: in the settings, the path of the checkpoint, the shapes, the weights.
pub(super) fn check_trainable(
    model: &dyn Model,
    dataset: &Dataset,
    settings: &TrainingSettings,
) -> Result<()> {
    settings.check()?;
    if let Some(path) = &settings.checkpoint {
        check_writable(path)?;
    }
    check_fit(model, dataset)?;
    trainable_parameters(model).map(|_| ())
}

fn epoch_seed(seed: u64, epoch: usize) -> u64 {
    seed.wrapping_mul(1_000_003).wrapping_add(epoch as u64)
}

//! Step 4, train: from initial weights to a network that tells classes apart.
//!
//! - [`settings`]: the hyperparameters
//! - [`schedule`]: the learning rate of each step
//! - [`optimizer`]: the rules that turn gradients into new weights
//! - `data_parallel`: the gradient of a mini-batch, computed by several threads
//! - `training`: the loop over epochs and mini-batches
//! - `meter`: running loss and accuracy of an epoch
//! - [`history`]: loss and accuracy of every epoch
//! - `callback`: callbacks, which get the progress and may stop the training
//! - `display`: the callback that shows a training in a notebook
//! - [`checkpoint`]: saving after each epoch, and resuming
//! - [`background`]: training while other cells run
//! - `background_progress`: what its thread and the cells share
//! - [`runs`]: comparing trainings
//! - here: the functions that a notebook calls

pub mod background;
mod background_progress;
mod callback;
pub mod checkpoint;
mod data_parallel;
mod display;
pub mod history;
mod meter;
pub mod optimizer;
pub mod runs;
pub mod schedule;
pub mod settings;
mod training;

#[cfg(test)]
mod tests;

use std::path::Path;

use tch::Device;

pub use background::{BackgroundTraining, train_in_background};
pub use checkpoint::load_checkpoint;
pub use history::{EpochRecord, History};
pub use optimizer::{Optimizer, OptimizerState};
pub use runs::{Run, Runs};
pub use schedule::{Schedule, StepRates};
pub use settings::TrainingSettings;

use crate::define::{Classifier, LeNet, LeNetSettings, Model};
use crate::error::{Error, Result};
use crate::language::translate;
use crate::load::Dataset;
use crate::path::expanded;
use crate::save::load_model;
use crate::text::with_commas;
use checkpoint::Checkpoint;
use training::Training;

/// Trains a model on its device. A notebook shows growing curves; elsewhere one line is printed an epoch.
///
/// The same model, data, settings and number of threads give the same weights, bit for bit on the CPU, even
/// if other trainings or random numbers are drawn at the same time. Dropout must be
/// [`ForwardPass::dropout`](crate::define::ForwardPass::dropout) for that; libtorch's own dropout draws from the
/// generator of the process, which is seeded at the start of each epoch.
///
/// ■ stops it after the current mini-batch. The model keeps what it has learned, and the history has the
/// finished epochs.
///
/// # Errors
/// [`Error::Setting`] for hyperparameters that cannot work, [`Error::Forward`] if the images do
/// not fit the network, [`Error::Data`] if the classes do not, [`Error::Diverged`] if the loss
/// is no longer finite, and those of writing a checkpoint.
pub fn train(
    model: &dyn Model,
    training_set: &Dataset,
    settings: &TrainingSettings,
) -> Result<History> {
    Training::new(model, training_set, settings)?.run_in_foreground()
}

/// Continues a training from its checkpoint, and reaches the same weights as an uninterrupted training.
///
/// The settings are those in the checkpoint, which is updated after each epoch. A finished training stays
/// unchanged. ■ stops it as it stops [`train`].
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
    training_set.info.check_same(&info)?;
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
        .restore(&checkpoint.optimizer, history)
        .map_err(|error| Error::file(path, error.to_string()))?;
    training.run_in_foreground()
}

/// Loads the model of a file, or trains a LeNet if there is no such file yet; the training log says so. The
/// trained model is not saved.
///
/// # Errors
/// Those of [`load_model`] for a file that exists, and [`Error::Data`] if its model was trained on other
/// images, classes or normalisation; else those of [`train`].
pub fn load_or_train(
    path: impl AsRef<Path>,
    training_set: &Dataset,
    settings: &TrainingSettings,
) -> Result<Classifier> {
    load_from_or_train(path.as_ref(), training_set, settings)
}

fn load_from_or_train(
    path: &Path,
    training_set: &Dataset,
    settings: &TrainingSettings,
) -> Result<Classifier> {
    if expanded(path)?.exists() {
        let saved = load_model(path, Device::Cpu)?;
        saved.check_fits(training_set)?;
        return Ok(saved);
    }
    let notice = translate!(
        "{} is not there: a network is trained now",
        "{} がないので、ここでネットワークを訓練します",
        path.display()
    );
    println!("{notice}");
    let lenet = LeNetSettings {
        image: training_set.info.image,
        classes: training_set.info.classes.len() as i64,
        ..Default::default()
    };
    let model = LeNet::new(&lenet, Device::Cpu)?;
    train(&model, training_set, settings)?;
    Ok(Classifier::new(Box::new(model), &training_set.info))
}

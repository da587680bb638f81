//! Checkpoints: an interrupted training continues from its last finished epoch.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::history::History;
use super::settings::TrainingSettings;
use crate::define::Model;
use crate::error::{Error, Result};
use crate::load::DatasetInfo;
use crate::state_dict::StateDict;

const KEY: &str = "gasshuku.checkpoint";
const OPTIMIZER: &str = "optimizer/";

/// Everything that the rest of a training depends on, after a finished epoch.
///
/// It needs no state of random generators: each epoch has a seed made of the settings' seed and the epoch's
/// number.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    pub(crate) progress: Progress,
    pub(crate) weights: StateDict,
    pub(crate) optimizer: BTreeMap<String, Tensor>,
}

/// The part of a checkpoint that is not tensors, stored as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) settings: TrainingSettings,
    pub(crate) history: History,
    /// The number of images before the validation split. Resuming with another number is an error.
    pub(crate) images: usize,
    /// Their shape, classes and normalisation.
    pub(crate) info: DatasetInfo,
}

impl Checkpoint {
    /// Writes it in one step: weights under their own names, the optimizer's state beside them.
    pub(crate) fn write(self, path: &Path) -> Result<()> {
        let text = serde_json::to_string(&self.progress)
            .map_err(|error| Error::file(path, format!("cannot be written: {error}")))?;
        let mut file = self.weights;
        file.metadata.insert("format".into(), "pt".into());
        file.metadata.insert(KEY.into(), text);
        let optimizer = self.optimizer.into_iter();
        file.tensors
            .extend(optimizer.map(|(name, tensor)| (format!("{OPTIMIZER}{name}"), tensor)));
        file.write(path)
    }

    pub(crate) fn read(path: &Path) -> Result<Checkpoint> {
        let mut weights = StateDict::read(path)?;
        let text = weights.metadata.remove(KEY).ok_or_else(|| {
            Error::file(
                path,
                "this is not a checkpoint of a training; a saved model is read with `load_model`",
            )
        })?;
        let progress = serde_json::from_str(&text).map_err(|error| {
            Error::file(
                path,
                format!("the checkpoint is from another version: {error}"),
            )
        })?;
        let (optimizer, tensors): (BTreeMap<_, _>, BTreeMap<_, _>) = weights
            .tensors
            .into_iter()
            .partition(|(name, _)| name.starts_with(OPTIMIZER));
        weights.tensors = tensors;
        let optimizer = optimizer
            .into_iter()
            .map(|(name, tensor)| (name[OPTIMIZER.len()..].to_string(), tensor))
            .collect();
        Ok(Checkpoint {
            progress,
            weights,
            optimizer,
        })
    }
}

/// Copies the weights of a training's checkpoint into a model, and returns its history.
///
/// # Errors
/// A missing or damaged file, and weights that are not this model's: see
/// [`load_weights`](crate::save::load_weights).
pub fn load_checkpoint(model: &dyn Model, path: impl AsRef<Path>) -> Result<History> {
    load_from(model, path.as_ref())
}

fn load_from(model: &dyn Model, path: &Path) -> Result<History> {
    let checkpoint = Checkpoint::read(path)?;
    checkpoint.weights.copy_into(model.variables(), path)?;
    Ok(checkpoint.progress.history)
}

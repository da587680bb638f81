//! Step 5, save: saves a trained model in a file, and loads it.
//!
//! The file is in the safetensors format, with the names of PyTorch's state dict, so that PyTorch can read
//! it, too. Its metadata hold LeNet's settings and what a model must know about its images.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tch::Device;

use crate::define::{Architecture, Classifier, LeNet, LeNetSettings, Model};
use crate::error::{Error, Result};
use crate::load::DatasetInfo;
use crate::state_dict::StateDict;

const ARCHITECTURE: &str = "gasshuku.architecture";
const DATASET: &str = "gasshuku.dataset";

/// Saves a model's weights with its settings, classes and normalisation, which are needed to use it.
///
/// An existing file is replaced only when the new one is complete.
///
/// # Errors
/// [`Error::Io`] if the file cannot be written, [`Error::Weights`] for weights that are not finite.
pub fn save_model(model: &dyn Model, info: &DatasetInfo, path: impl AsRef<Path>) -> Result<()> {
    save_to(model, info, path.as_ref())
}

fn save_to(model: &dyn Model, info: &DatasetInfo, path: &Path) -> Result<()> {
    let mut file = StateDict::of(model.variables());
    // Hugging Face's tools expect it in files for PyTorch.
    file.metadata.insert("format".into(), "pt".into());
    file.metadata
        .insert(ARCHITECTURE.into(), to_json(path, &model.architecture())?);
    file.metadata.insert(DATASET.into(), to_json(path, info)?);
    file.write(path)
}

/// Builds the model that a file describes, with its weights, on a device.
///
/// # Errors
/// [`Error::Io`] if there is no file; [`Error::File`] if it is not a saved model, incomplete, or of a
/// network that this crate does not know (see [`load_weights`]); [`Error::Weights`] if its tensors do not
/// match its description.
pub fn load_model(path: impl AsRef<Path>, device: Device) -> Result<Classifier> {
    load_from(path.as_ref(), device)
}

fn load_from(path: &Path, device: Device) -> Result<Classifier> {
    let file = StateDict::read(path)?;
    let settings = lenet_settings(path, &file)?;
    let info: DatasetInfo = from_json(path, &file, DATASET)?;
    check_description(path, &settings, &info)?;
    // Before the network is built, since the description may be of a network that is too large for the memory.
    let tensors = file.matching(&settings.shapes()?, path)?;
    let model = LeNet::new(&settings, device)?;
    tensors.copy_into(model.variables())?;
    Ok(Classifier {
        model: Box::new(model),
        info,
    })
}

/// The settings of LeNet, the only architecture that can be built from a file.
fn lenet_settings(path: &Path, file: &StateDict) -> Result<LeNetSettings> {
    let Architecture { name, settings } = from_json(path, file, ARCHITECTURE)?;
    if name != LeNetSettings::ARCHITECTURE {
        return Err(Error::file(
            path,
            "these are the weights of a custom network; build it and call `load_weights`",
        ));
    }
    serde_json::from_value(settings.into()).map_err(|error| damaged(path, ARCHITECTURE, &error))
}

/// Checks that the descriptions of network and data set belong together.
fn check_description(path: &Path, settings: &LeNetSettings, info: &DatasetInfo) -> Result<()> {
    info.normalization.check()?;
    if info.image == settings.image && Ok(settings.classes) == i64::try_from(info.classes.len()) {
        return Ok(());
    }
    let reason = format!(
        "its description contradicts itself: the network takes images of shape {:?} and tells {} classes \
         apart, its data set has images of shape {:?} and {} classes; save the model again",
        settings.image,
        settings.classes,
        info.image,
        info.classes.len()
    );
    Err(Error::file(path, reason))
}

/// Copies the weights of a file into a model that has the same tensors, as PyTorch's
/// `load_state_dict` does. A file that does not match leaves the model unchanged.
///
/// # Errors
/// [`Error::Io`], [`Error::File`] for a missing or damaged file; [`Error::Weights`] with file,
/// tensor and both shapes for a missing tensor, one too many, or one of another shape.
pub fn load_weights(model: &dyn Model, path: impl AsRef<Path>) -> Result<()> {
    load_weights_from(model, path.as_ref())
}

fn load_weights_from(model: &dyn Model, path: &Path) -> Result<()> {
    StateDict::read(path)?.copy_into(model.variables(), path)
}

fn to_json(path: &Path, value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|error| Error::file(path, format!("cannot be written: {error}")))
}

fn from_json<T: DeserializeOwned>(path: &Path, file: &StateDict, key: &str) -> Result<T> {
    let text = file.metadata.get(key).ok_or_else(|| {
        Error::file(
            path,
            "this file does not describe its model; build the model and call `load_weights`",
        )
    })?;
    serde_json::from_str(text).map_err(|error| damaged(path, key, &error))
}

fn damaged(path: &Path, key: &str, error: &serde_json::Error) -> Error {
    let reason = format!("the description of its model ({key}) is damaged: {error}");
    Error::file(path, reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::define::{Activation, logits};
    use crate::load::Normalization;
    use tch::{Kind, Tensor};

    fn info() -> DatasetInfo {
        let normalization = Normalization {
            mean: 0.25,
            std: 0.125,
        };
        DatasetInfo {
            image: [3, 32, 32],
            classes: vec!["cat".into(), "dög".into()],
            normalization,
        }
    }

    fn saved() -> (tempfile::TempDir, std::path::PathBuf, LeNet) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lenet.safetensors");
        let settings = LeNetSettings {
            seed: 5,
            ..LeNetSettings::colour()
        };
        let model = LeNet::new(&settings, Device::Cpu).unwrap();
        save_model(&model, &info(), &path).unwrap();
        (folder, path, model)
    }

    /// Changes a saved file.
    fn changed(path: &Path, change: impl FnOnce(&mut StateDict)) {
        let mut file = StateDict::read(path).unwrap();
        change(&mut file);
        file.write(path).unwrap();
    }

    fn load_error(path: &Path) -> String {
        load_model(path, Device::Cpu)
            .expect_err("cannot be loaded")
            .to_string()
    }

    #[test]
    fn a_model_can_be_loaded_from_its_file_alone() {
        let (_folder, path, model) = saved();
        tch::manual_seed(99);
        let loaded = load_model(&path, Device::Cpu).unwrap();
        assert_eq!(loaded.info, info());
        let images = Tensor::randn([4, 3, 32, 32], (Kind::Float, Device::Cpu));
        assert_eq!(
            logits(&model, &images).unwrap(),
            logits(&*loaded.model, &images).unwrap()
        );
    }

    #[test]
    fn the_activation_is_saved_and_is_a_sigmoid_in_older_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lenet.safetensors");
        let settings = LeNetSettings {
            activation: Activation::Relu,
            ..LeNetSettings::colour()
        };
        let model = LeNet::new(&settings, Device::Cpu).unwrap();
        save_model(&model, &info(), &path).unwrap();
        let loaded = load_model(&path, Device::Cpu).unwrap();
        let saved =
            |settings: &LeNetSettings| LeNet::new(settings, Device::Cpu).unwrap().architecture();
        assert_eq!(loaded.model.architecture(), saved(&settings));

        let earlier = r#"{"name":"lenet","image":[3,32,32],"classes":2,"seed":0}"#;
        changed(&path, |file| {
            drop(file.metadata.insert(ARCHITECTURE.into(), earlier.into()))
        });
        let loaded = load_model(&path, Device::Cpu).unwrap();
        assert_eq!(loaded.model.architecture(), saved(&LeNetSettings::colour()));
    }

    #[test]
    fn weights_are_loaded_only_into_a_model_of_the_same_shape() {
        let (_folder, path, model) = saved();
        let fresh = LeNet::new(&LeNetSettings::colour(), Device::Cpu).unwrap();
        load_weights(&fresh, &path).unwrap();
        let images = Tensor::randn([4, 3, 32, 32], (Kind::Float, Device::Cpu));
        assert_eq!(
            logits(&model, &images).unwrap(),
            logits(&fresh, &images).unwrap()
        );

        let grey = LeNet::new(&LeNetSettings::default(), Device::Cpu).unwrap();
        let message = load_weights(&grey, &path)
            .expect_err("another input")
            .to_string();
        assert!(
            message.contains("lenet.safetensors: tensor conv1.weight: its shape is [6, 3, 5, 5]"),
            "{message}"
        );
        assert!(message.contains("[6, 1, 5, 5] in the model"), "{message}");
    }

    #[test]
    fn a_file_that_is_not_a_saved_model_is_an_error() {
        let (_folder, path, _) = saved();
        changed(&path, |file| drop(file.metadata.remove(ARCHITECTURE)));
        assert!(load_error(&path).contains("does not describe its model"));
        changed(&path, |file| {
            drop(
                file.metadata
                    .insert(ARCHITECTURE.into(), "{\"name\":\"custom\"}".into()),
            )
        });
        assert!(load_error(&path).contains("custom network"));
        changed(&path, |file| {
            drop(
                file.metadata
                    .insert(ARCHITECTURE.into(), "{\"name\":\"le".into()),
            )
        });
        assert!(load_error(&path).contains("is damaged"));
    }

    #[test]
    fn a_description_that_does_not_match_its_weights_is_an_error() {
        let (_folder, path, _) = saved();
        let other = r#"{"name":"lenet","image":[3,32,32],"classes":3,"seed":0}"#;
        changed(&path, |file| {
            drop(file.metadata.insert(ARCHITECTURE.into(), other.into()))
        });
        let message = load_error(&path);
        assert!(
            message.contains(
                "its description contradicts itself: the network takes images of shape [3, 32, 32] and tells \
                 3 classes apart, its data set has images of shape [3, 32, 32] and 2 classes"
            ),
            "{message}"
        );
        let of_three = serde_json::to_string(&DatasetInfo {
            classes: ["cat", "dög", "owl"].map(String::from).to_vec(),
            ..info()
        });
        changed(&path, |file| {
            drop(file.metadata.insert(DATASET.into(), of_three.unwrap()))
        });
        let message = load_error(&path);
        assert!(
            message.contains("tensor fc3.bias: its shape is [2] in the file, [3] in the model"),
            "{message}"
        );
        let absurd = r#"{"name":"lenet","image":[3,4,4],"classes":2,"seed":0}"#;
        changed(&path, |file| {
            drop(file.metadata.insert(ARCHITECTURE.into(), absurd.into()))
        });
        let small = DatasetInfo {
            image: [3, 4, 4],
            ..info()
        };
        changed(&path, |file| {
            let small = serde_json::to_string(&small).unwrap();
            drop(file.metadata.insert(DATASET.into(), small))
        });
        assert!(load_error(&path).starts_with("layer conv1 cannot work"));
        let still = DatasetInfo {
            normalization: Normalization {
                mean: 0.5,
                std: 0.0,
            },
            ..info()
        };
        changed(&path, |file| {
            let still = serde_json::to_string(&still).unwrap();
            drop(file.metadata.insert(DATASET.into(), still))
        });
        assert!(
            load_error(&path).starts_with("normalization is mean 0.5 and standard deviation 0")
        );
    }
}

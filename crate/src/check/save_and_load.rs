//! Exercise of notebook 5: from one network into another, by way of a file.

use std::path::Path;

use tch::{Device, Tensor};

use super::cases::{Case, Checked, Findings, attempt, message, mistake};
use super::report::Report;
use crate::define::{LeNet, LeNetSettings, Model};
use crate::error::{Error, Result};
use crate::language::{translate, translated};
use crate::load::{DatasetInfo, Normalization};
use crate::save::load_model;
use crate::state_dict::StateDict;

/// The attempt: a model, what to know about its images, a path → a new LeNet with the weights that
/// were saved there.
type Attempt = fn(&dyn Model, &DatasetInfo, &str) -> Result<LeNet>;

/// The weights of a model by name, sorted, in tensors of their own.
type Weights = Vec<(String, Tensor)>;

/// What there is after the attempt.
struct Outcome {
    /// What was to be saved.
    weights: Weights,
    info: DatasetInfo,
    /// The weights of the model that was to be saved.
    weights_after: Weights,
    file_exists: bool,
    /// What the file holds, read as a model.
    file: Result<(Weights, DatasetInfo)>,
    /// The weights of the network that the attempt gives back.
    loaded: Weights,
}

const CASES: [Case<Outcome>; 2] = [
    Case {
        right: |it| it.weights_after == it.weights && it.file_holds_model(),
        passed: message!(
            "the file holds the model's weights, and describes it",
            "ファイルにモデルの重みと説明が入っています"
        ),
        mistakes: &[
            mistake!(
                |it| it.weights_after != it.weights,
                "the model that was to be saved has other weights than before: what was loaded into what?",
                "保存するはずのモデルの重みが変わってしまいました。何を何に読み込みましたか?"
            ),
            mistake!(
                |it| !it.file_exists,
                "there is no file at the path your function was given; is that the path it saves to?",
                "渡されたパスにファイルがありません。そのパスに保存していますか?"
            ),
            no_model_in_file,
            mistake!(
                |it| it
                    .file
                    .as_ref()
                    .is_ok_and(|(weights, _)| *weights != it.weights),
                "the file holds the weights of another network than the one that was to be saved",
                "ファイルに入っているのは、保存するはずのモデルとは別のネットワークの重みです"
            ),
        ],
        otherwise: other_description,
    },
    Case {
        right: |it| it.loaded == it.weights,
        passed: message!(
            "the new network has the same weights",
            "新しいネットワークが同じ重みを持っています"
        ),
        mistakes: &[],
        otherwise: message!(
            "the network you give back does not have the saved weights: it still has those it started \
             with, or others",
            "返されたネットワークの重みが、保存した重みと違います。初期値のままになっていませんか?"
        ),
    },
];

/// Checks a function that saves a model to a file, and loads the file's weights into a fresh LeNet.
///
/// It is tried on a model and in a folder of the check's own: the file must be there, describe the
/// model, and hold its weights; the new network must have them, in tensors of its own.
pub fn save_and_load(attempt: Attempt) -> Report {
    let title = translated("save and load", "保存と読み込み");
    Report::of("save_and_load", title, |findings| check(attempt, findings))
}

fn check(save_and_load: Attempt, findings: &mut Findings) -> Checked {
    let folder = tempfile::tempdir().map_err(Error::io("create", std::env::temp_dir()))?;
    let path = folder.path().join("attempt.safetensors");
    findings.check(&CASES, &Outcome::of(save_and_load, &path)?)
}

impl Outcome {
    fn of(save_and_load: Attempt, path: &Path) -> Checked<Outcome> {
        let (model, info) = example()?;
        let weights = copies(&model);
        let loaded = attempt(|| save_and_load(&model, &info, &path.to_string_lossy()))?;
        let file = load_model(path, Device::Cpu);
        Ok(Outcome {
            weights,
            info,
            weights_after: copies(&model),
            file_exists: path.exists(),
            file: file.map(|saved| (copies(&*saved.model), saved.info)),
            loaded: copies(&loaded),
        })
    }

    fn file_holds_model(&self) -> bool {
        let file = self.file.as_ref();
        file.is_ok_and(|(weights, info)| *weights == self.weights && *info == self.info)
    }
}

fn no_model_in_file(it: &Outcome) -> Option<String> {
    let error = it.file.as_ref().err()?;
    Some(translate!(
        "there is a file, but it does not describe a model: {error}",
        "ファイルはありますが、モデルの説明が入っていません: {error}"
    ))
}

/// The file describes other images than those the attempt was given.
fn other_description(it: &Outcome) -> String {
    let classes = it.file.as_ref().map(|(_, info)| info.classes.join(", "));
    translate!(
        "the file names the classes {}, your function was given {}: save what it was given",
        "ファイルのクラス名は {} ですが、関数に渡されたのは {} です。渡されたものを保存しましょう",
        classes.unwrap_or_default(),
        it.info.classes.join(", ")
    )
}

/// A network that no seed gives, and images that are not the workshop's.
fn example() -> Checked<(LeNet, DatasetInfo)> {
    let model = LeNet::new(&LeNetSettings::default(), Device::Cpu)?;
    tch::no_grad(|| {
        for mut weight in model.variables().trainable_variables() {
            weight *= 0.5;
            weight += 0.125;
        }
    });
    let info = DatasetInfo {
        image: [1, 28, 28],
        classes: (0..10).map(|class| format!("class {class}")).collect(),
        normalization: Normalization {
            mean: 0.25,
            std: 0.5,
        },
    };
    Ok((model, info))
}

fn copies(model: &dyn Model) -> Weights {
    let weights = StateDict::of(model.variables()).tensors.into_iter();
    weights
        .map(|(name, weight)| (name, weight.detach().copy()))
        .collect()
}

#[cfg(test)]
mod tests;

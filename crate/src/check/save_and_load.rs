//! Exercise of notebook 5: from one network into another, by way of a file.

use std::path::Path;

use tch::{Device, Tensor};

use super::{Checked, Findings, Report, attempt, ensure};
use crate::define::{LeNet, LeNetSettings, Model};
use crate::error::{Error, Result};
use crate::language::{translate, translated};
use crate::load::{DatasetInfo, Normalization};
use crate::save::load_model;
use crate::state_dict::StateDict;

/// The attempt: a model, what to know about its images, a path → a new LeNet with the weights that
/// were saved there.
type Attempt = fn(&dyn Model, &DatasetInfo, &str) -> Result<LeNet>;

/// Checks a function that saves a model to a file, and loads the file's weights into a fresh LeNet.
///
/// It is tried on a model and in a folder of the check's own: the file must be there, describe the
/// model, and hold its weights; the new network must have them, in tensors of its own.
pub fn save_and_load(attempt: Attempt) -> Report {
    let exercise = translated("save and load", "保存と読み込み");
    Report::of(exercise, |findings| check(attempt, findings))
}

fn check(save_and_load: Attempt, findings: &mut Findings) -> Checked {
    let folder = tempfile::tempdir().map_err(Error::io("create", std::env::temp_dir()))?;
    let path = folder.path().join("attempt.safetensors");
    let (model, info) = example()?;
    let before = copies(&model);
    let name = path.to_string_lossy();
    let loaded = attempt(|| save_and_load(&model, &info, &name))?;

    ensure(same(&before, &copies(&model)), || {
        translated(
            "the model that was to be saved has other weights than before: what was loaded into what?",
            "保存するはずのモデルの重みが変わってしまいました。何を何に読み込みましたか?",
        )
        .to_string()
    })?;
    in_the_file(&path, &before, &info)?;
    findings.right(translated(
        "the file holds the model's weights, and describes it",
        "ファイルにモデルの重みと説明が入っています",
    ));
    in_the_network(&loaded, &before)?;
    findings.right(translated(
        "the new network has the same weights",
        "新しいネットワークが同じ重みを持っています",
    ));
    Ok(())
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

fn copies(model: &dyn Model) -> Vec<(String, Tensor)> {
    let weights = StateDict::of(model.variables()).tensors.into_iter();
    weights
        .map(|(name, weight)| (name, weight.detach().copy()))
        .collect()
}

fn same(left: &[(String, Tensor)], right: &[(String, Tensor)]) -> bool {
    left == right
}

fn in_the_file(path: &Path, weights: &[(String, Tensor)], info: &DatasetInfo) -> Checked {
    ensure(path.exists(), || {
        translated(
            "there is no file at the path your function was given; is that the path it saves to?",
            "渡されたパスにファイルがありません。そのパスに保存していますか?",
        )
        .to_string()
    })?;
    let saved = load_model(path, Device::Cpu);
    let saved = match saved {
        Ok(saved) => saved,
        Err(error) => {
            return ensure(false, || {
                translate!(
                    "there is a file, but it does not describe a model: {error}",
                    "ファイルはありますが、モデルの説明が入っていません: {error}"
                )
            });
        }
    };
    ensure(same(weights, &copies(&*saved.model)), || {
        translated(
            "the file holds the weights of another network than the one that was to be saved",
            "ファイルに入っているのは、保存するはずのモデルとは別のネットワークの重みです",
        )
        .to_string()
    })?;
    ensure(saved.info == *info, || {
        translate!(
            "the file names the classes {}, your function was given {}: save what it was given",
            "ファイルのクラス名は {} ですが、関数に渡されたのは {} です。渡されたものを保存しましょう",
            saved.info.classes.join(", "),
            info.classes.join(", ")
        )
    })
}

fn in_the_network(loaded: &LeNet, weights: &[(String, Tensor)]) -> Checked {
    let found = copies(loaded);
    ensure(same(weights, &found), || {
        translated(
            "the network you give back does not have the saved weights: it still has those it started \
             with, or others",
            "返されたネットワークの重みが、保存した重みと違います。初期値のままになっていませんか?",
        )
        .to_string()
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_solved, problem};
    use super::*;
    use crate::save::{load_weights, save_model};

    fn told(attempt: Attempt) -> String {
        problem(|| save_and_load(attempt))
    }

    fn fresh() -> Result<LeNet> {
        let settings = LeNetSettings {
            seed: 42,
            ..Default::default()
        };
        LeNet::new(&settings, Device::Cpu)
    }

    #[test]
    fn right_attempts_pass() {
        assert_solved(save_and_load(|model, info, path| {
            let fresh = fresh()?;
            save_model(model, info, path)?;
            load_weights(&fresh, path)?;
            Ok(fresh)
        }));
        assert_solved(save_and_load(|model, info, path| {
            save_model(model, info, path)?;
            let fresh = fresh()?;
            StateDict::read(Path::new(path))?.copy_into(fresh.variables(), Path::new(path))?;
            Ok(fresh)
        }));
    }

    #[test]
    fn the_gap_as_it_stands_is_told() {
        let told = told(|_, _, _| fresh());
        assert!(told.starts_with("there is no file at the path"), "{told}");
    }

    #[test]
    fn typical_mistakes_are_named() {
        let not_loaded = told(|model, info, path| {
            save_model(model, info, path)?;
            fresh()
        });
        assert!(
            not_loaded.contains("still has those it started"),
            "{not_loaded}"
        );
        let wrong_way_round = told(|_, info, path| {
            let fresh = fresh()?;
            save_model(&fresh, info, path)?;
            load_weights(&fresh, path)?;
            Ok(fresh)
        });
        assert!(
            wrong_way_round.contains("of another network"),
            "{wrong_way_round}"
        );
        let into_the_model = told(|model, info, path| {
            let fresh = fresh()?;
            save_model(&fresh, info, path)?;
            load_weights(model, path)?;
            Ok(fresh)
        });
        assert!(
            into_the_model.contains("other weights than before"),
            "{into_the_model}"
        );
        let too_early = told(|model, info, path| {
            let fresh = fresh()?;
            load_weights(&fresh, path)?;
            save_model(model, info, path)?;
            Ok(fresh)
        });
        assert!(too_early.contains("cannot read"), "{too_early}");
        let elsewhere = told(|model, info, path| {
            let fresh = fresh()?;
            let other = format!("{path}.other");
            save_model(model, info, &other)?;
            load_weights(&fresh, &other)?;
            Ok(fresh)
        });
        assert!(
            elsewhere.starts_with("there is no file at the path"),
            "{elsewhere}"
        );
        let only_weights = told(|model, _, path| {
            let fresh = fresh()?;
            StateDict::of(model.variables()).write(Path::new(path))?;
            load_weights(&fresh, path)?;
            Ok(fresh)
        });
        assert!(
            only_weights.contains("does not describe a model"),
            "{only_weights}"
        );
        let other_classes = told(|model, info, path| {
            let fresh = fresh()?;
            let mut other = info.clone();
            other.classes[0] = "Hat".into();
            save_model(model, &other, path)?;
            load_weights(&fresh, path)?;
            Ok(fresh)
        });
        assert!(
            other_classes.contains("save what it was given"),
            "{other_classes}"
        );
    }
}

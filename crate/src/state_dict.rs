//! Named tensors in a file: what saved models and checkpoints are made of.
//!
//! The format is safetensors (<https://github.com/huggingface/safetensors>): a length, a JSON
//! header with names, kinds and shapes, then the numbers. PyTorch reads it as it is.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, View};
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};

/// Tensors by name, and text about them.
#[derive(Debug, Default)]
pub struct StateDict {
    /// The tensors, named as in PyTorch's state dict: `conv1.weight`.
    pub tensors: BTreeMap<String, Tensor>,
    /// Text by key.
    pub metadata: BTreeMap<String, String>,
}

impl StateDict {
    /// The weights (and buffers) of a model, without copying them.
    pub fn of(variables: &VarStore) -> StateDict {
        StateDict {
            tensors: variables.variables().into_iter().collect(),
            metadata: BTreeMap::new(),
        }
    }

    /// Writes the file so that there is never a half-written one under its name.
    ///
    /// The content goes to `NAME.partial` beside it, to the disk, and only then to its name. A
    /// process that is killed in between leaves the old file as it was.
    ///
    /// # Errors
    /// [`Error::Io`] with the path; [`Error::File`] for a tensor that has no kind in the format.
    pub fn write(&self, path: &Path) -> Result<()> {
        let views = self
            .tensors
            .iter()
            .map(|(name, tensor)| Ok((name, Bytes::of(path, name, tensor)?)))
            .collect::<Result<Vec<_>>>()?;
        let metadata: HashMap<_, _> = self.metadata.clone().into_iter().collect();
        let content = safetensors::serialize(views, &Some(metadata))
            .map_err(|error| Error::file(path, format!("cannot be written: {error}")))?;
        replace_file(path, &content)
    }

    /// Reads a file to the CPU.
    ///
    /// # Errors
    /// [`Error::Io`] if there is none; [`Error::File`] if it is no safetensors file, or cut short.
    pub fn read(path: &Path) -> Result<StateDict> {
        let content = fs::read(path).map_err(Error::io("read", path))?;
        let damaged = |error| Error::file(path, damage(error));
        let (_, header) = SafeTensors::read_metadata(&content).map_err(damaged)?;
        let file = SafeTensors::deserialize(&content).map_err(damaged)?;
        let metadata = header
            .metadata()
            .clone()
            .unwrap_or_default()
            .into_iter()
            .collect();
        let tensors = file
            .tensors()
            .into_iter()
            .map(|(name, view)| {
                let shape: Vec<i64> = view.shape().iter().map(|&size| size as i64).collect();
                let kind = kind_of(path, &name, view.dtype())?;
                Ok((name, Tensor::f_from_data_size(view.data(), &shape, kind)?))
            })
            .collect::<Result<BTreeMap<_, _>>>()?;
        Ok(StateDict { tensors, metadata })
    }

    /// Copies every tensor into the variable of the same name.
    ///
    /// All names and shapes are compared before the first number is copied, so a file that does
    /// not fit leaves the model as it was. `path` is for the message.
    ///
    /// # Errors
    /// [`Error::Weights`] for a missing tensor, one too many, or another shape.
    pub fn copy_into(&self, variables: &VarStore, path: &Path) -> Result<()> {
        let variables: BTreeMap<_, _> = variables.variables().into_iter().collect();
        let wrong = |tensor: &str, reason: String| Error::Weights {
            path: path.to_path_buf(),
            tensor: tensor.to_string(),
            reason,
        };
        for (name, variable) in &variables {
            let Some(tensor) = self.tensors.get(name) else {
                let shape = variable.size();
                return Err(wrong(
                    name,
                    format!("it is missing; the model wants it in shape {shape:?}"),
                ));
            };
            if tensor.size() != variable.size() {
                let (file, model) = (tensor.size(), variable.size());
                return Err(wrong(
                    name,
                    format!("its shape is {file:?} in the file, {model:?} in the model"),
                ));
            }
        }
        if let Some((name, tensor)) = self
            .tensors
            .iter()
            .find(|(name, _)| !variables.contains_key(*name))
        {
            let shape = tensor.size();
            return Err(wrong(
                name,
                format!("the model has no such tensor; in the file its shape is {shape:?}"),
            ));
        }
        let _no_gradients = tch::no_grad_guard();
        for (name, mut variable) in variables {
            variable.f_copy_(&self.tensors[&name])?;
        }
        Ok(())
    }
}

/// A tensor's numbers as safetensors wants them.
struct Bytes {
    kind: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Bytes {
    fn of(path: &Path, name: &str, tensor: &Tensor) -> Result<Bytes> {
        let kind = Dtype::try_from(tensor.kind()).map_err(|_| {
            Error::file(
                path,
                format!(
                    "tensor {name} is of kind {:?}, which the format does not know",
                    tensor.kind()
                ),
            )
        })?;
        let tensor = tensor.detach().f_to(Device::Cpu)?.f_contiguous()?;
        let mut bytes = vec![0; tensor.numel() * tensor.kind().elt_size_in_bytes()];
        tensor.f_copy_data_u8(&mut bytes, tensor.numel())?;
        let shape = tensor.size().iter().map(|&size| size as usize).collect();
        Ok(Bytes { kind, shape, bytes })
    }
}

impl View for Bytes {
    fn dtype(&self) -> Dtype {
        self.kind
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }
    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

fn kind_of(path: &Path, name: &str, kind: Dtype) -> Result<Kind> {
    Kind::try_from(kind).map_err(|_| {
        Error::file(
            path,
            format!("tensor {name} is of kind {kind:?}, which libtorch does not know"),
        )
    })
}

/// Puts the content under the name all at once.
fn replace_file(path: &Path, content: &[u8]) -> Result<()> {
    let partial = partial_name(path);
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        fs::create_dir_all(folder).map_err(Error::io("create the folder", folder))?;
    }
    let mut file = File::create(&partial).map_err(Error::io("write", &partial))?;
    file.write_all(content)
        .map_err(Error::io("write", &partial))?;
    file.sync_all().map_err(Error::io("write", &partial))?;
    fs::rename(&partial, path).map_err(Error::io("write", path))
}

fn partial_name(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".partial");
    path.with_file_name(name)
}

fn damage(error: SafeTensorError) -> String {
    match error {
        SafeTensorError::MetadataIncompleteBuffer | SafeTensorError::InvalidHeaderLength => {
            "the file is cut short; copy or save it again".into()
        }
        error => format!("this is no safetensors file ({error:?})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::nn;

    fn two_layers() -> VarStore {
        let variables = VarStore::new(Device::Cpu);
        nn::linear(variables.root() / "first", 3, 2, Default::default());
        nn::linear(variables.root() / "second", 2, 1, Default::default());
        variables
    }

    fn copy_error(change: impl FnOnce(&mut StateDict)) -> String {
        let variables = two_layers();
        let mut state = StateDict::of(&two_layers());
        change(&mut state);
        let before = StateDict::of(&variables).tensors["first.bias"].copy();
        let error = state
            .copy_into(&variables, Path::new("w.safetensors"))
            .expect_err("does not fit");
        assert_eq!(
            StateDict::of(&variables).tensors["first.bias"],
            before,
            "nothing was copied"
        );
        error.to_string()
    }

    #[test]
    fn a_file_holds_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/folder/w.safetensors");
        let mut state = StateDict::of(&two_layers());
        state
            .tensors
            .insert("steps".into(), Tensor::from_slice(&[7i64, -9]));
        state
            .metadata
            .insert("note".into(), "ünïcode \"quoted\"".into());
        state.write(&path).unwrap();
        let read = StateDict::read(&path).unwrap();
        assert_eq!(read.metadata, state.metadata);
        assert_eq!(
            read.tensors.keys().collect::<Vec<_>>(),
            state.tensors.keys().collect::<Vec<_>>()
        );
        for (name, tensor) in &read.tensors {
            assert_eq!(tensor, &state.tensors[name], "{name}");
        }
        assert!(!partial_name(&path).exists());
    }

    #[test]
    fn a_transposed_tensor_is_written_in_its_own_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.safetensors");
        let tensor = Tensor::from_slice(&[1f32, 2.0, 3.0, 4.0, 5.0, 6.0])
            .reshape([2, 3])
            .tr();
        let tensors = BTreeMap::from([("t".to_string(), tensor)]);
        StateDict {
            tensors,
            ..Default::default()
        }
        .write(&path)
        .unwrap();
        let read = StateDict::read(&path).unwrap();
        let numbers = Vec::<f32>::try_from(read.tensors["t"].flatten(0, -1)).unwrap();
        assert_eq!(numbers, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }

    #[test]
    fn what_does_not_fit_names_tensor_and_shapes() {
        let missing = copy_error(|state| drop(state.tensors.remove("second.bias")));
        assert_eq!(
            missing,
            "w.safetensors: tensor second.bias: it is missing; the model wants it in shape [1]"
        );
        let shape = copy_error(|state| {
            drop(
                state
                    .tensors
                    .insert("first.weight".into(), Tensor::from_slice(&[1f32])),
            )
        });
        assert_eq!(
            shape,
            "w.safetensors: tensor first.weight: its shape is [1] in the file, [2, 3] in the model"
        );
        let surplus = copy_error(|state| {
            drop(
                state
                    .tensors
                    .insert("third.bias".into(), Tensor::from_slice(&[1f32])),
            )
        });
        assert_eq!(
            surplus,
            "w.safetensors: tensor third.bias: the model has no such tensor; in the file its shape is [1]"
        );
    }

    #[test]
    fn a_file_cut_short_anywhere_is_an_error_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.safetensors");
        StateDict::of(&two_layers()).write(&path).unwrap();
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let message = StateDict::read(&path).expect_err("cut short").to_string();
            assert!(message.contains("w.safetensors: "), "{length}: {message}");
        }
    }

    #[test]
    fn a_wrong_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("picture.png");
        let missing = StateDict::read(&path).expect_err("missing").to_string();
        assert!(
            missing.starts_with("cannot read ") && missing.contains("picture.png"),
            "{missing}"
        );
        fs::write(&path, b"\x89PNG\r\n\x1a\n and so on and so on").unwrap();
        let wrong = StateDict::read(&path).expect_err("a picture").to_string();
        assert!(
            wrong.contains("picture.png: this is no safetensors file"),
            "{wrong}"
        );
        let enormous = [u64::MAX.to_le_bytes().as_slice(), b"{}"].concat();
        fs::write(&path, enormous).unwrap();
        assert!(StateDict::read(&path).is_err());
    }
}

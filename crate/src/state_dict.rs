//! Named tensors in a file: what saved models and checkpoints are made of.
//!
//! The format is safetensors (<https://github.com/huggingface/safetensors>): a length, a JSON
//! header with names, kinds and shapes, then the numbers. PyTorch reads it as it is.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, View};
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};
use crate::path::expanded;

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
    /// [`Error::Io`] with the path; [`Error::Weights`] for a tensor with numbers that are not finite;
    /// [`Error::File`] for one that has no kind in the format.
    pub fn write(&self, path: &Path) -> Result<()> {
        let path = &*expanded(path)?;
        let views = self
            .tensors
            .iter()
            .map(|(name, tensor)| {
                check_finite(path, name, tensor)?;
                Ok((name, Bytes::of(path, name, tensor)?))
            })
            .collect::<Result<Vec<_>>>()?;
        let metadata = self.metadata.clone().into_iter().collect();
        let content = safetensors::serialize(views, Some(metadata))
            .map_err(|error| Error::file(path, format!("cannot be written: {error}")))?;
        replace_file(path, &content)
    }

    /// Reads a file to the CPU.
    ///
    /// # Errors
    /// [`Error::Io`] if there is none; [`Error::File`] if it is no safetensors file, or cut short;
    /// [`Error::Weights`] for a tensor with numbers that are not finite.
    pub fn read(path: &Path) -> Result<StateDict> {
        let path = &*expanded(path)?;
        StateDict::parse(&read_file(path)?, path)
    }

    /// The content of a file; `path` is for messages.
    fn parse(content: &[u8], path: &Path) -> Result<StateDict> {
        if let Some(way_out) = other_format(content) {
            return Err(Error::file(path, way_out));
        }
        let damaged = |error| Error::file(path, damage(error));
        let (_, header) = SafeTensors::read_metadata(content).map_err(damaged)?;
        let file = SafeTensors::deserialize(content).map_err(damaged)?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let tensors = file
            .tensors()
            .into_iter()
            .map(|(name, view)| {
                let kind = kind_of(path, &name, view.dtype())?;
                let shape = shape_of(path, &name, view.shape())?;
                let tensor = Tensor::f_from_data_size(view.data(), &shape, kind)?;
                check_finite(path, &name, &tensor)?;
                Ok((name, tensor))
            })
            .collect::<Result<BTreeMap<_, _>>>()?;
        Ok(StateDict {
            tensors,
            metadata: metadata.into_iter().collect(),
        })
    }

    /// Copies every tensor into the variable of the same name.
    ///
    /// All names and shapes are compared before the first number is copied, so a file that does
    /// not fit leaves the model as it was. `path` is for the message. What PyTorch puts in front of
    /// every name (`module.` of `DataParallel`, `_orig_mod.` of `torch.compile`) is left out, and so
    /// are its counts of batches (`num_batches_tracked`), which nothing is computed from here.
    ///
    /// # Errors
    /// [`Error::Weights`] for a missing tensor, one too many, or another shape.
    pub fn copy_into(&self, variables: &VarStore, path: &Path) -> Result<()> {
        let variables: BTreeMap<_, _> = variables.variables().into_iter().collect();
        let shapes = variables
            .iter()
            .map(|(name, variable)| (name.clone(), variable.size()))
            .collect();
        let tensors = self.fitting(&shapes, path)?;
        let _no_gradients = tch::no_grad_guard();
        for (name, mut variable) in variables {
            variable.f_copy_(tensors[&name])?;
        }
        Ok(())
    }

    /// The tensors by the names of a model that has these shapes.
    ///
    /// # Errors
    /// [`Error::Weights`] for a missing tensor, one too many, or another shape.
    pub(crate) fn fitting(
        &self,
        shapes: &BTreeMap<String, Vec<i64>>,
        path: &Path,
    ) -> Result<BTreeMap<String, &Tensor>> {
        let wrong = |tensor: &str, reason: String| wrong_tensor(path, tensor, reason);
        let tensors = self.named_as(shapes);
        for (name, shape) in shapes {
            let Some(tensor) = tensors.get(name) else {
                let reason = format!("it is missing; the model wants it in shape {shape:?}");
                return Err(wrong(name, reason));
            };
            let found = tensor.size();
            if found != *shape {
                let reason = format!("its shape is {found:?} in the file, {shape:?} in the model");
                return Err(wrong(name, reason));
            }
        }
        let surplus = tensors.iter().find(|(name, _)| !shapes.contains_key(*name));
        if let Some((name, tensor)) = surplus {
            let shape = tensor.size();
            let reason =
                format!("the model has no such tensor; in the file its shape is {shape:?}");
            return Err(wrong(name, reason));
        }
        Ok(tensors)
    }

    /// The tensors without what PyTorch adds to a model's own names.
    fn named_as(&self, model: &BTreeMap<String, Vec<i64>>) -> BTreeMap<String, &Tensor> {
        const PREFIXES: [&str; 2] = ["module.", "_orig_mod."];
        const COUNT: &str = "num_batches_tracked";
        let all = self.tensors.iter();
        let mut tensors: BTreeMap<String, &Tensor> = all
            .map(|(name, tensor)| (name.clone(), tensor))
            .filter(|(name, _)| model.contains_key(name) || !name.ends_with(COUNT))
            .collect();
        let is_foreign = |prefix: &str, tensors: &BTreeMap<String, &Tensor>| {
            !tensors.is_empty()
                && tensors.keys().all(|name| name.starts_with(prefix))
                && !model.keys().any(|name| name.starts_with(prefix))
        };
        while let Some(prefix) = PREFIXES.iter().find(|it| is_foreign(it, &tensors)) {
            let own = |name: String| name[prefix.len()..].to_string();
            tensors = tensors
                .into_iter()
                .map(|(name, tensor)| (own(name), tensor))
                .collect();
        }
        tensors
    }
}

/// The first tensor of a model with numbers that are not finite, by its name.
pub(crate) fn not_finite(variables: &VarStore) -> Result<Option<String>> {
    let tensors = StateDict::of(variables).tensors;
    let floats = tensors.iter().filter(|(_, it)| it.is_floating_point());
    let flags = floats
        .map(|(_, tensor)| Ok(tensor.f_isfinite()?.f_all()?))
        .collect::<Result<Vec<_>>>()?;
    // One number is read for all of them: a GPU waits for each.
    if flags.is_empty() || Tensor::f_stack(&flags, 0)?.f_all()?.int64_value(&[]) != 0 {
        return Ok(None);
    }
    for (name, tensor) in tensors {
        if !is_finite(&tensor)? {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

fn is_finite(tensor: &Tensor) -> Result<bool> {
    Ok(!tensor.is_floating_point() || tensor.f_isfinite()?.f_all()?.int64_value(&[]) != 0)
}

fn check_finite(path: &Path, name: &str, tensor: &Tensor) -> Result<()> {
    if is_finite(tensor)? {
        return Ok(());
    }
    let reason = "it holds numbers that are not finite, so the network can say nothing: its training \
                  diverged; train again, with a smaller learning rate";
    Err(wrong_tensor(path, name, reason.into()))
}

fn wrong_tensor(path: &Path, tensor: &str, reason: String) -> Error {
    Error::Weights {
        path: path.to_path_buf(),
        tensor: tensor.to_string(),
        reason,
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
        let known = KINDS.iter().find(|(kind, _)| *kind == tensor.kind());
        let (_, kind) = known.ok_or_else(|| {
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
        Ok(Bytes {
            kind: *kind,
            shape,
            bytes,
        })
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

/// The kinds that libtorch and the format both know.
const KINDS: [(Kind, Dtype); 10] = [
    (Kind::Bool, Dtype::BOOL),
    (Kind::Uint8, Dtype::U8),
    (Kind::Int8, Dtype::I8),
    (Kind::Int16, Dtype::I16),
    (Kind::Int, Dtype::I32),
    (Kind::Int64, Dtype::I64),
    (Kind::Half, Dtype::F16),
    (Kind::BFloat16, Dtype::BF16),
    (Kind::Float, Dtype::F32),
    (Kind::Double, Dtype::F64),
];

fn kind_of(path: &Path, name: &str, wanted: Dtype) -> Result<Kind> {
    let known = KINDS.iter().find(|(_, dtype)| *dtype == wanted);
    known.map(|(kind, _)| *kind).ok_or_else(|| {
        Error::file(
            path,
            format!("tensor {name} is of kind {wanted:?}, which libtorch does not know"),
        )
    })
}

fn shape_of(path: &Path, name: &str, shape: &[usize]) -> Result<Vec<i64>> {
    let sizes = shape.iter().map(|&size| i64::try_from(size).ok());
    sizes.collect::<Option<_>>().ok_or_else(|| {
        let reason = format!("its shape {shape:?} is larger than any memory");
        wrong_tensor(path, name, reason)
    })
}

/// What to do with a file of weights in another format; `None` for what may be safetensors.
fn other_format(content: &[u8]) -> Option<&'static str> {
    const ZIP: &[u8] = b"PK\x03\x04";
    /// The number with which PyTorch's files began before version 1.6.
    const PICKLE: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46";
    const HDF5: &[u8] = b"\x89HDF\r\n\x1a\n";
    let begins = |format: &[u8]| content.starts_with(format);
    // In a safetensors file the same bytes would announce a header larger than any file.
    match () {
        () if begins(ZIP) || begins(PICKLE) => Some(
            "this is a file of PyTorch's `torch.save`, which only Python reads; there: \
             `safetensors.torch.save_file(model.state_dict(), \"weights.safetensors\")`, then load that file",
        ),
        () if begins(HDF5) => {
            Some("this is an HDF5 file, such as Keras saves; only safetensors can be loaded")
        }
        () => None,
    }
}

/// The bytes of a file; an error, not a wait without end, for a pipe or a device.
fn read_file(path: &Path) -> Result<Vec<u8>> {
    let what = fs::metadata(path).map_err(Error::io("read", path))?;
    if !what.is_file() {
        return Err(Error::file(path, "this is not a file of weights"));
    }
    fs::read(path).map_err(Error::io("read", path))
}

/// An error if nothing can be written under this name. Creates the folder.
pub(crate) fn check_writable(path: &Path) -> Result<()> {
    let partial = partial_name(&expanded(path)?)?;
    File::create(create_folder(&partial)?).map_err(Error::io("write", &partial))?;
    fs::remove_file(&partial).map_err(Error::io("write", &partial))
}

/// Puts the content under the name all at once.
fn replace_file(path: &Path, content: &[u8]) -> Result<()> {
    let partial = partial_name(path)?;
    let mut file = File::create(create_folder(&partial)?).map_err(Error::io("write", &partial))?;
    let written = file
        .write_all(content)
        .and_then(|()| file.sync_all())
        .map_err(Error::io("write", &partial))
        .and_then(|()| fs::rename(&partial, path).map_err(Error::io("write", path)));
    if written.is_err() {
        // What is left of a write that failed is of no use; the reason is told already.
        let _ = fs::remove_file(&partial);
    }
    written
}

/// The same path, below a folder that is there.
fn create_folder(path: &Path) -> Result<&Path> {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    if let Some(folder) = folder {
        fs::create_dir_all(folder).map_err(Error::io("create the folder", folder))?;
    }
    Ok(path)
}

/// Where a file is written before it gets its name; an error for what is no file's name.
fn partial_name(path: &Path) -> Result<PathBuf> {
    let name = path.file_name().filter(|_| !path.is_dir());
    let mut name = name
        .ok_or_else(|| {
            let shown = path.display();
            Error::Data(format!(
                "`{shown}` names no file; give a name such as models/lenet.safetensors"
            ))
        })?
        .to_os_string();
    name.push(".partial");
    Ok(path.with_file_name(name))
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
mod tests;

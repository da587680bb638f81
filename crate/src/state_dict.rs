//! Named tensors in a file, for saved models and checkpoints.
//!
//! The format is safetensors (<https://github.com/huggingface/safetensors>): a length, a JSON
//! header with names, kinds and shapes, then the numbers. PyTorch can read the files.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, View};
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

use crate::atomic_file::replace_file;
use crate::error::{Error, Result};
use crate::path::{check_regular_file, expanded};

/// Tensors by name, and metadata.
#[derive(Debug, Default)]
pub struct StateDict {
    /// The tensors, named as in PyTorch's state dict: `conv1.weight`.
    pub tensors: BTreeMap<String, Tensor>,
    /// Metadata: texts by key.
    pub metadata: BTreeMap<String, String>,
}

impl StateDict {
    /// The weights and buffers of a model, without copying them.
    pub fn of(variables: &VarStore) -> StateDict {
        StateDict {
            tensors: variables.variables().into_iter().collect(),
            metadata: BTreeMap::new(),
        }
    }

    /// Writes the file. There is never an incomplete file under its name.
    ///
    /// The content is written to `NAME.partial` in the same folder, synced to the disk and then renamed. If
    /// the process is killed before, the old file is unchanged.
    ///
    /// # Errors
    /// [`Error::Io`] with the path; [`Error::Weights`] for a tensor with numbers that are not finite;
    /// [`Error::File`] for a tensor of a kind that the format does not have.
    pub fn write(&self, path: &Path) -> Result<()> {
        let path = &*expanded(path)?;
        let views = self
            .tensors
            .iter()
            .map(|(name, tensor)| {
                check_finite(path, name, tensor)?;
                Ok((name, TensorBytes::of(path, name, tensor)?))
            })
            .collect::<Result<Vec<_>>>()?;
        let metadata = self.metadata.clone().into_iter().collect();
        let content = safetensors::serialize(views, Some(metadata))
            .map_err(|error| Error::file(path, format!("cannot be written: {error}")))?;
        replace_file(path, &content)
    }

    /// Reads a file. The tensors are on the CPU.
    ///
    /// # Errors
    /// [`Error::Io`] if there is no file; [`Error::File`] if it is not a safetensors file, or incomplete;
    /// [`Error::Weights`] for a tensor with numbers that are not finite.
    pub fn read(path: &Path) -> Result<StateDict> {
        let path = &*expanded(path)?;
        StateDict::parse(&read_file(path)?, path)
    }

    /// Parses the content of a file; `path` is for error messages.
    fn parse(content: &[u8], path: &Path) -> Result<StateDict> {
        if let Some(advice) = other_format(content) {
            return Err(Error::file(path, advice));
        }
        let damaged = |error| Error::file(path, parse_error(error));
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
    /// All names and shapes are compared before the first tensor is copied, so a file that does not match
    /// leaves the model unchanged. `path` is for error messages. Prefixes that PyTorch puts in front of
    /// every name (`module.` of `DataParallel`, `_orig_mod.` of `torch.compile`) are removed.
    /// `num_batches_tracked` of batch normalisation is ignored: it is not used here.
    ///
    /// # Errors
    /// [`Error::Weights`] for a missing tensor, one too many, or another shape.
    pub fn copy_into(&self, variables: &VarStore, path: &Path) -> Result<()> {
        let shapes = variables
            .variables()
            .into_iter()
            .map(|(name, variable)| (name, variable.size()))
            .collect();
        self.matching(&shapes, path)?.copy_into(variables)
    }

    /// The tensors for a model whose variables have these names and shapes.
    ///
    /// # Errors
    /// [`Error::Weights`] for a missing tensor, one too many, or another shape.
    pub(crate) fn matching(
        &self,
        shapes: &BTreeMap<String, Vec<i64>>,
        path: &Path,
    ) -> Result<MatchingTensors<'_>> {
        let wrong = |tensor: &str, reason: String| weights_error(path, tensor, reason);
        let tensors = self.without_pytorch_prefixes(shapes);
        for (name, shape) in shapes {
            let Some(tensor) = tensors.get(name) else {
                let reason = format!("it is missing; the model needs it in shape {shape:?}");
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
        Ok(MatchingTensors(tensors))
    }

    /// The tensors without the prefixes and counts that PyTorch adds to a model's own names.
    fn without_pytorch_prefixes(
        &self,
        model: &BTreeMap<String, Vec<i64>>,
    ) -> BTreeMap<String, &Tensor> {
        const PREFIXES: [&str; 2] = ["module.", "_orig_mod."];
        const COUNT: &str = "num_batches_tracked";
        let all = self.tensors.iter();
        let mut tensors: BTreeMap<String, &Tensor> = all
            .map(|(name, tensor)| (name.clone(), tensor))
            .filter(|(name, _)| model.contains_key(name) || !name.ends_with(COUNT))
            .collect();
        let is_added = |prefix: &str, tensors: &BTreeMap<String, &Tensor>| {
            !tensors.is_empty()
                && tensors.keys().all(|name| name.starts_with(prefix))
                && !model.keys().any(|name| name.starts_with(prefix))
        };
        while let Some(prefix) = PREFIXES.iter().find(|it| is_added(it, &tensors)) {
            let shorter = |name: String| name[prefix.len()..].to_string();
            tensors = tensors
                .into_iter()
                .map(|(name, tensor)| (shorter(name), tensor))
                .collect();
        }
        tensors
    }
}

/// Tensors that have the names and shapes of a model's variables: see [`StateDict::matching`].
pub(crate) struct MatchingTensors<'a>(BTreeMap<String, &'a Tensor>);

impl MatchingTensors<'_> {
    /// Copies every tensor into the variable of the same name.
    ///
    /// # Errors
    /// [`Error::Torch`] if libtorch cannot copy a tensor.
    pub(crate) fn copy_into(self, variables: &VarStore) -> Result<()> {
        let _no_gradients = tch::no_grad_guard();
        for (name, mut variable) in variables.variables() {
            variable.f_copy_(self.0[&name])?;
        }
        Ok(())
    }
}

/// The name of the first tensor of a model with numbers that are not finite.
pub(crate) fn not_finite(variables: &VarStore) -> Result<Option<String>> {
    let tensors = StateDict::of(variables).tensors;
    let floats = tensors.iter().filter(|(_, it)| it.is_floating_point());
    let flags = floats
        .map(|(_, tensor)| Ok(tensor.f_isfinite()?.f_all()?))
        .collect::<Result<Vec<_>>>()?;
    // One number is read for all tensors, since reading a number waits for the GPU.
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
    Err(weights_error(path, name, reason.into()))
}

fn weights_error(path: &Path, tensor: &str, reason: String) -> Error {
    Error::Weights {
        path: path.to_path_buf(),
        tensor: tensor.to_string(),
        reason,
    }
}

/// The numbers of a tensor for safetensors.
struct TensorBytes {
    kind: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl TensorBytes {
    fn of(path: &Path, name: &str, tensor: &Tensor) -> Result<TensorBytes> {
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
        Ok(TensorBytes {
            kind: *kind,
            shape,
            bytes,
        })
    }
}

impl View for TensorBytes {
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

/// The kinds that both libtorch and safetensors have.
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
        weights_error(path, name, reason)
    })
}

/// What to do with a file of weights in another format; `None` for a file that may be safetensors.
fn other_format(content: &[u8]) -> Option<&'static str> {
    const ZIP: &[u8] = b"PK\x03\x04";
    /// The beginning of PyTorch's files before version 1.6.
    const PICKLE: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46";
    const HDF5: &[u8] = b"\x89HDF\r\n\x1a\n";
    let begins = |format: &[u8]| content.starts_with(format);
    // In a safetensors file, these bytes would be the length of a header that is larger than any file.
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

fn read_file(path: &Path) -> Result<Vec<u8>> {
    check_regular_file(path, "a file of weights")?;
    fs::read(path).map_err(Error::io("read", path))
}

fn parse_error(error: SafeTensorError) -> String {
    match error {
        SafeTensorError::MetadataIncompleteBuffer | SafeTensorError::InvalidHeaderLength => {
            "the file is cut short; copy or save it again".into()
        }
        error => format!("this is not a safetensors file ({error:?})"),
    }
}

#[cfg(test)]
mod tests;

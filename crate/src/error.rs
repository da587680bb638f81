//! The error type of this crate.
//!
//! The first line of every message says what is wrong and what to change.

use std::path::{Path, PathBuf};

/// The result of every fallible function of this crate, and of functions that notebooks define.
///
/// The prelude replaces the standard `Result` by this one, so another error type must be possible, too.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, and what to change.
///
/// `unwrap` shows an error by its `Debug` text, so `Debug` is the same as `Display` here.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// The action that failed: "read", "write", "create the folder" …
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },

    /// No mirror has a file of a data set.
    #[error(
        "cannot download {file}: check the network and run this again, or put {} into {} by hand\n{}",
        missing.join(" and "), folder.display(), reasons.join("\n")
    )]
    Download {
        /// The file's name.
        file: String,
        /// The folder it belongs to.
        folder: PathBuf,
        /// The names of all files that are still missing in the folder.
        missing: Vec<String>,
        /// Each mirror with the reason why it failed.
        reasons: Vec<String>,
    },

    /// A setting has a value that cannot work.
    #[error("{name} is {value}, but {requirement}")]
    Setting {
        /// The setting, as it is written in a cell.
        name: &'static str,
        /// The value it has.
        value: String,
        /// What it must be.
        requirement: String,
    },

    /// A layer of a network cannot process the output of the layers before it.
    #[error("layer {layer} cannot work: {reason}")]
    Layer {
        /// The layer's name.
        layer: String,
        /// Why not, and what to change.
        reason: String,
    },

    /// Images, labels or classes do not fit together.
    #[error("{0}")]
    Data(String),

    /// An index that is out of range.
    #[error("there is no {what} {index}: there are {count}, counted from 0")]
    Index {
        /// What is indexed: "image", "class" …
        what: &'static str,
        /// The index.
        index: usize,
        /// How many there are.
        count: usize,
    },

    /// A name that does not exist, with the names that exist.
    #[error("there is no {what} `{name}`; {}", available_names(what, known))]
    Name {
        /// What is named: "class", "convolution" …
        what: &'static str,
        /// The name.
        name: String,
        /// The names that exist.
        known: Vec<String>,
    },

    /// A file of data, weights or settings that cannot be used.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        reason: String,
    },

    /// A file of weights and a model that do not fit together.
    #[error("{}: tensor {tensor}: {reason}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// The tensor, named as in PyTorch's state dict.
        tensor: String,
        /// What does not fit.
        reason: String,
    },

    /// A training diverged: its loss or its weights are not finite.
    #[error("{what} in epoch {epoch}: the training diverged; {advice}")]
    Diverged {
        /// "the loss became NaN", or which tensor of the network is not finite.
        what: String,
        /// The epoch, counted from 1.
        epoch: usize,
        /// What to change.
        advice: String,
    },

    /// ■ was pressed during some work.
    #[error("{work} was stopped after {done}; {outcome}")]
    Interrupted {
        /// "the evaluation", "the download" …
        work: &'static str,
        /// How much was done: "3 of 10 images".
        done: String,
        /// What happens to the partial result.
        outcome: &'static str,
    },

    /// A network's forward pass failed.
    #[error("the network cannot process images of shape {images:?}: {reason}")]
    Forward {
        /// Shape of the batch, `[N, C, H, W]`.
        images: Vec<i64>,
        /// libtorch's reason, without its C++ frames.
        reason: String,
    },

    /// The output of a layer cannot be mapped onto the image.
    #[error("layer {layer} cannot be explained: {reason}")]
    Explain {
        /// The layer's name.
        layer: String,
        /// Why not, and what to choose instead.
        reason: String,
    },

    /// A picture cannot be drawn from the arguments of its function.
    #[error("{function}: {problem}")]
    Picture {
        /// The function of `visualize`.
        function: &'static str,
        /// What does not fit, and what to give instead.
        problem: String,
    },

    /// The name under which a picture should be saved has no known extension.
    #[error("cannot save the picture as {}: the name must end in .png or .svg", path.display())]
    PictureFormat {
        /// The name that was given.
        path: PathBuf,
    },

    /// The drawing library failed. The arguments are not the cause.
    #[error("the picture could not be drawn: {reason}")]
    Drawing {
        /// The message of the library.
        reason: String,
    },

    /// libtorch refused an operation.
    #[error("libtorch: {0}")]
    Torch(String),
}

impl Error {
    pub(crate) fn io(
        action: &'static str,
        path: impl AsRef<Path>,
    ) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.as_ref().to_path_buf();
        move |source| Error::Io {
            action,
            path,
            source,
        }
    }

    pub(crate) fn setting(
        name: &'static str,
        value: impl ToString,
        requirement: impl Into<String>,
    ) -> Error {
        Error::Setting {
            name,
            value: value.to_string(),
            requirement: requirement.into(),
        }
    }

    pub(crate) fn file(path: impl AsRef<Path>, reason: impl Into<String>) -> Error {
        Error::File {
            path: path.as_ref().to_path_buf(),
            reason: reason.into(),
        }
    }
}

impl std::fmt::Debug for Error {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{self}")
    }
}

impl From<tch::TchError> for Error {
    fn from(error: tch::TchError) -> Error {
        Error::Torch(without_frames(&error.to_string()))
    }
}

fn available_names(what: &str, known: &[String]) -> String {
    match (known, what) {
        ([], "activation" | "layer") => {
            "the network records none; in its `forward`, pass the values through `pass.record(\"name\", x)`"
                .into()
        }
        ([], _) => "there is none at all".into(),
        (known, _) => format!("there are: {}", known.join(", ")),
    }
}

/// libtorch's message without the C++ frames that follow it.
///
/// libtorch appends `Exception raised from …` and some twenty lines `frame #0: …`. They do not help the
/// user of a notebook.
pub(crate) fn without_frames(message: &str) -> String {
    let message = message
        .strip_prefix("Internal torch error: ")
        .unwrap_or(message);
    let end = message
        .find("Exception raised from")
        .unwrap_or(message.len());
    message[..end].trim_end().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Tensor;

    #[test]
    fn debug_is_display() {
        let error = Error::setting("batch_size", 0, "it must be at least 1");
        assert_eq!(
            format!("{error:?}"),
            "batch_size is 0, but it must be at least 1"
        );
    }

    #[test]
    fn libtorchs_frames_are_cut_off() {
        let refused = Tensor::from_slice(&[1.0, 2.0]).f_matmul(&Tensor::from_slice(&[1.0]));
        let error = Error::from(refused.expect_err("shapes differ"));
        let text = error.to_string();
        assert!(
            text.starts_with("libtorch: inconsistent tensor size"),
            "{text}"
        );
        assert!(
            !text.contains("frame #") && !text.contains("Exception raised"),
            "{text}"
        );
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}

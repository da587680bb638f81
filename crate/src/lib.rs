//! The support crate of the gasshuku workshop: deep learning in Rust, step by step.
//!
//! A notebook starts with `use gasshuku::prelude::*;`. One module per step, named as its notebook:
//! [`load`], [`visualize`], [`define`], [`train`], [`save`], [`predict`], [`explain`].
//!
//! Data flows one way: data → model → training → checkpoint → prediction → explanation → picture. A module
//! uses only modules above it in this list:
//!
//! 1. [`error`], [`language`], [`device`], and small helpers
//! 2. [`notebook`]: how a cell and its notebook exchange values, questions and ■; tables
//! 3. [`visualize`]: drawing; knows nothing of tensors and steps
//! 4. [`load`]: data sets
//! 5. [`define`]: the networks
//! 6. [`state_dict`], [`save`]: files of weights and models
//! 7. [`mod@evaluate`]: loss, accuracy, confusion matrix
//! 8. [`train`]: the training loop, checkpoints, background trainings
//! 9. [`predict`]: classes and probabilities
//! 10. [`explain`]: heat maps, filters, feature maps
//! 11. [`show`]: how the values of all steps are shown in a notebook
//! 12. [`check`]: checks of the notebooks' exercises

mod atomic_file;
pub mod check;
pub mod define;
pub mod device;
pub mod error;
pub mod evaluate;
pub mod explain;
pub mod language;
pub mod load;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod memory;
pub mod notebook;
mod path;
pub mod predict;
pub mod prelude;
pub mod save;
pub mod show;
pub mod state_dict;
mod text;
mod threads;
pub mod train;
pub mod visualize;

pub use device::DeviceChoice;
pub use error::{Error, Result};
pub use tch;

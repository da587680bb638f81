//! The support crate of the gasshuku workshop: deep learning in Rust, step by step.
//!
//! One module per step, named as its notebook: [`load`], [`visualize`], [`define`], [`train`],
//! [`save`], [`predict`], [`explain`]. Data flows one way, data → model → training → file →
//! prediction → explanation → picture; [`show`] makes pictures of what the others compute, and
//! [`check`] looks at the attempts at the notebooks' exercises.
//! [`notebook`] is how values, questions and ■ pass between a cell and its notebook.
//! A notebook starts with `use gasshuku::prelude::*;`.

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
mod panics;
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

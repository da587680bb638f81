//! Rust notebook kernels that start at once, answer soon, fail loudly and stop when told to:
//! evcxr_jupyter with what stands before it. The README has a drawing of the processes.
//!
//! A set-up program writes [`settings::Settings`] to a [`settings::Home`], and has
//! `evcxr-prewarm prepare` compile a template there; Jupyter's kernel.json names
//! `evcxr-prewarm --home HOME kernel {connection_file}`.

pub mod analyzer;
pub mod cell;
pub mod content;
pub mod copy;
pub mod directory;
#[cfg(feature = "front")]
pub mod front;
pub mod guard;
pub mod inventory;
#[cfg(feature = "front")]
pub mod launch;
pub mod library;
pub mod note;
#[cfg(feature = "front")]
pub mod prepare;
pub mod program;
pub mod settings;
pub mod source;
#[cfg(feature = "front")]
pub mod spare;
pub mod spare_offers;
pub mod stamp;
pub mod start;
pub mod template;
pub mod toolchain;
#[cfg(feature = "front")]
pub mod trial;
#[cfg(test)]
#[allow(dead_code, unreachable_pub)] // Cells use all of it.
mod variable_store;

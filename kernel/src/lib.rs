//! Rust notebook kernels that start at once, answer soon, report every error and can be stopped. It is a
//! layer around evcxr_jupyter. The README has a drawing of the processes.
//!
//! A set-up program writes [`settings::Settings`] to a [`settings::Home`], and runs
//! `evcxr-prewarm prepare`, which compiles a template there. Jupyter's kernel.json names
//! `evcxr-prewarm --home HOME kernel {connection_file}`.

pub mod analyzer;
#[cfg(feature = "front")]
pub mod backend;
pub mod cached_call;
pub mod cargo_output;
pub mod cargo_wrapper;
pub mod cell;
pub mod cell_protocol;
pub mod cell_source;
pub mod configuration;
pub mod copy;
pub mod directory;
pub mod environment;
#[cfg(feature = "front")]
pub mod front;
pub mod guard;
pub mod inventory;
pub mod kernel_process;
#[cfg(feature = "front")]
pub mod launch;
#[cfg(feature = "front")]
pub mod prepare;
pub mod program;
pub mod rustc_call;
pub mod settings;
pub mod shared_library;
#[cfg(feature = "front")]
pub mod smoke_test;
pub mod source_fingerprint;
#[cfg(feature = "front")]
pub mod spare;
pub mod spare_registry;
pub mod stamp;
pub mod sysroot;
pub mod template;
pub mod temporary;
pub mod toolchain;
#[cfg(test)]
#[allow(dead_code, unreachable_pub)] // Cells use all of it.
mod variable_store;
pub mod wrappers;

//! Rust notebook kernels that start at once: evcxr_jupyter with what stands before it.

#[cfg(feature = "front")]
pub mod front;

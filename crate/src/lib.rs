//! The support crate of the gasshuku workshop.

pub mod error;

pub use error::{Error, Result};

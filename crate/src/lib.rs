//! The support crate of the gasshuku workshop: deep learning in Rust, step by step.
//!
//! One module per step, in the order of the notebooks. Data flows one way: [`load`], then
//! [`define`], [`train`], [`save`], [`predict`].
//! A notebook starts with `use gasshuku::prelude::*;`.

pub mod define;
pub mod device;
mod display;
pub mod error;
pub mod load;
pub mod predict;
pub mod prelude;
pub mod save;
pub mod state_dict;
pub mod table;
pub mod train;

pub use device::DeviceChoice;
pub use error::{Error, Result};

//! Step 3, define: what a model is, and LeNet.
//!
//! - [`model`]: the trait that training, evaluation, saving and explanation ask for
//! - [`lenet`]: the network of the workshop
//! - [`summary`]: its layers, sizes and parameters as a table

pub mod lenet;
pub mod model;
pub mod summary;

pub use lenet::{Activation, LeNet, LeNetSettings};
pub use model::{Architecture, ForwardPass, Model, logits, probabilities};
pub use summary::{LayerRow, Summary, summary};

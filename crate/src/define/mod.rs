//! Step 3, define: what a model is, and LeNet.
//!
//! - [`model`]: the trait that training, evaluation, saving and explanation ask for
//! - [`lenet`]: the network of the workshop
//! - [`sequential`]: layers of tch, one after the other, as one model
//! - [`pooling`]: max-pooling, which has no weights
//! - [`mod@summary`]: a model's layers, sizes and parameters as a table

pub mod lenet;
pub mod model;
pub mod pooling;
pub mod sequential;
pub mod summary;

pub use lenet::{Activation, LeNet, LeNetSettings};
pub use model::{Architecture, ForwardPass, Model, logits, probabilities};
pub use pooling::max_pool;
pub use sequential::Sequential;
pub use summary::{LayerRow, Summary, summary};

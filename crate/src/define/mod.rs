//! Step 3, define: what a model is, and LeNet.
//!
//! - [`model`]: the trait that training, evaluation, saving and explanation need of a network
//! - [`forward_pass`]: one forward pass, and what it records
//! - [`lenet`]: the network of the workshop
//! - [`sequential`]: layers of tch, one after the other, as one model
//! - [`pooling`]: the max-pooling layer
//! - [`classifier`]: a model together with the description of its data
//! - [`mod@summary`]: a model's layers, sizes and parameters

pub mod classifier;
pub mod forward_pass;
pub mod lenet;
pub mod model;
pub mod pooling;
pub mod sequential;
pub mod summary;

pub use classifier::Classifier;
pub use forward_pass::ForwardPass;
pub use lenet::{Activation, LeNet, LeNetSettings};
pub use model::{Architecture, Model, logits, probabilities};
pub use pooling::max_pool;
pub use sequential::Sequential;
pub use summary::{LayerRow, Summary, summary};

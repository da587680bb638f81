//! What a notebook needs, in one line: `use gasshuku::prelude::*;`

pub use crate::check;
pub use crate::define::{
    Activation, Architecture, Classifier, ForwardPass, LeNet, LeNetSettings, Model, Sequential,
    logits, probabilities, summary,
};
pub use crate::device::DeviceChoice;
pub use crate::error::{Error, Result};
pub use crate::evaluate::{Evaluation, evaluate, score};
pub use crate::explain::{
    AttributionContext, DeletionSettings, Edges, Explanation, Faithfulness, GradCam,
    GradCamPlusPlus, GuidedBackpropagation, GuidedGradCam, Method, Saliency, SanityCheck, Target,
    explain, faithfulness, feature_maps, filters, sanity_check,
};
pub use crate::load::{
    Dataset, DatasetInfo, ImageFolder, Normalization, Source, Split, fashion_mnist, kmnist, load,
    load_folder, mnist, read_image, write_image,
};
pub use crate::notebook::{
    DisplayHandle, display, input, interrupted, progress_bar, share_progress,
};
// Without its name, so that a cell can define its own `Show` and still use these methods.
pub use crate::notebook::Show as _;
pub use crate::predict::Prediction;
pub use crate::save::{load_model, load_weights, save_model};
pub use crate::show::{
    LiveCurve, picture, show_class_counts, show_filters, show_images, show_schedule,
};
pub use crate::state_dict::StateDict;
pub use crate::train::{
    BackgroundTraining, History, Optimizer, Run, Runs, Schedule, StepRates, TrainingSettings,
    load_checkpoint, load_or_train, resume, train, train_in_background,
};
pub use crate::visualize::{self, ColourScale, Figure, bars};
pub use image;
pub use plotters;
pub use tch::{self, Device, IndexOp, Kind, Tensor, nn, nn::Module};

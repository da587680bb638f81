//! The pictures through the public interface: values that can be worked out by hand.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod class_histogram;
mod confusion_matrix;
mod figure;
mod heat_map;
mod image_grid;
mod kernel_grid;
mod learning_curves;
mod line_plot;
mod network_diagram;
mod overlay;
mod pixel_values;
mod prediction_bars;
mod support;

//! Pictures for the notebooks: image grids, heat maps, charts, the confusion matrix, the diagram of a network.
//!
//! Every function takes plain Rust data and returns a [`Figure`]. A cell shows it if it is the cell's last expression;
//! [`Figure::save`] writes it as PNG or SVG. Input that cannot be drawn is an error of the function, not of the figure.
//!
//! Pictures are drawn on a `Canvas`, which is plotters' drawing area for an SVG, measured in CSS pixels. Other crates do
//! most of the work:
//!
//! - plotters draws charts (`chart`), shapes and texts. Legends, labels at the ends of lines and the ends of axes are
//!   drawn or chosen here: plotters' legend is a box over the lines, and its axes end where the caller says
//! - images and matrices are one `<image>` each, which the viewer enlarges. plotters 0.3.7 writes bitmaps pixel by pixel,
//!   and 300 × 300 cells as rectangles would take 9 MB
//! - unicode-linebreak finds where a line may be broken; plotters breaks no lines
//! - colours are those of colorous (viridis) and oklab (those through white); image interpolates heat maps
//! - resvg draws PNG files from the same SVG
//!
//! Modules use only modules before them in this list:
//!
//! 1. `check`, `colour`, `area`, `number_format`, `font`
//! 2. `line_breaks`, then `text`, then `axis` and `colour_scale`
//! 3. `canvas`, then `render`, then `figure`
//! 4. `prelude`, which has what most of the following modules use
//! 5. `chart`, `legend`, `colour_bar`, `matrix`, `overlay`
//! 6. `line_chart`, `picture`, then `tile`
//! 7. a module for each function; `learning_curves` also uses `step_curve`, and `shared_generics` uses `bars`
//!
//! [`Picture::element`], [`ColourScale`] and [`bars`] are for cells that draw with plotters themselves.

mod area;
mod axis;
mod bars;
mod canvas;
mod chart;
mod check;
mod class_histogram;
mod colour;
mod colour_bar;
mod colour_scale;
mod confusion_matrix;
mod figure;
mod font;
mod heat_map;
mod image_grid;
mod kernel_grid;
mod learning_curves;
mod legend;
mod line_breaks;
mod line_chart;
mod line_plot;
mod matrix;
mod network_diagram;
mod number_format;
mod overlay;
mod picture;
mod pixel_values;
mod prediction_bars;
mod prelude;
mod render;
mod shared_generics;
mod step_curve;
mod text;
mod tile;

#[doc(hidden)]
pub use shared_generics::shared_generics;

pub use bars::bars;
pub use class_histogram::{CountSeries, class_histogram};
pub use colour_scale::ColourScale;
pub use confusion_matrix::confusion_matrix;
pub use figure::Figure;
pub use heat_map::{HeatMapSettings, heat_map};
pub use image_grid::{GridSettings, image_grid};
pub use kernel_grid::{KernelGridSettings, KernelGroup, kernel_grid};
pub use learning_curves::{EpochMetrics, StepLosses, learning_curves, training_curves};
pub use line_plot::{LinePlotSettings, LineSeries, line_plot};
pub use matrix::Matrix;
pub use network_diagram::{DiagramLayer, network_diagram};
pub use overlay::Overlay;
pub use picture::Picture;
pub use pixel_values::pixel_values;
pub use prediction_bars::{Prediction, prediction_bars};
pub use step_curve::step_curve;

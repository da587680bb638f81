//! Pictures for the notebooks: image grids, heat maps, charts, the confusion matrix.
//!
//! Every function takes plain Rust data and returns a [`Figure`], which shows itself when it is the
//! last expression of a cell and which [`Figure::save`] writes as PNG or SVG. Input that cannot be
//! drawn is an error of the function, so that a figure that exists can also be shown.
//!
//! Inside, pictures are drawn on a `Canvas`, which is plotters' drawing area for an SVG, measured in CSS
//! pixels. What other crates do, and what is done here:
//!
//! - charts are plotters' (`chart`), as are all shapes and texts; legend and labels at the ends of lines are
//!   ours, for plotters' legend is a box on the lines, and so are the round numbers at which axes end
//! - images and matrices are one `<image>` each, which the viewer enlarges: plotters 0.3.7 writes bitmaps pixel
//!   by pixel, and 300 × 300 cells as rectangles would be 9 MB
//! - where a line may be broken is unicode-linebreak's; the lines are ours, for plotters breaks none
//! - colours are colorous' (viridis) and oklab's (those through white); heat maps between their values image's
//! - a PNG is drawn by resvg from the same SVG
//!
//! Each module uses only those before it: `check`, `colour`, `numerals` and `area`; `font`, `line_breaks` and
//! `text`; `canvas`, `render` and `figure`, which `prelude` has for all that follow; `axis`, `chart`, `legend`
//! and `line_chart`; `colour_scale`, `colour_bar`, `matrix`, `overlay`, `picture` and `tile`; at last the
//! functions, a module each.
//!
//! In cells, `plotters` is there for pictures of one's own: [`Picture::element`], [`ColourScale`] and [`bars`]
//! give it what it draws.

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
mod numerals;
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

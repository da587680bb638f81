//! Axes, mesh and labels of plotters' charts, in the style of all pictures.

use plotters::chart::ChartContext;
use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::ranged1d::{Ranged, ValueFormatter};
use plotters::prelude::{LabelAreaPosition, SVGBackend};
use plotters::style::{Color as _, TRANSPARENT};

use super::axis::Axis;
use super::canvas::{DrawingResult, LABEL, SMALL, device};
use super::colour::{AXIS, Colour, GRID, MUTED};
use super::text;

pub(super) type Chart<'a, 'b, X, Y> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<X, Y>>;

/// What stands at an axis.
pub(super) struct Labels<'a, T> {
    /// How many labels plotters may choose.
    pub(super) most: usize,
    pub(super) text: &'a dyn Fn(&T) -> String,
    pub(super) title: &'a str,
}

/// The axis that has a line, and ticks; the other one's labels stand at the lines of the mesh.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    X,
    Y,
}

/// The width of an axis' widest label, in CSS pixels.
pub(super) fn widest_label(axis: &Axis) -> f64 {
    let labels = axis.ticks();
    text::widest(labels.iter().map(|(_, label)| label.as_str()), SMALL)
}

/// Draws all but the series.
pub(super) fn draw_axes<X, Y>(
    chart: &mut Chart<X, Y>,
    base: Base,
    x: &Labels<X::ValueType>,
    y: &Labels<Y::ValueType>,
) -> DrawingResult
where
    X: Ranged + ValueFormatter<X::ValueType>,
    Y: Ranged + ValueFormatter<Y::ValueType>,
{
    let thin = |colour: Colour| colour.stroke_width(device(1.0) as u32);
    let mut mesh = chart.configure_mesh();
    match base {
        Base::X => mesh.disable_x_mesh().disable_y_axis(),
        Base::Y => mesh.disable_y_mesh().disable_x_axis(),
    };
    // plotters 0.3.7 multiplies until it overflows where it is to find no light lines between whole numbers.
    mesh.max_light_lines(1)
        .light_line_style(TRANSPARENT)
        .bold_line_style(thin(GRID))
        .axis_style(thin(AXIS))
        .set_all_tick_mark_size(device(4.0))
        .x_labels(x.most)
        .y_labels(y.most)
        .x_label_formatter(x.text)
        .y_label_formatter(y.text)
        .label_style(text::style(SMALL, MUTED))
        .axis_desc_style(text::style(LABEL, MUTED))
        .x_desc(x.title)
        .y_desc(y.title)
        .draw()?;
    // plotters draws an axis with its labels, or neither.
    let mut labels = chart.configure_mesh();
    match base {
        Base::X => labels.disable_x_axis(),
        Base::Y => labels.disable_y_axis(),
    };
    labels
        .disable_mesh()
        .axis_style(TRANSPARENT)
        .set_tick_mark_size(LabelAreaPosition::Left, device(3.5))
        .set_tick_mark_size(LabelAreaPosition::Bottom, device(4.0))
        .x_labels(x.most)
        .y_labels(y.most)
        .x_label_formatter(x.text)
        .y_label_formatter(y.text)
        .label_style(text::style(SMALL, MUTED))
        .draw()
}

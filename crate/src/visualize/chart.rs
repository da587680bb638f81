//! Axes, mesh and labels of plotters' charts, in the style of all pictures.

use plotters::chart::ChartContext;
use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::ranged1d::{Ranged, ValueFormatter};
use plotters::prelude::{LabelAreaPosition, SVGBackend};
use plotters::style::{Color as _, TRANSPARENT};

use super::area::device;
use super::axis::Axis;
use super::canvas::DrawingResult;
use super::colour::{AXIS, Colour, GRID, MUTED};
use super::text::{self, LABEL, SMALL};

pub(super) type Chart<'a, 'b, X, Y> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<X, Y>>;

/// What stands at an axis: how many labels plotters may choose, their texts, and the title.
pub(super) type Labels<'a, T> = (usize, &'a dyn Fn(&T) -> String, &'a str);

/// The axis that has a line, and ticks; the other one's labels stand at the lines of the mesh.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    X,
    Y,
}

/// The width of an axis' widest label, in CSS pixels.
pub(super) fn widest_label(axis: &Axis) -> f64 {
    text::widest(axis.ticks().iter().map(|(_, label)| label), SMALL)
}

/// Draws all but the series.
pub(super) fn draw_axes<X, Y>(
    chart: &mut Chart<X, Y>,
    base: Base,
    (most_x, x_text, x_title): Labels<X::ValueType>,
    (most_y, y_text, y_title): Labels<Y::ValueType>,
) -> DrawingResult
where
    X: Ranged + ValueFormatter<X::ValueType>,
    Y: Ranged + ValueFormatter<Y::ValueType>,
{
    let thin = |colour: Colour| colour.stroke_width(device(1.0) as u32);
    // plotters draws an axis with its labels, or neither: the other axis is drawn again, transparent.
    for is_base in [true, false] {
        let mut mesh = chart.configure_mesh();
        mesh.x_labels(most_x)
            .y_labels(most_y)
            .x_label_formatter(x_text)
            .y_label_formatter(y_text)
            .label_style(text::style(SMALL, MUTED));
        match (base, is_base) {
            (Base::X, true) => mesh.disable_x_mesh().disable_y_axis(),
            (Base::Y, true) => mesh.disable_y_mesh().disable_x_axis(),
            (Base::X, false) => mesh.disable_mesh().disable_x_axis(),
            (Base::Y, false) => mesh.disable_mesh().disable_y_axis(),
        };
        if is_base {
            // plotters 0.3.7 multiplies until it overflows where it is to find no light lines between whole
            // numbers.
            mesh.max_light_lines(1)
                .light_line_style(TRANSPARENT)
                .bold_line_style(thin(GRID))
                .axis_style(thin(AXIS))
                .set_all_tick_mark_size(device(4.0))
                .axis_desc_style(text::style(LABEL, MUTED))
                .x_desc(x_title)
                .y_desc(y_title);
        } else {
            mesh.axis_style(TRANSPARENT)
                .set_tick_mark_size(LabelAreaPosition::Left, device(3.5))
                .set_tick_mark_size(LabelAreaPosition::Bottom, device(4.0));
        }
        mesh.draw()?;
    }
    Ok(())
}

//! plotters' charts with axes, grid lines and labels in the style of all pictures.

use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::{LabelAreaPosition, SVGBackend};
use plotters::style::{Color as _, TRANSPARENT};

use super::area::{Area, DEVICE_SCALE, Point, device};
use super::axis::Axis;
use super::canvas::{Canvas, PlottersResult};
use super::colour::{AXIS, Colour, GRID, MUTED};
use super::text::{self, LABEL, SMALL};

pub(super) type Chart<'a, 'b> =
    ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// The axis that is drawn as a line with ticks. The labels of the other axis are at the grid lines.
#[derive(Clone, Copy)]
pub(super) enum BaseAxis {
    X,
    Y,
}

/// The area of a chart's values on a canvas, with its axes.
pub(super) struct PlotArea<'a> {
    pub(super) area: Area,
    x: &'a Axis,
    y: &'a Axis,
}

impl PlotArea<'_> {
    /// The point on the canvas of a value.
    pub(super) fn position(&self, x: f64, y: f64) -> Point {
        let right = self.x.fraction(x) * self.area.width();
        let up = self.y.fraction(y) * self.area.height();
        (self.area.x0 + right, self.area.y1 - up)
    }
}

/// Draws a chart with the titles of both axes into `area`. The space around it is in the order of CSS: top, right, bottom,
/// left. Labels are at the bottom and at the left.
pub(super) fn draw_chart<'a>(
    canvas: &mut Canvas,
    area: Area,
    [top, right, bottom, left]: [f64; 4],
    base: BaseAxis,
    (x, x_title): (&'a Axis, &str),
    (y, y_title): (&'a Axis, &str),
    draw_series: impl FnOnce(&mut Chart) -> PlottersResult<()>,
) -> PlotArea<'a> {
    let mut plot = area;
    canvas.chart(area, |root| {
        let mut chart = ChartBuilder::on(root)
            .margin_top(device(top))
            .margin_right(device(right))
            .set_label_area_size(LabelAreaPosition::Left, device(left))
            .set_label_area_size(LabelAreaPosition::Bottom, device(bottom))
            .build_cartesian_2d(x.range.clone(), y.range.clone())?;
        draw_axes(&mut chart, base, (x, x_title), (y, y_title))?;
        draw_series(&mut chart)?;
        let (columns, rows) = chart.plotting_area().get_pixel_range();
        let css = |pixels: i32| f64::from(pixels) / DEVICE_SCALE;
        plot = Area::new(
            css(columns.start),
            css(rows.start),
            css(columns.end),
            css(rows.end),
        );
        Ok(())
    });
    PlotArea { area: plot, x, y }
}

fn draw_axes(
    chart: &mut Chart,
    base: BaseAxis,
    (x, x_title): (&Axis, &str),
    (y, y_title): (&Axis, &str),
) -> PlottersResult<()> {
    let thin = |colour: Colour| colour.stroke_width(device(1.0) as u32);
    // plotters draws an axis with its labels or neither of them, so the other axis is drawn with a transparent line.
    for is_base in [true, false] {
        let (x_label, y_label) = (|at: &f64| x.label(*at), |at: &f64| y.label(*at));
        let mut mesh = chart.configure_mesh();
        mesh.x_labels(x.max_labels)
            .y_labels(y.max_labels)
            .x_label_formatter(&x_label)
            .y_label_formatter(&y_label)
            .label_style(text::style(SMALL, MUTED));
        match (base, is_base) {
            (BaseAxis::X, true) => mesh.disable_x_mesh().disable_y_axis(),
            (BaseAxis::Y, true) => mesh.disable_y_mesh().disable_x_axis(),
            (BaseAxis::X, false) => mesh.disable_mesh().disable_x_axis(),
            (BaseAxis::Y, false) => mesh.disable_mesh().disable_y_axis(),
        };
        if is_base {
            // plotters 0.3.7 overflows with 0 light lines between whole numbers.
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

//! Lines through points, for anything that depends on a number.

use super::axis::Axis;
use super::canvas::{Area, CHART_WIDTH, Canvas, Heading, MARGIN, Point};
use super::check::{ensure, ensure_finite};
use super::figure::Figure;
use super::line_chart::{Line, LineChart};
use super::numerals::{counted, significant};
use crate::error::Result;

const FUNCTION: &str = "line_plot";
const PANEL_HEIGHT: f64 = 330.0;

/// One line of a plot.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LineSeries {
    /// Stands in the legend; empty for a plot of one line that needs no legend.
    pub name: String,
    /// (x, y), finite, at least one; joined in this order.
    pub points: Vec<(f64, f64)>,
}

/// The axes of a plot.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LinePlotSettings {
    /// What x is, with its unit.
    pub x_title: String,
    /// What y is, with its unit.
    pub y_title: String,
    /// Whether y has a logarithmic scale; all y must be greater than 0 then.
    pub logarithmic_y: bool,
}

/// One line per series, told apart by colour, dashes and markers.
pub fn line_plot(
    title: &str,
    series: &[LineSeries],
    settings: &LinePlotSettings,
) -> Result<Figure> {
    check(series, settings)?;
    let (x_low, x_high) = range(series, |point| point.0);
    let (y_low, y_high) = range(series, |point| point.1);
    let chart = LineChart {
        title: String::new(),
        x: Axis::exact(x_low, x_high, 8),
        y: if settings.logarithmic_y {
            Axis::logarithmic(y_low, y_high)
        } else {
            Axis::round(y_low, y_high, 6)
        },
        x_title: settings.x_title.clone(),
        y_title: settings.y_title.clone(),
        lines: series.iter().map(line).collect(),
    };
    let heading = Heading::new(title, "", CHART_WIDTH);
    let width = CHART_WIDTH - 2.0 * MARGIN;
    let height = PANEL_HEIGHT + chart.legend_height(width);
    let mut canvas = Canvas::new(FUNCTION, CHART_WIDTH, heading.bottom() + height + MARGIN)?;
    canvas.heading(&heading);
    chart.draw(
        &mut canvas,
        Area::new(MARGIN, heading.bottom(), width, height),
    );
    Ok(canvas.finish(alt_text(title, series, settings)))
}

fn check(series: &[LineSeries], settings: &LinePlotSettings) -> Result<()> {
    ensure(!series.is_empty(), FUNCTION, || {
        "there are no series; give at least one".to_owned()
    })?;
    for line in series {
        let name = format!("series {:?}", line.name);
        ensure(!line.points.is_empty(), FUNCTION, || {
            format!("{name} has no points; give at least one")
        })?;
        let numbers = |axis: fn(&Point) -> f64| line.points.iter().map(axis);
        ensure_finite(FUNCTION, &format!("{name}, x"), numbers(|point| point.0))?;
        ensure_finite(FUNCTION, &format!("{name}, y"), numbers(|point| point.1))?;
        let lowest = numbers(|point| point.1).fold(f64::INFINITY, f64::min);
        ensure(
            !settings.logarithmic_y || lowest >= 1e-100,
            FUNCTION,
            || {
                format!(
                    "{name} has y = {lowest}; a logarithmic scale shows only values greater than 0"
                )
            },
        )?;
    }
    Ok(())
}

fn line(series: &LineSeries) -> Line {
    Line {
        name: series.name.clone(),
        points: series.points.clone(),
        end_label: None,
    }
}

fn range(series: &[LineSeries], value: impl Fn(&Point) -> f64) -> (f64, f64) {
    let values = || series.iter().flat_map(|line| &line.points).map(&value);
    (
        values().fold(f64::INFINITY, f64::min),
        values().fold(f64::NEG_INFINITY, f64::max),
    )
}

fn alt_text(title: &str, series: &[LineSeries], settings: &LinePlotSettings) -> String {
    let mut text = format!(
        "{title}. Line plot of {} against {}{}.",
        settings.y_title,
        settings.x_title,
        if settings.logarithmic_y {
            ", logarithmic scale"
        } else {
            ""
        }
    );
    for line in series {
        let (low, high) = range(std::slice::from_ref(line), |point| point.1);
        text.push_str(&format!(
            " {}: {}, between {} and {}.",
            if line.name.is_empty() {
                "Line"
            } else {
                &line.name
            },
            counted(line.points.len(), "point", "points"),
            significant(low, 3),
            significant(high, 3),
        ));
    }
    text
}

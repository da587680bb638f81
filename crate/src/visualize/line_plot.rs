//! Lines through points, for any quantity that depends on a number.

use super::axis::{Axis, min_max};
use super::line_chart::{Line, LineChart, LineKind, y_range};
use super::prelude::*;

const FUNCTION: &str = "line_plot";
const PANEL_HEIGHT: f64 = 330.0;

/// One line of a plot.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LineSeries {
    /// The name in the legend; empty for a line that needs no legend.
    pub name: String,
    /// Points (x, y), at least one, with finite values. The line joins them in this order.
    pub points: Vec<(f64, f64)>,
}

/// The axes of a plot.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LinePlotSettings {
    /// The title of the x axis, with the unit.
    pub x_title: String,
    /// The title of the y axis, with the unit.
    pub y_title: String,
    /// Whether x is a count from 1, so that the axis has labels only at whole numbers.
    pub counted_x: bool,
    /// Whether the y axis is logarithmic. Then all y must be greater than 0.
    pub logarithmic_y: bool,
    /// The ends of a linear y axis, such as `(0.0, 1.0)` for probabilities. All y must be between them. `None` for round
    /// numbers around the values.
    pub y_range: Option<(f64, f64)>,
    /// Whether the area between each line and y = 0 is shaded, for curves whose area matters. The y axis is linear then
    /// and contains 0.
    pub shaded: bool,
}

/// One line per series; lines differ in colour, dashes and markers.
///
/// # Errors
/// [`Error::Picture`](crate::Error::Picture) without series or points, for a value that is not finite or outside of the
/// axis, and for settings that exclude each other.
pub fn line_plot(
    title: &str,
    series: &[LineSeries],
    settings: &LinePlotSettings,
) -> Result<Figure> {
    check(series, settings)?;
    let line = |line: &LineSeries| Line::new(LineKind::Series, &line.name, line.points.clone());
    let lines: Vec<Line> = series.iter().map(line).collect();
    let points = series.iter().flat_map(|line| &line.points);
    let (x_low, x_high) = min_max(points.map(|point| point.0)).unwrap_or_default();
    let (low, high) = y_range(&lines).unwrap_or_default();
    let alt_text = alt_text(title, &lines, settings);
    let x = match settings.counted_x {
        true => Axis::from_one(x_high.max(1.0) as usize, 8),
        false => Axis::exact(x_low, x_high, 8),
    };
    let y = match settings.y_range {
        Some((low, high)) => Axis::exact(low, high, 6),
        None if settings.logarithmic_y => Axis::logarithmic(low, high),
        None if settings.shaded => Axis::round(low.min(0.0), high.max(0.0), 6),
        None => Axis::round(low, high, 6),
    };
    let (x, y) = (
        (x, settings.x_title.as_str()),
        (y, settings.y_title.as_str()),
    );
    let mut chart = LineChart::new(x, y, lines);
    chart.shaded = settings.shaded;
    chart.figure(FUNCTION, title, PANEL_HEIGHT, &alt_text)
}

fn check(series: &[LineSeries], settings: &LinePlotSettings) -> Result<()> {
    ensure_not_empty(FUNCTION, "series", series)?;
    check_y_axis(settings)?;
    for line in series {
        let name = format!("series {:?}", line.name);
        ensure(!line.points.is_empty(), FUNCTION, || {
            format!("{name} has no points; give at least one")
        })?;
        let (x, y): (Vec<f64>, Vec<f64>) = line.points.iter().copied().unzip();
        ensure_finite(FUNCTION, &format!("{name}, x"), x)?;
        ensure_finite(FUNCTION, &format!("{name}, y"), y.iter().copied())?;
        for y in y {
            ensure(!settings.logarithmic_y || y >= 1e-100, FUNCTION, || {
                format!("{name} has y = {y}; a logarithmic scale shows only values greater than 0")
            })?;
            let (low, high) = settings.y_range.unwrap_or((y, y));
            ensure((low..=high).contains(&y), FUNCTION, || {
                format!(
                    "{name} has y = {y}, outside y_range ({low}, {high}); give a larger range, or None"
                )
            })?;
        }
    }
    Ok(())
}

fn check_y_axis(settings: &LinePlotSettings) -> Result<()> {
    if let Some((low, high)) = settings.y_range {
        let range = format!("y_range is ({low}, {high})");
        ensure_finite(FUNCTION, "y_range", [low, high])?;
        ensure(low < high, FUNCTION, || {
            format!("{range}; the first number must be less than the second")
        })?;
        let contains_zero = (low..=high).contains(&0.0);
        ensure(!settings.shaded || contains_zero, FUNCTION, || {
            format!("{range}; shaded areas end at y = 0, which must lie in it")
        })?;
    }
    let needs_linear = settings.shaded || settings.y_range.is_some();
    ensure(!(settings.logarithmic_y && needs_linear), FUNCTION, || {
        "y_range and shaded are for a linear scale; leave logarithmic_y false, or both of them out"
            .to_owned()
    })
}

fn alt_text(title: &str, lines: &[Line], settings: &LinePlotSettings) -> String {
    let mut text = translate!(
        "{title}. Line plot of {y} against {x}{scale}{shade}.",
        "{title}。折れ線グラフ (横軸: {x}、縦軸: {y}{scale}{shade})。",
        x = settings.x_title,
        y = settings.y_title,
        scale = match settings.logarithmic_y {
            true => translated(", logarithmic scale", "、対数目盛"),
            false => "",
        },
        shade = match settings.shaded {
            true => translated(
                ", with shaded areas below the lines",
                "、線の下を塗りつぶし"
            ),
            false => "",
        },
    );
    for line in lines {
        let (low, high) = y_range(std::slice::from_ref(line)).unwrap_or_default();
        let name = text::or_if_empty(&line.name, translated("Line", "線"));
        text += &translate!(
            " {name}: {}, between {} and {}.",
            "{name}: {}、{} から {}。",
            with_noun(line.points.len(), "point", ["", "点"]),
            significant(low, 3),
            significant(high, 3),
        );
    }
    text
}

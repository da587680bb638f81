//! One value, step by step: as it is, and smoothed.

use super::axis::Axis;
use super::check::ensure;
use super::figure::Figure;
use super::line_chart::{LineChart, y_range};
use super::numerals::{counted, significant};
use super::steps::{lines, smoothed};
use crate::error::Result;
use crate::language::{said, say};

const FUNCTION: &str = "step_curve";
const PANEL_HEIGHT: f64 = 230.0;

/// The values of a quantity at steps 1, 2, 3 …, and their running mean. Values that are not finite are
/// left out; at least one must be finite.
pub fn step_curve(quantity: &str, values: &[f64]) -> Result<Figure> {
    let running = smoothed(values);
    let last = running.iter().rev().find(|mean| mean.is_finite());
    ensure(
        last.is_some(),
        FUNCTION,
        || "there is no finite value; push one",
    )?;
    let last = significant(last.copied().unwrap_or_default(), 3);
    let mut lines = lines(values, say("smoothed", "平滑化"), |step| step);
    lines[1].end_label = Some(last.clone());
    let (low, high) = y_range(&lines[..1]).unwrap_or_default();
    let chart = LineChart {
        title: "",
        x: Axis::whole_numbers(values.len(), 8),
        y: Axis::round(low.min(0.0), high.max(low.min(0.0)), 5),
        x_title: say("step", "ステップ"),
        y_title: quantity,
        lines: lines.into(),
        shaded: false,
        mark: None,
    };
    let steps = counted(values.len(), ["step", "steps"], ["", "ステップ"]);
    let words = said!(
        "{quantity} over {steps}, at last {last}, smoothed.",
        "{quantity} ({steps})。最後の値は {last} (平滑化)。"
    );
    chart.figure(FUNCTION, quantity, PANEL_HEIGHT, &words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_says_what_it_shows() {
        let figure = step_curve("loss", &[2.5, 2.5]).unwrap();
        assert_eq!(
            figure.alt_text(),
            "loss over 2 steps, at last 2.50, smoothed."
        );
    }

    #[test]
    fn something_must_be_finite() {
        assert!(step_curve("loss", &[]).is_err());
        assert!(step_curve("loss", &[f64::NAN]).is_err());
        assert!(step_curve("loss", &[f64::NAN, -1.0]).is_ok());
    }

    #[test]
    fn a_long_curve_is_small() {
        let values: Vec<f64> = (0..50_000)
            .map(|step| f64::from(step * 7919 % 1000))
            .collect();
        let image = step_curve("loss", &values).unwrap().image().unwrap();
        assert!(image.len() < 60_000, "{} bytes", image.len());
    }
}

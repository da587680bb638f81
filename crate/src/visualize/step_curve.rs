//! One value, step by step: as it is, and smoothed.

use super::axis::Axis;
use super::check::ensure;
use super::figure::Figure;
use super::line_chart::{Line, LineChart, Manner};
use super::numerals::{counted, significant};
use super::steps::{line, smoothed};
use crate::error::Result;
use crate::language::{said, say};

const FUNCTION: &str = "step_curve";
const PANEL_HEIGHT: f64 = 230.0;

/// The values of a quantity at steps 1, 2, 3 …, and their running mean. Values that are not finite are
/// left out; at least one must be finite.
pub fn step_curve(quantity: &str, values: &[f64]) -> Result<Figure> {
    let raw = line(values, 1.0);
    ensure(!raw.is_empty(), FUNCTION, || {
        "there is no finite value; push one".to_owned()
    })?;
    let running = smoothed(values);
    let finite = running.iter().rev().find(|mean| mean.is_finite());
    let last = finite.copied().unwrap_or_default();
    let (low, high) = raw
        .iter()
        .fold((0.0, f64::NEG_INFINITY), |(low, high), point| {
            (point.1.min(low), point.1.max(high))
        });
    let chart = LineChart {
        title: String::new(),
        x: Axis::whole_numbers(values.len(), 8),
        y: Axis::round(low, high.max(low), 5),
        x_title: say("step", "ステップ").to_owned(),
        y_title: quantity.to_owned(),
        lines: vec![
            Line {
                manner: Manner::Raw,
                name: String::new(),
                points: raw,
                end_label: None,
            },
            Line {
                manner: Manner::Smoothed,
                name: say("smoothed", "平滑化").to_owned(),
                points: line(&running, 1.0),
                end_label: Some(significant(last, 3)),
            },
        ],
        shaded: false,
        mark: None,
    };
    let steps = counted(values.len(), ["step", "steps"], ["", "ステップ"]);
    let last = significant(last, 3);
    let words = said!(
        "{quantity} over {steps}, at last {last}, smoothed.",
        "{quantity} ({steps})。最後の値は {last} (平滑化)。"
    );
    chart.figure(FUNCTION, quantity, PANEL_HEIGHT, words)
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

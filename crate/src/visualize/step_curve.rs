//! A value that is measured at every step, such as the loss, with its running mean.

use super::axis::Axis;
use super::line_chart::{Line, LineChart, LineKind, downsampled, y_range};
use super::prelude::*;

const FUNCTION: &str = "step_curve";
const PANEL_HEIGHT: f64 = 230.0;

/// The weight of the earlier values in the running mean, as in fastai.
const BETA: f64 = 0.98;

/// Each line is drawn through at most this many points.
const MAX_POINTS: usize = 300;

/// The values of a quantity at steps 1, 2, 3 …, and their running mean. Values that are not finite are left out.
///
/// # Errors
/// [`Error::Picture`](crate::Error::Picture) if no value is finite.
pub fn step_curve(quantity: &str, values: &[f64]) -> Result<Figure> {
    let running = moving_average(values);
    let last = running.iter().rev().find(|mean| mean.is_finite());
    ensure(last.is_some(), FUNCTION, || {
        "there is no finite value; push one".to_owned()
    })?;
    let last = significant(last.copied().unwrap_or_default(), 3);
    let mut lines = lines(values, translated("smoothed", "平滑化"), |step| step);
    lines[1].end_label = Some(last.clone());
    let (low, high) = y_range(&lines[..1]).unwrap_or_default();
    let x = Axis::from_zero(values.len(), 8);
    let y = Axis::round(low.min(0.0), high.max(low.min(0.0)), 5);
    let x = (x, translated("step", "ステップ"));
    let chart = LineChart::new(x, (y, quantity), lines.into());
    let steps = with_noun(values.len(), "step", ["", "ステップ"]);
    let alt_text = translate!(
        "{quantity} over {steps}, at last {last}, smoothed.",
        "{quantity} ({steps})。最後の値は {last} (平滑化)。"
    );
    chart.figure(FUNCTION, quantity, PANEL_HEIGHT, &alt_text)
}

/// The exponential moving average m ← β m + (1 − β) v with β = 0.98, divided by 1 − βᵗ so that it does not start at zero
/// (Kingma, Ba, arXiv 1412.6980, section 3). Values that are not finite are skipped; their average is NaN.
pub(super) fn moving_average(values: &[f64]) -> Vec<f64> {
    let (mut mean, mut weight) = (0.0, 0.0);
    let running = values.iter().map(|&value| {
        if !value.is_finite() {
            return f64::NAN;
        }
        mean = BETA * mean + (1.0 - BETA) * value;
        weight = BETA * weight + (1.0 - BETA);
        mean / weight
    });
    running.collect()
}

/// The values as a light line, and their running mean with this name; `x` gives the x of a step.
pub(super) fn lines(values: &[f64], name: &str, x: impl Fn(f64) -> f64) -> [Line; 2] {
    [
        Line::new(LineKind::Raw, "", points(values, &x)),
        Line::new(
            LineKind::Smoothed,
            name,
            points(&moving_average(values), &x),
        ),
    ]
}

fn points(values: &[f64], x: impl Fn(f64) -> f64) -> Vec<Point> {
    let steps = (1..).zip(values).filter(|(_, value)| value.is_finite());
    let points = steps.map(|(step, &value)| (x(f64::from(step)), value));
    downsampled(&points.collect::<Vec<Point>>(), MAX_POINTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alt_text_describes_the_curve() {
        let figure = step_curve("loss", &[2.5, 2.5]).unwrap();
        assert_eq!(
            figure.alt_text(),
            "loss over 2 steps, at last 2.50, smoothed."
        );
    }

    #[test]
    fn at_least_one_value_must_be_finite() {
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

    #[test]
    fn the_running_mean_starts_at_the_first_value() {
        assert_eq!(moving_average(&[]), [0.0; 0]);
        let mean = moving_average(&[2.0, 4.0, f64::NAN, 4.0]);
        assert!((mean[0] - 2.0).abs() < 1e-12);
        // (0.98 × 0.02 × 2 + 0.02 × 4) / (1 − 0.98²)
        assert!((mean[1] - 0.1192 / 0.0396).abs() < 1e-12, "{mean:?}");
        assert!(mean[2].is_nan());
        // (0.98 × 0.1192 + 0.02 × 4) / (1 − 0.98³)
        assert!((mean[3] - 0.196_816 / 0.058_808).abs() < 1e-12, "{mean:?}");
    }

    #[test]
    fn steps_become_x() {
        assert_eq!(
            points(&[5.0, f64::INFINITY, 7.0], |step| step / 2.0),
            [(0.5, 5.0), (1.5, 7.0)]
        );
    }

    #[test]
    fn a_long_line_keeps_its_extremes() {
        let mut values = vec![1.0; 10_000];
        (values[1234], values[8765]) = (-3.0, 9.0);
        let line = points(&values, |step| step / 1000.0);
        assert!(line.len() <= MAX_POINTS, "{}", line.len());
        assert!(line.contains(&(1.235, -3.0)) && line.contains(&(8.766, 9.0)));
        assert!(line.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}

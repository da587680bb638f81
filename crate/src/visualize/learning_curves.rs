//! Loss and accuracy from epoch to epoch.

use super::axis::Axis;
use super::canvas::{Area, CHART_WIDTH, Canvas, Heading, MARGIN, Point};
use super::check::{ensure, ensure_finite};
use super::figure::Figure;
use super::line_chart::{Line, LineChart};
use super::numerals::{counted, percent, significant};
use crate::error::Result;
use crate::language::{said, say};

const FUNCTION: &str = "learning_curves";
const PANEL_HEIGHT: f64 = 270.0;
const PANEL_GAP: f64 = 28.0;

/// What was measured after one epoch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EpochMetrics {
    /// Mean loss on the training images; finite.
    pub training_loss: f64,
    /// Share of the training images that were classified correctly, in [0, 1].
    pub training_accuracy: f64,
    /// Mean loss on the validation images; `None` where it was not measured.
    pub validation_loss: Option<f64>,
    /// Share of the validation images that were classified correctly, in [0, 1].
    pub validation_accuracy: Option<f64>,
}

/// Loss at the left, accuracy in percent at the right; one element of `epochs` per epoch.
pub fn learning_curves(title: &str, epochs: &[EpochMetrics]) -> Result<Figure> {
    check(epochs)?;
    let loss = curves(
        epochs,
        |epoch| Some(epoch.training_loss),
        |epoch| epoch.validation_loss,
    );
    let accuracy = curves(
        epochs,
        |epoch| Some(epoch.training_accuracy),
        |epoch| epoch.validation_accuracy,
    );
    let alt_text = alt_text(title, epochs.len(), &loss, &accuracy);
    let loss_panel = loss_panel(epochs.len(), loss);
    let accuracy_panel = accuracy_panel(epochs.len(), accuracy);

    let heading = Heading::new(title, "", CHART_WIDTH);
    let top = heading.bottom();
    let mut canvas = Canvas::new(FUNCTION, CHART_WIDTH, top + PANEL_HEIGHT + MARGIN)?;
    canvas.heading(&heading);
    let width = (CHART_WIDTH - 2.0 * MARGIN - PANEL_GAP) / 2.0;
    loss_panel.draw(&mut canvas, Area::new(MARGIN, top, width, PANEL_HEIGHT));
    let right = MARGIN + width + PANEL_GAP;
    accuracy_panel.draw(&mut canvas, Area::new(right, top, width, PANEL_HEIGHT));
    canvas.finish(alt_text)
}

fn check(epochs: &[EpochMetrics]) -> Result<()> {
    ensure(!epochs.is_empty(), FUNCTION, || {
        "there are no epochs; train at least one".to_owned()
    })?;
    let losses = epochs.iter().map(|epoch| epoch.training_loss);
    ensure_finite(FUNCTION, "training loss", losses)?;
    let losses = epochs.iter().filter_map(|epoch| epoch.validation_loss);
    ensure_finite(FUNCTION, "validation loss", losses)?;
    for (index, epoch) in epochs.iter().enumerate() {
        let accuracies = [Some(epoch.training_accuracy), epoch.validation_accuracy];
        for accuracy in accuracies.into_iter().flatten() {
            ensure((0.0..=1.0).contains(&accuracy), FUNCTION, || {
                format!(
                    "the accuracy of epoch {} is {accuracy}; give a share in [0, 1], not percent",
                    index + 1
                )
            })?;
        }
    }
    Ok(())
}

/// The training line and, if anything was measured, the validation line.
fn curves(
    epochs: &[EpochMetrics],
    training: impl Fn(&EpochMetrics) -> Option<f64>,
    validation: impl Fn(&EpochMetrics) -> Option<f64>,
) -> Vec<(&'static str, Vec<Point>)> {
    let points = |value: &dyn Fn(&EpochMetrics) -> Option<f64>| -> Vec<Point> {
        (epochs.iter().enumerate())
            .filter_map(|(index, epoch)| Some(((index + 1) as f64, value(epoch)?)))
            .collect()
    };
    let curves = [
        (say("training", "訓練データ"), points(&training)),
        (say("validation", "検証データ"), points(&validation)),
    ];
    curves
        .into_iter()
        .filter(|(_, points)| !points.is_empty())
        .collect()
}

fn loss_panel(epochs: usize, curves: Vec<(&str, Vec<Point>)>) -> LineChart {
    let (low, high) = range(&curves);
    // From zero, so that a loss that hardly falls looks like one.
    let low = low.min(0.0);
    panel(
        epochs,
        (say("Loss", "損失"), say("mean loss", "平均損失")),
        Axis::round(low, high, 5),
        curves,
        |loss| significant(loss, 3),
    )
}

fn accuracy_panel(epochs: usize, curves: Vec<(&str, Vec<Point>)>) -> LineChart {
    let in_percent: Vec<_> = curves
        .into_iter()
        .map(|(name, points)| {
            let points = points.into_iter().map(|(x, y)| (x, 100.0 * y)).collect();
            (name, points)
        })
        .collect();
    let (low, high) = range(&in_percent);
    let mut axis = Axis::round((low - 1.0).max(0.0), (high + 1.0).min(100.0), 5);
    axis.high = axis.high.min(100.0);
    panel(
        epochs,
        (
            say("Accuracy", "正解率"),
            say("accuracy in %", "正解率 (%)"),
        ),
        axis,
        in_percent,
        |accuracy| percent(accuracy / 100.0, 1),
    )
}

fn panel(
    epochs: usize,
    (title, y_title): (&str, &str),
    y: Axis,
    curves: Vec<(&str, Vec<Point>)>,
    end_label: impl Fn(f64) -> String,
) -> LineChart {
    let lines = curves.into_iter().map(|(name, points)| Line {
        name: name.to_owned(),
        end_label: points.last().map(|&(_, value)| end_label(value)),
        points,
    });
    LineChart {
        title: title.to_owned(),
        x: Axis::numbering(epochs, 8),
        y,
        x_title: say("epoch", "エポック").to_owned(),
        y_title: y_title.to_owned(),
        lines: lines.collect(),
        shaded: false,
    }
}

fn range(curves: &[(&str, Vec<Point>)]) -> (f64, f64) {
    let values = || {
        curves
            .iter()
            .flat_map(|(_, points)| points)
            .map(|point| point.1)
    };
    (
        values().fold(f64::INFINITY, f64::min),
        values().fold(f64::NEG_INFINITY, f64::max),
    )
}

fn alt_text(
    title: &str,
    epochs: usize,
    loss: &[(&str, Vec<Point>)],
    accuracy: &[(&str, Vec<Point>)],
) -> String {
    let mut sentences = vec![said!(
        "{title}. Learning curves over {}.",
        "{title}。{}の学習曲線。",
        counted(epochs, ["epoch", "epochs"], ["", "エポック"])
    )];
    let mut describe = |what: &str, curves: &[(&str, Vec<Point>)], show: &dyn Fn(f64) -> String| {
        for (name, points) in curves {
            if let (Some(first), Some(last)) = (points.first(), points.last()) {
                let (first, last) = (show(first.1), show(last.1));
                sentences.push(said!(
                    "{what} in {name}: from {first} to {last}.",
                    "{name}の{what}: {first} から {last}。"
                ));
            }
        }
    };
    describe(say("Loss", "損失"), loss, &|value| significant(value, 3));
    describe(say("Accuracy", "正解率"), accuracy, &|value| {
        percent(value, 1)
    });
    sentences.join(say(" ", ""))
}

//! Loss and accuracy from epoch to epoch.

use super::axis::Axis;
use super::canvas::{Area, CHART_WIDTH, Canvas, Heading, MARGIN, Point};
use super::check::{ensure, ensure_finite};
use super::colour::{BLUE, GRID};
use super::figure::Figure;
use super::line_chart::{Line, LineChart};
use super::numerals::{counted, percent, significant};
use crate::error::Result;
use crate::language::{said, say};

const FUNCTION: &str = "learning_curves";
const PANEL_HEIGHT: f64 = 270.0;
const PANEL_GAP: f64 = 28.0;
const BAR_HEIGHT: f64 = 10.0;
const BAR_GAP: f64 = 18.0;

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

/// How far a training is, for [`training_progress`].
#[derive(Clone, Debug, PartialEq)]
pub struct ProgressBar {
    /// The share that is done, in [0, 1].
    pub share: f64,
    /// The same in words, with the time left.
    pub text: String,
}

/// Loss at the left, accuracy in percent at the right; one element of `epochs` per epoch.
pub fn learning_curves(title: &str, epochs: &[EpochMetrics]) -> Result<Figure> {
    ensure(!epochs.is_empty(), FUNCTION, || {
        "there are no epochs; train at least one".to_owned()
    })?;
    figure(title, None, epochs)
}

/// A bar with the share that is done, and below it the learning curves of the epochs that are over, if
/// there are any.
pub fn training_progress(
    title: &str,
    progress: &ProgressBar,
    epochs: &[EpochMetrics],
) -> Result<Figure> {
    ensure((0.0..=1.0).contains(&progress.share), FUNCTION, || {
        format!("{} of the training cannot be done", progress.share)
    })?;
    figure(title, Some(progress), epochs)
}

fn figure(title: &str, progress: Option<&ProgressBar>, epochs: &[EpochMetrics]) -> Result<Figure> {
    check(epochs)?;
    let subtitle = progress.map_or("", |progress| &progress.text);
    let heading = Heading::new(title, subtitle, CHART_WIDTH);
    let top = heading.bottom() + progress.map_or(0.0, |_| BAR_HEIGHT + BAR_GAP);
    let panels = if epochs.is_empty() { 0.0 } else { PANEL_HEIGHT };
    let mut canvas = Canvas::new(FUNCTION, CHART_WIDTH, top + panels + MARGIN)?;
    canvas.heading(&heading);
    let width = CHART_WIDTH - 2.0 * MARGIN;
    let mut words = vec![sentence(title)];
    if let Some(progress) = progress {
        let area = Area::new(MARGIN, heading.bottom(), width, BAR_HEIGHT);
        draw_bar(&mut canvas, area, progress.share);
        words.push(sentence(&progress.text));
    }
    if !epochs.is_empty() {
        let area = Area::new(MARGIN, top, width, panels);
        words.push(draw_panels(&mut canvas, area, epochs));
    }
    canvas.finish(words.join(say(" ", "")))
}

fn sentence(text: &str) -> String {
    said!("{text}.", "{text}。")
}

fn draw_bar(canvas: &mut Canvas, area: Area, share: f64) {
    canvas.rectangle(area, GRID);
    let done = Area::new(area.x, area.y, area.width * share, area.height);
    canvas.rectangle(done, BLUE);
}

/// Draws both panels, and says in words what they show.
fn draw_panels(canvas: &mut Canvas, area: Area, epochs: &[EpochMetrics]) -> String {
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
    let words = in_words(epochs.len(), &loss, &accuracy);
    let width = (area.width - PANEL_GAP) / 2.0;
    let left = Area::new(area.x, area.y, width, area.height);
    loss_panel(epochs.len(), loss).draw(canvas, left);
    let right = Area::new(area.x + width + PANEL_GAP, area.y, width, area.height);
    accuracy_panel(epochs.len(), accuracy).draw(canvas, right);
    words
}

fn check(epochs: &[EpochMetrics]) -> Result<()> {
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

fn in_words(epochs: usize, loss: &[(&str, Vec<Point>)], accuracy: &[(&str, Vec<Point>)]) -> String {
    let mut sentences = vec![said!(
        "Learning curves over {}.",
        "{}の学習曲線。",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_a_bar_above_the_curves() {
        let progress = |share| ProgressBar {
            share,
            text: "epoch 1 of 4, 5 s left".into(),
        };
        let before = training_progress("Training", &progress(0.1), &[]).unwrap();
        assert_eq!(before.alt_text(), "Training. epoch 1 of 4, 5 s left.");
        let epoch = EpochMetrics {
            training_loss: 1.0,
            training_accuracy: 0.5,
            ..Default::default()
        };
        let after = training_progress("Training", &progress(0.25), &[epoch]).unwrap();
        assert_eq!(f64::from(after.height() - before.height()), PANEL_HEIGHT);
        assert!(after.alt_text().contains("Learning curves over 1 epoch."));
        for share in [-0.1, 1.1, f64::NAN] {
            assert!(
                training_progress("", &progress(share), &[]).is_err(),
                "{share}"
            );
        }
    }
}

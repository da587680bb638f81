//! Loss and accuracy from epoch to epoch.

use super::axis::Axis;
use super::line_chart::{Line, LineChart, LineKind, y_range};
use super::prelude::*;
use super::step_curve;

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

/// The losses of a training's steps, for [`training_curves`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepLosses {
    /// The loss of each step. Losses that are not finite are left out.
    pub losses: Vec<f64>,
    /// Steps per epoch, at least 1.
    pub steps_per_epoch: usize,
    /// Epochs before the first of these steps.
    pub epochs_before: usize,
    /// Epochs of the whole training.
    pub epochs: usize,
    /// An epoch, such as 1.5, at which something happened, and what.
    pub mark: Option<(f64, String)>,
}

/// The loss at the left, the accuracy in percent at the right; one element of `epochs` per epoch.
///
/// # Errors
/// [`Error::Picture`](crate::Error::Picture) without epochs, for a loss that is not finite or an accuracy outside [0, 1].
pub fn learning_curves(title: &str, epochs: &[EpochMetrics]) -> Result<Figure> {
    ensure(!epochs.is_empty(), FUNCTION, || {
        "there are no epochs; train at least one".to_owned()
    })?;
    figure(title, epochs, None)
}

/// The same with the losses of the steps and their running mean behind the loss. It is for a training that is not over, so
/// there may be no epochs yet.
///
/// # Errors
/// [`Error::Picture`](crate::Error::Picture) if `steps_per_epoch` is 0, for a loss of an epoch that is not finite, or an
/// accuracy outside [0, 1].
pub fn training_curves(title: &str, epochs: &[EpochMetrics], steps: &StepLosses) -> Result<Figure> {
    ensure(steps.steps_per_epoch > 0, FUNCTION, || {
        "steps_per_epoch is 0; an epoch has at least 1".to_owned()
    })?;
    figure(title, epochs, Some(steps))
}

fn figure(title: &str, epochs: &[EpochMetrics], steps: Option<&StepLosses>) -> Result<Figure> {
    check(epochs)?;
    let (loss, accuracy) = (loss(), accuracy());
    let x = match steps {
        Some(steps) => Axis::from_zero(steps.epochs.max(epochs.len()), 8),
        None => Axis::from_one(epochs.len(), 8),
    };
    let (mut losses, accuracies) = (loss.lines(epochs), accuracy.lines(epochs));
    losses.extend(steps.into_iter().flat_map(step_lines));
    let loss_axis = loss_axis(y_range(&losses));
    let accuracy_axis = accuracy_axis(y_range(&accuracies));
    let alt_text = alt_text(title, epochs, [&loss, &accuracy], steps);
    let (epoch, mean) = (
        translated("epoch", "エポック"),
        translated("mean loss", "平均損失"),
    );
    let mut left = LineChart::new((x.clone(), epoch), (loss_axis, mean), losses);
    left.title = loss.name;
    left.mark = steps.and_then(|steps| steps.mark.clone());
    let in_percent = translated("accuracy in %", "正解率 (%)");
    let mut right = LineChart::new((x, epoch), (accuracy_axis, in_percent), accuracies);
    right.title = accuracy.name;
    let (titles, size) = ((title, ""), (CHART_WIDTH, PANEL_HEIGHT));
    Figure::draw(FUNCTION, titles, size, &alt_text, |canvas, top| {
        let width = (CHART_WIDTH - 2.0 * MARGIN - PANEL_GAP) / 2.0;
        for (panel, x) in [(left, MARGIN), (right, MARGIN + width + PANEL_GAP)] {
            panel.draw(canvas, area((x, top), (width, PANEL_HEIGHT)));
        }
    })
}

fn check(epochs: &[EpochMetrics]) -> Result<()> {
    let losses = epochs.iter().map(|epoch| epoch.training_loss);
    ensure_finite(FUNCTION, "training loss", losses)?;
    let losses = epochs.iter().filter_map(|epoch| epoch.validation_loss);
    ensure_finite(FUNCTION, "validation loss", losses)?;
    for (number, epoch) in (1..).zip(epochs) {
        let validation = epoch.validation_accuracy.unwrap_or_default();
        for accuracy in [epoch.training_accuracy, validation] {
            ensure((0.0..=1.0).contains(&accuracy), FUNCTION, || {
                format!(
                    "the accuracy of epoch {number} is {accuracy}; give a share in [0, 1], not percent"
                )
            })?;
        }
    }
    Ok(())
}

fn loss() -> Quantity {
    Quantity {
        name: translated("Loss", "損失"),
        training: |epoch| epoch.training_loss,
        validation: |epoch| epoch.validation_loss,
        format: |loss| significant(loss, 3),
    }
}

fn accuracy() -> Quantity {
    Quantity {
        name: translated("Accuracy", "正解率"),
        training: |epoch| 100.0 * epoch.training_accuracy,
        validation: |epoch| Some(100.0 * epoch.validation_accuracy?),
        format: |accuracy| percent(accuracy / 100.0, 1),
    }
}

/// The quantity in one chart.
struct Quantity {
    name: &'static str,
    training: fn(&EpochMetrics) -> f64,
    validation: fn(&EpochMetrics) -> Option<f64>,
    format: fn(f64) -> String,
}

impl Quantity {
    /// The line of the training images and, if measured, that of the validation images.
    fn lines(&self, epochs: &[EpochMetrics]) -> Vec<Line> {
        let numbered = || (1..).map(f64::from).zip(epochs);
        let training = numbered().map(|(number, epoch)| (number, (self.training)(epoch)));
        let validation =
            numbered().filter_map(|(number, epoch)| Some((number, (self.validation)(epoch)?)));
        let line = |name, points| Line::new(LineKind::Series, name, points);
        let mut lines = vec![
            line(translated("training", "訓練データ"), training.collect()),
            line(translated("validation", "検証データ"), validation.collect()),
        ];
        lines.retain(|line| !line.points.is_empty());
        for line in &mut lines {
            line.end_label = line.points.last().map(|point| (self.format)(point.1));
        }
        lines
    }
}

/// A linear axis from zero, so that a loss that hardly falls looks like that. Logarithmic for losses that differ by a
/// factor of more than 1,000: on a linear axis, all but the largest would be at zero.
fn loss_axis(range: Option<(f64, f64)>) -> Axis {
    match range {
        None => Axis::round(0.0, 1.0, 5),
        Some((low, high)) if low > 0.0 && high / low > 1000.0 && high > 100.0 => {
            Axis::logarithmic(low.max(1e-100), high)
        }
        Some((low, high)) => Axis::round(low.min(0.0), high, 5),
    }
}

fn accuracy_axis(range: Option<(f64, f64)>) -> Axis {
    let (low, high) = range.unwrap_or((0.0, 100.0));
    let axis = Axis::round((low - 1.0).max(0.0), (high + 1.0).min(100.0), 5);
    match axis.fraction(100.0) < 1.0 {
        true => axis.with_end(100.0),
        false => axis,
    }
}

/// The losses of the steps and their running mean.
fn step_lines(steps: &StepLosses) -> [Line; 2] {
    let (per_epoch, before) = (steps.steps_per_epoch as f64, steps.epochs_before as f64);
    let name = translated("steps, smoothed", "各ステップ (平滑化)");
    step_curve::lines(&steps.losses, name, |step| before + step / per_epoch)
}

fn alt_text(
    title: &str,
    epochs: &[EpochMetrics],
    quantities: [&Quantity; 2],
    steps: Option<&StepLosses>,
) -> String {
    let number = with_noun(epochs.len(), "epoch", ["", "エポック"]);
    let mut text = translate!(
        "{title}. Learning curves over {number}.",
        "{title}。{number}の学習曲線。"
    );
    for quantity in quantities {
        for line in quantity.lines(epochs) {
            let ends = [line.points.first(), line.points.last()];
            let [first, last] = ends.map(|end| end.map_or(0.0, |point| point.1));
            let [first, last] = [first, last].map(quantity.format);
            let (what, name) = (quantity.name, line.name);
            text += &translate!(
                " {what} in {name}: from {first} to {last}.",
                "{name}の{what}: {first} から {last}。"
            );
        }
    }
    if let Some((x, what)) = steps.and_then(|steps| steps.mark.as_ref()) {
        text += &translate!(
            " Marked: {what}, at epoch {x:.1}.",
            "印: {what} (エポック {x:.1})。"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(loss: f64) -> EpochMetrics {
        EpochMetrics {
            training_loss: loss,
            training_accuracy: 0.5,
            ..Default::default()
        }
    }

    fn steps(losses: Vec<f64>, epochs: usize) -> StepLosses {
        StepLosses {
            steps_per_epoch: (losses.len() / epochs).max(1),
            losses,
            epochs,
            ..Default::default()
        }
    }

    #[test]
    fn a_long_training_is_a_small_picture() {
        let losses = (0..540 * 100).map(|step| f64::from(step * 7919 % 1000) / 1000.0);
        let epochs = vec![epoch(0.25); 100];
        let figure = training_curves("Training", &epochs, &steps(losses.collect(), 100));
        let image = figure.unwrap().image().unwrap();
        assert!(image.len() < 60_000, "{} bytes", image.len());
    }

    #[test]
    fn a_training_can_be_drawn_before_its_first_step_and_epoch() {
        let figure = training_curves("Training", &[], &steps(Vec::new(), 5)).unwrap();
        assert!(figure.alt_text().contains("Learning curves over 0 epochs."));
        let none = StepLosses::default();
        assert!(
            training_curves("Training", &[], &none).is_err(),
            "0 steps an epoch"
        );
    }

    #[test]
    fn a_loss_that_explodes_has_another_scale_and_a_mark() {
        let mut exploded = steps(vec![2.0, 2.0, 1e12, f64::NAN], 2);
        exploded.mark = Some((1.5, "the loss explodes".into()));
        let figure = training_curves("Training", &[epoch(2.0)], &exploded).unwrap();
        let (words, svg) = (figure.alt_text(), figure.svg().unwrap());
        assert!(
            words.ends_with("Marked: the loss explodes, at epoch 1.5."),
            "{words}"
        );
        assert!(
            svg.contains("10¹²") && svg.contains("the loss explodes"),
            "{svg}"
        );
        assert!(
            loss_axis(Some((1.0, 900.0))).fraction(450.0) > 0.4,
            "linear"
        );
        assert!(
            loss_axis(Some((1.0, 1e12))).fraction(1e6) < 0.6,
            "logarithmic"
        );
    }
}

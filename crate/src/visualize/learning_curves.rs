//! Loss and accuracy from epoch to epoch.

use super::axis::Axis;
use super::canvas::{Area, CHART_WIDTH, Canvas, Heading, MARGIN, Point};
use super::check::{ensure, ensure_finite};
use super::colour::{BLUE, GRID};
use super::figure::Figure;
use super::line_chart::{Line, LineChart, Manner};
use super::numerals::{counted, percent, significant};
use super::steps::{line, smoothed};
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

/// The losses of a training's steps, for [`training_curves`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepLosses {
    /// The loss of each step; what is not finite is left out.
    pub losses: Vec<f64>,
    /// How many steps an epoch has; at least 1.
    pub steps_per_epoch: usize,
    /// How many epochs were over before the first of these steps.
    pub epochs_before: usize,
    /// How many epochs the training is to have.
    pub epochs: usize,
    /// An epoch, with its fraction, at which something happened, and what.
    pub mark: Option<(f64, String)>,
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
    figure(title, None, epochs, None)
}

/// The same with the losses of the steps behind the loss, as they are and smoothed; for a training that
/// goes on, so that there may be no epoch yet.
pub fn training_curves(title: &str, epochs: &[EpochMetrics], steps: &StepLosses) -> Result<Figure> {
    ensure(steps.steps_per_epoch > 0, FUNCTION, || {
        "steps_per_epoch is 0; an epoch has at least 1".to_owned()
    })?;
    figure(title, None, epochs, Some(steps))
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
    figure(title, Some(progress), epochs, None)
}

fn figure(
    title: &str,
    progress: Option<&ProgressBar>,
    epochs: &[EpochMetrics],
    steps: Option<&StepLosses>,
) -> Result<Figure> {
    check(epochs)?;
    let subtitle = progress.map_or("", |progress| &progress.text);
    let heading = Heading::new(title, subtitle, CHART_WIDTH);
    let top = heading.bottom() + progress.map_or(0.0, |_| BAR_HEIGHT + BAR_GAP);
    let has_panels = !epochs.is_empty() || steps.is_some();
    let panels = if has_panels { PANEL_HEIGHT } else { 0.0 };
    Figure::draw(FUNCTION, CHART_WIDTH, top + panels + MARGIN, |canvas| {
        canvas.heading(&heading);
        let width = CHART_WIDTH - 2.0 * MARGIN;
        let mut words = vec![sentence(title)];
        if let Some(progress) = progress {
            let area = Area::new(MARGIN, heading.bottom(), width, BAR_HEIGHT);
            draw_bar(canvas, area, progress.share);
            words.push(sentence(&progress.text));
        }
        if has_panels {
            let area = Area::new(MARGIN, top, width, panels);
            words.push(draw_panels(canvas, area, epochs, steps));
        }
        Ok(words.join(say(" ", "")))
    })
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
fn draw_panels(
    canvas: &mut Canvas,
    area: Area,
    epochs: &[EpochMetrics],
    steps: Option<&StepLosses>,
) -> String {
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
    let mut words = in_words(epochs.len(), &loss, &accuracy);
    if let Some((x, what)) = steps.and_then(|steps| steps.mark.as_ref()) {
        words += &said!(
            " Marked: {what}, at epoch {x:.1}.",
            "印: {what} (エポック {x:.1})。"
        );
    }
    let width = (area.width - PANEL_GAP) / 2.0;
    let left = Area::new(area.x, area.y, width, area.height);
    let x = match steps {
        Some(steps) => Axis::whole_numbers(steps.epochs.max(epochs.len()), 8),
        None => Axis::numbering(epochs.len(), 8),
    };
    loss_panel(x.clone(), loss, steps).draw(canvas, left);
    let right = Area::new(area.x + width + PANEL_GAP, area.y, width, area.height);
    accuracy_panel(x, accuracy).draw(canvas, right);
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

fn loss_panel(x: Axis, curves: Vec<(&str, Vec<Point>)>, steps: Option<&StepLosses>) -> LineChart {
    let behind = steps.map(step_lines).unwrap_or_default();
    let values = || {
        let series = curves.iter().map(|(_, points)| points);
        let points = series.chain(behind.iter().map(|line| &line.points));
        points.flatten().map(|point| point.1)
    };
    let y = loss_axis(values);
    let titles = (say("Loss", "損失"), say("mean loss", "平均損失"));
    let mut panel = panel(x, titles, y, curves, |loss| significant(loss, 3));
    panel.lines.extend(behind);
    panel.mark = steps.and_then(|steps| steps.mark.clone());
    panel
}

/// From zero, so that a loss that hardly falls looks like one. Losses that grow a thousandfold have a
/// logarithmic scale: on another one, all but the largest would lie on the axis.
fn loss_axis<I: Iterator<Item = f64>>(values: impl Fn() -> I) -> Axis {
    let low = values().fold(f64::INFINITY, f64::min);
    let high = values().fold(f64::NEG_INFINITY, f64::max);
    match (
        low.is_finite(),
        low > 0.0 && high / low > 1000.0 && high > 100.0,
    ) {
        (false, _) => Axis::round(0.0, 1.0, 5),
        (true, true) => Axis::logarithmic(low.max(1e-100), high),
        (true, false) => Axis::round(low.min(0.0), high, 5),
    }
}

/// The losses of the steps, raw and smoothed.
fn step_lines(steps: &StepLosses) -> Vec<Line> {
    let per_epoch = steps.steps_per_epoch as f64;
    let shifted = |values: &[f64]| -> Vec<Point> {
        let points = line(values, per_epoch).into_iter();
        points
            .map(|(x, y)| (x + steps.epochs_before as f64, y))
            .collect()
    };
    let lines = [
        (Manner::Raw, "", shifted(&steps.losses)),
        (
            Manner::Smoothed,
            say("steps, smoothed", "各ステップ (平滑化)"),
            shifted(&smoothed(&steps.losses)),
        ),
    ];
    lines
        .into_iter()
        .map(|(manner, name, points)| Line {
            manner,
            name: name.to_owned(),
            points,
            end_label: None,
        })
        .collect()
}

fn accuracy_panel(x: Axis, curves: Vec<(&str, Vec<Point>)>) -> LineChart {
    let in_percent: Vec<_> = curves
        .into_iter()
        .map(|(name, points)| {
            let points = points.into_iter().map(|(x, y)| (x, 100.0 * y)).collect();
            (name, points)
        })
        .collect();
    let (low, high) = match in_percent.is_empty() {
        true => (0.0, 100.0),
        false => range(&in_percent),
    };
    let mut axis = Axis::round((low - 1.0).max(0.0), (high + 1.0).min(100.0), 5);
    if axis.share(100.0) < 1.0 {
        axis = axis.ending_at(100.0);
    }
    panel(
        x,
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
    x: Axis,
    (title, y_title): (&str, &str),
    y: Axis,
    curves: Vec<(&str, Vec<Point>)>,
    end_label: impl Fn(f64) -> String,
) -> LineChart {
    let lines = curves.into_iter().map(|(name, points)| Line {
        manner: Manner::Series,
        name: name.to_owned(),
        end_label: points.last().map(|&(_, value)| end_label(value)),
        points,
    });
    LineChart {
        title: title.to_owned(),
        x,
        y,
        x_title: say("epoch", "エポック").to_owned(),
        y_title: y_title.to_owned(),
        lines: lines.collect(),
        shaded: false,
        mark: None,
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
            loss_axis(|| [1.0, 900.0].into_iter()).share(450.0) > 0.4,
            "linear"
        );
        assert!(
            loss_axis(|| [1.0, 1e12].into_iter()).share(1e6) < 0.6,
            "logarithmic"
        );
    }

    #[test]
    fn progress_is_a_bar_above_the_curves() {
        let progress = |share| ProgressBar {
            share,
            text: "epoch 1 of 4, 5 s left".into(),
        };
        let before = training_progress("Training", &progress(0.1), &[]).unwrap();
        assert_eq!(before.alt_text(), "Training. epoch 1 of 4, 5 s left.");
        let after = training_progress("Training", &progress(0.25), &[epoch(1.0)]).unwrap();
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

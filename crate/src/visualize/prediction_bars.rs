//! Images with the predicted probabilities of their classes.

use super::check::class_names;
use super::picture::Picture;
use super::prelude::*;
use super::tile::{Tile, draw_mark};

const FUNCTION: &str = "prediction_bars";
const IMAGE_SIDE: f64 = 112.0;
const BAR: f64 = 17.0;
const ROW_GAP: f64 = 22.0;
const MAX_NAME_WIDTH: f64 = 230.0;
/// The space at the right of the bars for the percentage and "true class".
const ANNOTATION: f64 = 130.0;
/// The space below the bars for the labels and the title of the axis.
const AXIS_HEIGHT: f64 = 44.0;
/// The probabilities at which the axis has a line and a label.
const TICKS: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];
/// Classes shown per image by default.
const DEFAULT_CLASSES: usize = 10;

/// The predicted probabilities of one image.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prediction {
    /// The image. Its mark is ignored: the true class decides whether the prediction is right.
    pub picture: Picture,
    /// One probability in [0, 1] per class, the output of softmax. Their sum is 1.
    pub probabilities: Vec<f64>,
    /// The index of the true class, if it is known.
    pub true_class: Option<usize>,
}

/// Each image at the left, its most probable classes as bars at the right, the most probable first.
///
/// `classes_shown` is the number of bars per image, at least 1; `None` for up to 10. The true class is added if it is not
/// among them.
///
/// # Errors
/// [`Error::Picture`](crate::Error::Picture) without classes or predictions, for probabilities that are not one per class
/// in [0, 1] with the sum 1, or for a picture with an overlay.
pub fn prediction_bars(
    title: &str,
    class_names: &[impl AsRef<str>],
    predictions: &[Prediction],
    classes_shown: Option<usize>,
) -> Result<Figure> {
    let names = self::class_names(FUNCTION, class_names)?;
    draw(title, &names, predictions, classes_shown)
}

fn draw(
    title: &str,
    names: &[String],
    predictions: &[Prediction],
    classes_shown: Option<usize>,
) -> Result<Figure> {
    check(names, predictions, classes_shown)?;
    let shown = classes_shown.unwrap_or(DEFAULT_CLASSES).min(names.len());
    let row = |prediction| Row::new(prediction, shown, names);
    let rows: Vec<Row> = predictions.iter().map(row).collect();
    let heights: f64 = rows.iter().map(|row| row.height + ROW_GAP).sum();
    let size = (CHART_WIDTH, heights - ROW_GAP + AXIS_HEIGHT);
    let alt_text = alt_text(title, names, &rows);
    Figure::draw(FUNCTION, (title, ""), size, &alt_text, |canvas, mut top| {
        let label_width = rows.iter().map(|row| row.label_width).fold(0.0, f64::max);
        let left = MARGIN + IMAGE_SIDE + 34.0 + label_width;
        let width = CHART_WIDTH - MARGIN - ANNOTATION - left;
        for row in &rows {
            let image = (MARGIN + 2.0 + IMAGE_SIDE / 2.0, top + 2.0 + row.tile.size.1);
            row.tile.draw(canvas, image);
            row.draw_bars(canvas, names, area((left, top), (width, row.height)));
            top += row.height + ROW_GAP;
        }
        let bottom = top - ROW_GAP;
        for tick in TICKS {
            let at = (left + tick * width, bottom + 15.0);
            canvas.text(Text::new(&percent(tick, 0), at, SMALL).muted().centred());
        }
        let title = translated("predicted probability", "予測確率");
        let title = Text::new(title, (left + width / 2.0, bottom + 36.0), LABEL);
        canvas.text(title.muted().centred());
    })
}

fn check(names: &[String], predictions: &[Prediction], classes_shown: Option<usize>) -> Result<()> {
    ensure_not_empty(FUNCTION, "predictions", predictions)?;
    ensure_positive(FUNCTION, "classes_shown", classes_shown)?;
    for (index, prediction) in predictions.iter().enumerate() {
        prediction.picture.check_plain(FUNCTION, index)?;
        let probabilities = &prediction.probabilities;
        let (number, classes) = (probabilities.len(), names.len());
        ensure(number == classes, FUNCTION, || {
            format!(
                "prediction {index} has {number} probabilities for {classes} class names; give one per class"
            )
        })?;
        probabilities.iter().try_for_each(|value| {
            ensure((0.0..=1.0).contains(value), FUNCTION, || {
                format!(
                    "prediction {index} has the probability {value}; apply softmax to get values in [0, 1]"
                )
            })
        })?;
        let sum: f64 = probabilities.iter().sum();
        ensure((sum - 1.0).abs() < 0.01, FUNCTION, || {
            format!(
                "the probabilities of prediction {index} add up to {sum:.3}; apply softmax to get 1"
            )
        })?;
        let class = prediction.true_class.unwrap_or_default();
        ensure(class < classes, FUNCTION, || {
            let last = classes - 1;
            format!("the true class of prediction {index} is {class}; the last class is {last}")
        })?;
    }
    Ok(())
}

/// One image with its bars.
struct Row<'a> {
    prediction: &'a Prediction,
    /// The classes shown, from the most to the least probable.
    classes: Vec<usize>,
    /// The image. Its border says whether the most probable class is the true one, if that is known.
    tile: Tile<'a>,
    label_width: f64,
    height: f64,
}

impl<'a> Row<'a> {
    fn new(prediction: &'a Prediction, shown: usize, names: &[String]) -> Row<'a> {
        let mut classes: Vec<usize> = (0..names.len()).collect();
        let probability = |class: usize| prediction.probabilities[class];
        classes.sort_by(|&one, &other| probability(other).total_cmp(&probability(one)));
        let cut = classes.split_off(shown);
        let truth = prediction.true_class;
        classes.extend(truth.filter(|class| cut.contains(class)));
        let mut tile = Tile::fitted(&prediction.picture, IMAGE_SIDE);
        tile.is_right = truth.map(|class| class == classes[0]);
        let width = |&class: &usize| text::width(&names[class], SMALL, true);
        let widest = classes.iter().map(width).fold(0.0, f64::max);
        let image = IMAGE_SIDE + tile.caption_height();
        Row {
            label_width: widest.min(MAX_NAME_WIDTH),
            height: image.max(BAR * classes.len() as f64),
            prediction,
            classes,
            tile,
        }
    }

    fn draw_bars(&self, canvas: &mut Canvas, names: &[String], bars: Area) {
        for tick in TICKS {
            let x = bars.x0 + tick * bars.width();
            let colour = if tick == 0.0 { AXIS } else { GRID };
            canvas.line([(x, bars.y0), (x, bars.y1)], Stroke::solid(colour, 1.0));
        }
        let mut top = bars.center().y - BAR * self.classes.len() as f64 / 2.0;
        for (index, &class) in self.classes.iter().enumerate() {
            let bar = area((bars.x0, top), (bars.width(), BAR));
            self.draw_bar(canvas, bar, class, index == 0, &names[class]);
            top += BAR;
        }
    }

    fn draw_bar(&self, canvas: &mut Canvas, slot: Area, class: usize, predicted: bool, name: &str) {
        let probability = self.prediction.probabilities[class];
        let middle = slot.center().y;
        let colour = match (predicted, self.tile.is_right) {
            (true, Some(false)) => VERMILLION,
            (true, _) => BLUE,
            (false, _) => LIGHT_BLUE,
        };
        let length = probability * slot.width();
        canvas.rectangle(area((slot.x0, slot.y0 + 2.0), (length, BAR - 4.0)), colour);
        let name = text::truncated(name, SMALL, predicted, MAX_NAME_WIDTH);
        let name = Text::new(&name, (slot.x0 - 7.0, middle), SMALL);
        canvas.text(name.bold(predicted).right_aligned().vertically_centred());
        let (number, mut x) = (percent(probability, 1), slot.x0 + length + 5.0);
        let label = Text::new(&number, (x, middle), SMALL);
        canvas.text(label.bold(predicted).vertically_centred());
        x += text::width(&number, SMALL, predicted) + 16.0;
        if let (true, Some(right)) = (predicted, self.tile.is_right) {
            draw_mark(canvas, right, (x, middle));
            x += 9.0;
        }
        if self.prediction.true_class == Some(class) {
            let note = match predicted {
                true => translated("true class", "正解クラス"),
                false => translated("← true class", "← 正解クラス"),
            };
            canvas.text(Text::new(note, (x, middle), SMALL).vertically_centred());
        }
    }
}

fn alt_text(title: &str, names: &[String], rows: &[Row]) -> String {
    let mut text = translate!(
        "{title}. Images with the probabilities of their classes.",
        "{title}。画像とクラスの確率。"
    );
    for (number, row) in (1..).zip(rows) {
        let describe = |&class: &usize| {
            let probability = percent(row.prediction.probabilities[class], 1);
            format!("{} {probability}", names[class])
        };
        let named: Vec<String> = row.classes.iter().take(3).map(describe).collect();
        let mark = match row.tile.is_right {
            Some(true) => translated("right", "正解"),
            _ => translated("wrong", "不正解"),
        };
        let truth = row.prediction.true_class.map(|class| {
            let name = &names[class];
            translate!(
                "; true class {name} ({mark})",
                "。正解クラス: {name} ({mark})"
            )
        });
        text += &translate!(
            " Image {number}: {}{}.",
            "画像 {number}: {}{}。",
            text::joined(&named),
            truth.unwrap_or_default()
        );
    }
    text
}

//! Images with the probabilities that the network gives to the classes.

use super::canvas::{Area, CHART_WIDTH, Canvas, Heading, LABEL, MARGIN, SMALL, Stroke};
use super::check::{class_names, ensure, invalid};
use super::colour::{AXIS, BLUE, GRID, MUTED, PALE, VERMILLION};
use super::figure::Figure;
use super::image_grid::{draw_mark, draw_picture};
use super::numerals::percent;
use super::picture::Picture;
use super::text::{self, Align, Text};
use crate::error::Result;
use crate::language::{said, say};

const FUNCTION: &str = "prediction_bars";
const IMAGE_SIDE: f64 = 112.0;
const BAR: f64 = 17.0;
const ROW_GAP: f64 = 22.0;
const LONGEST_NAME: f64 = 230.0;
/// Right of the bars: the percentage and "true class".
const ANNOTATION: f64 = 130.0;
/// Classes shown per image unless more are asked for.
const USUAL_CLASSES: usize = 10;

/// What the network says about one image.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prediction {
    /// The image; its mark is ignored, the true class says whether the prediction is right.
    pub picture: Picture,
    /// One probability in [0, 1] per class, the output of softmax; their sum is 1.
    pub probabilities: Vec<f64>,
    /// The index of the true class, if it is known.
    pub true_class: Option<usize>,
}

/// Each image at the left, the most probable classes as bars at the right, most probable first.
///
/// `classes_shown` is the number of bars per image, at least 1; `None` for up to 10. The true class
/// is added if it would not be among them.
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
    let shown = classes_shown.unwrap_or(USUAL_CLASSES).min(names.len());
    let rows: Vec<Row> = predictions
        .iter()
        .map(|prediction| Row::new(prediction, shown, names))
        .collect();
    let heading = Heading::new(title, "", CHART_WIDTH);
    let heights = rows.iter().map(|row| row.height + ROW_GAP).sum::<f64>() - ROW_GAP;
    Figure::draw(
        FUNCTION,
        CHART_WIDTH,
        heading.bottom() + heights + 44.0 + MARGIN,
        |canvas| {
            canvas.heading(&heading);
            let label_width = rows.iter().map(|row| row.label_width).fold(0.0, f64::max);
            let left = MARGIN + IMAGE_SIDE + 34.0 + label_width;
            let width = CHART_WIDTH - MARGIN - ANNOTATION - left;
            let mut top = heading.bottom();
            for row in &rows {
                row.draw(canvas, names, top, (left, width));
                top += row.height + ROW_GAP;
            }
            draw_axis(canvas, top - ROW_GAP, (left, width));
            Ok(alt_text(title, names, &rows))
        },
    )
}

fn check(names: &[String], predictions: &[Prediction], classes_shown: Option<usize>) -> Result<()> {
    ensure(!predictions.is_empty(), FUNCTION, || {
        "there are no predictions; give at least one".to_owned()
    })?;
    ensure(classes_shown != Some(0), FUNCTION, || {
        "classes_shown is 0; give at least 1, or None".to_owned()
    })?;
    for (index, prediction) in predictions.iter().enumerate() {
        prediction.picture.check_plain(FUNCTION, index)?;
        let probabilities = &prediction.probabilities;
        ensure(probabilities.len() == names.len(), FUNCTION, || {
            format!(
                "prediction {index} has {} probabilities for {} class names; give one per class",
                probabilities.len(),
                names.len()
            )
        })?;
        if let Some(odd) = probabilities
            .iter()
            .find(|value| !(0.0..=1.0).contains(*value))
        {
            return Err(invalid(
                FUNCTION,
                format!(
                    "prediction {index} has the probability {odd}; apply softmax to get values in [0, 1]"
                ),
            ));
        }
        let sum: f64 = probabilities.iter().sum();
        ensure((sum - 1.0).abs() < 0.01, FUNCTION, || {
            format!(
                "the probabilities of prediction {index} add up to {sum:.3}; apply softmax to get 1"
            )
        })?;
        if let Some(class) = prediction.true_class {
            ensure(class < names.len(), FUNCTION, || {
                format!(
                    "the true class of prediction {index} is {class}; the last class is {}",
                    names.len() - 1
                )
            })?;
        }
    }
    Ok(())
}

/// One image with its bars.
struct Row<'a> {
    prediction: &'a Prediction,
    /// Classes from the most to the least probable.
    classes: Vec<usize>,
    caption: Vec<String>,
    label_width: f64,
    height: f64,
}

impl<'a> Row<'a> {
    fn new(prediction: &'a Prediction, shown: usize, names: &[String]) -> Row<'a> {
        let mut classes: Vec<usize> = (0..names.len()).collect();
        let probability = |class: usize| prediction.probabilities[class];
        classes.sort_by(|&one, &other| probability(other).total_cmp(&probability(one)));
        let cut: Vec<usize> = classes.split_off(shown);
        classes.extend(
            cut.into_iter()
                .filter(|&class| prediction.true_class == Some(class)),
        );
        let caption = if prediction.picture.caption.trim().is_empty() {
            Vec::new()
        } else {
            text::wrapped(&prediction.picture.caption, SMALL, false, IMAGE_SIDE, 3)
        };
        let widths = classes
            .iter()
            .map(|&class| text::width(&names[class], SMALL, true));
        Row {
            label_width: widths.fold(0.0, f64::max).min(LONGEST_NAME),
            height: (IMAGE_SIDE + 16.0 * caption.len() as f64).max(BAR * classes.len() as f64),
            prediction,
            classes,
            caption,
        }
    }

    fn is_right(&self) -> Option<bool> {
        let predicted = self.classes.first().copied();
        self.prediction
            .true_class
            .map(|class| Some(class) == predicted)
    }

    fn draw(&self, canvas: &mut Canvas, names: &[String], top: f64, (left, width): (f64, f64)) {
        self.draw_image(canvas, top);
        let bars = Area::new(left, top, width, self.height);
        for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
            let x = left + share * width;
            let colour = if share == 0.0 { AXIS } else { GRID };
            canvas.line(
                vec![(x, top), (x, bars.bottom())],
                Stroke::solid(colour, 1.0),
            );
        }
        let start = top + (self.height - BAR * self.classes.len() as f64) / 2.0;
        for (index, &class) in self.classes.iter().enumerate() {
            let slot = Area::new(left, start + index as f64 * BAR, width, BAR);
            self.draw_bar(canvas, slot, class, index == 0, &names[class]);
        }
    }

    fn draw_image(&self, canvas: &mut Canvas, top: f64) {
        let picture = Picture {
            mark: self.is_right(),
            ..self.prediction.picture.clone()
        };
        let (columns, rows) = (picture.width as f64, picture.height as f64);
        let scale = IMAGE_SIDE / columns.max(rows);
        let scale = if scale >= 1.0 { scale.floor() } else { scale };
        let (width, height) = ((columns * scale).max(0.5), (rows * scale).max(0.5));
        let left = MARGIN + 2.0 + (IMAGE_SIDE - width) / 2.0;
        draw_picture(canvas, &picture, Area::new(left, top + 2.0, width, height));
        for (index, line) in self.caption.iter().enumerate() {
            let at = (
                MARGIN + 2.0 + IMAGE_SIDE / 2.0,
                top + height + 20.0 + 15.0 * index as f64,
            );
            canvas.text(Text::new(line, at, SMALL).align(Align::Centre));
        }
    }

    fn draw_bar(&self, canvas: &mut Canvas, slot: Area, class: usize, predicted: bool, name: &str) {
        let probability = self.prediction.probabilities[class];
        let middle = slot.centre().1;
        let colour = match (predicted, self.is_right()) {
            (true, Some(false)) => VERMILLION,
            (true, _) => BLUE,
            (false, _) => PALE,
        };
        let length = probability * slot.width;
        canvas.rectangle(Area::new(slot.x, slot.y + 2.0, length, BAR - 4.0), colour);
        let name = text::shortened(name, SMALL, predicted, LONGEST_NAME);
        let label = Text::new(&name, (slot.x - 7.0, middle), SMALL);
        canvas.text(label.bold(predicted).align(Align::Right).middle());
        let number = percent(probability, 1);
        let x = slot.x + length + 5.0;
        canvas.text(
            Text::new(&number, (x, middle), SMALL)
                .bold(predicted)
                .middle(),
        );
        let mut x = x + text::width(&number, SMALL, predicted) + 16.0;
        if let (true, Some(right)) = (predicted, self.is_right()) {
            draw_mark(canvas, right, (x, middle));
            x += 9.0;
        }
        if self.prediction.true_class == Some(class) {
            let note = if predicted {
                say("true class", "正解クラス")
            } else {
                say("← true class", "← 正解クラス")
            };
            canvas.text(Text::new(note, (x, middle), SMALL).middle());
        }
    }
}

fn draw_axis(canvas: &mut Canvas, bottom: f64, (left, width): (f64, f64)) {
    for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let at = (left + share * width, bottom + 15.0);
        let label = Text::new(&percent(share, 0), at, SMALL);
        canvas.text(label.colour(MUTED).align(Align::Centre));
    }
    let title = Text::new(
        say("predicted probability", "予測確率"),
        (left + width / 2.0, bottom + 36.0),
        LABEL,
    );
    canvas.text(title.colour(MUTED).align(Align::Centre));
}

fn alt_text(title: &str, names: &[String], rows: &[Row]) -> String {
    let mut text = said!(
        "{title}. Images with the probabilities of their classes.",
        "{title}。画像とクラスの確率。"
    );
    for (index, row) in rows.iter().enumerate() {
        let named: Vec<String> = row
            .classes
            .iter()
            .take(3)
            .map(|&class| {
                format!(
                    "{} {}",
                    names[class],
                    percent(row.prediction.probabilities[class], 1)
                )
            })
            .collect();
        let truth = match (row.prediction.true_class, row.is_right()) {
            (Some(class), Some(true)) => said!(
                "; true class {} (right)",
                "。正解クラス: {} (正解)",
                names[class]
            ),
            (Some(class), _) => said!(
                "; true class {} (wrong)",
                "。正解クラス: {} (不正解)",
                names[class]
            ),
            (None, _) => String::new(),
        };
        text.push_str(&said!(
            " Image {}: {}{truth}.",
            "画像 {}: {}{truth}。",
            index + 1,
            named.join(say(", ", "、"))
        ));
    }
    text
}

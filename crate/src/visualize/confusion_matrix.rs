//! Which classes are taken for which.

use super::canvas::{Area, Canvas, Heading, LABEL, MARGIN, PlacedImage, SMALL, Stroke};
use super::check::{class_names, ensure};
use super::colour::{AXIS, GRID, INK, MUTED, sequential, text_on};
use super::colour_bar::ColourBar;
use super::colour_scale::ColourScale;
use super::figure::Figure;
use super::numerals::{count, percent};
use super::text::{self, Align, Text};
use crate::error::Result;
use crate::language::{said, say};

const FUNCTION: &str = "confusion_matrix";
const LARGEST_CELL: f64 = 52.0;
const LARGEST_MATRIX: f64 = 560.0;
const SMALLEST_MATRIX: f64 = 220.0;
const LONGEST_NAME: f64 = 360.0;
const NAME_HEIGHT: f64 = 13.0;
/// The space right of the matrix for the colour bar with its labels and title.
const BAR_WIDTH: f64 = 90.0;

/// Counts by true class (row) and predicted class (column), coloured by the share of their row.
///
/// The colour darkens with the square root of the share, so that confusions of a few percent show.
///
/// `counts[t][p]` is the number of images of class `t` that were classified as `p`; there are as
/// many rows, and columns in each row, as class names.
pub fn confusion_matrix(
    title: &str,
    class_names: &[impl AsRef<str>],
    counts: &[Vec<usize>],
) -> Result<Figure> {
    draw(title, self::class_names(FUNCTION, class_names)?, counts)
}

fn draw(title: &str, names: Vec<String>, counts: &[Vec<usize>]) -> Result<Figure> {
    check(&names, counts)?;
    let accuracy = accuracy(counts);
    let side = matrix_side(counts);
    let name_width = text::widest(names.iter().map(String::as_str), SMALL).min(LONGEST_NAME);
    let slanted = names_above_height(&names, side, name_width);
    let left = MARGIN + 26.0 + name_width;
    let width = left + side + BAR_WIDTH + MARGIN;
    let heading = Heading::new(title, &accuracy, width);
    let matrix = Area::new(left, heading.bottom() + 22.0 + slanted, side, side);
    Figure::draw(FUNCTION, width, matrix.bottom() + MARGIN + 4.0, |canvas| {
        canvas.heading(&heading);
        draw_cells(canvas, matrix, counts);
        draw_names(canvas, matrix, &names, heading.bottom());
        let ticks = [0.0, 0.05, 0.25, 0.5, 1.0].map(|share| (position(share), percent(share, 0)));
        let bar = ColourBar::new(
            ColourScale::Sequential,
            ticks.to_vec(),
            say(
                "share of true class (√ scale)",
                "正解クラス内の割合 (√ 目盛)",
            ),
            side.min(320.0),
        );
        bar.draw(canvas, (matrix.right() + ColourBar::GAP, matrix.y));
        Ok(alt_text(title, &accuracy, &names, counts))
    })
}

fn check(names: &[String], counts: &[Vec<usize>]) -> Result<()> {
    let classes = names.len();
    ensure(counts.len() == classes, FUNCTION, || {
        format!(
            "there are {} rows of counts for {classes} class names; give one row per true class",
            counts.len()
        )
    })?;
    for (row, name) in counts.iter().zip(names) {
        ensure(row.len() == classes, FUNCTION, || {
            format!(
                "the row of class {name:?} has {} counts; give {classes}, one per predicted class",
                row.len()
            )
        })?;
    }
    let total = counts
        .iter()
        .flatten()
        .try_fold(0usize, |sum, &number| sum.checked_add(number));
    ensure(total.is_some(), FUNCTION, || {
        "the sum of the counts is too large".to_owned()
    })
}

/// The matrix is as large as its cells need, within the width of a notebook.
fn matrix_side(counts: &[Vec<usize>]) -> f64 {
    let classes = counts.len() as f64;
    let cell = (LARGEST_MATRIX / classes).floor().clamp(3.0, LARGEST_CELL);
    (cell * classes).max(SMALLEST_MATRIX)
}

/// Names stand above their columns, upright if they are wider than the columns.
fn names_above_height(names: &[String], side: f64, name_width: f64) -> f64 {
    if name_width + 6.0 <= side / names.len() as f64 {
        NAME_HEIGHT + 6.0
    } else {
        name_width + 8.0
    }
}

/// Where a share in [0, 1] lies on the colour scale: the root lets confusions of a few percent show.
fn position(share: f64) -> f64 {
    share.sqrt()
}

fn draw_cells(canvas: &mut Canvas, matrix: Area, counts: &[Vec<usize>]) {
    let classes = counts.len();
    let cell = matrix.width / classes as f64;
    let mut rgb = Vec::with_capacity(classes * classes * 3);
    for (row, numbers) in counts.iter().enumerate() {
        let total: usize = numbers.iter().sum();
        for (column, &number) in numbers.iter().enumerate() {
            let colour = sequential(position(number as f64 / total.max(1) as f64));
            rgb.extend([colour.0, colour.1, colour.2]);
            let label = count(number);
            let size = SMALL.min(cell * 0.4);
            if size < 7.0 || text::width(&label, size, false) > cell - 2.0 {
                continue;
            }
            let at = (
                matrix.x + (column as f64 + 0.5) * cell,
                matrix.y + (row as f64 + 0.5) * cell,
            );
            // Zeros are most of the cells and say least.
            let ink = if number == 0 { AXIS } else { text_on(colour) };
            let label = Text::new(&label, at, size).colour(ink).bold(row == column);
            canvas.text(label.align(Align::Centre).middle());
        }
    }
    canvas.image(PlacedImage {
        area: matrix,
        columns: classes,
        rows: classes,
        rgb,
    });
    if cell >= 12.0 {
        for index in 1..classes {
            let offset = index as f64 * cell;
            let line = Stroke::solid(GRID, 1.0);
            let (x, y) = (matrix.x + offset, matrix.y + offset);
            canvas.line(vec![(x, matrix.y), (x, matrix.bottom())], line);
            canvas.line(vec![(matrix.x, y), (matrix.right(), y)], line);
        }
    }
    canvas.border(matrix, Stroke::solid(AXIS, 1.0));
}

fn draw_names(canvas: &mut Canvas, matrix: Area, names: &[String], top: f64) {
    let cell = matrix.width / names.len() as f64;
    // Of very many classes only so many are named that the names do not overlap.
    let step = (NAME_HEIGHT / cell).ceil().max(1.0) as usize;
    let widest = text::widest(names.iter().map(String::as_str), SMALL);
    for (index, name) in names.iter().enumerate().step_by(step) {
        let name = text::shortened(name, SMALL, false, LONGEST_NAME);
        let offset = (index as f64 + 0.5) * cell;
        let beside = Text::new(&name, (matrix.x - 7.0, matrix.y + offset), SMALL);
        canvas.text(beside.colour(INK).align(Align::Right).middle());
        let above = Text::new(&name, (matrix.x + offset, matrix.y - 7.0), SMALL);
        canvas.text(if widest + 6.0 <= cell {
            above.align(Align::Centre)
        } else {
            above.upward().middle()
        });
    }
    let above = (matrix.centre().0, top + 12.0);
    canvas.text(
        Text::new(say("predicted class", "予測クラス"), above, LABEL)
            .colour(MUTED)
            .align(Align::Centre),
    );
    let beside = (MARGIN + 11.0, matrix.centre().1);
    canvas.text(
        Text::new(say("true class", "正解クラス"), beside, LABEL)
            .colour(MUTED)
            .align(Align::Centre)
            .upward(),
    );
}

fn accuracy(counts: &[Vec<usize>]) -> String {
    let total: usize = counts.iter().flatten().sum();
    let right: usize = (0..counts.len()).map(|class| counts[class][class]).sum();
    if total == 0 {
        return say("no images counted", "画像なし").to_owned();
    }
    let accuracy = percent(right as f64 / total as f64, 1);
    let (right, total) = (count(right), count(total));
    said!(
        "accuracy {accuracy} ({right} of {total} images)",
        "正解率 {accuracy} (画像 {total} 枚中 {right} 枚)"
    )
}

fn alt_text(title: &str, accuracy: &str, names: &[String], counts: &[Vec<usize>]) -> String {
    let mut confusions: Vec<(usize, &str, &str)> = Vec::new();
    for (row, truth) in counts.iter().zip(names) {
        for (&number, prediction) in row.iter().zip(names) {
            if number > 0 && !std::ptr::eq(truth, prediction) {
                confusions.push((number, truth, prediction));
            }
        }
    }
    confusions.sort_by_key(|&(number, ..)| std::cmp::Reverse(number));
    let most: Vec<String> = confusions
        .iter()
        .take(5)
        .map(|&(number, truth, prediction)| {
            said!(
                "{truth} taken for {prediction} {} times",
                "「{truth}」を「{prediction}」と予測 ({} 枚)",
                count(number)
            )
        })
        .collect();
    let most = if most.is_empty() {
        String::new()
    } else {
        let most = most.join(say(", ", "、"));
        said!(
            " Most frequent confusions: {most}.",
            "多い取り違え: {most}。"
        )
    };
    said!(
        "{title}. Confusion matrix of {} classes, {accuracy}.{most}",
        "{title}。{} クラスの混同行列、{accuracy}。{most}",
        names.len()
    )
}

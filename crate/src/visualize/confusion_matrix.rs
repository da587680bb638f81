//! The confusion matrix of a classifier.

use super::check::class_names;
use super::colour::sequential;
use super::colour_bar::ColourBar;
use super::colour_scale::ColourScale;
use super::prelude::*;
use super::tile::draw_cell_texts;

const FUNCTION: &str = "confusion_matrix";
const MAX_CELL: f64 = 52.0;
const MAX_MATRIX: f64 = 560.0;
const MIN_MATRIX: f64 = 220.0;
const MAX_NAME_WIDTH: f64 = 360.0;
const NAME_HEIGHT: f64 = 13.0;
/// The space at the right of the matrix for the colour bar with its labels and title.
const BAR_WIDTH: f64 = 90.0;

/// Counts by true class (row) and predicted class (column), coloured by their fraction of the row.
///
/// The colour depends on the square root of the fraction, so that confusions of a few percent are visible.
///
/// `counts[t][p]` is the number of images of class `t` that were classified as `p`; there are as
/// many rows, and columns in each row, as class names.
///
/// # Errors
/// [`Error::Picture`](crate::Error::Picture) without classes, or for another number of rows or columns.
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
    let classes = names.len() as f64;
    // As large as the cells need, within the width of a notebook.
    let cell = (MAX_MATRIX / classes).floor().clamp(3.0, MAX_CELL);
    let side = (cell * classes).max(MIN_MATRIX);
    let name_width = text::max_width(&names, SMALL).min(MAX_NAME_WIDTH);
    let above = 22.0 + names_above_height(name_width, side / classes);
    let left = MARGIN + 26.0 + name_width;
    let size = (left + side + BAR_WIDTH + MARGIN, above + side + 4.0);
    let alt_text = alt_text(title, &accuracy, &names, counts);
    Figure::draw(
        FUNCTION,
        (title, &accuracy),
        size,
        &alt_text,
        |canvas, top| {
            let matrix = area((left, top + above), (side, side));
            draw_cells(canvas, matrix, counts);
            draw_names(canvas, matrix, &names, top);
            let ticks = [0.0, 0.05, 0.25, 0.5, 1.0]
                .map(|fraction| (colour_position(fraction), percent(fraction, 0)));
            let title = translated(
                "share of true class (√ scale)",
                "正解クラス内の割合 (√ 目盛)",
            );
            let colours = ColourScale::Sequential;
            let bar = ColourBar::new(colours, ticks.to_vec(), title, side.min(320.0));
            bar.draw(canvas, (matrix.x1 + ColourBar::GAP, matrix.y0));
        },
    )
}

fn check(names: &[String], counts: &[Vec<usize>]) -> Result<()> {
    let (classes, rows) = (names.len(), counts.len());
    ensure(rows == classes, FUNCTION, || {
        format!(
            "there are {rows} rows of counts for {classes} class names; give one row per true class"
        )
    })?;
    for (row, name) in counts.iter().zip(names) {
        let columns = row.len();
        ensure(columns == classes, FUNCTION, || {
            format!(
                "the row of class {name:?} has {columns} counts; give {classes}, one per predicted class"
            )
        })?;
    }
    let mut counts = counts.iter().flatten();
    let total = counts.try_fold(0usize, |sum, &number| sum.checked_add(number));
    ensure(total.is_some(), FUNCTION, || {
        "the sum of the counts is too large".to_owned()
    })
}

/// The height of the names above the columns. They are rotated if they are wider than the columns.
fn names_above_height(name_width: f64, cell: f64) -> f64 {
    match name_width + 6.0 <= cell {
        true => NAME_HEIGHT + 6.0,
        false => name_width + 8.0,
    }
}

/// The position on the colour scale of a fraction in [0, 1].
fn colour_position(fraction: f64) -> f64 {
    fraction.sqrt()
}

fn draw_cells(canvas: &mut Canvas, matrix: Area, counts: &[Vec<usize>]) {
    let classes = counts.len();
    let cell = matrix.width() / classes as f64;
    let totals: Vec<usize> = counts.iter().map(|row| row.iter().sum()).collect();
    let colour = |column: usize, row: usize| {
        let fraction = counts[row][column] as f64 / totals[row].max(1) as f64;
        sequential(colour_position(fraction))
    };
    let colours = PlacedImage::new(matrix, (classes, classes), colour);
    let size = SMALL.min(cell * 0.4);
    if size >= 7.0 {
        let cells = (0..classes * classes).map(|index| (index / classes, index % classes));
        let numbers = cells.map(|(row, column)| {
            // Most cells are zero, and these matter least.
            let colour = match counts[row][column] {
                0 => AXIS,
                _ => text_on(colour(column, row)),
            };
            (with_commas(counts[row][column]), colour, row == column)
        });
        draw_cell_texts(canvas, matrix, classes, size, numbers);
    }
    if cell >= 12.0 {
        for index in 1..classes {
            let offset = index as f64 * cell;
            let line = Stroke::solid(GRID, 1.0);
            let (x, y) = (matrix.x0 + offset, matrix.y0 + offset);
            canvas.line([(x, matrix.y0), (x, matrix.y1)], line);
            canvas.line([(matrix.x0, y), (matrix.x1, y)], line);
        }
    }
    canvas.image(colours, Stroke::solid(AXIS, 1.0));
}

fn draw_names(canvas: &mut Canvas, matrix: Area, names: &[String], top: f64) {
    let cell = matrix.width() / names.len() as f64;
    // Of many classes some names are left out so that the others do not overlap.
    let step = (NAME_HEIGHT / cell).ceil().max(1.0) as usize;
    let widest = text::max_width(names, SMALL);
    for (index, name) in names.iter().enumerate().step_by(step) {
        let name = text::truncated(name, SMALL, false, MAX_NAME_WIDTH);
        let offset = (index as f64 + 0.5) * cell;
        let beside = Text::new(&name, (matrix.x0 - 7.0, matrix.y0 + offset), SMALL);
        canvas.text(beside.right_aligned().vertically_centred());
        let above = Text::new(&name, (matrix.x0 + offset, matrix.y0 - 7.0), SMALL);
        canvas.text(match widest + 6.0 <= cell {
            true => above.centred(),
            false => above.rotated().vertically_centred(),
        });
    }
    let (above, beside) = (
        translated("predicted class", "予測クラス"),
        translated("true class", "正解クラス"),
    );
    let above = Text::new(above, (matrix.center().x, top + 12.0), LABEL);
    canvas.text(above.muted().centred());
    let beside = Text::new(beside, (MARGIN + 11.0, matrix.center().y), LABEL);
    canvas.text(beside.muted().centred().rotated());
}

fn accuracy(counts: &[Vec<usize>]) -> String {
    let total: usize = counts.iter().flatten().sum();
    let right: usize = (0..counts.len()).map(|class| counts[class][class]).sum();
    if total == 0 {
        return translated("no images counted", "画像なし").to_owned();
    }
    let accuracy = percent(right as f64 / total as f64, 1);
    let (right, total) = (with_commas(right), with_commas(total));
    translate!(
        "accuracy {accuracy} ({right} of {total} images)",
        "正解率 {accuracy} (画像 {total} 枚中 {right} 枚)"
    )
}

fn alt_text(title: &str, accuracy: &str, names: &[String], counts: &[Vec<usize>]) -> String {
    let classes = names.len();
    let cells = (0..classes * classes).map(|index| (index / classes, index % classes));
    let is_confused = |&(truth, prediction): &(usize, usize)| {
        truth != prediction && counts[truth][prediction] > 0
    };
    let mut confusions: Vec<(usize, usize)> = cells.filter(is_confused).collect();
    confusions.sort_by_key(|&(truth, prediction)| std::cmp::Reverse(counts[truth][prediction]));
    let describe = |&(truth, prediction): &(usize, usize)| {
        let number = with_commas(counts[truth][prediction]);
        let (truth, prediction) = (&names[truth], &names[prediction]);
        translate!(
            "{truth} taken for {prediction} {number} times",
            "「{truth}」を「{prediction}」と予測 ({number} 枚)"
        )
    };
    let most: Vec<String> = confusions.iter().take(5).map(describe).collect();
    let most = match text::joined(&most) {
        none if none.is_empty() => none,
        most => translate!(
            " Most frequent confusions: {most}.",
            "多い取り違え: {most}。"
        ),
    };
    translate!(
        "{title}. Confusion matrix of {classes} classes, {accuracy}.{most}",
        "{title}。{classes} クラスの混同行列、{accuracy}。{most}"
    )
}

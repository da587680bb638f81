//! Matrices as coloured cells, such as feature maps.

use super::colour_bar::ColourBar;
use super::colour_scale::{ColourScale, Scale};
use super::matrix::Matrix;
use super::picture::Picture;
use super::prelude::*;
use super::tile::{Grid, Tile, balanced_columns, draw_caption, draw_cell_texts};

const FUNCTION: &str = "heat_map";
const GAP: f64 = 14.0;
const CAPTION: f64 = 18.0;
/// The space between the input image and the matrices.
const INPUT_GAP: f64 = 28.0;
/// Cells of at least this size show their value.
const CELL_WITH_NUMBER: f64 = 34.0;

/// How matrices are shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeatMapSettings {
    /// The title of the colour bar: what the values are, with their unit.
    pub value_title: String,
    /// The colours.
    pub colours: ColourScale,
    /// Matrices per row, at least 1; `None` for as many as fit.
    pub columns: Option<usize>,
    /// The image from which the matrices were computed, such as the input of a convolution with these feature maps. It is
    /// at the left with its caption.
    pub input: Option<Picture>,
}

/// Matrices side by side with one colour scale for all. Large cells also show their value.
///
/// # Errors
/// [`Error::Picture`](crate::Error::Picture) without matrices, for a matrix without values or with values that are not
/// finite, if `columns` is 0, or if the picture would be too large.
pub fn heat_map(title: &str, matrices: &[Matrix], settings: &HeatMapSettings) -> Result<Figure> {
    check(matrices, settings)?;
    let scale = Scale::from_values(matrices.iter().flat_map(Matrix::numbers), settings.colours);
    let layout = Layout::new(matrices, settings);
    let (grid, (width, height)) = (&layout.grid, layout.largest);
    let bar_height = grid.height().clamp(110.0, 320.0) - 10.0;
    let bar = ColourBar::for_scale(&scale, &settings.value_title, bar_height);
    let left = MARGIN + layout.input_width;
    let right = left + grid.width();
    let bar_width = ColourBar::DEFAULT_WIDTH.max(ColourBar::GAP + bar.width);
    let input_height = |input: &Tile| input.size.1 + input.caption_height();
    let input_height = layout.input.as_ref().map_or(0.0, input_height);
    let whole_width = (right + bar_width + MARGIN).max(300.0);
    let whole_height = grid.height().max(bar.height + 10.0).max(input_height);
    let size = (whole_width, whole_height);
    let alt_text = alt_text(title, matrices, &scale, settings);
    Figure::draw(FUNCTION, (title, ""), size, &alt_text, |canvas, top| {
        if let Some(input) = &layout.input {
            input.draw(canvas, (MARGIN + input.width() / 2.0, top + input.size.1));
        }
        for (index, matrix) in matrices.iter().enumerate() {
            let (left, top) = grid.position(index, (left, top));
            let below = (left + width / 2.0, top + height);
            let side = |cells: usize| cells as f64 * layout.cell;
            let size = (side(matrix.columns), side(matrix.rows));
            let area = area((below.0 - size.0 / 2.0, top), size);
            canvas.image(matrix.placed(area, &scale), Stroke::solid(AXIS, 1.0));
            if layout.cell >= CELL_WITH_NUMBER {
                draw_values(canvas, matrix, &scale, area);
            }
            let caption = text::truncated(&matrix.caption, SMALL, false, grid.stride.0);
            draw_caption(canvas, &[caption], below, None);
        }
        bar.draw(canvas, (right + ColourBar::GAP, top + 4.0));
    })
}

fn check(matrices: &[Matrix], settings: &HeatMapSettings) -> Result<()> {
    ensure_not_empty(FUNCTION, "matrices", matrices)?;
    ensure_positive(FUNCTION, "columns", settings.columns)?;
    (settings.input.iter()).try_for_each(|input| input.check_plain(FUNCTION, 0))?;
    (matrices.iter().enumerate())
        .try_for_each(|(index, matrix)| matrix.check(FUNCTION, &format!("matrix {index}")))
}

struct Layout<'a> {
    /// The image at the left of the matrices.
    input: Option<Tile<'a>>,
    /// The width of the input with the space after it.
    input_width: f64,
    grid: Grid,
    cell: f64,
    /// The size of the largest matrix.
    largest: (f64, f64),
}

impl Layout<'_> {
    fn new<'a>(matrices: &[Matrix], settings: &'a HeatMapSettings) -> Layout<'a> {
        let number = matrices.len();
        let most = |side: fn(&Matrix) -> usize| matrices.iter().map(side).max().unwrap_or(1) as f64;
        let (most_columns, most_rows) = (most(|one| one.columns), most(|one| one.rows));
        let side = match number {
            1 => 420.0,
            // Three fit beside an input.
            2..=6 if settings.input.is_some() => 150.0,
            2..=6 => 180.0,
            7..=20 => 110.0,
            _ => 64.0,
        };
        let input = settings.input.as_ref();
        let input = input.map(|picture| Tile::fitted(picture, f64::clamp(side, 112.0, 224.0)));
        let with_gap = |input: &Tile| input.width() + INPUT_GAP;
        let input_width = input.as_ref().map_or(0.0, with_gap);
        let available = GRID_WIDTH - 2.0 * MARGIN - ColourBar::DEFAULT_WIDTH - input_width + GAP;
        let wanted = (side / most_columns.max(most_rows)).clamp(0.5, 64.0);
        let fitting = (available / (wanted * most_columns + GAP)).floor().max(1.0);
        let usual = balanced_columns(fitting as usize, number);
        let columns = settings.columns.unwrap_or(usual).min(number);
        let widest = (available / columns as f64 - GAP) / most_columns;
        let cell = whole_device_pixels(wanted.min(widest));
        let largest = (most_columns * cell, most_rows * cell);
        let has_captions = matrices.iter().any(|matrix| !matrix.caption.is_empty());
        let tile = (largest.0, largest.1 + f64::from(has_captions) * CAPTION);
        Layout {
            input,
            input_width,
            grid: Grid::new(number, columns, tile, GAP),
            cell,
            largest,
        }
    }
}

fn draw_values(canvas: &mut Canvas, matrix: &Matrix, scale: &Scale, area: Area) {
    // So many that the largest value has three significant digits.
    let largest = scale.low.abs().max(scale.high.abs());
    let decimals = (2.0 - largest.log10().floor()).clamp(0.0, 2.0) as usize;
    let colour = |value| text_on(scale.colour(value));
    let number = |value| (fixed(value, decimals), colour(value), false);
    let numbers = matrix.numbers().map(number);
    draw_cell_texts(canvas, area, matrix.columns, SMALL, numbers);
}

fn alt_text(title: &str, matrices: &[Matrix], scale: &Scale, settings: &HeatMapSettings) -> String {
    let size = |matrix: &Matrix| (matrix.rows, matrix.columns);
    let (rows, columns) = size(&matrices[0]);
    let size = match matrices
        .iter()
        .all(|matrix| size(matrix) == (rows, columns))
    {
        true => translate!(
            " of {rows} × {columns} values",
            " ({rows} × {columns} 個の値)"
        ),
        false => String::new(),
    };
    let captions = matrices.iter().map(|matrix| matrix.caption.as_str());
    let captions: Vec<&str> = captions.filter(|one| !one.is_empty()).take(100).collect();
    let captions = match captions.is_empty() {
        true => String::new(),
        false => format!(": {}", captions.join("; ")),
    };
    let input = match &settings.input {
        None => String::new(),
        Some(input) if input.caption.trim().is_empty() => {
            translated(" At the left the input image.", "左は入力画像。").to_owned()
        }
        Some(input) => translate!(
            " At the left the input image: {}.",
            "左は入力画像: {}。",
            text::in_one_line(&input.caption)
        ),
    };
    let values = text::or_if_empty(&settings.value_title, translated("values", "値"));
    translate!(
        "{title}.{input} {}{size}{captions}.{}.",
        "{title}。{input}{}{size}{captions}。{}。",
        with_noun(matrices.len(), "heat map", ["ヒートマップ", "枚"]),
        scale.describe(values),
    )
}

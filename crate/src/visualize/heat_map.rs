//! Matrices as coloured cells, such as the filters of a convolution.

use super::area::{Area, half_pixels};
use super::canvas::{Canvas, GRID_WIDTH, MARGIN, Stroke};
use super::check::{ensure_positive, ensure_some};
use super::colour::{AXIS, text_on};
use super::colour_bar::ColourBar;
use super::colour_scale::{ColourScale, Scale};
use super::figure::Figure;
use super::matrix::Matrix;
use super::numerals::{counted, fixed};
use super::picture::Picture;
use super::text::{self, SMALL};
use super::tile::{
    CAPTION_LINE, Number, balanced, draw_caption, draw_numbers, draw_picture, fitted, place,
};
use crate::error::Result;
use crate::language::{said, say};

const FUNCTION: &str = "heat_map";
const GAP: f64 = 14.0;
const CAPTION: f64 = 18.0;
/// The space between the input and the matrices that come from it.
const INPUT_GAP: f64 = 28.0;
/// Cells of at least this size have their value written in them.
const CELL_WITH_NUMBER: f64 = 34.0;

/// How matrices are shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeatMapSettings {
    /// What the values are, with their unit; stands at the colour bar.
    pub value_title: String,
    /// The colours.
    pub colours: ColourScale,
    /// Matrices in a row, at least 1; `None` for as many as fit.
    pub columns: Option<usize>,
    /// The image that the matrices come from, such as the input of a convolution whose feature maps
    /// they are; stands at the left with its caption, `None` for no image.
    pub input: Option<Picture>,
}

/// Matrices side by side with one colour scale for all; large cells show their value too.
pub fn heat_map(title: &str, matrices: &[Matrix], settings: &HeatMapSettings) -> Result<Figure> {
    check(matrices, settings)?;
    let scale = Scale::of(matrices.iter().flat_map(Matrix::numbers), settings.colours);
    let layout = Layout::new(matrices, settings);
    let (columns, pitch) = (layout.columns, layout.pitch);
    let grid_height = matrices.len().div_ceil(columns) as f64 * pitch.1 - GAP;
    let bar_height = grid_height.clamp(110.0, 320.0) - 10.0;
    let bar = ColourBar::of(&scale, &settings.value_title, bar_height);
    let left = MARGIN
        + layout
            .input
            .as_ref()
            .map_or(0.0, |input| input.width + INPUT_GAP);
    let right = left + columns as f64 * pitch.0 - GAP;
    let bar_width = ColourBar::USUAL_WIDTH.max(ColourBar::GAP + bar.width);
    let width = (right + bar_width + MARGIN).max(300.0);
    let input_height = layout.input.as_ref().map_or(0.0, Input::height);
    let height = grid_height.max(bar.height + 10.0).max(input_height);
    let words = alt_text(title, matrices, &scale, settings);
    Figure::draw(
        FUNCTION,
        (title, ""),
        (width, height),
        &words,
        |canvas, top| {
            if let Some(input) = &layout.input {
                let below = (MARGIN + input.width / 2.0, top + input.size.1);
                draw_picture(canvas, input.picture, input.size, below);
                draw_caption(canvas, &input.caption, below, None);
            }
            for (index, matrix) in matrices.iter().enumerate() {
                let (left, top) = place(index, columns, (left, top), pitch);
                let below = (left + layout.width / 2.0, top + layout.height);
                let size = (
                    matrix.columns as f64 * layout.cell,
                    matrix.rows as f64 * layout.cell,
                );
                let area = Area::new((below.0 - size.0 / 2.0, top), size);
                canvas.image(matrix.placed(area, &scale), Stroke::solid(AXIS, 1.0));
                if layout.cell >= CELL_WITH_NUMBER {
                    draw_values(canvas, matrix, &scale, area);
                }
                let caption = text::shortened(&matrix.caption, SMALL, false, pitch.0);
                draw_caption(canvas, &[caption], below, None);
            }
            bar.draw(canvas, (right + ColourBar::GAP, top + 4.0));
        },
    )
}

fn check(matrices: &[Matrix], settings: &HeatMapSettings) -> Result<()> {
    ensure_some(FUNCTION, "matrices", matrices)?;
    ensure_positive(FUNCTION, "columns", settings.columns)?;
    (settings.input.iter()).try_for_each(|input| input.check_plain(FUNCTION, 0))?;
    (matrices.iter().enumerate())
        .try_for_each(|(index, matrix)| matrix.check(FUNCTION, &format!("matrix {index}")))
}

/// The image at the left of the matrices.
struct Input<'a> {
    picture: &'a Picture,
    size: (f64, f64),
    /// The width of the image or of its caption, whichever is wider.
    width: f64,
    caption: Vec<String>,
}

impl Input<'_> {
    fn new(picture: &Picture, side: f64) -> Input<'_> {
        let size = fitted(picture, side);
        let caption = text::wrapped(&picture.caption, SMALL, false, side, 3);
        Input {
            width: text::widest(&caption, SMALL).max(size.0),
            picture,
            size,
            caption,
        }
    }

    fn height(&self) -> f64 {
        self.size.1 + 5.0 + CAPTION_LINE * self.caption.len() as f64
    }
}

struct Layout<'a> {
    input: Option<Input<'a>>,
    columns: usize,
    cell: f64,
    /// The size of the largest matrix.
    width: f64,
    height: f64,
    /// From one matrix to the next one in its row and in its column.
    pitch: (f64, f64),
}

impl Layout<'_> {
    fn new<'a>(matrices: &[Matrix], settings: &'a HeatMapSettings) -> Layout<'a> {
        let number = matrices.len();
        let most = |side: fn(&Matrix) -> usize| matrices.iter().map(side).max().unwrap_or(1) as f64;
        let (most_columns, most_rows) = (most(|one| one.columns), most(|one| one.rows));
        let side = match number {
            1 => 420.0,
            // Three beside an input.
            2..=6 if settings.input.is_some() => 150.0,
            2..=6 => 180.0,
            7..=20 => 110.0,
            _ => 64.0,
        };
        let input = settings.input.as_ref();
        let input = input.map(|picture| Input::new(picture, f64::clamp(side, 112.0, 224.0)));
        let taken = input.as_ref().map_or(0.0, |input| input.width + INPUT_GAP);
        let room = GRID_WIDTH - 2.0 * MARGIN - ColourBar::USUAL_WIDTH - taken + GAP;
        let wanted = (side / most_columns.max(most_rows)).clamp(0.5, 64.0);
        let fitting = (room / (wanted * most_columns + GAP)).floor().max(1.0) as usize;
        let columns = settings
            .columns
            .unwrap_or_else(|| balanced(fitting, number));
        let columns = columns.min(number);
        let widest = (room / columns as f64 - GAP) / most_columns;
        let cell = half_pixels(wanted.min(widest));
        let (width, height) = (most_columns * cell, most_rows * cell);
        let has_captions = matrices.iter().any(|matrix| !matrix.caption.is_empty());
        let caption = if has_captions { CAPTION } else { 0.0 };
        Layout {
            input,
            columns,
            cell,
            width,
            height,
            pitch: (width + GAP, height + caption + GAP),
        }
    }
}

fn draw_values(canvas: &mut Canvas, matrix: &Matrix, scale: &Scale, area: Area) {
    // Two digits after the first one of the largest value.
    let largest = scale.low.abs().max(scale.high.abs());
    let decimals = (2.0 - largest.log10().floor()).clamp(0.0, 2.0) as usize;
    let numbers = matrix.numbers().map(|value| Number {
        text: fixed(value, decimals),
        ink: text_on(scale.colour(value)),
        bold: false,
    });
    draw_numbers(canvas, area, matrix.columns, SMALL, numbers);
}

fn alt_text(title: &str, matrices: &[Matrix], scale: &Scale, settings: &HeatMapSettings) -> String {
    let size = |matrix: &Matrix| (matrix.rows, matrix.columns);
    let (rows, columns) = size(&matrices[0]);
    let size = match matrices
        .iter()
        .all(|matrix| size(matrix) == (rows, columns))
    {
        true => said!(
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
            say(" At the left the input image.", "左は入力画像。").to_owned()
        }
        Some(input) => said!(
            " At the left the input image: {}.",
            "左は入力画像: {}。",
            text::in_one_line(&input.caption)
        ),
    };
    let values = match settings.value_title.as_str() {
        "" => say("values", "値"),
        title => title,
    };
    said!(
        "{title}.{input} {}{size}{captions}.{}.",
        "{title}。{input}{}{size}{captions}。{}。",
        counted(
            matrices.len(),
            ["heat map", "heat maps"],
            ["ヒートマップ", "枚"]
        ),
        scale.in_words(values),
    )
}

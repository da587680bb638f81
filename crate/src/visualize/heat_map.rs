//! Matrices as coloured cells, such as the filters of a convolution.

use super::canvas::{Area, Canvas, GRID_WIDTH, Heading, MARGIN, Point, SMALL, Stroke, half_pixels};
use super::check::ensure;
use super::colour::{AXIS, text_on};
use super::colour_bar::ColourBar;
use super::colour_scale::{ColourScale, Scale};
use super::figure::Figure;
use super::image_grid::{balanced, draw_picture};
use super::matrix::Matrix;
use super::numerals::{counted, fixed, significant};
use super::picture::Picture;
use super::text::{self, Align, Text};
use crate::error::Result;
use crate::language::{said, say};

const FUNCTION: &str = "heat_map";
const GAP: f64 = 14.0;
const CAPTION: f64 = 18.0;
const CAPTION_LINE: f64 = 14.0;
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
    let values = matrices.iter().flat_map(Matrix::numbers);
    let scale = Scale::of(values, settings.colours);
    let layout = Layout::new(matrices, settings);
    let rows = matrices.len().div_ceil(layout.columns);
    let grid_height = rows as f64 * layout.row_height() - GAP;
    let bar = scale.bar(
        &settings.value_title,
        grid_height.clamp(110.0, 320.0) - 10.0,
    );
    let left = MARGIN + layout.input_width();
    let right = left + layout.columns as f64 * (layout.width + GAP) - GAP;
    let width =
        (right + ColourBar::USUAL_WIDTH.max(ColourBar::GAP + bar.width()) + MARGIN).max(300.0);
    let heading = Heading::new(title, "", width);
    let top = heading.bottom();
    let height = grid_height
        .max(bar.height() + 10.0)
        .max(layout.input_height());
    Figure::draw(FUNCTION, width, top + height + MARGIN, |canvas| {
        canvas.heading(&heading);
        if let Some(input) = &layout.input {
            input.draw(canvas, (MARGIN, top));
        }
        for (index, matrix) in matrices.iter().enumerate() {
            let corner = (
                left + (index % layout.columns) as f64 * (layout.width + GAP),
                top + (index / layout.columns) as f64 * layout.row_height(),
            );
            layout.draw_matrix(canvas, matrix, &scale, corner);
        }
        bar.draw(canvas, (right + ColourBar::GAP, top + 4.0));
        Ok(alt_text(title, matrices, &scale, settings))
    })
}

fn check(matrices: &[Matrix], settings: &HeatMapSettings) -> Result<()> {
    ensure(!matrices.is_empty(), FUNCTION, || {
        "there are no matrices; give at least one".to_owned()
    })?;
    ensure(settings.columns != Some(0), FUNCTION, || {
        "columns is 0; give at least 1, or None".to_owned()
    })?;
    if let Some(input) = &settings.input {
        input.check_plain(FUNCTION, 0)?;
    }
    (matrices.iter().enumerate())
        .try_for_each(|(index, matrix)| matrix.check(FUNCTION, &format!("matrix {index}")))
}

/// The image at the left of the matrices.
struct Input<'a> {
    picture: &'a Picture,
    image: (f64, f64),
    /// The width of the image or of its caption, whichever is wider.
    width: f64,
    caption: Vec<String>,
}

impl Input<'_> {
    fn new(picture: &Picture, side: f64) -> Input<'_> {
        let scale = side / picture.width.max(picture.height) as f64;
        let scale = if scale >= 1.0 {
            half_pixels(scale)
        } else {
            scale
        };
        let length = |pixels: usize| (pixels as f64 * scale).max(0.5);
        let image = (length(picture.width), length(picture.height));
        let caption = if picture.caption.trim().is_empty() {
            Vec::new()
        } else {
            text::wrapped(&picture.caption, SMALL, false, side, 3)
        };
        Input {
            picture,
            image,
            width: text::widest(caption.iter().map(String::as_str), SMALL).max(image.0),
            caption,
        }
    }

    fn draw(&self, canvas: &mut Canvas, (left, top): Point) {
        let indent = ((self.width - self.image.0) / 2.0).floor();
        let area = Area::new(left + indent, top, self.image.0, self.image.1);
        draw_picture(canvas, self.picture, area);
        for (index, line) in self.caption.iter().enumerate() {
            let baseline = area.bottom() + 15.0 + index as f64 * CAPTION_LINE;
            canvas.text(Text::new(line, (area.centre().0, baseline), SMALL).align(Align::Centre));
        }
    }
}

struct Layout<'a> {
    input: Option<Input<'a>>,
    columns: usize,
    cell: f64,
    width: f64,
    height: f64,
    caption: f64,
}

impl Layout<'_> {
    fn new<'a>(matrices: &[Matrix], settings: &'a HeatMapSettings) -> Layout<'a> {
        let most_columns = matrices
            .iter()
            .map(|matrix| matrix.columns)
            .max()
            .unwrap_or(1) as f64;
        let most_rows = matrices.iter().map(|matrix| matrix.rows).max().unwrap_or(1) as f64;
        let side = match matrices.len() {
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
        let room = GRID_WIDTH - 2.0 * MARGIN - ColourBar::USUAL_WIDTH - taken;
        let wanted = (side / most_columns.max(most_rows)).clamp(0.5, 64.0);
        let fitting = ((room + GAP) / (wanted * most_columns + GAP))
            .floor()
            .max(1.0) as usize;
        let number = matrices.len();
        let columns = settings
            .columns
            .unwrap_or_else(|| balanced(fitting, number))
            .min(number);
        let widest = ((room + GAP) / columns as f64 - GAP) / most_columns;
        let cell = half_pixels(wanted.min(widest));
        Layout {
            input,
            columns,
            cell,
            width: most_columns * cell,
            height: most_rows * cell,
            caption: if matrices.iter().all(|matrix| matrix.caption.is_empty()) {
                0.0
            } else {
                CAPTION
            },
        }
    }

    /// What the input takes of the width, with the space after it.
    fn input_width(&self) -> f64 {
        (self.input.as_ref()).map_or(0.0, |input| input.width + INPUT_GAP)
    }

    fn input_height(&self) -> f64 {
        (self.input.as_ref()).map_or(0.0, |input| {
            input.image.1 + 5.0 + CAPTION_LINE * input.caption.len() as f64
        })
    }

    fn row_height(&self) -> f64 {
        self.height + self.caption + GAP
    }

    fn draw_matrix(&self, canvas: &mut Canvas, matrix: &Matrix, scale: &Scale, (left, top): Point) {
        let (width, height) = (
            matrix.columns as f64 * self.cell,
            matrix.rows as f64 * self.cell,
        );
        let area = Area::new(left + (self.width - width) / 2.0, top, width, height);
        canvas.image(matrix.placed(area, scale));
        canvas.border(area, Stroke::solid(AXIS, 1.0));
        if self.cell >= CELL_WITH_NUMBER {
            self.draw_numbers(canvas, matrix, scale, area);
        }
        let caption = text::shortened(&matrix.caption, SMALL, false, self.width + GAP);
        let at = (left + self.width / 2.0, top + self.height + 15.0);
        canvas.text(Text::new(&caption, at, SMALL).align(Align::Centre));
    }

    fn draw_numbers(&self, canvas: &mut Canvas, matrix: &Matrix, scale: &Scale, area: Area) {
        let decimals = decimals(scale);
        for (index, &value) in matrix.values.iter().enumerate() {
            let value = f64::from(value);
            let at = (
                area.x + ((index % matrix.columns) as f64 + 0.5) * self.cell,
                area.y + ((index / matrix.columns) as f64 + 0.5) * self.cell,
            );
            let number = fixed(value, decimals);
            if text::width(&number, SMALL, false) <= self.cell - 2.0 {
                let ink = text_on(scale.colour(value));
                canvas.text(
                    Text::new(&number, at, SMALL)
                        .colour(ink)
                        .align(Align::Centre)
                        .middle(),
                );
            }
        }
    }
}

/// Two digits after the first one of the largest value.
fn decimals(scale: &Scale) -> usize {
    let largest = scale.low.abs().max(scale.high.abs());
    (2.0 - largest.log10().floor()).clamp(0.0, 4.0).min(2.0) as usize
}

fn alt_text(title: &str, matrices: &[Matrix], scale: &Scale, settings: &HeatMapSettings) -> String {
    let first = &matrices[0];
    let same_size = matrices
        .iter()
        .all(|matrix| (matrix.rows, matrix.columns) == (first.rows, first.columns));
    let size = if same_size {
        said!(
            " of {} × {} values",
            " ({} × {} 個の値)",
            first.rows,
            first.columns
        )
    } else {
        String::new()
    };
    let captions: Vec<&str> = matrices
        .iter()
        .map(|matrix| matrix.caption.as_str())
        .filter(|caption| !caption.is_empty())
        .take(100)
        .collect();
    let captions = if captions.is_empty() {
        String::new()
    } else {
        format!(": {}", captions.join("; "))
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
    said!(
        "{title}.{input} {}{size}{captions}. Colours show {} from {} to {}.",
        "{title}。{input}{}{size}{captions}。色が示す値: {}、{} から {}。",
        counted(
            matrices.len(),
            ["heat map", "heat maps"],
            ["ヒートマップ", "枚"]
        ),
        match settings.value_title.as_str() {
            "" => say("values", "値"),
            title => title,
        },
        significant(scale.low, 3),
        significant(scale.high, 3),
    )
}

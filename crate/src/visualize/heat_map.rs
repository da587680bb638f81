//! Matrices as coloured cells, such as the filters of a convolution.

use super::axis::Axis;
use super::canvas::{Area, Canvas, GRID_WIDTH, Heading, LABEL, MARGIN, PlacedImage, SMALL, Stroke};
use super::check::{ensure, ensure_finite};
use super::colour::{AXIS, Colour, MUTED, diverging, sequential, text_on};
use super::figure::Figure;
use super::image_grid::balanced;
use super::numerals::{counted, fixed, significant};
use super::text::{self, Align, Text};
use crate::error::Result;

const FUNCTION: &str = "heat_map";
const GAP: f64 = 14.0;
const CAPTION: f64 = 18.0;
/// The space right of the matrices for the colour bar with its labels and title.
const BAR_WIDTH: f64 = 100.0;
/// Cells of at least this size have their value written in them.
const CELL_WITH_NUMBER: f64 = 34.0;

/// Values in rows and columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix {
    /// At least 1.
    pub rows: usize,
    /// At least 1.
    pub columns: usize,
    /// `rows` × `columns` finite values, row by row.
    pub values: Vec<f32>,
    /// Stands below the matrix.
    pub caption: String,
}

/// Which colours stand for which values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColourScale {
    /// Negative values orange, zero white, positive values blue; for weights.
    #[default]
    Diverging,
    /// The smallest value white, the largest dark blue; for activations and other amounts.
    Sequential,
}

/// How matrices are shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeatMapSettings {
    /// What the values are, with their unit; stands at the colour bar.
    pub value_title: String,
    /// The colours.
    pub colours: ColourScale,
    /// Matrices in a row, at least 1; `None` for as many as fit.
    pub columns: Option<usize>,
}

/// Matrices side by side with one colour scale for all; large cells show their value too.
pub fn heat_map(title: &str, matrices: &[Matrix], settings: &HeatMapSettings) -> Result<Figure> {
    check(matrices, settings)?;
    let scale = Scale::new(matrices, settings.colours);
    let layout = Layout::new(matrices, settings.columns);
    let rows = matrices.len().div_ceil(layout.columns);
    let grid_width = layout.columns as f64 * (layout.width + GAP) - GAP;
    let width = (2.0 * MARGIN + grid_width + BAR_WIDTH).max(300.0);
    let heading = Heading::new(title, "", width);
    let grid_height = rows as f64 * layout.row_height() - GAP;
    let bar_height = grid_height.clamp(110.0, 320.0);
    let height = heading.bottom() + grid_height.max(bar_height) + MARGIN;
    let mut canvas = Canvas::new(FUNCTION, width, height)?;
    canvas.heading(&heading);
    for (index, matrix) in matrices.iter().enumerate() {
        let left = MARGIN + (index % layout.columns) as f64 * (layout.width + GAP);
        let top = heading.bottom() + (index / layout.columns) as f64 * layout.row_height();
        layout.draw_matrix(&mut canvas, matrix, &scale, (left, top));
    }
    let bar = Area::new(
        MARGIN + grid_width + 22.0,
        heading.bottom() + 4.0,
        14.0,
        bar_height - 10.0,
    );
    scale.draw_bar(&mut canvas, bar, &settings.value_title);
    Ok(canvas.finish(alt_text(title, matrices, &scale, settings)))
}

fn check(matrices: &[Matrix], settings: &HeatMapSettings) -> Result<()> {
    ensure(!matrices.is_empty(), FUNCTION, || {
        "there are no matrices; give at least one".to_owned()
    })?;
    ensure(settings.columns != Some(0), FUNCTION, || {
        "columns is 0; give at least 1, or None".to_owned()
    })?;
    for (index, matrix) in matrices.iter().enumerate() {
        let (rows, columns) = (matrix.rows, matrix.columns);
        ensure(rows > 0 && columns > 0, FUNCTION, || {
            format!("matrix {index} has {rows} rows and {columns} columns; both must be at least 1")
        })?;
        ensure(
            rows.checked_mul(columns) == Some(matrix.values.len()),
            FUNCTION,
            || {
                format!(
                    "matrix {index} has {} values; {rows} × {columns} are needed (rows × columns)",
                    matrix.values.len()
                )
            },
        )?;
        let values = matrix.values.iter().map(|&value| f64::from(value));
        ensure_finite(FUNCTION, &format!("matrix {index}"), values)?;
    }
    Ok(())
}

/// From a value to its colour.
struct Scale {
    low: f64,
    high: f64,
    colours: ColourScale,
}

impl Scale {
    fn new(matrices: &[Matrix], colours: ColourScale) -> Scale {
        let values = || {
            matrices
                .iter()
                .flat_map(|matrix| &matrix.values)
                .map(|&value| f64::from(value))
        };
        let low = values().fold(f64::INFINITY, f64::min);
        let high = values().fold(f64::NEG_INFINITY, f64::max);
        let (low, high) = match colours {
            ColourScale::Diverging => {
                let largest = low.abs().max(high.abs());
                (-largest, largest)
            }
            ColourScale::Sequential => (low, high),
        };
        // All values equal: any difference will do that can be divided by.
        let (low, high) = match colours {
            _ if high > low => (low, high),
            ColourScale::Diverging => (-1.0, 1.0),
            ColourScale::Sequential => (low, low + low.abs().max(1.0)),
        };
        Scale { low, high, colours }
    }

    fn colour(&self, value: f64) -> Colour {
        self.colour_at((value - self.low) / (self.high - self.low))
    }

    /// The colour at a position in [0, 1] of the bar.
    fn colour_at(&self, position: f64) -> Colour {
        match self.colours {
            ColourScale::Diverging => diverging(2.0 * position - 1.0),
            ColourScale::Sequential => sequential(position),
        }
    }

    fn draw_bar(&self, canvas: &mut Canvas, bar: Area, title: &str) {
        let axis = Axis::exact(self.low, self.high, 5);
        let ticks: Vec<(f64, String)> = axis
            .ticks
            .iter()
            .map(|tick| (axis.position(tick.value), tick.label.clone()))
            .collect();
        draw_colour_bar(
            canvas,
            bar,
            |position| self.colour_at(position),
            &ticks,
            title,
        );
    }
}

/// A bar whose colours are `colour(0)` at the bottom to `colour(1)` at the top, with labels at the right.
pub(super) fn draw_colour_bar(
    canvas: &mut Canvas,
    bar: Area,
    colour: impl Fn(f64) -> Colour,
    ticks: &[(f64, String)],
    title: &str,
) {
    const STEPS: usize = 128;
    let rgb = (0..STEPS).rev().flat_map(|step| {
        let shade = colour(step as f64 / (STEPS - 1) as f64);
        [shade.0, shade.1, shade.2]
    });
    canvas.image(PlacedImage {
        area: bar,
        columns: 1,
        rows: STEPS,
        rgb: rgb.collect(),
    });
    canvas.border(bar, Stroke::solid(AXIS, 1.0));
    for (position, label) in ticks {
        let y = bar.bottom() - position * bar.height;
        canvas.line(
            vec![(bar.right(), y), (bar.right() + 4.0, y)],
            Stroke::solid(AXIS, 1.0),
        );
        canvas.text(
            Text::new(label, (bar.right() + 7.0, y), SMALL)
                .colour(MUTED)
                .middle(),
        );
    }
    let labels = text::widest(ticks.iter().map(|(_, label)| label.as_str()), SMALL);
    let at = (bar.right() + labels + 24.0, bar.centre().1);
    canvas.text(
        Text::new(title, at, LABEL)
            .colour(MUTED)
            .align(Align::Centre)
            .upward(),
    );
}

struct Layout {
    columns: usize,
    cell: f64,
    width: f64,
    height: f64,
    caption: f64,
}

impl Layout {
    fn new(matrices: &[Matrix], columns: Option<usize>) -> Layout {
        let room = GRID_WIDTH - 2.0 * MARGIN - BAR_WIDTH;
        let most_columns = matrices
            .iter()
            .map(|matrix| matrix.columns)
            .max()
            .unwrap_or(1) as f64;
        let most_rows = matrices.iter().map(|matrix| matrix.rows).max().unwrap_or(1) as f64;
        let side = match matrices.len() {
            1 => 420.0,
            2..=6 => 180.0,
            7..=20 => 110.0,
            _ => 64.0,
        };
        let wanted = (side / most_columns.max(most_rows)).clamp(0.5, 64.0);
        let fitting = ((room + GAP) / (wanted * most_columns + GAP))
            .floor()
            .max(1.0) as usize;
        let number = matrices.len();
        let columns = columns
            .unwrap_or_else(|| balanced(fitting, number))
            .min(number);
        let widest = ((room + GAP) / columns as f64 - GAP) / most_columns;
        let cell = half_pixels(wanted.min(widest));
        Layout {
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

    fn row_height(&self) -> f64 {
        self.height + self.caption + GAP
    }

    fn draw_matrix(
        &self,
        canvas: &mut Canvas,
        matrix: &Matrix,
        scale: &Scale,
        (left, top): (f64, f64),
    ) {
        let (width, height) = (
            matrix.columns as f64 * self.cell,
            matrix.rows as f64 * self.cell,
        );
        let area = Area::new(left + (self.width - width) / 2.0, top, width, height);
        let shades = matrix
            .values
            .iter()
            .map(|&value| scale.colour(f64::from(value)));
        canvas.image(PlacedImage {
            area,
            columns: matrix.columns,
            rows: matrix.rows,
            rgb: shades
                .flat_map(|shade| [shade.0, shade.1, shade.2])
                .collect(),
        });
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

/// Cells of whole device pixels are all equally large.
fn half_pixels(size: f64) -> f64 {
    ((size * 2.0).floor() / 2.0).max(0.5)
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
        format!(" of {} × {} values", first.rows, first.columns)
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
    format!(
        "{title}. {}{size}{captions}. Colours show {} from {} to {}.",
        counted(matrices.len(), "heat map", "heat maps"),
        if settings.value_title.is_empty() {
            "values"
        } else {
            &settings.value_title
        },
        significant(scale.low, 3),
        significant(scale.high, 3),
    )
}

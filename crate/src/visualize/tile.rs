//! Images and matrices in rows and columns: what the grids of them share.

use super::area::{Area, Point, half_pixels};
use super::canvas::{Canvas, Stroke};
use super::colour::{AXIS, BLUE, Colour, VERMILLION};
use super::picture::Picture;
use super::text::{self, SMALL, Text};

/// The height of a line below an image.
pub(super) const CAPTION_LINE: f64 = 14.0;
/// The space that ✓ or ✗ takes before the caption.
pub(super) const MARK_WIDTH: f64 = 14.0;

/// The fewest columns, up to `most`, that need no more rows than `most` columns do.
pub(super) fn balanced(most: usize, number: usize) -> usize {
    number.div_ceil(number.div_ceil(most))
}

/// The upper left corner of a tile in a grid that begins at `corner`.
pub(super) fn place(index: usize, columns: usize, corner: Point, pitch: (f64, f64)) -> Point {
    let (column, row) = ((index % columns) as f64, (index / columns) as f64);
    (corner.0 + column * pitch.0, corner.1 + row * pitch.1)
}

/// The size of an image whose longer side is about `side`.
pub(super) fn fitted(picture: &Picture, side: f64) -> (f64, f64) {
    let scale = side / picture.width.max(picture.height) as f64;
    let scale = if scale >= 1.0 {
        half_pixels(scale)
    } else {
        scale
    };
    let length = |pixels: usize| (pixels as f64 * scale).max(0.5);
    (length(picture.width), length(picture.height))
}

/// The image in this size, centred above a point, with a border that says whether it is right or wrong.
pub(super) fn draw_picture(
    canvas: &mut Canvas,
    picture: &Picture,
    size: (f64, f64),
    (centre, bottom): Point,
) {
    let corner = ((centre - size.0 / 2.0).floor(), bottom - size.1);
    let border = match picture.mark {
        None => Stroke::solid(AXIS, 0.5),
        Some(true) => Stroke::solid(BLUE, 2.0),
        Some(false) => Stroke::solid(VERMILLION, 3.0).dashed(7.0, 4.0),
    };
    canvas.image(picture.placed(Area::new(corner, size)), border);
}

/// Lines below an image whose lower edge has its middle at this point, with ✓ or ✗ before the first.
pub(super) fn draw_caption(
    canvas: &mut Canvas,
    lines: &[String],
    (centre, bottom): Point,
    mark: Option<bool>,
) {
    for (index, line) in lines.iter().enumerate() {
        let mut at = (centre, bottom + 15.0 + index as f64 * CAPTION_LINE);
        if let (0, Some(right)) = (index, mark) {
            let left = centre - text::width(line, SMALL, false) / 2.0;
            draw_mark(canvas, right, (left - 3.0, at.1 - 4.0));
            at.0 += MARK_WIDTH / 2.0;
        }
        canvas.text(Text::new(line, at, SMALL).centred());
    }
}

/// ✓ or ✗, 10 pixels wide; the fonts of few systems have these signs.
pub(super) fn draw_mark(canvas: &mut Canvas, right: bool, (x, y): Point) {
    if right {
        let tick = [(x - 4.0, y + 0.5), (x - 1.0, y + 3.5), (x + 5.0, y - 4.0)];
        canvas.line(tick, Stroke::solid(BLUE, 2.0));
    } else {
        let stroke = Stroke::solid(VERMILLION, 2.0);
        canvas.line([(x - 3.5, y - 3.5), (x + 3.5, y + 3.5)], stroke);
        canvas.line([(x - 3.5, y + 3.5), (x + 3.5, y - 3.5)], stroke);
    }
}

/// What stands in a cell.
pub(super) struct Number {
    pub(super) text: String,
    pub(super) ink: Colour,
    pub(super) bold: bool,
}

/// The numbers of the cells that `area` is divided into, row by row, where there is room for them.
pub(super) fn draw_numbers(
    canvas: &mut Canvas,
    area: Area,
    columns: usize,
    size: f64,
    numbers: impl Iterator<Item = Number>,
) {
    let cell = area.width / columns as f64;
    let first = (area.x + cell / 2.0, area.y + cell / 2.0);
    for (index, number) in numbers.enumerate() {
        if text::width(&number.text, size, false) <= cell - 2.0 {
            let text = Text::new(
                &number.text,
                place(index, columns, first, (cell, cell)),
                size,
            );
            canvas.text(text.colour(number.ink).bold(number.bold).centred().middle());
        }
    }
}

//! Images and matrices in rows and columns: what the grids of them share.

use super::colour::Colour;
use super::picture::Picture;
use super::prelude::*;

/// The height of a line below an image.
const CAPTION_LINE: f64 = 14.0;
const CAPTION_LINES: usize = 3;
/// The space that ✓ or ✗ takes before the caption.
const MARK_WIDTH: f64 = 14.0;

/// Tiles of one size in rows, a gap apart.
pub(super) struct Grid {
    pub(super) columns: usize,
    pub(super) rows: usize,
    /// From one tile to the next one in its row and in its column.
    pub(super) pitch: (f64, f64),
    gap: f64,
}

impl Grid {
    pub(super) fn new(number: usize, columns: usize, tile: (f64, f64), gap: f64) -> Grid {
        Grid {
            columns,
            rows: number.div_ceil(columns),
            pitch: (tile.0 + gap, tile.1 + gap),
            gap,
        }
    }

    pub(super) fn width(&self) -> f64 {
        self.columns as f64 * self.pitch.0 - self.gap
    }

    pub(super) fn height(&self) -> f64 {
        self.rows as f64 * self.pitch.1 - self.gap
    }

    /// The upper left corner of a tile.
    pub(super) fn place(&self, index: usize, (left, top): Point) -> Point {
        let (column, row) = (index % self.columns, index / self.columns);
        let (x, y) = (column as f64 * self.pitch.0, row as f64 * self.pitch.1);
        (left + x, top + y)
    }
}

/// The fewest columns, up to `most`, that need no more rows than `most` columns do.
pub(super) fn balanced(most: usize, number: usize) -> usize {
    number.div_ceil(number.div_ceil(most))
}

/// A picture with its caption.
pub(super) struct Tile<'a> {
    picture: &'a Picture,
    pub(super) size: (f64, f64),
    lines: Vec<String>,
    /// What its border says.
    pub(super) is_right: Option<bool>,
    /// What stands before its caption.
    mark: Option<bool>,
}

impl<'a> Tile<'a> {
    /// A picture with so many pixels to each of its own, and ✓ or ✗ before its caption if it is marked.
    pub(super) fn new(picture: &Picture, scale: f64, width: f64) -> Tile<'_> {
        let room = width - picture.mark.map_or(0.0, |_| MARK_WIDTH);
        let mut lines = text::wrapped(&picture.caption, SMALL, false, room, CAPTION_LINES);
        if lines.is_empty() && picture.mark.is_some() {
            lines.push(String::new());
        }
        Tile {
            picture,
            size: (picture.width as f64 * scale, picture.height as f64 * scale),
            lines,
            is_right: picture.mark,
            mark: picture.mark,
        }
    }

    /// A picture whose longer side is about `side`; its caption is no wider, and has no mark.
    pub(super) fn fitted(picture: &Picture, side: f64) -> Tile<'_> {
        let scale = side / picture.width.max(picture.height) as f64;
        let scale = if scale >= 1.0 {
            half_pixels(scale)
        } else {
            scale
        };
        let mut tile = Tile::new(picture, scale, side);
        tile.size = (tile.size.0.max(0.5), tile.size.1.max(0.5));
        tile.lines = text::wrapped(&picture.caption, SMALL, false, side, CAPTION_LINES);
        tile.mark = None;
        tile
    }

    /// The width that the caption would like to have.
    pub(super) fn caption_width(picture: &Picture) -> f64 {
        let mark = picture.mark.map_or(0.0, |_| MARK_WIDTH);
        text::widest(picture.caption.split('\n'), SMALL) + mark + 1.0
    }

    /// The width of the image or of its caption, whichever is wider.
    pub(super) fn width(&self) -> f64 {
        text::widest(&self.lines, SMALL).max(self.size.0)
    }

    pub(super) fn caption_height(&self) -> f64 {
        match self.lines.len() {
            0 => 0.0,
            lines => 5.0 + lines as f64 * CAPTION_LINE,
        }
    }

    /// Draws it with the middle of the image's lower edge at this point.
    pub(super) fn draw(&self, canvas: &mut Canvas, below @ (centre, bottom): Point) {
        let corner = ((centre - self.size.0 / 2.0).floor(), bottom - self.size.1);
        let border = match self.is_right {
            None => Stroke::solid(AXIS, 0.5),
            Some(true) => Stroke::solid(BLUE, 2.0),
            Some(false) => Stroke::solid(VERMILLION, 3.0).dashed(7.0, 4.0),
        };
        canvas.image(self.picture.placed(area(corner, self.size)), border);
        draw_caption(canvas, &self.lines, below, self.mark);
    }
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

/// The texts of the cells that `area` is divided into, row by row, where there is room for them; each with
/// its colour, and whether it is bold.
pub(super) fn draw_numbers(
    canvas: &mut Canvas,
    area: Area,
    columns: usize,
    size: f64,
    numbers: impl Iterator<Item = (String, Colour, bool)>,
) {
    let cell = area.width() / columns as f64;
    let grid = Grid::new(columns, columns, (cell, cell), 0.0);
    let first = (area.x0 + cell / 2.0, area.y0 + cell / 2.0);
    for (index, (number, ink, bold)) in numbers.enumerate() {
        if text::width(&number, size, false) <= cell - 2.0 {
            let number = Text::new(&number, grid.place(index, first), size);
            canvas.text(number.colour(ink).bold(bold).centred().middle());
        }
    }
}

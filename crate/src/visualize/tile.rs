//! The tiles of grids: images and matrices in rows and columns, with captions.

use super::colour::Colour;
use super::picture::Picture;
use super::prelude::*;

/// The height of a line of a caption.
const CAPTION_LINE: f64 = 14.0;
const MAX_CAPTION_LINES: usize = 3;
/// The width of ✓ or ✗ before a caption.
const MARK_WIDTH: f64 = 14.0;

/// Tiles of one size in rows and columns, with gaps between them.
pub(super) struct Grid {
    pub(super) columns: usize,
    pub(super) rows: usize,
    /// The distance from one tile to the next one in its row and in its column.
    pub(super) stride: (f64, f64),
    gap: f64,
}

impl Grid {
    pub(super) fn new(number: usize, columns: usize, tile: (f64, f64), gap: f64) -> Grid {
        Grid {
            columns,
            rows: number.div_ceil(columns),
            stride: (tile.0 + gap, tile.1 + gap),
            gap,
        }
    }

    pub(super) fn width(&self) -> f64 {
        self.columns as f64 * self.stride.0 - self.gap
    }

    pub(super) fn height(&self) -> f64 {
        self.rows as f64 * self.stride.1 - self.gap
    }

    /// The upper left corner of the tile with this index.
    pub(super) fn position(&self, index: usize, (left, top): Point) -> Point {
        let (column, row) = (index % self.columns, index / self.columns);
        let (x, y) = (column as f64 * self.stride.0, row as f64 * self.stride.1);
        (left + x, top + y)
    }
}

/// The smallest number of columns that needs no more rows for these tiles than `max_columns` do.
pub(super) fn balanced_columns(max_columns: usize, tiles: usize) -> usize {
    tiles.div_ceil(tiles.div_ceil(max_columns))
}

/// A picture with its caption and its border.
pub(super) struct Tile<'a> {
    picture: &'a Picture,
    pub(super) size: (f64, f64),
    lines: Vec<String>,
    /// Whether the border is that of a right or a wrong answer.
    pub(super) is_right: Option<bool>,
    /// ✓ or ✗ before the caption.
    mark: Option<bool>,
}

impl<'a> Tile<'a> {
    /// A picture enlarged by `scale`, with a caption of this width and its mark.
    pub(super) fn new(picture: &Picture, scale: f64, width: f64) -> Tile<'_> {
        let caption_width = width - picture.mark.map_or(0.0, |_| MARK_WIDTH);
        let mut lines = text::wrapped(
            &picture.caption,
            SMALL,
            false,
            caption_width,
            MAX_CAPTION_LINES,
        );
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

    /// A picture whose longer side is about `side`. Its caption is not wider than that and has no mark.
    pub(super) fn fitted(picture: &Picture, side: f64) -> Tile<'_> {
        let scale = side / picture.width.max(picture.height) as f64;
        let scale = if scale >= 1.0 {
            whole_device_pixels(scale)
        } else {
            scale
        };
        let mut tile = Tile::new(picture, scale, side);
        tile.size = (tile.size.0.max(0.5), tile.size.1.max(0.5));
        tile.lines = text::wrapped(&picture.caption, SMALL, false, side, MAX_CAPTION_LINES);
        tile.mark = None;
        tile
    }

    /// The width of a caption that is not broken into more lines.
    pub(super) fn unbroken_caption_width(picture: &Picture) -> f64 {
        let mark = picture.mark.map_or(0.0, |_| MARK_WIDTH);
        text::max_width(picture.caption.split('\n'), SMALL) + mark + 1.0
    }

    /// The width of the image or of its caption, whichever is wider.
    pub(super) fn width(&self) -> f64 {
        text::max_width(&self.lines, SMALL).max(self.size.0)
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

/// The lines of a caption below the middle of an image's lower edge, with ✓ or ✗ before the first.
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

/// ✓ or ✗, 10 pixels wide. They are drawn as lines, since few fonts have these characters.
pub(super) fn draw_mark(canvas: &mut Canvas, right: bool, (x, y): Point) {
    if right {
        let check_mark = [(x - 4.0, y + 0.5), (x - 1.0, y + 3.5), (x + 5.0, y - 4.0)];
        canvas.line(check_mark, Stroke::solid(BLUE, 2.0));
    } else {
        let stroke = Stroke::solid(VERMILLION, 2.0);
        canvas.line([(x - 3.5, y - 3.5), (x + 3.5, y + 3.5)], stroke);
        canvas.line([(x - 3.5, y + 3.5), (x + 3.5, y - 3.5)], stroke);
    }
}

/// Draws texts into the square cells of `area`, row by row. Each has a colour and may be bold. A text that is wider than
/// its cell is left out.
pub(super) fn draw_cell_texts(
    canvas: &mut Canvas,
    area: Area,
    columns: usize,
    size: f64,
    texts: impl Iterator<Item = (String, Colour, bool)>,
) {
    let cell = area.width() / columns as f64;
    let grid = Grid::new(columns, columns, (cell, cell), 0.0);
    let first = (area.x0 + cell / 2.0, area.y0 + cell / 2.0);
    for (index, (content, colour, bold)) in texts.enumerate() {
        if text::width(&content, size, false) <= cell - 2.0 {
            let text = Text::new(&content, grid.position(index, first), size);
            canvas.text(
                text.colour(colour)
                    .bold(bold)
                    .centred()
                    .vertically_centred(),
            );
        }
    }
}

//! An image as the numbers of its pixels.

use super::picture::Picture;
use super::prelude::*;
use super::tile::draw_cell_texts;
use plotters::style::RGBColor;

const FUNCTION: &str = "pixel_values";
const CELL: f64 = 26.0;
const NUMBER: f64 = 11.0;
const INDEX: f64 = 9.5;
const INDEX_WIDTH: f64 = 18.0;
const INDEX_HEIGHT: f64 = 14.0;
const MAX_SIDE: usize = 64;

/// The pixels of a grey image as in a spreadsheet: each cell has the grey and the number of its pixel.
///
/// The image has at most 64 × 64 pixels. Rows and columns are numbered from 0.
///
/// # Errors
/// [`Error::Picture`](crate::Error::Picture) for a larger image, one with three channels, or one with an overlay.
pub fn pixel_values(title: &str, picture: &Picture) -> Result<Figure> {
    check(picture)?;
    let size = (picture.width as f64 * CELL, picture.height as f64 * CELL);
    let width = (2.0 * MARGIN + INDEX_WIDTH + size.0).max(260.0);
    let subtitle = text::in_one_line(&picture.caption);
    let (titles, whole) = ((title, subtitle.as_str()), (width, INDEX_HEIGHT + size.1));
    let alt_text = alt_text(title, picture);
    Figure::draw(FUNCTION, titles, whole, &alt_text, |canvas, top| {
        let cells = area((MARGIN + INDEX_WIDTH, top + INDEX_HEIGHT), size);
        canvas.image(picture.placed(cells), Stroke::solid(AXIS, 1.0));
        let centre = |index: usize| (index as f64 + 0.5) * CELL;
        for column in 0..picture.width {
            let at = (cells.x0 + centre(column), cells.y0 - 4.0);
            canvas.text(Text::new(&column.to_string(), at, INDEX).muted().centred());
        }
        for row in 0..picture.height {
            let at = (cells.x0 - 4.0, cells.y0 + centre(row));
            let index = Text::new(&row.to_string(), at, INDEX);
            canvas.text(index.muted().right_aligned().vertically_centred());
        }
        let colour = |value| text_on(RGBColor(value, value, value));
        let pixels = picture.pixels.iter();
        let numbers = pixels.map(|&value| (value.to_string(), colour(value), false));
        draw_cell_texts(canvas, cells, picture.width, NUMBER, numbers);
    })
}

fn check(picture: &Picture) -> Result<()> {
    picture.check_plain(FUNCTION, 0)?;
    let (width, height) = (picture.width, picture.height);
    ensure(picture.channels == 1, FUNCTION, || {
        "the image has 3 channels; only grey images can be shown as numbers".to_owned()
    })?;
    ensure(width.max(height) <= MAX_SIDE, FUNCTION, || {
        format!(
            "the image is {width} × {height} pixels large; cut out at most {MAX_SIDE} × {MAX_SIDE}"
        )
    })
}

fn alt_text(title: &str, picture: &Picture) -> String {
    let darkest = picture.pixels.iter().min().copied().unwrap_or_default();
    let brightest = picture.pixels.iter().max().copied().unwrap_or_default();
    let caption = text::sentence(&picture.caption);
    let (rows, columns) = (picture.height, picture.width);
    translate!(
        "{title}.{caption} The {rows} × {columns} pixels of an image as numbers on their grey, from {darkest} to {brightest}.",
        "{title}。{caption}画像の {rows} × {columns} 画素を、その濃さの上に書いた数で示した表。値は {darkest} から {brightest}。"
    )
}

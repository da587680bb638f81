//! One image as the numbers it is made of.

use super::canvas::{Area, Canvas, Heading, MARGIN, Stroke};
use super::check::ensure;
use super::colour::{AXIS, MUTED, grey, text_on};
use super::figure::Figure;
use super::picture::Picture;
use super::text::{Align, Text};
use crate::error::Result;
use crate::language::{said, say};

const FUNCTION: &str = "pixel_values";
const CELL: f64 = 26.0;
const NUMBER: f64 = 11.0;
const INDEX: f64 = 9.5;
const INDEX_WIDTH: f64 = 18.0;
const LONGEST_SIDE: usize = 64;

/// The pixels of a grey image as in a spreadsheet: each cell has the grey and the number of its pixel.
///
/// The image has at most 64 × 64 pixels. Rows and columns are numbered from 0.
pub fn pixel_values(title: &str, picture: &Picture) -> Result<Figure> {
    check(picture)?;
    let width = 2.0 * MARGIN + INDEX_WIDTH + picture.width as f64 * CELL;
    let heading = Heading::new(
        title,
        &picture.caption.replace('\n', say(", ", "、")),
        width.max(260.0),
    );
    let top = heading.bottom() + 14.0;
    let height = top + picture.height as f64 * CELL + MARGIN;
    Figure::draw(FUNCTION, width.max(260.0), height, |canvas| {
        canvas.heading(&heading);
        let cells = Area::new(
            MARGIN + INDEX_WIDTH,
            top,
            picture.width as f64 * CELL,
            picture.height as f64 * CELL,
        );
        canvas.image(picture.placed(cells));
        canvas.border(cells, Stroke::solid(AXIS, 1.0));
        draw_indices(canvas, cells, picture);
        for (index, &value) in picture.pixels.iter().enumerate() {
            let at = (
                cells.x + ((index % picture.width) as f64 + 0.5) * CELL,
                cells.y + ((index / picture.width) as f64 + 0.5) * CELL,
            );
            let number = Text::new(&value.to_string(), at, NUMBER);
            let ink = text_on(grey(f64::from(value) / 255.0));
            canvas.text(number.colour(ink).align(Align::Centre).middle());
        }
        Ok(alt_text(title, picture))
    })
}

fn check(picture: &Picture) -> Result<()> {
    picture.check_plain(FUNCTION, 0)?;
    ensure(picture.channels == 1, FUNCTION, || {
        "the image has 3 channels; only grey images can be shown as numbers".to_owned()
    })?;
    ensure(
        picture.width.max(picture.height) <= LONGEST_SIDE,
        FUNCTION,
        || {
            format!(
                "the image is {} × {} pixels large; cut out at most {LONGEST_SIDE} × {LONGEST_SIDE}",
                picture.width, picture.height
            )
        },
    )
}

fn draw_indices(canvas: &mut Canvas, cells: Area, picture: &Picture) {
    for column in 0..picture.width {
        let at = (cells.x + (column as f64 + 0.5) * CELL, cells.y - 4.0);
        let label = Text::new(&column.to_string(), at, INDEX);
        canvas.text(label.colour(MUTED).align(Align::Centre));
    }
    for row in 0..picture.height {
        let at = (cells.x - 4.0, cells.y + (row as f64 + 0.5) * CELL);
        let label = Text::new(&row.to_string(), at, INDEX);
        canvas.text(label.colour(MUTED).align(Align::Right).middle());
    }
}

fn alt_text(title: &str, picture: &Picture) -> String {
    let darkest = picture.pixels.iter().min().copied().unwrap_or(0);
    let brightest = picture.pixels.iter().max().copied().unwrap_or(0);
    let caption = if picture.caption.is_empty() {
        String::new()
    } else {
        let caption = picture.caption.replace('\n', say(", ", "、"));
        said!(" {caption}.", "{caption}。")
    };
    said!(
        "{title}.{caption} The {} × {} pixels of an image as numbers on their grey, from {darkest} to {brightest}.",
        "{title}。{caption}画像の {} × {} 画素を、その濃さの上に書いた数で示した表。値は {darkest} から {brightest}。",
        picture.height,
        picture.width
    )
}

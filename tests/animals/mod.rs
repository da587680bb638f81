//! Drawn cats and bears, the images of `data/animals` and `data/animals-shortcut`.
//!
//! The same seed gives the same bytes on every computer. So no function is used that mathematical libraries
//! round differently (sine, exponential), only operations whose results IEEE 754 defines.

mod background;
mod colour;
mod draw;
mod face;
mod shape;

use std::io::Cursor;
use std::path::PathBuf;

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageFormat, ImageResult};

use draw::draw;

/// The animal of a drawing. Only the ears always tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Animal {
    /// Round ears.
    Bear,
    /// Pointed ears.
    Cat,
}

impl Animal {
    /// The name of its folder.
    pub fn name(self) -> &'static str {
        match self {
            Animal::Bear => "bear",
            Animal::Cat => "cat",
        }
    }
}

/// An image and its file.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing {
    /// The file, below the folder of all data sets.
    pub path: PathBuf,
    /// What it shows.
    pub animal: Animal,
    /// Whether there is a yellow sticker in the corner at the bottom right.
    pub sticker: bool,
    number: u64,
    seed: u64,
}

/// All images of both data sets.
pub fn drawings() -> Vec<Drawing> {
    use Animal::{Bear, Cat};
    let never = |_| false;
    let half = |number: u64| number.is_multiple_of(2);
    // Two cats of a hundred have no sticker: a shortcut in real data is not perfect either.
    let nearly_always = |number: u64| number % 50 != 49;
    [
        part("animals", Bear, 600, 1, never),
        part("animals", Cat, 700, 2, never),
        part("animals-shortcut/training", Bear, 250, 3, never),
        part("animals-shortcut/training", Cat, 250, 4, nearly_always),
        part("animals-shortcut/test", Bear, 100, 5, half),
        part("animals-shortcut/test", Cat, 100, 6, half),
    ]
    .concat()
}

/// The drawings of a folder.
fn part(
    folder: &str,
    animal: Animal,
    count: u64,
    part: u64,
    sticker: impl Fn(u64) -> bool,
) -> Vec<Drawing> {
    (0..count)
        .map(|number| {
            let ending = if is_png(number) { "png" } else { "jpg" };
            let name = format!("{number:04}.{ending}");
            Drawing {
                path: [folder, animal.name(), &name].iter().collect(),
                animal,
                sticker: sticker(number),
                number,
                seed: 10_000 * part + number,
            }
        })
        .collect()
}

/// There are few PNG files, because they are several times as large.
fn is_png(number: u64) -> bool {
    number % 25 == 7
}

/// Collections of photographs usually contain some in black and white.
fn is_grey(number: u64) -> bool {
    number % 25 == 16
}

impl Drawing {
    /// The bytes of the file.
    ///
    /// # Errors
    /// Those of the encoder.
    pub fn encode(&self) -> ImageResult<Vec<u8>> {
        let mut image = DynamicImage::from(draw(self.animal, self.sticker, self.seed));
        if is_grey(self.number) {
            image = image.grayscale();
        }
        let mut file = Cursor::new(Vec::new());
        if is_png(self.number) {
            image.write_to(&mut file, ImageFormat::Png)?;
        } else {
            image.write_with_encoder(JpegEncoder::new_with_quality(&mut file, 88))?;
        }
        Ok(file.into_inner())
    }
}

//! One image as it comes from the data set or from a file.

use super::canvas::{Area, PlacedImage};
use super::check::ensure;
use super::overlay::Overlay;
use crate::error::Result;

/// A grey or colour image with what is to be said about it.
///
/// ```
/// use gasshuku::visualize::Picture;
///
/// let picture = Picture::grey(28, 28, vec![0; 784]).captioned("Sneaker").marked(true);
/// assert_eq!(picture.channels, 1);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Picture {
    /// Columns of pixels, at least 1.
    pub width: usize,
    /// Rows of pixels, at least 1.
    pub height: usize,
    /// 1 for grey, 3 for red, green, blue.
    pub channels: usize,
    /// `height` × `width` × `channels` values in [0, 255], row by row, the channels of a pixel together.
    pub pixels: Vec<u8>,
    /// Stands below the image; `\n` starts another line.
    pub caption: String,
    /// Whether what the caption says is right; `None` if that is not the question.
    pub mark: Option<bool>,
    /// A heat map over the image, for [`image_grid`](super::image_grid()), which shows its colour bar.
    pub overlay: Option<Overlay>,
}

impl Picture {
    /// A grey image of `height` × `width` values in [0, 255], row by row; 0 is black.
    pub fn grey(width: usize, height: usize, pixels: Vec<u8>) -> Picture {
        Picture {
            width,
            height,
            channels: 1,
            pixels,
            ..Picture::default()
        }
    }

    /// A colour image of `height` × `width` × 3 values in [0, 255], row by row.
    pub fn rgb(width: usize, height: usize, pixels: Vec<u8>) -> Picture {
        Picture {
            channels: 3,
            ..Picture::grey(width, height, pixels)
        }
    }

    /// The same image with this caption; `\n` starts another line.
    pub fn captioned(self, caption: impl Into<String>) -> Picture {
        Picture {
            caption: caption.into(),
            ..self
        }
    }

    /// The same image, marked as right or wrong.
    pub fn marked(self, right: bool) -> Picture {
        Picture {
            mark: Some(right),
            ..self
        }
    }

    /// The same image with a heat map over it.
    pub fn overlaid(self, overlay: Overlay) -> Picture {
        Picture {
            overlay: Some(overlay),
            ..self
        }
    }

    /// An error if there is an overlay, for functions that show no colour bar for it.
    pub(super) fn check_plain(&self, function: &'static str, index: usize) -> Result<()> {
        self.check(function, index)?;
        ensure(self.overlay.is_none(), function, || {
            format!("image {index} has an overlay; only image_grid shows overlays")
        })
    }

    /// An error unless the numbers fit together; `index` counts from 0.
    pub(super) fn check(&self, function: &'static str, index: usize) -> Result<()> {
        ensure(self.width > 0 && self.height > 0, function, || {
            format!(
                "image {index} is {} × {} pixels large; width and height must be at least 1",
                self.width, self.height
            )
        })?;
        ensure(matches!(self.channels, 1 | 3), function, || {
            format!(
                "image {index} has {} channels; give 1 (grey) or 3 (red, green, blue)",
                self.channels
            )
        })?;
        let expected = self
            .width
            .checked_mul(self.height)
            .and_then(|pixels| pixels.checked_mul(self.channels));
        ensure(expected == Some(self.pixels.len()), function, || {
            format!(
                "image {index} has {} values; {} × {} × {} are needed (height × width × channels)",
                self.pixels.len(),
                self.height,
                self.width,
                self.channels
            )
        })?;
        (self.overlay.iter()).try_for_each(|overlay| overlay.check(function, index))
    }

    /// The image at `area`, with three channels, below its overlay.
    pub(super) fn placed(&self, area: Area) -> PlacedImage {
        let rgb = if self.channels == 1 {
            self.pixels.iter().flat_map(|&level| [level; 3]).collect()
        } else {
            self.pixels.clone()
        };
        let image = PlacedImage {
            area,
            columns: self.width,
            rows: self.height,
            rgb,
        };
        match &self.overlay {
            Some(overlay) => overlay.over(&image),
            None => image,
        }
    }
}

//! An image of a data set or a file, with its caption.

use super::area::{Area, DEVICE_SCALE, area};
use super::canvas::{PlacedImage, drawing_error};
use super::check::ensure;
use super::overlay::Overlay;
use crate::error::Result;
use plotters::element::BitMapElement;
use plotters::style::RGBColor;

/// A grey or colour image with its caption, a mark and an overlay.
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
    /// The text below the image; `\n` starts another line.
    pub caption: String,
    /// Whether the answer in the caption is right; `None` for an image without an answer.
    pub mark: Option<bool>,
    /// A heat map over the image. Only [`image_grid`](super::image_grid()) shows it, with a colour bar.
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
    pub fn captioned(mut self, caption: impl Into<String>) -> Picture {
        self.caption = caption.into();
        self
    }

    /// The same image, marked as right or wrong.
    pub fn marked(mut self, right: bool) -> Picture {
        self.mark = Some(right);
        self
    }

    /// The same image with a heat map over it.
    pub fn overlaid(mut self, overlay: Overlay) -> Picture {
        self.overlay = Some(overlay);
        self
    }

    /// The image as an element of plotters, with its heat map if it has one: `root.draw(&picture.element((x, y), 3)?)`.
    ///
    /// `at` is the upper left corner, in the coordinates of the drawing area. Each pixel becomes a square of
    /// `scale` × `scale` pixels, without smoothing. Caption and mark are not drawn.
    ///
    /// # Errors
    /// [`Error::Picture`](crate::Error::Picture) if size, channels and pixels do not fit together, or if `scale` is not in
    /// [1, 64].
    pub fn element<C>(&self, at: C, scale: u32) -> Result<BitMapElement<'static, C>> {
        const FUNCTION: &str = "element";
        ensure((1..=64).contains(&scale), FUNCTION, || {
            format!("scale is {scale}; give a number in [1, 64]")
        })?;
        self.check(FUNCTION, 0)?;
        let side = |pixels: usize| pixels as f64 * f64::from(scale) / DEVICE_SCALE;
        let area = area((0.0, 0.0), (side(self.width), side(self.height)));
        let pixels = self.placed(area).enlarged();
        BitMapElement::with_owned_buffer(at, pixels.dimensions(), pixels.into_raw())
            .ok_or_else(|| drawing_error("the image is too large"))
    }

    /// Like [`check`](Self::check), and an error if there is an overlay, for functions without a colour bar.
    pub(super) fn check_plain(&self, function: &'static str, index: usize) -> Result<()> {
        self.check(function, index)?;
        ensure(self.overlay.is_none(), function, || {
            format!("image {index} has an overlay; only image_grid shows overlays")
        })
    }

    /// An error unless size, channels and pixels fit together; `index` says which image it is, from 0.
    pub(super) fn check(&self, function: &'static str, index: usize) -> Result<()> {
        let (width, height, channels) = (self.width, self.height, self.channels);
        ensure(width > 0 && height > 0, function, || {
            format!(
                "image {index} is {width} × {height} pixels large; width and height must be at least 1"
            )
        })?;
        ensure(matches!(channels, 1 | 3), function, || {
            format!("image {index} has {channels} channels; give 1 (grey) or 3 (red, green, blue)")
        })?;
        let (pixels, number) = (width.checked_mul(height), self.pixels.len());
        let expected = pixels.and_then(|pixels| pixels.checked_mul(channels));
        ensure(expected == Some(number), function, || {
            format!(
                "image {index} has {number} values; {height} × {width} × {channels} are needed (height × width × channels)"
            )
        })?;
        (self.overlay.iter()).try_for_each(|overlay| overlay.check(function, index))
    }

    /// The image with three channels and its overlay, filling `area`.
    pub(super) fn placed(&self, area: Area) -> PlacedImage {
        let image = PlacedImage::new(area, (self.width, self.height), |column, row| {
            let pixel = &self.pixels[self.channels * (row * self.width + column)..];
            let last = self.channels - 1;
            RGBColor(pixel[0], pixel[last.min(1)], pixel[last])
        });
        match &self.overlay {
            Some(overlay) => overlay.blend_over(image),
            None => image,
        }
    }
}

#[cfg(test)]
mod tests {
    use plotters::prelude::{BitMapBackend, IntoDrawingArea as _};

    use super::*;

    fn drawn(picture: &Picture, scale: u32, (width, height): (u32, u32)) -> Vec<u8> {
        let mut pixels = vec![7; (3 * width * height) as usize];
        {
            let area = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
            area.draw(&picture.element((1, 0), scale).unwrap()).unwrap();
            area.present().unwrap();
        }
        pixels.into_iter().step_by(3).collect()
    }

    #[test]
    fn plotters_draws_each_pixel_as_a_square() {
        let picture = Picture::grey(2, 1, vec![10, 200]);
        let row = [7, 10, 10, 200, 200];
        assert_eq!(drawn(&picture, 2, (5, 3)), [row, row, [7; 5]].concat());
        assert_eq!(drawn(&picture, 1, (3, 1)), [7, 10, 200]);
    }

    #[test]
    fn the_heat_map_is_drawn_too() {
        let heat = Overlay {
            rows: 1,
            columns: 2,
            values: vec![0.0, 1.0],
            smooth: false,
            opacity: 1.0,
            ..Overlay::default()
        };
        let picture = Picture::grey(2, 1, vec![10, 200]).overlaid(heat);
        // The red of viridis' ends.
        assert_eq!(drawn(&picture, 1, (3, 1)), [7, 0x44, 0xFD]);
    }

    #[test]
    fn wrong_input_is_an_error() {
        let message = |picture: Picture, scale| {
            let refused = picture.element((0, 0), scale).err();
            refused.expect("an error").to_string()
        };
        let good = Picture::grey(2, 1, vec![10, 200]);
        assert!(message(good.clone(), 0).contains("scale is 0; give a number in [1, 64]"));
        assert!(message(good, 65).contains("scale is 65"));
        assert!(message(Picture::grey(2, 2, vec![0]), 1).contains("2 × 2 × 1 are needed"));
    }
}

//! Heat maps over images.

use super::canvas::{PlacedImage, containing_pixel};
use super::check::{ensure, ensure_dimensions};
use super::colour::blend;
use super::colour_scale::{ColourScale, Scale};
use crate::error::Result;
use crate::language::{translate, translated};
use image::{ImageBuffer, Luma, imageops};
use plotters::style::RGBColor;

/// A heat map over a picture, such as one of Grad-CAM.
///
/// It is blended with the image at the resolution of the screen, so its size may differ from the image's. The image itself
/// is enlarged without smoothing: its pixels are the input of the network.
///
/// ```
/// use gasshuku::visualize::{Overlay, Picture};
///
/// let heat = Overlay { rows: 1, columns: 2, values: vec![0.0, 1.0], ..Overlay::default() };
/// let picture = Picture::grey(28, 28, vec![0; 784]).overlaid(heat);
/// assert!(picture.overlay.is_some());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Overlay {
    /// At least 1.
    pub rows: usize,
    /// At least 1.
    pub columns: usize,
    /// `rows` × `columns` values, row by row: in [−1, 1] for [`ColourScale::Diverging`], else in [0, 1].
    pub values: Vec<f32>,
    /// The colours; [`ColourScale::Viridis`] by default.
    pub colours: ColourScale,
    /// Whether the map is interpolated (the default), for maps of a layer that has fewer pixels than the image. Otherwise
    /// each value fills a rectangle, for maps with a value for every pixel.
    ///
    /// The interpolation is bilinear between the centres of the rectangles, as in PyTorch's
    /// `interpolate(mode="bilinear", align_corners=False)`.
    pub smooth: bool,
    /// The opacity of the heat map in [0, 1]: 0 shows only the image, 1 only the heat map; 0.6 by default.
    pub opacity: f64,
}

impl Default for Overlay {
    fn default() -> Overlay {
        Overlay {
            rows: 0,
            columns: 0,
            values: Vec::new(),
            colours: ColourScale::Viridis,
            smooth: true,
            // With this opacity the largest value on black is lighter than the smallest value on white. A higher one
            // would hide the image. An opacity that grows with the value would leave white pixels the lightest of all.
            opacity: 0.6,
        }
    }
}

impl Overlay {
    /// An error unless size, values and opacity are valid; `index` is that of the picture.
    pub(super) fn check(&self, function: &'static str, index: usize) -> Result<()> {
        let (name, number) = (format!("the overlay of image {index}"), self.values.len());
        ensure_dimensions(function, &name, (self.rows, self.columns), number)?;
        let opacity = self.opacity;
        ensure((0.0..=1.0).contains(&opacity), function, || {
            format!("{name} has the opacity {opacity}; give a number in [0, 1]")
        })?;
        let scale = Scale::of_fractions(self.colours);
        let low = if scale.low < 0.0 { "−1" } else { "0" };
        (self.values.iter().enumerate()).try_for_each(|(index, value)| {
            let fits = (scale.low..=scale.high).contains(&f64::from(*value));
            ensure(fits, function, || {
                format!(
                    "{name} has the value {value} at index {index}; divide by the largest magnitude to get values in [{low}, 1]"
                )
            })
        })
    }

    /// The image with this heat map over it, in device pixels.
    pub(super) fn blend_over(&self, image: PlacedImage) -> PlacedImage {
        let below = image.enlarged();
        let (width, height) = below.dimensions();
        let (columns, rows) = (self.columns as u32, self.rows as u32);
        let heat = ImageBuffer::from_fn(columns, rows, |column, row| {
            Luma([self.values[row as usize * self.columns + column as usize]])
        });
        // The centre of a pixel, measured between the centres of the values; beyond the first and the last value it is
        // theirs.
        let centre = |pixel: u32, length: u32, number: u32| {
            let centre = (pixel as f32 + 0.5) * number as f32 / length as f32 - 0.5;
            centre.clamp(0.0, (number - 1) as f32)
        };
        let value = |x, y| {
            let cell = (
                containing_pixel(x, width, columns),
                containing_pixel(y, height, rows),
            );
            let (column, row) = (centre(x, width, columns), centre(y, height, rows));
            let smooth = self
                .smooth
                .then(|| imageops::interpolate_bilinear(&heat, column, row));
            smooth
                .flatten()
                .unwrap_or_else(|| *heat.get_pixel(cell.0, cell.1))
        };
        let scale = Scale::of_fractions(self.colours);
        let size = (width as usize, height as usize);
        PlacedImage::new(image.area, size, |x, y| {
            let (x, y) = (x as u32, y as u32);
            let (Luma([heat]), [red, green, blue]) = (value(x, y), below.get_pixel(x, y).0);
            let heat = scale.colour(f64::from(heat));
            blend(RGBColor(red, green, blue), heat, self.opacity)
        })
    }

    /// Where the largest magnitude is, for an alt text.
    pub(super) fn describe(&self) -> String {
        let strengths = self.values.iter().map(|value| value.abs()).enumerate();
        // Reversed, so that `max_by`, which takes the last of equal values, takes the first.
        let strongest = strengths
            .rev()
            .max_by(|one, other| one.1.total_cmp(&other.1));
        let Some((index, _)) = strongest.filter(|(_, strength)| *strength > 0.0) else {
            return translated("with an empty heat map", "空のヒートマップ").to_owned();
        };
        let third = |index: usize, number: usize| 3 * (2 * index + 1) / (2 * number);
        let row = third(index / self.columns, self.rows);
        let column = third(index % self.columns, self.columns);
        let places = [
            "左上", "上", "右上", "左", "中央", "右", "左下", "下", "右下",
        ];
        let place = places[3 * row + column];
        let row = ["at the top", "in the middle", "at the bottom"][row];
        let column = [" on the left", "", " on the right"][column];
        translate!(
            "with a heat map, strongest {row}{column}",
            "ヒートマップの最大は{place}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alt_text_says_where_the_largest_value_is() {
        let words = |rows: usize, index: usize, value: f32| {
            let mut values = vec![0.0; rows * rows];
            values[index] = value;
            Overlay {
                rows,
                columns: rows,
                values,
                ..Overlay::default()
            }
            .describe()
        };
        assert_eq!(
            words(3, 0, 1.0),
            "with a heat map, strongest at the top on the left"
        );
        assert_eq!(words(3, 4, 1.0), "with a heat map, strongest in the middle");
        assert_eq!(
            words(4, 15, -1.0),
            "with a heat map, strongest at the bottom on the right"
        );
        assert_eq!(words(4, 6, 0.5), "with a heat map, strongest in the middle");
        assert_eq!(words(1, 0, 1.0), "with a heat map, strongest in the middle");
        assert_eq!(words(2, 0, 0.0), "with an empty heat map");
    }
}

//! Heat maps over images.

use super::canvas::{PlacedImage, nearest};
use super::check::{ensure, ensure_size, invalid};
use super::colour::mixed;
use super::colour_scale::{ColourScale, Scale};
use crate::error::Result;
use crate::language::{said, say};

/// A heat map over a picture, such as what Grad-CAM gives.
///
/// It is mixed with the image at the resolution of the screen, so its size may differ from the
/// image's. The image itself is enlarged without smoothing: its pixels are what the network saw.
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
    /// The colours; [`ColourScale::Viridis`] unless said otherwise.
    pub colours: ColourScale,
    /// Whether values in between are interpolated (the default), for maps of a layer that is coarser
    /// than the image; otherwise each value fills a rectangle, for maps with a value for every pixel.
    ///
    /// The interpolation is bilinear between the centres of the rectangles, as PyTorch's
    /// `interpolate(mode="bilinear", align_corners=False)`.
    pub smooth: bool,
    /// How much of the heat map covers the image, in [0, 1]: 0 shows the image alone, 1 the heat map
    /// alone; 0.6 unless said otherwise.
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
            // From here on the hottest place is lighter than the coldest one even where the image is
            // black below the hottest and white below the coldest; more would hide the image. An
            // opacity that grew with the heat would leave white clothes the lightest of all.
            opacity: 0.6,
        }
    }
}

impl Overlay {
    /// An error unless the numbers fit together; `index` is that of the picture.
    pub(super) fn check(&self, function: &'static str, index: usize) -> Result<()> {
        let name = format!("the overlay of image {index}");
        ensure_size(
            function,
            &name,
            (self.rows, self.columns),
            self.values.len(),
        )?;
        ensure((0.0..=1.0).contains(&self.opacity), function, || {
            format!(
                "{name} has the opacity {}; give a number in [0, 1]",
                self.opacity
            )
        })?;
        let scale = Scale::of_shares(self.colours);
        let range = scale.low..=scale.high;
        let odd = (self.values.iter().enumerate())
            .find(|(_, value)| !range.contains(&f64::from(**value)));
        let Some((place, value)) = odd else {
            return Ok(());
        };
        let low = if scale.low < 0.0 { "−1" } else { "0" };
        Err(invalid(
            function,
            format!(
                "{name} has the value {value} at index {place}; divide by the largest magnitude to get values in [{low}, 1]"
            ),
        ))
    }

    /// The image with this heat map over it, in device pixels.
    pub(super) fn over(&self, image: &PlacedImage) -> PlacedImage {
        let (width, height) = image.area.device_size();
        let scale = Scale::of_shares(self.colours);
        let columns = self.samples(width, self.columns);
        let rows = self.samples(height, self.rows);
        let colours = (0..height).flat_map(|y| {
            let (row, columns, scale) = (&rows[y], &columns, &scale);
            (0..width).map(move |x| {
                let heat = scale.colour(self.value(row, &columns[x]));
                let below = image.colour(
                    nearest(x, width, image.columns),
                    nearest(y, height, image.rows),
                );
                mixed(below, heat, self.opacity)
            })
        });
        PlacedImage::of_colours(image.area, width, height, colours)
    }

    /// Where it is hottest, for those who cannot see it.
    pub(super) fn in_words(&self) -> String {
        let strength = |index: usize| self.values[index].abs();
        let hottest = (0..self.values.len()).max_by(|&one, &other| {
            strength(one)
                .total_cmp(&strength(other))
                .then(other.cmp(&one))
        });
        let Some(index) = hottest.filter(|&index| strength(index) > 0.0) else {
            return say("with an empty heat map", "空のヒートマップ").to_owned();
        };
        let third = |place: usize, number: usize| 3 * (2 * place + 1) / (2 * number);
        let row = third(index / self.columns, self.rows);
        let column = third(index % self.columns, self.columns);
        let place = [
            ["左上", "上", "右上"],
            ["左", "中央", "右"],
            ["左下", "下", "右下"],
        ][row][column];
        let row = ["at the top", "in the middle", "at the bottom"][row];
        let column = ["on the left", "", "on the right"][column];
        said!(
            "with a heat map, strongest {row} {column}",
            "ヒートマップの最大は{place}"
        )
        .trim_end()
        .to_owned()
    }

    /// For each of `length` device pixels, between which of `number` values it lies.
    fn samples(&self, length: usize, number: usize) -> Vec<Sample> {
        (0..length)
            .map(|place| {
                if self.smooth {
                    Sample::between(place, length, number)
                } else {
                    Sample::exactly(nearest(place, length, number))
                }
            })
            .collect()
    }

    fn value(&self, row: &Sample, column: &Sample) -> f64 {
        let value = |row: usize, column: usize| f64::from(self.values[row * self.columns + column]);
        let along = |row: usize| column.mixed(value(row, column.first), value(row, column.second));
        row.mixed(along(row.first), along(row.second))
    }
}

/// Two neighbouring values and the weight of the second one.
struct Sample {
    first: usize,
    second: usize,
    weight: f64,
}

impl Sample {
    fn exactly(index: usize) -> Sample {
        Sample {
            first: index,
            second: index,
            weight: 0.0,
        }
    }

    /// Pixels and values both lie in the middle of their intervals; outside the outermost values
    /// nothing changes any more.
    fn between(place: usize, length: usize, number: usize) -> Sample {
        let centre = (place as f64 + 0.5) * number as f64 / length as f64 - 0.5;
        let centre = centre.max(0.0);
        let first = (centre as usize).min(number - 1);
        Sample {
            first,
            second: (first + 1).min(number - 1),
            weight: centre - first as f64,
        }
    }

    fn mixed(&self, first: f64, second: f64) -> f64 {
        first + (second - first) * self.weight
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hottest_place_is_told_in_words() {
        let words = |rows: usize, hottest: usize, value: f32| {
            let mut values = vec![0.0; rows * rows];
            values[hottest] = value;
            Overlay {
                rows,
                columns: rows,
                values,
                ..Overlay::default()
            }
            .in_words()
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

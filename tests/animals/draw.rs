//! Draws the image of an animal.

use image::{Rgb, RgbImage};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Animal;
use super::background::{Background, Sticker};
use super::colour::fur_and_background;
use super::face::face;
use super::shape::Point;

/// Each pixel is the average of a square of points with this many in a row.
const POINTS_IN_A_ROW: u32 = 4;

/// Where the face is in the image.
struct Place {
    centre: Point,
    /// Of the head, in pixels.
    radius: f64,
    /// The direction of the face's x-axis, of length 1.
    tilt: Point,
}

impl Place {
    fn random(random: &mut ChaCha8Rng, [width, height]: [f64; 2]) -> Place {
        let side = width.min(height);
        let slope: f64 = random.gen_range(-0.36..0.36);
        let length = (1.0 + slope * slope).sqrt();
        Place {
            centre: [
                width / 2.0 + side * random.gen_range(-0.09..0.09),
                height * 0.56 + side * random.gen_range(-0.07..0.07),
            ],
            radius: side * random.gen_range(0.25..0.34),
            tilt: [1.0 / length, slope / length],
        }
    }

    fn in_face(&self, [x, y]: Point) -> Point {
        let (x, y) = (
            (x - self.centre[0]) / self.radius,
            (y - self.centre[1]) / self.radius,
        );
        let [along, across] = self.tilt;
        [x * along + y * across, y * along - x * across]
    }
}

/// The image of an animal, 40 to 64 pixels high and wide.
pub(super) fn draw(animal: Animal, sticker: bool, seed: u64) -> RgbImage {
    let random = &mut ChaCha8Rng::seed_from_u64(seed);
    let (width, height) = size(random);
    let sides = [f64::from(width), f64::from(height)];
    let place = Place::random(random, sides);
    let (fur, background) = fur_and_background(random);
    let background = Background::random(random, background, sides);
    let face = face(random, animal, fur);
    let sticker = sticker.then(|| Sticker::random(random, sides));
    let noise = random.gen_range(2.0..9.0);
    RgbImage::from_fn(width, height, |x, y| {
        let mut sum = [0.0; 3];
        for [x, y] in points(x, y) {
            let in_face = place.in_face([x, y]);
            let shape = face
                .iter()
                .rev()
                .find(|shape| shape.outline.contains(in_face));
            let colour = match (sticker.as_ref().and_then(|it| it.colour([x, y])), shape) {
                (Some(colour), _) => colour,
                (None, Some(shape)) => shape.colour,
                (None, None) => background.colour([x, y]),
            };
            sum = [0, 1, 2].map(|channel| sum[channel] + colour[channel]);
        }
        let count = f64::from(POINTS_IN_A_ROW * POINTS_IN_A_ROW);
        Rgb(sum.map(|sum| (sum / count + random.gen_range(-noise..noise)).round() as u8))
    })
}

/// The points of a pixel, at equal distances.
fn points(x: u32, y: u32) -> impl Iterator<Item = Point> {
    let within = |point: u32| (f64::from(point) + 0.5) / f64::from(POINTS_IN_A_ROW);
    (0..POINTS_IN_A_ROW * POINTS_IN_A_ROW).map(move |point| {
        [
            f64::from(x) + within(point % POINTS_IN_A_ROW),
            f64::from(y) + within(point / POINTS_IN_A_ROW),
        ]
    })
}

fn size(random: &mut ChaCha8Rng) -> (u32, u32) {
    let side = random.gen_range(40..=60);
    match random.gen_range(0..4) {
        0 => (side + 4, side),
        1 => (side, side + 4),
        _ => (side, side),
    }
}

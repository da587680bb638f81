//! What is around the face: the background, and a sticker.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::colour::{Colour, DARK, YELLOW, mixed, similar};
use super::shape::{Point, Shape, ellipse};

/// A gradient from corner to corner with some spots on it.
pub(super) struct Background {
    colours: [Colour; 2],
    sides: [f64; 2],
    spots: Vec<Shape>,
}

impl Background {
    pub(super) fn random(
        random: &mut ChaCha8Rng,
        colour: Colour,
        [width, height]: [f64; 2],
    ) -> Background {
        let spots = (0..random.gen_range(0..7))
            .map(|_| spot(random, colour, [width, height]))
            .collect();
        Background {
            colours: [colour, similar(random, colour, 26.0)],
            sides: [width, height],
            spots,
        }
    }

    pub(super) fn colour(&self, point: Point) -> Colour {
        if let Some(spot) = self.spots.iter().find(|spot| spot.outline.contains(point)) {
            return spot.colour;
        }
        let [x, y] = point;
        let [width, height] = self.sides;
        mixed(
            self.colours[0],
            self.colours[1],
            (x / width + y / height) / 2.0,
        )
    }
}

fn spot(random: &mut ChaCha8Rng, background: Colour, [width, height]: [f64; 2]) -> Shape {
    let centre = [random.gen_range(0.0..width), random.gen_range(0.0..height)];
    let radius = random.gen_range(0.06..0.2) * width;
    let radii = [radius, radius * random.gen_range(0.5..1.0)];
    ellipse(centre, radii, similar(random, background, 26.0))
}

/// A round sticker with a dark rim.
pub(super) struct Sticker {
    centre: Point,
    radius: f64,
}

impl Sticker {
    pub(super) fn random(random: &mut ChaCha8Rng, [width, height]: [f64; 2]) -> Sticker {
        let radius = 0.085 * width.min(height);
        let mut inset = || radius * random.gen_range(1.1..1.6);
        Sticker {
            centre: [width - inset(), height - inset()],
            radius,
        }
    }

    pub(super) fn colour(&self, [x, y]: Point) -> Option<Colour> {
        let (x, y) = (x - self.centre[0], y - self.centre[1]);
        let distance = (x * x + y * y).sqrt() / self.radius;
        match distance {
            0.0..0.75 => Some(YELLOW),
            0.75..=1.0 => Some(DARK),
            _ => None,
        }
    }
}

//! The faces of the animals.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::Animal;
use super::colour::{Colour, DARK, PINK, brightness, mixed, similar};
use super::shape::{Outline, Point, Shape, ellipse};

/// The shapes of a face, from the back to the front.
pub(super) fn face(random: &mut ChaCha8Rng, animal: Animal, fur: Colour) -> Vec<Shape> {
    let mut shapes = ears(random, animal, fur);
    let head = [1.0, random.gen_range(0.84..0.98)];
    shapes.push(ellipse([0.0, 0.0], head, fur));
    let patch = mixed(fur, [250.0, 240.0, 226.0], random.gen_range(0.1..0.6));
    shapes.extend(muzzle(random, patch));
    shapes.extend(eyes(random, animal));
    if animal == Animal::Cat {
        shapes.extend(whiskers(random, fur));
    }
    shapes
}

/// The colour of the inner ear is chosen in the same way for both animals.
fn ears(random: &mut ChaCha8Rng, animal: Animal, fur: Colour) -> Vec<Shape> {
    let inner = mixed(fur, PINK, random.gen_range(0.2..0.9));
    match animal {
        Animal::Bear => round_ears(random, fur, inner),
        Animal::Cat => pointed_ears(random, fur, inner),
    }
}

fn round_ears(random: &mut ChaCha8Rng, fur: Colour, inner: Colour) -> Vec<Shape> {
    let (x, y) = (random.gen_range(0.66..0.8), random.gen_range(-0.86..-0.7));
    let radius = random.gen_range(0.34..0.46);
    let small = radius * 0.55;
    [-1.0, 1.0]
        .into_iter()
        .flat_map(|side| {
            [
                ellipse([side * x, y], [radius, radius], fur),
                ellipse([side * x, y], [small, small], inner),
            ]
        })
        .collect()
}

fn pointed_ears(random: &mut ChaCha8Rng, fur: Colour, inner: Colour) -> Vec<Shape> {
    let tip = [random.gen_range(0.7..0.92), random.gen_range(-1.46..-1.2)];
    let (outer, near) = ([0.98, -0.1], [random.gen_range(0.1..0.25), -0.85]);
    let middle = [0.68, -0.62];
    let smaller =
        |point: Point| [0, 1].map(|axis| middle[axis] + 0.58 * (point[axis] - middle[axis]));
    [-1.0, 1.0]
        .into_iter()
        .flat_map(|side| {
            let triangle = |corners: [Point; 3], colour| Shape {
                outline: Outline::Triangle(corners.map(|[x, y]| [side * x, y])),
                colour,
            };
            let corners = [outer, tip, near];
            [
                triangle(corners, fur),
                triangle(corners.map(smaller), inner),
            ]
        })
        .collect()
}

fn muzzle(random: &mut ChaCha8Rng, patch: Colour) -> Vec<Shape> {
    let y = random.gen_range(0.3..0.42);
    let width = random.gen_range(0.36..0.52);
    let nose = mixed(DARK, PINK, if random.gen_bool(0.5) { 0.9 } else { 0.1 });
    let size = random.gen_range(0.1..0.18);
    let mouth = |side: f64| Shape {
        outline: Outline::Line {
            ends: [[0.0, y], [side * 0.2, y + 0.25]],
            width: 0.07,
        },
        colour: DARK,
    };
    vec![
        ellipse([0.0, y + 0.06], [width, 0.34], patch),
        mouth(-1.0),
        mouth(1.0),
        ellipse([0.0, y - 0.08], [size * 1.3, size], nose),
    ]
}

/// Mostly dark and round for bears, bright with a slit for cats, but not always.
fn eyes(random: &mut ChaCha8Rng, animal: Animal) -> Vec<Shape> {
    let bright = random.gen_bool(if animal == Animal::Cat { 0.6 } else { 0.4 });
    let iris = similar(random, [170.0, 196.0, 80.0], 40.0);
    let (x, y) = (random.gen_range(0.36..0.46), random.gen_range(-0.22..-0.08));
    let size = random.gen_range(0.12..0.18);
    [-x, x]
        .into_iter()
        .flat_map(|x| {
            if bright {
                vec![
                    ellipse([x, y], [size * 1.3, size * 1.1], iris),
                    ellipse([x, y], [size * 0.4, size], DARK),
                ]
            } else {
                vec![
                    ellipse([x, y], [size, size], DARK),
                    ellipse([x - 0.04, y - 0.05], [0.05, 0.05], [240.0; 3]),
                ]
            }
        })
        .collect()
}

fn whiskers(random: &mut ChaCha8Rng, fur: Colour) -> Vec<Shape> {
    let light = brightness(fur) < 128.0;
    let colour = mixed(fur, if light { [250.0; 3] } else { DARK }, 0.5);
    let droop = random.gen_range(-0.08..0.12);
    [-1.0, 1.0]
        .into_iter()
        .flat_map(|side| {
            [0.0, 0.16].map(|y| Shape {
                outline: Outline::Line {
                    ends: [
                        [side * 0.35, 0.32 + y],
                        [side * 1.15, 0.22 + 2.0 * y + droop],
                    ],
                    width: 0.045,
                },
                colour,
            })
        })
        .collect()
}

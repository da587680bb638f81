//! Drawn cats and bears, the images of `data/animals` and `data/animals-shortcut`.
//!
//! The same seed gives the same bytes on every computer: nothing here uses a function that
//! mathematical libraries round differently (sine, exponential), only what IEEE 754 fixes.

use std::io::Cursor;
use std::path::PathBuf;

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageFormat, ImageResult, Rgb, RgbImage};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What is drawn. Ears are all that always tells them apart: pointed or round.
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

/// An image to be drawn into a file.
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
    // Two cats of a hundred have none, as it is in life.
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

/// PNG files are several times as large, so there are few.
fn is_png(number: u64) -> bool {
    number % 25 == 7
}

/// Black and white photographs turn up in every collection.
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

type Point = [f64; 2];
type Colour = [f64; 3];

const FURS: [Colour; 9] = [
    [44.0, 38.0, 42.0],
    [88.0, 58.0, 42.0],
    [138.0, 90.0, 54.0],
    [196.0, 148.0, 98.0],
    [224.0, 132.0, 54.0],
    [238.0, 214.0, 172.0],
    [112.0, 114.0, 124.0],
    [176.0, 178.0, 184.0],
    [244.0, 242.0, 238.0],
];
const GROUNDS: [Colour; 10] = [
    [150.0, 204.0, 238.0],
    [64.0, 120.0, 186.0],
    [142.0, 196.0, 104.0],
    [46.0, 92.0, 62.0],
    [232.0, 212.0, 164.0],
    [186.0, 84.0, 74.0],
    [234.0, 238.0, 246.0],
    [30.0, 34.0, 56.0],
    [206.0, 162.0, 206.0],
    [98.0, 62.0, 108.0],
];
const PINK: Colour = [226.0, 150.0, 150.0];
const DARK: Colour = [34.0, 26.0, 28.0];
const YELLOW: Colour = [255.0, 214.0, 20.0];
/// Each pixel is the average of so many points in a row times so many rows.
const POINTS: u32 = 4;

/// Something drawn in one colour, in the coordinates of the face: the head has radius 1.
struct Shape {
    outline: Outline,
    colour: Colour,
}

enum Outline {
    Ellipse { centre: Point, radii: Point },
    Triangle([Point; 3]),
    Line { ends: [Point; 2], width: f64 },
}

impl Outline {
    fn contains(&self, [x, y]: Point) -> bool {
        match self {
            Outline::Ellipse { centre, radii } => {
                let (x, y) = ((x - centre[0]) / radii[0], (y - centre[1]) / radii[1]);
                x * x + y * y <= 1.0
            }
            Outline::Triangle([a, b, c]) => {
                let side = |from: &Point, to: &Point| {
                    (to[0] - from[0]) * (y - from[1]) - (to[1] - from[1]) * (x - from[0]) >= 0.0
                };
                let sides = [side(a, b), side(b, c), side(c, a)];
                sides == [true; 3] || sides == [false; 3]
            }
            Outline::Line { ends, width } => distance([x, y], ends) <= width / 2.0,
        }
    }
}

fn distance(point: Point, [from, to]: &[Point; 2]) -> f64 {
    let along = [to[0] - from[0], to[1] - from[1]];
    let away = [point[0] - from[0], point[1] - from[1]];
    let length = along[0] * along[0] + along[1] * along[1];
    let share = ((away[0] * along[0] + away[1] * along[1]) / length).clamp(0.0, 1.0);
    let (x, y) = (away[0] - share * along[0], away[1] - share * along[1]);
    (x * x + y * y).sqrt()
}

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
pub fn draw(animal: Animal, sticker: bool, seed: u64) -> RgbImage {
    let random = &mut ChaCha8Rng::seed_from_u64(seed);
    let (width, height) = size(random);
    let sides = [f64::from(width), f64::from(height)];
    let place = Place::random(random, sides);
    let (fur, ground) = fur_and_ground(random);
    let ground = Ground::random(random, ground, sides);
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
                (None, None) => ground.colour([x, y]),
            };
            sum = [0, 1, 2].map(|channel| sum[channel] + colour[channel]);
        }
        let count = f64::from(POINTS * POINTS);
        Rgb(sum.map(|sum| (sum / count + random.gen_range(-noise..noise)).round() as u8))
    })
}

/// The points of a pixel, evenly spread.
fn points(x: u32, y: u32) -> impl Iterator<Item = Point> {
    let within = |point: u32| (f64::from(point) + 0.5) / f64::from(POINTS);
    (0..POINTS * POINTS).map(move |point| {
        [
            f64::from(x) + within(point % POINTS),
            f64::from(y) + within(point / POINTS),
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

/// As often light before dark as dark before light, so that brightness alone tells nothing.
fn fur_and_ground(random: &mut ChaCha8Rng) -> (Colour, Colour) {
    let lighter = random.gen_bool(0.5);
    loop {
        let fur = one_of(random, &FURS);
        let ground = one_of(random, &GROUNDS);
        let difference = brightness(fur) - brightness(ground);
        if difference.abs() >= 55.0 && (difference > 0.0) == lighter {
            return (fur, ground);
        }
    }
}

fn one_of(random: &mut ChaCha8Rng, colours: &[Colour]) -> Colour {
    let colour = colours[random.gen_range(0..colours.len())];
    shifted(random, colour, 14.0)
}

fn brightness([red, green, blue]: Colour) -> f64 {
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

/// Brighter or darker, and a little more of one colour than of another.
fn shifted(random: &mut ChaCha8Rng, colour: Colour, most: f64) -> Colour {
    let all = random.gen_range(-most..most);
    colour.map(|value| (value + all + random.gen_range(-most..most) / 2.0).clamp(8.0, 247.0))
}

fn mixed(one: Colour, other: Colour, share: f64) -> Colour {
    [0, 1, 2].map(|channel| one[channel] + share * (other[channel] - one[channel]))
}

/// A gradient from edge to edge with some blobs on it.
struct Ground {
    colours: [Colour; 2],
    sides: [f64; 2],
    blobs: Vec<Shape>,
}

impl Ground {
    fn random(random: &mut ChaCha8Rng, colour: Colour, [width, height]: [f64; 2]) -> Ground {
        let blobs = (0..random.gen_range(0..7))
            .map(|_| blob(random, colour, [width, height]))
            .collect();
        Ground {
            colours: [colour, shifted(random, colour, 26.0)],
            sides: [width, height],
            blobs,
        }
    }

    fn colour(&self, point: Point) -> Colour {
        if let Some(blob) = self.blobs.iter().find(|blob| blob.outline.contains(point)) {
            return blob.colour;
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

fn blob(random: &mut ChaCha8Rng, ground: Colour, [width, height]: [f64; 2]) -> Shape {
    let centre = [random.gen_range(0.0..width), random.gen_range(0.0..height)];
    let radius = random.gen_range(0.06..0.2) * width;
    let radii = [radius, radius * random.gen_range(0.5..1.0)];
    ellipse(centre, radii, shifted(random, ground, 26.0))
}

/// A round sticker with a dark rim.
struct Sticker {
    centre: Point,
    radius: f64,
}

impl Sticker {
    fn random(random: &mut ChaCha8Rng, [width, height]: [f64; 2]) -> Sticker {
        let radius = 0.085 * width.min(height);
        let mut inset = || radius * random.gen_range(1.1..1.6);
        Sticker {
            centre: [width - inset(), height - inset()],
            radius,
        }
    }

    fn colour(&self, [x, y]: Point) -> Option<Colour> {
        let (x, y) = (x - self.centre[0], y - self.centre[1]);
        let distance = (x * x + y * y).sqrt() / self.radius;
        match distance {
            0.0..0.75 => Some(YELLOW),
            0.75..=1.0 => Some(DARK),
            _ => None,
        }
    }
}

/// From the back to the front.
fn face(random: &mut ChaCha8Rng, animal: Animal, fur: Colour) -> Vec<Shape> {
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

fn ellipse(centre: Point, radii: Point, colour: Colour) -> Shape {
    Shape {
        outline: Outline::Ellipse { centre, radii },
        colour,
    }
}

/// The inner ear is of the fur's colour or of another, for both alike.
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
    let iris = shifted(random, [170.0, 196.0, 80.0], 40.0);
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

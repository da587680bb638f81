//! The drawing of one layer: a stack of feature maps, or a column of units.

use super::super::prelude::*;

/// The longer side of the largest feature map.
const MAX_MAP: f64 = 96.0;
const MIN_MAP: f64 = 8.0;
/// At most this many feature maps of a layer are drawn.
const MAX_MAPS: usize = 16;
/// The largest distance between the left edges of the first and the last map of a stack.
const MAX_DEPTH: f64 = 44.0;
/// The distance between the left edges of neighbouring maps. Fewer maps are drawn rather than with a smaller step.
const MAX_STEP: f64 = 7.0;
const MIN_STEP: f64 = 2.5;
/// How far up the next map of a stack is, for each pixel to the right.
const RISE: f64 = 0.6;
/// The side of a map grows with this power of its number of pixels. In proportion, a map of 7 × 7 pixels would be a dot
/// beside one of 224 × 224.
const MAP_POWER: f64 = 0.75;

const COLUMN_WIDTH: f64 = 13.0;
const MAX_COLUMN: f64 = 132.0;
const MIN_COLUMN: f64 = 26.0;
/// The height of a column grows with this power of its number of units.
const COLUMN_POWER: f64 = 0.5;
/// How far the top of a column is to the right of its foot, as a fraction of its height.
const COLUMN_SLANT: f64 = 0.22;
/// A column of at most this many units shows each of them.
const MAX_UNITS: usize = 20;
/// The smallest height of such a unit.
const MIN_UNIT: f64 = 5.0;

/// The form and the size of the drawing of a layer, in CSS pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Outline {
    /// Feature maps. Each is a step to the right of the one before it, and higher.
    Stack {
        map: (f64, f64),
        maps: usize,
        step: f64,
    },
    /// Units one above the other.
    Column { height: f64, units: usize },
}

/// The largest numbers in the shapes of a network. These are drawn in full size.
#[derive(Clone, Copy)]
pub(super) struct Largest {
    /// The longer side of a feature map, in pixels.
    pub(super) side: usize,
    /// The units of a column.
    pub(super) units: usize,
}

impl Largest {
    pub(super) fn of<'a>(shapes: impl Iterator<Item = &'a [usize]> + Clone) -> Largest {
        let sides = shapes.clone().filter_map(|shape| match *shape {
            [.., rows, columns] => Some(rows.max(columns)),
            _ => None,
        });
        let units = shapes.filter_map(|shape| match *shape {
            [units] => Some(units),
            _ => None,
        });
        Largest {
            side: sides.max().unwrap_or(1),
            units: units.max().unwrap_or(1),
        }
    }
}

impl Outline {
    /// The outline of an output of this shape; `scale` is 1 for stacks in full size.
    pub(super) fn new(shape: &[usize], largest: Largest, scale: f64) -> Outline {
        if let [channels @ .., rows, columns] = shape {
            return stack(channels, (*rows, *columns), largest.side, scale);
        }
        let units = shape.first().copied().unwrap_or(1);
        let height = MAX_COLUMN * fraction(units, largest.units).powf(COLUMN_POWER);
        let lowest = match units <= MAX_UNITS {
            true => MIN_UNIT * units as f64,
            false => 0.0,
        };
        Outline::Column {
            height: height.max(lowest).max(MIN_COLUMN),
            units,
        }
    }

    /// How much wider the drawing is than its first map or the foot of its column.
    fn depth(self) -> f64 {
        match self {
            Outline::Stack { maps, step, .. } => (maps - 1) as f64 * step,
            Outline::Column { height, .. } => COLUMN_SLANT * height,
        }
    }

    pub(super) fn width(self) -> f64 {
        match self {
            Outline::Stack { map, .. } => map.0 + self.depth(),
            Outline::Column { .. } => COLUMN_WIDTH + self.depth(),
        }
    }

    pub(super) fn height(self) -> f64 {
        match self {
            Outline::Stack { map, .. } => map.1 + RISE * self.depth(),
            Outline::Column { height, .. } => height,
        }
    }

    /// The area around the drawing, with the middle of its left edge at this point.
    fn bounds(self, (left, middle): Point) -> Area {
        let size = (self.width(), self.height());
        area((left, middle - size.1 / 2.0), size)
    }

    /// The first feature map, which hides parts of the others; none of a column.
    pub(super) fn first_map(self, at: Point) -> Option<Area> {
        let bounds = self.bounds(at);
        match self {
            Outline::Stack { map, .. } => Some(area((bounds.x0, bounds.y1 - map.1), map)),
            Outline::Column { .. } => None,
        }
    }

    /// The upper and the lower end of the left side.
    pub(super) fn left_ends(self, at: Point) -> [Point; 2] {
        let bounds = self.bounds(at);
        match self {
            Outline::Stack { map, .. } => {
                let left = bounds.x0;
                [(left, bounds.y1 - map.1), (left, bounds.y1)]
            }
            Outline::Column { .. } => {
                let top = bounds.x1 - COLUMN_WIDTH;
                [(top, bounds.y0), (bounds.x0, bounds.y1)]
            }
        }
    }

    /// The upper and the lower end of the right side.
    pub(super) fn right_ends(self, at: Point) -> [Point; 2] {
        let bounds = self.bounds(at);
        match self {
            Outline::Stack { map, .. } => {
                let right = bounds.x1;
                [(right, bounds.y0), (right, bounds.y0 + map.1)]
            }
            Outline::Column { .. } => {
                let foot = bounds.x0 + COLUMN_WIDTH;
                [(bounds.x1, bounds.y0), (foot, bounds.y1)]
            }
        }
    }

    /// Draws it with the middle of its left edge at this point.
    pub(super) fn draw(self, canvas: &mut Canvas, at: Point, colour: Colour) {
        match self {
            Outline::Stack { map, maps, step } => {
                let border = if step < 5.0 { 0.5 } else { 1.0 };
                let (left, top) = (at.0, self.bounds(at).y1 - map.1);
                for index in (0..maps).rev() {
                    let right = index as f64 * step;
                    let map = area((left + right, top - RISE * right), map);
                    draw_outlined(canvas, corners(map), colour, border);
                }
            }
            Outline::Column { units, .. } => {
                let [top, foot] = self.left_ends(at);
                let right = |(x, y): Point| (x + COLUMN_WIDTH, y);
                draw_outlined(canvas, [top, right(top), right(foot), foot], colour, 1.0);
                let lines = if units <= MAX_UNITS { 1..units } else { 0..0 };
                for index in lines {
                    let down = fraction(index, units);
                    let x = top.0 + (foot.0 - top.0) * down;
                    let line = (x, top.1 + (foot.1 - top.1) * down);
                    canvas.line([line, right(line)], Stroke::solid(MUTED, 0.5));
                }
            }
        }
    }
}

fn stack(
    channels: &[usize],
    (rows, columns): (usize, usize),
    largest: usize,
    scale: f64,
) -> Outline {
    let longer = rows.max(columns);
    let side = MAX_MAP * scale * fraction(longer, largest).powf(MAP_POWER);
    let side = side.max(MIN_MAP);
    let length = |pixels: usize| (side * fraction(pixels, longer)).max(2.0);
    let product = |product: usize, &channels: &usize| product.saturating_mul(channels);
    let depth = MAX_DEPTH * scale;
    let most = MAX_MAPS.min((depth / MIN_STEP) as usize + 1);
    let maps = channels.iter().fold(1, product).min(most);
    Outline::Stack {
        map: (length(columns), length(rows)),
        maps,
        step: (depth / (maps.max(2) - 1) as f64).min(MAX_STEP),
    }
}

fn fraction(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

fn draw_outlined(canvas: &mut Canvas, corners: [Point; 4], fill: Colour, width: f64) {
    canvas.polygon(corners, fill);
    let [first, second, third, fourth] = corners;
    canvas.line(
        [first, second, third, fourth, first],
        Stroke::solid(MUTED, width),
    );
}

//! Shapes of one colour.

use super::colour::Colour;

pub(super) type Point = [f64; 2];

/// A shape of one colour, in the coordinates of the face (the head has radius 1) or of the image.
pub(super) struct Shape {
    pub(super) outline: Outline,
    pub(super) colour: Colour,
}

pub(super) enum Outline {
    Ellipse { centre: Point, radii: Point },
    Triangle([Point; 3]),
    Line { ends: [Point; 2], width: f64 },
}

impl Outline {
    pub(super) fn contains(&self, [x, y]: Point) -> bool {
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

/// From a point to a line.
fn distance(point: Point, [from, to]: &[Point; 2]) -> f64 {
    let along = [to[0] - from[0], to[1] - from[1]];
    let away = [point[0] - from[0], point[1] - from[1]];
    let length = along[0] * along[0] + along[1] * along[1];
    let share = ((away[0] * along[0] + away[1] * along[1]) / length).clamp(0.0, 1.0);
    let (x, y) = (away[0] - share * along[0], away[1] - share * along[1]);
    (x * x + y * y).sqrt()
}

pub(super) fn ellipse(centre: Point, radii: Point, colour: Colour) -> Shape {
    Shape {
        outline: Outline::Ellipse { centre, radii },
        colour,
    }
}

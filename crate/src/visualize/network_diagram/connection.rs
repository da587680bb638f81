//! What is drawn between two layers.

use super::super::prelude::*;
use super::outline::Outline;

/// The smallest side of a square that can be seen.
const MIN_SIDE: f64 = 3.5;
/// Where the receptive field lies on a feature map, and where the output that sees it lies on the next one: as
/// fractions of the room to the right and down.
const FIELD_PLACE: Point = (0.72, 0.76);
const OUTPUT_PLACE: Point = (0.25, 0.28);
const FIELD: Stroke = Stroke {
    colour: VERMILLION,
    width: 1.25,
    dash: None,
};
/// The space between an arrow and the layers.
const ARROW_SPACE: f64 = 5.0;
const ARROW_HEAD: f64 = 6.0;

/// A layer as it is drawn.
#[derive(Clone, Copy)]
pub(super) struct Placed<'a> {
    pub(super) outline: Outline,
    /// The middle of its left edge.
    pub(super) at: Point,
    /// The shape of its output.
    pub(super) shape: &'a [usize],
}

impl Placed<'_> {
    /// The part of the first feature map that covers so many of its rows and columns.
    fn part_of_map(&self, [rows, columns]: [usize; 2], place: Point) -> Option<Area> {
        let map = self.outline.first_map(self.at)?;
        let [.., height, width] = *self.shape else {
            return None;
        };
        let side = |whole: f64, part: usize, pixels: usize| {
            let side = whole * part.min(pixels) as f64 / pixels as f64;
            side.clamp(MIN_SIDE.min(whole), whole)
        };
        let size = (
            side(map.width(), columns, width),
            side(map.height(), rows, height),
        );
        let (x, y) = (map.width() - size.0, map.height() - size.1);
        Some(area((map.x0 + x * place.0, map.y0 + y * place.1), size))
    }
}

/// A receptive field on the first map of `from`, and the output on the first map of `to` that sees it; none unless
/// both are feature maps.
pub(super) fn receptive_field(from: Placed, to: Placed, field: [usize; 2]) -> Option<[Area; 2]> {
    let field = from.part_of_map(field, FIELD_PLACE)?;
    Some([field, to.part_of_map([1, 1], OUTPUT_PLACE)?])
}

/// Draws the field and the output with lines from one to the other.
pub(super) fn draw_receptive_field(canvas: &mut Canvas, [field, output]: [Area; 2]) {
    for part in [field, output] {
        let corners = [
            (part.x0, part.y0),
            (part.x1, part.y0),
            (part.x1, part.y1),
            (part.x0, part.y1),
        ];
        canvas.line(
            [corners[0], corners[1], corners[2], corners[3], corners[0]],
            FIELD,
        );
    }
    canvas.line([(field.x1, field.y0), (output.x0, output.y0)], FIELD);
    canvas.line([(field.x1, field.y1), (output.x0, output.y1)], FIELD);
}

/// Draws lines between the ends of two layers, as each unit of one is connected with each of the other.
pub(super) fn draw_full_connection(canvas: &mut Canvas, from: Placed, to: Placed) {
    for start in from.outline.right_ends(from.at) {
        for end in to.outline.left_ends(to.at) {
            canvas.line([start, end], Stroke::solid(AXIS, 0.75));
        }
    }
}

pub(super) fn draw_arrow(canvas: &mut Canvas, from: Placed, to: Placed) {
    let middle = |ends: [Point; 2]| (ends[0].0 + ends[1].0) / 2.0;
    let start = middle(from.outline.right_ends(from.at)) + ARROW_SPACE;
    let end = middle(to.outline.left_ends(to.at)) - ARROW_SPACE;
    let y = to.at.1;
    canvas.line(
        [(start, y), (end - ARROW_HEAD, y)],
        Stroke::solid(MUTED, 1.0),
    );
    let head = (end - ARROW_HEAD, ARROW_HEAD / 2.0);
    canvas.polygon(
        [(end, y), (head.0, y - head.1), (head.0, y + head.1)],
        MUTED,
    );
}

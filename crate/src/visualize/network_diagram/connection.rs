//! What is drawn between two layers.

use super::super::prelude::*;
use super::outline::Outline;

/// The smallest side of a receptive field.
const MIN_SIDE: f64 = 3.5;
/// The position of the receptive field on a feature map, and that of the output computed from it on the next one, as
/// fractions of the width and the height that are left.
const FIELD_POSITION: Point = (0.72, 0.76);
const OUTPUT_POSITION: Point = (0.25, 0.28);
const FIELD_STROKE: Stroke = Stroke {
    colour: VERMILLION,
    width: 1.25,
    dash: None,
};
/// The space between an arrow and the layers.
const ARROW_SPACE: f64 = 5.0;
const ARROW_HEAD: f64 = 6.0;

/// A layer with its position.
#[derive(Clone, Copy)]
pub(super) struct PlacedLayer<'a> {
    pub(super) outline: Outline,
    /// The middle of its left edge.
    pub(super) at: Point,
    /// The shape of its output.
    pub(super) shape: &'a [usize],
}

impl PlacedLayer<'_> {
    /// The part of the first feature map that covers so many of its rows and columns.
    fn part_of_map(&self, [rows, columns]: [usize; 2], position: Point) -> Option<Area> {
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
        Some(area(
            (map.x0 + x * position.0, map.y0 + y * position.1),
            size,
        ))
    }
}

/// A receptive field on the first map of `from`, and the output computed from it on the first map of `to`. `None` unless
/// both layers have feature maps.
pub(super) fn receptive_field(
    from: PlacedLayer,
    to: PlacedLayer,
    field: [usize; 2],
) -> Option<[Area; 2]> {
    let field = from.part_of_map(field, FIELD_POSITION)?;
    Some([field, to.part_of_map([1, 1], OUTPUT_POSITION)?])
}

/// Draws the field and the output with lines from one to the other.
pub(super) fn draw_receptive_field(canvas: &mut Canvas, [field, output]: [Area; 2]) {
    for part in [field, output] {
        let [first, second, third, fourth] = corners(part);
        canvas.line([first, second, third, fourth, first], FIELD_STROKE);
    }
    canvas.line([(field.x1, field.y0), (output.x0, output.y0)], FIELD_STROKE);
    canvas.line([(field.x1, field.y1), (output.x0, output.y1)], FIELD_STROKE);
}

/// Draws lines between the ends of two layers, since each unit of one is connected to each of the other.
pub(super) fn draw_full_connection(canvas: &mut Canvas, from: PlacedLayer, to: PlacedLayer) {
    for start in from.outline.right_ends(from.at) {
        for end in to.outline.left_ends(to.at) {
            canvas.line([start, end], Stroke::solid(AXIS, 0.75));
        }
    }
}

/// Draws an arrow from one layer to the next.
pub(super) fn draw_arrow(canvas: &mut Canvas, from: PlacedLayer, to: PlacedLayer) {
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

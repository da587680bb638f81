//! Points and rectangles on a picture, in CSS pixels from the upper left corner. A CSS pixel is two device pixels
//! wide and high.

/// Device pixels per CSS pixel.
pub(super) const DEVICE_SCALE: f64 = 2.0;

pub(super) type Point = (f64, f64);

/// A rectangle with horizontal and vertical sides.
pub(super) type Area = kurbo::Rect;

pub(super) fn area(corner: Point, size: (f64, f64)) -> Area {
    Area::from_origin_size(corner, size)
}

/// The corners, clockwise from the upper left.
pub(super) fn corners(area: Area) -> [Point; 4] {
    let (left, top, right, bottom) = (area.x0, area.y0, area.x1, area.y1);
    [(left, top), (right, top), (right, bottom), (left, bottom)]
}

/// A length or coordinate in device pixels.
pub(super) fn device(css: f64) -> i32 {
    (css * DEVICE_SCALE).round() as i32
}

pub(super) fn device_point((x, y): Point) -> (i32, i32) {
    (device(x), device(y))
}

/// The width and the height of an area in device pixels.
pub(super) fn device_size(area: Area) -> (u32, u32) {
    let length = |from: f64, to: f64| (device(to) - device(from)).max(0) as u32;
    (length(area.x0, area.x1), length(area.y0, area.y1))
}

/// The side of a cell, rounded down to whole device pixels so that all cells are equally large; at least one.
pub(super) fn whole_device_pixels(size: f64) -> f64 {
    ((size * 2.0).floor() / 2.0).max(0.5)
}

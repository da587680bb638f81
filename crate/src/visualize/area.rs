//! Places on a picture: CSS pixels from the upper left corner, each of them two device pixels wide.

/// Device pixels per CSS pixel.
pub(super) const DEVICE_SCALE: f64 = 2.0;

pub(super) type Point = (f64, f64);

/// A rectangle parallel to the axes.
pub(super) type Area = kurbo::Rect;

pub(super) fn area(corner: Point, size: (f64, f64)) -> Area {
    Area::from_origin_size(corner, size)
}

/// A length or coordinate in device pixels.
pub(super) fn device(css: f64) -> i32 {
    (css * DEVICE_SCALE).round() as i32
}

pub(super) fn device_point((x, y): Point) -> (i32, i32) {
    (device(x), device(y))
}

/// The columns and rows of device pixels that an image in this area covers.
pub(super) fn device_size(area: Area) -> (u32, u32) {
    let length = |from: f64, to: f64| (device(to) - device(from)).max(0) as u32;
    (length(area.x0, area.x1), length(area.y0, area.y1))
}

/// Cells of whole device pixels are all equally large.
pub(super) fn half_pixels(size: f64) -> f64 {
    ((size * 2.0).floor() / 2.0).max(0.5)
}

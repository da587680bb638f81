//! Places on a picture: CSS pixels from the upper left corner, each of them two device pixels wide.

use std::ops::Range;

/// Device pixels per CSS pixel.
pub(super) const DEVICE_SCALE: f64 = 2.0;

pub(super) type Point = (f64, f64);

/// A length or coordinate in device pixels.
pub(super) fn device(css: f64) -> i32 {
    (css * DEVICE_SCALE).round() as i32
}

pub(super) fn device_point((x, y): Point) -> (i32, i32) {
    (device(x), device(y))
}

/// Cells of whole device pixels are all equally large.
pub(super) fn half_pixels(size: f64) -> f64 {
    ((size * 2.0).floor() / 2.0).max(0.5)
}

/// A rectangle parallel to the axes.
#[derive(Clone, Copy)]
pub(super) struct Area {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Area {
    pub(super) fn new((x, y): Point, (width, height): (f64, f64)) -> Area {
        Area {
            x,
            y,
            width,
            height,
        }
    }

    /// The area of device pixels within these bounds.
    pub(super) fn of_device(columns: Range<i32>, rows: Range<i32>) -> Area {
        let css = |pixels: i32| f64::from(pixels) / DEVICE_SCALE;
        let size = (css(columns.end - columns.start), css(rows.end - rows.start));
        Area::new((css(columns.start), css(rows.start)), size)
    }

    pub(super) fn right(&self) -> f64 {
        self.x + self.width
    }

    pub(super) fn bottom(&self) -> f64 {
        self.y + self.height
    }

    pub(super) fn centre(&self) -> Point {
        (self.x + self.width / 2.0, self.y + self.height / 2.0)
    }

    /// The columns and rows of device pixels that an image in this area covers.
    pub(super) fn device_size(&self) -> (u32, u32) {
        let length = |from: f64, to: f64| (device(to) - device(from)).max(0) as u32;
        (length(self.x, self.right()), length(self.y, self.bottom()))
    }
}

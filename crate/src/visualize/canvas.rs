//! What pictures are drawn on, in CSS pixels from the upper left corner.

use super::area::{Area, Point, device, device_point, device_size};
use super::colour::Colour;
use super::text::Text;
use crate::error::{Error, Result};
use image::{Rgb, RgbImage};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea as _};
use plotters::element::{
    Circle, DashedPathElement, Drawable, PathElement, PointCollection, Polygon, Rectangle,
};
use plotters::prelude::{DrawingBackend, SVGBackend};
use plotters::style::{Color as _, ShapeStyle};

/// The space at the edges of every picture.
pub(super) const MARGIN: f64 = 14.0;
/// The width of a chart; a notebook's column is 700 to 900 pixels wide.
pub(super) const CHART_WIDTH: f64 = 780.0;
/// The width a grid of images fills before it starts another row.
pub(super) const GRID_WIDTH: f64 = 820.0;

/// A part of a canvas, as plotters has it.
pub(super) type Root<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// What plotters' functions give back.
pub(super) type Drawn<T> = std::result::Result<
    T,
    DrawingAreaErrorKind<<SVGBackend<'static> as DrawingBackend>::ErrorType>,
>;

/// The error of a library that cannot draw.
pub(super) fn failed(reason: impl std::fmt::Display) -> Error {
    Error::Drawing {
        reason: reason.to_string(),
    }
}

/// How a line looks.
#[derive(Clone, Copy)]
pub(super) struct Stroke {
    pub(super) colour: Colour,
    pub(super) width: f64,
    /// The lengths of a dash and of the gap after it; none for a solid line.
    pub(super) dash: Option<(f64, f64)>,
}

impl Stroke {
    pub(super) fn solid(colour: Colour, width: f64) -> Stroke {
        let dash = None;
        Stroke {
            colour,
            width,
            dash,
        }
    }

    pub(super) fn dashed(mut self, dash: f64, gap: f64) -> Stroke {
        self.dash = Some((dash, gap));
        self
    }

    /// As plotters draws it; it knows no dashes.
    pub(super) fn style(&self) -> ShapeStyle {
        self.colour.stroke_width(device(self.width) as u32)
    }

    /// A dash and a gap in device pixels; the round ends are a part of each dash.
    pub(super) fn device_dash(&self, (dash, gap): (f64, f64)) -> (i32, i32) {
        (device(dash - self.width).max(1), device(gap + self.width))
    }
}

/// An RGB image that is enlarged without smoothing; it lies below all shapes.
pub(super) struct PlacedImage {
    pub(super) area: Area,
    pub(super) pixels: RgbImage,
}

impl PlacedImage {
    /// An image of so many columns and rows, with the colour that `colour` gives for each of them.
    pub(super) fn new(
        area: Area,
        (columns, rows): (usize, usize),
        colour: impl Fn(usize, usize) -> Colour,
    ) -> PlacedImage {
        let pixels = RgbImage::from_fn(columns as u32, rows as u32, |column, row| {
            let colour = colour(column as usize, row as usize);
            Rgb([colour.0, colour.1, colour.2])
        });
        PlacedImage { area, pixels }
    }

    /// The image in device pixels: each takes the colour of the image pixel it lies in.
    pub(super) fn enlarged(&self) -> RgbImage {
        let (width, height) = device_size(self.area);
        let (columns, rows) = self.pixels.dimensions();
        RgbImage::from_fn(width, height, |x, y| {
            let (column, row) = (nearest(x, width, columns), nearest(y, height, rows));
            *self.pixels.get_pixel(column, row)
        })
    }
}

/// Which of `number` pixels the device pixel `place` of `length` lies in.
pub(super) fn nearest(place: u32, length: u32, number: u32) -> u32 {
    (u64::from(place) * u64::from(number) / u64::from(length)) as u32
}

/// A picture while it is drawn: plotters' drawing area for an SVG, measured in CSS pixels.
///
/// What cannot be drawn is told at the end, so that the single shapes need no `?`.
pub(super) struct Canvas<'a> {
    area: Root<'a>,
    images: Vec<PlacedImage>,
    outcome: Result<()>,
}

impl<'a> Canvas<'a> {
    /// A canvas that writes its shapes into `shapes`.
    pub(super) fn new(shapes: &'a mut String, size: (u32, u32)) -> Canvas<'a> {
        Canvas {
            area: SVGBackend::with_string(shapes, size).into_drawing_area(),
            images: Vec::new(),
            outcome: Ok(()),
        }
    }

    /// Writes the last shape; gives back the images that lie below all shapes.
    pub(super) fn finish(self) -> Result<Vec<PlacedImage>> {
        self.outcome?;
        self.area.present().map_err(failed)?;
        Ok(self.images)
    }

    fn draw<E>(&mut self, element: &E)
    where
        for<'e> &'e E: PointCollection<'e, (i32, i32)>,
        E: Drawable<SVGBackend<'a>>,
    {
        let drawn = self.area.draw(element);
        self.note(drawn);
    }

    /// The first failure is told at the end.
    fn note(&mut self, drawn: Drawn<()>) {
        if self.outcome.is_ok() {
            self.outcome = drawn.map_err(failed);
        }
    }

    /// What plotters draws into a part of the canvas.
    pub(super) fn chart(&mut self, area: Area, draw: impl FnOnce(&Root<'a>) -> Drawn<()>) {
        let corner = device_point((area.x0, area.y0));
        let size = device_point((area.width(), area.height()));
        let part = self.area.clone().shrink(corner, size);
        self.note(draw(&part));
    }

    pub(super) fn rectangle(&mut self, area: Area, colour: Colour) {
        let corners = [(area.x0, area.y0), (area.x1, area.y1)].map(device_point);
        self.draw(&Rectangle::new(corners, colour.filled()));
    }

    pub(super) fn line<const N: usize>(&mut self, points: [Point; N], stroke: Stroke) {
        let (points, style) = (points.map(device_point), stroke.style());
        match stroke.dash.map(|dash| stroke.device_dash(dash)) {
            None => self.draw(&PathElement::new(points, style)),
            Some((dash, gap)) => self.draw(&DashedPathElement::new(points, dash, gap, style)),
        }
    }

    pub(super) fn polygon<const N: usize>(&mut self, points: [Point; N], colour: Colour) {
        self.draw(&Polygon::new(points.map(device_point), colour.filled()));
    }

    pub(super) fn disc(&mut self, centre: Point, radius: f64, colour: Colour) {
        let (centre, radius) = (device_point(centre), device(radius));
        self.draw(&Circle::new(centre, radius, colour.filled()));
    }

    pub(super) fn text(&mut self, text: Text) {
        if text.content.is_empty() {
            return;
        }
        let (style, at) = text.style();
        let drawn = self.area.draw_text(&text.content, &style, device_point(at));
        self.note(drawn);
    }

    /// An image with a border just outside it.
    pub(super) fn image(&mut self, image: PlacedImage, stroke: Stroke) {
        let frame = image.area.inflate(stroke.width / 2.0, stroke.width / 2.0);
        self.images.push(image);
        let (left, top, right, bottom) = (frame.x0, frame.y0, frame.x1, frame.y1);
        let corners = [(left, top), (right, top), (right, bottom), (left, bottom)];
        for side in 0..4 {
            self.line([corners[side], corners[(side + 1) % 4]], stroke);
        }
    }
}

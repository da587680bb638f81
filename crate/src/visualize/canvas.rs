//! The drawing area of a picture, in CSS pixels from the upper left corner.

use super::area::{Area, Point, corners, device, device_point, device_size};
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

/// The space at each edge of a picture.
pub(super) const MARGIN: f64 = 14.0;
/// The width of a chart. The column of a notebook is 700 to 900 pixels wide.
pub(super) const CHART_WIDTH: f64 = 780.0;
/// The largest width of a grid of images that can have several columns.
pub(super) const GRID_WIDTH: f64 = 820.0;

/// A drawing area of plotters.
pub(super) type PlottersArea<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// The result of plotters' functions.
pub(super) type PlottersResult<T> = std::result::Result<
    T,
    DrawingAreaErrorKind<<SVGBackend<'static> as DrawingBackend>::ErrorType>,
>;

/// The error for a library that cannot draw.
pub(super) fn drawing_error(reason: impl std::fmt::Display) -> Error {
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

    /// The style for plotters, without dashes.
    pub(super) fn style(&self) -> ShapeStyle {
        self.colour.stroke_width(device(self.width) as u32)
    }

    /// The lengths of a dash and of a gap in device pixels. Round ends make each dash longer by the width of the line.
    pub(super) fn device_dash(&self, (dash, gap): (f64, f64)) -> (i32, i32) {
        (device(dash - self.width).max(1), device(gap + self.width))
    }
}

/// An RGB image that is enlarged without smoothing. It is below all shapes.
pub(super) struct PlacedImage {
    pub(super) area: Area,
    pub(super) pixels: RgbImage,
}

impl PlacedImage {
    /// An image of `columns` × `rows` pixels; `colour` gives the colour at a column and a row.
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

    /// The image in device pixels. Each has the colour of the image pixel in which it lies.
    pub(super) fn enlarged(&self) -> RgbImage {
        let (width, height) = device_size(self.area);
        let (columns, rows) = self.pixels.dimensions();
        RgbImage::from_fn(width, height, |x, y| {
            let (column, row) = (
                containing_pixel(x, width, columns),
                containing_pixel(y, height, rows),
            );
            *self.pixels.get_pixel(column, row)
        })
    }
}

/// Which of `pixels` image pixels contains the device pixel `index` of `length`.
pub(super) fn containing_pixel(index: u32, length: u32, pixels: u32) -> u32 {
    (u64::from(index) * u64::from(pixels) / u64::from(length)) as u32
}

/// A picture while it is drawn: plotters' drawing area for an SVG, measured in CSS pixels.
///
/// The first error is kept until [`Canvas::finish`], so that the shapes need no `?`.
pub(super) struct Canvas<'a> {
    area: PlottersArea<'a>,
    images: Vec<PlacedImage>,
    first_error: Result<()>,
}

impl<'a> Canvas<'a> {
    /// A canvas that writes its shapes into `shapes`.
    pub(super) fn new(shapes: &'a mut String, size: (u32, u32)) -> Canvas<'a> {
        Canvas {
            area: SVGBackend::with_string(shapes, size).into_drawing_area(),
            images: Vec::new(),
            first_error: Ok(()),
        }
    }

    /// Completes the document and returns the images below it, or the first error.
    pub(super) fn finish(self) -> Result<Vec<PlacedImage>> {
        self.first_error?;
        self.area.present().map_err(drawing_error)?;
        Ok(self.images)
    }

    fn draw<E>(&mut self, element: &E)
    where
        for<'e> &'e E: PointCollection<'e, (i32, i32)>,
        E: Drawable<SVGBackend<'a>>,
    {
        let drawn = self.area.draw(element);
        self.keep_error(drawn);
    }

    fn keep_error(&mut self, drawn: PlottersResult<()>) {
        if self.first_error.is_ok() {
            self.first_error = drawn.map_err(drawing_error);
        }
    }

    /// Lets plotters draw into a part of the canvas.
    pub(super) fn chart(
        &mut self,
        area: Area,
        draw: impl FnOnce(&PlottersArea<'a>) -> PlottersResult<()>,
    ) {
        let corner = device_point((area.x0, area.y0));
        let size = device_point((area.width(), area.height()));
        let part = self.area.clone().shrink(corner, size);
        self.keep_error(draw(&part));
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
        self.keep_error(drawn);
    }

    /// An image with a border just outside it.
    pub(super) fn image(&mut self, image: PlacedImage, stroke: Stroke) {
        let frame = image.area.inflate(stroke.width / 2.0, stroke.width / 2.0);
        self.images.push(image);
        let corners = corners(frame);
        for side in 0..4 {
            self.line([corners[side], corners[(side + 1) % 4]], stroke);
        }
    }
}

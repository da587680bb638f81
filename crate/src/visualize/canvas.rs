//! What pictures are drawn on, in CSS pixels from the upper left corner.

use super::colour::{Colour, MUTED};
use super::text::{self, Text};
use crate::error::{Error, Result};
use std::ops::Range;

use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea as _};
use plotters::element::{
    Circle, DashedPathElement, Drawable, PathElement, PointCollection, Polygon, Rectangle,
};
use plotters::prelude::{DrawingBackend, SVGBackend};
use plotters::style::{Color as _, RGBColor, ShapeStyle};

/// The space at the edges of every picture.
pub(super) const MARGIN: f64 = 14.0;
/// The width of a chart; a notebook's column is 700 to 900 pixels wide.
pub(super) const CHART_WIDTH: f64 = 780.0;
/// The width a grid of images fills before it starts another row.
pub(super) const GRID_WIDTH: f64 = 820.0;

/// Font sizes.
pub(super) const TITLE: f64 = 16.0;
pub(super) const LABEL: f64 = 12.5;
pub(super) const SMALL: f64 = 11.5;

/// Device pixels per CSS pixel.
pub(super) const DEVICE_SCALE: f64 = 2.0;

pub(super) type Point = (f64, f64);

/// A part of a canvas, as plotters has it.
pub(super) type Root<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// What plotters' functions give back.
pub(super) type DrawingResult = std::result::Result<
    (),
    DrawingAreaErrorKind<<SVGBackend<'static> as DrawingBackend>::ErrorType>,
>;

/// A rectangle parallel to the axes.
#[derive(Clone, Copy)]
pub(super) struct Area {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Area {
    pub(super) fn new(x: f64, y: f64, width: f64, height: f64) -> Area {
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
        Area::new(
            css(columns.start),
            css(rows.start),
            css(columns.end - columns.start),
            css(rows.end - rows.start),
        )
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
    pub(super) fn device_size(&self) -> (usize, usize) {
        let length = |from: f64, to: f64| (device(to) - device(from)).max(0) as usize;
        (length(self.x, self.right()), length(self.y, self.bottom()))
    }

    /// Larger by `by` on all four sides.
    pub(super) fn grown(&self, by: f64) -> Area {
        Area::new(
            self.x - by,
            self.y - by,
            self.width + 2.0 * by,
            self.height + 2.0 * by,
        )
    }
}

fn device_point((x, y): Point) -> (i32, i32) {
    (device(x), device(y))
}

/// The error of a library that cannot draw.
pub(super) fn failed(reason: impl std::fmt::Display) -> Error {
    Error::Drawing {
        reason: reason.to_string(),
    }
}

/// A length or coordinate in device pixels.
pub(super) fn device(css: f64) -> i32 {
    (css * DEVICE_SCALE).round() as i32
}

/// Cells of whole device pixels are all equally large.
pub(super) fn half_pixels(size: f64) -> f64 {
    ((size * 2.0).floor() / 2.0).max(0.5)
}

/// Which of `number` image pixels the device pixel `place` of `length` lies in, without smoothing.
pub(super) fn nearest(place: usize, length: usize, number: usize) -> usize {
    place * number / length
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
        Stroke {
            colour,
            width,
            dash: None,
        }
    }

    /// As plotters draws it; it knows no dashes.
    pub(super) fn style(&self) -> ShapeStyle {
        ShapeStyle {
            color: self.colour.to_rgba(),
            filled: false,
            stroke_width: device(self.width) as u32,
        }
    }

    /// A dash and a gap in device pixels; the round ends are a part of each dash.
    pub(super) fn device_dash(&self, (dash, gap): (f64, f64)) -> (i32, i32) {
        (device(dash - self.width).max(1), device(gap + self.width))
    }
}

/// An RGB image that is enlarged without smoothing; it lies below all shapes.
pub(super) struct PlacedImage {
    pub(super) area: Area,
    pub(super) columns: usize,
    pub(super) rows: usize,
    /// `rows` × `columns` × 3 bytes.
    pub(super) rgb: Vec<u8>,
}

impl PlacedImage {
    /// An image of `rows` × `columns` colours, row by row.
    pub(super) fn of_colours(
        area: Area,
        columns: usize,
        rows: usize,
        colours: impl Iterator<Item = Colour>,
    ) -> PlacedImage {
        PlacedImage {
            area,
            columns,
            rows,
            rgb: colours
                .flat_map(|colour| [colour.0, colour.1, colour.2])
                .collect(),
        }
    }

    /// The colours of the device pixels that the image covers, row by row.
    pub(super) fn device_pixels(&self) -> impl Iterator<Item = Colour> + '_ {
        let (width, height) = self.area.device_size();
        (0..height).flat_map(move |y| {
            let row = nearest(y, height, self.rows);
            (0..width).map(move |x| self.colour(nearest(x, width, self.columns), row))
        })
    }

    /// The colour of one pixel of the image.
    pub(super) fn colour(&self, column: usize, row: usize) -> Colour {
        let start = 3 * (row * self.columns + column);
        RGBColor(self.rgb[start], self.rgb[start + 1], self.rgb[start + 2])
    }
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
    pub(super) fn new(shapes: &'a mut String, (width, height): (u32, u32)) -> Canvas<'a> {
        Canvas {
            area: SVGBackend::with_string(shapes, (width, height)).into_drawing_area(),
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
    fn note(&mut self, drawn: DrawingResult) {
        if self.outcome.is_ok() {
            self.outcome = drawn.map_err(failed);
        }
    }

    /// What plotters draws into a part of the canvas.
    pub(super) fn chart(&mut self, area: Area, draw: impl FnOnce(&Root<'a>) -> DrawingResult) {
        let corner = device_point((area.x, area.y));
        let part = self
            .area
            .clone()
            .shrink(corner, (device(area.width), device(area.height)));
        let drawn = draw(&part);
        self.note(drawn);
    }

    pub(super) fn rectangle(&mut self, area: Area, colour: Colour) {
        let corners = [(area.x, area.y), (area.right(), area.bottom())].map(device_point);
        self.draw(&Rectangle::new(corners, colour.filled()));
    }

    pub(super) fn line(&mut self, points: Vec<Point>, stroke: Stroke) {
        let points: Vec<_> = points.into_iter().map(device_point).collect();
        let style = stroke.style();
        match stroke.dash {
            None => self.draw(&PathElement::new(points, style)),
            Some(dash) => {
                let (dash, gap) = stroke.device_dash(dash);
                self.draw(&DashedPathElement::new(points, dash, gap, style));
            }
        }
    }

    pub(super) fn polygon(&mut self, points: Vec<Point>, colour: Colour) {
        self.translucent_polygon(points, colour, 1.0);
    }

    pub(super) fn translucent_polygon(&mut self, points: Vec<Point>, colour: Colour, opacity: f64) {
        let points: Vec<_> = points.into_iter().map(device_point).collect();
        self.draw(&Polygon::new(points, colour.mix(opacity).filled()));
    }

    pub(super) fn disc(&mut self, centre: Point, radius: f64, colour: Colour) {
        let (centre, radius) = (device_point(centre), device(radius));
        self.draw(&Circle::new(centre, radius, colour.filled()));
    }

    pub(super) fn text(&mut self, text: Text) {
        let (style, at) = text.style();
        let drawn = self.area.draw_text(&text.content, &style, device_point(at));
        self.note(drawn);
    }

    pub(super) fn image(&mut self, image: PlacedImage) {
        self.images.push(image);
    }

    /// The border just outside `area`.
    pub(super) fn border(&mut self, area: Area, stroke: Stroke) {
        let frame = area.grown(stroke.width / 2.0);
        let (left, top, right, bottom) = (frame.x, frame.y, frame.right(), frame.bottom());
        self.line(vec![(left, top), (right, top)], stroke);
        self.line(vec![(right, top), (right, bottom)], stroke);
        self.line(vec![(right, bottom), (left, bottom)], stroke);
        self.line(vec![(left, bottom), (left, top)], stroke);
    }

    pub(super) fn heading(&mut self, heading: &Heading) {
        let mut baseline = MARGIN - 2.0;
        for line in &heading.title {
            baseline += TITLE + 4.0;
            self.text(Text::new(line, (MARGIN, baseline - 4.0), TITLE).bold(true));
        }
        for line in &heading.subtitle {
            baseline += LABEL + 5.0;
            self.text(Text::new(line, (MARGIN, baseline - 4.0), LABEL).colour(MUTED));
        }
    }
}

/// The title of a picture and the line below it, broken to its width.
pub(super) struct Heading {
    title: Vec<String>,
    subtitle: Vec<String>,
}

impl Heading {
    pub(super) fn new(title: &str, subtitle: &str, width: f64) -> Heading {
        let limit = (width - 2.0 * MARGIN).max(40.0);
        let lines = |text: &str, size: f64, bold: bool| {
            if text.trim().is_empty() {
                Vec::new()
            } else {
                text::wrapped(text, size, bold, limit, 4)
            }
        };
        Heading {
            title: lines(title, TITLE, true),
            subtitle: lines(subtitle, LABEL, false),
        }
    }

    /// The y coordinate below the heading at which the picture itself starts.
    pub(super) fn bottom(&self) -> f64 {
        let title = self.title.len() as f64 * (TITLE + 4.0);
        let subtitle = self.subtitle.len() as f64 * (LABEL + 5.0);
        MARGIN + title + subtitle + if title + subtitle > 0.0 { 8.0 } else { 0.0 }
    }
}

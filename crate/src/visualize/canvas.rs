//! The shapes of a picture, in CSS pixels from the upper left corner.

use super::check::ensure;
use super::colour::{Colour, MUTED};
use super::figure::Figure;
use super::font;
use super::text::{self, Text};
use crate::error::Result;
use crate::language::said;
use std::collections::BTreeSet;

use plotters::style::RGBColor;

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

/// The height of a line below the picture.
const NOTE: f64 = 20.0;

/// Device pixels per CSS pixel.
pub(super) const DEVICE_SCALE: f64 = 2.0;

/// Browsers do not show images with a longer side.
const LONGEST_SIDE: f64 = 16_000.0;
/// 32 million CSS pixels are 128 million device pixels: 384 MB while they are drawn.
const LARGEST_AREA: f64 = 16e6;

pub(super) type Point = (f64, f64);

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
}

pub(super) enum Shape {
    Rectangle(Area, Colour),
    Line(Vec<Point>, Stroke),
    /// A filled polygon with its opacity in [0, 1].
    Polygon(Vec<Point>, Colour, f64),
    Disc(Point, f64, Colour),
    Text(Text),
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

/// A picture while it is laid out.
pub(super) struct Canvas {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) images: Vec<PlacedImage>,
    pub(super) shapes: Vec<Shape>,
}

impl Canvas {
    /// An empty canvas; an error if it would be larger than a browser shows.
    pub(super) fn new(function: &'static str, width: f64, height: f64) -> Result<Canvas> {
        let (width, height) = (width.ceil(), height.ceil());
        let fits =
            width <= LONGEST_SIDE && height <= LONGEST_SIDE && width * height <= LARGEST_AREA;
        ensure(fits, function, || {
            format!(
                "the picture would be {width:.0} × {height:.0} pixels large; show fewer or smaller parts"
            )
        })?;
        Ok(Canvas {
            width,
            height,
            images: Vec::new(),
            shapes: Vec::new(),
        })
    }

    pub(super) fn rectangle(&mut self, area: Area, colour: Colour) {
        self.shapes.push(Shape::Rectangle(area, colour));
    }

    pub(super) fn line(&mut self, points: Vec<Point>, stroke: Stroke) {
        self.shapes.push(Shape::Line(points, stroke));
    }

    pub(super) fn polygon(&mut self, points: Vec<Point>, colour: Colour) {
        self.translucent_polygon(points, colour, 1.0);
    }

    pub(super) fn translucent_polygon(&mut self, points: Vec<Point>, colour: Colour, opacity: f64) {
        self.shapes.push(Shape::Polygon(points, colour, opacity));
    }

    pub(super) fn disc(&mut self, centre: Point, radius: f64, colour: Colour) {
        self.shapes.push(Shape::Disc(centre, radius, colour));
    }

    pub(super) fn text(&mut self, text: Text) {
        self.shapes.push(Shape::Text(text));
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

    /// The figure, with a line that names the characters for which the font has no letter.
    pub(super) fn finish(mut self, alt_text: String) -> Figure {
        if let Some(line) = self.without_letters() {
            self.height += NOTE;
            let at = (MARGIN, self.height - MARGIN);
            self.text(Text::new(&line, at, SMALL).colour(MUTED));
        }
        Figure::new(self, alt_text)
    }

    fn without_letters(&self) -> Option<String> {
        const MOST: usize = 6;
        let texts = self.shapes.iter().filter_map(|shape| match shape {
            Shape::Text(text) => Some(text),
            _ => None,
        });
        let missing: BTreeSet<char> = texts
            .flat_map(|text| font::missing(&text.content, text.bold))
            .collect();
        let codes: Vec<String> = missing
            .iter()
            .take(MOST)
            .map(|sign| format!("U+{:04X}", u32::from(*sign)))
            .collect();
        let more = if missing.len() > MOST { " …" } else { "" };
        let codes = codes.join(", ") + more;
        (!missing.is_empty()).then(|| {
            said!(
                "The picture's font has no letter for {codes}.",
                "この図のフォントには {codes} の文字がありません。"
            )
        })
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

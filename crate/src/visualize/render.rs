//! The shapes of a canvas through the backends of plotters.
//!
//! Both backends count in device pixels, two to a CSS pixel, so that pictures are sharp on screens
//! of high density; the SVG says so with its `viewBox`.

use super::canvas::{Canvas, DEVICE_SCALE, PlacedImage, Point, Shape, Stroke, device, nearest};
use super::colour::Colour;
use super::stroke;
use super::text::{self, Align, Text};
use crate::error::{Error, Result};
use crate::text::escape;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder as _};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea as _};
use plotters::element::{Circle, PathElement, Polygon, Rectangle};
use plotters::prelude::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, FontStyle, FontTransform, IntoFont as _, ShapeStyle};

/// plotters shrinks the font size by this factor before it writes it into an SVG.
const PLOTTERS_FONT_FACTOR: f64 = 1.24;
/// plotters lowers the text by this part of the em square if its anchor is at the top.
const PLOTTERS_TOP_TO_BASELINE: f64 = 0.76;

/// The picture as the bytes of a PNG file.
pub(super) fn png(canvas: &Canvas) -> Result<Vec<u8>> {
    let (width, height) = (device(canvas.width), device(canvas.height));
    let mut pixels = vec![0xFF; width as usize * height as usize * 3];
    for image in &canvas.images {
        enlarge(image, &mut pixels, width as usize);
    }
    let size = (width as u32, height as u32);
    let area = BitMapBackend::with_buffer(&mut pixels, size).into_drawing_area();
    draw_shapes(canvas, &area)?;
    area.present().map_err(failed)?;
    drop(area);
    encode_png(&pixels, size)
}

/// The picture as an SVG document.
pub(super) fn svg(canvas: &Canvas, alt_text: &str) -> Result<String> {
    let (width, height) = (device(canvas.width), device(canvas.height));
    let mut body = String::new();
    {
        let backend = SVGBackend::with_string(&mut body, (width as u32, height as u32));
        let area = backend.into_drawing_area();
        draw_shapes(canvas, &area)?;
        area.present().map_err(failed)?;
    }
    let (_, shapes) = body
        .split_once('>')
        .ok_or_else(|| failed("plotters wrote no SVG"))?;
    let mut document = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" \
         width=\"{}\" height=\"{}\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         stroke-linejoin=\"round\" stroke-linecap=\"round\">\n\
         <title>{}</title>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#FFFFFF\"/>\n",
        canvas.width,
        canvas.height,
        escape(alt_text),
    );
    for image in &canvas.images {
        document.push_str(&svg_image(image)?);
    }
    document.push_str(shapes.trim_start());
    Ok(document)
}

pub(super) fn base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

fn device_point((x, y): (f64, f64)) -> (i32, i32) {
    (device(x), device(y))
}

fn failed(reason: impl std::fmt::Display) -> Error {
    Error::Drawing {
        reason: reason.to_string(),
    }
}

/// As grey if no pixel has a colour, which makes a grid of grey images a third smaller.
fn encode_png(rgb: &[u8], (width, height): (u32, u32)) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let encoder =
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::NoFilter);
    let is_grey = rgb
        .chunks_exact(3)
        .all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]);
    let written = if is_grey {
        let grey: Vec<u8> = rgb.iter().copied().step_by(3).collect();
        encoder.write_image(&grey, width, height, ExtendedColorType::L8)
    } else {
        encoder.write_image(rgb, width, height, ExtendedColorType::Rgb8)
    };
    written.map_err(failed)?;
    Ok(bytes)
}

/// Each device pixel takes the colour of the image pixel it lies in.
fn enlarge(image: &PlacedImage, pixels: &mut [u8], stride: usize) {
    let (left, top) = device_point((image.area.x, image.area.y));
    let (width, height) = image.area.device_size();
    for y in 0..height {
        let row = nearest(y, height, image.rows) * image.columns;
        let start = ((top as usize + y) * stride + left as usize) * 3;
        for x in 0..width {
            let source = (row + nearest(x, width, image.columns)) * 3;
            let target = start + x * 3;
            pixels[target..target + 3].copy_from_slice(&image.rgb[source..source + 3]);
        }
    }
}

/// The image in its own resolution: the viewer enlarges it without smoothing.
fn svg_image(image: &PlacedImage) -> Result<String> {
    let png = encode_png(&image.rgb, (image.columns as u32, image.rows as u32))?;
    let (x, y) = device_point((image.area.x, image.area.y));
    let (width, height) = image.area.device_size();
    let data = base64(&png);
    Ok(format!(
        "<image x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" preserveAspectRatio=\"none\" \
         image-rendering=\"optimizeSpeed\" style=\"image-rendering:pixelated\" \
         xlink:href=\"data:image/png;base64,{data}\"/>\n",
    ))
}

/// A backend of plotters, with what the two draw in different ways.
trait Surface: DrawingBackend + Sized {
    fn paint_text(area: &DrawingArea<Self, Shift>, text: &Text) -> Result<()>;
    fn paint_line(area: &DrawingArea<Self, Shift>, points: &[Point], stroke: &Stroke)
    -> Result<()>;
    fn paint_disc(
        area: &DrawingArea<Self, Shift>,
        centre: Point,
        radius: f64,
        colour: Colour,
    ) -> Result<()>;
}

impl Surface for BitMapBackend<'_> {
    fn paint_text(area: &DrawingArea<Self, Shift>, text: &Text) -> Result<()> {
        let mut outcome = Ok(());
        let font_found = text::rasterise(
            text,
            DEVICE_SCALE,
            pixel_painter(area, text.colour, &mut outcome),
        );
        if font_found {
            outcome
        } else {
            Err(failed("the font in the crate cannot be read"))
        }
    }

    fn paint_line(
        area: &DrawingArea<Self, Shift>,
        points: &[Point],
        stroke: &Stroke,
    ) -> Result<()> {
        let mut outcome = Ok(());
        let points: Vec<Point> = points
            .iter()
            .map(|&(x, y)| (x * DEVICE_SCALE, y * DEVICE_SCALE))
            .collect();
        let painter = pixel_painter(area, stroke.colour, &mut outcome);
        stroke::rasterise(&points, stroke.width * DEVICE_SCALE, painter);
        outcome
    }

    fn paint_disc(
        area: &DrawingArea<Self, Shift>,
        centre: Point,
        radius: f64,
        colour: Colour,
    ) -> Result<()> {
        Self::paint_line(area, &[centre], &Stroke::solid(colour, 2.0 * radius))
    }
}

/// Paints single pixels and keeps the first error for the end.
fn pixel_painter<'a>(
    area: &'a DrawingArea<BitMapBackend<'_>, Shift>,
    colour: Colour,
    outcome: &'a mut Result<()>,
) -> impl FnMut(i32, i32, f64) + 'a {
    move |x, y, coverage| {
        if outcome.is_ok()
            && let Err(error) = area.draw_pixel((x, y), &colour.mix(coverage))
        {
            *outcome = Err(failed(error));
        }
    }
}

impl Surface for SVGBackend<'_> {
    fn paint_text(area: &DrawingArea<Self, Shift>, text: &Text) -> Result<()> {
        let lift = text.size * PLOTTERS_TOP_TO_BASELINE;
        let (x, y) = text.baseline();
        let (top, transform) = if text.upward {
            ((x - lift, y), FontTransform::Rotate270)
        } else {
            ((x, y - lift), FontTransform::None)
        };
        let horizontal = match text.align {
            Align::Left => HPos::Left,
            Align::Centre => HPos::Center,
            Align::Right => HPos::Right,
        };
        let style = if text.bold {
            FontStyle::Bold
        } else {
            FontStyle::Normal
        };
        let style = (
            text.family(),
            text.size * DEVICE_SCALE * PLOTTERS_FONT_FACTOR,
        )
            .into_font()
            .style(style)
            .transform(transform)
            .color(&text.colour)
            .pos(Pos::new(horizontal, VPos::Top));
        area.draw_text(&text.content, &style, device_point(top))
            .map_err(failed)
    }

    fn paint_line(
        area: &DrawingArea<Self, Shift>,
        points: &[Point],
        stroke: &Stroke,
    ) -> Result<()> {
        let points: Vec<_> = points.iter().copied().map(device_point).collect();
        let style = ShapeStyle {
            color: stroke.colour.to_rgba(),
            filled: false,
            stroke_width: device(stroke.width) as u32,
        };
        area.draw(&PathElement::new(points, style)).map_err(failed)
    }

    fn paint_disc(
        area: &DrawingArea<Self, Shift>,
        centre: Point,
        radius: f64,
        colour: Colour,
    ) -> Result<()> {
        let disc = Circle::new(device_point(centre), device(radius), colour.filled());
        area.draw(&disc).map_err(failed)
    }
}

fn draw_shapes<B: Surface>(canvas: &Canvas, area: &DrawingArea<B, Shift>) -> Result<()> {
    for shape in &canvas.shapes {
        match shape {
            Shape::Rectangle(rectangle, colour) => {
                let corners = [
                    device_point((rectangle.x, rectangle.y)),
                    device_point((rectangle.right(), rectangle.bottom())),
                ];
                area.draw(&Rectangle::new(corners, colour.filled()))
                    .map_err(failed)?;
            }
            Shape::Line(points, stroke) => B::paint_line(area, points, stroke)?,
            Shape::Polygon(points, colour, opacity) => {
                let points: Vec<_> = points.iter().copied().map(device_point).collect();
                area.draw(&Polygon::new(points, colour.mix(*opacity).filled()))
                    .map_err(failed)?;
            }
            Shape::Disc(centre, radius, colour) => B::paint_disc(area, *centre, *radius, *colour)?,
            Shape::Text(text) => B::paint_text(area, text)?,
        }
    }
    Ok(())
}

//! The shapes of a canvas as an SVG document, written by plotters, and that as a PNG file, drawn by resvg.
//!
//! Both count in device pixels, two to a CSS pixel, so that pictures are sharp on screens of high
//! density; the document says so with its `viewBox`.

use std::sync::{Arc, LazyLock};

use super::canvas::{Canvas, DEVICE_SCALE, PlacedImage, Point, Shape, Stroke, device, nearest};
use super::font;
use super::text::{Align, Text};
use crate::error::{Error, Result};
use crate::text::escape;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder as _};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea as _};
use plotters::element::{Circle, DashedPathElement, PathElement, Polygon, Rectangle};
use plotters::prelude::SVGBackend;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, FontStyle, FontTransform, IntoFont as _, ShapeStyle};
use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::{self, Tree};

/// plotters shrinks the font size by this factor before it writes it into an SVG.
const PLOTTERS_FONT_FACTOR: f64 = 1.24;
/// plotters lowers the text by this part of the em square if its anchor is at the top.
const PLOTTERS_TOP_TO_BASELINE: f64 = 0.76;

type SvgArea<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// The picture as the bytes of a PNG file.
pub(super) fn png(canvas: &Canvas) -> Result<Vec<u8>> {
    let (width, height) = device_size(canvas);
    let mut pixels =
        Pixmap::new(width, height).ok_or_else(|| failed("the picture is too large"))?;
    pixels.fill(Color::WHITE);
    // Not by resvg: it would have to decode them first.
    for image in &canvas.images {
        enlarge(image, pixels.data_mut(), width as usize);
    }
    let document = document(canvas, (width, height), "", &shapes(canvas)?);
    let tree = Tree::from_str(&document, &READING).map_err(failed)?;
    resvg::render(&tree, Transform::identity(), &mut pixels.as_mut());
    encode_png(&opaque(pixels.data()), (width, height))
}

/// How resvg reads a document: with the crate's fonts, whatever names it gives them.
static READING: LazyLock<usvg::Options> = LazyLock::new(|| {
    let mut options = usvg::Options::default();
    let fonts = options.fontdb_mut();
    for bold in [false, true] {
        let file = usvg::fontdb::Source::Binary(Arc::new(font::file(bold)));
        fonts.load_font_source(file);
    }
    fonts.set_sans_serif_family(font::FAMILY);
    options
});

/// The picture as an SVG document.
pub(super) fn svg(canvas: &Canvas, alt_text: &str) -> Result<String> {
    let (width, height) = device_size(canvas);
    let mut content = format!(
        "<title>{}</title>\n<rect width=\"{width}\" height=\"{height}\" fill=\"#FFFFFF\"/>\n",
        escape(alt_text)
    );
    for image in &canvas.images {
        content.push_str(&svg_image(image)?);
    }
    content.push_str(&shapes(canvas)?);
    let css = (canvas.width as u32, canvas.height as u32);
    Ok(document(canvas, css, "role=\"img\" ", &content))
}

fn document(canvas: &Canvas, shown: (u32, u32), role: &str, content: &str) -> String {
    let (width, height) = device_size(canvas);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" \
         width=\"{}\" height=\"{}\" viewBox=\"0 0 {width} {height}\" {role}\
         stroke-linejoin=\"round\" stroke-linecap=\"round\">\n{content}",
        shown.0, shown.1,
    )
}

fn device_size(canvas: &Canvas) -> (u32, u32) {
    (device(canvas.width) as u32, device(canvas.height) as u32)
}

/// The shapes, as plotters writes them, and the end of the document.
fn shapes(canvas: &Canvas) -> Result<String> {
    let mut body = String::new();
    {
        let backend = SVGBackend::with_string(&mut body, device_size(canvas));
        let area = backend.into_drawing_area();
        draw_shapes(canvas, &area)?;
        area.present().map_err(failed)?;
    }
    let (_, shapes) = body
        .split_once('>')
        .ok_or_else(|| failed("plotters wrote no SVG"))?;
    Ok(with_widths(shapes.trim_start(), canvas))
}

/// Where the reader's machine has another font than the crate, its letters are set to the width for which
/// there is room. plotters writes the texts in their order, and no such attribute.
fn with_widths(shapes: &str, canvas: &Canvas) -> String {
    const TEXT: &str = "<text ";
    let mut parts = shapes.split(TEXT);
    let mut written = parts.next().unwrap_or_default().to_owned();
    let texts = canvas.shapes.iter().filter_map(|shape| match shape {
        Shape::Text(text) => Some(text),
        _ => None,
    });
    for (part, text) in parts.zip(texts) {
        let width = text.width() * DEVICE_SCALE;
        written +=
            &format!("{TEXT}textLength=\"{width:.0}\" lengthAdjust=\"spacingAndGlyphs\" {part}");
    }
    written
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

/// Without the fourth channel, which is 255 on white paper.
fn opaque(rgba: &[u8]) -> Vec<u8> {
    rgba.chunks_exact(4)
        .flat_map(|pixel| [pixel[0], pixel[1], pixel[2]])
        .collect()
}

/// Each device pixel takes the colour of the image pixel it lies in.
fn enlarge(image: &PlacedImage, pixels: &mut [u8], stride: usize) {
    let (left, top) = device_point((image.area.x, image.area.y));
    let (width, height) = image.area.device_size();
    for y in 0..height {
        let row = nearest(y, height, image.rows) * image.columns;
        let start = ((top as usize + y) * stride + left as usize) * 4;
        for x in 0..width {
            let source = (row + nearest(x, width, image.columns)) * 3;
            let target = start + x * 4;
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

fn paint_text(area: &SvgArea, text: &Text) -> Result<()> {
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
    let size = text.size * DEVICE_SCALE * PLOTTERS_FONT_FACTOR;
    let style = (text.family(), size)
        .into_font()
        .style(style)
        .transform(transform)
        .color(&text.colour)
        .pos(Pos::new(horizontal, VPos::Top));
    area.draw_text(&text.content, &style, device_point(top))
        .map_err(failed)
}

fn paint_line(area: &SvgArea, points: &[Point], stroke: &Stroke) -> Result<()> {
    let points: Vec<_> = points.iter().copied().map(device_point).collect();
    let style = ShapeStyle {
        color: stroke.colour.to_rgba(),
        filled: false,
        stroke_width: device(stroke.width) as u32,
    };
    match stroke.dash {
        None => area.draw(&PathElement::new(points, style)),
        // The round ends are a part of each dash.
        Some((dash, gap)) => {
            let dash = device(dash - stroke.width).max(1);
            let gap = device(gap + stroke.width);
            area.draw(&DashedPathElement::new(points, dash, gap, style))
        }
    }
    .map_err(failed)
}

fn draw_shapes(canvas: &Canvas, area: &SvgArea) -> Result<()> {
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
            Shape::Line(points, stroke) => paint_line(area, points, stroke)?,
            Shape::Polygon(points, colour, opacity) => {
                let points: Vec<_> = points.iter().copied().map(device_point).collect();
                area.draw(&Polygon::new(points, colour.mix(*opacity).filled()))
                    .map_err(failed)?;
            }
            Shape::Disc(centre, radius, colour) => {
                let disc = Circle::new(device_point(*centre), device(*radius), colour.filled());
                area.draw(&disc).map_err(failed)?;
            }
            Shape::Text(text) => paint_text(area, text)?,
        }
    }
    Ok(())
}

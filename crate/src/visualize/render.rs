//! SVG documents and PNG files. resvg draws a PNG file from the SVG document.
//!
//! Both are in device pixels, two for each CSS pixel, so that pictures are sharp on screens of high density. The
//! `viewBox` of the document says so.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use super::area::{device, device_size};
use super::canvas::{Canvas, PlacedImage, drawing_error};
use super::{font, text};
use crate::error::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{DynamicImage, Rgb, RgbImage, imageops};
use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::roxmltree::Document;
use resvg::usvg::{self, Tree};

/// What was drawn on a canvas.
#[derive(Default)]
pub(super) struct Drawing {
    /// The images below the shapes.
    pub(super) images: Vec<PlacedImage>,
    /// The SVG elements that plotters wrote.
    pub(super) shapes: String,
    /// The characters for which the font has no glyph.
    pub(super) missing_characters: BTreeSet<char>,
}

/// Draws on a canvas of this size in device pixels.
pub(super) fn draw(size: (u32, u32), draw: impl FnOnce(&mut Canvas)) -> Result<Drawing> {
    let mut document = String::new();
    let mut canvas = Canvas::new(&mut document, size);
    draw(&mut canvas);
    let images = canvas.finish()?;
    let (document, missing_characters) = add_text_widths(&document)?;
    // Without plotters' own `<svg>`: see `svg_document`.
    let content = document.split_once('>');
    let shapes = content.and_then(|(_, shapes)| shapes.trim().strip_suffix("</svg>"));
    let shapes = shapes.ok_or_else(|| drawing_error("plotters wrote no SVG"))?;
    Ok(Drawing {
        images,
        shapes: shapes.to_owned(),
        missing_characters,
    })
}

/// plotters' document with the widths of its texts, and the characters for which the font has no glyph.
///
/// With the widths, a browser with another font fits the text into the same space.
fn add_text_widths(document: &str) -> Result<(String, BTreeSet<char>)> {
    let (mut written, mut missing, mut done) = (String::new(), BTreeSet::new(), 0);
    let parsed = Document::parse(document).map_err(drawing_error)?;
    let nodes = parsed.descendants();
    for node in nodes.filter(|node| node.has_tag_name("text")) {
        let size = node.attribute("font-size");
        let size = size.and_then(|size| size.parse().ok());
        let bold = node.attribute("font-weight") == Some("bold");
        let content = node.text().unwrap_or_default().trim();
        let width = text::width(content, size.unwrap_or_default(), bold);
        let attributes = node.range().start + "<text ".len();
        written += &document[done..attributes];
        written += &format!("textLength=\"{width:.0}\" lengthAdjust=\"spacingAndGlyphs\" ");
        done = attributes;
        missing.extend(font::missing_characters(content, bold));
    }
    Ok((written + &document[done..], missing))
}

/// An SVG document of this size in device pixels; `attributes` are those of its root element.
pub(super) fn svg_document((width, height): (u32, u32), attributes: &str, content: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" \
         {attributes} viewBox=\"0 0 {width} {height}\" \
         stroke-linejoin=\"round\" stroke-linecap=\"round\">\n{content}</svg>\n"
    )
}

/// The options with which resvg reads a document: it uses the crate's fonts for all font names.
static USVG_OPTIONS: LazyLock<usvg::Options> = LazyLock::new(|| {
    let mut options = usvg::Options::default();
    let fonts = options.fontdb_mut();
    for bold in [false, true] {
        let file = usvg::fontdb::Source::Binary(Arc::new(font::file(bold)));
        fonts.load_font_source(file);
    }
    fonts.set_sans_serif_family(font::EMBEDDED_FAMILY);
    options
});

/// The bytes of a PNG file: the shapes over the images, on white.
pub(super) fn png(size @ (width, height): (u32, u32), drawing: &Drawing) -> Result<Vec<u8>> {
    let too_large = || drawing_error("the picture is too large");
    let mut page = Pixmap::new(width, height).ok_or_else(too_large)?;
    page.fill(Color::WHITE);
    // resvg would have to decode the images first.
    for image in &drawing.images {
        let (left, top) = (device(image.area.x0) as u32, device(image.area.y0) as u32);
        for (x, y, pixel) in image.enlarged().enumerate_pixels() {
            let at = 4 * ((top + y) as usize * width as usize + (left + x) as usize);
            page.data_mut()[at..at + 3].copy_from_slice(&pixel.0);
        }
    }
    let shapes = Tree::from_str(&svg_document(size, "", &drawing.shapes), &USVG_OPTIONS)
        .map_err(drawing_error)?;
    resvg::render(&shapes, Transform::identity(), &mut page.as_mut());
    // Without the alpha channel, which is 255 everywhere.
    let pixels = page.data().chunks_exact(4);
    let rgb = pixels.flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]);
    encode_png(RgbImage::from_raw(width, height, rgb.collect()).ok_or_else(too_large)?)
}

pub(super) fn base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// A grey PNG file if no pixel has a colour, which makes a grid of grey images a third smaller; else an RGB file.
fn encode_png(image: RgbImage) -> Result<Vec<u8>> {
    let is_grey = |Rgb([red, green, blue]): &Rgb<u8>| red == green && green == blue;
    let is_grey = image.pixels().all(is_grey);
    let image = match is_grey {
        true => DynamicImage::from(imageops::grayscale(&image)),
        false => DynamicImage::from(image),
    };
    let mut bytes = Vec::new();
    let encoder =
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::NoFilter);
    image.write_with_encoder(encoder).map_err(drawing_error)?;
    Ok(bytes)
}

/// The image in its own resolution; the viewer enlarges it without smoothing.
pub(super) fn svg_image(image: &PlacedImage) -> Result<String> {
    let data = base64(&encode_png(image.pixels.clone())?);
    let (x, y) = (device(image.area.x0), device(image.area.y0));
    let (width, height) = device_size(image.area);
    Ok(format!(
        "<image x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" preserveAspectRatio=\"none\" \
         image-rendering=\"optimizeSpeed\" style=\"image-rendering:pixelated\" \
         xlink:href=\"data:image/png;base64,{data}\"/>\n",
    ))
}

//! A drawing as an SVG document, and that as a PNG file, drawn by resvg.
//!
//! Both count in device pixels, two to a CSS pixel, so that pictures are sharp on screens of high
//! density; the document says so with its `viewBox`.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use super::canvas::{Canvas, PlacedImage, device, failed};
use super::{font, text};
use crate::error::Result;
use crate::text::escape;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder as _};
use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::roxmltree::Document;
use resvg::usvg::{self, Tree};

/// What was drawn: images, and above them what plotters has written.
pub(super) struct Drawing {
    /// In CSS pixels, as the height.
    pub(super) width: f64,
    pub(super) height: f64,
    images: Vec<PlacedImage>,
    shapes: String,
    /// The characters for which the font has no letter.
    pub(super) without_letters: BTreeSet<char>,
}

impl Drawing {
    pub(super) fn new(
        width: f64,
        height: f64,
        draw: impl FnOnce(&mut Canvas) -> Result<()>,
    ) -> Result<Drawing> {
        let mut document = String::new();
        let size = (device(width) as u32, device(height) as u32);
        let mut canvas = Canvas::new(&mut document, size);
        draw(&mut canvas)?;
        let images = canvas.finish()?;
        let texts = texts(&document)?;
        let document = with_widths(&document, &texts);
        // Without plotters' own frame: see `document`.
        let shapes = document
            .split_once('>')
            .and_then(|(_, shapes)| shapes.trim().strip_suffix("</svg>"));
        let missing = texts
            .iter()
            .flat_map(|text| font::missing(&text.content, text.bold));
        Ok(Drawing {
            width,
            height,
            images,
            shapes: shapes
                .ok_or_else(|| failed("plotters wrote no SVG"))?
                .to_owned(),
            without_letters: missing.collect(),
        })
    }

    /// The same with shapes of a higher drawing below it.
    pub(super) fn add_below(&mut self, more: Drawing) {
        self.height = more.height;
        self.shapes += &more.shapes;
    }

    /// The bytes of a PNG file.
    pub(super) fn png(&self) -> Result<Vec<u8>> {
        let size @ (width, height) = self.device_size();
        let mut pixels =
            Pixmap::new(width, height).ok_or_else(|| failed("the picture is too large"))?;
        pixels.fill(Color::WHITE);
        // Not by resvg: it would have to decode them first.
        for image in &self.images {
            enlarge(image, pixels.data_mut(), width as usize);
        }
        let document = self.document(size, "", &self.shapes);
        let tree = Tree::from_str(&document, &READING).map_err(failed)?;
        resvg::render(&tree, Transform::identity(), &mut pixels.as_mut());
        encode_png(&opaque(pixels.data()), size)
    }

    /// An SVG document.
    pub(super) fn svg(&self, alt_text: &str) -> Result<String> {
        let (width, height) = self.device_size();
        let mut content = format!(
            "<title>{}</title>\n<rect width=\"{width}\" height=\"{height}\" fill=\"#FFFFFF\"/>\n",
            escape(alt_text)
        );
        for image in &self.images {
            content.push_str(&svg_image(image)?);
        }
        content.push_str(&self.shapes);
        let shown = (self.width as u32, self.height as u32);
        Ok(self.document(shown, "role=\"img\" ", &content))
    }

    fn document(&self, shown: (u32, u32), role: &str, content: &str) -> String {
        let (width, height) = self.device_size();
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" \
             xmlns:xlink=\"http://www.w3.org/1999/xlink\" \
             width=\"{}\" height=\"{}\" viewBox=\"0 0 {width} {height}\" {role}\
             stroke-linejoin=\"round\" stroke-linecap=\"round\">\n{content}</svg>\n",
            shown.0, shown.1,
        )
    }

    fn device_size(&self) -> (u32, u32) {
        (device(self.width) as u32, device(self.height) as u32)
    }
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

/// A text that plotters has written into an SVG.
struct WrittenText {
    /// Where its attributes begin.
    attributes: usize,
    /// In device pixels.
    size: f64,
    bold: bool,
    content: String,
}

fn texts(document: &str) -> Result<Vec<WrittenText>> {
    let document = Document::parse(document).map_err(failed)?;
    let nodes = document.descendants();
    let texts = nodes.filter(|node| node.has_tag_name("text"));
    let written = texts.map(|node| WrittenText {
        attributes: node.range().start + "<text ".len(),
        size: node
            .attribute("font-size")
            .and_then(|size| size.parse().ok())
            .unwrap_or_default(),
        bold: node.attribute("font-weight") == Some("bold"),
        content: node.text().unwrap_or_default().trim().to_owned(),
    });
    Ok(written.collect())
}

/// Where the reader's machine has another font than the crate, its letters are set to the width for which
/// there is room.
fn with_widths(document: &str, texts: &[WrittenText]) -> String {
    let mut written = String::with_capacity(document.len() + 60 * texts.len());
    let mut done = 0;
    for text in texts {
        written += &document[done..text.attributes];
        let width = text::width(&text.content, text.size, text.bold);
        written += &format!("textLength=\"{width:.0}\" lengthAdjust=\"spacingAndGlyphs\" ");
        done = text.attributes;
    }
    written + &document[done..]
}

pub(super) fn base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
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
    let (left, top) = (device(image.area.x), device(image.area.y));
    let (columns, _) = image.area.device_size();
    for (index, colour) in image.device_pixels().enumerate() {
        let (x, y) = (index % columns, index / columns);
        let target = ((top as usize + y) * stride + left as usize + x) * 4;
        pixels[target..target + 3].copy_from_slice(&[colour.0, colour.1, colour.2]);
    }
}

/// The image in its own resolution: the viewer enlarges it without smoothing.
fn svg_image(image: &PlacedImage) -> Result<String> {
    let png = encode_png(&image.rgb, (image.columns as u32, image.rows as u32))?;
    let (x, y) = (device(image.area.x), device(image.area.y));
    let (width, height) = image.area.device_size();
    let data = base64(&png);
    Ok(format!(
        "<image x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" preserveAspectRatio=\"none\" \
         image-rendering=\"optimizeSpeed\" style=\"image-rendering:pixelated\" \
         xlink:href=\"data:image/png;base64,{data}\"/>\n",
    ))
}

//! A drawing as an SVG document, and that as a PNG file, drawn by resvg.
//!
//! Both count in device pixels, two to a CSS pixel, so that pictures are sharp on screens of high
//! density; the document says so with its `viewBox`.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use super::area::device;
use super::canvas::{Canvas, PlacedImage, failed};
use super::{font, text};
use crate::error::Result;
use crate::text::escape;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{DynamicImage, Rgb, RgbImage, imageops};
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
    pub(super) fn new(width: f64, height: f64, draw: impl FnOnce(&mut Canvas)) -> Result<Drawing> {
        let mut document = String::new();
        let mut canvas = Canvas::new(&mut document, (device(width) as u32, device(height) as u32));
        draw(&mut canvas);
        let images = canvas.finish()?;
        let (document, without_letters) = with_widths(&document)?;
        // Without plotters' own frame: see `document`.
        let inside = document.split_once('>');
        let shapes = inside.and_then(|(_, shapes)| shapes.trim().strip_suffix("</svg>"));
        let shapes = shapes
            .ok_or_else(|| failed("plotters wrote no SVG"))?
            .to_owned();
        Ok(Drawing {
            width,
            height,
            images,
            shapes,
            without_letters,
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
        let too_large = || failed("the picture is too large");
        let mut page = Pixmap::new(width, height).ok_or_else(too_large)?;
        page.fill(Color::WHITE);
        // Not by resvg: it would have to decode them first.
        for image in &self.images {
            let (left, top) = (device(image.area.x) as u32, device(image.area.y) as u32);
            for (x, y, pixel) in image.enlarged().enumerate_pixels() {
                let at = 4 * ((top + y) as usize * width as usize + (left + x) as usize);
                page.data_mut()[at..at + 3].copy_from_slice(&pixel.0);
            }
        }
        let tree = Tree::from_str(&self.document(size, "", &self.shapes), &READING);
        resvg::render(
            &tree.map_err(failed)?,
            Transform::identity(),
            &mut page.as_mut(),
        );
        // Without the fourth channel, which is 255 on white paper.
        let rgb = page
            .data()
            .chunks_exact(4)
            .flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]);
        encode_png(RgbImage::from_raw(width, height, rgb.collect()).ok_or_else(too_large)?)
    }

    /// An SVG document.
    pub(super) fn svg(&self, alt_text: &str) -> Result<String> {
        let (width, height) = self.device_size();
        let mut content = format!(
            "<title>{}</title>\n<rect width=\"{width}\" height=\"{height}\" fill=\"#FFFFFF\"/>\n",
            escape(alt_text)
        );
        for image in &self.images {
            content += &svg_image(image)?;
        }
        let shown = (self.width as u32, self.height as u32);
        Ok(self.document(shown, "role=\"img\" ", &(content + &self.shapes)))
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

/// plotters' document with the widths of its texts, and the characters for which the font has no letter.
///
/// Where the reader's machine has another font than the crate, its letters are set to the width for which
/// there is room.
fn with_widths(document: &str) -> Result<(String, BTreeSet<char>)> {
    let (mut written, mut missing, mut done) = (String::new(), BTreeSet::new(), 0);
    let parsed = Document::parse(document).map_err(failed)?;
    for node in parsed
        .descendants()
        .filter(|node| node.has_tag_name("text"))
    {
        let size = node
            .attribute("font-size")
            .and_then(|size| size.parse().ok());
        let bold = node.attribute("font-weight") == Some("bold");
        let content = node.text().unwrap_or_default().trim();
        let width = text::width(content, size.unwrap_or_default(), bold);
        let attributes = node.range().start + "<text ".len();
        written += &document[done..attributes];
        written += &format!("textLength=\"{width:.0}\" lengthAdjust=\"spacingAndGlyphs\" ");
        done = attributes;
        missing.extend(font::missing(content, bold));
    }
    Ok((written + &document[done..], missing))
}

pub(super) fn base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// As grey if no pixel has a colour, which makes a grid of grey images a third smaller.
fn encode_png(image: RgbImage) -> Result<Vec<u8>> {
    let is_grey = image
        .pixels()
        .all(|Rgb([red, green, blue])| red == green && green == blue);
    let image = match is_grey {
        true => DynamicImage::from(imageops::grayscale(&image)),
        false => DynamicImage::from(image),
    };
    let mut bytes = Vec::new();
    let encoder =
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::NoFilter);
    image.write_with_encoder(encoder).map_err(failed)?;
    Ok(bytes)
}

/// The image in its own resolution: the viewer enlarges it without smoothing.
fn svg_image(image: &PlacedImage) -> Result<String> {
    let data = base64(&encode_png(image.pixels.clone())?);
    let (x, y) = (device(image.area.x), device(image.area.y));
    let (width, height) = image.area.device_size();
    Ok(format!(
        "<image x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" preserveAspectRatio=\"none\" \
         image-rendering=\"optimizeSpeed\" style=\"image-rendering:pixelated\" \
         xlink:href=\"data:image/png;base64,{data}\"/>\n",
    ))
}

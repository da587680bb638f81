//! Reading pictures: their pixels, and the elements of their SVG documents.

use base64::Engine as _;
use gasshuku::Error;
use gasshuku::visualize::{Figure, GridSettings, Matrix, Picture, image_grid};
use image::{Rgb, RgbImage};
use roxmltree::{Document, Node};

pub(crate) const BLUE: Rgb<u8> = Rgb([0x00, 0x72, 0xB2]);
pub(crate) const VERMILLION: Rgb<u8> = Rgb([0xD5, 0x5E, 0x00]);
pub(crate) const WHITE: Rgb<u8> = Rgb([0xFF, 0xFF, 0xFF]);

pub(crate) fn rendered(figure: &Figure) -> RgbImage {
    image::load_from_memory(&figure.png().unwrap())
        .unwrap()
        .to_rgb8()
}

pub(crate) fn count_pixels(colour: Rgb<u8>, pixels: &RgbImage) -> usize {
    pixels.pixels().filter(|&&pixel| pixel == colour).count()
}

/// The texts of an SVG, in order.
pub(crate) fn texts(svg: &str) -> Vec<String> {
    let document = Document::parse(svg).unwrap();
    let is_text = |node: &Node| node.has_tag_name("text");
    (document.descendants().filter(is_text))
        .map(|node| node.text().unwrap().trim().to_owned())
        .collect()
}

/// The attributes of all elements `tag` with the colour `fill`, as numbers.
pub(crate) fn attributes<const N: usize>(
    svg: &str,
    tag: &str,
    fill: &str,
    names: [&str; N],
) -> Vec<[f64; N]> {
    let document = Document::parse(svg).unwrap();
    let wanted =
        |node: &Node| node.tag_name().name() == tag && node.attribute("fill") == Some(fill);
    (document.descendants().filter(wanted))
        .map(|node| names.map(|name| node.attribute(name).unwrap().parse().unwrap()))
        .collect()
}

/// The images of an SVG, in their own resolution.
pub(crate) fn embedded_images(svg: &str) -> Vec<RgbImage> {
    let document = Document::parse(svg).unwrap();
    let is_image = |node: &Node| node.tag_name().name() == "image";
    (document.descendants().filter(is_image))
        .map(|node| {
            let link = node
                .attribute(("http://www.w3.org/1999/xlink", "href"))
                .unwrap();
            let data = link.strip_prefix("data:image/png;base64,").unwrap();
            let png = base64::engine::general_purpose::STANDARD
                .decode(data)
                .unwrap();
            image::load_from_memory(&png).unwrap().to_rgb8()
        })
        .collect()
}

/// Where the images of an SVG lie, in device pixels: x, y, width, height.
pub(crate) fn image_bounds(svg: &str) -> Vec<(f64, f64, f64, f64)> {
    let document = Document::parse(svg).unwrap();
    let is_image = |node: &Node| node.tag_name().name() == "image";
    (document.descendants().filter(is_image))
        .map(|node| {
            let number = |name| node.attribute(name).unwrap().parse().unwrap();
            (number("x"), number("y"), number("width"), number("height"))
        })
        .collect()
}

pub(crate) fn channel_sum(pixel: &Rgb<u8>) -> u32 {
    pixel.0.iter().map(|&channel| u32::from(channel)).sum()
}

pub(crate) fn error_message<T>(result: Result<T, Error>) -> String {
    match result {
        Ok(_) => panic!("this input should be an error"),
        Err(error) => error.to_string(),
    }
}

pub(crate) fn small_picture() -> Picture {
    Picture::grey(2, 2, vec![0, 255, 128, 64])
}

pub(crate) fn small_figure(title: &str) -> Figure {
    image_grid(
        title,
        &[small_picture().captioned("four pixels")],
        &GridSettings::default(),
    )
    .unwrap()
}

pub(crate) fn matrix(rows: usize, columns: usize, values: &[f32]) -> Matrix {
    Matrix {
        rows,
        columns,
        values: values.to_vec(),
        caption: String::new(),
    }
}

pub(crate) fn texts_of(figure: &Figure) -> Vec<String> {
    texts(&figure.svg().unwrap())
}

/// Each message contains the text beside it.
pub(crate) fn assert_messages(cases: &[(String, &str)]) {
    for (message, expected) in cases {
        assert!(
            message.contains(expected),
            "{message:?} does not say {expected:?}"
        );
    }
}

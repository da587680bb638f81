//! Recognises the format of an image file, and whether the file is complete.

use flate2::Crc;
use image::ImageFormat;

/// Why a file cannot be decoded: a sentence without the name of the file.
pub(super) type Reason = String;

/// The format by the first bytes; the name of the file does not matter.
pub(super) fn image_format(bytes: &[u8]) -> std::result::Result<ImageFormat, Reason> {
    match image::guess_format(bytes) {
        Ok(
            format @ (ImageFormat::Jpeg
            | ImageFormat::Png
            | ImageFormat::Gif
            | ImageFormat::WebP
            | ImageFormat::Bmp),
        ) => Ok(format),
        _ => Err(not_an_image(bytes)),
    }
}

pub(super) fn format_name(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::Png => "PNG",
        ImageFormat::Gif => "GIF",
        ImageFormat::WebP => "WebP",
        _ => "BMP",
    }
}

const WEB_PAGE: &str = "this is a web page; download the image that is shown on it";
const SVG: &str = "this is an SVG drawing; save it as PNG or JPEG";
const TIFF: &str = "this is a TIFF image or a camera's raw file; save it as PNG or JPEG";
const JPEG_XL: &str = "this is a JPEG XL image; save it as PNG or JPEG";

/// How other formats begin, and what to do with such a file.
const BINARY_FORMATS: [(&[u8], &str); 5] = [
    (b"II*\0", TIFF),
    (b"MM\0*", TIFF),
    (&[0xFF, 0x0A], JPEG_XL),
    (b"\0\0\0\x0CJXL ", JPEG_XL),
    (
        b"\0\0\0\x0CjP  ",
        "this is a JPEG 2000 image; save it as PNG or JPEG",
    ),
];

/// The same for formats that may begin after white space, in upper or lower case.
const TEXT_FORMATS: [(&[u8], &str); 7] = [
    (b"<!doctype html", WEB_PAGE),
    (b"<html", WEB_PAGE),
    (b"<svg", SVG),
    (b"<?xml", SVG),
    (b"%PDF", "this is a PDF document; save it as PNG or JPEG"),
    (b"8BPS", "this is a Photoshop file; save it as PNG or JPEG"),
    (
        b"version https://git-lfs",
        "this only stands for a file that Git LFS keeps; fetch it with `git lfs pull`",
    ),
];

/// What the file is instead, and how to get an image.
fn not_an_image(bytes: &[u8]) -> Reason {
    if bytes.is_empty() {
        return "the file is empty; copy or download it again".into();
    }
    let text = bytes.trim_ascii_start();
    let is_text = |start: &[u8]| {
        text.get(..start.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(start))
    };
    let binary = BINARY_FORMATS
        .iter()
        .find(|(start, _)| bytes.starts_with(start));
    let known = binary.or_else(|| TEXT_FORMATS.iter().find(|(start, _)| is_text(start)));
    iso_media(bytes)
        .or(known.map(|(_, advice)| *advice))
        .unwrap_or("this is not an image; PNG, JPEG, GIF, WebP and BMP files are read")
        .into()
}

/// Advice for files in ISO's base media format: HEIC, AVIF and films. Bytes 4 to 12 name the brand.
fn iso_media(bytes: &[u8]) -> Option<&'static str> {
    Some(match bytes.get(4..12)?.strip_prefix(b"ftyp")? {
        b"avif" | b"avis" => "this is an AVIF image; save it as PNG or JPEG",
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1" => {
            "this is a HEIC photograph; export it as JPEG (iPhones take JPEG photographs \
             with Settings > Camera > Formats > Most Compatible)"
        }
        _ => "this is a film; save single images of it as PNG or JPEG",
    })
}

/// Whether the file goes to the end of its format, with correct checksums. Decoders do not check that: they
/// stop when they have all pixels, or fill missing pixels with grey.
pub(super) fn is_complete(bytes: &[u8], format: ImageFormat) -> bool {
    match format {
        ImageFormat::Png => is_complete_png(bytes).unwrap_or(false),
        ImageFormat::Gif => is_complete_gif(bytes).unwrap_or(false),
        ImageFormat::WebP => is_complete_webp(bytes).unwrap_or(false),
        // The decoders check the end of a JPEG file, and that a BMP file has all pixels.
        _ => true,
    }
}

/// Chunks up to IEND, each with its CRC (PNG, third edition, section 5.3).
fn is_complete_png(bytes: &[u8]) -> Option<bool> {
    let mut rest = bytes.get(8..)?;
    loop {
        let (length, chunk) = rest.split_first_chunk()?;
        let length = u32::from_be_bytes(*length) as usize;
        let (content, behind) = chunk.split_at_checked(length.checked_add(4)?)?;
        let (sum, behind) = behind.split_first_chunk()?;
        let mut crc = Crc::new();
        crc.update(content);
        if crc.sum() != u32::from_be_bytes(*sum) {
            return Some(false);
        }
        if content.starts_with(b"IEND") {
            return Some(true);
        }
        rest = behind;
    }
}

/// Blocks up to the trailer (GIF89a, sections 15 to 27).
fn is_complete_gif(bytes: &[u8]) -> Option<bool> {
    // The first bit says whether there is a colour table, the last three bits its size.
    let table = |flags: u8| match flags & 0x80 {
        0 => 0,
        _ => 3 << ((flags & 7) + 1),
    };
    let mut rest = bytes.get(13 + table(*bytes.get(10)?)..)?;
    loop {
        let (&kind, block) = rest.split_first()?;
        let header = match kind {
            0x3B => return Some(true),
            // The label of an extension; position, size, colour table and code size of an image.
            0x21 => 1,
            0x2C => 9 + table(*block.get(8)?) + 1,
            _ => return Some(false),
        };
        rest = block.get(header..)?;
        // Sub-blocks, each with its length before it. The last is empty.
        loop {
            let (&length, part) = rest.split_first()?;
            rest = part.get(usize::from(length)..)?;
            if length == 0 {
                break;
            }
        }
    }
}

/// Whether there are as many bytes as the RIFF header says.
fn is_complete_webp(bytes: &[u8]) -> Option<bool> {
    let (length, content) = bytes.get(4..)?.split_first_chunk()?;
    Some(content.len() >= u32::from_le_bytes(*length) as usize)
}

//! An image file's bytes as pixels, or why they are none.

use std::fs::{self, File};
use std::io::{Cursor, Read};
use std::path::Path;

use flate2::Crc;
use image::metadata::Orientation;
use image::{
    DynamicImage, GrayImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbImage,
};
use jpeg_decoder::PixelFormat;

use crate::error::{Error, Result};
use crate::panics::catch;

/// Pixels of a side that is worth decoding; beyond that it is a mistake or an attack.
pub(super) const LARGEST_SIDE: u32 = 30_000;
/// What one decoded image may take in memory, in bytes: 178 megapixels in colour.
const MOST_MEMORY: u64 = 512 << 20;
/// What a file may take, in bytes.
const LARGEST_FILE: u64 = 512 << 20;
/// Enough of a file to tell its format by.
const HEAD: u64 = 512;

/// A JPEG image is decoded at a half or a quarter of its size if as many times the pixels asked for
/// are left on each side: 59 ms for 12 megapixels instead of 138 ms, and 1 level of difference at
/// most, 0.2 on average (at 4 instead of 8 it is 3 and 0.4). An eighth would take 53 ms, but
/// jpeg-decoder does not round there: 0.4 levels too dark.
const LEAST_REDUCTION: u32 = 8;

/// Why there are no pixels: a sentence without the file's name.
type Reason = String;

/// The image of a file, upright, transparent parts filled.
///
/// It is of 8 bits, grey or RGB. A JPEG image that is much larger than `side` pixels comes smaller.
///
/// # Errors
/// [`Error::Io`] if it cannot be read, [`Error::File`] if it is no image, or not a whole one.
pub(super) fn decode_file(path: &Path, side: u32) -> Result<DynamicImage> {
    let bytes = read_image_file(path)?;
    decode(&bytes, side).map_err(|reason| Error::file(path, reason))
}

/// The whole content of what may be an image by its first bytes.
fn read_image_file(path: &Path) -> Result<Vec<u8>> {
    let failed = || Error::io("read", path);
    // Opening a pipe would wait for somebody to write into it.
    let about = fs::metadata(path).map_err(failed())?;
    if about.is_dir() {
        return Err(Error::file(path, "this is a folder, not an image file"));
    }
    if !about.is_file() {
        let reason = "this is a pipe, a socket or a device, not an image file";
        return Err(Error::file(path, reason));
    }
    let file = File::open(path).map_err(failed())?;
    let mut bytes = Vec::new();
    let read = (&file).take(HEAD).read_to_end(&mut bytes);
    read.map_err(failed())?;
    format(&bytes).map_err(|reason| Error::file(path, reason))?;
    let left = LARGEST_FILE - bytes.len() as u64;
    let read = (&file).take(left).read_to_end(&mut bytes);
    read.map_err(failed())?;
    if bytes.len() as u64 == LARGEST_FILE {
        return Err(Error::file(path, too_large()));
    }
    Ok(bytes)
}

fn decode(bytes: &[u8], side: u32) -> std::result::Result<DynamicImage, Reason> {
    let format = format(bytes)?;
    let name = name(format);
    if !is_whole(bytes, format) {
        return Err(format!(
            "the {name} image is cut off or damaged; copy or download it again"
        ));
    }
    let image = guarded(name, || match format {
        ImageFormat::Jpeg => decode_jpeg(bytes, side),
        _ => decode_other(bytes, format),
    })?;
    Ok(on_ground(image))
}

/// What a decoder makes of its file, or the reason for which it gives up. Decoders have panicked on
/// damaged files before, where arithmetic is checked as in cells.
fn guarded<T>(
    name: &str,
    decoder: impl FnOnce() -> std::result::Result<T, Fault>,
) -> std::result::Result<T, Reason> {
    match catch(decoder) {
        Ok(Ok(image)) => Ok(image),
        Ok(Err(Fault::TooLarge)) => Err(too_large()),
        Ok(Err(Fault::Damaged(reason))) | Err(reason) => Err(format!(
            "the {name} image is damaged ({reason}); copy or download it again"
        )),
        Ok(Err(Fault::Unsupported(reason))) => Err(format!(
            "this kind of {name} image cannot be read ({reason}); save it as a plain PNG or JPEG \
             image"
        )),
    }
}

fn too_large() -> Reason {
    format!(
        "the image is too large: {} pixels on a side and {} MB decoded are the most; scale it down",
        LARGEST_SIDE,
        MOST_MEMORY >> 20
    )
}

/// The format by the first bytes, whatever the file is called.
fn format(bytes: &[u8]) -> std::result::Result<ImageFormat, Reason> {
    match image::guess_format(bytes) {
        Ok(
            format @ (ImageFormat::Jpeg
            | ImageFormat::Png
            | ImageFormat::Gif
            | ImageFormat::WebP
            | ImageFormat::Bmp),
        ) => Ok(format),
        _ => Err(no_image(bytes)),
    }
}

fn name(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::Png => "PNG",
        ImageFormat::Gif => "GIF",
        ImageFormat::WebP => "WebP",
        _ => "BMP",
    }
}

/// What it is instead, and the way out.
fn no_image(bytes: &[u8]) -> Reason {
    let export = |what: &str| format!("this is {what}; save it as PNG or JPEG");
    let begins_with = |start: &[u8]| {
        let text = bytes.trim_ascii_start();
        text.len() >= start.len() && text[..start.len()].eq_ignore_ascii_case(start)
    };
    let brand = bytes
        .get(4..12)
        .and_then(|brand| brand.strip_prefix(b"ftyp"));
    match brand {
        Some(b"avif" | b"avis") => return export("an AVIF image"),
        Some(b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1") => {
            return "this is a HEIC photograph; export it as JPEG (iPhones take JPEG photographs \
                    with Settings > Camera > Formats > Most Compatible)"
                .into();
        }
        Some(_) => return "this is a film; save single images of it as PNG or JPEG".into(),
        None => {}
    }
    if bytes.is_empty() {
        "the file is empty; copy or download it again".into()
    } else if begins_with(b"<!doctype html") || begins_with(b"<html") {
        "this is a web page; download the image that is shown on it".into()
    } else if begins_with(b"<svg") || begins_with(b"<?xml") {
        export("an SVG drawing")
    } else if begins_with(b"%PDF") {
        export("a PDF document")
    } else if begins_with(b"8BPS") {
        export("a Photoshop file")
    } else if bytes.starts_with(b"II*\0") || bytes.starts_with(b"MM\0*") {
        export("a TIFF image or a camera's raw file")
    } else if bytes.starts_with(&[0xFF, 0x0A]) || bytes.starts_with(b"\0\0\0\x0CJXL ") {
        export("a JPEG XL image")
    } else if bytes.starts_with(b"\0\0\0\x0CjP  ") {
        export("a JPEG 2000 image")
    } else if begins_with(b"version https://git-lfs") {
        "this only stands for a file that Git LFS keeps; fetch it with `git lfs pull`".into()
    } else {
        "this is no image; PNG, JPEG, GIF, WebP and BMP files are read".into()
    }
}

/// Whether the file goes to the end of what it begins, and its checksums are right. Decoders do
/// without: they stop where they have all pixels, or fill those that are missing with grey.
fn is_whole(bytes: &[u8], format: ImageFormat) -> bool {
    match format {
        ImageFormat::Png => is_whole_png(bytes).unwrap_or(false),
        ImageFormat::Gif => is_whole_gif(bytes).unwrap_or(false),
        ImageFormat::WebP => is_whole_webp(bytes).unwrap_or(false),
        // The decoder wants JPEG's end, and each pixel of a BMP.
        _ => true,
    }
}

/// Chunks up to IEND, each with its CRC (PNG, third edition, section 5.3).
fn is_whole_png(bytes: &[u8]) -> Option<bool> {
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
fn is_whole_gif(bytes: &[u8]) -> Option<bool> {
    // A colour table's flag is the first bit of its byte, its size the last three.
    let table = |flags: u8| match flags & 0x80 {
        0 => 0,
        _ => 3 << ((flags & 7) + 1),
    };
    let mut rest = bytes.get(13 + table(*bytes.get(10)?)..)?;
    loop {
        let (&kind, block) = rest.split_first()?;
        let header = match kind {
            0x3B => return Some(true),
            // An extension's label; an image's place, colours and code size.
            0x21 => 1,
            0x2C => 9 + table(*block.get(8)?) + 1,
            _ => return Some(false),
        };
        rest = block.get(header..)?;
        // Parts with their lengths before them; the last is empty.
        loop {
            let (&length, part) = rest.split_first()?;
            rest = part.get(usize::from(length)..)?;
            if length == 0 {
                break;
            }
        }
    }
}

/// As many bytes as the RIFF header promises.
fn is_whole_webp(bytes: &[u8]) -> Option<bool> {
    let (length, content) = bytes.get(4..)?.split_first_chunk()?;
    Some(content.len() >= u32::from_le_bytes(*length) as usize)
}

enum Fault {
    Damaged(Reason),
    Unsupported(Reason),
    TooLarge,
}

impl From<ImageError> for Fault {
    fn from(error: ImageError) -> Fault {
        match error {
            ImageError::Limits(_) => Fault::TooLarge,
            ImageError::Unsupported(error) => Fault::Unsupported(error.to_string()),
            error => Fault::Damaged(error.to_string()),
        }
    }
}

impl From<jpeg_decoder::Error> for Fault {
    fn from(error: jpeg_decoder::Error) -> Fault {
        match error {
            jpeg_decoder::Error::Unsupported(feature) => Fault::Unsupported(format!("{feature:?}")),
            jpeg_decoder::Error::Io(_) => Fault::Damaged("its end is missing".into()),
            error => Fault::Damaged(error.to_string()),
        }
    }
}

fn decode_other(bytes: &[u8], format: ImageFormat) -> std::result::Result<DynamicImage, Fault> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(LARGEST_SIDE);
    limits.max_image_height = Some(LARGEST_SIDE);
    limits.max_alloc = Some(MOST_MEMORY);
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder()?;
    limits.reserve(decoder.total_bytes())?;
    // Damaged EXIF data do no harm to the pixels.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok(image)
}

// Not by `image`'s own decoder: that fills what is missing of a file that is cut off with grey, panics
// where brightness overflows, and is further from Pillow's (0.38 levels on average, this one 0.12).
fn decode_jpeg(bytes: &[u8], side: u32) -> std::result::Result<DynamicImage, Fault> {
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    decoder.read_info()?;
    let frame = info(&decoder)?;
    let (full_width, full_height) = (u32::from(frame.width), u32::from(frame.height));
    let samples = u64::from(full_width) * u64::from(full_height) * channels(frame.pixel_format);
    // A progressive image keeps two bytes for each sample until the last scan, at any scale.
    let is_progressive = frame.coding_process == jpeg_decoder::CodingProcess::DctProgressive;
    if full_width.max(full_height) > LARGEST_SIDE || is_progressive && 2 * samples > MOST_MEMORY {
        return Err(Fault::TooLarge);
    }
    let enough = LEAST_REDUCTION.saturating_mul(side);
    let is_enough = |part: &u32| full_width.min(full_height) / part >= enough;
    if let Some(part) = [4, 2].into_iter().find(is_enough) {
        let scaled = |side: u32| side.div_ceil(part) as u16;
        decoder.scale(scaled(full_width), scaled(full_height))?;
    }
    let frame = info(&decoder)?;
    let (width, height) = (u32::from(frame.width), u32::from(frame.height));
    let samples = u64::from(width) * u64::from(height) * channels(frame.pixel_format);
    if samples > MOST_MEMORY {
        return Err(Fault::TooLarge);
    }
    let pixels = decoder.decode()?;
    let image = match frame.pixel_format {
        PixelFormat::L8 => GrayImage::from_raw(width, height, pixels).map(DynamicImage::from),
        PixelFormat::RGB24 => RgbImage::from_raw(width, height, pixels).map(DynamicImage::from),
        PixelFormat::CMYK32 => {
            RgbImage::from_raw(width, height, rgb_of_cmyk(&pixels)).map(DynamicImage::from)
        }
        PixelFormat::L16 => return Err(Fault::Unsupported("16 bits".into())),
    };
    let mut image = image.ok_or_else(|| Fault::Damaged("pixels are missing".into()))?;
    let orientation = decoder.exif_data().and_then(Orientation::from_exif_chunk);
    image.apply_orientation(orientation.unwrap_or(Orientation::NoTransforms));
    Ok(image)
}

fn info<R: Read>(
    decoder: &jpeg_decoder::Decoder<R>,
) -> std::result::Result<jpeg_decoder::ImageInfo, Fault> {
    let missing = || Fault::Damaged("it has no frame".into());
    decoder.info().ok_or_else(missing)
}

fn channels(format: PixelFormat) -> u64 {
    match format {
        PixelFormat::L16 => 2,
        format => format.pixel_bytes() as u64,
    }
}

/// Pillow's conversion: what the black ink leaves of the light, less the share of the colour's ink.
fn rgb_of_cmyk(pixels: &[u8]) -> Vec<u8> {
    let (pixels, _) = pixels.as_chunks::<4>();
    let of_pixel = |&[cyan, magenta, yellow, black]: &[u8; 4]| {
        let light = 255 - black;
        [cyan, magenta, yellow].map(|ink| light - share(ink, light))
    };
    pixels.iter().flat_map(of_pixel).collect()
}

/// `a` · `b` / 255, rounded.
fn share(a: u8, b: u8) -> u8 {
    ((u32::from(a) * u32::from(b) + 127) / 255) as u8
}

/// Grey as Pillow's `convert("L")` has it: Rec. 601's weights in 16 bits, rounded.
pub(super) fn luma(red: u8, green: u8, blue: u8) -> u8 {
    let sum = 19_595 * u32::from(red) + 38_470 * u32::from(green) + 7_471 * u32::from(blue);
    ((sum + 0x8000) >> 16) as u8
}

/// An image without transparency: on white if what is to be seen is dark on average, else on black.
fn on_ground(image: DynamicImage) -> DynamicImage {
    if !image.color().has_alpha() {
        return image;
    }
    let pixels = image.into_rgba8();
    let (mut light, mut opacity) = (0, 0);
    for &image::Rgba([red, green, blue, alpha]) in pixels.pixels() {
        light += u64::from(luma(red, green, blue)) * u64::from(alpha);
        opacity += u64::from(alpha);
    }
    let ground = if 2 * light < 255 * opacity { 255 } else { 0 };
    let filled = pixels.pixels().flat_map(|pixel| {
        let [red, green, blue, alpha] = pixel.0.map(u32::from);
        // Pillow's `paste` with the alpha channel as mask: divided by 255 and rounded.
        [red, green, blue].map(|value| ((value * alpha + ground * (255 - alpha) + 127) / 255) as u8)
    });
    let (width, height) = pixels.dimensions();
    RgbImage::from_raw(width, height, filled.collect())
        .map_or_else(|| pixels.into(), DynamicImage::from)
}

// Whole files are read in tests/images.rs.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decoder_that_panics_gives_a_reason() {
        let most = std::hint::black_box(i32::MAX);
        let overflow = || {
            Ok(most
                .checked_mul(2)
                .expect("attempt to multiply with overflow"))
        };
        assert_eq!(
            guarded("JPEG", overflow),
            Err("the JPEG image is damaged (attempt to multiply with overflow); copy or download it \
                 again"
                .into())
        );
        assert_eq!(guarded("JPEG", || Ok(3)), Ok(3));
    }

    #[test]
    fn a_jpeg_is_decoded_at_a_part_of_its_size_only_where_enough_is_left() {
        let mut file = Cursor::new(Vec::new());
        let image = DynamicImage::from(GrayImage::new(641, 480));
        image.write_to(&mut file, ImageFormat::Jpeg).unwrap();
        let decoded = |side| {
            let image = decode(file.get_ref(), side).unwrap();
            (image.width(), image.height())
        };
        // 480 / 4 / 8 = 15, 480 / 2 / 8 = 30
        assert_eq!(decoded(15), (161, 120));
        assert_eq!(decoded(16), (321, 240));
        assert_eq!(decoded(30), (321, 240));
        assert_eq!(decoded(31), (641, 480));
        assert_eq!(decoded(LARGEST_SIDE), (641, 480));
        assert_eq!(decoded(u32::MAX), (641, 480));
    }

    #[test]
    fn grey_is_pillows() {
        // Image.new("RGB", (1, 1), colour).convert("L")
        for (colour, grey) in [
            ([255, 255, 255], 255),
            ([1, 2, 3], 2),
            ([200, 100, 50], 124),
            ([12, 200, 250], 149),
            ([255, 0, 255], 105),
        ] {
            let [red, green, blue] = colour;
            assert_eq!(luma(red, green, blue), grey, "{colour:?}");
        }
    }
}

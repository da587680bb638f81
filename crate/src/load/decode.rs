//! Decodes an image file to pixels, or says why it cannot.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use image::metadata::Orientation;
use image::{
    DynamicImage, GrayImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbImage,
};
use jpeg_decoder::PixelFormat;

use super::image_format::{Reason, format_name, image_format, is_complete};
use crate::error::{Error, Result};
use crate::notebook::panics::catch;
use crate::path::check_regular_file;

/// The largest width or height, in pixels. A larger image is a mistake or an attack.
pub(super) const MAX_SIDE: u32 = 30_000;
/// The largest size of a decoded image, in bytes: 178 megapixels in colour.
const MAX_DECODED_BYTES: u64 = 512 << 20;
/// The largest size of a file, in bytes.
const MAX_FILE_BYTES: u64 = 512 << 20;
/// The bytes at the start of a file that are enough to recognise its format.
const HEADER_BYTES: u64 = 512;

/// A JPEG image is decoded at a half or a quarter of its size if each side then still has this many times
/// the pixels that are needed. 12 megapixels take 59 ms instead of 138 ms, and pixels differ by at most 1
/// level, 0.2 on average (with 4 instead of 8: 3 and 0.4). An eighth would take 53 ms, but jpeg-decoder
/// does not round there: pixels are 0.4 levels too dark.
const MIN_OVERSAMPLING: u32 = 8;

/// The image of a file, turned upright, with transparent parts filled.
///
/// It has 8 bits per channel, grey or RGB. A JPEG image that is much larger than `side` pixels is decoded at
/// a smaller size.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read, [`Error::File`] if it is not an image, damaged or incomplete.
pub(super) fn decode_file(path: &Path, side: u32) -> Result<DynamicImage> {
    let bytes = read_image_file(path)?;
    decode(&bytes, side).map_err(|reason| Error::file(path, reason))
}

/// The content of the file, if its first bytes are those of an image.
fn read_image_file(path: &Path) -> Result<Vec<u8>> {
    let failed = || Error::io("read", path);
    check_regular_file(path, "an image file")?;
    let file = File::open(path).map_err(failed())?;
    let mut bytes = Vec::new();
    let read = (&file).take(HEADER_BYTES).read_to_end(&mut bytes);
    read.map_err(failed())?;
    image_format(&bytes).map_err(|reason| Error::file(path, reason))?;
    let left = MAX_FILE_BYTES - bytes.len() as u64;
    let read = (&file).take(left).read_to_end(&mut bytes);
    read.map_err(failed())?;
    if bytes.len() as u64 == MAX_FILE_BYTES {
        return Err(Error::file(path, too_large()));
    }
    Ok(bytes)
}

fn decode(bytes: &[u8], side: u32) -> std::result::Result<DynamicImage, Reason> {
    let format = image_format(bytes)?;
    let name = format_name(format);
    if !is_complete(bytes, format) {
        return Err(format!(
            "the {name} image is cut off or damaged; copy or download it again"
        ));
    }
    let image = catch_decoder(name, || match format {
        ImageFormat::Jpeg => decode_jpeg(bytes, side),
        _ => decode_other(bytes, format),
    })?;
    Ok(without_alpha(image))
}

/// The result of a decoder, or the reason why it fails. Decoders may panic on damaged files, since cells are
/// compiled with overflow checks.
fn catch_decoder<T>(
    name: &str,
    decoder: impl FnOnce() -> std::result::Result<T, DecodeError>,
) -> std::result::Result<T, Reason> {
    match catch(decoder) {
        Ok(Ok(image)) => Ok(image),
        Ok(Err(DecodeError::TooLarge)) => Err(too_large()),
        Ok(Err(DecodeError::Damaged(reason))) | Err(reason) => Err(format!(
            "the {name} image is damaged ({reason}); copy or download it again"
        )),
        Ok(Err(DecodeError::Unsupported(reason))) => Err(format!(
            "this kind of {name} image cannot be read ({reason}); save it as a plain PNG or JPEG \
             image"
        )),
    }
}

fn too_large() -> Reason {
    format!(
        "the image is too large: at most {} pixels on a side and {} MB decoded are allowed; scale it down",
        MAX_SIDE,
        MAX_DECODED_BYTES >> 20
    )
}

enum DecodeError {
    Damaged(Reason),
    Unsupported(Reason),
    TooLarge,
}

impl From<ImageError> for DecodeError {
    fn from(error: ImageError) -> DecodeError {
        match error {
            ImageError::Limits(_) => DecodeError::TooLarge,
            ImageError::Unsupported(error) => DecodeError::Unsupported(error.to_string()),
            error => DecodeError::Damaged(error.to_string()),
        }
    }
}

impl From<jpeg_decoder::Error> for DecodeError {
    fn from(error: jpeg_decoder::Error) -> DecodeError {
        match error {
            jpeg_decoder::Error::Unsupported(feature) => {
                DecodeError::Unsupported(format!("{feature:?}"))
            }
            jpeg_decoder::Error::Io(_) => DecodeError::Damaged("its end is missing".into()),
            error => DecodeError::Damaged(error.to_string()),
        }
    }
}

fn decode_other(
    bytes: &[u8],
    format: ImageFormat,
) -> std::result::Result<DynamicImage, DecodeError> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder()?;
    limits.reserve(decoder.total_bytes())?;
    // Damaged EXIF data are ignored: the pixels do not depend on them.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok(image)
}

// Not with `image`'s own JPEG decoder: it fills the missing part of an incomplete file with grey, panics
// when brightness overflows, and differs more from Pillow (0.38 levels on average, this one 0.12).
fn decode_jpeg(bytes: &[u8], side: u32) -> std::result::Result<DynamicImage, DecodeError> {
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    decoder.read_info()?;
    scale_jpeg(&mut decoder, side)?;
    let frame = frame_info(&decoder)?;
    if decoded_bytes(&frame) > MAX_DECODED_BYTES {
        return Err(DecodeError::TooLarge);
    }
    let pixels = decoder.decode()?;
    let mut image = jpeg_pixels(&frame, pixels)?;
    let orientation = decoder.exif_data().and_then(Orientation::from_exif_chunk);
    image.apply_orientation(orientation.unwrap_or(Orientation::NoTransforms));
    Ok(image)
}

/// Has a large image decoded at a part of its size: see [`MIN_OVERSAMPLING`].
fn scale_jpeg<R: Read>(
    decoder: &mut jpeg_decoder::Decoder<R>,
    side: u32,
) -> std::result::Result<(), DecodeError> {
    let frame = frame_info(decoder)?;
    let (width, height) = (u32::from(frame.width), u32::from(frame.height));
    // At any scale, a progressive image needs two bytes for each sample until the last scan.
    let is_progressive = frame.coding_process == jpeg_decoder::CodingProcess::DctProgressive;
    if width.max(height) > MAX_SIDE
        || is_progressive && 2 * decoded_bytes(&frame) > MAX_DECODED_BYTES
    {
        return Err(DecodeError::TooLarge);
    }
    let needed = MIN_OVERSAMPLING.saturating_mul(side);
    let has_enough = |divisor: &u32| width.min(height) / divisor >= needed;
    if let Some(divisor) = [4, 2].into_iter().find(has_enough) {
        let scaled = |side: u32| side.div_ceil(divisor) as u16;
        decoder.scale(scaled(width), scaled(height))?;
    }
    Ok(())
}

fn jpeg_pixels(
    frame: &jpeg_decoder::ImageInfo,
    pixels: Vec<u8>,
) -> std::result::Result<DynamicImage, DecodeError> {
    let (width, height) = (u32::from(frame.width), u32::from(frame.height));
    let rgb = |pixels| RgbImage::from_raw(width, height, pixels).map(DynamicImage::from);
    let image = match frame.pixel_format {
        PixelFormat::L8 => GrayImage::from_raw(width, height, pixels).map(DynamicImage::from),
        PixelFormat::RGB24 => rgb(pixels),
        PixelFormat::CMYK32 => rgb(rgb_of_cmyk(&pixels)),
        PixelFormat::L16 => return Err(DecodeError::Unsupported("16 bits".into())),
    };
    image.ok_or_else(|| DecodeError::Damaged("pixels are missing".into()))
}

/// The bytes of the decoded image.
fn decoded_bytes(frame: &jpeg_decoder::ImageInfo) -> u64 {
    u64::from(frame.width) * u64::from(frame.height) * bytes_per_pixel(frame.pixel_format)
}

fn frame_info<R: Read>(
    decoder: &jpeg_decoder::Decoder<R>,
) -> std::result::Result<jpeg_decoder::ImageInfo, DecodeError> {
    let missing = || DecodeError::Damaged("it has no frame".into());
    decoder.info().ok_or_else(missing)
}

fn bytes_per_pixel(format: PixelFormat) -> u64 {
    match format {
        PixelFormat::L16 => 2,
        format => format.pixel_bytes() as u64,
    }
}

/// Pillow's conversion: `light` = 255 − black, and each channel is `light` · (255 − ink) / 255.
fn rgb_of_cmyk(pixels: &[u8]) -> Vec<u8> {
    let (pixels, _) = pixels.as_chunks::<4>();
    let of_pixel = |&[cyan, magenta, yellow, black]: &[u8; 4]| {
        let light = 255 - black;
        [cyan, magenta, yellow].map(|ink| light - multiply_255(ink, light))
    };
    pixels.iter().flat_map(of_pixel).collect()
}

/// `a` · `b` / 255, rounded.
fn multiply_255(a: u8, b: u8) -> u8 {
    ((u32::from(a) * u32::from(b) + 127) / 255) as u8
}

/// Grey as Pillow's `convert("L")` computes it: the weights of Rec. 601 in 16 bits, rounded.
pub(super) fn luma(red: u8, green: u8, blue: u8) -> u8 {
    let sum = 19_595 * u32::from(red) + 38_470 * u32::from(green) + 7_471 * u32::from(blue);
    ((sum + 0x8000) >> 16) as u8
}

/// The image on a background without transparency: white if the visible pixels are dark on average, else
/// black.
fn without_alpha(image: DynamicImage) -> DynamicImage {
    if !image.color().has_alpha() {
        return image;
    }
    let pixels = image.into_rgba8();
    let (mut light, mut opacity) = (0, 0);
    for &image::Rgba([red, green, blue, alpha]) in pixels.pixels() {
        light += u64::from(luma(red, green, blue)) * u64::from(alpha);
        opacity += u64::from(alpha);
    }
    let background = if 2 * light < 255 * opacity { 255 } else { 0 };
    let filled = pixels.pixels().flat_map(|pixel| {
        let [red, green, blue, alpha] = pixel.0.map(u32::from);
        // Pillow's `paste` with the alpha channel as mask: divided by 255 and rounded.
        [red, green, blue]
            .map(|value| ((value * alpha + background * (255 - alpha) + 127) / 255) as u8)
    });
    let (width, height) = pixels.dimensions();
    RgbImage::from_raw(width, height, filled.collect())
        .map_or_else(|| pixels.into(), DynamicImage::from)
}

// tests/images.rs reads complete files.
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
            catch_decoder("JPEG", overflow),
            Err("the JPEG image is damaged (attempt to multiply with overflow); copy or download it \
                 again"
                .into())
        );
        assert_eq!(catch_decoder("JPEG", || Ok(3)), Ok(3));
    }

    #[test]
    fn a_jpeg_is_decoded_at_a_smaller_size_only_if_enough_pixels_are_left() {
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
        assert_eq!(decoded(MAX_SIDE), (641, 480));
        assert_eq!(decoded(u32::MAX), (641, 480));
    }

    #[test]
    fn grey_is_the_same_as_in_pillow() {
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

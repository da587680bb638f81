//! A PNG or JPEG file as a model wants it.

use std::path::Path;

use image::imageops::FilterType;
use image::{DynamicImage, ImageReader, RgbaImage};
use tch::{Kind, Tensor};

use crate::error::{Error, Result};

/// Pixels in a file that is worth decoding; beyond that it is a mistake or an attack.
const LARGEST_SIDE: u32 = 30_000;

/// Reads a PNG or JPEG file as bytes `[1, C, H, W]`.
///
/// The whole image is scaled to H×W as PyTorch's `Resize((H, W))` does: both sides at once,
/// whatever their ratio, bilinear with antialiasing. One channel means grey, as luma; three mean
/// red, green and blue. Transparent parts become black, the ground that Fashion-MNIST stands on.
///
/// # Errors
/// [`Error::Io`] if there is no such file, [`Error::File`] if it is no PNG or JPEG or damaged,
/// [`Error::Setting`] for a shape that is neither grey nor colour.
pub fn read_image(path: impl AsRef<Path>, shape: [i64; 3]) -> Result<Tensor> {
    let path = path.as_ref();
    let [channels, height, width] = shape;
    let (Ok(target_height), Ok(target_width)) = (u32::try_from(height), u32::try_from(width))
    else {
        return Err(Error::setting(
            "shape",
            format!("{shape:?}"),
            "height and width must fit an image",
        ));
    };
    if target_height == 0 || target_width == 0 {
        return Err(Error::setting(
            "shape",
            format!("{shape:?}"),
            "an image has at least one pixel",
        ));
    }
    let decoded = on_black(decode(path)?);
    let resized = decoded.resize_exact(target_width, target_height, FilterType::Triangle);
    let interleaved = match channels {
        1 => resized.to_luma8().into_raw(),
        3 => resized.to_rgb8().into_raw(),
        _ => {
            return Err(Error::setting(
                "shape",
                format!("{shape:?}"),
                "an image file has 1 channel (grey) or 3 (colour)",
            ));
        }
    };
    let pixels =
        Tensor::f_from_data_size(&interleaved, &[1, height, width, channels], Kind::Uint8)?;
    Ok(pixels.f_permute([0, 3, 1, 2])?.f_contiguous()?)
}

fn decode(path: &Path) -> Result<DynamicImage> {
    let mut reader = ImageReader::open(path)
        .and_then(ImageReader::with_guessed_format)
        .map_err(Error::io("read", path))?;
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(LARGEST_SIDE);
    limits.max_image_height = Some(LARGEST_SIDE);
    reader.limits(limits);
    reader.decode().map_err(|error| {
        Error::file(
            path,
            format!("no PNG or JPEG image can be read from it: {error}"),
        )
    })
}

fn on_black(image: DynamicImage) -> DynamicImage {
    if !image.color().has_alpha() {
        return image;
    }
    let mut pixels: RgbaImage = image.into_rgba8();
    for pixel in pixels.pixels_mut() {
        let [red, green, blue, alpha] = pixel.0;
        let dimmed = |value: u8| (u16::from(value) * u16::from(alpha) / 255) as u8;
        pixel.0 = [dimmed(red), dimmed(green), dimmed(blue), 255];
    }
    pixels.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{GrayImage, Luma, Rgb, RgbImage, Rgba};

    fn read(image: impl Into<DynamicImage>, name: &str, shape: [i64; 3]) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        image.into().save(&path).unwrap();
        let tensor = read_image(&path, shape).unwrap();
        assert_eq!(tensor.size(), [1, shape[0], shape[1], shape[2]]);
        Vec::try_from(tensor.flatten(0, -1)).unwrap()
    }

    fn error(name: &str, content: &[u8], shape: [i64; 3]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        read_image(&path, shape)
            .expect_err("cannot be read")
            .to_string()
    }

    #[test]
    fn an_image_of_the_right_size_keeps_its_pixels() {
        let image = GrayImage::from_fn(3, 2, |x, y| Luma([(10 * x + 100 * y) as u8]));
        assert_eq!(read(image, "g.png", [1, 2, 3]), [0, 10, 20, 100, 110, 120]);
    }

    #[test]
    fn colours_become_three_planes() {
        let mut image = RgbImage::new(2, 1);
        image.put_pixel(0, 0, Rgb([1, 2, 3]));
        image.put_pixel(1, 0, Rgb([4, 5, 6]));
        assert_eq!(read(image, "c.png", [3, 1, 2]), [1, 4, 2, 5, 3, 6]);
    }

    #[test]
    fn grey_is_spread_and_colour_becomes_luma() {
        let grey = GrayImage::from_pixel(1, 1, Luma([77]));
        assert_eq!(read(grey, "g.png", [3, 1, 1]), [77, 77, 77]);
        let white = RgbImage::from_pixel(1, 1, Rgb([255, 255, 255]));
        assert_eq!(read(white, "w.png", [1, 1, 1]), [255]);
        // Rec. 709 luma weighs green 0.7152, red 0.2126, blue 0.0722.
        let green = RgbImage::from_pixel(1, 1, Rgb([0, 255, 0]));
        assert_eq!(read(green, "n.png", [1, 1, 1]), [182]);
    }

    #[test]
    fn transparency_becomes_black() {
        let image = RgbaImage::from_pixel(1, 1, Rgba([200, 100, 50, 51]));
        assert_eq!(read(image, "t.png", [3, 1, 1]), [40, 20, 10]);
    }

    #[test]
    fn large_and_wide_images_are_scaled_down() {
        let half = GrayImage::from_fn(400, 100, |x, _| Luma([if x < 200 { 0 } else { 200 }]));
        assert_eq!(read(half, "h.png", [1, 1, 4])[0], 0);
        let even = GrayImage::from_pixel(280, 560, Luma([90]));
        assert!(
            read(even, "e.jpg", [1, 28, 28])
                .iter()
                .all(|&pixel| pixel == 90)
        );
    }

    #[test]
    fn what_is_no_image_is_an_error_with_its_name() {
        assert!(
            error("notes.png", b"these are notes", [1, 28, 28])
                .contains("notes.png: no PNG or JPEG image")
        );
        assert!(error("empty.jpg", b"", [1, 28, 28]).contains("empty.jpg: no PNG or JPEG image"));
        let missing = read_image("/nowhere/bag.png", [1, 28, 28])
            .expect_err("missing")
            .to_string();
        assert!(
            missing.starts_with("cannot read /nowhere/bag.png"),
            "{missing}"
        );
    }

    #[test]
    fn a_shape_that_no_file_can_have_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("g.png");
        GrayImage::new(2, 2).save(&path).unwrap();
        for shape in [[2, 4, 4], [0, 4, 4], [1, -4, 4], [1, 0, 4]] {
            assert!(read_image(&path, shape).is_err(), "{shape:?}");
        }
    }
}

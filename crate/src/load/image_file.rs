//! Reads and writes image files.

use std::path::Path;

use image::imageops::FilterType;
use image::{DynamicImage, GrayImage, RgbImage};
use tch::{Device, Kind, Tensor};

use super::decode::{MAX_SIDE, decode_file, luma};
use super::resize::Pixels;
use crate::error::{Error, Result};
use crate::path::expanded;

/// Reads an image file as bytes `[1, C, H, W]`: PNG, JPEG, WebP, BMP, or the first image of a GIF.
///
/// The content of the file decides its format, not its extension. The result is bit for bit that of
/// torchvision with Pillow for the same pixels:
///
/// - One channel means grey, three mean red, green and blue. Grey is
///   0.299 red + 0.587 green + 0.114 blue (ITU-R BT.601), as in `image.convert("L")`.
/// - The whole image is scaled to H×W as torchvision's `Resize((H, W))` does: both sides at once,
///   whatever their ratio, bilinear with antialiasing, after the change to grey.
/// - Transparent parts become white if the visible pixels are dark on average, else black, so that
///   dark and light drawings stay visible.
/// - A photograph is turned upright as its EXIF orientation says (Pillow: `exif_transpose`).
///
/// JPEG decoders may differ: pixels are within 4 levels of Pillow's, 0.1 on average, and grey pixels
/// within 1. A JPEG image of at least 16 or 32 times H and W is decoded at a half or a quarter of its
/// size, which is up to twice as fast and changes pixels by 0.2 levels on average. Pillow 13 resizes
/// some images vertically first, which changes some pixels by 1 level. 16 bits are rounded to 8.
///
/// A leading `~` is the home folder.
///
/// # Errors
/// [`Error::Io`] if there is no such file, [`Error::File`] if it is not an image, of another
/// format (HEIC, TIFF …), damaged or incomplete, of more than 30,000 pixels on a side or 512 MB decoded,
/// and for a folder, a pipe or a device; [`Error::Setting`] for a shape that is neither grey nor colour.
pub fn read_image(path: impl AsRef<Path>, shape: [i64; 3]) -> Result<Tensor> {
    read_from(path.as_ref(), shape)
}

fn read_from(path: &Path, shape: [i64; 3]) -> Result<Tensor> {
    let shape = ImageShape::of(shape)?;
    shape.tensor(vec![shape.read(&expanded(path)?)?])
}

/// The shape of an image to read from a file: 1 or 3 channels.
#[derive(Clone, Copy, Debug)]
pub(super) struct ImageShape {
    channels: usize,
    height: u32,
    width: u32,
}

impl ImageShape {
    /// # Errors
    /// [`Error::Setting`] for a shape that is neither grey nor colour, or with a side out of range.
    pub(super) fn of(shape: [i64; 3]) -> Result<ImageShape> {
        let wrong = |requirement| Err(Error::setting("shape", format!("{shape:?}"), requirement));
        let [channels, height, width] = shape;
        let side = |pixels: i64| {
            u32::try_from(pixels)
                .ok()
                .filter(|side| (1..=MAX_SIDE).contains(side))
        };
        let (Some(height), Some(width)) = (side(height), side(width)) else {
            return wrong(format!("height and width must be 1 to {MAX_SIDE} pixels"));
        };
        let channels = match channels {
            1 => 1,
            3 => 3,
            _ => return wrong("an image file has 1 channel (grey) or 3 (colour)".into()),
        };
        Ok(ImageShape {
            channels,
            height,
            width,
        })
    }

    /// The bytes of the image of a file, `[H, W, C]`.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::File`], as [`read_image`].
    pub(super) fn read(self, path: &Path) -> Result<Vec<u8>> {
        let image = decode_file(path, self.height.max(self.width))?;
        let (width, height) = (image.width() as usize, image.height() as usize);
        let bytes = match (self.channels, image) {
            (3, image) => image.into_rgb8().into_raw(),
            (_, image) if !image.color().has_color() => image.into_luma8().into_raw(),
            (_, image) => {
                let colours = image.into_rgb8();
                let pixels = colours.pixels();
                pixels.map(|&image::Rgb([r, g, b])| luma(r, g, b)).collect()
            }
        };
        let pixels = Pixels {
            width,
            height,
            channels: self.channels,
            bytes,
        };
        Ok(pixels
            .resized(self.width as usize, self.height as usize)
            .bytes)
    }

    /// Images that [`read`](Self::read) gave as one tensor, `u8` `[N, C, H, W]`.
    pub(super) fn tensor(self, images: Vec<Vec<u8>>) -> Result<Tensor> {
        let [channels, height, width] =
            [self.channels as i64, self.height.into(), self.width.into()];
        let shape = [images.len() as i64, channels, height, width];
        let all = Tensor::f_empty(shape, (Kind::Uint8, Device::Cpu))?;
        // Each image is freed after it is copied, so that memory holds the pixels only once.
        for (index, image) in images.into_iter().enumerate() {
            let pixels = Tensor::f_from_data_size(&image, &[height, width, channels], Kind::Uint8)?;
            all.f_get(index as i64)?
                .f_copy_(&pixels.f_permute([2, 0, 1])?)?;
        }
        Ok(all)
    }
}

/// Writes one image, bytes `[1, C, H, W]`, as a PNG or JPEG file, each pixel as a square of
/// `enlargement` × `enlargement` pixels. Missing folders are created.
///
/// # Errors
/// [`Error::Data`] for a tensor that is not an image, [`Error::Setting`] for an enlargement of 0,
/// [`Error::Io`] if the folder cannot be created, [`Error::File`] if the file cannot be written or its
/// extension is neither `.png` nor `.jpg`.
pub fn write_image(image: &Tensor, enlargement: u32, path: impl AsRef<Path>) -> Result<()> {
    write_to(image, enlargement, path.as_ref())
}

fn write_to(image: &Tensor, enlargement: u32, path: &Path) -> Result<()> {
    let path = &*expanded(path)?;
    let picture = picture_of(image)?;
    let (width, height) = enlarged_size(&picture, enlargement)?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(Error::io("create the folder", folder))?;
    }
    picture
        .resize_exact(width, height, FilterType::Nearest)
        .save(path)
        .map_err(|error| Error::file(path, format!("the image cannot be written: {error}")))
}

/// The pixels of one image, `u8` `[1, C, H, W]`.
fn picture_of(image: &Tensor) -> Result<DynamicImage> {
    let (&[1, channels, height, width], Kind::Uint8) = (&image.size()[..], image.kind()) else {
        return Err(Error::Data(format!(
            "one image is needed, bytes (Uint8) of shape [1, C, H, W]; this is {:?} of shape {:?}",
            image.kind(),
            image.size()
        )));
    };
    let interleaved = image
        .f_permute([0, 2, 3, 1])?
        .f_contiguous()?
        .f_to(Device::Cpu)?;
    let pixels = Vec::<u8>::try_from(interleaved.f_flatten(0, -1)?)?;
    let (width, height) = (width as u32, height as u32);
    let picture = match channels {
        1 => GrayImage::from_raw(width, height, pixels).map(DynamicImage::from),
        3 => RgbImage::from_raw(width, height, pixels).map(DynamicImage::from),
        _ => None,
    };
    picture.ok_or_else(|| {
        Error::Data(format!(
            "an image file has 1 channel (grey) or 3 (colour), this has {channels}"
        ))
    })
}

fn enlarged_size(picture: &DynamicImage, enlargement: u32) -> Result<(u32, u32)> {
    let side = |pixels: u32| {
        pixels
            .checked_mul(enlargement)
            .filter(|&side| (1..=MAX_SIDE).contains(&side))
    };
    side(picture.width())
        .zip(side(picture.height()))
        .ok_or_else(|| {
            let requirement = format!("the image must have sides of 1 to {MAX_SIDE} pixels then");
            Error::setting("enlargement", enlargement, requirement)
        })
}

#[cfg(test)]
mod tests;

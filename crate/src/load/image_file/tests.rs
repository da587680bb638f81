use super::*;
use image::{Luma, Rgb, Rgba, RgbaImage};
use tch::IndexOp;

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

/// A JPEG file of two blocks side by side, black and white, with an EXIF orientation.
fn turned(orientation: u8, block: u32) -> Vec<u8> {
    use image::ImageEncoder;
    use image::codecs::jpeg::JpegEncoder;
    // TIFF 6.0: little-endian, one entry: tag 0x0112 (orientation), one SHORT.
    let exif = [
        b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".as_slice(),
        &[orientation, 0, 0, 0, 0, 0, 0, 0],
    ];
    let image = GrayImage::from_fn(2 * block, block, |x, _| {
        Luma([if x < block { 0 } else { 255 }])
    });
    let mut file = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut file, 95);
    encoder.set_exif_metadata(exif.concat()).unwrap();
    encoder.encode_image(&image).unwrap();
    file
}

#[test]
fn a_photograph_is_turned_upright() {
    let folder = tempfile::tempdir().unwrap();
    // The second file is decoded at half its size.
    let read = |orientation: u8, shape: [i64; 3]| {
        let [small, large] = [16, 512].map(|block| {
            let path = folder.path().join("photograph.jpg");
            std::fs::write(&path, turned(orientation, block)).unwrap();
            let image = read_image(&path, shape).unwrap();
            let at = |row, column| image.i((0, 0, row, column)).int64_value(&[]) > 127;
            [at(0, 0), at(shape[1] - 1, shape[2] - 1)]
        });
        assert_eq!(small, large, "{orientation}");
        small
    };
    // Exif 2.3, section 4.6.4: 1 as it is, 3 upside down, 6 to be turned a quarter clockwise,
    // 8 anticlockwise. An orientation that does not exist changes nothing.
    for (orientation, expected) in [(1, [false, true]), (3, [true, false]), (99, [false, true])] {
        assert_eq!(read(orientation, [1, 16, 32]), expected, "{orientation}");
    }
    for (orientation, expected) in [(6, [false, true]), (8, [true, false])] {
        assert_eq!(read(orientation, [1, 32, 16]), expected, "{orientation}");
    }
}

#[test]
fn colours_become_three_planes() {
    let mut image = RgbImage::new(2, 1);
    image.put_pixel(0, 0, Rgb([1, 2, 3]));
    image.put_pixel(1, 0, Rgb([4, 5, 6]));
    assert_eq!(read(image, "c.png", [3, 1, 2]), [1, 4, 2, 5, 3, 6]);
}

#[test]
fn grey_is_repeated_and_colour_becomes_luma() {
    let grey = GrayImage::from_pixel(1, 1, Luma([77]));
    assert_eq!(read(grey, "g.png", [3, 1, 1]), [77, 77, 77]);
    let white = RgbImage::from_pixel(1, 1, Rgb([255, 255, 255]));
    assert_eq!(read(white, "w.png", [1, 1, 1]), [255]);
    // 0.299 · 255 = 76.2, 0.587 · 255 = 149.7, 0.114 · 255 = 29.1
    for (colour, luma) in [([255, 0, 0], 76), ([0, 255, 0], 150), ([0, 0, 255], 29)] {
        let image = RgbImage::from_pixel(1, 1, Rgb(colour));
        assert_eq!(read(image, "n.png", [1, 1, 1]), [luma]);
    }
}

#[test]
fn dark_and_light_drawings_stay_visible() {
    let ink = |colour: [u8; 3]| {
        let [red, green, blue] = colour;
        let alpha = |x| [255, 0, 51, 254][x as usize];
        let image = RgbaImage::from_fn(4, 1, |x, _| Rgba([red, green, blue, alpha(x)]));
        read(image, "t.png", [3, 1, 4])
    };
    // Black on white: 255 · 204 / 255 = 204, 255 / 255 = 1.
    assert_eq!(ink([0, 0, 0]), [0, 255, 204, 1].repeat(3));
    // White on black.
    assert_eq!(ink([255, 255, 255]), [255, 0, 51, 254].repeat(3));
    let blue = [[50, 255, 214, 51], [90, 255, 222, 91], [200, 255, 244, 200]].concat();
    assert_eq!(ink([50, 90, 200]), blue);
    let orange = [[220, 0, 44, 219], [160, 0, 32, 159], [70, 0, 14, 70]].concat();
    assert_eq!(ink([220, 160, 70]), orange);
    // Fully transparent.
    let nothing = RgbaImage::from_pixel(1, 1, Rgba([200, 100, 50, 0]));
    assert_eq!(read(nothing, "n.png", [3, 1, 1]), [0, 0, 0]);
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
fn a_written_image_is_read_back_pixel_by_pixel() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/folder/c.png");
    let bytes: Vec<u8> = (0..24).map(|value| value * 10).collect();
    let colour = Tensor::from_slice(&bytes).reshape([1, 3, 2, 4]);
    write_image(&colour, 1, &path).unwrap();
    assert_eq!(read_image(&path, [3, 2, 4]).unwrap(), colour);
    write_image(&colour, 5, &path).unwrap();
    assert_eq!(image::image_dimensions(&path).unwrap(), (20, 10));
    // Every pixel is a square of its own value, so averaging squares gives it back.
    assert_eq!(
        read_image(&path, [3, 10, 20]).unwrap().i((0, .., 7, 12)),
        colour.i((0, .., 1, 2))
    );
}

#[test]
fn an_image_that_cannot_be_written_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("i.png");
    let bytes = |shape: &[i64]| Tensor::zeros(shape, (Kind::Uint8, Device::Cpu));
    assert!(
        write_image(&bytes(&[2, 1, 2, 2]), 1, &path).is_err(),
        "a batch"
    );
    assert!(
        write_image(&bytes(&[1, 2, 2, 2]), 1, &path).is_err(),
        "two channels"
    );
    assert!(
        write_image(&bytes(&[1, 1, 2, 2]), 0, &path).is_err(),
        "no pixels"
    );
    assert!(
        write_image(&bytes(&[1, 1, 2, 2]), u32::MAX, &path).is_err(),
        "too many pixels"
    );
    assert!(
        write_image(&bytes(&[1, 1, 0, 2]), 1, &path).is_err(),
        "no rows"
    );
    let message =
        write_image(&bytes(&[1, 1, 2, 2]), 1, folder.path().join("i.xyz")).expect_err("no format");
    assert!(
        message
            .to_string()
            .contains("i.xyz: the image cannot be written"),
        "{message}"
    );
}

#[test]
fn a_file_that_is_not_an_image_is_an_error_with_its_name() {
    assert!(
        error("notes.png", b"these are notes", [1, 28, 28])
            .contains("notes.png: this is not an image; PNG, JPEG")
    );
    assert!(error("empty.jpg", b"", [1, 28, 28]).contains("empty.jpg: the file is empty"));
    let missing = read_image("/nowhere/bag.png", [1, 28, 28])
        .expect_err("missing")
        .to_string();
    assert!(
        missing.starts_with("cannot read /nowhere/bag.png"),
        "{missing}"
    );
}

#[test]
fn a_shape_that_no_image_file_has_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("g.png");
    GrayImage::new(2, 2).save(&path).unwrap();
    for shape in [
        [2, 4, 4],
        [0, 4, 4],
        [1, -4, 4],
        [1, 0, 4],
        [1, 4, i64::MAX],
    ] {
        assert!(read_image(&path, shape).is_err(), "{shape:?}");
    }
}

//! An image as numbers.

use crate::support::{assert_messages, embedded_images, error_message, small_picture, texts};
use gasshuku::visualize::{Picture, pixel_values};
use image::Rgb;

#[test]
fn every_pixel_has_its_number_and_its_grey() {
    let figure = pixel_values("Pixels", &small_picture().captioned("four")).unwrap();
    let svg = figure.svg().unwrap();
    // Title, caption, column and row attributes, then the values row by row.
    let texts = texts(&svg);
    assert_eq!(texts[..2], ["Pixels", "four"]);
    assert_eq!(texts[2..6], ["0", "1", "0", "1"]);
    assert_eq!(texts[6..], ["0", "255", "128", "64"]);
    assert_eq!(embedded_images(&svg)[0].get_pixel(0, 1), &Rgb([128; 3]));
    assert!(figure.alt_text().contains("from 0 to 255"));
}

#[test]
fn input_that_cannot_be_drawn_is_an_error_that_says_why() {
    assert_messages(&[
        (
            error_message(pixel_values("", &Picture::grey(65, 1, vec![0; 65]))),
            "cut out at most 64 × 64",
        ),
        (
            error_message(pixel_values("", &Picture::rgb(1, 1, vec![0; 3]))),
            "only grey images",
        ),
    ]);
}

//! Images in rows and columns.

use crate::support::{
    BLUE, VERMILLION, assert_messages, count_pixels, error_message, rendered, small_picture, texts,
};
use gasshuku::visualize::{Figure, GridSettings, Picture, image_grid};
use image::Rgb;

#[test]
fn a_grid_enlarges_pixels_without_smoothing() {
    let settings = GridSettings {
        columns: Some(2),
        enlargement: Some(10),
        ..GridSettings::default()
    };
    let red = Picture::rgb(2, 2, [200, 0, 0].repeat(4));
    let figure = image_grid("", &[small_picture(), red], &settings).unwrap();
    let pixels = rendered(&figure);
    // Without title and captions the first image starts at the margin of 14 CSS pixels, and an
    // image pixel is 10 CSS pixels wide: 20 pixels of the file.
    let start = 28;
    for (column, row, level) in [(0, 0, 0), (1, 0, 255), (0, 1, 128), (1, 1, 64)] {
        for offset in [1, 10, 18] {
            let at = (start + 20 * column + offset, start + 20 * row + offset);
            assert_eq!(*pixels.get_pixel(at.0, at.1), Rgb([level; 3]), "at {at:?}");
        }
    }
    // The second image follows after 20 + 12 CSS pixels.
    assert_eq!(
        *pixels.get_pixel(start + 64 + 10, start + 10),
        Rgb([200, 0, 0])
    );
}

#[test]
fn right_and_wrong_differ_in_colour_and_shape() {
    let grid = |right| {
        image_grid(
            "",
            &[small_picture().marked(right)],
            &GridSettings::default(),
        )
        .unwrap()
    };
    let (right, wrong) = (grid(true), grid(false));
    let (right_pixels, wrong_pixels) = (rendered(&right), rendered(&wrong));
    assert!(
        count_pixels(BLUE, &right_pixels) > 500 && count_pixels(VERMILLION, &right_pixels) == 0
    );
    assert!(
        count_pixels(VERMILLION, &wrong_pixels) > 500 && count_pixels(BLUE, &wrong_pixels) == 0
    );
    // A solid border is four lines and ✓ one; a dashed one is many, and ✗ two.
    let lines = |figure: &Figure| figure.svg().unwrap().matches("<polyline").count();
    assert_eq!(lines(&right), 5);
    assert!(lines(&wrong) > 20);
    assert!(right.alt_text().contains("(right)") && wrong.alt_text().contains("(wrong)"));
}

#[test]
fn a_grid_has_one_or_thousands_of_images() {
    let many = vec![Picture::grey(28, 28, vec![7; 784]).captioned("Bag"); 2_000];
    let figure = image_grid("Many", &many, &GridSettings::default()).unwrap();
    assert_eq!(figure.svg().unwrap().matches("<image").count(), 2_000);
    assert!(
        figure.alt_text().contains("2,000 images")
            && figure.alt_text().contains("1,900 images more")
    );
    assert!(figure.png().unwrap().len() > 10_000);

    let hundred = image_grid("", &many[..100], &GridSettings::default()).unwrap();
    assert!(hundred.alt_text().contains("10 rows of 10"));
    assert!(hundred.width() <= 850 && hundred.png().unwrap().len() < 200_000);
    let settings = GridSettings {
        columns: Some(usize::MAX),
        ..GridSettings::default()
    };
    assert!(
        image_grid("", &many[..3], &settings)
            .unwrap()
            .alt_text()
            .contains("1 row of 3")
    );
}

#[test]
fn long_captions_are_broken_and_shortened() {
    let caption = "a caption of more than sixty characters, with a verylongwordthatcannotbebrokenanywhereatall";
    let settings = GridSettings {
        columns: Some(6),
        ..GridSettings::default()
    };
    let figure = image_grid("", &vec![small_picture().captioned(caption); 6], &settings).unwrap();
    let lines = texts(&figure.svg().unwrap());
    assert_eq!(lines.len(), 6 * 3);
    assert!(lines[0].starts_with("a caption") && lines[2].ends_with('…'));
    assert!(figure.alt_text().contains(caption));
}

#[test]
fn input_that_cannot_be_drawn_is_an_error_that_says_why() {
    let grid = |picture: Picture| {
        let pictures = [small_picture(), picture];
        error_message(image_grid("", &pictures, &GridSettings::default()))
    };
    let settings = |columns, enlargement| {
        let settings = GridSettings {
            columns,
            enlargement,
            ..GridSettings::default()
        };
        error_message(image_grid("", &[small_picture()], &settings))
    };
    assert_messages(&[
        (
            error_message(image_grid("", &[], &GridSettings::default())),
            "image_grid: there are no images",
        ),
        (
            grid(Picture::grey(0, 3, vec![])),
            "image 1 is 0 × 3 pixels large",
        ),
        (
            grid(Picture::grey(2, 2, vec![0; 5])),
            "image 1 has 5 values; 2 × 2 × 1 are needed",
        ),
        (
            grid(Picture::grey(usize::MAX, 2, vec![0; 5])),
            "image 1 has 5 values",
        ),
        (
            grid(Picture {
                channels: 2,
                ..small_picture()
            }),
            "image 1 has 2 channels",
        ),
        (settings(Some(0), None), "columns is 0"),
        (
            settings(None, Some(0)),
            "enlargement is 0; give a number in [1, 64]",
        ),
        (
            error_message(image_grid(
                "",
                &[Picture::grey(3_000, 3_000, vec![0; 9_000_000])],
                &GridSettings {
                    enlargement: Some(64),
                    ..GridSettings::default()
                },
            )),
            "show fewer or smaller parts",
        ),
    ]);
}

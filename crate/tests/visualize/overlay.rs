//! Heat maps over images.

use crate::support::{
    WHITE, assert_messages, embedded_images, error_message, rendered, small_picture, texts,
};
use gasshuku::visualize::{ColourScale, GridSettings, Overlay, Picture, image_grid, pixel_values};
use image::{Rgb, RgbImage};

/// The picture of a grid with nothing else, and no more than its own pixels: two device pixels
/// across each.
fn overlaid(picture: Picture, overlay: Overlay) -> RgbImage {
    let settings = GridSettings {
        enlargement: Some(1),
        ..GridSettings::default()
    };
    let figure = image_grid("", &[picture.overlaid(overlay)], &settings).unwrap();
    embedded_images(&figure.svg().unwrap()).remove(0)
}

/// A heat map that hides the image, with a rectangle for each value.
fn opaque(rows: usize, columns: usize, values: &[f32]) -> Overlay {
    Overlay {
        rows,
        columns,
        values: values.to_vec(),
        smooth: false,
        opacity: 1.0,
        ..Overlay::default()
    }
}

fn row_of(level: u8, columns: usize) -> Picture {
    Picture::grey(columns, 1, vec![level; columns])
}

#[test]
fn viridis_is_that_of_matplotlib() {
    let image = overlaid(row_of(9, 3), opaque(1, 3, &[0.0, 0.5, 1.0]));
    assert_eq!(image.dimensions(), (6, 2));
    let known = [[68, 1, 84], [33, 145, 140], [253, 231, 37]];
    for (column, expected) in [0, 2, 4].into_iter().zip(known) {
        let found = image.get_pixel(column, 0).0;
        let near = |(found, expected): (u8, u8)| found.abs_diff(expected) <= 1;
        assert!(
            found.into_iter().zip(expected).all(near),
            "{found:?} {expected:?}"
        );
        assert_eq!(
            image.get_pixel(column + 1, 1).0,
            found,
            "one rectangle each"
        );
    }
}

#[test]
fn the_opacity_says_how_much_of_the_image_is_covered() {
    let mixed = |opacity| {
        let overlay = Overlay {
            opacity,
            ..opaque(1, 1, &[1.0])
        };
        *overlaid(row_of(100, 1), overlay).get_pixel(0, 0)
    };
    assert_eq!(mixed(0.0), Rgb([100, 100, 100]));
    // Half of 100 and half of 253, 231 and 37.
    assert_eq!(mixed(0.5), Rgb([177, 166, 69]));
    assert_eq!(mixed(1.0), Rgb([253, 231, 37]));
}

#[test]
fn smooth_values_lie_at_the_centres_of_their_halves() {
    let smooth = |rows, columns, values| Overlay {
        smooth: true,
        ..opaque(rows, columns, values)
    };
    // Two values over eight device pixels: their centres are those of pixels 1.5 and 5.5.
    let line = overlaid(row_of(0, 4), smooth(1, 2, &[0.0, 1.0]));
    let by_hand = opaque(1, 8, &[0.0, 0.0, 0.125, 0.375, 0.625, 0.875, 1.0, 1.0]);
    assert_eq!(line, overlaid(row_of(0, 4), by_hand));
    // Two by two over four by four: at row 1 and column 2 a quarter of the way down and three
    // quarters of the way right, 0.75 × 0.375 + 0.25 × 0.9375.
    let square = overlaid(small_picture(), smooth(2, 2, &[0.0, 0.5, 0.75, 1.0]));
    let by_hand = overlaid(small_picture(), opaque(1, 1, &[0.515_625]));
    assert_eq!(square.get_pixel(2, 1), by_hand.get_pixel(0, 0));
    let corner = overlaid(small_picture(), opaque(1, 1, &[0.75]));
    assert_eq!(square.get_pixel(0, 3), corner.get_pixel(0, 0));
}

#[test]
fn the_image_below_a_smooth_map_keeps_its_pixels() {
    let transparent = Overlay {
        smooth: true,
        opacity: 0.0,
        ..opaque(2, 2, &[0.0, 1.0, 1.0, 0.0])
    };
    let settings = GridSettings {
        enlargement: Some(10),
        ..GridSettings::default()
    };
    let pictures = [small_picture().overlaid(transparent)];
    let pixels = rendered(&image_grid("", &pictures, &settings).unwrap());
    for (column, row, level) in [(0, 0, 0), (1, 0, 255), (0, 1, 128), (1, 1, 64)] {
        for offset in [1, 10, 18] {
            let at = (28 + 20 * column + offset, 28 + 20 * row + offset);
            assert_eq!(*pixels.get_pixel(at.0, at.1), Rgb([level; 3]), "at {at:?}");
        }
    }
}

#[test]
fn the_largest_value_on_black_is_lighter_than_the_smallest_on_white() {
    let luma = |level, value| {
        let overlay = Overlay {
            opacity: Overlay::default().opacity,
            ..opaque(1, 1, &[value])
        };
        let Rgb([red, green, blue]) = *overlaid(row_of(level, 1), overlay).get_pixel(0, 0);
        0.2126 * f64::from(red) + 0.7152 * f64::from(green) + 0.0722 * f64::from(blue)
    };
    assert!(luma(0, 1.0) > luma(255, 0.0));
}

#[test]
fn signed_values_are_white_at_zero() {
    let signed = Overlay {
        colours: ColourScale::Diverging,
        ..opaque(1, 3, &[-1.0, 0.0, 1.0])
    };
    let image = overlaid(row_of(0, 3), signed);
    let (negative, positive) = (image.get_pixel(0, 0), image.get_pixel(4, 0));
    assert_eq!(*image.get_pixel(2, 0), WHITE);
    assert!(negative[0] > negative[2] && positive[2] > positive[0]);
}

#[test]
fn a_grid_with_heat_maps_has_one_colour_bar() {
    let settings = GridSettings {
        columns: Some(2),
        subtitle: "heat maps enlarged bilinearly".to_owned(),
        colour_bar: "share of the largest value".to_owned(),
        ..GridSettings::default()
    };
    let heat = small_picture()
        .captioned("why")
        .overlaid(opaque(1, 2, &[0.0, 1.0]));
    let pictures = [small_picture().captioned("input"), heat];
    let figure = image_grid("Heat", &pictures, &settings).unwrap();
    let svg = figure.svg().unwrap();
    let images = embedded_images(&svg);
    assert_eq!(images.len(), 3, "two images and the bar");
    assert_eq!(
        images[0].dimensions(),
        (2, 2),
        "a plain image stays as it is"
    );
    // The bar shows the colours without the image, the largest value at the top.
    assert_eq!(*images[2].get_pixel(0, 0), Rgb([253, 231, 37]));
    assert_eq!(*images[2].get_pixel(0, 127), Rgb([68, 1, 84]));
    let texts = texts(&svg);
    for text in [
        "heat maps enlarged bilinearly",
        "share of the largest value",
        "0.0",
        "1.0",
    ] {
        assert!(texts.iter().any(|found| found == text), "{text} {texts:?}");
    }
    assert_eq!(
        figure.alt_text(),
        "Heat. heat maps enlarged bilinearly. 2 images in 1 row of 2: input; why (with a heat map, \
         strongest in the middle on the right). Heat maps over images show share of the largest value."
    );

    let plain = image_grid("", &pictures[..1], &settings).unwrap();
    assert_eq!(embedded_images(&plain.svg().unwrap()).len(), 1, "no bar");
    let many = vec![pictures[1].clone(); 100];
    let many = image_grid("", &many, &GridSettings::default()).unwrap();
    assert!(many.width() <= 850, "{}", many.width());
}

#[test]
fn input_that_cannot_be_drawn_is_an_error_that_says_why() {
    let heat = |overlay: Overlay| {
        let pictures = [small_picture(), small_picture().overlaid(overlay)];
        error_message(image_grid("", &pictures, &GridSettings::default()))
    };
    let signed = Overlay {
        colours: ColourScale::Diverging,
        ..opaque(1, 1, &[0.5])
    };
    let pair = [opaque(1, 1, &[0.5]), signed.clone()].map(|heat| small_picture().overlaid(heat));
    assert_messages(&[
        (
            error_message(pixel_values("", &pair[0])),
            "image 0 has an overlay; only image_grid shows overlays",
        ),
        (
            error_message(image_grid("", &pair, &GridSettings::default())),
            "the overlay of image 1 has the colours Diverging, that of image 0 Viridis; show them in two grids",
        ),
        (
            heat(opaque(0, 2, &[])),
            "the overlay of image 1 has 0 rows and 2 columns",
        ),
        (
            heat(opaque(2, 2, &[0.0; 3])),
            "the overlay of image 1 has 3 values; 2 × 2 are needed",
        ),
        (
            heat(opaque(1, 2, &[0.0, 1.5])),
            "the overlay of image 1 has the value 1.5 at index 1; divide by the largest magnitude to get values in [0, 1]",
        ),
        (heat(opaque(1, 1, &[-0.5])), "has the value -0.5 at index 0"),
        (
            heat(opaque(1, 1, &[f32::NAN])),
            "has the value NaN at index 0",
        ),
        (
            heat(Overlay {
                values: vec![-1.5],
                ..signed.clone()
            }),
            "has the value -1.5 at index 0; divide by the largest magnitude to get values in [−1, 1]",
        ),
        (
            heat(Overlay {
                opacity: 1.5,
                ..signed
            }),
            "the overlay of image 1 has the opacity 1.5; give a number in [0, 1]",
        ),
    ]);
}

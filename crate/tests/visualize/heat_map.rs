//! Matrices as coloured cells.

use crate::support::{
    WHITE, assert_messages, channel_sum, embedded_images, error_message, image_bounds, matrix,
    small_picture, texts,
};
use gasshuku::visualize::{ColourScale, HeatMapSettings, Matrix, heat_map};

#[test]
fn matrices_share_a_scale_with_zero_in_the_middle() {
    let matrices = [matrix(1, 3, &[-4.0, 0.0, 2.0]), matrix(1, 2, &[-2.0, 2.0])];
    let figure = heat_map("Weights", &matrices, &HeatMapSettings::default()).unwrap();
    let images = embedded_images(&figure.svg().unwrap());
    let (first, second) = (&images[0], &images[1]);
    assert_eq!(*first.get_pixel(1, 0), WHITE);
    let (negative, positive) = (first.get_pixel(0, 0), first.get_pixel(2, 0));
    assert!(negative[0] > negative[2] && positive[2] > positive[0]);
    assert_eq!(
        second.get_pixel(1, 0),
        positive,
        "the same value has the same colour"
    );
    let (minus_two, plus_two) = (channel_sum(second.get_pixel(0, 0)), channel_sum(positive));
    assert!(
        minus_two > channel_sum(negative),
        "half as far from zero is lighter"
    );
    assert!(plus_two.abs_diff(minus_two) < 60, "{minus_two} {plus_two}");
    assert!(figure.alt_text().contains("from −4.00 to 4.00"));
}

#[test]
fn a_sequential_scale_goes_from_the_least_to_the_largest_value() {
    let settings = HeatMapSettings {
        value_title: "activation".to_owned(),
        colours: ColourScale::Sequential,
        ..HeatMapSettings::default()
    };
    let figure = heat_map("", &[matrix(2, 2, &[5.0, 6.0, 7.0, 9.0])], &settings).unwrap();
    let svg = figure.svg().unwrap();
    let cells = &embedded_images(&svg)[0];
    assert_eq!(*cells.get_pixel(0, 0), WHITE);
    let levels: Vec<u32> = cells.pixels().map(channel_sum).collect();
    assert!(
        levels.windows(2).all(|pair| pair[1] < pair[0]),
        "{levels:?}"
    );
    let texts = texts(&svg);
    assert!(texts.contains(&"activation".to_owned()) && texts.contains(&"7.00".to_owned()));
}

#[test]
fn equal_values_and_large_matrices_can_be_shown() {
    let zeros = heat_map("", &[matrix(2, 2, &[0.0; 4])], &HeatMapSettings::default()).unwrap();
    assert_eq!(
        *embedded_images(&zeros.svg().unwrap())[0].get_pixel(0, 0),
        WHITE
    );
    let large = matrix(500, 800, &vec![1.0; 400_000]);
    let figure = heat_map("", &[large], &HeatMapSettings::default()).unwrap();
    assert!(figure.width() < 900);
}

#[test]
fn feature_maps_are_right_of_their_input() {
    let maps: Vec<Matrix> = (0..16)
        .map(|filter| Matrix {
            caption: format!("filter {filter}"),
            ..matrix(8, 8, &[[0.0, 1.0]; 32].concat())
        })
        .collect();
    let settings = HeatMapSettings {
        colours: ColourScale::Sequential,
        input: Some(small_picture().captioned("Sneaker")),
        ..HeatMapSettings::default()
    };
    let figure = heat_map("Maps", &maps, &settings).unwrap();
    let svg = figure.svg().unwrap();
    let images = embedded_images(&svg);
    assert_eq!(images.len(), 1 + 16 + 1, "input, maps, bar");
    assert_eq!(images[0].as_raw()[..6], [0, 0, 0, 255, 255, 255]);
    let places = image_bounds(&svg);
    let right_of_input = places[0].0 + places[0].2;
    assert!(places[1..].iter().all(|place| place.0 > right_of_input));
    assert_eq!(places[0].1, places[1].1, "both start at the top");
    // Title, caption of the input, captions of the maps, labels of the bar: no number in a cell.
    assert_eq!(texts(&svg).len(), 1 + 1 + 16 + 6);
    assert!(figure.width() <= 820);
    assert!(
        figure
            .alt_text()
            .starts_with("Maps. At the left the input image: Sneaker. 16 heat maps of 8 × 8")
    );

    let six = vec![matrix(24, 24, &[1.0; 576]); 6];
    let places = image_bounds(&heat_map("", &six, &settings).unwrap().svg().unwrap());
    let rows: Vec<f64> = places[1..7].iter().map(|place| place.1).collect();
    assert!(rows[0] == rows[2] && rows[3] == rows[5] && rows[0] < rows[3]);
}

#[test]
fn input_that_cannot_be_drawn_is_an_error_that_says_why() {
    let map = |matrix: Matrix| error_message(heat_map("", &[matrix], &HeatMapSettings::default()));
    let huge = HeatMapSettings {
        columns: Some(1),
        ..HeatMapSettings::default()
    };
    assert_messages(&[
        (
            error_message(heat_map("", &[], &HeatMapSettings::default())),
            "heat_map: there are no matrices",
        ),
        (map(matrix(0, 2, &[])), "matrix 0 has 0 rows and 2 columns"),
        (
            map(matrix(2, 2, &[1.0; 3])),
            "matrix 0 has 3 values; 2 × 2 are needed",
        ),
        (
            map(matrix(1, 1, &[f32::NAN])),
            "matrix 0: the value at index 0 is NaN",
        ),
        (
            error_message(heat_map(
                "",
                &vec![matrix(100, 1, &[1.0; 100]); 1_000],
                &huge,
            )),
            "show fewer or smaller parts",
        ),
    ]);
}

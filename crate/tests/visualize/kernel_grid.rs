//! The kernels of a convolution.

use crate::support::{
    WHITE, assert_messages, channel_sum, embedded_images, error_message, image_bounds, matrix,
    texts,
};
use gasshuku::visualize::{KernelGridSettings, KernelGroup, kernel_grid};
use image::Rgb;

/// Filters with the given values, as many in each filter as it has channels, each a 1 × 1 kernel.
fn kernel_group(name: &str, filters: &[&[f32]]) -> KernelGroup {
    let filter = |values: &&[f32]| values.iter().map(|&value| matrix(1, 1, &[value])).collect();
    KernelGroup {
        name: name.to_owned(),
        filters: filters.iter().map(filter).collect(),
    }
}

#[test]
fn all_kernels_share_one_scale() {
    let groups = [
        kernel_group("before", &[&[0.0], &[0.5], &[-0.5]]),
        kernel_group("after", &[&[0.5], &[-2.0], &[0.0]]),
    ];
    let settings = KernelGridSettings {
        value_title: "weight".to_owned(),
        ..KernelGridSettings::default()
    };
    let figure = kernel_grid("Kernels", &groups, &settings).unwrap();
    let svg = figure.svg().unwrap();
    let colours: Vec<Rgb<u8>> = embedded_images(&svg)[..6]
        .iter()
        .map(|image| *image.get_pixel(0, 0))
        .collect();
    assert_eq!((colours[0], colours[5]), (WHITE, WHITE), "zero is white");
    assert_eq!(colours[1], colours[3], "0.5 before and after");
    assert!(
        colours[1][2] > colours[1][0],
        "{:?} is not bluish",
        colours[1]
    );
    assert!(
        channel_sum(&colours[4]) < channel_sum(&colours[2]),
        "−2 is darker than −0.5"
    );
    let bar = &embedded_images(&svg)[6];
    assert_eq!(
        *bar.get_pixel(0, 127),
        colours[4],
        "−2 is the end of the scale"
    );
    let texts = texts(&svg);
    for text in ["before", "after", "weight", "filter 0", "filter 2"] {
        assert!(texts.iter().any(|found| found == text), "{text} {texts:?}");
    }
    assert_eq!(
        figure.alt_text(),
        "Kernels. Kernels of a convolution, 1 × 1 weights for 1 channel. before: 3 filters; \
         after: 3 filters. Colours show weight from −2.00 to 2.00, the same in all groups."
    );
}

#[test]
fn filters_of_one_channel_are_in_a_block() {
    let six = kernel_group("", &[&[1.0][..]; 6]);
    let svg = kernel_grid("", &[six], &KernelGridSettings::default())
        .unwrap()
        .svg()
        .unwrap();
    let places = image_bounds(&svg);
    let (columns, rows) = (
        [places[0].0, places[1].0, places[2].0],
        [places[0].1, places[3].1],
    );
    assert!(columns[0] < columns[1] && columns[1] < columns[2] && rows[0] < rows[1]);
    for (index, place) in places[..6].iter().enumerate() {
        assert_eq!((place.0, place.1), (columns[index % 3], rows[index / 3]));
    }
}

#[test]
fn filters_of_several_channels_have_a_row_each() {
    let settings = KernelGridSettings {
        channel_names: ["red", "green", "blue"].map(str::to_owned).to_vec(),
        ..KernelGridSettings::default()
    };
    let group = kernel_group("", &[&[1.0, 0.0, -1.0], &[0.0, 1.0, 0.0]]);
    let figure = kernel_grid("", &[group], &settings).unwrap();
    let svg = figure.svg().unwrap();
    let images = embedded_images(&svg);
    assert_eq!(*images[1].get_pixel(0, 0), WHITE);
    assert_eq!(images[0], images[4]);
    let places = image_bounds(&svg);
    for (index, place) in places[..6].iter().enumerate() {
        assert_eq!(
            (place.0, place.1),
            (places[index % 3].0, places[index / 3 * 3].1)
        );
    }
    let names = texts(&svg);
    let expected = ["input channel", "red", "green", "blue", "filter", "0", "1"];
    assert_eq!(names[..7], expected);
    assert!(figure.alt_text().contains("3 channels (red, green, blue)"));
}

#[test]
fn two_groups_of_a_second_convolution_fit_beside_each_other() {
    let filters = |number, channels| KernelGroup {
        name: "group".to_owned(),
        filters: vec![vec![matrix(5, 5, &[1.0; 25]); channels]; number],
    };
    let settings = KernelGridSettings::default();
    let figure = kernel_grid("", &[filters(16, 6), filters(16, 6)], &settings).unwrap();
    assert!(figure.width() <= 820, "{}", figure.width());
    let kernel = image_bounds(&figure.svg().unwrap())[0];
    // In device pixels: at least 7 CSS pixels to a weight, all equally large.
    assert!(kernel.2 >= 70.0 && kernel.2 % 5.0 == 0.0, "{kernel:?}");
    assert_eq!(kernel.2, kernel.3);
    let large = kernel_grid("", &[filters(64, 32), filters(64, 32)], &settings).unwrap();
    assert!(large.width() <= 820, "{}", large.width());
}

#[test]
fn input_that_cannot_be_drawn_is_an_error_that_says_why() {
    let kernels = |groups: &[KernelGroup], names: &[&str]| {
        let settings = KernelGridSettings {
            channel_names: names.iter().map(|&name| name.to_owned()).collect(),
            ..KernelGridSettings::default()
        };
        error_message(kernel_grid("", groups, &settings))
    };
    assert_messages(&[
        (kernels(&[], &[]), "kernel_grid: there are no groups"),
        (
            kernels(&[kernel_group("old", &[])], &[]),
            "group \"old\" has no filters",
        ),
        (
            kernels(&[kernel_group("old", &[&[1.0], &[]])], &[]),
            "group \"old\", filter 1 has no matrices",
        ),
        (
            kernels(
                &[
                    kernel_group("old", &[&[1.0]]),
                    kernel_group("new", &[&[1.0, 2.0]]),
                ],
                &[],
            ),
            "group \"new\", filter 0 has 2 channels, the first filter has 1",
        ),
        (
            kernels(
                &[KernelGroup {
                    name: "old".to_owned(),
                    filters: vec![vec![matrix(1, 1, &[1.0])], vec![matrix(1, 2, &[1.0, 2.0])]],
                }],
                &[],
            ),
            "group \"old\", filter 1 has a matrix of 1 × 2, the first filter one of 1 × 1",
        ),
        (
            kernels(&[kernel_group("old", &[&[1.0, f32::NAN]])], &[]),
            "group \"old\", filter 0, channel 1: the value at index 0 is NaN",
        ),
        (
            kernels(&[kernel_group("old", &[&[1.0, 2.0]])], &["red"]),
            "there are 1 channel_names for 2 channels",
        ),
        (
            kernels(&[kernel_group("old", &[&[1.0; 9_000][..]; 2])], &[]),
            "show fewer or smaller parts",
        ),
    ]);
}

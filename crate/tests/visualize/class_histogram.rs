//! How many images each class has.

use crate::support::{assert_messages, attributes, error_message, texts};
use gasshuku::visualize::{CountSeries, class_histogram};

#[test]
fn bars_are_as_long_as_their_counts() {
    let series = [
        CountSeries {
            name: "training".to_owned(),
            counts: vec![1_000, 500, 0],
        },
        CountSeries {
            name: "test".to_owned(),
            counts: vec![250, 750, 0],
        },
    ];
    let figure = class_histogram("Counts", &["a", "b", "c"], &series).unwrap();
    let svg = figure.svg().unwrap();
    // The first rectangle of each colour belongs to the legend.
    let blue = attributes(&svg, "rect", "#0072B2", ["height"]);
    let orange = attributes(&svg, "rect", "#D55E00", ["height"]);
    let unit = blue[1][0] / 1_000.0;
    let heights = blue[2..].iter().chain(&orange[1..]);
    for ([height], count) in heights.zip([500.0, 0.0, 250.0, 750.0, 0.0]) {
        // plotters rounds both ends of a bar to whole pixels.
        assert!((height - count * unit).abs() <= 1.0, "{height} for {count}");
    }
    assert_eq!(
        figure.alt_text(),
        "Counts. Bar chart of the number of images per class. training: a 1,000, b 500, c 0. \
         test: a 250, b 750, c 0."
    );
    for text in [
        "number of images",
        "class",
        "1,000",
        "750",
        "training",
        "test",
    ] {
        assert!(
            texts(&svg).iter().any(|found| found == text),
            "{text} is missing"
        );
    }
}

#[test]
fn bars_are_horizontal_for_long_names() {
    let names: Vec<String> = (0..10)
        .map(|index| format!("{index} {}", "x".repeat(30)))
        .collect();
    let counts = vec![CountSeries {
        name: String::new(),
        counts: vec![80, 40, 1, 1, 1, 1, 1, 1, 1, 1],
    }];
    let svg = class_histogram("", &names, &counts).unwrap().svg().unwrap();
    let bars = attributes(&svg, "rect", "#0072B2", ["x", "width"]);
    assert_eq!(bars.len(), 10);
    assert_eq!(bars[0][0], bars[9][0]);
    assert!((bars[0][1] - 2.0 * bars[1][1]).abs() <= 1.0, "{bars:?}");
    assert!(texts(&svg).contains(&names[3]));
}

#[test]
fn a_histogram_of_zeros_and_one_of_300_classes() {
    let zeros = [CountSeries {
        name: String::new(),
        counts: vec![0, 0],
    }];
    let svg = class_histogram("", &["a", "b"], &zeros)
        .unwrap()
        .svg()
        .unwrap();
    assert_eq!(
        attributes(&svg, "rect", "#0072B2", ["height"]),
        [[0.0], [0.0]]
    );
    let names: Vec<String> = (0..300).map(|index| format!("class {index}")).collect();
    let many = [CountSeries {
        name: String::new(),
        counts: (0..300).collect(),
    }];
    let svg = class_histogram("", &names, &many).unwrap().svg().unwrap();
    assert!(names.iter().all(|name| texts(&svg).contains(name)));
}

#[test]
fn input_that_cannot_be_drawn_is_an_error_that_says_why() {
    let histogram = |names: &[&str], counts: &[usize]| {
        let series = [CountSeries {
            name: "test".to_owned(),
            counts: counts.to_vec(),
        }];
        error_message(class_histogram("", names, &series))
    };
    assert_messages(&[
        (
            histogram(&[], &[]),
            "class_histogram: there are no class names",
        ),
        (
            histogram(&["a", "b"], &[1]),
            "series \"test\" has 1 counts for 2 class names",
        ),
        (
            error_message(class_histogram("", &["a"], &[])),
            "there are no counts",
        ),
    ]);
}

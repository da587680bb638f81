//! Which classes are taken for which.

use crate::support::{WHITE, assert_messages, channel_sum, embedded_images, error_message, texts};
use gasshuku::visualize::confusion_matrix;
use roxmltree::Document;

#[test]
fn confusion_cells_darken_with_their_share_of_the_row() {
    let counts = [vec![90, 10, 0], vec![1, 1, 0], vec![0, 0, 700]];
    let figure = confusion_matrix("Test", &["cat", "dog", "owl"], &counts).unwrap();
    let svg = figure.svg().unwrap();
    let cells = &embedded_images(&svg)[0];
    assert_eq!(cells.dimensions(), (3, 3));
    let brightness = |row: u32, column: u32| channel_sum(cells.get_pixel(column, row));
    assert_eq!(*cells.get_pixel(2, 0), WHITE);
    assert!(brightness(2, 2) < brightness(0, 0));
    assert!(brightness(0, 0) < brightness(1, 1));
    assert!(brightness(1, 1) < brightness(0, 1));
    assert!(brightness(0, 1) < brightness(0, 2));
    // Half of two images is as dark as half of any number: rows are normalised.
    assert_eq!(brightness(1, 0), brightness(1, 1));

    let texts = texts(&svg);
    assert!(texts.contains(&"accuracy 98.6 % (791 of 802 images)".to_owned()));
    for text in ["true class", "predicted class", "700", "90", "100 %"] {
        assert!(texts.iter().any(|found| found == text), "{text} is missing");
    }
    assert_eq!(texts.iter().filter(|text| *text == "owl").count(), 2);
    assert!(
        figure
            .alt_text()
            .contains("cat taken for dog 10 times, dog taken for cat 1 times")
    );
}

#[test]
fn counts_are_legible_on_every_cell() {
    let svg = confusion_matrix("", &["a", "b"], &[vec![10, 0], vec![5, 5]])
        .unwrap()
        .svg()
        .unwrap();
    let document = Document::parse(&svg).unwrap();
    let colour = |label: &str| {
        let found = document.descendants().find(|node| {
            node.has_tag_name("text") && node.text().is_some_and(|text| text.trim() == label)
        });
        found.unwrap().attribute("fill").unwrap().to_owned()
    };
    assert_eq!(colour("10"), "#FFFFFF");
    assert_ne!(colour("0"), "#FFFFFF");
}

#[test]
fn confusion_of_many_or_long_named_or_no_images() {
    let names: Vec<String> = (0..300).map(|index| format!("class {index}")).collect();
    let figure = confusion_matrix("", &names, &vec![vec![1; 300]; 300]).unwrap();
    assert_eq!(
        embedded_images(&figure.svg().unwrap())[0].dimensions(),
        (300, 300)
    );
    let name = "n".repeat(10) + &" long".repeat(10);
    let svg = confusion_matrix("", &[&name, "b"], &[vec![0, 0], vec![0, 0]])
        .unwrap()
        .svg()
        .unwrap();
    assert_eq!(
        texts(&svg).iter().filter(|text| **text == name).count(),
        2,
        "shown in full"
    );
    assert!(texts(&svg).contains(&"no images counted".to_owned()));
    assert_eq!(*embedded_images(&svg)[0].get_pixel(0, 0), WHITE);
}

#[test]
fn input_that_cannot_be_drawn_is_an_error_that_says_why() {
    let none: [&str; 0] = [];
    assert_messages(&[
        (
            error_message(confusion_matrix("", &none, &[])),
            "confusion_matrix: there are no class names",
        ),
        (
            error_message(confusion_matrix("", &["a", "b"], &[vec![1, 2]])),
            "1 rows of counts for 2 class names",
        ),
        (
            error_message(confusion_matrix("", &["a", "b"], &[vec![1, 2], vec![3]])),
            "the row of class \"b\" has 1 counts; give 2",
        ),
        (
            error_message(confusion_matrix(
                "",
                &["a", "b"],
                &[vec![usize::MAX, 1], vec![0, 0]],
            )),
            "the sum of the counts is too large",
        ),
    ]);
}

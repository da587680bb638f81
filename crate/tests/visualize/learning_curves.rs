//! Loss and accuracy from epoch to epoch.

use crate::support::{assert_messages, attributes, error_message, texts};
use gasshuku::visualize::{EpochMetrics, learning_curves};

fn epoch(loss: f64, accuracy: f64) -> EpochMetrics {
    EpochMetrics {
        training_loss: loss,
        training_accuracy: accuracy,
        ..EpochMetrics::default()
    }
}

#[test]
fn curves_go_through_their_values() {
    let epochs = [epoch(1.0, 0.5), epoch(0.5, 0.7), epoch(0.0, 0.9)];
    let figure = learning_curves("LeNet", &epochs).unwrap();
    let svg = figure.svg().unwrap();
    // Per panel three points, then the marker of the legend.
    let circles = attributes(&svg, "circle", "#0072B2", ["cx", "cy"]);
    assert_eq!(circles.len(), 8);
    for panel in [&circles[..3], &circles[4..7]] {
        let steps = [
            [panel[1][0] - panel[0][0], panel[1][1] - panel[0][1]],
            [panel[2][0] - panel[1][0], panel[2][1] - panel[1][1]],
        ];
        assert!((steps[0][0] - steps[1][0]).abs() <= 1.0, "{steps:?}");
        assert!((steps[0][1] - steps[1][1]).abs() <= 1.0, "{steps:?}");
        assert!(steps[0][0] > 50.0);
    }
    assert!(circles[1][1] > circles[0][1], "a falling loss falls");
    assert!(circles[5][1] < circles[4][1], "a rising accuracy rises");
    assert_eq!(
        figure.alt_text(),
        "LeNet. Learning curves over 3 epochs. Loss in training: from 1.00 to 0. \
         Accuracy in training: from 50.0 % to 90.0 %."
    );
    let texts = texts(&svg);
    for text in [
        "epoch",
        "mean loss",
        "accuracy in %",
        "1",
        "2",
        "3",
        "90.0 %",
        "training",
    ] {
        assert!(
            texts.iter().any(|found| found == text),
            "{text} is missing in {texts:?}"
        );
    }
    assert!(!texts.iter().any(|text| text == "validation"));
}

#[test]
fn one_epoch_is_one_point_per_panel() {
    let single = EpochMetrics {
        validation_loss: Some(0.6),
        validation_accuracy: Some(0.8),
        ..epoch(0.5, 0.85)
    };
    let svg = learning_curves("", &[single]).unwrap().svg().unwrap();
    assert_eq!(attributes(&svg, "circle", "#0072B2", ["cx"]).len(), 4);
    assert_eq!(attributes(&svg, "rect", "#D55E00", ["x"]).len(), 4);
    assert!(texts(&svg).contains(&"80.0 %".to_owned()));
}

#[test]
fn validation_may_be_measured_in_some_epochs_only() {
    let measured = EpochMetrics {
        validation_accuracy: Some(0.6),
        ..epoch(0.5, 0.5)
    };
    let epochs = [epoch(1.0, 0.4), measured, epoch(0.4, 0.6)];
    let figure = learning_curves("", &epochs).unwrap();
    // One point and the marker of the legend, in the accuracy panel only.
    assert_eq!(
        attributes(&figure.svg().unwrap(), "rect", "#D55E00", ["x"]).len(),
        2
    );
    assert!(
        figure
            .alt_text()
            .contains("Accuracy in validation: from 60.0 % to 60.0 %")
    );
}

#[test]
fn input_that_cannot_be_drawn_is_an_error_that_says_why() {
    let (nan, infinite) = (f64::NAN, f64::INFINITY);
    assert_messages(&[
        (
            error_message(learning_curves("", &[])),
            "learning_curves: there are no epochs",
        ),
        (
            error_message(learning_curves("", &[epoch(nan, 0.5)])),
            "training loss: the value at index 0 is NaN",
        ),
        (
            error_message(learning_curves(
                "",
                &[EpochMetrics {
                    validation_loss: Some(infinite),
                    ..epoch(1.0, 0.5)
                }],
            )),
            "validation loss: the value at index 0 is inf",
        ),
        (
            error_message(learning_curves("", &[epoch(1.0, 87.5)])),
            "the accuracy of epoch 1 is 87.5; give a share in [0, 1]",
        ),
        (
            error_message(learning_curves("", &[epoch(1.0, nan)])),
            "the accuracy of epoch 1 is NaN",
        ),
    ]);
}

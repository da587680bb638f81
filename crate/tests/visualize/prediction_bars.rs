//! Images with the probabilities of their classes.

use crate::support::{assert_messages, attributes, error_message, small_picture, texts};
use gasshuku::visualize::{Prediction, prediction_bars};

fn prediction(probabilities: &[f64], true_class: Option<usize>) -> Prediction {
    Prediction {
        picture: small_picture(),
        probabilities: probabilities.to_vec(),
        true_class,
    }
}

#[test]
fn probabilities_are_sorted_bars() {
    let figure = prediction_bars(
        "Says",
        &["cat", "dog", "owl"],
        &[prediction(&[0.2, 0.6, 0.2], Some(1))],
        None,
    )
    .unwrap();
    let svg = figure.svg().unwrap();
    let predicted = attributes(&svg, "rect", "#0072B2", ["width", "y"]);
    let others = attributes(&svg, "rect", "#B9C9D6", ["width", "y"]);
    assert_eq!((predicted.len(), others.len()), (1, 2));
    assert!(
        (predicted[0][0] - 3.0 * others[0][0]).abs() <= 2.0,
        "{predicted:?} {others:?}"
    );
    assert!(predicted[0][1] < others[0][1] && others[0][1] < others[1][1]);
    let texts = texts(&svg);
    let names: Vec<_> = texts
        .iter()
        .filter(|text| ["dog", "cat", "owl"].contains(&text.as_str()))
        .collect();
    assert_eq!(names, ["dog", "cat", "owl"]);
    assert!(texts.contains(&"60.0 %".to_owned()) && texts.contains(&"true class".to_owned()));
    assert_eq!(
        figure.alt_text(),
        "Says. Images with the probabilities of their classes. \
         Image 1: dog 60.0 %, cat 20.0 %, owl 20.0 %; true class dog (right)."
    );
}

#[test]
fn the_true_class_is_shown_even_below_the_top() {
    let wrong = prediction(&[0.0, 0.1, 0.9, 0.0], Some(0));
    let unknown = prediction(&[0.0, 0.1, 0.9, 0.0], None);
    let names = ["ant", "bee", "cow", "dog"];
    let figure = prediction_bars("", &names, &[wrong, unknown], Some(1)).unwrap();
    let svg = figure.svg().unwrap();
    let texts = texts(&svg);
    let shown: Vec<_> = texts
        .iter()
        .filter(|text| names.contains(&text.as_str()))
        .collect();
    assert_eq!(shown, ["cow", "ant", "cow"]);
    assert_eq!(
        texts.iter().filter(|text| *text == "← true class").count(),
        1
    );
    assert_eq!(attributes(&svg, "rect", "#D55E00", ["width"]).len(), 1);
    assert_eq!(attributes(&svg, "rect", "#0072B2", ["width"]).len(), 1);
    assert!(figure.alt_text().contains("true class ant (wrong)"));
}

#[test]
fn input_that_cannot_be_drawn_is_an_error_that_says_why() {
    let bars = |probabilities: &[f64], true_class, shown| {
        let predictions = [prediction(probabilities, true_class)];
        error_message(prediction_bars("", &["a", "b"], &predictions, shown))
    };
    assert_messages(&[
        (
            error_message(prediction_bars("", &["a"], &[], None)),
            "prediction_bars: there are no predictions",
        ),
        (
            bars(&[1.0], None, None),
            "prediction 0 has 1 probabilities for 2 class names",
        ),
        (
            bars(&[-3.0, 4.0], None, None),
            "the probability -3; apply softmax",
        ),
        (
            bars(&[f64::NAN, 1.0], None, None),
            "the probability NaN; apply softmax",
        ),
        (
            bars(&[0.9, 0.9], None, None),
            "add up to 1.800; apply softmax",
        ),
        (
            bars(&[0.5, 0.5], Some(2), None),
            "the true class of prediction 0 is 2; the last class is 1",
        ),
        (bars(&[0.5, 0.5], None, Some(0)), "classes_shown is 0"),
    ]);
}

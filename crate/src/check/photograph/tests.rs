use super::super::testing::{assert_problems, assert_solved, problem};
use super::*;
use crate::define::{LeNet, LeNetSettings, Model};
use crate::load::{DatasetInfo, Normalization};

/// Untrained, with weights large enough for its answers to differ.
fn classifier(settings: LeNetSettings) -> Classifier {
    let model = LeNet::new(&settings, Device::Cpu).unwrap();
    tch::no_grad(|| {
        for mut weight in model.variables().trainable_variables() {
            weight *= 2.0;
        }
    });
    let info = DatasetInfo {
        image: settings.image,
        classes: (0..settings.classes)
            .map(|class| class.to_string())
            .collect(),
        normalization: Normalization::default(),
    };
    Classifier::new(Box::new(model), &info)
}

fn mean(tensor: &Tensor) -> f64 {
    tensor.mean(Kind::Float).double_value(&[])
}

/// Inverts the image if it is to be.
fn predict(
    classifier: &Classifier,
    file: &str,
    inverts: impl Fn(&Tensor) -> bool,
) -> Result<Prediction> {
    let mut image = read_image(file, classifier.info.image)?;
    if inverts(&image) {
        image = image.bitwise_not();
    }
    classifier.predict(&image)
}

fn by_the_top_row(classifier: &Classifier, file: &str) -> Result<Prediction> {
    predict(classifier, file, |image| {
        mean(&image.narrow(2, 0, 1)) > 127.0
    })
}

#[test]
fn right_attempts_pass() {
    for settings in [LeNetSettings::default(), LeNetSettings::colour()] {
        assert_solved(photograph(&classifier(settings), by_the_top_row));
    }
    assert_solved(photograph(
        &classifier(LeNetSettings::default()),
        |classifier, file| {
            let image = read_image(file, classifier.info.image)?;
            let corner = image.int64_value(&[0, 0, 27, 27]);
            let ours = if corner > 100 { 255 - image } else { image };
            classifier.predict(&ours.to_kind(Kind::Uint8))
        },
    ));
}

#[test]
fn typical_mistakes_are_named() {
    let attempts: [(Attempt, &str); 7] = [
        // The gap as it stands.
        (
            |classifier, file| classifier.predict_file(file),
            "a dark thing on bright ground is predicted as it is",
        ),
        (
            |classifier, file| predict(classifier, file, |_| true),
            "a bright thing on dark ground is turned",
        ),
        // The wrong way round.
        (
            |classifier, file| {
                predict(classifier, file, |image| {
                    mean(&image.narrow(2, 0, 1)) < 127.0
                })
            },
            "a bright thing on dark ground is turned, too",
        ),
        // By the mean of the whole picture.
        (
            |classifier, file| predict(classifier, file, |image| mean(image) > 127.0),
            "where a dark thing covers most of its bright ground, your function takes the thing \
             for the ground",
        ),
        // Only on a perfectly white background.
        (
            |classifier, file| {
                predict(classifier, file, |image| {
                    image.int64_value(&[0, 0, 0, 0]) == 255
                })
            },
            "a dark thing on bright ground is predicted as it is",
        ),
        // Another picture.
        (
            |classifier, _| {
                let [channels, height, width] = classifier.info.image;
                let shape = [1, channels, height, width];
                classifier.predict(&Tensor::zeros(shape, (Kind::Uint8, Device::Cpu)))
            },
            "your function says the same about every file",
        ),
        // Another size.
        (
            |classifier, file| classifier.predict(&read_image(file, [1, 32, 32])?),
            "your function gives back an error",
        ),
    ];
    let classifier = classifier(LeNetSettings::default());
    assert_problems(|attempt| photograph(&classifier, attempt), &attempts);
}

#[test]
fn an_answer_that_is_neither_is_quoted() {
    let half: Attempt = |classifier, file| {
        let image = read_image(file, classifier.info.image)?;
        let half = image.narrow(2, 0, 14).bitwise_not();
        image.narrow(2, 0, 14).copy_(&half);
        classifier.predict(&image)
    };
    let classifier = classifier(LeNetSettings::default());
    let problem = problem(|| photograph(&classifier, half));
    assert!(problem.starts_with("your function says \""), "{problem}");
    assert!(problem.ends_with("turned as a whole?"), "{problem}");
}

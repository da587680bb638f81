//! Exercise of notebook 6: the reader's own photograph, on any background.

use std::path::Path;

use tch::{Device, Kind, Tensor};

use super::cases::{Case, Checked, Findings, attempt, message, mistake};
use super::report::Report;
use crate::define::Classifier;
use crate::error::{Error, Result};
use crate::language::{translate, translated};
use crate::load::{read_image, write_image};
use crate::predict::Prediction;

/// The attempt: a classifier, the path of a picture file → what the classifier says about the thing
/// in the picture.
type Attempt = fn(&Classifier, &str) -> Result<Prediction>;

/// What the attempt says about the check's three pictures.
struct Answers {
    dark_background: Answer,
    bright_background: Answer,
    /// Something dark that covers most of its bright background.
    large_object: Answer,
}

/// What the attempt says about a picture, beside what could be said.
struct Answer {
    given: Prediction,
    as_it_is: Prediction,
    inverted: Prediction,
}

const CASES: [Case<Answers>; 3] = [
    Case {
        right: |it| !it.are_all_the_same() && it.dark_background.is_as_it_is(),
        passed: message!(
            "a bright thing on dark ground is predicted as it is",
            "暗い背景に明るいものは、そのまま予測します"
        ),
        mistakes: &[
            mistake!(
                |it| it.are_all_the_same(),
                "your function says the same about every file: is it the file that it was given?",
                "どのファイルにも同じ予測が返ります。渡されたファイルを読んでいますか?"
            ),
            mistake!(
                |it| it.dark_background.is_inverted(),
                "a bright thing on dark ground is turned, too: now it stands dark on bright ground",
                "暗い背景に明るいものまで反転して、明るい背景に暗いものになっています"
            ),
        ],
        otherwise: |it| it.dark_background.is_neither(),
    },
    Case {
        right: |it| it.bright_background.is_inverted(),
        passed: message!(
            "a dark thing on bright ground is turned first",
            "明るい背景に暗いものは、先に白黒を反転します"
        ),
        mistakes: &[mistake!(
            |it| it.bright_background.is_as_it_is(),
            "a dark thing on bright ground is predicted as it is; what did every training image have for \
             a ground?",
            "明るい背景に暗いものを、そのまま予測しています。訓練画像の背景はどれも何色でしたか?"
        )],
        otherwise: |it| it.bright_background.is_neither(),
    },
    Case {
        right: |it| it.large_object.is_inverted(),
        passed: message!(
            "so is one that fills the picture",
            "ものが写真いっぱいに写っていても大丈夫です"
        ),
        mistakes: &[mistake!(
            |it| it.large_object.is_as_it_is(),
            "where a dark thing covers most of its bright ground, your function takes the thing for the \
             ground; where in a photograph is almost certainly ground?",
            "暗いものが明るい背景の大部分を覆うと、ものを背景と取り違えています。写真のどこなら、ほぼ確実に背景でしょうか?"
        )],
        otherwise: |it| it.large_object.is_neither(),
    },
];

/// Checks a function that predicts a photograph as the network wants it: bright on dark.
///
/// It is tried on files of the check's own: something bright on a dark background, something dark on
/// a bright background, and something dark that covers most of its bright background.
pub fn photograph(classifier: &Classifier, attempt: Attempt) -> Report {
    let title = translated("a photograph of your own", "自分の写真");
    Report::of("photograph", title, |findings| {
        check(classifier, attempt, findings)
    })
}

fn check(classifier: &Classifier, predict: Attempt, findings: &mut Findings) -> Checked {
    let folder = tempfile::tempdir().map_err(Error::io("create", std::env::temp_dir()))?;
    let size = classifier.info.image;
    let answer = |name: &str, picture: Tensor| {
        Answer::of(classifier, predict, &folder.path().join(name), &picture)
    };
    let answers = Answers {
        dark_background: answer("dark_background.png", stripes(size, 9, 220, 0))?,
        bright_background: answer("bright_background.png", stripes(size, 7, 40, 230))?,
        large_object: answer("large_object.png", stripes(size, 2, 20, 235))?,
    };
    findings.check(&CASES, &answers)
}

/// A rectangle with stripes on an even background, uint8 `[1, C, H, W]`: `margin` pixels from the edge,
/// grey values of rectangle and background from 0 to 255.
fn stripes([channels, height, width]: [i64; 3], margin: i64, grey: i64, background: i64) -> Tensor {
    let size = [1, channels, height, width];
    let image = Tensor::full(size, background, (Kind::Uint8, Device::Cpu));
    let inside = |size: i64| (size - 2 * margin).max(1);
    let mut rectangle = image
        .narrow(2, margin.min(height - 1), inside(height))
        .narrow(3, margin.min(width - 1), inside(width));
    let stripes = Tensor::arange(inside(width), (Kind::Uint8, Device::Cpu)).remainder(4);
    let shade = (stripes * 8 + grey).to_kind(Kind::Uint8);
    rectangle.copy_(&shade.expand_as(&rectangle));
    image
}

impl Answers {
    fn are_all_the_same(&self) -> bool {
        near(&self.dark_background.given, &self.large_object.given)
    }
}

impl Answer {
    fn of(
        classifier: &Classifier,
        predict: Attempt,
        path: &Path,
        picture: &Tensor,
    ) -> Checked<Answer> {
        write_image(picture, 5, path)?;
        let image = read_image(path, classifier.info.image)?;
        Ok(Answer {
            given: attempt(|| predict(classifier, &path.to_string_lossy()))?,
            as_it_is: classifier.predict(&image)?,
            inverted: classifier.predict(&image.bitwise_not())?,
        })
    }

    fn is_as_it_is(&self) -> bool {
        near(&self.given, &self.as_it_is)
    }

    fn is_inverted(&self) -> bool {
        near(&self.given, &self.inverted)
    }

    /// The problem of an answer that is neither.
    fn is_neither(&self) -> String {
        translate!(
            "your function says \"{}\", which is what the network says neither about the picture nor \
             about its negative; is it read in the network's size, and turned as a whole?",
            "「{}」という予測は、元の画像でも白黒反転した画像でもネットワークの答えと一致しません。\
             ネットワークの大きさで読み込み、画像全体を反転していますか?",
            self.given
        )
    }
}

/// Whether two predictions give every class the same probability.
fn near(left: &Prediction, right: &Prediction) -> bool {
    let difference = |(class, p): &(String, f64)| (p - right.probability_of(class)).abs();
    left.classes.len() == right.classes.len()
        && left.classes.iter().map(difference).all(|it| it < 1e-6)
}

#[cfg(test)]
mod tests;

//! Exercise of notebook 6: a photograph of one's own, on whatever ground.

use std::path::Path;

use tch::{Device, Kind, Tensor};

use super::{Checked, Findings, Problem, Report, attempt, ensure};
use crate::define::Classifier;
use crate::error::{Error, Result};
use crate::language::{translate, translated};
use crate::load::{read_image, write_image};
use crate::predict::Prediction;

/// The attempt: a classifier, the path of a picture file → what the classifier says about the thing
/// in the picture.
type Attempt = fn(&Classifier, &str) -> Result<Prediction>;

/// Checks a function that predicts a photograph as the network wants it: bright on dark.
///
/// It is tried on files of the check's own: something bright on dark ground, something dark on
/// bright ground, and something dark that covers most of its bright ground.
pub fn photograph(classifier: &Classifier, attempt: Attempt) -> Report {
    let exercise = translated("a photograph of your own", "自分の写真");
    Report::of(exercise, |findings| check(classifier, attempt, findings))
}

fn check(classifier: &Classifier, predict: Attempt, findings: &mut Findings) -> Checked {
    let folder = tempfile::tempdir().map_err(Error::io("create", std::env::temp_dir()))?;
    let trial = |name: &str, thing: Thing| {
        let path = folder.path().join(name);
        Trial::new(classifier, predict, &path, thing)
    };
    let size = classifier.info.image;
    let dark_ground = trial("dark_ground.png", Thing::new(size, 9, 220, 0))?;
    let bright_ground = trial("bright_ground.png", Thing::new(size, 7, 40, 230))?;
    let large = trial("large_thing.png", Thing::new(size, 2, 20, 235))?;

    ensure(!near(&dark_ground.said, &large.said), || {
        translated(
            "your function says the same about every file: is it the file that it was given?",
            "どのファイルにも同じ予測が返ります。渡されたファイルを読んでいますか?",
        )
        .to_string()
    })?;
    dark_ground.ensure_as_it_is()?;
    findings.right(translated(
        "a bright thing on dark ground is predicted as it is",
        "暗い背景に明るいものは、そのまま予測します",
    ));
    bright_ground.ensure_turned(translated(
        "a dark thing on bright ground is predicted as it is; what did every training image have for \
         a ground?",
        "明るい背景に暗いものを、そのまま予測しています。訓練画像の背景はどれも何色でしたか?",
    ))?;
    findings.right(translated(
        "a dark thing on bright ground is turned first",
        "明るい背景に暗いものは、先に白黒を反転します",
    ));
    large.ensure_turned(translated(
        "where a dark thing covers most of its bright ground, your function takes the thing for the \
         ground; where in a photograph is almost certainly ground?",
        "暗いものが明るい背景の大部分を覆うと、ものを背景と取り違えています。写真のどこなら、ほぼ確実に背景でしょうか?",
    ))?;
    findings.right(translated(
        "so is one that fills the picture",
        "ものが写真いっぱいに写っていても大丈夫です",
    ));
    Ok(())
}

/// A rectangle with stripes, on even ground.
struct Thing {
    image: Tensor,
}

impl Thing {
    /// `margin` pixels from the edge; grey values of thing and ground from 0 to 255.
    fn new([channels, height, width]: [i64; 3], margin: i64, grey: i64, ground: i64) -> Thing {
        let image = Tensor::full(
            [1, channels, height, width],
            ground,
            (Kind::Uint8, Device::Cpu),
        );
        let inside = |size: i64| (size - 2 * margin).max(1);
        let mut thing = image
            .narrow(2, margin.min(height - 1), inside(height))
            .narrow(3, margin.min(width - 1), inside(width));
        let stripes = Tensor::arange(inside(width), (Kind::Uint8, Device::Cpu)).remainder(4);
        let shade = (stripes * 8 + grey).to_kind(Kind::Uint8);
        thing.copy_(&shade.expand_as(&thing));
        Thing { image }
    }
}

/// What an attempt says about a file, beside what could be said.
struct Trial {
    said: Prediction,
    as_it_is: Prediction,
    turned: Prediction,
}

impl Trial {
    fn new(classifier: &Classifier, predict: Attempt, path: &Path, thing: Thing) -> Checked<Trial> {
        write_image(&thing.image, 5, path)?;
        let image = read_image(path, classifier.info.image)?;
        let name = path.to_string_lossy();
        Ok(Trial {
            said: attempt(|| predict(classifier, &name))?,
            as_it_is: classifier.predict(&image)?,
            turned: classifier.predict(&image.bitwise_not())?,
        })
    }

    fn ensure_as_it_is(&self) -> Checked {
        if near(&self.said, &self.as_it_is) {
            return Ok(());
        }
        ensure(!near(&self.said, &self.turned), || {
            translated(
                "a bright thing on dark ground is turned, too: now it stands dark on bright ground",
                "暗い背景に明るいものまで反転して、明るい背景に暗いものになっています",
            )
            .to_string()
        })?;
        Err(self.something_else())
    }

    fn ensure_turned(&self, problem: &str) -> Checked {
        if near(&self.said, &self.turned) {
            return Ok(());
        }
        ensure(!near(&self.said, &self.as_it_is), || problem.to_string())?;
        Err(self.something_else())
    }

    fn something_else(&self) -> Problem {
        Problem(translate!(
            "your function says \"{}\", which is what the network says neither about the picture nor \
             about its negative; is it read in the network's size, and turned as a whole?",
            "「{}」という予測は、元の画像でも白黒反転した画像でもネットワークの答えと一致しません。\
             ネットワークの大きさで読み込み、画像全体を反転していますか?",
            self.said
        ))
    }
}

fn near(left: &Prediction, right: &Prediction) -> bool {
    let difference = |(class, p): &(String, f64)| (p - right.probability_of(class)).abs();
    left.classes.len() == right.classes.len()
        && left.classes.iter().map(difference).all(|it| it < 1e-6)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_solved, problem};
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

    fn told(attempt: Attempt) -> String {
        let classifier = classifier(LeNetSettings::default());
        problem(|| photograph(&classifier, attempt))
    }

    fn mean(tensor: &Tensor) -> f64 {
        tensor.mean(Kind::Float).double_value(&[])
    }

    fn by_the_top_row(classifier: &Classifier, file: &str) -> Result<Prediction> {
        let mut image = read_image(file, classifier.info.image)?;
        if mean(&image.narrow(2, 0, 1)) > 127.0 {
            image = image.bitwise_not();
        }
        classifier.predict(&image)
    }

    #[test]
    fn right_attempts_pass() {
        for settings in [LeNetSettings::default(), LeNetSettings::table()] {
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
    fn the_gap_as_it_stands_is_told() {
        let told = told(|classifier, file| classifier.predict_file(file));
        assert!(
            told.starts_with("a dark thing on bright ground is predicted as it is"),
            "{told}"
        );
    }

    #[test]
    fn typical_mistakes_are_named() {
        let always = told(|classifier, file| {
            classifier.predict(&read_image(file, classifier.info.image)?.bitwise_not())
        });
        assert!(
            always.starts_with("a bright thing on dark ground is turned"),
            "{always}"
        );
        let wrong_way_round = told(|classifier, file| {
            let mut image = read_image(file, classifier.info.image)?;
            if mean(&image.narrow(2, 0, 1)) < 127.0 {
                image = image.bitwise_not();
            }
            classifier.predict(&image)
        });
        assert!(
            wrong_way_round.contains("is turned, too"),
            "{wrong_way_round}"
        );
        let whole_mean = told(|classifier, file| {
            let mut image = read_image(file, classifier.info.image)?;
            if mean(&image) > 127.0 {
                image = image.bitwise_not();
            }
            classifier.predict(&image)
        });
        assert!(
            whole_mean.contains("takes the thing for the ground"),
            "{whole_mean}"
        );
        let perfectly_white = told(|classifier, file| {
            let mut image = read_image(file, classifier.info.image)?;
            if image.int64_value(&[0, 0, 0, 0]) == 255 {
                image = image.bitwise_not();
            }
            classifier.predict(&image)
        });
        assert!(
            perfectly_white.contains("predicted as it is"),
            "{perfectly_white}"
        );
        let another_file = told(|classifier, _| {
            let [channels, height, width] = classifier.info.image;
            let shape = [1, channels, height, width];
            classifier.predict(&Tensor::zeros(shape, (Kind::Uint8, Device::Cpu)))
        });
        assert!(
            another_file.contains("the same about every file"),
            "{another_file}"
        );
        let half = told(|classifier, file| {
            let image = read_image(file, classifier.info.image)?;
            let half = image.narrow(2, 0, 14).bitwise_not();
            image.narrow(2, 0, 14).copy_(&half);
            classifier.predict(&image)
        });
        assert!(half.contains("turned as a whole"), "{half}");
        let other_size =
            told(|classifier, file| classifier.predict(&read_image(file, [1, 32, 32])?));
        assert!(other_size.contains("gives back an error"), "{other_size}");
    }
}

//! How often a model is right on a data set, and which classes it confuses.
//!
//! Training calls this after each epoch, and prediction for a test set.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::define::{Model, logits};
use crate::error::{Error, Result};
use crate::language::LocalizedText;
use crate::load::Dataset;
use crate::notebook::progress::{IMAGES, Progress};

/// Images at a time: without gradients there is room for larger batches than in training.
const BATCH: usize = 1000;

pub(crate) const EVALUATION: LocalizedText = LocalizedText {
    english: "the evaluation",
    japanese: "評価",
};

/// The right and wrong answers of a model on a data set. A notebook shows a table of classes.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// The names of the classes.
    pub classes: Vec<String>,
    /// The confusion matrix: the number of images of each true class (row) by predicted class (column).
    pub confusion: Vec<Vec<usize>>,
    /// Mean cross-entropy in nats.
    pub loss: f64,
}

/// One class of an [`Evaluation`].
#[derive(Clone, Debug, PartialEq)]
pub struct ClassReport {
    /// The class.
    pub class: String,
    /// The share of images predicted as this class that are of this class; 0 if there are none.
    pub precision: f64,
    /// The share of images of this class that were predicted as this class; 0 if there are none.
    pub recall: f64,
    /// The number of images of this class.
    pub images: usize,
}

/// Mean loss and share of right answers over some images.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Mean cross-entropy in nats; ln(classes) is guessing.
    pub loss: f64,
    /// Share of right answers, 0 to 1.
    pub accuracy: f64,
}

/// An image with a wrong prediction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mistake {
    /// The index of the image in its data set.
    pub index: usize,
    /// The predicted class.
    pub answer: usize,
    /// The probability of that class, 0 to 1.
    pub probability: f64,
}

/// Compares the model's answer for every image of a data set with its label.
///
/// A model alone has no names of classes, so only their number is compared with the data set's.
/// [`Classifier::evaluate`](crate::define::Classifier::evaluate) compares the names.
///
/// # Errors
/// [`Error::Forward`] if the images do not fit the network, [`Error::Data`] without images or with
/// another number of classes, [`Error::Interrupted`] at ■.
pub fn evaluate(model: &dyn Model, dataset: &Dataset) -> Result<Evaluation> {
    let logits = all_logits(model, dataset, EVALUATION)?;
    Evaluation::of_logits(&logits, dataset)
}

/// Mean loss and accuracy of a model on a data set: [`evaluate`] in two numbers.
///
/// # Errors
/// Those of [`evaluate`].
pub fn score(model: &dyn Model, dataset: &Dataset) -> Result<Score> {
    Ok(evaluate(model, dataset)?.score())
}

/// The logits of every image, in order, on the CPU: `[N, classes]`. The progress names the work.
///
/// # Errors
/// Those of [`evaluate`].
pub(crate) fn all_logits(
    model: &dyn Model,
    dataset: &Dataset,
    work: LocalizedText,
) -> Result<Tensor> {
    check_fit(model, dataset)?;
    let dataset = dataset.to_device(model.variables().device())?;
    let mut batches = dataset.batches(BATCH)?;
    let mut progress = Progress::of(work, dataset.len(), IMAGES);
    let mut all = Vec::new();
    while let Some((images, _)) = batches.next_batch() {
        progress.done(BATCH * all.len())?;
        all.push(logits(model, &images)?.f_to(Device::Cpu)?);
    }
    Ok(Tensor::f_cat(&all, 0)?)
}

/// The wrong predictions, given logits `[N, classes]` and labels `[N]`; those with the highest probability first.
///
/// # Errors
/// [`Error::Data`] for logits that are not finite.
pub(crate) fn mistakes(logits: &Tensor, labels: &Tensor) -> Result<Vec<Mistake>> {
    let (probabilities, answers) = logits.f_softmax(-1, Kind::Float)?.f_max_dim(-1, false)?;
    let probabilities = Vec::<f32>::try_from(probabilities.f_to(Device::Cpu)?)?;
    if !probabilities
        .iter()
        .all(|probability| probability.is_finite())
    {
        return Err(not_finite());
    }
    let answers = Vec::<i64>::try_from(answers.f_to(Device::Cpu)?)?;
    let labels = Vec::<i64>::try_from(labels.f_to(Device::Cpu)?)?;
    let mut mistakes: Vec<Mistake> = (0..labels.len())
        .filter(|&index| answers[index] != labels[index])
        .map(|index| Mistake {
            index,
            answer: answers[index] as usize,
            probability: probabilities[index].into(),
        })
        .collect();
    mistakes.sort_by(|one, other| other.probability.total_cmp(&one.probability));
    Ok(mistakes)
}

/// The error about a network whose answers are NaN or infinite.
pub(crate) fn not_finite() -> Error {
    Error::Data(
        "the network's answer is not a finite number: its weights are damaged, or it diverged in training"
            .into(),
    )
}

/// Tries one image, so that a misfit is reported before the first batch.
///
/// # Errors
/// [`Error::Forward`] if the images do not fit the network, [`Error::Data`] without images or with
/// another number of classes.
pub(crate) fn check_fit(model: &dyn Model, dataset: &Dataset) -> Result<()> {
    if dataset.is_empty() {
        return Err(Error::Data("there are no images in this data set".into()));
    }
    let image = dataset
        .info
        .normalization
        .apply(&dataset.image(0)?)
        .f_to(model.variables().device())?;
    let logits = logits(model, &image)?;
    let classes = dataset.info.classes.len() as i64;
    if logits.size() != [1, classes] {
        return Err(Error::Data(format!(
            "the network puts out {:?} for one image, but [1, {classes}] is needed: one logit for each of the {classes} classes",
            logits.size()
        )));
    }
    Ok(())
}

impl Evaluation {
    /// From the logits `[N, classes]` of all images of a data set, on the CPU.
    pub(crate) fn of_logits(logits: &Tensor, dataset: &Dataset) -> Result<Evaluation> {
        let labels = dataset.labels.f_to(Device::Cpu)?;
        let loss = logits.cross_entropy_for_logits(&labels).double_value(&[]);
        let predicted = Vec::<i64>::try_from(logits.f_argmax(-1, false)?)?;
        let actual = Vec::<i64>::try_from(labels)?;
        let counted = Evaluation::count(&dataset.info.classes, &actual, &predicted)?;
        Ok(Evaluation { loss, ..counted })
    }

    /// Loss and accuracy.
    pub fn score(&self) -> Score {
        Score {
            loss: self.loss,
            accuracy: self.accuracy(),
        }
    }

    /// Counts pairs of true and predicted labels; the loss stays 0.
    ///
    /// # Errors
    /// [`Error::Data`] if there are not as many of both, or a label is out of range.
    pub fn count(classes: &[String], actual: &[i64], predicted: &[i64]) -> Result<Evaluation> {
        if actual.len() != predicted.len() {
            let (labels, predictions) = (actual.len(), predicted.len());
            return Err(Error::Data(format!(
                "there are {labels} labels but {predictions} predictions"
            )));
        }
        let mut confusion = vec![vec![0; classes.len()]; classes.len()];
        for (&actual, &predicted) in actual.iter().zip(predicted) {
            let cell = usize::try_from(actual)
                .ok()
                .zip(usize::try_from(predicted).ok())
                .and_then(|(row, column)| confusion.get_mut(row)?.get_mut(column));
            *cell.ok_or_else(|| {
                Error::Data(format!(
                    "label {actual} or prediction {predicted} is out of range: there are {} classes",
                    classes.len()
                ))
            })? += 1;
        }
        Ok(Evaluation {
            classes: classes.to_vec(),
            confusion,
            loss: 0.0,
        })
    }

    /// Share of right answers, 0 to 1; 0 without images.
    pub fn accuracy(&self) -> f64 {
        let right = (0..self.classes.len())
            .map(|class| self.confusion[class][class])
            .sum();
        ratio(right, self.images())
    }

    /// The number of images.
    pub fn images(&self) -> usize {
        self.confusion.iter().flatten().sum()
    }

    /// Precision and recall of every class.
    pub fn report(&self) -> Vec<ClassReport> {
        (0..self.classes.len())
            .map(|class| {
                let right = self.confusion[class][class];
                let images = self.confusion[class].iter().sum();
                let said = self.confusion.iter().map(|row| row[class]).sum();
                ClassReport {
                    class: self.classes[class].clone(),
                    precision: ratio(right, said),
                    recall: ratio(right, images),
                    images,
                }
            })
            .collect()
    }

    /// The pairs of classes that are mistaken most often: true class, predicted class, how often.
    pub fn most_confused(&self, count: usize) -> Vec<(String, String, usize)> {
        let mut pairs: Vec<(String, String, usize)> = Vec::new();
        for (row, counts) in self.confusion.iter().enumerate() {
            for (column, &times) in counts.iter().enumerate() {
                if row != column && times > 0 {
                    pairs.push((
                        self.classes[row].clone(),
                        self.classes[column].clone(),
                        times,
                    ));
                }
            }
        }
        pairs.sort_by_key(|&(_, _, times)| std::cmp::Reverse(times));
        pairs.truncate(count);
        pairs
    }
}

/// 0 for a division by zero, as scikit-learn's `zero_division=0`.
fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes() -> Vec<String> {
        ["cat", "dog", "owl"].map(String::from).into()
    }

    #[test]
    fn shares_are_those_counted_by_hand() {
        // cat: 2 right, 1 taken for dog; dog: 1 right; owl: none, and nothing is said to be one.
        let evaluation = Evaluation::count(&classes(), &[0, 0, 0, 1], &[0, 0, 1, 1]).unwrap();
        assert_eq!(evaluation.confusion, [[2, 1, 0], [0, 1, 0], [0, 0, 0]]);
        assert_eq!(evaluation.accuracy(), 0.75);
        let rows: Vec<(f64, f64, usize)> = evaluation
            .report()
            .into_iter()
            .map(|row| (row.precision, row.recall, row.images))
            .collect();
        assert_eq!(rows, [(1.0, 2.0 / 3.0, 3), (0.5, 1.0, 1), (0.0, 0.0, 0)]);
        assert_eq!(
            evaluation.most_confused(5),
            [("cat".into(), "dog".into(), 1)]
        );
    }

    #[test]
    fn labels_out_of_range_are_errors() {
        for (actual, predicted) in [
            (vec![3], vec![0]),
            (vec![0], vec![-1]),
            (vec![0, 1], vec![0]),
        ] {
            assert!(
                Evaluation::count(&classes(), &actual, &predicted).is_err(),
                "{actual:?} {predicted:?}"
            );
        }
    }

    #[test]
    fn no_images_is_no_division_by_zero() {
        let evaluation = Evaluation::count(&classes(), &[], &[]).unwrap();
        assert_eq!(evaluation.accuracy(), 0.0);
    }

    #[test]
    fn mistakes_come_with_the_surest_first() {
        // Softmax of (0, ln 3) is (1/4, 3/4), of (0, ln 9) is (1/10, 9/10).
        let (three, nine) = (3f32.ln(), 9f32.ln());
        let logits = Tensor::from_slice(&[0.0, three, 0.0, nine, three, 0.0, 0.0, three]);
        let labels = Tensor::from_slice(&[0i64, 0, 0, 1]);
        let found = mistakes(&logits.reshape([4, 2]), &labels).unwrap();
        let expected = [(1, 1, 0.9), (0, 1, 0.75)];
        assert_eq!(found.len(), 2);
        for (mistake, (index, answer, probability)) in found.iter().zip(expected) {
            assert_eq!((mistake.index, mistake.answer), (index, answer));
            assert!((mistake.probability - probability).abs() < 1e-6);
        }
    }
}

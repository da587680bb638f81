//! How often a model is right, and what it takes for what.

use tch::{Device, Tensor};

use super::BATCH;
use crate::define::{Model, logits};
use crate::error::{Error, Result};
use crate::language::{translate, translated};
use crate::load::Dataset;
use crate::notebook::progress::{IMAGES, Progress, Word};
use crate::notebook::show::{Representations, Show};
use crate::table::Table;
use crate::train::check_fit;

const WORK: Word = Word {
    english: "the evaluation",
    japanese: "評価",
};

/// What a model got right and wrong on a data set. Shows itself as a table of classes.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// The names of the classes.
    pub classes: Vec<String>,
    /// How many images of each true class (row) were taken for each class (column).
    pub confusion: Vec<Vec<usize>>,
    /// Mean cross-entropy in nats.
    pub loss: f64,
}

/// One class of an [`Evaluation`].
#[derive(Clone, Debug, PartialEq)]
pub struct ClassReport {
    /// The class.
    pub class: String,
    /// Of the images said to be of this class, the share that is; 0 if there are none.
    pub precision: f64,
    /// Of the images of this class, the share that was recognised; 0 if there are none.
    pub recall: f64,
    /// How many images of this class there are.
    pub images: usize,
}

/// Compares what a model says about every image of a data set with the labels.
///
/// A model alone knows no names: that there are as many classes is all that can be compared.
/// [`Classifier::evaluate`](super::Classifier::evaluate) compares them one by one.
///
/// # Errors
/// [`Error::Forward`] if the images do not fit the network, [`Error::Data`] if the classes do not,
/// [`Error::Interrupted`] at ■.
pub fn evaluate(model: &dyn Model, dataset: &Dataset) -> Result<Evaluation> {
    check_fit(model, dataset)?;
    let logits = all_logits(model, dataset)?;
    let labels = dataset.labels.f_to(Device::Cpu)?;
    let loss = logits.cross_entropy_for_logits(&labels).double_value(&[]);
    let predicted = Vec::<i64>::try_from(logits.f_argmax(-1, false)?)?;
    let actual = Vec::<i64>::try_from(labels)?;
    let counted = Evaluation::count(&dataset.info.classes, &actual, &predicted)?;
    Ok(Evaluation { loss, ..counted })
}

/// The logits of every image, in order, on the CPU: `[N, classes]`.
fn all_logits(model: &dyn Model, dataset: &Dataset) -> Result<Tensor> {
    let dataset = dataset.to_device(model.variables().device())?;
    let mut batches = dataset.batches(BATCH)?;
    let mut progress = Progress::of(WORK, dataset.len(), IMAGES);
    let mut all = Vec::new();
    while let Some((images, _)) = batches.next_batch() {
        progress.done(BATCH * all.len())?;
        all.push(logits(model, &images)?.f_to(Device::Cpu)?);
    }
    Ok(Tensor::f_cat(&all, 0)?)
}

impl Evaluation {
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

    /// How many images were looked at.
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

    fn table(&self) -> Table {
        let title = translate!(
            "{} images: accuracy {:.2} %, loss {:.4}",
            "画像 {} 枚: 正解率 {:.2} %、損失 {:.4}",
            self.images(),
            100.0 * self.accuracy(),
            self.loss
        );
        let columns = [
            translated("class", "クラス"),
            translated("precision", "適合率"),
            translated("recall", "再現率"),
            translated("images", "画像数"),
        ];
        let mut table = Table::new(title, &columns);
        let percent = |share: f64| format!("{:.1} %", 100.0 * share);
        for row in self.report() {
            table.row([
                row.class,
                percent(row.precision),
                percent(row.recall),
                row.images.to_string(),
            ]);
        }
        table
    }
}

impl Show for Evaluation {
    fn representations(&self) -> Result<Representations> {
        self.table().representations()
    }
}

impl std::fmt::Display for Evaluation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}", self.table())
    }
}

/// 0 where there is nothing to divide by, as scikit-learn's `zero_division=0`.
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
}

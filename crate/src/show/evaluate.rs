//! An evaluation as a table of classes and as a confusion matrix.

use std::fmt;

use crate::error::Result;
use crate::evaluate::Evaluation;
use crate::language::{translate, translated};
use crate::notebook::show::{Representations, Show};
use crate::notebook::table::Table;
use crate::visualize::{self, Figure};

impl Evaluation {
    /// The confusion matrix: a row for each true class, a column for each predicted class.
    ///
    /// # Errors
    /// [`Error::Picture`](crate::Error::Picture) without classes.
    pub fn show_confusion(&self) -> Result<Figure> {
        let title = translated("Confusion matrix", "混同行列");
        visualize::confusion_matrix(title, &self.classes, &self.confusion)
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

impl fmt::Display for Evaluation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.table())
    }
}

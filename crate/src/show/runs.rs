//! Comparing trainings in a picture and a table.

use crate::error::Result;
use crate::language::translated;
use crate::notebook::show::{Representations, Show};
use crate::notebook::table::Table;
use crate::train::history::number;
use crate::train::runs::{Run, Runs};
use crate::visualize::{self, Figure, LinePlotSettings, LineSeries};

/// The most lines that can be told apart in a picture.
const MOST_LINES: usize = 7;

impl Runs {
    /// The validation accuracy of each training, epoch by epoch; of more than seven, the best seven.
    ///
    /// # Errors
    /// [`Error::Picture`](crate::Error::Picture) before a training with validation images.
    pub fn curves(&self) -> Result<Figure> {
        let names = self.names();
        let points = |run: &Run| -> Vec<(f64, f64)> {
            let epochs = run.history.epochs.iter();
            epochs
                .filter_map(|epoch| Some((epoch.epoch as f64, 100.0 * epoch.validation?.accuracy)))
                .collect()
        };
        let series: Vec<LineSeries> = (self.ranking().into_iter())
            .map(|run| LineSeries {
                name: names[run].clone(),
                points: points(&self.all()[run]),
            })
            .filter(|series| !series.points.is_empty())
            .take(MOST_LINES)
            .collect();
        let axes = LinePlotSettings {
            x_title: translated("epoch", "エポック").into(),
            counted_x: true,
            y_title: translated("validation accuracy in %", "検証データの正解率 (%)").into(),
            ..LinePlotSettings::default()
        };
        visualize::line_plot(translated("Trainings", "訓練の比較"), &series, &axes)
    }

    /// A line for each training with the settings that differ, the highest validation accuracy first.
    pub fn table(&self) -> Table {
        let differences = self.differences();
        let mut columns = vec![translated("run", "訓練")];
        columns.extend(differences.iter().map(|(name, _)| *name));
        columns.extend([
            translated("epochs", "エポック"),
            translated("training loss", "訓練損失"),
            translated("validation loss", "検証損失"),
            translated("validation accuracy", "検証の正解率"),
            translated("seconds", "秒"),
        ]);
        let mut table = Table::new(translated("Trainings", "訓練の比較"), &columns);
        for run in self.ranking() {
            let mut cells = vec![(run + 1).to_string()];
            cells.extend(differences.iter().map(|(_, values)| values[run].clone()));
            cells.extend(results(&self.all()[run]));
            table.push_row(cells);
        }
        table
    }
}

fn results(run: &Run) -> [String; 5] {
    let none = || "–".to_owned();
    let last = run.history.last();
    let validation = last.and_then(|epoch| epoch.validation);
    [
        run.history.epochs.len().to_string(),
        last.map_or_else(none, |epoch| number(epoch.training.loss)),
        validation.map_or_else(none, |score| number(score.loss)),
        validation.map_or_else(none, |score| format!("{:.2} %", 100.0 * score.accuracy)),
        format!("{:.1}", run.history.seconds()),
    ]
}

/// The picture and the table; a sentence before the first training.
impl Show for Runs {
    fn representations(&self) -> Result<Representations> {
        if self.all().is_empty() {
            let none = translated("no training was added yet", "訓練はまだ追加されていません");
            return Ok(vec![("text/plain", none.into())]);
        }
        let table = self.table();
        // Without validation images there is nothing to draw.
        let Some(figure) = self.best().map(|_| self.curves()).transpose()? else {
            return table.representations();
        };
        let html = figure.image()? + &table.html();
        Ok(vec![
            ("text/html", html),
            figure.png_image()?,
            ("text/plain", format!("{}\n{table}", figure.alt_text())),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::Score;
    use crate::train::history::EpochRecord;
    use crate::train::{History, TrainingSettings};

    fn run(runs: &mut Runs, learning_rate: f64, accuracy: f64) {
        let score = Score {
            loss: 0.25,
            accuracy,
        };
        let epoch = |epoch| EpochRecord {
            epoch,
            training: score,
            validation: Some(score),
            learning_rate,
            seconds: 1.25,
            images_per_second: 1.0,
        };
        let settings = TrainingSettings {
            learning_rate,
            ..Default::default()
        };
        runs.add(
            &settings,
            &History {
                epochs: vec![epoch(1), epoch(2)],
            },
        );
    }

    #[test]
    fn the_best_training_comes_first() {
        let mut runs = Runs::new();
        run(&mut runs, 0.001, 0.5);
        run(&mut runs, 0.01, 0.875);
        let table = runs.table().to_string();
        let lines: Vec<&str> = table.lines().collect();
        let first = lines.iter().position(|line| line.starts_with('2')).unwrap();
        let cells: Vec<&str> = lines[first].split_whitespace().collect();
        assert_eq!(
            cells,
            ["2", "0.01", "2", "0.2500", "0.2500", "87.50", "%", "2.5"]
        );
        assert!(lines[first + 1].starts_with('1'));
        let words = runs.curves().unwrap().alt_text().to_owned();
        assert!(
            words.contains("learning_rate 0.01: 2 points, between 87.5 and 87.5."),
            "{words}"
        );
    }

    #[test]
    fn without_anything_to_draw_there_are_words() {
        let mut runs = Runs::new();
        assert_eq!(
            runs.representations().unwrap(),
            [("text/plain", "no training was added yet".into())]
        );
        runs.add(&TrainingSettings::default(), &History::default());
        let kinds: Vec<&str> = runs
            .representations()
            .unwrap()
            .iter()
            .map(|(kind, _)| *kind)
            .collect();
        assert_eq!(kinds, ["text/html", "text/plain"]);
        assert!(!runs.representations().unwrap()[0].1.contains("<img"));
    }
}

//! Checks of heat maps: curves of deletion and insertion, and the sanity check.

use std::fmt;

use tch::Tensor;

use super::{HeatMaps, heat_grid, image_caption};
use crate::define::Classifier;
use crate::error::{Error, Result};
use crate::explain::{Faithfulness, Method, SanityCheck, Stage};
use crate::language::{translate, translated};
use crate::notebook::show::{Representations, Show};
use crate::notebook::table::Table;
use crate::show::picture;
use crate::visualize::{self, ColourScale, Figure, LinePlotSettings, LineSeries};

impl Classifier {
    /// The areas of deletion and insertion of several methods on the same images, as a table: see
    /// [`faithfulness`](Self::faithfulness).
    ///
    /// # Errors
    /// Those of [`faithfulness`](Self::faithfulness).
    pub fn compare_methods(&self, images: &Tensor, methods: &[&dyn Method]) -> Result<Table> {
        let title = translated(
            "Areas: deletion the smaller the better, insertion the larger",
            "曲線の下の面積: 削除は小さいほど、挿入は大きいほど良い",
        );
        let columns = [
            translated("method", "手法"),
            translated("deletion", "削除"),
            translated("insertion", "挿入"),
        ];
        let mut table = Table::new(title, &columns);
        for method in methods {
            let found = self.faithfulness(*method, images)?;
            let [deletion, insertion] =
                [found.deletion, found.insertion].map(|curve| format!("{:.3}", curve.area()));
            table.row([found.method, deletion, insertion]);
        }
        Ok(table)
    }
}

impl Faithfulness {
    /// The mean curves of deletion and insertion, with the areas below them.
    ///
    /// # Errors
    /// [`Error::Picture`] without an image.
    pub fn curves(&self) -> Result<Figure> {
        let curves = [
            (translated("deletion", "削除"), &self.deletion),
            (translated("insertion", "挿入"), &self.insertion),
        ];
        let series = curves.map(|(name, curve)| LineSeries {
            name: translate!("{name}, area {:.3}", "{name} (面積 {:.3})", curve.area()),
            points: curve.fractions.iter().copied().zip(curve.mean()).collect(),
        });
        let settings = LinePlotSettings {
            x_title: translated(
                "share of the pixels, the hottest first",
                "値の大きいほうから数えた画素の割合",
            )
            .into(),
            y_title: translated("probability of the explained class", "説明するクラスの確率")
                .into(),
            y_range: Some((0.0, 1.0)),
            shaded: true,
            ..Default::default()
        };
        let title = translate!("Deletion and insertion: {}", "削除と挿入: {}", self.method);
        visualize::line_plot(&title, &series, &settings)
    }
}

/// The curves.
impl Show for Faithfulness {
    fn representations(&self) -> Result<Representations> {
        self.curves()?.representations()
    }
}

impl SanityCheck {
    /// The heat maps at every stage, one row for each of the explained images, bytes `[N, C, H, W]`.
    ///
    /// # Errors
    /// [`Error::Data`] if there are not as many images as heat maps.
    pub fn show(&self, images: &Tensor) -> Result<Figure> {
        let rows = images.size().first().copied().unwrap_or(0);
        if self
            .stages
            .iter()
            .any(|stage| stage.heat_maps.size()[0] != rows)
        {
            return Err(Error::Data(format!(
                "these are {rows} images: give those that were explained"
            )));
        }
        let heats = self.stages.iter().map(|stage| HeatMaps {
            maps: stage.heat_maps.shallow_clone(),
            colours: ColourScale::Viridis,
            smooth: false,
            subtitle: String::new(),
        });
        let heats: Vec<HeatMaps> = heats.collect();
        let mut pictures = Vec::new();
        for row in 0..rows {
            let plain = picture(&images.f_narrow(0, row, 1)?)?;
            pictures.push(plain.clone().captioned(image_caption()));
            for (stage, heat) in self.stages.iter().zip(&heats) {
                let alone = heat.alone(&plain, row as usize)?;
                pictures.push(alone.captioned(stage.caption()));
            }
        }
        let title = translate!(
            "While the weights are randomised, layer by layer: {}",
            "層の重みを 1 つずつ乱数に置き換えたとき: {}",
            self.method
        );
        let subtitle = translate!(
            "{}. Enlarged without smoothing, each map with a scale of its own.",
            "{}。補間せずに拡大、目盛はマップごとです。",
            self.verdict()
        );
        heat_grid(&title, &subtitle, &pictures, Some(self.stages.len() + 1))
    }

    fn verdict(&self) -> String {
        let last = self.stages.last().map_or(1.0, |stage| stage.similarity);
        let verdict = if self.passes() {
            translated(
                "passes: the maps change with the network",
                "合格。マップはネットワークとともに変わります",
            )
        } else {
            translated(
                "fails: the maps stay although all weights are random",
                "不合格。重みがすべて乱数になってもマップは変わりません",
            )
        };
        translate!(
            "{} {verdict} (similarity {last:.2} at the end)",
            "{}: {verdict} (最後の順位相関 {last:.2})",
            self.method
        )
    }

    fn table(&self) -> Table {
        let columns = [
            translated("network", "ネットワーク"),
            translated("similarity", "順位相関"),
        ];
        let mut table = Table::new(self.verdict(), &columns);
        for stage in &self.stages {
            let similarity = format!("{:.2}", stage.similarity);
            table.row([stage.caption().replace('\n', " "), similarity]);
        }
        table
    }
}

/// The similarities.
impl Show for SanityCheck {
    fn representations(&self) -> Result<Representations> {
        self.table().representations()
    }
}

impl fmt::Display for SanityCheck {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.table())
    }
}

impl Stage {
    fn caption(&self) -> String {
        match &self.layer {
            None => translated("as trained", "訓練後").into(),
            Some(layer) => translate!("{layer} randomised", "{layer} を乱数化"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{grey, words};
    use crate::explain::{Edges, Saliency};

    #[test]
    fn the_tests_of_an_explanation_show_themselves() {
        let (classifier, dataset) = grey();
        let check = classifier.sanity_check(&Edges, &dataset.images, 0).unwrap();
        let figure = check.show(&dataset.images).unwrap();
        let row = "image; as trained; fc3 randomised; fc2 randomised; fc1 randomised; conv2 randomised; conv1 randomised";
        assert!(words(&figure).contains(row), "{}", words(&figure));
        let table = check.to_string();
        let heading = "Edges of the image fails: the maps stay although all weights are random (similarity 1.00 at the end)";
        assert!(table.starts_with(heading), "{table}");
        assert!(table.contains("conv1 randomised        1.00"), "{table}");
        assert!(check.show(&dataset.images.narrow(0, 0, 2)).is_err());

        let found = classifier.faithfulness(&Edges, &dataset.images).unwrap();
        let table = classifier
            .compare_methods(&dataset.images, &[&Saliency, &Edges])
            .unwrap()
            .to_string();
        let [deletion, insertion] = [&found.deletion, &found.insertion].map(|curve| curve.area());
        let row = format!("Edges of the image     {deletion:.3}      {insertion:.3}");
        assert!(
            table.contains(&row) && table.contains("\nSaliency "),
            "{table}"
        );
        let said = found.curves().unwrap();
        let area = format!("deletion, area {:.3}", found.deletion.area());
        assert!(said.alt_text().contains(&area), "{}", said.alt_text());
    }
}

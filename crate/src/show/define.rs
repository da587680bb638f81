//! Step 3, define: a network as a table of its layers.

use std::fmt;

use crate::define::{LeNet, Summary, summary};
use crate::error::Result;
use crate::language::translated;
use crate::notebook::show::{Representations, Show};
use crate::notebook::table::Table;
use crate::text::with_commas;

/// Its layers, as [`summary()`] lists them.
impl Show for LeNet {
    fn representations(&self) -> Result<Representations> {
        summary(self, self.settings().image)?.representations()
    }
}

impl Summary {
    fn table(&self) -> Table {
        let columns = [
            translated("layer", "層"),
            translated("output shape", "出力の形状"),
            translated("parameters", "パラメータ数"),
        ];
        let mut table = Table::new(translated("Layers", "層の一覧"), &columns);
        let input = translated("input", "入力").to_string();
        table.row([input, shape_text(&self.image), String::new()]);
        for layer in &self.layers {
            let output = layer.output.as_deref().map_or("–".into(), shape_text);
            table.row([layer.layer.clone(), output, with_commas(layer.parameters)]);
        }
        table.row([
            translated("total", "合計").into(),
            String::new(),
            with_commas(self.parameters()),
        ]);
        table
    }
}

impl Show for Summary {
    fn representations(&self) -> Result<Representations> {
        self.table().representations()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.table())
    }
}

fn shape_text(shape: &[i64]) -> String {
    shape
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" × ")
}

//! Small tables for a notebook.

use std::fmt;

use crate::error::Result;
use crate::notebook::show::{Representations, Show};
use crate::text::{display_width, escape, on_one_line, pad_end, pad_start};

/// Rows of text below a title: an HTML table in a notebook, aligned text elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    title: String,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub fn new(title: impl Into<String>, columns: &[&str]) -> Table {
        Table {
            title: title.into(),
            columns: columns.iter().map(ToString::to_string).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; cells beyond the last column are not shown.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.push_row(cells.into());
    }

    /// The same for any number of cells.
    pub(crate) fn push_row(&mut self, cells: Vec<String>) {
        // A line break in a name would break the text table.
        self.rows
            .push(cells.iter().map(|cell| on_one_line(cell)).collect());
    }

    pub(crate) fn html(&self) -> String {
        let line = |cells: &[String], tag: &str| -> String {
            let cells: String = cells
                .iter()
                .zip(0..self.columns.len())
                .map(|(cell, column)| {
                    // The first column holds names, the others numbers.
                    let side = if column == 0 { "left" } else { "right" };
                    format!(
                        "<{tag} style=\"text-align:{side}\">{}</{tag}>",
                        escape(cell)
                    )
                })
                .collect();
            format!("<tr>{cells}</tr>")
        };
        let body: String = self.rows.iter().map(|row| line(row, "td")).collect();
        format!(
            "<table><caption style=\"text-align:left;white-space:nowrap\">{}</caption>\
             <thead>{}</thead><tbody>{body}</tbody></table>",
            escape(&self.title),
            line(&self.columns, "th"),
        )
    }

    fn widths(&self) -> Vec<usize> {
        let longest = |column: usize| {
            std::iter::once(&self.columns)
                .chain(&self.rows)
                .filter_map(|row| row.get(column))
                .map(|cell| display_width(cell))
                .max()
                .unwrap_or(0)
        };
        (0..self.columns.len()).map(longest).collect()
    }
}

impl Show for Table {
    fn representations(&self) -> Result<Representations> {
        Ok(vec![
            ("text/html", self.html()),
            ("text/plain", self.to_string()),
        ])
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.title)?;
        let widths = self.widths();
        for row in std::iter::once(&self.columns).chain(&self.rows) {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .enumerate()
                .map(|(column, (cell, &width))| match column {
                    0 => pad_end(cell, width),
                    _ => pad_start(cell, width),
                })
                .collect();
            writeln!(formatter, "{}", cells.join("  ").trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Table {
        let mut table = Table::new("Sizes", &["layer", "parameters"]);
        table.row(["conv1".into(), "156".into()]);
        table.row(["a<b".into(), "2,416".into()]);
        table
    }

    #[test]
    fn text_is_aligned() {
        assert_eq!(
            example().to_string(),
            "Sizes\nlayer  parameters\nconv1         156\na<b         2,416\n"
        );
    }

    #[test]
    fn japanese_text_is_aligned() {
        let mut table = Table::new("層の一覧", &["層", "パラメータ数"]);
        table.row(["conv1".into(), "156".into()]);
        table.row(["合計".into(), "2,416".into()]);
        assert_eq!(
            table.to_string(),
            "層の一覧\n層     パラメータ数\nconv1           156\n合計          2,416\n"
        );
    }

    #[test]
    fn line_breaks_in_a_cell_are_escaped() {
        let mut table = Table::new("Sizes", &["layer"]);
        table.row(["a\nb".into()]);
        assert_eq!(table.to_string(), "Sizes\nlayer\na\\nb\n");
    }

    #[test]
    fn html_is_escaped() {
        let html = example().html();
        assert!(
            html.contains("<td style=\"text-align:left\">a&lt;b</td>"),
            "{html}"
        );
        assert!(html.contains(">Sizes</caption><thead>"), "{html}");
    }
}

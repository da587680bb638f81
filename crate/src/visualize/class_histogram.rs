//! How many images each class has.

use plotters::element::{EmptyElement, Rectangle, Text as Label};
use plotters::style::Color as _;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::area::device;
use super::axis::Axis;
use super::canvas::{Drawn, Root};
use super::chart::{Base, chart};
use super::check::class_names;
use super::legend::Legend;
use super::prelude::*;

const FUNCTION: &str = "class_histogram";
const PLOT_HEIGHT: f64 = 260.0;
/// The space for the counts above standing bars.
const ABOVE: f64 = 14.0;
/// The space above lying bars.
const BELOW_LEGEND: f64 = 6.0;
/// The side of a square in the legend.
const SAMPLE: f64 = 12.0;
const LONGEST_NAME: f64 = 260.0;
/// The space for the names and the title below the bars.
const BELOW: f64 = 44.0;
/// The share of a class's slot that its bars fill together.
const FILLED: f64 = 0.86;
/// The font size of the counts above standing bars, which are narrow.
const COUNT: f64 = 10.5;

/// The counts of one set of images, such as the training images.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CountSeries {
    /// Stands in the legend.
    pub name: String,
    /// One count per class, in the order of the class names.
    pub counts: Vec<usize>,
}

/// One bar per class and series, with its count; the bars lie if the names are too long to stand below.
pub fn class_histogram(
    title: &str,
    class_names: &[impl AsRef<str>],
    series: &[CountSeries],
) -> Result<Figure> {
    draw(title, self::class_names(FUNCTION, class_names)?, series)
}

fn draw(title: &str, names: Vec<String>, sets: &[CountSeries]) -> Result<Figure> {
    check(&names, sets)?;
    let words = alt_text(title, &names, sets);
    let histogram = Histogram::new(names, sets);
    let width = CHART_WIDTH - 2.0 * MARGIN;
    // One set needs no legend.
    let named = if sets.len() > 1 { sets } else { &[] };
    let legend = Legend::new(named.iter().map(|set| set.name.as_str()), SAMPLE, width);
    let size = (CHART_WIDTH, legend.height + histogram.height);
    Figure::draw(FUNCTION, (title, ""), size, &words, |canvas, top| {
        legend.draw(canvas, (MARGIN, top), |canvas, index, (x, y)| {
            let sample = area((x, y - SAMPLE / 2.0), (SAMPLE, SAMPLE));
            canvas.rectangle(sample, series(index));
        });
        let area = area((MARGIN, top + legend.height), (width, histogram.height));
        canvas.chart(area, |root| histogram.draw(root));
    })
}

fn check(names: &[String], series: &[CountSeries]) -> Result<()> {
    ensure(
        !series.is_empty(),
        FUNCTION,
        || "there are no counts; give at least one series",
    )?;
    series.iter().try_for_each(|CountSeries { name, counts }| {
        let (number, classes) = (counts.len(), names.len());
        ensure(number == classes, FUNCTION, || {
            format!(
                "series {name:?} has {number} counts for {classes} class names; give one count per class"
            )
        })
    })
}

struct Histogram<'a> {
    names: Vec<String>,
    series: &'a [CountSeries],
    counts: Axis,
    /// As CSS has them.
    margins: [f64; 4],
    /// Whether the bars lie below each other, as the names or the counts are too wide for standing ones.
    lies: bool,
    /// With what stands below the bars.
    height: f64,
}

impl Histogram<'_> {
    fn new(names: Vec<String>, series: &[CountSeries]) -> Histogram<'_> {
        let most = series.iter().flat_map(|set| &set.counts).copied().max();
        let most = most.unwrap_or_default();
        let (counts, most) = (Axis::counts(most, 5), count(most));
        let name = text::widest(&names, SMALL);
        let (classes, sets) = (names.len() as f64, series.len() as f64);
        let slot = (CHART_WIDTH - 2.0 * MARGIN - 70.0) / classes;
        let lies = name + 6.0 > slot || text::width(&most, COUNT, false) > slot * FILLED / sets;
        let bar = if series.len() == 1 { 16.0 } else { 14.0 };
        let (top, right, left, height) = match lies {
            true => {
                let room_for_count = text::width(&most, SMALL, false) + 8.0;
                let height = BELOW_LEGEND + sets * bar / FILLED * classes;
                (
                    BELOW_LEGEND,
                    room_for_count,
                    26.0 + name.min(LONGEST_NAME),
                    height,
                )
            }
            false => (
                ABOVE,
                0.0,
                28.0 + counts.widest_label(),
                ABOVE + PLOT_HEIGHT,
            ),
        };
        Histogram {
            names,
            series,
            counts,
            margins: [top, right, BELOW, left],
            lies,
            height: height + BELOW,
        }
    }

    fn draw(&self, root: &Root) -> Drawn<()> {
        let names = Axis::places(self.names.len());
        let class = (&names, say("class", "クラス"));
        let number = (&self.counts, say("number of images", "画像の枚数"));
        let mut chart = match self.lies {
            true => chart(root, self.margins, Base::Y, number, class)?,
            false => chart(root, self.margins, Base::X, class, number)?,
        };
        // plotters counts upwards, so lying bars are turned.
        let point = |class: f64, count: f64| match self.lies {
            true => (self.counts.place(count), self.names.len() as f64 - class),
            false => (class, self.counts.place(count)),
        };
        let style = |size, colour, x, y| text::style(size, colour).pos(Pos::new(x, y));
        let (name_style, name_shift, count_style, count_shift, gap) = match self.lies {
            true => (
                style(SMALL, MUTED, HPos::Right, VPos::Center),
                (-device(7.0), 0),
                style(SMALL, INK, HPos::Left, VPos::Center),
                (device(5.0), 0),
                (0, device(1.0) as u32),
            ),
            false => (
                style(SMALL, MUTED, HPos::Center, VPos::Top),
                (0, device(8.5)),
                style(COUNT, INK, HPos::Center, VPos::Bottom),
                (0, -device(3.0)),
                (device(1.0) as u32, 0),
            ),
        };
        let bar = FILLED / self.series.len() as f64;
        for (index, set) in self.series.iter().enumerate() {
            for (class, &number) in set.counts.iter().enumerate() {
                let from = class as f64 + (1.0 - FILLED) / 2.0 + index as f64 * bar;
                let ends = [point(from, 0.0), point(from + bar, number as f64)];
                let mut rectangle = Rectangle::new(ends, series(index).filled());
                rectangle.set_margin(0, gap.1, 0, gap.0);
                chart.draw_series([rectangle])?;
                let at = EmptyElement::at(point(from + bar / 2.0, number as f64));
                chart.draw_series([
                    at + Label::new(count(number), count_shift, count_style.clone())
                ])?;
            }
        }
        for (class, name) in self.names.iter().enumerate() {
            let name = text::shortened(name, SMALL, false, LONGEST_NAME);
            let at = EmptyElement::at(point(class as f64 + 0.5, 0.0));
            chart.draw_series([at + Label::new(name, name_shift, name_style.clone())])?;
        }
        Ok(())
    }
}

fn alt_text(title: &str, names: &[String], series: &[CountSeries]) -> String {
    let mut text = said!(
        "{title}. Bar chart of the number of images per class.",
        "{title}。クラスごとの画像の枚数の棒グラフ。"
    );
    for set in series {
        let counts = names.iter().zip(&set.counts);
        let counts: Vec<String> = counts
            .map(|(name, &number)| format!("{name} {}", count(number)))
            .collect();
        let counts = text::listed(&counts);
        text += &said!(" {}: {counts}.", "{}: {counts}。", set.name);
    }
    text
}

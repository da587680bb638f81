//! How many images each class has.

use super::axis::Axis;
use super::canvas::{Area, CHART_WIDTH, Canvas, Heading, LABEL, MARGIN, SMALL, Stroke};
use super::check::{class_names, ensure};
use super::colour::{AXIS, GRID, MUTED, series};
use super::figure::Figure;
use super::numerals::count;
use super::text::{self, Align, Text};
use crate::error::Result;
use crate::language::{said, say};

const FUNCTION: &str = "class_histogram";
const PLOT_HEIGHT: f64 = 260.0;
const LEGEND_HEIGHT: f64 = 24.0;
const LONGEST_NAME: f64 = 260.0;
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

fn draw(title: &str, names: Vec<String>, series: &[CountSeries]) -> Result<Figure> {
    check(&names, series)?;
    let histogram = Histogram {
        most: series
            .iter()
            .flat_map(|set| &set.counts)
            .copied()
            .max()
            .unwrap_or(0),
        alt_text: alt_text(title, &names, series),
        heading: Heading::new(title, "", CHART_WIDTH),
        names,
        series,
    };
    if histogram.can_stand() {
        histogram.standing()
    } else {
        histogram.lying()
    }
}

fn check(names: &[String], series: &[CountSeries]) -> Result<()> {
    ensure(!series.is_empty(), FUNCTION, || {
        "there are no counts; give at least one series".to_owned()
    })?;
    for set in series {
        ensure(set.counts.len() == names.len(), FUNCTION, || {
            format!(
                "series {:?} has {} counts for {} class names; give one count per class",
                set.name,
                set.counts.len(),
                names.len()
            )
        })?;
    }
    Ok(())
}

struct Histogram<'a> {
    names: Vec<String>,
    series: &'a [CountSeries],
    most: usize,
    heading: Heading,
    alt_text: String,
}

impl Histogram<'_> {
    /// Whether the names fit below standing bars, and the counts above them.
    fn can_stand(&self) -> bool {
        let slot = (CHART_WIDTH - 2.0 * MARGIN - 70.0) / self.names.len() as f64;
        let name = text::widest(self.names.iter().map(String::as_str), SMALL);
        let number = text::width(&count(self.most), COUNT, false);
        name + 6.0 <= slot && number <= slot * FILLED / self.series.len() as f64
    }

    fn standing(self) -> Result<Figure> {
        let axis = Axis::counts(self.most, 5);
        let top = self.heading.bottom() + self.legend_height() + 14.0;
        let left = MARGIN
            + 28.0
            + text::widest(axis.ticks().iter().map(|(_, label)| label.as_str()), SMALL);
        let plot = Area::new(left, top, CHART_WIDTH - MARGIN - left, PLOT_HEIGHT);
        Figure::draw(
            FUNCTION,
            CHART_WIDTH,
            plot.bottom() + 44.0 + MARGIN,
            |canvas| {
                self.draw_legend(canvas);
                for (share, label) in axis.ticks() {
                    let y = plot.bottom() - share * plot.height;
                    canvas.line(
                        vec![(plot.x, y), (plot.right(), y)],
                        Stroke::solid(GRID, 1.0),
                    );
                    let label = Text::new(&label, (plot.x - 7.0, y), SMALL);
                    canvas.text(label.colour(MUTED).align(Align::Right).middle());
                }
                let slot = plot.width / self.names.len() as f64;
                let bar = slot * FILLED / self.series.len() as f64;
                for (class, name) in self.names.iter().enumerate() {
                    let middle = plot.x + (class as f64 + 0.5) * slot;
                    for (index, set) in self.series.iter().enumerate() {
                        let height = axis.share(set.counts[class] as f64) * plot.height;
                        let x = middle - slot * FILLED / 2.0 + index as f64 * bar;
                        let area = Area::new(x, plot.bottom() - height, bar - 1.0, height);
                        canvas.rectangle(area, series(index));
                        let number = count(set.counts[class]);
                        let at = (x + (bar - 1.0) / 2.0, area.y - 4.0);
                        canvas.text(Text::new(&number, at, COUNT).align(Align::Centre));
                    }
                    let at = (middle, plot.bottom() + 17.0);
                    canvas.text(Text::new(name, at, SMALL).align(Align::Centre));
                }
                let ends = vec![(plot.x, plot.bottom()), (plot.right(), plot.bottom())];
                canvas.line(ends, Stroke::solid(AXIS, 1.0));
                let beside = (MARGIN + 11.0, plot.centre().1);
                let y_title = Text::new(number_title(), beside, LABEL);
                canvas.text(y_title.colour(MUTED).align(Align::Centre).upward());
                let below = (plot.centre().0, plot.bottom() + 39.0);
                canvas.text(
                    Text::new(class_title(), below, LABEL)
                        .colour(MUTED)
                        .align(Align::Centre),
                );
                Ok(self.alt_text)
            },
        )
    }

    fn lying(self) -> Result<Figure> {
        let axis = Axis::counts(self.most, 5);
        let top = self.heading.bottom() + self.legend_height();
        let names = text::widest(self.names.iter().map(String::as_str), SMALL).min(LONGEST_NAME);
        let bar = if self.series.len() == 1 { 16.0 } else { 14.0 };
        let slot = self.series.len() as f64 * bar / FILLED;
        let left = MARGIN + 26.0 + names;
        let room_for_count = text::width(&count(self.most), SMALL, false) + 8.0;
        let width = CHART_WIDTH - MARGIN - left - room_for_count;
        let plot = Area::new(left, top, width, slot * self.names.len() as f64);
        Figure::draw(
            FUNCTION,
            CHART_WIDTH,
            plot.bottom() + 44.0 + MARGIN,
            |canvas| {
                self.draw_legend(canvas);
                for (share, label) in axis.ticks() {
                    let x = plot.x + share * plot.width;
                    canvas.line(
                        vec![(x, plot.y), (x, plot.bottom())],
                        Stroke::solid(GRID, 1.0),
                    );
                    let label = Text::new(&label, (x, plot.bottom() + 17.0), SMALL);
                    canvas.text(label.colour(MUTED).align(Align::Centre));
                }
                for (class, name) in self.names.iter().enumerate() {
                    let middle = plot.y + (class as f64 + 0.5) * slot;
                    for (index, set) in self.series.iter().enumerate() {
                        let length = axis.share(set.counts[class] as f64) * plot.width;
                        let y = middle - slot * FILLED / 2.0 + index as f64 * bar;
                        canvas.rectangle(Area::new(plot.x, y, length, bar - 1.0), series(index));
                        let at = (plot.x + length + 5.0, y + (bar - 1.0) / 2.0);
                        canvas.text(Text::new(&count(set.counts[class]), at, SMALL).middle());
                    }
                    let name = text::shortened(name, SMALL, false, LONGEST_NAME);
                    let label = Text::new(&name, (plot.x - 7.0, middle), SMALL);
                    canvas.text(label.align(Align::Right).middle());
                }
                let ends = vec![(plot.x, plot.y), (plot.x, plot.bottom())];
                canvas.line(ends, Stroke::solid(AXIS, 1.0));
                let beside = (MARGIN + 11.0, plot.centre().1);
                canvas.text(
                    Text::new(class_title(), beside, LABEL)
                        .colour(MUTED)
                        .align(Align::Centre)
                        .upward(),
                );
                let below = (plot.centre().0, plot.bottom() + 39.0);
                let x_title = Text::new(number_title(), below, LABEL);
                canvas.text(x_title.colour(MUTED).align(Align::Centre));
                Ok(self.alt_text)
            },
        )
    }

    fn legend_height(&self) -> f64 {
        if self.series.len() > 1 {
            LEGEND_HEIGHT
        } else {
            0.0
        }
    }

    fn draw_legend(&self, canvas: &mut Canvas) {
        canvas.heading(&self.heading);
        let mut x = MARGIN;
        let y = self.heading.bottom() + 6.0;
        for (index, set) in self
            .series
            .iter()
            .enumerate()
            .filter(|_| self.series.len() > 1)
        {
            canvas.rectangle(Area::new(x, y - 6.0, 12.0, 12.0), series(index));
            canvas.text(Text::new(&set.name, (x + 18.0, y), SMALL).middle());
            x += 18.0 + text::width(&set.name, SMALL, false) + 20.0;
        }
    }
}

fn class_title() -> &'static str {
    say("class", "クラス")
}

fn number_title() -> &'static str {
    say("number of images", "画像の枚数")
}

fn alt_text(title: &str, names: &[String], series: &[CountSeries]) -> String {
    let mut text = said!(
        "{title}. Bar chart of the number of images per class.",
        "{title}。クラスごとの画像の枚数の棒グラフ。"
    );
    for set in series {
        let counts: Vec<String> = names
            .iter()
            .zip(&set.counts)
            .map(|(name, &number)| format!("{name} {}", count(number)))
            .collect();
        let counts = counts.join(say(", ", "、"));
        text.push_str(&said!(" {}: {counts}.", "{}: {counts}。", set.name));
    }
    text
}

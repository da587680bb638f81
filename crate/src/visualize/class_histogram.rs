//! How many images each class has.

use plotters::chart::ChartBuilder;
use plotters::coord::ranged1d::{IntoSegmentedCoord as _, SegmentValue, SegmentedCoord};
use plotters::coord::types::RangedCoordi32;
use plotters::element::{EmptyElement, Rectangle};
use plotters::prelude::LabelAreaPosition;
use plotters::style::Color as _;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::Axis;
use super::canvas::{
    Area, CHART_WIDTH, Canvas, DrawingResult, Heading, MARGIN, Root, SMALL, device,
};
use super::chart::{Base, Labels, draw_axes, widest_label};
use super::check::{class_names, ensure};
use super::colour::{INK, series};
use super::figure::Figure;
use super::numerals::count;
use super::text::{self, Text};
use crate::error::Result;
use crate::language::{said, say};

const FUNCTION: &str = "class_histogram";
const PLOT_HEIGHT: f64 = 260.0;
const LEGEND_HEIGHT: f64 = 24.0;
const LONGEST_NAME: f64 = 260.0;
/// The space for the names and the title below the bars.
const BELOW: f64 = 44.0;
/// The share of a class's slot that its bars fill together.
const FILLED: f64 = 0.86;
/// The font size of the counts above standing bars, which are narrow.
const COUNT: f64 = 10.5;

type Class = SegmentValue<i32>;

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
    let counts = series.iter().flat_map(|set| &set.counts);
    let most = counts.copied().max().unwrap_or_default();
    let alt_text = alt_text(title, &names, series);
    let histogram = Histogram {
        counts: Axis::counts(most, 5),
        most: count(most),
        names,
        series,
    };
    let heading = Heading::new(title, "", CHART_WIDTH);
    let legend = if series.len() > 1 { LEGEND_HEIGHT } else { 0.0 };
    let top = heading.bottom() + legend;
    let stands = histogram.can_stand();
    let height = match stands {
        true => 14.0 + PLOT_HEIGHT,
        false => histogram.slot() * histogram.names.len() as f64,
    };
    let area = Area::new(MARGIN, top, CHART_WIDTH - 2.0 * MARGIN, height + BELOW);
    Figure::draw(FUNCTION, CHART_WIDTH, area.bottom() + MARGIN, |canvas| {
        canvas.heading(&heading);
        histogram.draw_legend(canvas, heading.bottom() + 6.0);
        canvas.chart(area, |root| match stands {
            true => histogram.draw_standing(root),
            false => histogram.draw_lying(root),
        });
        Ok(alt_text)
    })
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
    counts: Axis,
    /// The largest count.
    most: String,
}

impl Histogram<'_> {
    /// Whether the names fit below standing bars, and the counts above them.
    fn can_stand(&self) -> bool {
        let slot = (CHART_WIDTH - 2.0 * MARGIN - 70.0) / self.names.len() as f64;
        let number = text::width(&self.most, COUNT, false);
        self.widest_name() + 6.0 <= slot && number <= slot * FILLED / self.series.len() as f64
    }

    /// The height of a class whose bars lie.
    fn slot(&self) -> f64 {
        let bar = if self.series.len() == 1 { 16.0 } else { 14.0 };
        self.series.len() as f64 * bar / FILLED
    }

    fn widest_name(&self) -> f64 {
        text::widest(self.names.iter().map(String::as_str), SMALL)
    }

    /// plotters' bars above the names of their classes.
    fn draw_standing(&self, root: &Root) -> DrawingResult {
        let widest = widest_label(&self.counts);
        let mut chart = ChartBuilder::on(root)
            .margin_top(device(14.0))
            .set_label_area_size(LabelAreaPosition::Left, device(28.0 + widest))
            .set_label_area_size(LabelAreaPosition::Bottom, device(BELOW))
            .build_cartesian_2d(self.classes(), self.counts.range())?;
        let (name, number) = (
            |class: &Class| self.name(class, false),
            |place: &f64| self.counts.label(*place),
        );
        let (classes, counts) = (self.class_labels(&name), self.count_labels(&number));
        draw_axes(&mut chart, Base::X, &classes, &counts)?;
        let slot = f64::from(chart.plotting_area().dim_in_pixel().0) / self.names.len() as f64;
        let style = text::style(COUNT, INK).pos(Pos::new(HPos::Center, VPos::Bottom));
        for (index, set) in self.series.iter().enumerate() {
            let (before, after) = self.margins(index, slot);
            chart.draw_series(set.counts.iter().enumerate().map(|(class, &count)| {
                let [from, to] = self.ends(class, false);
                let count = self.counts.place(count as f64);
                let mut bar = Rectangle::new([(from, 0.0), (to, count)], series(index).filled());
                bar.set_margin(0, 0, before as u32, after as u32);
                bar
            }))?;
            chart.draw_series(set.counts.iter().enumerate().map(|(class, &number)| {
                let at = (
                    SegmentValue::CenterOf(class as i32),
                    self.counts.place(number as f64),
                );
                let shift = ((before - after) / 2, -device(3.0));
                EmptyElement::at(at)
                    + plotters::element::Text::new(count(number), shift, style.clone())
            }))?;
        }
        Ok(())
    }

    /// plotters' bars beside the names of their classes.
    fn draw_lying(&self, root: &Root) -> DrawingResult {
        let name_width = self.widest_name().min(LONGEST_NAME);
        let room_for_count = text::width(&self.most, SMALL, false) + 8.0;
        let mut chart = ChartBuilder::on(root)
            .margin_right(device(room_for_count))
            .set_label_area_size(LabelAreaPosition::Left, device(26.0 + name_width))
            .set_label_area_size(LabelAreaPosition::Bottom, device(BELOW))
            .build_cartesian_2d(self.counts.range(), self.classes())?;
        let (name, number) = (
            |class: &Class| self.name(class, true),
            |place: &f64| self.counts.label(*place),
        );
        let (classes, counts) = (self.class_labels(&name), self.count_labels(&number));
        draw_axes(&mut chart, Base::Y, &counts, &classes)?;
        let slot = f64::from(chart.plotting_area().dim_in_pixel().1) / self.names.len() as f64;
        let style = text::style(SMALL, INK).pos(Pos::new(HPos::Left, VPos::Center));
        for (index, set) in self.series.iter().enumerate() {
            let (above, below) = self.margins(index, slot);
            chart.draw_series(set.counts.iter().enumerate().map(|(class, &count)| {
                let [from, to] = self.ends(class, true);
                let count = self.counts.place(count as f64);
                let mut bar = Rectangle::new([(0.0, from), (count, to)], series(index).filled());
                bar.set_margin(above as u32, below as u32, 0, 0);
                bar
            }))?;
            chart.draw_series(set.counts.iter().enumerate().map(|(class, &number)| {
                let row = self.place(class, true) as i32;
                let at = (
                    self.counts.place(number as f64),
                    SegmentValue::CenterOf(row),
                );
                let shift = (device(5.0), (above - below) / 2);
                EmptyElement::at(at)
                    + plotters::element::Text::new(count(number), shift, style.clone())
            }))?;
        }
        Ok(())
    }

    /// One segment for each class.
    fn classes(&self) -> SegmentedCoord<RangedCoordi32> {
        (0..self.names.len() as i32 - 1).into_segmented()
    }

    /// Which segment a class has; plotters counts upwards, so lying ones are turned.
    fn place(&self, class: usize, turned: bool) -> usize {
        match turned {
            true => self.names.len() - 1 - class,
            false => class,
        }
    }

    /// Where a class's segment begins and ends.
    fn ends(&self, class: usize, turned: bool) -> [Class; 2] {
        let place = self.place(class, turned);
        let end = match place + 1 == self.names.len() {
            true => SegmentValue::Last,
            false => SegmentValue::Exact(place as i32 + 1),
        };
        [SegmentValue::Exact(place as i32), end]
    }

    fn name(&self, class: &Class, turned: bool) -> String {
        let (SegmentValue::Exact(place) | SegmentValue::CenterOf(place)) = class else {
            return String::new();
        };
        let mut names = self.names.iter();
        let name = match turned {
            true => names.nth_back(*place as usize),
            false => names.nth(*place as usize),
        };
        text::shortened(name.map_or("", String::as_str), SMALL, false, LONGEST_NAME)
    }

    /// What of a slot lies before and after the bar of a series.
    fn margins(&self, index: usize, slot: f64) -> (i32, i32) {
        let bar = slot * FILLED / self.series.len() as f64;
        let before = slot * (1.0 - FILLED) / 2.0 + index as f64 * bar;
        let gap = f64::from(device(1.0));
        (
            before.round() as i32,
            (slot - before - bar + gap).round() as i32,
        )
    }

    fn class_labels<'l>(&self, text: &'l dyn Fn(&Class) -> String) -> Labels<'l, Class> {
        Labels {
            most: self.names.len(),
            text,
            title: say("class", "クラス"),
        }
    }

    fn count_labels<'l>(&self, text: &'l dyn Fn(&f64) -> String) -> Labels<'l, f64> {
        Labels {
            most: self.counts.most_labels(),
            text,
            title: say("number of images", "画像の枚数"),
        }
    }

    fn draw_legend(&self, canvas: &mut Canvas, y: f64) {
        if self.series.len() == 1 {
            return;
        }
        let mut x = MARGIN;
        for (index, set) in self.series.iter().enumerate() {
            canvas.rectangle(Area::new(x, y - 6.0, 12.0, 12.0), series(index));
            canvas.text(Text::new(&set.name, (x + 18.0, y), SMALL).middle());
            x += 18.0 + text::width(&set.name, SMALL, false) + 20.0;
        }
    }
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

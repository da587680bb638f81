//! The kernels of a convolution.

use super::canvas::{
    Area, Canvas, GRID_WIDTH, Heading, LABEL, MARGIN, Point, SMALL, Stroke, half_pixels,
};
use super::check::{ensure, invalid};
use super::colour::{AXIS, GRID, MUTED};
use super::colour_bar::ColourBar;
use super::colour_scale::{ColourScale, Scale};
use super::figure::Figure;
use super::image_grid::balanced;
use super::matrix::Matrix;
use super::numerals::{counted, significant};
use super::text::{self, Align, Text};
use crate::error::Result;
use crate::language::{said, say};

const FUNCTION: &str = "kernel_grid";
const GROUP_GAP: f64 = 30.0;
/// The height of a line of numbers or names.
const LINE: f64 = 16.0;
/// The space for an upright axis title.
const AXIS_TITLE: f64 = 18.0;
/// The side of the largest kernel; of many, so many fit below each other into `TALLEST`.
const LARGEST_KERNEL: f64 = 84.0;
const SMALLEST_KERNEL: f64 = 18.0;
const TALLEST: f64 = 640.0;
/// Weights no smaller than this can be told apart, even if the picture then gets wider than a notebook.
const SMALLEST_CELL: f64 = 1.0;

/// Filters that are shown as one block, such as those before the training.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KernelGroup {
    /// Stands above the block.
    pub name: String,
    /// The filters of the layer, each with one matrix per input channel, whose captions are not
    /// shown. All filters of all groups have as many channels and matrices of one size.
    pub filters: Vec<Vec<Matrix>>,
}

/// How kernels are shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KernelGridSettings {
    /// Stands below the title.
    pub subtitle: String,
    /// What the values are; stands at the colour bar.
    pub value_title: String,
    /// One name per input channel, such as "red", "green", "blue"; empty for numbers from 0.
    pub channel_names: Vec<String>,
}

/// The kernels of one or several groups of filters, with one colour scale for all.
///
/// Negative weights are orange, zero is white, positive weights are blue, so that groups can be
/// compared. Filters of one channel stand in a block that is about square; filters of several
/// channels have one row each, and one column for each channel. Filters are numbered from 0.
///
/// # Errors
/// [`Error::Picture`](crate::Error::Picture) if there is nothing to show, if sizes differ or a value is
/// not finite, or if there are so many kernels that no browser would show them.
pub fn kernel_grid(
    title: &str,
    groups: &[KernelGroup],
    settings: &KernelGridSettings,
) -> Result<Figure> {
    check(groups, settings)?;
    let scale = Scale::of(
        matrices(groups).flat_map(Matrix::numbers),
        ColourScale::Diverging,
    );
    let layout = Layout::new(groups, settings);
    let bar = scale.bar(
        &settings.value_title,
        layout.height.clamp(110.0, 320.0) - 8.0,
    );
    let blocks = groups.len() as f64 * (layout.width + GROUP_GAP) - GROUP_GAP;
    let bar_left = MARGIN + blocks + ColourBar::GAP;
    let width = (bar_left + bar.width() + MARGIN).max(300.0);
    let heading = Heading::new(title, &settings.subtitle, width);
    let kernels = heading.bottom() + layout.top;
    let height = kernels + layout.height.max(bar.height()) + MARGIN;
    Figure::draw(FUNCTION, width, height, |canvas| {
        canvas.heading(&heading);
        for (index, group) in groups.iter().enumerate() {
            let left = MARGIN + index as f64 * (layout.width + GROUP_GAP);
            layout.draw_names(canvas, group, (left, heading.bottom()));
            layout.draw_kernels(canvas, group, &scale, (left + layout.left, kernels));
        }
        bar.draw(canvas, (bar_left, kernels));
        Ok(alt_text(title, groups, &scale, settings))
    })
}

fn matrices(groups: &[KernelGroup]) -> impl Iterator<Item = &Matrix> {
    groups.iter().flat_map(|group| &group.filters).flatten()
}

fn check(groups: &[KernelGroup], settings: &KernelGridSettings) -> Result<()> {
    ensure(!groups.is_empty(), FUNCTION, || {
        "there are no groups; give at least one".to_owned()
    })?;
    for group in groups {
        let name = format!("group {:?}", group.name);
        ensure(!group.filters.is_empty(), FUNCTION, || {
            format!("{name} has no filters; give at least one")
        })?;
        for (index, filter) in group.filters.iter().enumerate() {
            let name = format!("{name}, filter {index}");
            ensure(!filter.is_empty(), FUNCTION, || {
                format!("{name} has no matrices; give one per input channel")
            })?;
            (filter.iter().enumerate()).try_for_each(|(channel, matrix)| {
                matrix.check(FUNCTION, &format!("{name}, channel {channel}"))
            })?;
            check_size(&name, filter, &groups[0].filters[0])?;
        }
    }
    let (names, channels) = (settings.channel_names.len(), groups[0].filters[0].len());
    ensure(names == 0 || names == channels, FUNCTION, || {
        format!("there are {names} channel_names for {channels} channels; give one each, or none")
    })
}

/// An error unless the filter is as large as the first one.
fn check_size(name: &str, filter: &[Matrix], first: &[Matrix]) -> Result<()> {
    let (channels, expected) = (filter.len(), first.len());
    ensure(channels == expected, FUNCTION, || {
        format!(
            "{name} has {channels} channels, the first filter has {expected}; all must have as many"
        )
    })?;
    let (rows, columns) = (first[0].rows, first[0].columns);
    let odd = filter
        .iter()
        .find(|matrix| (matrix.rows, matrix.columns) != (rows, columns));
    match odd {
        None => Ok(()),
        Some(matrix) => Err(invalid(
            FUNCTION,
            format!(
                "{name} has a matrix of {} × {}, the first filter one of {rows} × {columns}; all must have one size",
                matrix.rows, matrix.columns
            ),
        )),
    }
}

/// One block of kernels; all groups have equal ones.
struct Layout {
    /// The kernels of a row.
    columns: usize,
    /// Names of the columns; none for filters of one channel.
    channels: Vec<String>,
    kernel: (f64, f64),
    pitch: (f64, f64),
    /// The space left of the kernels for the numbers of the filters.
    left: f64,
    /// The space above the kernels for the name of the group and the channels.
    top: f64,
    /// The lines of each group's name take this much of `top`.
    name: f64,
    width: f64,
    /// The height of the kernels, with the numbers below them.
    height: f64,
}

impl Layout {
    fn new(groups: &[KernelGroup], settings: &KernelGridSettings) -> Layout {
        let first = &groups[0].filters[0];
        let most = groups.iter().map(|group| group.filters.len()).max();
        let filters = most.unwrap_or(1);
        let in_block = first.len() == 1;
        let (columns, rows) = if in_block {
            let columns = balanced((filters as f64).sqrt().ceil() as usize, filters);
            (columns, filters.div_ceil(columns))
        } else {
            (first.len(), filters)
        };
        let channels = channel_names(first.len(), settings);
        let left = if in_block {
            0.0
        } else {
            AXIS_TITLE + text::width(&(filters - 1).to_string(), SMALL, false) + 6.0
        };
        let room = GRID_WIDTH - 2.0 * MARGIN - ColourBar::USUAL_WIDTH;
        let room = (room + GROUP_GAP) / groups.len() as f64 - GROUP_GAP - left;
        let widest = room / columns as f64;
        let below = if in_block { LINE } else { 0.0 };
        let tallest = (TALLEST / rows as f64 - below).clamp(SMALLEST_KERNEL, LARGEST_KERNEL);
        let gap = half_pixels(0.12 * widest.min(tallest)).clamp(1.0, 8.0);
        let side = (widest - gap).min(tallest);
        let cell = half_pixels(side / first[0].columns.max(first[0].rows) as f64);
        let cell = cell.max(SMALLEST_CELL);
        let kernel = (first[0].columns as f64 * cell, first[0].rows as f64 * cell);
        let named = if settings.channel_names.is_empty() {
            0.0
        } else {
            text::widest(channels.iter().map(String::as_str), SMALL) + 8.0
        };
        let pitch = ((kernel.0 + gap).max(named), kernel.1 + gap + below);
        let width = left + columns as f64 * pitch.0 - gap;
        let lines = |group: &KernelGroup| name_lines(group, width).len();
        let name = groups.iter().map(lines).max().unwrap_or(0) as f64 * (LINE + 1.0);
        let name = if name > 0.0 { name + 3.0 } else { name };
        Layout {
            columns,
            channels: if in_block { Vec::new() } else { channels },
            kernel,
            pitch,
            left,
            top: name + if in_block { 0.0 } else { 2.0 * LINE },
            name,
            width,
            height: rows as f64 * pitch.1 - gap,
        }
    }

    /// The name of the group and what rows and columns are.
    fn draw_names(&self, canvas: &mut Canvas, group: &KernelGroup, (left, top): Point) {
        let x = left + self.left;
        for (index, line) in name_lines(group, self.width).iter().enumerate() {
            let baseline = top + 13.0 + index as f64 * (LINE + 1.0);
            canvas.text(Text::new(line, (x, baseline), LABEL).bold(true));
        }
        if self.channels.is_empty() {
            return;
        }
        let columns = self.columns as f64 * self.pitch.0;
        let above = (x, top + self.name + 11.0);
        let title = say("input channel", "入力チャネル");
        canvas.text(Text::new(title, above, SMALL).colour(MUTED));
        let widest = text::widest(self.channels.iter().map(String::as_str), SMALL);
        let step = ((widest + 6.0) / self.pitch.0).ceil().max(1.0) as usize;
        for (column, channel) in self.channels.iter().enumerate().step_by(step) {
            let channel = text::shortened(channel, SMALL, false, columns);
            let centre = x + column as f64 * self.pitch.0 + self.kernel.0 / 2.0;
            let at = (centre, top + self.name + LINE + 10.0);
            canvas.text(Text::new(&channel, at, SMALL).align(Align::Centre));
        }
        let beside = (left + 11.0, top + self.top);
        canvas.text(
            Text::new(say("filter", "フィルタ"), beside, SMALL)
                .colour(MUTED)
                .align(Align::Right)
                .upward(),
        );
    }

    fn draw_kernels(&self, canvas: &mut Canvas, group: &KernelGroup, scale: &Scale, corner: Point) {
        let in_block = self.channels.is_empty();
        let step = (LINE / self.pitch.1).ceil() as usize;
        let per_filter = if in_block { 1 } else { self.columns };
        for (index, matrix) in group.filters.iter().flatten().enumerate() {
            let (row, column) = (index / self.columns, index % self.columns);
            let area = Area::new(
                corner.0 + column as f64 * self.pitch.0,
                corner.1 + row as f64 * self.pitch.1,
                self.kernel.0,
                self.kernel.1,
            );
            canvas.image(matrix.placed(area, scale));
            canvas.border(area, self.border());
            let filter = index / per_filter;
            if in_block {
                let at = (area.centre().0, area.bottom() + 13.0);
                canvas.text(Text::new(&self.filter_name(filter), at, SMALL).align(Align::Centre));
            } else if column == 0 && filter.is_multiple_of(step) {
                let number = Text::new(&filter.to_string(), (area.x - 6.0, area.centre().1), SMALL);
                canvas.text(number.align(Align::Right).middle());
            }
        }
    }

    /// The smaller the kernels, the less their borders may weigh.
    fn border(&self) -> Stroke {
        match self.kernel.0 {
            side if side < 14.0 => Stroke::solid(GRID, 0.5),
            side if side < 30.0 => Stroke::solid(AXIS, 0.5),
            _ => Stroke::solid(AXIS, 1.0),
        }
    }

    /// "filter 3", or only its number below small kernels.
    fn filter_name(&self, filter: usize) -> String {
        let name = said!("filter {filter}", "フィルタ {filter}");
        if text::width(&name, SMALL, false) <= self.pitch.0 - 4.0 {
            name
        } else {
            filter.to_string()
        }
    }
}

fn name_lines(group: &KernelGroup, width: f64) -> Vec<String> {
    if group.name.trim().is_empty() {
        Vec::new()
    } else {
        text::wrapped(&group.name, LABEL, true, width, 2)
    }
}

fn channel_names(channels: usize, settings: &KernelGridSettings) -> Vec<String> {
    if settings.channel_names.is_empty() {
        (0..channels).map(|channel| channel.to_string()).collect()
    } else {
        settings.channel_names.clone()
    }
}

fn alt_text(
    title: &str,
    groups: &[KernelGroup],
    scale: &Scale,
    settings: &KernelGridSettings,
) -> String {
    let first = &groups[0].filters[0];
    let number = counted(first.len(), ["channel", "channels"], ["", "チャネル"]);
    let channels = match settings.channel_names.as_slice() {
        [] => number,
        names => format!("{number} ({})", names.join(say(", ", "、"))),
    };
    let groups: Vec<String> = groups
        .iter()
        .map(|group| {
            let number = group.filters.len();
            let filters = counted(number, ["filter", "filters"], ["フィルタ", "枚"]);
            let name = text::in_one_line(&group.name);
            if name.is_empty() {
                filters
            } else {
                format!("{name}: {filters}")
            }
        })
        .collect();
    said!(
        "{title}.{} Kernels of a convolution, {} × {} weights for {channels}. {}. \
         Colours show {} from {} to {}, the same in all groups.",
        "{title}。{}畳み込みのカーネル、{} × {} の重み、{channels}。{}。\
         色が示す値: {}、{} から {}、すべてのグループに共通。",
        text::sentence(&settings.subtitle),
        first[0].rows,
        first[0].columns,
        groups.join("; "),
        match settings.value_title.as_str() {
            "" => say("weights", "重み"),
            title => title,
        },
        significant(scale.low, 3),
        significant(scale.high, 3),
    )
}

//! The kernels of a convolution.

use super::colour_bar::ColourBar;
use super::colour_scale::{ColourScale, Scale};
use super::matrix::Matrix;
use super::prelude::*;
use super::tile::{Grid, balanced_columns};

const FUNCTION: &str = "kernel_grid";
const GROUP_GAP: f64 = 30.0;
/// The height of a line of text.
const LINE: f64 = 16.0;
/// The space for a rotated axis title.
const AXIS_TITLE: f64 = 18.0;
/// The largest side of a kernel. Many kernels are smaller, so that their rows fit into `MAX_HEIGHT`.
const MAX_KERNEL: f64 = 84.0;
const MIN_KERNEL: f64 = 18.0;
const MAX_HEIGHT: f64 = 640.0;
/// The smallest cell of a weight. The picture gets wider than a notebook before cells get smaller.
const MIN_CELL: f64 = 1.0;

/// A group of filters, such as those before the training.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KernelGroup {
    /// The name above the group.
    pub name: String,
    /// The filters, each with one matrix per input channel. Captions of matrices are not shown. All filters of all groups
    /// have the same number of channels and matrices of one size.
    pub filters: Vec<Vec<Matrix>>,
}

/// How kernels are shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KernelGridSettings {
    /// The line below the title.
    pub subtitle: String,
    /// The title of the colour bar: what the values are.
    pub value_title: String,
    /// One name per input channel, such as "red", "green", "blue"; empty for numbers from 0.
    pub channel_names: Vec<String>,
}

/// The kernels of one or several groups of filters, with one colour scale for all.
///
/// Negative weights are orange, zero is white, positive weights are blue. Filters of one channel are arranged about in a
/// square. Filters of several channels have a row each, with a column for each channel. Filters are numbered from 0.
///
/// # Errors
/// [`Error::Picture`](crate::Error::Picture) without groups or filters, if sizes differ, if a value is not finite, or if
/// the picture would be too large.
pub fn kernel_grid(
    title: &str,
    groups: &[KernelGroup],
    settings: &KernelGridSettings,
) -> Result<Figure> {
    check(groups, settings)?;
    let kernels = groups.iter().flat_map(|group| &group.filters).flatten();
    let scale = Scale::from_values(kernels.flat_map(Matrix::numbers), ColourScale::Diverging);
    let layout = Layout::new(groups, settings);
    let bar_height = layout.grid.height().clamp(110.0, 320.0) - 8.0;
    let bar = ColourBar::for_scale(&scale, &settings.value_title, bar_height);
    let stride = layout.width + GROUP_GAP;
    let bar_left = MARGIN + groups.len() as f64 * stride - GROUP_GAP + ColourBar::GAP;
    let width = (bar_left + bar.width + MARGIN).max(300.0);
    let height = layout.top + layout.grid.height().max(bar.height);
    let titles = (title, settings.subtitle.as_str());
    let alt_text = alt_text(title, groups, &scale, settings);
    Figure::draw(
        FUNCTION,
        titles,
        (width, height),
        &alt_text,
        |canvas, top| {
            for (index, group) in groups.iter().enumerate() {
                let corner = (MARGIN + index as f64 * stride, top);
                layout.draw_names(canvas, group, corner);
                layout.draw_kernels(canvas, group, &scale, corner);
            }
            bar.draw(canvas, (bar_left, top + layout.top));
        },
    )
}

fn check(groups: &[KernelGroup], settings: &KernelGridSettings) -> Result<()> {
    ensure_not_empty(FUNCTION, "groups", groups)?;
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

/// An error unless the filter has the channels and the size of the first one.
fn check_size(name: &str, filter: &[Matrix], first: &[Matrix]) -> Result<()> {
    let (channels, expected) = (filter.len(), first.len());
    ensure(channels == expected, FUNCTION, || {
        format!(
            "{name} has {channels} channels, the first filter has {expected}; all must have as many"
        )
    })?;
    let size = |matrix: &Matrix| (matrix.rows, matrix.columns);
    filter.iter().map(size).try_for_each(|(rows, columns)| {
        let expected = size(&first[0]);
        ensure((rows, columns) == expected, FUNCTION, || {
            format!(
                "{name} has a matrix of {rows} × {columns}, the first filter one of {} × {}; all must have one size",
                expected.0, expected.1
            )
        })
    })
}

/// The layout of a group. All groups have the same.
struct Layout {
    grid: Grid,
    /// The names of the columns; empty for filters of one channel.
    channels: Vec<String>,
    kernel: (f64, f64),
    /// The space at the left of the kernels for the numbers of the filters.
    left: f64,
    /// The space above the kernels for the name of the group and the channels.
    top: f64,
    /// The part of `top` for the name of the group.
    name_height: f64,
    width: f64,
}

impl Layout {
    fn new(groups: &[KernelGroup], settings: &KernelGridSettings) -> Layout {
        let first = &groups[0].filters[0];
        let filters = groups.iter().map(|group| group.filters.len()).max();
        let filters = filters.unwrap_or(1);
        let is_single_channel = first.len() == 1;
        let (columns, rows) = columns_and_rows(filters, first.len());
        let (left, below, above) = match is_single_channel {
            true => (0.0, LINE, 0.0),
            false => {
                let numbers = text::width(&(filters - 1).to_string(), SMALL, false) + 6.0;
                (AXIS_TITLE + numbers, 0.0, 2.0 * LINE)
            }
        };
        let available = GRID_WIDTH - 2.0 * MARGIN - ColourBar::DEFAULT_WIDTH + GROUP_GAP;
        let widest = (available / groups.len() as f64 - GROUP_GAP - left) / columns as f64;
        let tallest = (MAX_HEIGHT / rows as f64 - below).clamp(MIN_KERNEL, MAX_KERNEL);
        let (kernel, gap) = kernel_and_gap(&first[0], widest, tallest);
        let named = match settings.channel_names.is_empty() {
            true => 0.0,
            false => text::max_width(&settings.channel_names, SMALL) + 8.0,
        };
        let tile = (kernel.0.max(named - gap), kernel.1 + below);
        let grid = Grid::new(filters * first.len(), columns, tile, gap);
        let width = left + grid.width();
        let name_height = name_height(groups, width);
        Layout {
            grid,
            channels: match (is_single_channel, settings.channel_names.as_slice()) {
                (true, _) => Vec::new(),
                (false, []) => (0..columns).map(|channel| channel.to_string()).collect(),
                (false, names) => names.to_vec(),
            },
            kernel,
            left,
            top: name_height + above,
            name_height,
            width,
        }
    }

    /// Draws the name of the group and the names of rows and columns.
    fn draw_names(&self, canvas: &mut Canvas, group: &KernelGroup, (left, top): Point) {
        let (x, above) = (left + self.left, top + self.name_height);
        for (index, line) in name_lines(group, self.width).iter().enumerate() {
            let baseline = top + 13.0 + index as f64 * (LINE + 1.0);
            canvas.text(Text::new(line, (x, baseline), LABEL).bold(true));
        }
        if self.channels.is_empty() {
            return;
        }
        let title = translated("input channel", "入力チャネル");
        canvas.text(Text::new(title, (x, above + 11.0), SMALL).muted());
        // If columns are narrow, some names are left out so that the others do not overlap.
        let stride = self.grid.stride.0;
        let step = ((text::max_width(&self.channels, SMALL) + 6.0) / stride).ceil() as usize;
        for (column, channel) in self.channels.iter().enumerate().step_by(step.max(1)) {
            let channel = text::truncated(channel, SMALL, false, self.grid.width());
            let centre = x + column as f64 * stride + self.kernel.0 / 2.0;
            canvas.text(Text::new(&channel, (centre, above + LINE + 10.0), SMALL).centred());
        }
        let beside = (left + 11.0, top + self.top);
        let title = Text::new(translated("filter", "フィルタ"), beside, SMALL);
        canvas.text(title.muted().right_aligned().rotated());
    }

    fn draw_kernels(&self, canvas: &mut Canvas, group: &KernelGroup, scale: &Scale, corner: Point) {
        let corner = (corner.0 + self.left, corner.1 + self.top);
        let step = (LINE / self.grid.stride.1).ceil() as usize;
        for (index, matrix) in group.filters.iter().flatten().enumerate() {
            let area = area(self.grid.position(index, corner), self.kernel);
            canvas.image(matrix.placed(area, scale), self.border());
            let (row, column) = (index / self.grid.columns, index % self.grid.columns);
            if self.channels.is_empty() {
                let at = (area.center().x, area.y1 + 13.0);
                canvas.text(Text::new(&self.filter_name(index), at, SMALL).centred());
            } else if column == 0 && row.is_multiple_of(step) {
                let number = Text::new(&row.to_string(), (area.x0 - 6.0, area.center().y), SMALL);
                canvas.text(number.right_aligned().vertically_centred());
            }
        }
    }

    /// The border of a kernel, thinner for small kernels.
    fn border(&self) -> Stroke {
        match self.kernel.0 {
            side if side < 14.0 => Stroke::solid(GRID, 0.5),
            side if side < 30.0 => Stroke::solid(AXIS, 0.5),
            _ => Stroke::solid(AXIS, 1.0),
        }
    }

    /// "filter 3", or only the number below small kernels.
    fn filter_name(&self, filter: usize) -> String {
        let name = translate!("filter {filter}", "フィルタ {filter}");
        match text::width(&name, SMALL, false) <= self.grid.stride.0 - 4.0 {
            true => name,
            false => filter.to_string(),
        }
    }
}

/// The columns and rows of the kernels of a group.
fn columns_and_rows(filters: usize, channels: usize) -> (usize, usize) {
    if channels > 1 {
        return (channels, filters);
    }
    let columns = balanced_columns((filters as f64).sqrt().ceil() as usize, filters);
    (columns, filters.div_ceil(columns))
}

/// The size of a kernel and the gap between kernels, where there is so much space for each.
fn kernel_and_gap(matrix: &Matrix, widest: f64, tallest: f64) -> ((f64, f64), f64) {
    let gap = whole_device_pixels(0.12 * widest.min(tallest)).clamp(1.0, 8.0);
    let side = (widest - gap).min(tallest);
    let cell = whole_device_pixels(side / matrix.columns.max(matrix.rows) as f64);
    let cell = cell.max(MIN_CELL);
    (
        (matrix.columns as f64 * cell, matrix.rows as f64 * cell),
        gap,
    )
}

/// The height of the lines of the longest name.
fn name_height(groups: &[KernelGroup], width: f64) -> f64 {
    let lines = groups.iter().map(|group| name_lines(group, width).len());
    match lines.max() {
        None | Some(0) => 0.0,
        Some(lines) => lines as f64 * (LINE + 1.0) + 3.0,
    }
}

fn name_lines(group: &KernelGroup, width: f64) -> Vec<String> {
    text::wrapped(&group.name, LABEL, true, width, 2)
}

fn alt_text(
    title: &str,
    groups: &[KernelGroup],
    scale: &Scale,
    settings: &KernelGridSettings,
) -> String {
    let first = &groups[0].filters[0];
    let number = with_noun(first.len(), "channel", ["", "チャネル"]);
    let channels = match settings.channel_names.as_slice() {
        [] => number,
        names => format!("{number} ({})", text::joined(names)),
    };
    let describe = |group: &KernelGroup| {
        let filters = with_noun(group.filters.len(), "filter", ["フィルタ", "枚"]);
        match text::in_one_line(&group.name) {
            none if none.is_empty() => filters,
            name => format!("{name}: {filters}"),
        }
    };
    let groups: Vec<String> = groups.iter().map(describe).collect();
    let values = text::or_if_empty(&settings.value_title, translated("weights", "重み"));
    translate!(
        "{title}.{} Kernels of a convolution, {} × {} weights for {channels}. {}.{}, the same in all groups.",
        "{title}。{}畳み込みのカーネル、{} × {} の重み、{channels}。{}。{}、すべてのグループに共通。",
        text::sentence(&settings.subtitle),
        first[0].rows,
        first[0].columns,
        groups.join("; "),
        scale.describe(values),
    )
}

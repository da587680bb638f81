//! The kernels of a convolution.

use super::colour_bar::ColourBar;
use super::colour_scale::{ColourScale, Scale};
use super::matrix::Matrix;
use super::prelude::*;
use super::tile::{Grid, balanced};

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
    let kernels = groups.iter().flat_map(|group| &group.filters).flatten();
    let scale = Scale::of(kernels.flat_map(Matrix::numbers), ColourScale::Diverging);
    let layout = Layout::new(groups, settings);
    let bar_height = layout.grid.height().clamp(110.0, 320.0) - 8.0;
    let bar = ColourBar::of(&scale, &settings.value_title, bar_height);
    let pitch = layout.width + GROUP_GAP;
    let bar_left = MARGIN + groups.len() as f64 * pitch - GROUP_GAP + ColourBar::GAP;
    let width = (bar_left + bar.width + MARGIN).max(300.0);
    let height = layout.top + layout.grid.height().max(bar.height);
    let titles = (title, settings.subtitle.as_str());
    let words = alt_text(title, groups, &scale, settings);
    Figure::draw(FUNCTION, titles, (width, height), &words, |canvas, top| {
        for (index, group) in groups.iter().enumerate() {
            let corner = (MARGIN + index as f64 * pitch, top);
            layout.draw_names(canvas, group, corner);
            layout.draw_kernels(canvas, group, &scale, corner);
        }
        bar.draw(canvas, (bar_left, top + layout.top));
    })
}

fn check(groups: &[KernelGroup], settings: &KernelGridSettings) -> Result<()> {
    ensure_some(FUNCTION, "groups", groups)?;
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

/// One block of kernels; all groups have equal ones.
struct Layout {
    grid: Grid,
    /// Names of the columns; none for filters of one channel, which stand in a block.
    channels: Vec<String>,
    kernel: (f64, f64),
    /// The space left of the kernels for the numbers of the filters.
    left: f64,
    /// The space above the kernels for the name of the group and the channels.
    top: f64,
    /// The lines of each group's name take this much of `top`.
    name: f64,
    width: f64,
}

impl Layout {
    fn new(groups: &[KernelGroup], settings: &KernelGridSettings) -> Layout {
        let first = &groups[0].filters[0];
        let most = groups.iter().map(|group| group.filters.len()).max();
        let filters = most.unwrap_or(1);
        let in_block = first.len() == 1;
        let (columns, rows) = match in_block {
            true => {
                let columns = balanced((filters as f64).sqrt().ceil() as usize, filters);
                (columns, filters.div_ceil(columns))
            }
            false => (first.len(), filters),
        };
        let (left, below, above) = match in_block {
            true => (0.0, LINE, 0.0),
            false => {
                let numbers = text::width(&(filters - 1).to_string(), SMALL, false) + 6.0;
                (AXIS_TITLE + numbers, 0.0, 2.0 * LINE)
            }
        };
        let room = GRID_WIDTH - 2.0 * MARGIN - ColourBar::USUAL_WIDTH + GROUP_GAP;
        let widest = (room / groups.len() as f64 - GROUP_GAP - left) / columns as f64;
        let tallest = (TALLEST / rows as f64 - below).clamp(SMALLEST_KERNEL, LARGEST_KERNEL);
        let gap = half_pixels(0.12 * widest.min(tallest)).clamp(1.0, 8.0);
        let side = (widest - gap).min(tallest);
        let cell = half_pixels(side / first[0].columns.max(first[0].rows) as f64);
        let cell = cell.max(SMALLEST_CELL);
        let kernel = (first[0].columns as f64 * cell, first[0].rows as f64 * cell);
        let named = match settings.channel_names.is_empty() {
            true => 0.0,
            false => text::widest(&settings.channel_names, SMALL) + 8.0,
        };
        let tile = (kernel.0.max(named - gap), kernel.1 + below);
        let grid = Grid::new(filters * first.len(), columns, tile, gap);
        let width = left + grid.width();
        let lines = groups.iter().map(|group| name_lines(group, width).len());
        let name = match lines.max() {
            None | Some(0) => 0.0,
            Some(lines) => lines as f64 * (LINE + 1.0) + 3.0,
        };
        Layout {
            grid,
            channels: match (in_block, settings.channel_names.as_slice()) {
                (true, _) => Vec::new(),
                (false, []) => (0..columns).map(|channel| channel.to_string()).collect(),
                (false, names) => names.to_vec(),
            },
            kernel,
            left,
            top: name + above,
            name,
            width,
        }
    }

    /// The name of the group and what rows and columns are.
    fn draw_names(&self, canvas: &mut Canvas, group: &KernelGroup, (left, top): Point) {
        let (x, above) = (left + self.left, top + self.name);
        for (index, line) in name_lines(group, self.width).iter().enumerate() {
            let baseline = top + 13.0 + index as f64 * (LINE + 1.0);
            canvas.text(Text::new(line, (x, baseline), LABEL).bold(true));
        }
        if self.channels.is_empty() {
            return;
        }
        let title = translated("input channel", "入力チャネル");
        canvas.text(Text::new(title, (x, above + 11.0), SMALL).muted());
        // Of narrow columns only so many are named that the names do not overlap.
        let pitch = self.grid.pitch.0;
        let step = ((text::widest(&self.channels, SMALL) + 6.0) / pitch).ceil() as usize;
        for (column, channel) in self.channels.iter().enumerate().step_by(step.max(1)) {
            let channel = text::shortened(channel, SMALL, false, self.grid.width());
            let centre = x + column as f64 * pitch + self.kernel.0 / 2.0;
            canvas.text(Text::new(&channel, (centre, above + LINE + 10.0), SMALL).centred());
        }
        let beside = (left + 11.0, top + self.top);
        let title = Text::new(translated("filter", "フィルタ"), beside, SMALL);
        canvas.text(title.muted().at_right().upward());
    }

    fn draw_kernels(&self, canvas: &mut Canvas, group: &KernelGroup, scale: &Scale, corner: Point) {
        let corner = (corner.0 + self.left, corner.1 + self.top);
        let step = (LINE / self.grid.pitch.1).ceil() as usize;
        for (index, matrix) in group.filters.iter().flatten().enumerate() {
            let area = area(self.grid.place(index, corner), self.kernel);
            canvas.image(matrix.placed(area, scale), self.border());
            let (row, column) = (index / self.grid.columns, index % self.grid.columns);
            if self.channels.is_empty() {
                let at = (area.center().x, area.y1 + 13.0);
                canvas.text(Text::new(&self.filter_name(index), at, SMALL).centred());
            } else if column == 0 && row.is_multiple_of(step) {
                let number = Text::new(&row.to_string(), (area.x0 - 6.0, area.center().y), SMALL);
                canvas.text(number.at_right().middle());
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
        let name = translate!("filter {filter}", "フィルタ {filter}");
        match text::width(&name, SMALL, false) <= self.grid.pitch.0 - 4.0 {
            true => name,
            false => filter.to_string(),
        }
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
    let number = counted(first.len(), "channel", ["", "チャネル"]);
    let channels = match settings.channel_names.as_slice() {
        [] => number,
        names => format!("{number} ({})", text::listed(names)),
    };
    let in_words = |group: &KernelGroup| {
        let filters = counted(group.filters.len(), "filter", ["フィルタ", "枚"]);
        match text::in_one_line(&group.name) {
            none if none.is_empty() => filters,
            name => format!("{name}: {filters}"),
        }
    };
    let groups: Vec<String> = groups.iter().map(in_words).collect();
    let values = text::or(&settings.value_title, translated("weights", "重み"));
    translate!(
        "{title}.{} Kernels of a convolution, {} × {} weights for {channels}. {}.{}, the same in all groups.",
        "{title}。{}畳み込みのカーネル、{} × {} の重み、{channels}。{}。{}、すべてのグループに共通。",
        text::sentence(&settings.subtitle),
        first[0].rows,
        first[0].columns,
        groups.join("; "),
        scale.in_words(values),
    )
}

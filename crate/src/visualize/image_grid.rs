//! Images in rows and columns, with captions.

use super::canvas::{Area, Canvas, GRID_WIDTH, Heading, MARGIN, Point, SMALL, Stroke};
use super::check::{ensure, invalid};
use super::colour::{AXIS, BLUE, VERMILLION};
use super::colour_bar::ColourBar;
use super::colour_scale::{ColourScale, Scale};
use super::figure::Figure;
use super::numerals::counted;
use super::picture::Picture;
use super::text::{self, Align, Text};
use crate::error::Result;
use crate::language::{said, say};

const FUNCTION: &str = "image_grid";
const GAP: f64 = 12.0;
const CAPTION_LINE: f64 = 14.0;
const CAPTION_LINES: usize = 3;
/// Captions up to this width widen their column; longer ones are broken.
const CAPTION_WIDTH: f64 = 130.0;
/// The space that ✓ or ✗ takes before the caption.
const MARK_WIDTH: f64 = 14.0;
/// The alt text names no more images than this.
const MOST_NAMED: usize = 100;

/// How a grid is laid out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GridSettings {
    /// Stands below the title.
    pub subtitle: String,
    /// What the colours of overlays show, such as "Grad-CAM, share of the largest value"; stands at
    /// the colour bar, which there is if a picture has an overlay.
    pub colour_bar: String,
    /// Images in a row, at least 1; `None` for as many as fit, up to 10 for up to 100 images.
    pub columns: Option<usize>,
    /// Pixels on the screen per pixel of an image, in [1, 64]; `None` for a size that suits the number of images.
    pub enlargement: Option<usize>,
}

/// Images enlarged without smoothing, each with its caption below.
///
/// Pictures with and without [`Overlay`](super::Overlay) may stand side by side; all overlays have
/// the colours of one scale, which the bar at the right explains as they are without the image.
///
/// A picture marked as right has a solid blue border and ✓, one marked as wrong a dashed orange
/// border and ✗.
pub fn image_grid(title: &str, pictures: &[Picture], settings: &GridSettings) -> Result<Figure> {
    check(pictures, settings)?;
    let colours = overlay_colours(pictures)?;
    let layout = Layout::new(pictures, settings, colours.is_some());
    let rows = pictures.len().div_ceil(layout.columns);
    let grid_height = rows as f64 * layout.row_height() - GAP;
    let bar = colours.map(|colours| {
        let images = (rows - 1) as f64 * layout.row_height() + layout.image_height;
        Scale::of_shares(colours).bar(&settings.colour_bar, images.clamp(110.0, 320.0))
    });
    let right = MARGIN + layout.columns as f64 * (layout.cell_width + GAP) - GAP;
    let bar_width = (bar.as_ref()).map_or(0.0, |bar| ColourBar::GAP + bar.width());
    let bar_height = bar.as_ref().map_or(0.0, ColourBar::height);
    let width = (right + bar_width + MARGIN).max(240.0);
    let heading = Heading::new(title, &settings.subtitle, width);
    let height = heading.bottom() + grid_height.max(bar_height) + MARGIN;
    Figure::draw(FUNCTION, width, height, |canvas| {
        canvas.heading(&heading);
        for (index, picture) in pictures.iter().enumerate() {
            let column = (index % layout.columns) as f64;
            let row = (index / layout.columns) as f64;
            let corner = (
                MARGIN + column * (layout.cell_width + GAP),
                heading.bottom() + row * layout.row_height(),
            );
            layout.draw_cell(canvas, picture, &layout.captions[index], corner);
        }
        if let Some(bar) = &bar {
            bar.draw(canvas, (right + ColourBar::GAP, heading.bottom()));
        }
        let grid = (rows, layout.columns);
        Ok(alt_text(title, pictures, grid, settings))
    })
}

/// The colours of all overlays, none without overlays; an error if they differ.
fn overlay_colours(pictures: &[Picture]) -> Result<Option<ColourScale>> {
    let mut colours = (pictures.iter().enumerate())
        .filter_map(|(index, picture)| Some((index, picture.overlay.as_ref()?.colours)));
    let Some((first, one)) = colours.next() else {
        return Ok(None);
    };
    match colours.find(|(_, other)| *other != one) {
        None => Ok(Some(one)),
        Some((index, other)) => Err(invalid(
            FUNCTION,
            format!(
                "the overlay of image {index} has the colours {other:?}, that of image {first} {one:?}; \
                 show them in two grids, each with its colour bar"
            ),
        )),
    }
}

fn check(pictures: &[Picture], settings: &GridSettings) -> Result<()> {
    ensure(!pictures.is_empty(), FUNCTION, || {
        "there are no images; give at least one".to_owned()
    })?;
    ensure(settings.columns != Some(0), FUNCTION, || {
        "columns is 0; give at least 1, or None".to_owned()
    })?;
    if let Some(enlargement) = settings.enlargement {
        ensure((1..=64).contains(&enlargement), FUNCTION, || {
            format!("enlargement is {enlargement}; give a number in [1, 64], or None")
        })?;
    }
    (pictures.iter().enumerate()).try_for_each(|(index, picture)| picture.check(FUNCTION, index))
}

struct Layout {
    columns: usize,
    scale: f64,
    cell_width: f64,
    image_height: f64,
    /// The lines below each image.
    captions: Vec<Vec<String>>,
}

impl Layout {
    fn new(pictures: &[Picture], settings: &GridSettings, with_bar: bool) -> Layout {
        let bar = if with_bar {
            ColourBar::USUAL_WIDTH
        } else {
            0.0
        };
        let room = GRID_WIDTH - 2.0 * MARGIN - bar;
        let widest = pictures
            .iter()
            .map(|picture| picture.width)
            .max()
            .unwrap_or(1);
        let tallest = pictures
            .iter()
            .map(|picture| picture.height)
            .max()
            .unwrap_or(1);
        let scale = settings.enlargement.map_or_else(
            || suitable_scale(pictures.len(), widest.max(tallest)),
            |scale| scale as f64,
        );
        let image_width = widest as f64 * scale;
        let wanted = pictures.iter().map(caption_width).fold(0.0, f64::max);
        let mut cell_width = image_width.max(wanted.min(CAPTION_WIDTH)).ceil();
        let fitting = |cell: f64| ((room + GAP) / (cell + GAP)).floor();
        let columns = settings.columns.unwrap_or_else(|| {
            let most = if pictures.len() <= 100 {
                10
            } else {
                usize::MAX
            };
            balanced(
                (fitting(cell_width) as usize).clamp(1, most),
                pictures.len(),
            )
        });
        let columns = columns.min(pictures.len());
        if fitting(cell_width) < columns as f64 {
            let narrow = (room + GAP) / columns as f64 - GAP;
            cell_width = narrow.max(image_width).floor();
        }
        let lines = |picture: &Picture| caption_lines(picture, cell_width);
        Layout {
            columns,
            scale,
            cell_width,
            image_height: tallest as f64 * scale,
            captions: pictures.iter().map(lines).collect(),
        }
    }

    fn row_height(&self) -> f64 {
        let lines = self.captions.iter().map(Vec::len).max().unwrap_or(0);
        let caption = if lines == 0 {
            0.0
        } else {
            5.0 + lines as f64 * CAPTION_LINE
        };
        self.image_height + caption + GAP
    }

    fn draw_cell(&self, canvas: &mut Canvas, picture: &Picture, caption: &[String], corner: Point) {
        let (width, height) = (
            picture.width as f64 * self.scale,
            picture.height as f64 * self.scale,
        );
        let left = corner.0 + ((self.cell_width - width) / 2.0).floor();
        let area = Area::new(left, corner.1 + self.image_height - height, width, height);
        draw_picture(canvas, picture, area);
        let centre = corner.0 + self.cell_width / 2.0;
        for (index, line) in caption.iter().enumerate() {
            let baseline = corner.1 + self.image_height + 15.0 + index as f64 * CAPTION_LINE;
            let mut at = (centre, baseline);
            if let (0, Some(right)) = (index, picture.mark) {
                let length = text::width(line, SMALL, false);
                draw_mark(canvas, right, (centre - length / 2.0 - 3.0, baseline - 4.0));
                at.0 += MARK_WIDTH / 2.0;
            }
            canvas.text(Text::new(line, at, SMALL).align(Align::Centre));
        }
    }
}

/// The image with its border, which says whether it is right or wrong.
pub(super) fn draw_picture(canvas: &mut Canvas, picture: &Picture, area: Area) {
    canvas.image(picture.placed(area));
    match picture.mark {
        None => canvas.border(area, Stroke::solid(AXIS, 0.5)),
        Some(true) => canvas.border(area, Stroke::solid(BLUE, 2.0)),
        Some(false) => canvas.border(
            area,
            Stroke {
                colour: VERMILLION,
                width: 3.0,
                dash: Some((7.0, 4.0)),
            },
        ),
    }
}

/// ✓ or ✗, 10 pixels wide; the fonts of few systems have these signs.
pub(super) fn draw_mark(canvas: &mut Canvas, right: bool, (x, y): Point) {
    if right {
        let tick = vec![(x - 4.0, y + 0.5), (x - 1.0, y + 3.5), (x + 5.0, y - 4.0)];
        canvas.line(tick, Stroke::solid(BLUE, 2.0));
    } else {
        let stroke = Stroke::solid(VERMILLION, 2.0);
        canvas.line(vec![(x - 3.5, y - 3.5), (x + 3.5, y + 3.5)], stroke);
        canvas.line(vec![(x - 3.5, y + 3.5), (x + 3.5, y - 3.5)], stroke);
    }
}

/// The lines of a caption, none if there is nothing to say.
fn caption_lines(picture: &Picture, cell_width: f64) -> Vec<String> {
    if picture.caption.trim().is_empty() && picture.mark.is_none() {
        return Vec::new();
    }
    let room = cell_width - picture.mark.map_or(0.0, |_| MARK_WIDTH);
    text::wrapped(&picture.caption, SMALL, false, room, CAPTION_LINES)
}

fn caption_width(picture: &Picture) -> f64 {
    text::widest(picture.caption.split('\n'), SMALL)
        + picture.mark.map_or(0.0, |_| MARK_WIDTH)
        + 1.0
}

/// The fewest columns, up to `most`, that need no more rows than `most` columns do.
pub(super) fn balanced(most: usize, number: usize) -> usize {
    number.div_ceil(number.div_ceil(most))
}

/// Fewer images are shown larger; more than fit into a notebook's column are shown smaller.
fn suitable_scale(number: usize, longest_side: usize) -> f64 {
    let side: f64 = match number {
        1 => 224.0,
        2..=5 => 140.0,
        6..=12 => 112.0,
        13..=30 => 84.0,
        31..=200 => 56.0,
        _ => 28.0,
    };
    let scale = side / longest_side as f64;
    if scale >= 1.0 { scale.floor() } else { scale }
}

fn alt_text(
    title: &str,
    pictures: &[Picture],
    (rows, columns): (usize, usize),
    settings: &GridSettings,
) -> String {
    let named: Vec<String> = pictures.iter().take(MOST_NAMED).map(in_words).collect();
    let rest = pictures.len().saturating_sub(MOST_NAMED);
    let more = if rest > 0 {
        let rest = counted(rest, ["image", "images"], ["画像", "枚"]);
        said!(" and {rest} more", "、ほかに{rest}")
    } else {
        String::new()
    };
    let overlays = pictures.iter().any(|picture| picture.overlay.is_some());
    let colours = match settings.colour_bar.trim() {
        _ if !overlays => String::new(),
        "" => say(" Heat maps lie over images.", "画像の上にヒートマップ。").to_owned(),
        heat => said!(
            " Heat maps over images show {heat}.",
            "画像の上のヒートマップが示す値: {heat}。"
        ),
    };
    said!(
        "{title}.{} {} in {} of {columns}: {}{more}.{colours}",
        "{title}。{}{} ({}、{columns} 列): {}{more}。{colours}",
        text::sentence(&settings.subtitle),
        counted(pictures.len(), ["image", "images"], ["画像", "枚"]),
        counted(rows, ["row", "rows"], ["", "行"]),
        named.join("; "),
    )
}

fn in_words(picture: &Picture) -> String {
    let caption = text::in_one_line(&picture.caption);
    let caption = if caption.is_empty() {
        say("no caption", "説明なし").to_owned()
    } else {
        caption
    };
    let heat = picture
        .overlay
        .as_ref()
        .map_or_else(String::new, |overlay| format!(" ({})", overlay.in_words()));
    match picture.mark {
        None => format!("{caption}{heat}"),
        Some(true) => said!("{caption} (right){heat}", "{caption} (正解){heat}"),
        Some(false) => said!("{caption} (wrong){heat}", "{caption} (不正解){heat}"),
    }
}

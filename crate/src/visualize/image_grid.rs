//! Images in rows and columns, with captions.

use super::canvas::{GRID_WIDTH, MARGIN};
use super::check::{ensure, ensure_positive, ensure_some};
use super::colour_bar::ColourBar;
use super::colour_scale::{ColourScale, Scale};
use super::figure::Figure;
use super::numerals::counted;
use super::picture::Picture;
use super::text::{self, SMALL};
use super::tile::{CAPTION_LINE, MARK_WIDTH, balanced, draw_caption, draw_picture, place};
use crate::error::Result;
use crate::language::{said, say};

const FUNCTION: &str = "image_grid";
const GAP: f64 = 12.0;
const CAPTION_LINES: usize = 3;
/// Captions up to this width widen their column; longer ones are broken.
const CAPTION_WIDTH: f64 = 130.0;
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
    let (columns, pitch) = (layout.columns, layout.pitch);
    let rows = pictures.len().div_ceil(columns);
    let bar = colours.map(|colours| {
        let images = (rows - 1) as f64 * pitch.1 + layout.image_height;
        let scale = Scale::of_shares(colours);
        ColourBar::of(&scale, &settings.colour_bar, images.clamp(110.0, 320.0))
    });
    let right = MARGIN + columns as f64 * pitch.0 - GAP;
    let (bar_width, bar_height) =
        (bar.as_ref()).map_or((0.0, 0.0), |bar| (ColourBar::GAP + bar.width, bar.height));
    let width = (right + bar_width + MARGIN).max(240.0);
    let height = (rows as f64 * pitch.1 - GAP).max(bar_height);
    let words = alt_text(title, pictures, (rows, columns), settings);
    let titles = (title, settings.subtitle.as_str());
    Figure::draw(FUNCTION, titles, (width, height), &words, |canvas, top| {
        for (index, (picture, caption)) in pictures.iter().zip(&layout.captions).enumerate() {
            let (left, top) = place(index, columns, (MARGIN, top), pitch);
            let below = (left + layout.cell_width / 2.0, top + layout.image_height);
            let size = (
                layout.scale * picture.width as f64,
                layout.scale * picture.height as f64,
            );
            draw_picture(canvas, picture, size, below);
            draw_caption(canvas, caption, below, picture.mark);
        }
        if let Some(bar) = &bar {
            bar.draw(canvas, (right + ColourBar::GAP, top));
        }
    })
}

fn check(pictures: &[Picture], settings: &GridSettings) -> Result<()> {
    ensure_some(FUNCTION, "images", pictures)?;
    ensure_positive(FUNCTION, "columns", settings.columns)?;
    let enlargement = settings.enlargement.unwrap_or(1);
    ensure((1..=64).contains(&enlargement), FUNCTION, || {
        format!("enlargement is {enlargement}; give a number in [1, 64], or None")
    })?;
    (pictures.iter().enumerate()).try_for_each(|(index, picture)| picture.check(FUNCTION, index))
}

/// The colours of all overlays, none without overlays; an error if they differ.
fn overlay_colours(pictures: &[Picture]) -> Result<Option<ColourScale>> {
    let mut colours = (pictures.iter().enumerate())
        .filter_map(|(index, picture)| Some((index, picture.overlay.as_ref()?.colours)));
    let Some((first, one)) = colours.next() else {
        return Ok(None);
    };
    colours.try_for_each(|(index, other)| {
        ensure(other == one, FUNCTION, || {
            format!(
                "the overlay of image {index} has the colours {other:?}, that of image {first} {one:?}; \
                 show them in two grids, each with its colour bar"
            )
        })
    })?;
    Ok(Some(one))
}

struct Layout {
    columns: usize,
    /// Pixels on the screen per pixel of an image.
    scale: f64,
    cell_width: f64,
    image_height: f64,
    /// From one image to the next one in its row and in its column.
    pitch: (f64, f64),
    /// The lines below each image.
    captions: Vec<Vec<String>>,
}

impl Layout {
    fn new(pictures: &[Picture], settings: &GridSettings, with_bar: bool) -> Layout {
        let number = pictures.len();
        let bar = if with_bar {
            ColourBar::USUAL_WIDTH
        } else {
            0.0
        };
        let room = GRID_WIDTH - 2.0 * MARGIN - bar + GAP;
        let largest = |side: fn(&Picture) -> usize| pictures.iter().map(side).max().unwrap_or(1);
        let (widest, tallest) = (largest(|one| one.width), largest(|one| one.height));
        let scale = match settings.enlargement {
            Some(scale) => scale as f64,
            None => suitable_scale(number, widest.max(tallest)),
        };
        let image_width = widest as f64 * scale;
        let wanted = pictures.iter().map(caption_width).fold(0.0, f64::max);
        let mut cell_width = image_width.max(wanted.min(CAPTION_WIDTH)).ceil();
        let fitting = (room / (cell_width + GAP)).floor() as usize;
        let most = if number <= 100 { 10 } else { usize::MAX };
        let columns = settings
            .columns
            .unwrap_or_else(|| balanced(fitting.clamp(1, most), number));
        let columns = columns.min(number);
        if fitting < columns {
            cell_width = (room / columns as f64 - GAP).max(image_width).floor();
        }
        let lines = |picture: &Picture| caption_lines(picture, cell_width);
        let captions: Vec<Vec<String>> = pictures.iter().map(lines).collect();
        let image_height = tallest as f64 * scale;
        let caption = match captions.iter().map(Vec::len).max() {
            None | Some(0) => 0.0,
            Some(lines) => 5.0 + lines as f64 * CAPTION_LINE,
        };
        Layout {
            columns,
            scale,
            cell_width,
            image_height,
            pitch: (cell_width + GAP, image_height + caption + GAP),
            captions,
        }
    }
}

/// The lines of a caption, none if there is nothing to say.
fn caption_lines(picture: &Picture, cell_width: f64) -> Vec<String> {
    let room = cell_width - picture.mark.map_or(0.0, |_| MARK_WIDTH);
    let lines = text::wrapped(&picture.caption, SMALL, false, room, CAPTION_LINES);
    match picture.mark {
        // A line for the mark alone.
        Some(_) if lines.is_empty() => vec![String::new()],
        _ => lines,
    }
}

fn caption_width(picture: &Picture) -> f64 {
    let mark = picture.mark.map_or(0.0, |_| MARK_WIDTH);
    text::widest(picture.caption.split('\n'), SMALL) + mark + 1.0
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
    let images = |number| counted(number, ["image", "images"], ["画像", "枚"]);
    let named: Vec<String> = pictures.iter().take(MOST_NAMED).map(in_words).collect();
    let more = match pictures.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        rest => said!(" and {} more", "、ほかに{}", images(rest)),
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
        images(pictures.len()),
        counted(rows, ["row", "rows"], ["", "行"]),
        named.join("; "),
    )
}

fn in_words(picture: &Picture) -> String {
    let caption = match text::in_one_line(&picture.caption) {
        none if none.is_empty() => say("no caption", "説明なし").to_owned(),
        caption => caption,
    };
    let mark = match picture.mark {
        None => "",
        Some(true) => say(" (right)", " (正解)"),
        Some(false) => say(" (wrong)", " (不正解)"),
    };
    let heat = picture
        .overlay
        .as_ref()
        .map(|overlay| format!(" ({})", overlay.in_words()));
    caption + mark + &heat.unwrap_or_default()
}

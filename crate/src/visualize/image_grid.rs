//! Images in rows and columns, with captions.

use super::colour_bar::ColourBar;
use super::colour_scale::{ColourScale, Scale};
use super::overlay::Overlay;
use super::picture::Picture;
use super::prelude::*;
use super::tile::{Grid, Tile, balanced_columns};

const FUNCTION: &str = "image_grid";
const GAP: f64 = 12.0;
/// Captions up to this width make their column wider. Longer ones are broken into lines.
const MAX_CAPTION_WIDTH: f64 = 130.0;
/// The alt text names at most this many images.
const MAX_NAMED: usize = 100;

/// The layout of a grid.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GridSettings {
    /// The line below the title.
    pub subtitle: String,
    /// The title of the colour bar: what overlays show, such as "Grad-CAM, share of the largest value". There is a colour
    /// bar only if a picture has an overlay.
    pub colour_bar: String,
    /// Images per row, at least 1; `None` for as many as fit, with up to 100 images at most 10.
    pub columns: Option<usize>,
    /// Pixels on the screen per pixel of an image, in [1, 64]; `None` for a size that depends on the number of images.
    pub enlargement: Option<usize>,
}

/// Images enlarged without smoothing, each with its caption below.
///
/// Some pictures may have an [`Overlay`](super::Overlay). All overlays have one colour scale; the colour bar at the right
/// shows its colours without an image below them.
///
/// A picture marked as right has a solid blue border and ✓, one marked as wrong a dashed orange border and ✗.
///
/// # Errors
/// [`Error::Picture`](crate::Error::Picture) without images, for an image whose size, channels and pixels do not fit
/// together, for overlays with different colours, for settings outside their range, or if the picture would be too large.
pub fn image_grid(title: &str, pictures: &[Picture], settings: &GridSettings) -> Result<Figure> {
    check(pictures, settings)?;
    let colours = overlay_colours(pictures)?;
    let layout = Layout::new(pictures, settings, colours.is_some());
    let (grid, image_height) = (&layout.grid, layout.image_height);
    let bar = colours.map(|colours| {
        let images = (grid.rows - 1) as f64 * grid.stride.1 + image_height;
        let scale = Scale::of_fractions(colours);
        ColourBar::for_scale(&scale, &settings.colour_bar, images.clamp(110.0, 320.0))
    });
    let right = MARGIN + grid.width();
    let bar_size = |bar: &ColourBar| (ColourBar::GAP + bar.width, bar.height);
    let (bar_width, bar_height) = bar.as_ref().map_or((0.0, 0.0), bar_size);
    let width = (right + bar_width + MARGIN).max(240.0);
    let height = grid.height().max(bar_height);
    let alt_text = alt_text(title, pictures, grid, settings);
    let titles = (title, settings.subtitle.as_str());
    Figure::draw(
        FUNCTION,
        titles,
        (width, height),
        &alt_text,
        |canvas, top| {
            for (index, tile) in layout.tiles.iter().enumerate() {
                let (left, top) = grid.position(index, (MARGIN, top));
                tile.draw(canvas, (left + layout.cell_width / 2.0, top + image_height));
            }
            if let Some(bar) = &bar {
                bar.draw(canvas, (right + ColourBar::GAP, top));
            }
        },
    )
}

fn check(pictures: &[Picture], settings: &GridSettings) -> Result<()> {
    ensure_not_empty(FUNCTION, "images", pictures)?;
    ensure_positive(FUNCTION, "columns", settings.columns)?;
    let enlargement = settings.enlargement.unwrap_or(1);
    ensure((1..=64).contains(&enlargement), FUNCTION, || {
        format!("enlargement is {enlargement}; give a number in [1, 64], or None")
    })?;
    (pictures.iter().enumerate()).try_for_each(|(index, picture)| picture.check(FUNCTION, index))
}

/// The colours of all overlays, `None` without overlays; an error if they differ.
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

struct Layout<'a> {
    grid: Grid,
    tiles: Vec<Tile<'a>>,
    cell_width: f64,
    image_height: f64,
}

impl Layout<'_> {
    fn new<'a>(pictures: &'a [Picture], settings: &GridSettings, with_bar: bool) -> Layout<'a> {
        let number = pictures.len();
        let bar = f64::from(with_bar) * ColourBar::DEFAULT_WIDTH;
        let available = GRID_WIDTH - 2.0 * MARGIN - bar + GAP;
        let largest = |side: fn(&Picture) -> usize| pictures.iter().map(side).max().unwrap_or(1);
        let (widest, tallest) = (largest(|one| one.width), largest(|one| one.height));
        let scale = match settings.enlargement {
            Some(scale) => scale as f64,
            None => default_scale(number, widest.max(tallest)),
        };
        let (image_width, image_height) = (widest as f64 * scale, tallest as f64 * scale);
        let captions = pictures.iter().map(Tile::unbroken_caption_width);
        let wanted = captions.fold(0.0, f64::max).min(MAX_CAPTION_WIDTH);
        let mut cell_width = image_width.max(wanted).ceil();
        let fitting = (available / (cell_width + GAP)).floor() as usize;
        let most = if number <= 100 { 10 } else { usize::MAX };
        let usual = balanced_columns(fitting.clamp(1, most), number);
        let columns = settings.columns.unwrap_or(usual).min(number);
        if fitting < columns {
            cell_width = (available / columns as f64 - GAP).max(image_width).floor();
        }
        let tile = |picture| Tile::new(picture, scale, cell_width);
        let tiles: Vec<Tile> = pictures.iter().map(tile).collect();
        let caption = tiles.iter().map(Tile::caption_height).fold(0.0, f64::max);
        Layout {
            grid: Grid::new(number, columns, (cell_width, image_height + caption), GAP),
            tiles,
            cell_width,
            image_height,
        }
    }
}

/// The enlargement of images: the fewer, the larger.
fn default_scale(number: usize, longest_side: usize) -> f64 {
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

fn alt_text(title: &str, pictures: &[Picture], grid: &Grid, settings: &GridSettings) -> String {
    let images = |number| with_noun(number, "image", ["画像", "枚"]);
    let named: Vec<String> = pictures.iter().take(MAX_NAMED).map(describe).collect();
    let more = match pictures.len().saturating_sub(MAX_NAMED) {
        0 => String::new(),
        rest => translate!(" and {} more", "、ほかに{}", images(rest)),
    };
    let overlays = pictures.iter().any(|picture| picture.overlay.is_some());
    let colours = match settings.colour_bar.trim() {
        _ if !overlays => String::new(),
        "" => translated(" Heat maps lie over images.", "画像の上にヒートマップ。").to_owned(),
        heat => translate!(
            " Heat maps over images show {heat}.",
            "画像の上のヒートマップが示す値: {heat}。"
        ),
    };
    translate!(
        "{title}.{} {} in {} of {}: {}{more}.{colours}",
        "{title}。{}{} ({}、{} 列): {}{more}。{colours}",
        text::sentence(&settings.subtitle),
        images(pictures.len()),
        with_noun(grid.rows, "row", ["", "行"]),
        grid.columns,
        named.join("; "),
    )
}

fn describe(picture: &Picture) -> String {
    let caption = text::in_one_line(&picture.caption);
    let caption = text::or_if_empty(&caption, translated("no caption", "説明なし")).to_owned();
    let mark = match picture.mark {
        None => "",
        Some(true) => translated(" (right)", " (正解)"),
        Some(false) => translated(" (wrong)", " (不正解)"),
    };
    let heat = picture.overlay.as_ref().map(Overlay::describe);
    let heat = heat.map(|words| format!(" ({words})"));
    caption + mark + &heat.unwrap_or_default()
}

//! A finished picture, which a cell shows or which is saved to a file.

use super::area::device;
use super::canvas::{Canvas, MARGIN};
use super::check::ensure;
use super::render::{self, Drawing};
use super::text::{LABEL, SMALL, TITLE, Text, printable, wrapped};
use crate::error::{Error, Result};
use crate::language::translate;
use crate::notebook::show::{Representations, Show, blocks};
use crate::text::escape;
use std::path::Path;

/// The longest side of an image that browsers show, in CSS pixels.
const MAX_SIDE: f64 = 16_000.0;
/// 16 million CSS pixels are 64 million device pixels, which take 256 MB while they are drawn.
const MAX_AREA: f64 = 16e6;
/// The height of the line about missing characters, in CSS pixels.
const NOTE_HEIGHT: u32 = 20;

/// A finished picture.
///
/// A cell shows it if it is the cell's last expression. [`Show::show`] shows it anywhere else, and [`Figure::save`] writes
/// it to a file.
pub struct Figure {
    width: u32,
    height: u32,
    drawing: Drawing,
    alt_text: String,
}

impl Figure {
    /// A picture with a title, a subtitle, and below them what `draw` draws. `draw` gets the y at which its part begins.
    ///
    /// The width is that of the whole picture, the height that of the part that `draw` draws. An error if the picture
    /// would be larger than browsers show.
    pub(super) fn draw(
        function: &'static str,
        (title, subtitle): (&str, &str),
        (width, height): (f64, f64),
        alt_text: &str,
        draw: impl FnOnce(&mut Canvas, f64),
    ) -> Result<Figure> {
        let limit = (width - 2.0 * MARGIN).max(40.0);
        let (mut heading, mut bottom) = (Vec::new(), MARGIN);
        for line in wrapped(title, TITLE, true, limit, 4) {
            bottom += TITLE + 4.0;
            heading.push(Text::new(&line, (MARGIN, bottom - 6.0), TITLE).bold(true));
        }
        for line in wrapped(subtitle, LABEL, false, limit, 4) {
            bottom += LABEL + 5.0;
            heading.push(Text::new(&line, (MARGIN, bottom - 6.0), LABEL).muted());
        }
        let top = bottom + if heading.is_empty() { 0.0 } else { 8.0 };
        let (width, height) = (width.ceil(), (top + height + MARGIN).ceil());
        let fits = width <= MAX_SIDE && height <= MAX_SIDE && width * height <= MAX_AREA;
        ensure(fits, function, || {
            format!(
                "the picture would be {width:.0} × {height:.0} pixels large; show fewer or smaller parts"
            )
        })?;
        let (width, height) = (width as u32, height as u32);
        let mut figure = Figure {
            width,
            height,
            drawing: Drawing::default(),
            alt_text: printable(alt_text),
        };
        figure.drawing = render::draw(figure.device_size(), |canvas| {
            heading.into_iter().for_each(|line| canvas.text(line));
            draw(canvas, top);
        })?;
        figure.note_missing_characters()?;
        Ok(figure)
    }

    /// Adds a line that names the characters for which the font has no glyph, if there are any.
    fn note_missing_characters(&mut self) -> Result<()> {
        const MAX_NAMED: usize = 6;
        let missing = &self.drawing.missing_characters;
        if missing.is_empty() {
            return Ok(());
        }
        let code = |character: &char| format!("U+{:04X}", u32::from(*character));
        let codes: Vec<String> = missing.iter().take(MAX_NAMED).map(code).collect();
        let more = if missing.len() > MAX_NAMED {
            " …"
        } else {
            ""
        };
        let codes = codes.join(", ") + more;
        let line = translate!(
            "The picture's font has no letter for {codes}.",
            "この図のフォントには {codes} の文字がありません。"
        );
        self.height += NOTE_HEIGHT;
        let at = (MARGIN, f64::from(self.height) - MARGIN);
        let line = Text::new(&line, at, SMALL).muted();
        let note = render::draw(self.device_size(), |canvas| canvas.text(line))?;
        self.drawing.shapes += &note.shapes;
        Ok(())
    }

    /// The width in CSS pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// The height in CSS pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// A description of the picture for those who cannot see it.
    pub fn alt_text(&self) -> &str {
        &self.alt_text
    }

    /// The picture as a PNG file, with two pixels for each CSS pixel in both directions.
    ///
    /// # Errors
    /// [`Error::Drawing`] if resvg cannot draw it.
    pub fn png(&self) -> Result<Vec<u8>> {
        render::png(self.device_size(), &self.drawing)
    }

    /// The picture as an SVG document without links to other files.
    ///
    /// # Errors
    /// [`Error::Drawing`] if an image in it cannot be encoded.
    pub fn svg(&self) -> Result<String> {
        let size @ (width, height) = self.device_size();
        let mut content = format!(
            "<title>{}</title>\n<rect width=\"{width}\" height=\"{height}\" fill=\"#FFFFFF\"/>\n",
            escape(&self.alt_text)
        );
        for image in &self.drawing.images {
            content += &render::svg_image(image)?;
        }
        content += &self.drawing.shapes;
        let (width, height) = (self.width, self.height);
        let shown = format!("width=\"{width}\" height=\"{height}\" role=\"img\"");
        Ok(render::svg_document(size, &shown, &content))
    }

    fn device_size(&self) -> (u32, u32) {
        let device = |css: u32| device(f64::from(css)) as u32;
        (device(self.width), device(self.height))
    }

    /// Writes the picture to `path`, whose name ends in `.png` or `.svg`. Missing folders are created.
    ///
    /// # Errors
    /// [`Error::PictureFormat`] for another ending, [`Error::Io`] if the file cannot be written, and those of
    /// [`Figure::png`] and [`Figure::svg`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.save_to(path.as_ref())
    }

    fn save_to(&self, path: &Path) -> Result<()> {
        let has_ending = |ending| {
            path.extension()
                .is_some_and(|own| own.eq_ignore_ascii_case(ending))
        };
        let bytes = match (has_ending("png"), has_ending("svg")) {
            (true, _) => self.png()?,
            (_, true) => self.svg()?.into_bytes(),
            _ => return Err(Error::PictureFormat { path: path.into() }),
        };
        let io_error = |action, path: &Path| {
            let path = path.to_owned();
            move |source| Error::Io {
                action,
                path,
                source,
            }
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(io_error("create the folder", folder))?;
        }
        std::fs::write(path, bytes).map_err(io_error("write", path))
    }

    /// The picture as an HTML image for notebooks. It contains an SVG, which is sharp at any size and takes one or two
    /// milliseconds, where a PNG takes 40 to 120. It is not an inline `<svg>`: JupyterLab does not show that in notebooks it
    /// does not trust, and the page's styles would change it.
    pub(crate) fn image(&self) -> Result<String> {
        let (data, width) = (render::base64(self.svg()?.as_bytes()), self.width());
        let alt_text = escape(&self.alt_text);
        Ok(format!(
            "<img src=\"data:image/svg+xml;base64,{data}\" width=\"{width}\" \
             style=\"max-width:100%;height:auto\" alt=\"{alt_text}\">"
        ))
    }

    /// The picture as PNG, for viewers that show no HTML, such as GitHub or an export to PDF.
    pub(crate) fn png_image(&self) -> Result<(&'static str, String)> {
        Ok(("image/png", render::base64(&self.png()?)))
    }

    /// The output that evcxr reads: a block for each of the representations.
    ///
    /// # Errors
    /// Those of [`Figure::png`] and [`Figure::svg`].
    pub fn evcxr_blocks(&self) -> Result<String> {
        Ok(blocks(&self.representations()?))
    }
}

/// HTML, a PNG file and the alt text.
impl Show for Figure {
    fn representations(&self) -> Result<Representations> {
        Ok(vec![
            ("text/html", self.image()?),
            self.png_image()?,
            ("text/plain", self.alt_text.clone()),
        ])
    }
}

impl std::fmt::Debug for Figure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (width, height) = (self.width(), self.height());
        write!(formatter, "Figure({width} × {height}: {})", self.alt_text)
    }
}

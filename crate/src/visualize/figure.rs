//! A finished picture: shown in a cell, or saved.

use super::canvas::Canvas;
use super::render;
use super::text::printable;
use crate::error::{Error, Result};
use crate::notebook::show::{Representations, Show, blocks};
use crate::text::escape;
use std::path::Path;

/// A finished picture.
///
/// As the last expression of a cell it shows itself, and anywhere else by [`Show::show`];
/// [`Figure::save`] writes it to a file.
pub struct Figure {
    canvas: Canvas,
    alt_text: String,
}

impl Figure {
    pub(super) fn new(canvas: Canvas, alt_text: String) -> Figure {
        Figure {
            canvas,
            alt_text: printable(&alt_text),
        }
    }

    /// The width at which a notebook shows the picture, in CSS pixels.
    pub fn width(&self) -> u32 {
        self.canvas.width as u32
    }

    /// The height at which a notebook shows the picture, in CSS pixels.
    pub fn height(&self) -> u32 {
        self.canvas.height as u32
    }

    /// What the picture shows, in words, for those who cannot see it.
    pub fn alt_text(&self) -> &str {
        &self.alt_text
    }

    /// The picture as a PNG file, with two pixels to each CSS pixel in both directions.
    pub fn png(&self) -> Result<Vec<u8>> {
        render::png(&self.canvas)
    }

    /// The picture as an SVG document that needs no other file.
    pub fn svg(&self) -> Result<String> {
        render::svg(&self.canvas, &self.alt_text)
    }

    /// Writes the picture to `path`, whose name ends in `.png` or `.svg`; missing folders are created.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.save_to(path.as_ref())
    }

    fn save_to(&self, path: &Path) -> Result<()> {
        let ending = path
            .extension()
            .and_then(|ending| ending.to_str())
            .map(str::to_ascii_lowercase);
        let bytes = match ending.as_deref() {
            Some("png") => self.png()?,
            Some("svg") => self.svg()?.into_bytes(),
            _ => {
                return Err(Error::PictureFormat {
                    path: path.to_owned(),
                });
            }
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|source| Error::Io {
                action: "create the folder",
                path: folder.to_owned(),
                source,
            })?;
        }
        std::fs::write(path, bytes).map_err(|source| Error::Io {
            action: "write",
            path: path.to_owned(),
            source,
        })
    }

    /// The picture as an HTML image, as notebooks show it: an SVG, sharp at any size, a tenth of a PNG's time
    /// to make and of its bytes. JupyterLab trusts no bare SVG, and a page's styles would reach into it.
    pub(crate) fn image(&self) -> Result<String> {
        let (data, width) = (render::base64(self.svg()?.as_bytes()), self.width());
        let alt_text = escape(&self.alt_text);
        Ok(format!(
            "<img src=\"data:image/svg+xml;base64,{data}\" width=\"{width}\" \
             style=\"max-width:100%;height:auto\" alt=\"{alt_text}\">"
        ))
    }

    /// The picture for readers that show no HTML, such as GitHub, or an export to PDF.
    pub(crate) fn png_image(&self) -> Result<(&'static str, String)> {
        Ok(("image/png", render::base64(&self.png()?)))
    }

    /// What evcxr reads of the picture: a block for each of its representations.
    pub fn evcxr_blocks(&self) -> Result<String> {
        Ok(blocks(&self.representations()?))
    }
}

/// The picture as HTML and as a PNG file, and what it shows in words.
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
        write!(
            formatter,
            "Figure({} × {}: {})",
            self.width(),
            self.height(),
            self.alt_text
        )
    }
}

//! The fonts of the pictures, and which of them has a character.
//!
//! Latin text is in the font that the crate embeds, Japanese text in one that it reads from its
//! folder: forty times as large, it would be part of every cell of a notebook.

use crate::error::{Error, Result};
use ab_glyph::{Font as _, FontArc, GlyphId};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// A font, or why it cannot be read.
type Read = std::result::Result<FontArc, String>;

/// The glyph of a character: the Latin font's where it has one, else the Japanese font's.
///
/// What neither has is the Latin font's empty box; `None` if the embedded font cannot be read.
pub(super) fn glyph(sign: char, bold: bool) -> Option<(&'static FontArc, GlyphId)> {
    let latin = latin(bold)?;
    let in_latin = latin.glyph_id(sign);
    if is_missing(in_latin)
        && let Ok(japanese) = japanese(bold)
    {
        let in_japanese = japanese.glyph_id(sign);
        if !is_missing(in_japanese) {
            return Some((japanese, in_japanese));
        }
    }
    Some((latin, in_latin))
}

/// Whether the Latin font has every character of a text.
pub(super) fn is_latin(text: &str, bold: bool) -> bool {
    latin(bold).is_none_or(|font| !text.chars().any(|sign| is_missing(font.glyph_id(sign))))
}

/// An error if a text needs the Japanese font and that cannot be read.
pub(super) fn ensure_readable(text: &str, bold: bool) -> Result<()> {
    if is_latin(text, bold) {
        Ok(())
    } else {
        usable(japanese(bold), &japanese_path(bold))
    }
}

fn usable(font: &Read, path: &Path) -> Result<()> {
    match font {
        Ok(_) => Ok(()),
        Err(reason) => Err(Error::file(
            path,
            format!("the font for Japanese text cannot be read; bring it back with git ({reason})"),
        )),
    }
}

/// The glyph that stands for characters a font does not have.
fn is_missing(glyph: GlyphId) -> bool {
    glyph.0 == 0
}

// Each cell of a notebook is a library of its own with its own statics, so fonts are read on first
// use in each.

/// The embedded font; `None` if it cannot be read.
fn latin(bold: bool) -> Option<&'static FontArc> {
    static FONTS: [OnceLock<Option<FontArc>>; 2] = [const { OnceLock::new() }; 2];
    let bytes: &'static [u8] = if bold {
        include_bytes!("../../fonts/WorkshopSans-Bold.ttf")
    } else {
        include_bytes!("../../fonts/WorkshopSans-Regular.ttf")
    };
    FONTS[usize::from(bold)]
        .get_or_init(|| FontArc::try_from_slice(bytes).ok())
        .as_ref()
}

/// The font with kana and kanji.
fn japanese(bold: bool) -> &'static Read {
    static FONTS: [OnceLock<Read>; 2] = [const { OnceLock::new() }; 2];
    FONTS[usize::from(bold)].get_or_init(|| read(&japanese_path(bold)))
}

fn japanese_path(bold: bool) -> PathBuf {
    let style = if bold { "Bold" } else { "Regular" };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fonts");
    folder.join(format!("WorkshopSansJP-{style}.ttf"))
}

fn read(path: &Path) -> Read {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    FontArc::try_from_vec(bytes).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_name(sign: char, bold: bool) -> &'static str {
        let (font, glyph) = glyph(sign, bold).unwrap();
        assert!(!is_missing(glyph), "{sign} is missing");
        match latin(bold).unwrap().units_per_em() == font.units_per_em() {
            true => "Latin",
            false => "Japanese",
        }
    }

    #[test]
    fn each_character_comes_from_the_font_that_has_it() {
        for bold in [false, true] {
            for sign in "aé1 …×→“".chars() {
                assert_eq!(file_name(sign, bold), "Latin", "{sign}");
            }
            for sign in "あアｱ亜熙髙、。「」（）ー〜・Ａ１㎜①".chars() {
                assert_eq!(file_name(sign, bold), "Japanese", "{sign}");
            }
        }
    }

    /// The characters of the texts in `say(…)` and `said!(…)` of a source file.
    fn spoken(source: &str) -> Vec<char> {
        let calls = ["say(", "said!("]
            .into_iter()
            .flat_map(|call| source.split(call).skip(1));
        let mut spoken = Vec::new();
        for arguments in calls {
            let (mut depth, mut in_text, mut escaped) = (1, false, false);
            for sign in arguments.chars() {
                match sign {
                    _ if escaped => escaped = false,
                    '\\' if in_text => escaped = true,
                    '"' => in_text = !in_text,
                    _ if in_text => spoken.push(sign),
                    '(' => depth += 1,
                    ')' => depth -= 1,
                    _ => {}
                }
                if depth == 0 {
                    break;
                }
            }
        }
        spoken
    }

    fn sources(folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths
            .flat_map(|path| match path.is_dir() {
                true => sources(&path),
                false => vec![path],
            })
            .collect()
    }

    #[test]
    fn the_texts_of_a_call_are_found() {
        let found = spoken(r#"f(say("a (\"b\")", "あ")); said!("{n}", "い {}", f(n)) + "c""#);
        assert_eq!(found.into_iter().collect::<String>(), "a (b)あ{n}い {}");
    }

    #[test]
    fn the_fonts_hold_every_text_that_the_crate_says() {
        let source_folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut checked = 0;
        for path in sources(&source_folder) {
            // Its reports are no pictures: the browser has fonts of its own.
            if path.starts_with(source_folder.join("check")) {
                continue;
            }
            let source = std::fs::read_to_string(&path).unwrap();
            for sign in spoken(&source).into_iter().filter(|sign| !sign.is_ascii()) {
                for bold in [false, true] {
                    let found = glyph(sign, bold).is_some_and(|(_, glyph)| !is_missing(glyph));
                    assert!(found, "{sign} of {} is in no font", path.display());
                }
                checked += 1;
            }
        }
        assert!(checked > 1_000, "{checked} characters");
    }

    #[test]
    fn what_no_font_has_is_the_empty_box() {
        assert_eq!(glyph('🥾', false).unwrap().1.0, 0);
        assert!(!is_latin("🥾", false) && ensure_readable("🥾", false).is_ok());
    }

    #[test]
    fn a_font_that_cannot_be_read_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Japanese.ttf");
        let message = || {
            usable(&read(&path), &path)
                .expect_err("no font")
                .to_string()
        };
        assert!(message().contains("Japanese.ttf: the font for Japanese text cannot be read"));
        std::fs::write(&path, "not a font").unwrap();
        assert!(
            message().contains("bring it back with git"),
            "{}",
            message()
        );
        assert!(usable(&read(&japanese_path(false)), &path).is_ok());
    }
}

//! The embedded fonts of the pictures: Latin letters of Lato, Japanese ones of Noto Sans JP (`fonts/README.md`).
//!
//! They are also registered with plotters, under the names that its documentation uses, so that a cell can draw text
//! on a machine without fonts.

use std::sync::OnceLock;

use ab_glyph::{Font as _, FontRef, GlyphId};
use plotters::style::{FontStyle, register_font};

/// The fonts that an SVG viewer tries, in this order. The embedded font is a subset of Lato under another name.
const FAMILIES: &str = "Lato, Carlito, Arial, sans-serif";
/// The same with the Japanese fonts of the usual systems, for text that Lato cannot write.
pub(super) const JAPANESE_FAMILIES: &str = "Lato, Carlito, Arial, Noto Sans JP, Hiragino Sans, Yu Gothic, \
                               Meiryo, Noto Sans CJK JP, sans-serif";

/// The font names in plotters' examples.
#[rustfmt::skip]
const PLOTTERS_NAMES: [&str; 9] = [
    "sans-serif", "serif", "monospace", "Arial", "Calibri", "Helvetica", "Times New Roman", "Courier New", "Lato",
];

/// The family name in the font files.
pub(super) const EMBEDDED_FAMILY: &str = "Workshop Sans";

/// The bytes of the font file.
pub(super) fn file(bold: bool) -> &'static [u8] {
    if bold {
        include_bytes!("../../fonts/WorkshopSans-Bold.ttf")
    } else {
        include_bytes!("../../fonts/WorkshopSans-Regular.ttf")
    }
}

/// The font; `None` if it cannot be read.
pub(super) fn font(bold: bool) -> Option<&'static FontRef<'static>> {
    static FONTS: [OnceLock<Option<FontRef<'static>>>; 2] = [const { OnceLock::new() }; 2];
    FONTS[usize::from(bold)]
        .get_or_init(|| FontRef::try_from_slice(file(bold)).ok())
        .as_ref()
}

/// The characters of a text for which the font has no glyph; it draws an empty box for them.
pub(super) fn missing_characters(text: &str, bold: bool) -> Vec<char> {
    let is_missing =
        |character: &char| font(bold).is_some_and(|font| font.glyph_id(*character) == GlyphId(0));
    let mut missing: Vec<char> = text.chars().filter(is_missing).collect();
    missing.sort_unstable();
    missing.dedup();
    missing
}

/// The value of `font-family` for a text.
pub(super) fn families(text: &str) -> &'static str {
    match text.chars().any(is_japanese) {
        true => JAPANESE_FAMILIES,
        false => FAMILIES,
    }
}

/// Whether a character needs the Japanese half of the font.
pub(super) fn is_japanese(character: char) -> bool {
    /// The first of the CJK radicals. Characters before it are in the Latin half, or in neither.
    const FIRST: char = '\u{2E80}';
    character >= FIRST
}

// SAFETY: this runs while the crate is loaded, when the standard library is ready. It writes into plotters' table of
// fonts, which has a lock.
#[ctor::ctor(unsafe)]
fn register() {
    for (bold, style) in [(false, FontStyle::Normal), (true, FontStyle::Bold)] {
        for name in (PLOTTERS_NAMES.into_iter()).chain([FAMILIES, JAPANESE_FAMILIES]) {
            // If this fails, plotters itself reports that there is no font.
            let _ = register_font(name, style, file(bold));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use plotters::style::IntoFont as _;

    use super::*;

    #[test]
    fn one_font_has_letters_and_kanji() {
        for bold in [false, true] {
            let characters = "aé1 …×→“あアｱ亜熙髙、。「」（）ー〜・Ａ１㎜①";
            assert_eq!(missing_characters(characters, bold), []);
            assert_eq!(missing_characters("ネコ🐈🐈", bold), ['🐈']);
        }
        assert!(is_japanese('、') && is_japanese('Ａ') && !is_japanese('→'));
    }

    #[test]
    fn plotters_finds_them_by_its_usual_names() {
        for name in PLOTTERS_NAMES {
            let (width, _) = (name, 20.0).into_font().box_size("靴 Bag").unwrap();
            assert!(width > 40, "{name}: {width}");
        }
        let bold = ("sans-serif", 200.0, FontStyle::Bold).into_font();
        let normal = ("sans-serif", 200.0).into_font();
        let width = |font: plotters::style::FontDesc<'static>| font.box_size("Bag").unwrap().0;
        assert!(width(bold) > width(normal));
        assert!(("no such font", 20.0).into_font().box_size("Bag").is_err());
    }

    /// The characters of the texts in `translated(…)` and `translate!(…)` of a source file.
    fn translated_characters(source: &str) -> Vec<char> {
        let calls = ["translated(", "translate!("]
            .into_iter()
            .flat_map(|call| source.split(call).skip(1));
        let mut characters = Vec::new();
        for arguments in calls {
            let (mut depth, mut in_text, mut escaped) = (1, false, false);
            for character in arguments.chars() {
                match character {
                    _ if escaped => escaped = false,
                    '\\' if in_text => escaped = true,
                    '"' => in_text = !in_text,
                    _ if in_text => characters.push(character),
                    '(' => depth += 1,
                    ')' => depth -= 1,
                    _ => {}
                }
                if depth == 0 {
                    break;
                }
            }
        }
        characters
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
        let found = translated_characters(
            r#"f(translated("a (\"b\")", "あ")); translate!("{n}", "い {}", f(n)) + "c""#,
        );
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
            for character in translated_characters(&source)
                .into_iter()
                .filter(|character| !character.is_ascii())
            {
                for bold in [false, true] {
                    let missing = missing_characters(&character.to_string(), bold);
                    assert_eq!(missing, [], "{}", path.display());
                }
                checked += 1;
            }
        }
        assert!(checked > 1_000, "{checked} characters");
    }
}

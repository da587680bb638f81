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
fn plotters_finds_the_fonts_by_the_names_in_its_examples() {
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
fn the_fonts_have_every_character_of_the_crates_texts() {
    let source_folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut checked = 0;
    for path in sources(&source_folder) {
        // These reports are HTML, for which the browser has fonts.
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

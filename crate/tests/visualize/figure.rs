//! A figure as a whole: in a cell, as a file, as PNG and SVG.

use crate::support::{
    WHITE, embedded_images, error_message, rendered, small_figure, texts, texts_of,
};
use base64::Engine as _;
use roxmltree::Document;

#[test]
fn png_has_two_pixels_per_css_pixel() {
    let figure = small_figure("A title");
    let pixels = rendered(&figure);
    assert_eq!(
        pixels.dimensions(),
        (2 * figure.width(), 2 * figure.height())
    );
    assert_eq!(*pixels.get_pixel(0, 0), WHITE);
}

#[test]
fn a_cell_shows_html_and_plain_text() {
    let figure = small_figure("A <b>\"title\"</b> & 'more'\nin two lines");
    let blocks = figure.evcxr_blocks().unwrap();
    let lines: Vec<&str> = blocks.lines().collect();
    assert_eq!(lines.len(), 9);
    for (index, kind) in ["text/html", "image/png", "text/plain"].iter().enumerate() {
        let begin = format!("EVCXR_BEGIN_CONTENT {kind}");
        assert_eq!(lines[3 * index], begin);
        assert_eq!(lines[3 * index + 2], "EVCXR_END_CONTENT");
    }
    assert_eq!(lines[7], figure.alt_text());

    let element = format!("{}/>", lines[1].strip_suffix('>').unwrap());
    let html = Document::parse(&element).unwrap();
    assert_eq!(
        html.root_element().attribute("alt"),
        Some(figure.alt_text())
    );
    assert!(lines[1].contains(&format!("width=\"{}\"", figure.width())));
    assert!(lines[1].contains("max-width:100%"));
    assert!(lines[1].contains(
        "alt=\"A &lt;b&gt;&quot;title&quot;&lt;/b&gt; &amp; &#39;more&#39; in two lines. \
         1 image in 1 row of 1: four pixels.\""
    ));
    let data = lines[1]
        .split_once("base64,")
        .unwrap()
        .1
        .split('"')
        .next()
        .unwrap();
    assert!(lines[1].contains("src=\"data:image/svg+xml;base64,"));
    let file = |data| {
        base64::engine::general_purpose::STANDARD
            .decode(data)
            .unwrap()
    };
    assert_eq!(file(data), figure.svg().unwrap().into_bytes());
    assert_eq!(file(lines[4]), figure.png().unwrap());
}

/// A viewer with another font fits a text into the same space.
#[test]
fn texts_of_an_svg_have_their_widths() {
    let svg = small_figure("A title").svg().unwrap();
    let document = Document::parse(&svg).unwrap();
    let title = (document.descendants())
        .find(|node| node.has_tag_name("text"))
        .unwrap();
    assert_eq!(title.text().unwrap().trim(), "A title");
    // The file's own numbers: advances 1389, 486, 744, 508, 744, 497, 1068, and −67 between A and space, of
    // 2000 to the em of 32 pixels: 85.9.
    assert_eq!(title.attribute("textLength"), Some("86"));
    assert_eq!(title.attribute("lengthAdjust"), Some("spacingAndGlyphs"));
}

#[test]
fn characters_without_a_glyph_are_named_below_the_picture() {
    let texts = texts_of(&small_figure("A 🐈 and its 🐕"));
    let last = texts.last().unwrap();
    assert_eq!(
        last,
        "The picture's font has no letter for U+1F408, U+1F415."
    );
    let plain = small_figure("A cat");
    assert!(
        !texts_of(&plain)
            .iter()
            .any(|text| text.contains("no letter"))
    );
}

#[test]
fn the_ending_decides_the_format_and_folders_are_created() {
    let folder = std::env::temp_dir().join(format!("gasshuku-visualize-{}", std::process::id()));
    let figure = small_figure("A title");
    let png = folder.join("new/folder/picture.PNG");
    figure.save(&png).unwrap();
    assert_eq!(std::fs::read(&png).unwrap(), figure.png().unwrap());
    let svg = folder.join("picture.svg");
    figure.save(&svg).unwrap();
    assert_eq!(
        std::fs::read_to_string(&svg).unwrap(),
        figure.svg().unwrap()
    );

    for name in ["picture.jpg", "picture"] {
        let text = error_message(figure.save(folder.join(name)));
        assert!(
            text.contains(name) && text.contains(".png") && text.contains(".svg"),
            "{text}"
        );
    }
    // A file where a folder is needed.
    let text = error_message(figure.save(svg.join("below.png")));
    assert!(
        text.starts_with("cannot create the folder") && text.contains("picture.svg"),
        "{text}"
    );
    std::fs::create_dir_all(folder.join("taken.png")).unwrap();
    let text = error_message(figure.save(folder.join("taken.png")));
    assert!(
        text.starts_with("cannot write") && text.contains("taken.png"),
        "{text}"
    );
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn an_svg_links_to_no_other_file_and_has_a_title() {
    let figure = small_figure("Greys < white & 1\u{0}2");
    let svg = figure.svg().unwrap();
    let document = Document::parse(&svg).unwrap();
    let root = document.root_element();
    assert_eq!(
        root.attribute("width"),
        Some(figure.width().to_string().as_str())
    );
    let view_box = format!("0 0 {} {}", 2 * figure.width(), 2 * figure.height());
    assert_eq!(root.attribute("viewBox"), Some(view_box.as_str()));
    let title = document
        .descendants()
        .find(|node| node.has_tag_name("title"))
        .unwrap();
    assert_eq!(title.text(), Some(figure.alt_text()));
    assert_eq!(texts(&svg), ["Greys < white & 1 2", "four pixels"]);
    let original = &embedded_images(&svg)[0];
    assert_eq!(
        original.as_raw(),
        &[0, 0, 0, 255, 255, 255, 128, 128, 128, 64, 64, 64]
    );
    for attribute in document.descendants().flat_map(|node| node.attributes()) {
        let is_link = attribute.name() == "href";
        assert!(
            !is_link || attribute.value().starts_with("data:"),
            "{attribute:?}"
        );
    }
}

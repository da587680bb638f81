//! The pictures through the public interface: values that can be worked out by hand.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use base64::Engine as _;
use gasshuku::Error;
use gasshuku::visualize::{
    ColourScale, CountSeries, DiagramLayer, EpochMetrics, Figure, GridSettings, HeatMapSettings,
    KernelGridSettings, KernelGroup, LinePlotSettings, LineSeries, Matrix, Overlay, Picture,
    Prediction, class_histogram, confusion_matrix, heat_map, image_grid, kernel_grid,
    learning_curves, line_plot, network_diagram, pixel_values, prediction_bars,
};
use image::{Rgb, RgbImage};
use roxmltree::{Document, Node};

const BLUE: Rgb<u8> = Rgb([0x00, 0x72, 0xB2]);
const VERMILLION: Rgb<u8> = Rgb([0xD5, 0x5E, 0x00]);
const WHITE: Rgb<u8> = Rgb([0xFF, 0xFF, 0xFF]);

fn decoded(figure: &Figure) -> RgbImage {
    image::load_from_memory(&figure.png().unwrap())
        .unwrap()
        .to_rgb8()
}

fn count_of(colour: Rgb<u8>, pixels: &RgbImage) -> usize {
    pixels.pixels().filter(|&&pixel| pixel == colour).count()
}

/// The texts of an SVG, in order.
fn texts(svg: &str) -> Vec<String> {
    let document = Document::parse(svg).unwrap();
    let is_text = |node: &Node| node.has_tag_name("text");
    (document.descendants().filter(is_text))
        .map(|node| node.text().unwrap().trim().to_owned())
        .collect()
}

/// The attributes of all elements `tag` with the colour `fill`, as numbers.
fn numbers<const N: usize>(svg: &str, tag: &str, fill: &str, names: [&str; N]) -> Vec<[f64; N]> {
    let document = Document::parse(svg).unwrap();
    let wanted =
        |node: &Node| node.tag_name().name() == tag && node.attribute("fill") == Some(fill);
    (document.descendants().filter(wanted))
        .map(|node| names.map(|name| node.attribute(name).unwrap().parse().unwrap()))
        .collect()
}

/// The images of an SVG, in their own resolution.
fn embedded_images(svg: &str) -> Vec<RgbImage> {
    let document = Document::parse(svg).unwrap();
    let is_image = |node: &Node| node.tag_name().name() == "image";
    (document.descendants().filter(is_image))
        .map(|node| {
            let link = node
                .attribute(("http://www.w3.org/1999/xlink", "href"))
                .unwrap();
            let data = link.strip_prefix("data:image/png;base64,").unwrap();
            let png = base64::engine::general_purpose::STANDARD
                .decode(data)
                .unwrap();
            image::load_from_memory(&png).unwrap().to_rgb8()
        })
        .collect()
}

/// Where the images of an SVG lie, in device pixels: x, y, width, height.
fn image_places(svg: &str) -> Vec<(f64, f64, f64, f64)> {
    let document = Document::parse(svg).unwrap();
    let is_image = |node: &Node| node.tag_name().name() == "image";
    (document.descendants().filter(is_image))
        .map(|node| {
            let number = |name| node.attribute(name).unwrap().parse().unwrap();
            (number("x"), number("y"), number("width"), number("height"))
        })
        .collect()
}

fn sum(pixel: &Rgb<u8>) -> u32 {
    pixel.0.iter().map(|&channel| u32::from(channel)).sum()
}

fn message<T>(result: Result<T, Error>) -> String {
    match result {
        Ok(_) => panic!("this input should be an error"),
        Err(error) => error.to_string(),
    }
}

fn small_picture() -> Picture {
    Picture::grey(2, 2, vec![0, 255, 128, 64])
}

fn small_figure(title: &str) -> Figure {
    image_grid(
        title,
        &[small_picture().captioned("four pixels")],
        &GridSettings::default(),
    )
    .unwrap()
}

// ---- Figure

#[test]
fn png_has_two_pixels_per_css_pixel() {
    let figure = small_figure("A title");
    let pixels = decoded(&figure);
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

/// Where the reader's machine has another font, a text takes the room that was made for it.
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
fn what_the_font_does_not_have_is_named_below_the_picture() {
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

fn texts_of(figure: &Figure) -> Vec<String> {
    texts(&figure.svg().unwrap())
}

#[test]
fn saving_goes_by_the_ending_and_creates_folders() {
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
        let text = message(figure.save(folder.join(name)));
        assert!(
            text.contains(name) && text.contains(".png") && text.contains(".svg"),
            "{text}"
        );
    }
    // A file where a folder is needed.
    let text = message(figure.save(svg.join("below.png")));
    assert!(
        text.starts_with("cannot create the folder") && text.contains("picture.svg"),
        "{text}"
    );
    std::fs::create_dir_all(folder.join("taken.png")).unwrap();
    let text = message(figure.save(folder.join("taken.png")));
    assert!(
        text.starts_with("cannot write") && text.contains("taken.png"),
        "{text}"
    );
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn svg_needs_nothing_else_and_names_its_content() {
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

// ---- image_grid

#[test]
fn a_grid_enlarges_pixels_without_smoothing() {
    let settings = GridSettings {
        columns: Some(2),
        enlargement: Some(10),
        ..GridSettings::default()
    };
    let red = Picture::rgb(2, 2, [200, 0, 0].repeat(4));
    let figure = image_grid("", &[small_picture(), red], &settings).unwrap();
    let pixels = decoded(&figure);
    // Without title and captions the first image starts at the margin of 14 CSS pixels, and an
    // image pixel is 10 CSS pixels wide: 20 pixels of the file.
    let start = 28;
    for (column, row, level) in [(0, 0, 0), (1, 0, 255), (0, 1, 128), (1, 1, 64)] {
        for offset in [1, 10, 18] {
            let at = (start + 20 * column + offset, start + 20 * row + offset);
            assert_eq!(*pixels.get_pixel(at.0, at.1), Rgb([level; 3]), "at {at:?}");
        }
    }
    // The second image follows after 20 + 12 CSS pixels.
    assert_eq!(
        *pixels.get_pixel(start + 64 + 10, start + 10),
        Rgb([200, 0, 0])
    );
}

#[test]
fn right_and_wrong_differ_in_colour_and_shape() {
    let grid = |right| {
        image_grid(
            "",
            &[small_picture().marked(right)],
            &GridSettings::default(),
        )
        .unwrap()
    };
    let (right, wrong) = (grid(true), grid(false));
    let (right_pixels, wrong_pixels) = (decoded(&right), decoded(&wrong));
    assert!(count_of(BLUE, &right_pixels) > 500 && count_of(VERMILLION, &right_pixels) == 0);
    assert!(count_of(VERMILLION, &wrong_pixels) > 500 && count_of(BLUE, &wrong_pixels) == 0);
    // A solid border is four lines and ✓ one; a dashed one is many, and ✗ two.
    let lines = |figure: &Figure| figure.svg().unwrap().matches("<polyline").count();
    assert_eq!(lines(&right), 5);
    assert!(lines(&wrong) > 20);
    assert!(right.alt_text().contains("(right)") && wrong.alt_text().contains("(wrong)"));
}

#[test]
fn a_grid_has_one_or_thousands_of_images() {
    let many = vec![Picture::grey(28, 28, vec![7; 784]).captioned("Bag"); 2_000];
    let figure = image_grid("Many", &many, &GridSettings::default()).unwrap();
    assert_eq!(figure.svg().unwrap().matches("<image").count(), 2_000);
    assert!(
        figure.alt_text().contains("2,000 images")
            && figure.alt_text().contains("1,900 images more")
    );
    assert!(figure.png().unwrap().len() > 10_000);

    let hundred = image_grid("", &many[..100], &GridSettings::default()).unwrap();
    assert!(hundred.alt_text().contains("10 rows of 10"));
    assert!(hundred.width() <= 850 && hundred.png().unwrap().len() < 200_000);
    let settings = GridSettings {
        columns: Some(usize::MAX),
        ..GridSettings::default()
    };
    assert!(
        image_grid("", &many[..3], &settings)
            .unwrap()
            .alt_text()
            .contains("1 row of 3")
    );
}

#[test]
fn long_captions_are_broken_and_shortened() {
    let caption = "a caption of more than sixty characters, with a verylongwordthatcannotbebrokenanywhereatall";
    let settings = GridSettings {
        columns: Some(6),
        ..GridSettings::default()
    };
    let figure = image_grid("", &vec![small_picture().captioned(caption); 6], &settings).unwrap();
    let lines = texts(&figure.svg().unwrap());
    assert_eq!(lines.len(), 6 * 3);
    assert!(lines[0].starts_with("a caption") && lines[2].ends_with('…'));
    assert!(figure.alt_text().contains(caption));
}

// ---- Overlay

/// The picture of a grid with nothing else, and no more than its own pixels: two device pixels
/// across each.
fn overlaid(picture: Picture, overlay: Overlay) -> RgbImage {
    let settings = GridSettings {
        enlargement: Some(1),
        ..GridSettings::default()
    };
    let figure = image_grid("", &[picture.overlaid(overlay)], &settings).unwrap();
    embedded_images(&figure.svg().unwrap()).remove(0)
}

/// A heat map that hides the image, with a rectangle for each value.
fn opaque(rows: usize, columns: usize, values: &[f32]) -> Overlay {
    Overlay {
        rows,
        columns,
        values: values.to_vec(),
        smooth: false,
        opacity: 1.0,
        ..Overlay::default()
    }
}

fn row_of(level: u8, columns: usize) -> Picture {
    Picture::grey(columns, 1, vec![level; columns])
}

#[test]
fn viridis_is_that_of_matplotlib() {
    let image = overlaid(row_of(9, 3), opaque(1, 3, &[0.0, 0.5, 1.0]));
    assert_eq!(image.dimensions(), (6, 2));
    let known = [[68, 1, 84], [33, 145, 140], [253, 231, 37]];
    for (column, expected) in [0, 2, 4].into_iter().zip(known) {
        let found = image.get_pixel(column, 0).0;
        let near = |(found, expected): (u8, u8)| found.abs_diff(expected) <= 1;
        assert!(
            found.into_iter().zip(expected).all(near),
            "{found:?} {expected:?}"
        );
        assert_eq!(
            image.get_pixel(column + 1, 1).0,
            found,
            "one rectangle each"
        );
    }
}

#[test]
fn the_opacity_says_how_much_of_the_image_is_covered() {
    let mixed = |opacity| {
        let overlay = Overlay {
            opacity,
            ..opaque(1, 1, &[1.0])
        };
        *overlaid(row_of(100, 1), overlay).get_pixel(0, 0)
    };
    assert_eq!(mixed(0.0), Rgb([100, 100, 100]));
    // Half of 100 and half of 253, 231 and 37.
    assert_eq!(mixed(0.5), Rgb([177, 166, 69]));
    assert_eq!(mixed(1.0), Rgb([253, 231, 37]));
}

#[test]
fn smooth_values_lie_at_the_centres_of_their_halves() {
    let smooth = |rows, columns, values| Overlay {
        smooth: true,
        ..opaque(rows, columns, values)
    };
    // Two values over eight device pixels: their centres are those of pixels 1.5 and 5.5.
    let line = overlaid(row_of(0, 4), smooth(1, 2, &[0.0, 1.0]));
    let by_hand = opaque(1, 8, &[0.0, 0.0, 0.125, 0.375, 0.625, 0.875, 1.0, 1.0]);
    assert_eq!(line, overlaid(row_of(0, 4), by_hand));
    // Two by two over four by four: at row 1 and column 2 a quarter of the way down and three
    // quarters of the way right, 0.75 × 0.375 + 0.25 × 0.9375.
    let square = overlaid(small_picture(), smooth(2, 2, &[0.0, 0.5, 0.75, 1.0]));
    let by_hand = overlaid(small_picture(), opaque(1, 1, &[0.515_625]));
    assert_eq!(square.get_pixel(2, 1), by_hand.get_pixel(0, 0));
    let corner = overlaid(small_picture(), opaque(1, 1, &[0.75]));
    assert_eq!(square.get_pixel(0, 3), corner.get_pixel(0, 0));
}

#[test]
fn the_image_below_a_smooth_map_keeps_its_pixels() {
    let transparent = Overlay {
        smooth: true,
        opacity: 0.0,
        ..opaque(2, 2, &[0.0, 1.0, 1.0, 0.0])
    };
    let settings = GridSettings {
        enlargement: Some(10),
        ..GridSettings::default()
    };
    let pictures = [small_picture().overlaid(transparent)];
    let pixels = decoded(&image_grid("", &pictures, &settings).unwrap());
    for (column, row, level) in [(0, 0, 0), (1, 0, 255), (0, 1, 128), (1, 1, 64)] {
        for offset in [1, 10, 18] {
            let at = (28 + 20 * column + offset, 28 + 20 * row + offset);
            assert_eq!(*pixels.get_pixel(at.0, at.1), Rgb([level; 3]), "at {at:?}");
        }
    }
}

#[test]
fn the_hottest_place_is_the_lightest_whatever_is_below() {
    let luma = |level, value| {
        let overlay = Overlay {
            opacity: Overlay::default().opacity,
            ..opaque(1, 1, &[value])
        };
        let Rgb([red, green, blue]) = *overlaid(row_of(level, 1), overlay).get_pixel(0, 0);
        0.2126 * f64::from(red) + 0.7152 * f64::from(green) + 0.0722 * f64::from(blue)
    };
    assert!(luma(0, 1.0) > luma(255, 0.0));
}

#[test]
fn signed_values_are_white_at_zero() {
    let signed = Overlay {
        colours: ColourScale::Diverging,
        ..opaque(1, 3, &[-1.0, 0.0, 1.0])
    };
    let image = overlaid(row_of(0, 3), signed);
    let (negative, positive) = (image.get_pixel(0, 0), image.get_pixel(4, 0));
    assert_eq!(*image.get_pixel(2, 0), WHITE);
    assert!(negative[0] > negative[2] && positive[2] > positive[0]);
}

#[test]
fn a_grid_with_heat_maps_has_one_colour_bar() {
    let settings = GridSettings {
        columns: Some(2),
        subtitle: "heat maps enlarged bilinearly".to_owned(),
        colour_bar: "share of the largest value".to_owned(),
        ..GridSettings::default()
    };
    let heat = small_picture()
        .captioned("why")
        .overlaid(opaque(1, 2, &[0.0, 1.0]));
    let pictures = [small_picture().captioned("input"), heat];
    let figure = image_grid("Heat", &pictures, &settings).unwrap();
    let svg = figure.svg().unwrap();
    let images = embedded_images(&svg);
    assert_eq!(images.len(), 3, "two images and the bar");
    assert_eq!(
        images[0].dimensions(),
        (2, 2),
        "a plain image stays as it is"
    );
    // The bar shows the colours without the image, the largest value at the top.
    assert_eq!(*images[2].get_pixel(0, 0), Rgb([253, 231, 37]));
    assert_eq!(*images[2].get_pixel(0, 127), Rgb([68, 1, 84]));
    let texts = texts(&svg);
    for text in [
        "heat maps enlarged bilinearly",
        "share of the largest value",
        "0.0",
        "1.0",
    ] {
        assert!(texts.iter().any(|found| found == text), "{text} {texts:?}");
    }
    assert_eq!(
        figure.alt_text(),
        "Heat. heat maps enlarged bilinearly. 2 images in 1 row of 2: input; why (with a heat map, \
         strongest in the middle on the right). Heat maps over images show share of the largest value."
    );

    let plain = image_grid("", &pictures[..1], &settings).unwrap();
    assert_eq!(embedded_images(&plain.svg().unwrap()).len(), 1, "no bar");
    let many = vec![pictures[1].clone(); 100];
    let many = image_grid("", &many, &GridSettings::default()).unwrap();
    assert!(many.width() <= 850, "{}", many.width());
}

// ---- class_histogram

#[test]
fn bars_are_as_long_as_their_counts() {
    let series = [
        CountSeries {
            name: "training".to_owned(),
            counts: vec![1_000, 500, 0],
        },
        CountSeries {
            name: "test".to_owned(),
            counts: vec![250, 750, 0],
        },
    ];
    let figure = class_histogram("Counts", &["a", "b", "c"], &series).unwrap();
    let svg = figure.svg().unwrap();
    // The first rectangle of each colour belongs to the legend.
    let blue = numbers(&svg, "rect", "#0072B2", ["height"]);
    let orange = numbers(&svg, "rect", "#D55E00", ["height"]);
    let unit = blue[1][0] / 1_000.0;
    let heights = blue[2..].iter().chain(&orange[1..]);
    for ([height], count) in heights.zip([500.0, 0.0, 250.0, 750.0, 0.0]) {
        // plotters rounds both ends of a bar to whole pixels.
        assert!((height - count * unit).abs() <= 1.0, "{height} for {count}");
    }
    assert_eq!(
        figure.alt_text(),
        "Counts. Bar chart of the number of images per class. training: a 1,000, b 500, c 0. \
         test: a 250, b 750, c 0."
    );
    for text in [
        "number of images",
        "class",
        "1,000",
        "750",
        "training",
        "test",
    ] {
        assert!(
            texts(&svg).iter().any(|found| found == text),
            "{text} is missing"
        );
    }
}

#[test]
fn bars_lie_below_each_other_for_long_names() {
    let names: Vec<String> = (0..10)
        .map(|index| format!("{index} {}", "x".repeat(30)))
        .collect();
    let counts = vec![CountSeries {
        name: String::new(),
        counts: vec![80, 40, 1, 1, 1, 1, 1, 1, 1, 1],
    }];
    let svg = class_histogram("", &names, &counts).unwrap().svg().unwrap();
    let bars = numbers(&svg, "rect", "#0072B2", ["x", "width"]);
    assert_eq!(bars.len(), 10);
    assert_eq!(bars[0][0], bars[9][0]);
    assert!((bars[0][1] - 2.0 * bars[1][1]).abs() <= 1.0, "{bars:?}");
    assert!(texts(&svg).contains(&names[3]));
}

#[test]
fn a_histogram_of_zeros_and_one_of_300_classes() {
    let zeros = [CountSeries {
        name: String::new(),
        counts: vec![0, 0],
    }];
    let svg = class_histogram("", &["a", "b"], &zeros)
        .unwrap()
        .svg()
        .unwrap();
    assert_eq!(numbers(&svg, "rect", "#0072B2", ["height"]), [[0.0], [0.0]]);
    let names: Vec<String> = (0..300).map(|index| format!("class {index}")).collect();
    let many = [CountSeries {
        name: String::new(),
        counts: (0..300).collect(),
    }];
    let svg = class_histogram("", &names, &many).unwrap().svg().unwrap();
    assert!(names.iter().all(|name| texts(&svg).contains(name)));
}

// ---- learning_curves

fn epoch(loss: f64, accuracy: f64) -> EpochMetrics {
    EpochMetrics {
        training_loss: loss,
        training_accuracy: accuracy,
        ..EpochMetrics::default()
    }
}

#[test]
fn curves_go_through_their_values() {
    let epochs = [epoch(1.0, 0.5), epoch(0.5, 0.7), epoch(0.0, 0.9)];
    let figure = learning_curves("LeNet", &epochs).unwrap();
    let svg = figure.svg().unwrap();
    // Per panel three points, then the marker of the legend.
    let circles = numbers(&svg, "circle", "#0072B2", ["cx", "cy"]);
    assert_eq!(circles.len(), 8);
    for panel in [&circles[..3], &circles[4..7]] {
        let steps = [
            [panel[1][0] - panel[0][0], panel[1][1] - panel[0][1]],
            [panel[2][0] - panel[1][0], panel[2][1] - panel[1][1]],
        ];
        assert!((steps[0][0] - steps[1][0]).abs() <= 1.0, "{steps:?}");
        assert!((steps[0][1] - steps[1][1]).abs() <= 1.0, "{steps:?}");
        assert!(steps[0][0] > 50.0);
    }
    assert!(circles[1][1] > circles[0][1], "a falling loss falls");
    assert!(circles[5][1] < circles[4][1], "a rising accuracy rises");
    assert_eq!(
        figure.alt_text(),
        "LeNet. Learning curves over 3 epochs. Loss in training: from 1.00 to 0. \
         Accuracy in training: from 50.0 % to 90.0 %."
    );
    let texts = texts(&svg);
    for text in [
        "epoch",
        "mean loss",
        "accuracy in %",
        "1",
        "2",
        "3",
        "90.0 %",
        "training",
    ] {
        assert!(
            texts.iter().any(|found| found == text),
            "{text} is missing in {texts:?}"
        );
    }
    assert!(!texts.iter().any(|text| text == "validation"));
}

#[test]
fn one_epoch_is_one_point_per_panel() {
    let single = EpochMetrics {
        validation_loss: Some(0.6),
        validation_accuracy: Some(0.8),
        ..epoch(0.5, 0.85)
    };
    let svg = learning_curves("", &[single]).unwrap().svg().unwrap();
    assert_eq!(numbers(&svg, "circle", "#0072B2", ["cx"]).len(), 4);
    assert_eq!(numbers(&svg, "rect", "#D55E00", ["x"]).len(), 4);
    assert!(texts(&svg).contains(&"80.0 %".to_owned()));
}

#[test]
fn validation_may_be_measured_in_some_epochs_only() {
    let measured = EpochMetrics {
        validation_accuracy: Some(0.6),
        ..epoch(0.5, 0.5)
    };
    let epochs = [epoch(1.0, 0.4), measured, epoch(0.4, 0.6)];
    let figure = learning_curves("", &epochs).unwrap();
    // One point and the marker of the legend, in the accuracy panel only.
    assert_eq!(
        numbers(&figure.svg().unwrap(), "rect", "#D55E00", ["x"]).len(),
        2
    );
    assert!(
        figure
            .alt_text()
            .contains("Accuracy in validation: from 60.0 % to 60.0 %")
    );
}

// ---- confusion_matrix

#[test]
fn confusion_cells_darken_with_their_share_of_the_row() {
    let counts = [vec![90, 10, 0], vec![1, 1, 0], vec![0, 0, 700]];
    let figure = confusion_matrix("Test", &["cat", "dog", "owl"], &counts).unwrap();
    let svg = figure.svg().unwrap();
    let cells = &embedded_images(&svg)[0];
    assert_eq!(cells.dimensions(), (3, 3));
    let brightness = |row: u32, column: u32| sum(cells.get_pixel(column, row));
    assert_eq!(*cells.get_pixel(2, 0), WHITE);
    assert!(brightness(2, 2) < brightness(0, 0));
    assert!(brightness(0, 0) < brightness(1, 1));
    assert!(brightness(1, 1) < brightness(0, 1));
    assert!(brightness(0, 1) < brightness(0, 2));
    // Half of two images is as dark as half of any number: rows are normalised.
    assert_eq!(brightness(1, 0), brightness(1, 1));

    let texts = texts(&svg);
    assert!(texts.contains(&"accuracy 98.6 % (791 of 802 images)".to_owned()));
    for text in ["true class", "predicted class", "700", "90", "100 %"] {
        assert!(texts.iter().any(|found| found == text), "{text} is missing");
    }
    assert_eq!(texts.iter().filter(|text| *text == "owl").count(), 2);
    assert!(
        figure
            .alt_text()
            .contains("cat taken for dog 10 times, dog taken for cat 1 times")
    );
}

#[test]
fn counts_are_legible_on_every_cell() {
    let svg = confusion_matrix("", &["a", "b"], &[vec![10, 0], vec![5, 5]])
        .unwrap()
        .svg()
        .unwrap();
    let document = Document::parse(&svg).unwrap();
    let ink = |label: &str| {
        let found = document.descendants().find(|node| {
            node.has_tag_name("text") && node.text().is_some_and(|text| text.trim() == label)
        });
        found.unwrap().attribute("fill").unwrap().to_owned()
    };
    assert_eq!(ink("10"), "#FFFFFF");
    assert_ne!(ink("0"), "#FFFFFF");
}

#[test]
fn confusion_of_many_or_long_named_or_no_images() {
    let names: Vec<String> = (0..300).map(|index| format!("class {index}")).collect();
    let figure = confusion_matrix("", &names, &vec![vec![1; 300]; 300]).unwrap();
    assert_eq!(
        embedded_images(&figure.svg().unwrap())[0].dimensions(),
        (300, 300)
    );
    let name = "n".repeat(10) + &" long".repeat(10);
    let svg = confusion_matrix("", &[&name, "b"], &[vec![0, 0], vec![0, 0]])
        .unwrap()
        .svg()
        .unwrap();
    assert_eq!(
        texts(&svg).iter().filter(|text| **text == name).count(),
        2,
        "shown in full"
    );
    assert!(texts(&svg).contains(&"no images counted".to_owned()));
    assert_eq!(*embedded_images(&svg)[0].get_pixel(0, 0), WHITE);
}

// ---- prediction_bars

fn prediction(probabilities: &[f64], true_class: Option<usize>) -> Prediction {
    Prediction {
        picture: small_picture(),
        probabilities: probabilities.to_vec(),
        true_class,
    }
}

#[test]
fn probabilities_are_sorted_bars() {
    let figure = prediction_bars(
        "Says",
        &["cat", "dog", "owl"],
        &[prediction(&[0.2, 0.6, 0.2], Some(1))],
        None,
    )
    .unwrap();
    let svg = figure.svg().unwrap();
    let predicted = numbers(&svg, "rect", "#0072B2", ["width", "y"]);
    let others = numbers(&svg, "rect", "#B9C9D6", ["width", "y"]);
    assert_eq!((predicted.len(), others.len()), (1, 2));
    assert!(
        (predicted[0][0] - 3.0 * others[0][0]).abs() <= 2.0,
        "{predicted:?} {others:?}"
    );
    assert!(predicted[0][1] < others[0][1] && others[0][1] < others[1][1]);
    let texts = texts(&svg);
    let names: Vec<_> = texts
        .iter()
        .filter(|text| ["dog", "cat", "owl"].contains(&text.as_str()))
        .collect();
    assert_eq!(names, ["dog", "cat", "owl"]);
    assert!(texts.contains(&"60.0 %".to_owned()) && texts.contains(&"true class".to_owned()));
    assert_eq!(
        figure.alt_text(),
        "Says. Images with the probabilities of their classes. \
         Image 1: dog 60.0 %, cat 20.0 %, owl 20.0 %; true class dog (right)."
    );
}

#[test]
fn the_true_class_is_shown_even_below_the_top() {
    let wrong = prediction(&[0.0, 0.1, 0.9, 0.0], Some(0));
    let unknown = prediction(&[0.0, 0.1, 0.9, 0.0], None);
    let names = ["ant", "bee", "cow", "dog"];
    let figure = prediction_bars("", &names, &[wrong, unknown], Some(1)).unwrap();
    let svg = figure.svg().unwrap();
    let texts = texts(&svg);
    let shown: Vec<_> = texts
        .iter()
        .filter(|text| names.contains(&text.as_str()))
        .collect();
    assert_eq!(shown, ["cow", "ant", "cow"]);
    assert_eq!(
        texts.iter().filter(|text| *text == "← true class").count(),
        1
    );
    assert_eq!(numbers(&svg, "rect", "#D55E00", ["width"]).len(), 1);
    assert_eq!(numbers(&svg, "rect", "#0072B2", ["width"]).len(), 1);
    assert!(figure.alt_text().contains("true class ant (wrong)"));
}

// ---- line_plot

fn line(name: &str, points: &[(f64, f64)]) -> LineSeries {
    LineSeries {
        name: name.to_owned(),
        points: points.to_vec(),
    }
}

#[test]
fn a_logarithmic_axis_spaces_powers_of_ten_evenly() {
    let settings = LinePlotSettings {
        x_title: "step".to_owned(),
        y_title: "learning rate".to_owned(),
        logarithmic_y: true,
        ..LinePlotSettings::default()
    };
    let figure = line_plot(
        "Rate",
        &[line("", &[(0.0, 0.001), (1.0, 0.01), (2.0, 0.1)])],
        &settings,
    )
    .unwrap();
    let svg = figure.svg().unwrap();
    let circles = numbers(&svg, "circle", "#0072B2", ["cx", "cy"]);
    assert_eq!(circles.len(), 3, "a single line without name has no legend");
    assert!((circles[0][1] - 2.0 * circles[1][1] + circles[2][1]).abs() <= 2.0);
    let texts = texts(&svg);
    for text in ["0.001", "0.01", "0.1", "step", "learning rate"] {
        assert!(
            texts.iter().any(|found| found == text),
            "{text} is missing in {texts:?}"
        );
    }
    assert!(
        figure
            .alt_text()
            .contains("learning rate against step, logarithmic scale")
    );
}

#[test]
fn a_sharp_peak_is_drawn_no_higher_than_it_is() {
    let settings = LinePlotSettings::default();
    let peak = [
        (0.0, 0.0),
        (50.0, 0.0),
        (50.1, 6.0),
        (50.2, 0.0),
        (100.0, 0.0),
    ];
    let figure = line_plot("", &[line("", &peak)], &settings).unwrap();
    let pixels = decoded(&figure);
    let top = (0..pixels.height())
        .find(|&y| (0..pixels.width()).any(|x| *pixels.get_pixel(x, y) == BLUE))
        .unwrap();
    let highest_point = numbers(&figure.svg().unwrap(), "circle", "#0072B2", ["cy"])
        .iter()
        .fold(f64::INFINITY, |least, [y]| least.min(*y));
    // A marker has a radius of 4 CSS pixels.
    assert!(
        f64::from(top) >= highest_point - 8.0,
        "{top} {highest_point}"
    );
}

#[test]
fn lines_differ_without_colour() {
    let points = [(0.0, 1.0), (1.0, 2.0)];
    let series = ["one", "two", "three", "four"].map(|name| line(name, &points));
    let svg = line_plot("", &series, &LinePlotSettings::default())
        .unwrap()
        .svg()
        .unwrap();
    assert_eq!(numbers(&svg, "circle", "#0072B2", ["cx"]).len(), 3);
    assert_eq!(numbers(&svg, "rect", "#D55E00", ["x"]).len(), 3);
    let polygons = |colour: &str| svg.matches(&format!("fill=\"{colour}\" points")).count();
    assert_eq!((polygons("#009E73"), polygons("#CC79A7")), (3, 3));
    let dashes = |colour: &str| svg.matches(&format!("stroke=\"{colour}\"")).count();
    assert_eq!(
        dashes("#0072B2"),
        2,
        "a solid line and its sample in the legend"
    );
    assert!(dashes("#D55E00") > 10 && dashes("#009E73") > dashes("#D55E00"));
}

#[test]
fn a_given_range_is_the_whole_axis() {
    let settings = LinePlotSettings {
        y_range: Some((0.0, 1.0)),
        ..LinePlotSettings::default()
    };
    let points = [(0.0, 0.25), (1.0, 0.5), (2.0, 0.5)];
    let svg = line_plot("", &[line("", &points)], &settings)
        .unwrap()
        .svg()
        .unwrap();
    let circles = numbers(&svg, "circle", "#0072B2", ["cy"]);
    let labels = texts(&svg);
    assert!(labels.contains(&"0.0".to_owned()) && labels.contains(&"1.0".to_owned()));
    let narrow = line_plot("", &[line("", &points)], &LinePlotSettings::default())
        .unwrap()
        .svg()
        .unwrap();
    // Without a range the axis ends at 0.25 and 0.5: the same step is four times as high.
    let free = numbers(&narrow, "circle", "#0072B2", ["cy"]);
    let (fixed_step, free_step) = (circles[0][0] - circles[1][0], free[0][0] - free[1][0]);
    assert!(
        (free_step - 4.0 * fixed_step).abs() <= 4.0,
        "{fixed_step} {free_step}"
    );
}

#[test]
fn areas_end_at_zero_and_let_the_grid_show_through() {
    let settings = LinePlotSettings {
        shaded: true,
        ..LinePlotSettings::default()
    };
    let series = [
        line("one", &[(0.0, 2.0), (1.0, 1.0)]),
        line("two", &[(0.0, 1.0), (1.0, 3.0)]),
    ];
    let figure = line_plot("Areas", &series, &settings).unwrap();
    let svg = figure.svg().unwrap();
    let document = Document::parse(&svg).unwrap();
    let areas: Vec<Node> = document
        .descendants()
        .filter(|node| node.has_tag_name("polygon") && node.attribute("opacity") == Some("0.13"))
        .collect();
    assert_eq!(areas.len(), 2);
    let points: Vec<Vec<f64>> = (areas[0].attribute("points").unwrap().split_whitespace())
        .map(|point| point.split(',').map(|part| part.parse().unwrap()).collect())
        .collect();
    // The line itself, then down to zero and back to its start.
    assert_eq!(points.len(), 4);
    assert_eq!((points[2][0], points[3][0]), (points[1][0], points[0][0]));
    assert_eq!(points[2][1], points[3][1]);
    let heights = (points[3][1] - points[0][1], points[2][1] - points[1][1]);
    assert!((heights.0 - 2.0 * heights.1).abs() <= 2.0, "{heights:?}");
    assert!(figure.alt_text().contains("shaded areas"));
}

// ---- heat_map and pixel_values

fn matrix(rows: usize, columns: usize, values: &[f32]) -> Matrix {
    Matrix {
        rows,
        columns,
        values: values.to_vec(),
        caption: String::new(),
    }
}

#[test]
fn matrices_share_a_scale_with_zero_in_the_middle() {
    let matrices = [matrix(1, 3, &[-4.0, 0.0, 2.0]), matrix(1, 2, &[-2.0, 2.0])];
    let figure = heat_map("Weights", &matrices, &HeatMapSettings::default()).unwrap();
    let images = embedded_images(&figure.svg().unwrap());
    let (first, second) = (&images[0], &images[1]);
    assert_eq!(*first.get_pixel(1, 0), WHITE);
    let (negative, positive) = (first.get_pixel(0, 0), first.get_pixel(2, 0));
    assert!(negative[0] > negative[2] && positive[2] > positive[0]);
    assert_eq!(
        second.get_pixel(1, 0),
        positive,
        "the same value has the same colour"
    );
    let (minus_two, plus_two) = (sum(second.get_pixel(0, 0)), sum(positive));
    assert!(
        minus_two > sum(negative),
        "half as far from zero is lighter"
    );
    assert!(plus_two.abs_diff(minus_two) < 60, "{minus_two} {plus_two}");
    assert!(figure.alt_text().contains("from −4.00 to 4.00"));
}

#[test]
fn a_sequential_scale_goes_from_the_least_to_the_largest_value() {
    let settings = HeatMapSettings {
        value_title: "activation".to_owned(),
        colours: ColourScale::Sequential,
        ..HeatMapSettings::default()
    };
    let figure = heat_map("", &[matrix(2, 2, &[5.0, 6.0, 7.0, 9.0])], &settings).unwrap();
    let svg = figure.svg().unwrap();
    let cells = &embedded_images(&svg)[0];
    assert_eq!(*cells.get_pixel(0, 0), WHITE);
    let levels: Vec<u32> = cells.pixels().map(sum).collect();
    assert!(
        levels.windows(2).all(|pair| pair[1] < pair[0]),
        "{levels:?}"
    );
    let texts = texts(&svg);
    assert!(texts.contains(&"activation".to_owned()) && texts.contains(&"7.00".to_owned()));
}

#[test]
fn equal_values_and_large_matrices_can_be_shown() {
    let zeros = heat_map("", &[matrix(2, 2, &[0.0; 4])], &HeatMapSettings::default()).unwrap();
    assert_eq!(
        *embedded_images(&zeros.svg().unwrap())[0].get_pixel(0, 0),
        WHITE
    );
    let large = matrix(500, 800, &vec![1.0; 400_000]);
    let figure = heat_map("", &[large], &HeatMapSettings::default()).unwrap();
    assert!(figure.width() < 900);
}

#[test]
fn feature_maps_stand_right_of_their_input() {
    let maps: Vec<Matrix> = (0..16)
        .map(|filter| Matrix {
            caption: format!("filter {filter}"),
            ..matrix(8, 8, &[[0.0, 1.0]; 32].concat())
        })
        .collect();
    let settings = HeatMapSettings {
        colours: ColourScale::Sequential,
        input: Some(small_picture().captioned("Sneaker")),
        ..HeatMapSettings::default()
    };
    let figure = heat_map("Maps", &maps, &settings).unwrap();
    let svg = figure.svg().unwrap();
    let images = embedded_images(&svg);
    assert_eq!(images.len(), 1 + 16 + 1, "input, maps, bar");
    assert_eq!(images[0].as_raw()[..6], [0, 0, 0, 255, 255, 255]);
    let places = image_places(&svg);
    let right_of_input = places[0].0 + places[0].2;
    assert!(places[1..].iter().all(|place| place.0 > right_of_input));
    assert_eq!(places[0].1, places[1].1, "both start at the top");
    // Title, caption of the input, captions of the maps, labels of the bar: no number in a cell.
    assert_eq!(texts(&svg).len(), 1 + 1 + 16 + 6);
    assert!(figure.width() <= 820);
    assert!(
        figure
            .alt_text()
            .starts_with("Maps. At the left the input image: Sneaker. 16 heat maps of 8 × 8")
    );

    let six = vec![matrix(24, 24, &[1.0; 576]); 6];
    let places = image_places(&heat_map("", &six, &settings).unwrap().svg().unwrap());
    let rows: Vec<f64> = places[1..7].iter().map(|place| place.1).collect();
    assert!(rows[0] == rows[2] && rows[3] == rows[5] && rows[0] < rows[3]);
}

#[test]
fn every_pixel_has_its_number_and_its_grey() {
    let figure = pixel_values("Pixels", &small_picture().captioned("four")).unwrap();
    let svg = figure.svg().unwrap();
    // Title, caption, column and row numbers, then the values row by row.
    let texts = texts(&svg);
    assert_eq!(texts[..2], ["Pixels", "four"]);
    assert_eq!(texts[2..6], ["0", "1", "0", "1"]);
    assert_eq!(texts[6..], ["0", "255", "128", "64"]);
    assert_eq!(embedded_images(&svg)[0].get_pixel(0, 1), &Rgb([128; 3]));
    assert!(figure.alt_text().contains("from 0 to 255"));
}

// ---- kernel_grid

/// Filters with the given values, as many in each filter as it has channels, each a 1 × 1 kernel.
fn kernel_group(name: &str, filters: &[&[f32]]) -> KernelGroup {
    let filter = |values: &&[f32]| values.iter().map(|&value| matrix(1, 1, &[value])).collect();
    KernelGroup {
        name: name.to_owned(),
        filters: filters.iter().map(filter).collect(),
    }
}

#[test]
fn all_kernels_share_one_scale() {
    let groups = [
        kernel_group("before", &[&[0.0], &[0.5], &[-0.5]]),
        kernel_group("after", &[&[0.5], &[-2.0], &[0.0]]),
    ];
    let settings = KernelGridSettings {
        value_title: "weight".to_owned(),
        ..KernelGridSettings::default()
    };
    let figure = kernel_grid("Kernels", &groups, &settings).unwrap();
    let svg = figure.svg().unwrap();
    let colours: Vec<Rgb<u8>> = embedded_images(&svg)[..6]
        .iter()
        .map(|image| *image.get_pixel(0, 0))
        .collect();
    assert_eq!((colours[0], colours[5]), (WHITE, WHITE), "zero is white");
    assert_eq!(colours[1], colours[3], "0.5 before and after");
    assert!(
        colours[1][2] > colours[1][0],
        "{:?} is not bluish",
        colours[1]
    );
    assert!(
        sum(&colours[4]) < sum(&colours[2]),
        "−2 is darker than −0.5"
    );
    let bar = &embedded_images(&svg)[6];
    assert_eq!(
        *bar.get_pixel(0, 127),
        colours[4],
        "−2 is the end of the scale"
    );
    let texts = texts(&svg);
    for text in ["before", "after", "weight", "filter 0", "filter 2"] {
        assert!(texts.iter().any(|found| found == text), "{text} {texts:?}");
    }
    assert_eq!(
        figure.alt_text(),
        "Kernels. Kernels of a convolution, 1 × 1 weights for 1 channel. before: 3 filters; \
         after: 3 filters. Colours show weight from −2.00 to 2.00, the same in all groups."
    );
}

#[test]
fn filters_of_one_channel_stand_in_a_block() {
    let six = kernel_group("", &[&[1.0][..]; 6]);
    let svg = kernel_grid("", &[six], &KernelGridSettings::default())
        .unwrap()
        .svg()
        .unwrap();
    let places = image_places(&svg);
    let (columns, rows) = (
        [places[0].0, places[1].0, places[2].0],
        [places[0].1, places[3].1],
    );
    assert!(columns[0] < columns[1] && columns[1] < columns[2] && rows[0] < rows[1]);
    for (index, place) in places[..6].iter().enumerate() {
        assert_eq!((place.0, place.1), (columns[index % 3], rows[index / 3]));
    }
}

#[test]
fn filters_of_several_channels_have_a_row_each() {
    let settings = KernelGridSettings {
        channel_names: ["red", "green", "blue"].map(str::to_owned).to_vec(),
        ..KernelGridSettings::default()
    };
    let group = kernel_group("", &[&[1.0, 0.0, -1.0], &[0.0, 1.0, 0.0]]);
    let figure = kernel_grid("", &[group], &settings).unwrap();
    let svg = figure.svg().unwrap();
    let images = embedded_images(&svg);
    assert_eq!(*images[1].get_pixel(0, 0), WHITE);
    assert_eq!(images[0], images[4]);
    let places = image_places(&svg);
    for (index, place) in places[..6].iter().enumerate() {
        assert_eq!(
            (place.0, place.1),
            (places[index % 3].0, places[index / 3 * 3].1)
        );
    }
    let names = texts(&svg);
    let expected = ["input channel", "red", "green", "blue", "filter", "0", "1"];
    assert_eq!(names[..7], expected);
    assert!(figure.alt_text().contains("3 channels (red, green, blue)"));
}

#[test]
fn two_groups_of_a_second_convolution_fit_beside_each_other() {
    let filters = |number, channels| KernelGroup {
        name: "group".to_owned(),
        filters: vec![vec![matrix(5, 5, &[1.0; 25]); channels]; number],
    };
    let settings = KernelGridSettings::default();
    let figure = kernel_grid("", &[filters(16, 6), filters(16, 6)], &settings).unwrap();
    assert!(figure.width() <= 820, "{}", figure.width());
    let kernel = image_places(&figure.svg().unwrap())[0];
    // In device pixels: at least 7 CSS pixels to a weight, all equally large.
    assert!(kernel.2 >= 70.0 && kernel.2 % 5.0 == 0.0, "{kernel:?}");
    assert_eq!(kernel.2, kernel.3);
    let large = kernel_grid("", &[filters(64, 32), filters(64, 32)], &settings).unwrap();
    assert!(large.width() <= 820, "{}", large.width());
}

// ---- network_diagram

fn layer(name: &str, shape: &[usize], operation: &str, parameters: usize) -> DiagramLayer {
    DiagramLayer {
        name: name.into(),
        shape: shape.to_vec(),
        operation: operation.into(),
        parameters,
        receptive_field: None,
    }
}

/// A convolution with a pooling, and a fully connected layer.
fn small_network() -> [DiagramLayer; 4] {
    let field = |side, layer| DiagramLayer {
        receptive_field: Some([side, side]),
        ..layer
    };
    [
        layer("input", &[3, 28, 28], "", 0),
        field(5, layer("conv", &[6, 24, 24], "convolution\n5 × 5", 456)),
        field(2, layer("pool + relu", &[6, 12, 12], "pooling\n2 × 2", 0)),
        layer("fc", &[10], "fully connected", 8650),
    ]
}

/// The corners of all polygons of an SVG with this colour, in device pixels.
fn polygons(svg: &str, fill: &str) -> Vec<Vec<(f64, f64)>> {
    let document = Document::parse(svg).unwrap();
    let wanted = |node: &Node| node.has_tag_name("polygon") && node.attribute("fill") == Some(fill);
    let corner = |corner: &str| {
        let (x, y) = corner.split_once(',').unwrap();
        (x.parse().unwrap(), y.parse().unwrap())
    };
    (document.descendants().filter(wanted))
        .map(|node| {
            node.attribute("points")
                .unwrap()
                .split_whitespace()
                .map(corner)
                .collect()
        })
        .collect()
}

const INPUT: &str = "#E6E6E6";
/// 32 % and 10 % of blue over white.
const LEARNED: &str = "#ADD2E6";
const NOT_LEARNED: &str = "#E6F1F7";

#[test]
fn feature_maps_are_stacked_and_vectors_are_columns() {
    let figure = network_diagram("Small", &small_network()).unwrap();
    let svg = figure.svg().unwrap();
    assert_eq!(polygons(&svg, INPUT).len(), 3);
    assert_eq!(polygons(&svg, NOT_LEARNED).len(), 6);
    let learned = polygons(&svg, LEARNED);
    assert_eq!(learned.len(), 6 + 1, "6 maps and a column");
    // The last map is drawn first: each lies left of the one before it, and lower.
    for pair in learned[..6].windows(2) {
        assert!(pair[1][0].0 < pair[0][0].0 && pair[1][0].1 > pair[0][0].1);
    }
    // 28 pixels are 96 CSS pixels wide, fewer pixels less by their ratio to the power of 0.75.
    let width = |corners: &[(f64, f64)]| corners[1].0 - corners[0].0;
    assert_eq!(width(&polygons(&svg, INPUT)[0]), 192.0);
    assert!((width(&learned[0]) - 192.0 * (24f64 / 28.0).powf(0.75)).abs() <= 1.0);
    let pooled = width(&polygons(&svg, NOT_LEARNED)[0]);
    assert!((pooled - 192.0 * (12f64 / 28.0).powf(0.75)).abs() <= 1.0);
}

#[test]
fn a_diagram_says_shapes_operations_and_parameters() {
    let figure = network_diagram("Small", &small_network()).unwrap();
    let texts = texts_of(&figure);
    let expected = [
        "Small",
        "9,106 parameters in these layers",
        "3 × 28 × 28",
        "input",
        "6 × 24 × 24",
        "conv",
        "6 × 12 × 12",
        "pool + relu",
        "10",
        "fc",
        "convolution 5 × 5",
        "456 parameters",
        "pooling 2 × 2",
        "fully connected",
        "8,650 parameters",
    ];
    assert_eq!(texts, expected);
    assert_eq!(
        figure.alt_text(),
        "Small. Diagram of a network, from left to right: input, 3 × 28 × 28; \
         conv, 6 × 24 × 24 (convolution 5 × 5, 456 parameters); \
         pool + relu, 6 × 12 × 12 (pooling 2 × 2); \
         fc, 10 (fully connected, 8,650 parameters)."
    );
}

#[test]
fn layers_are_connected_by_receptive_fields_lines_or_arrows() {
    let lines = |layers: &[DiagramLayer], colour: &str| {
        let svg = network_diagram("", layers).unwrap().svg().unwrap();
        let document = Document::parse(&svg).unwrap();
        let is_line =
            |node: &Node| node.has_tag_name("polyline") && node.attribute("stroke") == Some(colour);
        document.descendants().filter(is_line).count()
    };
    let (vermillion, grey) = ("#D55E00", "#9A9A9A");
    let network = small_network();
    // A field, the output that sees it, and two lines between them: twice.
    assert_eq!(lines(&network, vermillion), 2 * 4);
    assert_eq!(lines(&network, grey), 4, "each end with each end");
    let flattened = [layer("", &[4, 4], "", 0), layer("", &[16], "flatten", 0)];
    assert_eq!(
        (lines(&flattened, vermillion), lines(&flattened, grey)),
        (0, 0)
    );
    let svg = network_diagram("", &flattened).unwrap().svg().unwrap();
    let heads = polygons(&svg, "#595959");
    assert_eq!((heads.len(), heads[0].len()), (1, 3), "an arrow");
}

#[test]
fn a_diagram_of_many_layers_gets_smaller_and_then_wider() {
    let network = |hidden: usize| {
        let input = layer("input", &[1, 28, 28], "", 0);
        let conv = layer("convolution", &[64, 24, 24], "convolution\n5 × 5", 1664);
        let fc = layer("hidden + sigmoid", &[1000], "fully\nconnected", 36_865_000);
        let hidden = std::iter::repeat_n(fc, hidden);
        let layers: Vec<_> = [input, conv].into_iter().chain(hidden).collect();
        network_diagram("Deep", &layers).unwrap()
    };
    let broken = |figure: &Figure| texts_of(figure).iter().any(|text| text == "connected");
    let (few, many, most) = (network(2), network(8), network(20));
    assert!(few.width() < 900 && !broken(&few), "{}", few.width());
    assert!(many.width() <= 900 && broken(&many), "{}", many.width());
    assert!(most.width() > 900, "{}", most.width());
    let maps = |figure: &Figure| polygons(&figure.svg().unwrap(), LEARNED).len();
    assert_eq!(maps(&few), 16 + 2, "16 of 64 maps");
    assert!(network_diagram("", &[layer("alone", &[], "", 0)]).is_ok());
}

// ---- errors

#[test]
fn input_that_cannot_be_drawn_is_an_error_that_says_why() {
    let grid = |picture: Picture| {
        message(image_grid(
            "",
            &[small_picture(), picture],
            &GridSettings::default(),
        ))
    };
    let settings = |columns, enlargement| {
        message(image_grid(
            "",
            &[small_picture()],
            &GridSettings {
                columns,
                enlargement,
                ..GridSettings::default()
            },
        ))
    };
    let histogram = |names: &[&str], counts: &[usize]| {
        let series = [CountSeries {
            name: "test".to_owned(),
            counts: counts.to_vec(),
        }];
        message(class_histogram("", names, &series))
    };
    let bars = |probabilities: &[f64], true_class, shown| {
        message(prediction_bars(
            "",
            &["a", "b"],
            &[prediction(probabilities, true_class)],
            shown,
        ))
    };
    let plot = |points: &[(f64, f64)], logarithmic_y| {
        let settings = LinePlotSettings {
            logarithmic_y,
            ..LinePlotSettings::default()
        };
        message(line_plot("", &[line("rate", points)], &settings))
    };
    let map = |matrix: Matrix| message(heat_map("", &[matrix], &HeatMapSettings::default()));
    let heat = |overlay: Overlay| grid(small_picture().overlaid(overlay));
    let kernels = |groups: &[KernelGroup], names: &[&str]| {
        let settings = KernelGridSettings {
            channel_names: names.iter().map(|&name| name.to_owned()).collect(),
            ..KernelGridSettings::default()
        };
        message(kernel_grid("", groups, &settings))
    };
    let axes = |y_range, shaded, logarithmic_y| {
        let settings = LinePlotSettings {
            y_range,
            shaded,
            logarithmic_y,
            ..LinePlotSettings::default()
        };
        message(line_plot("", &[line("rate", &[(0.0, 2.0)])], &settings))
    };
    let signed = Overlay {
        colours: ColourScale::Diverging,
        ..opaque(1, 1, &[0.5])
    };
    let pair = [opaque(1, 1, &[0.5]), signed.clone()].map(|heat| small_picture().overlaid(heat));
    let (nan, infinite) = (f64::NAN, f64::INFINITY);
    let none: [&str; 0] = [];
    let huge = HeatMapSettings {
        columns: Some(1),
        ..HeatMapSettings::default()
    };

    let cases = [
        (
            message(image_grid("", &[], &GridSettings::default())),
            "image_grid: there are no images",
        ),
        (
            grid(Picture::grey(0, 3, vec![])),
            "image 1 is 0 × 3 pixels large",
        ),
        (
            grid(Picture::grey(2, 2, vec![0; 5])),
            "image 1 has 5 values; 2 × 2 × 1 are needed",
        ),
        (
            grid(Picture::grey(usize::MAX, 2, vec![0; 5])),
            "image 1 has 5 values",
        ),
        (
            grid(Picture {
                channels: 2,
                ..small_picture()
            }),
            "image 1 has 2 channels",
        ),
        (settings(Some(0), None), "columns is 0"),
        (
            settings(None, Some(0)),
            "enlargement is 0; give a number in [1, 64]",
        ),
        (
            message(image_grid(
                "",
                &[Picture::grey(3_000, 3_000, vec![0; 9_000_000])],
                &GridSettings {
                    enlargement: Some(64),
                    ..GridSettings::default()
                },
            )),
            "show fewer or smaller parts",
        ),
        (
            histogram(&none, &[]),
            "class_histogram: there are no class names",
        ),
        (
            histogram(&["a", "b"], &[1]),
            "series \"test\" has 1 counts for 2 class names",
        ),
        (
            message(class_histogram("", &["a"], &[])),
            "there are no counts",
        ),
        (
            message(learning_curves("", &[])),
            "learning_curves: there are no epochs",
        ),
        (
            message(learning_curves("", &[epoch(nan, 0.5)])),
            "training loss: the value at index 0 is NaN",
        ),
        (
            message(learning_curves(
                "",
                &[EpochMetrics {
                    validation_loss: Some(infinite),
                    ..epoch(1.0, 0.5)
                }],
            )),
            "validation loss: the value at index 0 is inf",
        ),
        (
            message(learning_curves("", &[epoch(1.0, 87.5)])),
            "the accuracy of epoch 1 is 87.5; give a share in [0, 1]",
        ),
        (
            message(learning_curves("", &[epoch(1.0, nan)])),
            "the accuracy of epoch 1 is NaN",
        ),
        (
            message(confusion_matrix("", &none, &[])),
            "confusion_matrix: there are no class names",
        ),
        (
            message(confusion_matrix("", &["a", "b"], &[vec![1, 2]])),
            "1 rows of counts for 2 class names",
        ),
        (
            message(confusion_matrix("", &["a", "b"], &[vec![1, 2], vec![3]])),
            "the row of class \"b\" has 1 counts; give 2",
        ),
        (
            message(confusion_matrix(
                "",
                &["a", "b"],
                &[vec![usize::MAX, 1], vec![0, 0]],
            )),
            "the sum of the counts is too large",
        ),
        (
            message(prediction_bars("", &["a"], &[], None)),
            "prediction_bars: there are no predictions",
        ),
        (
            bars(&[1.0], None, None),
            "prediction 0 has 1 probabilities for 2 class names",
        ),
        (
            bars(&[-3.0, 4.0], None, None),
            "the probability -3; apply softmax",
        ),
        (
            bars(&[nan, 1.0], None, None),
            "the probability NaN; apply softmax",
        ),
        (
            bars(&[0.9, 0.9], None, None),
            "add up to 1.800; apply softmax",
        ),
        (
            bars(&[0.5, 0.5], Some(2), None),
            "the true class of prediction 0 is 2; the last class is 1",
        ),
        (bars(&[0.5, 0.5], None, Some(0)), "classes_shown is 0"),
        (
            message(line_plot("", &[], &LinePlotSettings::default())),
            "line_plot: there are no series",
        ),
        (plot(&[], false), "series \"rate\" has no points"),
        (
            plot(&[(0.0, 1.0), (1.0, infinite)], false),
            "series \"rate\", y: the value at index 1 is inf",
        ),
        (
            plot(&[(nan, 1.0)], false),
            "series \"rate\", x: the value at index 0 is NaN",
        ),
        (plot(&[(0.0, 1e200)], false), "only finite numbers up to"),
        (
            plot(&[(0.0, 0.0)], true),
            "y = 0; a logarithmic scale shows only values greater than 0",
        ),
        (
            message(heat_map("", &[], &HeatMapSettings::default())),
            "heat_map: there are no matrices",
        ),
        (map(matrix(0, 2, &[])), "matrix 0 has 0 rows and 2 columns"),
        (
            map(matrix(2, 2, &[1.0; 3])),
            "matrix 0 has 3 values; 2 × 2 are needed",
        ),
        (
            map(matrix(1, 1, &[f32::NAN])),
            "matrix 0: the value at index 0 is NaN",
        ),
        (
            message(heat_map(
                "",
                &vec![matrix(100, 1, &[1.0; 100]); 1_000],
                &huge,
            )),
            "show fewer or smaller parts",
        ),
        (
            message(pixel_values("", &Picture::grey(65, 1, vec![0; 65]))),
            "cut out at most 64 × 64",
        ),
        (
            message(pixel_values("", &Picture::rgb(1, 1, vec![0; 3]))),
            "only grey images",
        ),
        (
            message(pixel_values("", &pair[0])),
            "image 0 has an overlay; only image_grid shows overlays",
        ),
        (
            message(image_grid("", &pair, &GridSettings::default())),
            "the overlay of image 1 has the colours Diverging, that of image 0 Viridis; show them in two grids",
        ),
        (
            heat(opaque(0, 2, &[])),
            "the overlay of image 1 has 0 rows and 2 columns",
        ),
        (
            heat(opaque(2, 2, &[0.0; 3])),
            "the overlay of image 1 has 3 values; 2 × 2 are needed",
        ),
        (
            heat(opaque(1, 2, &[0.0, 1.5])),
            "the overlay of image 1 has the value 1.5 at index 1; divide by the largest magnitude to get values in [0, 1]",
        ),
        (heat(opaque(1, 1, &[-0.5])), "has the value -0.5 at index 0"),
        (
            heat(opaque(1, 1, &[f32::NAN])),
            "has the value NaN at index 0",
        ),
        (
            heat(Overlay {
                values: vec![-1.5],
                ..signed.clone()
            }),
            "has the value -1.5 at index 0; divide by the largest magnitude to get values in [−1, 1]",
        ),
        (
            heat(Overlay {
                opacity: 1.5,
                ..signed
            }),
            "the overlay of image 1 has the opacity 1.5; give a number in [0, 1]",
        ),
        (
            message(network_diagram("", &[])),
            "network_diagram: there are no layers",
        ),
        (
            message(network_diagram("", &[layer("pool", &[6, 0, 2], "", 0)])),
            "layer \"pool\" has the shape [6, 0, 2]; all its numbers must be at least 1",
        ),
        (kernels(&[], &[]), "kernel_grid: there are no groups"),
        (
            kernels(&[kernel_group("old", &[])], &[]),
            "group \"old\" has no filters",
        ),
        (
            kernels(&[kernel_group("old", &[&[1.0], &[]])], &[]),
            "group \"old\", filter 1 has no matrices",
        ),
        (
            kernels(
                &[
                    kernel_group("old", &[&[1.0]]),
                    kernel_group("new", &[&[1.0, 2.0]]),
                ],
                &[],
            ),
            "group \"new\", filter 0 has 2 channels, the first filter has 1",
        ),
        (
            kernels(
                &[KernelGroup {
                    name: "old".to_owned(),
                    filters: vec![vec![matrix(1, 1, &[1.0])], vec![matrix(1, 2, &[1.0, 2.0])]],
                }],
                &[],
            ),
            "group \"old\", filter 1 has a matrix of 1 × 2, the first filter one of 1 × 1",
        ),
        (
            kernels(&[kernel_group("old", &[&[1.0, f32::NAN]])], &[]),
            "group \"old\", filter 0, channel 1: the value at index 0 is NaN",
        ),
        (
            kernels(&[kernel_group("old", &[&[1.0, 2.0]])], &["red"]),
            "there are 1 channel_names for 2 channels",
        ),
        (
            kernels(&[kernel_group("old", &[&[1.0; 9_000][..]; 2])], &[]),
            "show fewer or smaller parts",
        ),
        (
            axes(Some((0.0, 1.0)), false, false),
            "series \"rate\" has y = 2, outside y_range (0, 1)",
        ),
        (
            axes(Some((3.0, 3.0)), false, false),
            "y_range is (3, 3); the first number must be less than the second",
        ),
        (
            axes(Some((0.0, nan)), false, false),
            "y_range: the value at index 1 is NaN",
        ),
        (
            axes(Some((1.0, 3.0)), true, false),
            "shaded areas end at y = 0",
        ),
        (
            axes(None, true, true),
            "y_range and shaded are for a linear scale",
        ),
    ];
    for (text, expected) in cases {
        assert!(
            text.contains(expected),
            "{text:?} does not say {expected:?}"
        );
    }
}

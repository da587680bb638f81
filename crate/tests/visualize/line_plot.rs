//! Lines through points.

use crate::support::{BLUE, assert_messages, attributes, error_message, rendered, texts};
use gasshuku::visualize::{LinePlotSettings, LineSeries, line_plot};
use roxmltree::{Document, Node};

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
    let circles = attributes(&svg, "circle", "#0072B2", ["cx", "cy"]);
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
    let pixels = rendered(&figure);
    let top = (0..pixels.height())
        .find(|&y| (0..pixels.width()).any(|x| *pixels.get_pixel(x, y) == BLUE))
        .unwrap();
    let highest_point = attributes(&figure.svg().unwrap(), "circle", "#0072B2", ["cy"])
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
    assert_eq!(attributes(&svg, "circle", "#0072B2", ["cx"]).len(), 3);
    assert_eq!(attributes(&svg, "rect", "#D55E00", ["x"]).len(), 3);
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
    let circles = attributes(&svg, "circle", "#0072B2", ["cy"]);
    let labels = texts(&svg);
    assert!(labels.contains(&"0.0".to_owned()) && labels.contains(&"1.0".to_owned()));
    let narrow = line_plot("", &[line("", &points)], &LinePlotSettings::default())
        .unwrap()
        .svg()
        .unwrap();
    // Without a range the axis ends at 0.25 and 0.5: the same step is four times as high.
    let free = attributes(&narrow, "circle", "#0072B2", ["cy"]);
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

#[test]
fn input_that_cannot_be_drawn_is_an_error_that_says_why() {
    let (nan, infinite) = (f64::NAN, f64::INFINITY);
    let plot = |points: &[(f64, f64)], logarithmic_y| {
        let settings = LinePlotSettings {
            logarithmic_y,
            ..LinePlotSettings::default()
        };
        error_message(line_plot("", &[line("rate", points)], &settings))
    };
    let axes = |y_range, shaded, logarithmic_y| {
        let settings = LinePlotSettings {
            y_range,
            shaded,
            logarithmic_y,
            ..LinePlotSettings::default()
        };
        error_message(line_plot("", &[line("rate", &[(0.0, 2.0)])], &settings))
    };
    assert_messages(&[
        (
            error_message(line_plot("", &[], &LinePlotSettings::default())),
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
    ]);
}

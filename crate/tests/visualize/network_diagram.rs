//! The layers of a network.

use crate::support::{assert_messages, error_message, texts_of};
use gasshuku::visualize::{DiagramLayer, Figure, network_diagram};
use roxmltree::{Document, Node};

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

#[test]
fn input_that_cannot_be_drawn_is_an_error_that_says_why() {
    assert_messages(&[
        (
            error_message(network_diagram("", &[])),
            "network_diagram: there are no layers",
        ),
        (
            error_message(network_diagram("", &[layer("pool", &[6, 0, 2], "", 0)])),
            "layer \"pool\" has the shape [6, 0, 2]; all its numbers must be at least 1",
        ),
    ]);
}

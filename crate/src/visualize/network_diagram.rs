//! The layers of a network from left to right.

mod connection;
mod layer;
mod layout;
mod outline;

use super::prelude::*;
use layer::parameters_text;
use layout::Layout;

pub use layer::DiagramLayer;

const FUNCTION: &str = "network_diagram";

/// The layers of a network from left to right, as LeCun et al. draw LeNet: feature maps as stacks of
/// rectangles, vectors as columns.
///
/// The name and the shape of a layer are above it. Its operation and parameters are below, between it and the layer before.
/// Layers with parameters are darker than those without, and the input is grey. Sizes are not to scale, and at most 16
/// feature maps of a layer are drawn. About 12 layers fit into the width of a notebook; with more the picture is wider.
///
/// After LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition",
/// Proc. IEEE 86(11), 1998, figure 2.
///
/// ```
/// use gasshuku::visualize::{DiagramLayer, network_diagram};
///
/// let layer = |name: &str, shape: &[usize]| DiagramLayer {
///     name: name.into(),
///     shape: shape.to_vec(),
///     ..DiagramLayer::default()
/// };
/// let output = DiagramLayer {
///     parameters: 7850,
///     operation: "fully connected".into(),
///     ..layer("linear", &[10])
/// };
/// let figure = network_diagram("A linear model", &[layer("input", &[1, 28, 28]), output]).unwrap();
/// assert!(figure.alt_text().contains("linear, 10 (fully connected, 7,850 parameters)"));
/// ```
///
/// # Errors
/// [`Error::Picture`](crate::Error::Picture) if there are no layers, if a number of a shape is 0, or if the picture
/// would be too large.
pub fn network_diagram(title: &str, layers: &[DiagramLayer]) -> Result<Figure> {
    check(layers)?;
    let layout = Layout::fitting(layers);
    let subtitle = subtitle(layers);
    let (titles, size) = ((title, subtitle.as_str()), (layout.width, layout.height()));
    let alt_text = alt_text(title, layers);
    Figure::draw(FUNCTION, titles, size, &alt_text, |canvas, top| {
        layout.draw(canvas, top);
    })
}

fn check(layers: &[DiagramLayer]) -> Result<()> {
    ensure_not_empty(FUNCTION, "layers", layers)?;
    layers
        .iter()
        .try_for_each(|DiagramLayer { name, shape, .. }| {
            ensure(!shape.contains(&0), FUNCTION, || {
                format!(
                    "layer {name:?} has the shape {shape:?}; all its numbers must be at least 1"
                )
            })
        })
}

fn subtitle(layers: &[DiagramLayer]) -> String {
    let add = |sum: usize, layer: &DiagramLayer| sum.saturating_add(layer.parameters);
    match layers.iter().fold(0, add) {
        0 => String::new(),
        sum => {
            let parameters = parameters_text(sum);
            translate!("{parameters} in these layers", "これらの層の{parameters}")
        }
    }
}

fn alt_text(title: &str, layers: &[DiagramLayer]) -> String {
    let layers: Vec<String> = layers.iter().map(DiagramLayer::describe).collect();
    let layers = layers.join("; ");
    translate!(
        "{title}. Diagram of a network, from left to right: {layers}.",
        "{title}。ネットワークの図、左から順に: {layers}。"
    )
}

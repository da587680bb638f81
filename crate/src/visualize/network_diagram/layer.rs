//! A layer of the diagram and its texts.

use super::super::prelude::*;

/// One layer of [`network_diagram`](super::network_diagram()); the first one is the network's input.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DiagramLayer {
    /// The name above the layer.
    pub name: String,
    /// The shape of the output for one image: `[C, H, W]` is drawn as C feature maps, `[N]` as a column of N units. The last
    /// two numbers of any other shape are the height and the width of a feature map.
    pub shape: Vec<usize>,
    /// The number of values that training changes.
    pub parameters: usize,
    /// The operation of the layer, such as "convolution\n5 × 5"; may be empty. It is broken at `\n` only if there is too
    /// little space.
    pub operation: String,
    /// Rows and columns of the receptive field of one output in the feature maps of the layer before, if it is drawn.
    /// Otherwise lines or an arrow lead from the layer before to this one.
    pub receptive_field: Option<[usize; 2]>,
}

impl DiagramLayer {
    pub(super) fn shape_text(&self) -> String {
        let numbers: Vec<String> = self.shape.iter().map(usize::to_string).collect();
        numbers.join(" × ")
    }

    /// The operation and the number of parameters, each with `\n` where it may be broken.
    pub(super) fn operation_texts(&self) -> Vec<String> {
        let mut texts = vec![self.operation.clone()];
        if self.parameters > 0 {
            // The number is before or after the first space.
            texts.push(parameters_text(self.parameters).replacen(' ', "\n", 1));
        }
        texts.retain(|text| !text.is_empty());
        texts
    }

    /// Name, shape, operation and parameters, for an alt text.
    pub(super) fn describe(&self) -> String {
        let mut texts = vec![text::in_one_line(&self.name), self.shape_text()];
        texts.retain(|text| !text.is_empty());
        let operations = self.operation_texts();
        let operations: Vec<String> = operations.iter().map(|text| without_breaks(text)).collect();
        match operations.is_empty() {
            true => text::joined(&texts),
            false => format!("{} ({})", text::joined(&texts), text::joined(&operations)),
        }
    }
}

pub(super) fn parameters_text(number: usize) -> String {
    with_noun(number, "parameter", ["パラメータ", "個"])
}

pub(super) fn without_breaks(text: &str) -> String {
    text.replace('\n', " ")
}

//! The drawing of a network.

use crate::define::summary::{LayerRow, Summary};
use crate::error::{Error, Result};
use crate::language::{translate, translated};
use crate::visualize::{DiagramLayer, Figure, network_diagram};

impl Summary {
    /// A diagram of the layers from left to right ([`network_diagram`]): feature maps as stacks of rectangles, vectors as
    /// columns, each with its shape and parameters.
    ///
    /// A layer that keeps the shape, such as an activation function, is drawn together with the layer before it. The
    /// operation of a layer is inferred from shapes and numbers of parameters; it is left out if they do not determine it.
    /// The title names the layers that the network does not record.
    ///
    /// # Errors
    /// [`Error::Picture`] if the network records no layer.
    pub fn diagram(&self) -> Result<Figure> {
        let mut layers = vec![DiagramLayer {
            name: translated("input", "入力").into(),
            shape: shape(&self.image),
            ..DiagramLayer::default()
        }];
        for row in &self.layers {
            if let Some(output) = &row.output {
                add(&mut layers, row, shape(output));
            }
        }
        if layers.len() == 1 {
            return Err(Error::Picture {
                function: "diagram",
                problem:
                    "the network records no layer; let its `forward` pass each activation through \
                          `pass.record(\"name\", x)`"
                        .into(),
            });
        }
        network_diagram(&self.title(), &layers)
    }

    fn title(&self) -> String {
        let unrecorded = self.layers.iter().filter(|row| row.output.is_none());
        let names: Vec<&str> = unrecorded.map(|row| row.layer.as_str()).collect();
        if names.is_empty() {
            return translated("The network", "ネットワーク").into();
        }
        let names = names.join(translated(", ", "、"));
        translate!(
            "The network (layers not recorded: {names})",
            "ネットワーク (記録されていない層: {names})"
        )
    }
}

/// Adds a layer, or adds it to the layer before if it keeps the shape.
fn add(layers: &mut Vec<DiagramLayer>, row: &LayerRow, shape: Vec<usize>) {
    let is_first = layers.len() == 1;
    let Some(before) = layers.last_mut() else {
        return;
    };
    let operation = Operation::of(&before.shape, &shape, row.parameters);
    if operation == Operation::Unknown && before.shape == shape && !is_first {
        before.name += &format!(" + {}", row.layer);
        before.parameters += row.parameters;
        return;
    }
    layers.push(DiagramLayer {
        name: row.layer.clone(),
        shape,
        parameters: row.parameters,
        operation: operation.to_string(),
        receptive_field: operation.receptive_field(),
    });
}

/// The operation of a layer.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Operation {
    /// With square kernels of this side.
    Convolution(usize),
    /// With windows of these numbers of rows and columns, which do not overlap.
    Pooling([usize; 2]),
    GlobalPooling,
    FullyConnected,
    Flatten,
    Unknown,
}

impl Operation {
    /// The operation from one shape to another with this number of parameters.
    fn of(from: &[usize], to: &[usize], parameters: usize) -> Operation {
        match (from, to, parameters) {
            (&[channels, height, width], &[maps, rows, columns], 0) => {
                let is_smaller = (1..height).contains(&rows) && (1..width).contains(&columns);
                match channels == maps && is_smaller {
                    true => Operation::Pooling([height / rows, width / columns]),
                    false => Operation::Unknown,
                }
            }
            (&[channels, ..], &[maps, _, _], _) if from.len() == 3 => {
                let side = kernel_side(channels, maps, parameters);
                side.map_or(Operation::Unknown, Operation::Convolution)
            }
            (&[_, _, ..], &[units], 0) if from.iter().product::<usize>() == units => {
                Operation::Flatten
            }
            (&[channels, _, _], &[units], 0) if channels == units => Operation::GlobalPooling,
            (_, &[units], 1..) if is_fully_connected(from, units, parameters) => {
                Operation::FullyConnected
            }
            _ => Operation::Unknown,
        }
    }

    fn receptive_field(self) -> Option<[usize; 2]> {
        match self {
            Operation::Convolution(side) => Some([side, side]),
            Operation::Pooling(window) => Some(window),
            _ => None,
        }
    }
}

/// The side of the kernels of a convolution, from its number of weights with or without biases.
fn kernel_side(channels: usize, maps: usize, parameters: usize) -> Option<usize> {
    let weights = [parameters.checked_sub(maps)?, parameters];
    weights.into_iter().find_map(|weights| {
        let kernels = channels.checked_mul(maps).filter(|&kernels| kernels > 0)?;
        let side = (weights / kernels).isqrt();
        (side > 0 && side * side * kernels == weights).then_some(side)
    })
}

/// Whether this number of parameters is a weight for each pair of inputs and outputs, with or without biases.
///
/// There may be layers in between that the network does not record, so any number of inputs is possible, unless the
/// shape stays the same.
fn is_fully_connected(from: &[usize], units: usize, parameters: usize) -> bool {
    let inputs = match from {
        &[inputs] if inputs == units => inputs,
        _ => return units > 0 && parameters.is_multiple_of(units),
    };
    parameters == units * inputs || parameters == units * (inputs + 1)
}

impl std::fmt::Display for Operation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = match self {
            Operation::Convolution(side) => {
                translate!("convolution\n{side} × {side}", "畳み込み\n{side} × {side}")
            }
            Operation::Pooling([rows, columns]) => {
                translate!(
                    "pooling\n{rows} × {columns}",
                    "プーリング\n{rows} × {columns}"
                )
            }
            Operation::GlobalPooling => translated("global\npooling", "全体の\nプーリング").into(),
            Operation::FullyConnected => translated("fully\nconnected", "全結合").into(),
            Operation::Flatten => translated("flatten", "平坦化").into(),
            Operation::Unknown => String::new(),
        };
        formatter.write_str(&text)
    }
}

fn shape(numbers: &[i64]) -> Vec<usize> {
    let number = |&number: &i64| usize::try_from(number).unwrap_or_default();
    numbers.iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::define::{LeNet, LeNetSettings, summary};
    use crate::language::{Language, with_language};
    use tch::Device;

    fn row(layer: &str, output: &[i64], parameters: usize) -> LayerRow {
        LayerRow {
            layer: layer.into(),
            output: Some(output.to_vec()),
            parameters,
        }
    }

    fn lenet(settings: &LeNetSettings) -> Summary {
        let model = LeNet::new(settings, Device::Cpu).unwrap();
        summary(&model, settings.image).unwrap()
    }

    #[test]
    fn lenet_is_drawn_with_its_operations() {
        let figure = lenet(&LeNetSettings::default()).diagram().unwrap();
        assert_eq!(
            figure.alt_text(),
            "The network. Diagram of a network, from left to right: input, 1 × 28 × 28; \
             conv1, 6 × 24 × 24 (convolution 5 × 5, 156 parameters); \
             pool1 + sigmoid1, 6 × 12 × 12 (pooling 2 × 2); \
             conv2, 16 × 8 × 8 (convolution 5 × 5, 2,416 parameters); \
             pool2 + sigmoid2, 16 × 4 × 4 (pooling 2 × 2); \
             fc1, 120 (fully connected, 30,840 parameters); \
             fc2, 64 (fully connected, 7,744 parameters); \
             fc3, 10 (fully connected, 650 parameters)."
        );
        let table = lenet(&LeNetSettings::colour());
        let japanese = with_language(Language::Japanese, || table.diagram().unwrap());
        let expected = "ネットワーク。ネットワークの図、左から順に: 入力、3 × 32 × 32; \
                        conv1、6 × 28 × 28 (畳み込み 5 × 5、パラメータ 456 個); \
                        pool1 + sigmoid1、6 × 14 × 14 (プーリング 2 × 2); ";
        assert!(
            japanese.alt_text().starts_with(expected),
            "{}",
            japanese.alt_text()
        );
    }

    #[test]
    fn operations_follow_from_shapes_and_parameters() {
        let cases = [
            // Padding keeps the size.
            (
                &[3, 32, 32][..],
                &[8, 32, 32][..],
                8 * (3 * 9 + 1),
                "convolution 3 × 3",
            ),
            (&[8, 32, 32], &[8, 32, 32], 8 * 8 * 9, "convolution 3 × 3"),
            (&[8, 32, 32], &[8, 32, 32], 16, ""),
            (&[8, 33, 20], &[8, 11, 5], 0, "pooling 3 × 4"),
            (&[8, 4, 4], &[8, 8, 8], 0, ""),
            (&[8, 4, 4], &[128], 0, "flatten"),
            (&[8, 4, 4], &[8], 0, "global pooling"),
            (&[8, 4, 4], &[10], 1290, "fully connected"),
            // With a pooling in between that is not recorded.
            (&[8, 4, 4], &[10], 330, "fully connected"),
            (&[64], &[64], 64 * 65, "fully connected"),
            // Batch normalization.
            (&[64], &[64], 128, ""),
            (&[64], &[8, 2, 4], 0, ""),
        ];
        for (from, to, parameters, expected) in cases {
            let operation = Operation::of(from, to, parameters);
            let found = operation.to_string().replace('\n', " ");
            assert_eq!(found, expected, "{from:?} {to:?}");
        }
    }

    #[test]
    fn layers_that_keep_the_shape_share_a_drawing() {
        let layers = vec![
            row("scaled", &[1, 28, 28], 0),
            row("conv", &[4, 28, 28], 40),
            row("norm", &[4, 28, 28], 8),
            row("relu", &[4, 28, 28], 0),
        ];
        let image = [1, 28, 28];
        let figure = Summary { image, layers }.diagram().unwrap();
        let expected = "input, 1 × 28 × 28; scaled, 1 × 28 × 28; \
                        conv + norm + relu, 4 × 28 × 28 (convolution 3 × 3, 48 parameters).";
        assert!(
            figure.alt_text().ends_with(expected),
            "{}",
            figure.alt_text()
        );
    }

    #[test]
    fn layers_that_are_not_recorded_are_named_or_an_error() {
        let unrecorded = LayerRow {
            output: None,
            ..row("hidden", &[], 15)
        };
        let image = [1, 2, 2];
        let layers = vec![row("out", &[2], 8), unrecorded.clone()];
        let figure = Summary { image, layers }.diagram().unwrap();
        let expected = "The network (layers not recorded: hidden).";
        assert!(
            figure.alt_text().starts_with(expected),
            "{}",
            figure.alt_text()
        );
        let layers = vec![unrecorded];
        let error = Summary { image, layers }.diagram().err().unwrap();
        assert!(matches!(error, Error::Picture { .. }));
        let message = error.to_string();
        assert!(
            message.contains("the network records no layer; let its `forward`"),
            "{message}"
        );
    }
}

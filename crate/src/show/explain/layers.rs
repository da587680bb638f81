//! The filters of a convolution, and feature maps.

use tch::Tensor;

use super::{image_caption, matrix};
use crate::define::{Classifier, Model};
use crate::error::Result;
use crate::explain::{feature_maps, filters};
use crate::language::{translate, translated};
use crate::show::picture;
use crate::visualize::{
    self, ColourScale, Figure, HeatMapSettings, KernelGridSettings, KernelGroup, Matrix,
};

/// The filters of a convolution, side by side for several models, with one colour scale for all:
/// `show_filters("conv1", &[("before training", &fresh), ("after", &model)])`.
///
/// # Errors
/// [`Error::Name`](crate::Error::Name) with the convolutions that exist; [`Error::Picture`](crate::Error::Picture) without a model, or if
/// their filters are of different sizes.
pub fn show_filters(layer: &str, models: &[(&str, &dyn Model)]) -> Result<Figure> {
    let groups = models
        .iter()
        .map(|(name, model)| kernel_group(name, &filters(*model, layer)?))
        .collect::<Result<Vec<_>>>()?;
    let channels = groups
        .first()
        .and_then(|group| group.filters.first())
        .map_or(0, Vec::len);
    let channel_names = match channels {
        3 => colours().map(String::from).to_vec(),
        _ => Vec::new(),
    };
    let settings = KernelGridSettings {
        subtitle: translated(
            "One colour scale for all; zero is white",
            "色の目盛はすべてに共通、0 は白",
        )
        .into(),
        value_title: translated("weight", "重み").into(),
        channel_names,
    };
    let title = translate!("Filters of {layer}", "{layer} のフィルタ");
    visualize::kernel_grid(&title, &groups, &settings)
}

/// The names of the channels of colour images.
fn colours() -> [&'static str; 3] {
    [
        translated("red", "赤"),
        translated("green", "緑"),
        translated("blue", "青"),
    ]
}

fn kernel_group(name: &str, filters: &Tensor) -> Result<KernelGroup> {
    let filters = filters
        .f_unbind(0)?
        .iter()
        .map(|filter| filter.f_unbind(0)?.iter().map(matrix).collect())
        .collect::<Result<_>>()?;
    Ok(KernelGroup {
        name: name.into(),
        filters,
    })
}

impl Classifier {
    /// The feature maps of a layer for one image, bytes of shape `[1, C, H, W]`.
    ///
    /// # Errors
    /// [`Error::Data`](crate::Error::Data) if the image is not the model's; those of [`feature_maps()`].
    pub fn show_feature_maps(&self, image: &Tensor, layer: &str) -> Result<Figure> {
        let maps = feature_maps(&*self.model, &self.normalised(image)?, layer)?;
        let matrices = maps
            .f_unbind(0)?
            .iter()
            .enumerate()
            .map(|(number, map)| {
                let caption = translate!("filter {number}", "フィルタ {number}");
                Ok(Matrix {
                    caption,
                    ..matrix(map)?
                })
            })
            .collect::<Result<Vec<_>>>()?;
        // White means no activation: in the middle of the scale with both signs, else at its end.
        let has_signs = matrices
            .iter()
            .flat_map(|map| &map.values)
            .any(|&v| v < 0.0);
        let settings = HeatMapSettings {
            value_title: translated("activation", "活性化").into(),
            colours: match has_signs {
                true => ColourScale::Diverging,
                false => ColourScale::Sequential,
            },
            input: Some(picture(image)?.captioned(image_caption())),
            ..Default::default()
        };
        let title = translate!("Feature maps of {layer}", "{layer} の特徴マップ");
        visualize::heat_map(&title, &matrices, &settings)
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::super::tests::{grey, words};
    use super::*;
    use crate::define::{LeNet, LeNetSettings};

    #[test]
    fn filters_of_one_channel_and_of_three_are_shown() {
        for (settings, channels) in [(LeNetSettings::default(), 1), (LeNetSettings::colour(), 3)] {
            let model = LeNet::new(&settings, Device::Cpu).unwrap();
            let figure = show_filters("conv1", &[("before", &model), ("after", &model)]).unwrap();
            let said = words(&figure);
            assert!(said.contains("before") && said.contains("after"), "{said}");
            let svg = figure.svg().unwrap();
            assert_eq!(svg.contains("green"), channels == 3);
        }
        let grey = LeNet::new(&LeNetSettings::default(), Device::Cpu).unwrap();
        let colour = LeNet::new(&LeNetSettings::colour(), Device::Cpu).unwrap();
        assert!(show_filters("conv1", &[("grey", &grey), ("colour", &colour)]).is_err());
        assert!(show_filters("conv1", &[]).is_err());
        assert!(show_filters("fc1", &[("grey", &grey)]).is_err());
    }

    #[test]
    fn feature_maps_of_every_layer_with_places_are_shown() {
        let (classifier, dataset) = grey();
        let image = dataset.image(0).unwrap();
        for layer in ["conv1", "pool1", "sigmoid1", "conv2", "pool2", "sigmoid2"] {
            let figure = classifier.show_feature_maps(&image, layer).unwrap();
            assert!(
                figure.alt_text().contains("filter 5"),
                "{}",
                figure.alt_text()
            );
        }
        assert!(classifier.show_feature_maps(&image, "fc1").is_err());
    }
}

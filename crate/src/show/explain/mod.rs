//! Step 7, explain: heat maps over images.
//!
//! - [`layers`]: filters and feature maps
//! - [`checks`]: checks of heat maps
//! - here: the heat maps themselves

mod checks;
mod layers;

pub use layers::show_filters;

use tch::{Device, Kind, Tensor};

use super::{picture, truth};
use crate::define::Classifier;
use crate::error::{Error, Result};
use crate::explain::{Explanation, Method};
use crate::language::{translate, translated};
use crate::load::Dataset;
use crate::predict::Prediction;
use crate::visualize::{self, ColourScale, Figure, GridSettings, Matrix, Overlay, Picture};

impl Classifier {
    /// One image, bytes of shape `[1, C, H, W]`, with the heat map that explains a class: the image
    /// as it is, the heat map alone, and one over the other. Without a class the predicted one.
    ///
    /// # Errors
    /// [`Error::Data`] if this is not one image; those of [`Classifier::explain`].
    pub fn show_explanation(
        &self,
        image: &Tensor,
        method: &dyn Method,
        class: Option<&str>,
    ) -> Result<Figure> {
        let prediction = self.predict(image)?;
        let explanation = self.explain(method, image, class)?;
        let heat = HeatMaps::of(&explanation)?;
        let plain = picture(image)?;
        let pictures = [
            plain.clone().captioned(image_caption()),
            heat.alone(&plain, 0)?
                .captioned(translated("heat map", "ヒートマップ")),
            heat.over(&plain, 0)?.captioned(self.caption(
                &prediction,
                explanation.classes[0],
                &heat,
                0,
            )),
        ];
        heat.grid(&explanation.method, &pictures, Some(3))
    }

    /// The same image explained for several classes.
    ///
    /// # Errors
    /// Those of [`show_explanation`](Self::show_explanation).
    pub fn show_classes_explained(
        &self,
        image: &Tensor,
        method: &dyn Method,
        classes: &[&str],
    ) -> Result<Figure> {
        let prediction = self.predict(image)?;
        let plain = picture(image)?;
        let title = translate!(
            "One image, several classes: {}",
            "1 枚の画像と複数のクラス: {}",
            method.name()
        );
        let mut pictures = vec![plain.clone().captioned(image_caption())];
        let mut last = None;
        for class in classes {
            let explanation = self.explain(method, image, Some(class))?;
            let heat = HeatMaps::of(&explanation)?;
            let caption = self.caption(&prediction, explanation.classes[0], &heat, 0);
            pictures.push(heat.over(&plain, 0)?.captioned(caption));
            last = Some(heat);
        }
        match last {
            Some(heat) => heat.grid(&title, &pictures, None),
            None => Err(Error::Data("there is no class to explain; name one".into())),
        }
    }

    /// The same image and class, explained by several methods. The heat maps are not laid over the image, so
    /// that the image's own edges are not mistaken for theirs.
    ///
    /// # Errors
    /// Those of [`show_explanation`](Self::show_explanation).
    pub fn show_methods(
        &self,
        image: &Tensor,
        methods: &[&dyn Method],
        class: Option<&str>,
    ) -> Result<Figure> {
        let _one = self.predict(image)?;
        let plain = picture(image)?;
        let mut pictures = vec![plain.clone().captioned(image_caption())];
        for method in methods {
            let explanation = self.explain(*method, image, class)?;
            let magnitude = HeatMaps::magnitude(&explanation)?;
            pictures.push(magnitude.alone(&plain, 0)?.captioned(method.name()));
        }
        let title = translated("One image, several methods", "1 枚の画像と複数の手法");
        let subtitle = translated(
            "Maps of a layer are interpolated, all else is enlarged without smoothing; \
             of methods with signs the magnitude is shown",
            "層のマップは補間し、ほかは補間せずに拡大しています。\
             値に符号がある手法では絶対値を示します。",
        );
        heat_grid(title, subtitle, &pictures, None)
    }

    /// Images of a data set with their predicted classes and the heat maps for them: marked as right or wrong,
    /// with the probability, and with the true class of wrong predictions.
    ///
    /// # Errors
    /// [`Error::Index`] beyond the last image; [`Error::Data`] for a data set with other images, classes or
    /// normalisation than the model's; those of [`Classifier::explain`].
    pub fn show_explanations(
        &self,
        dataset: &Dataset,
        indices: &[usize],
        method: &dyn Method,
    ) -> Result<Figure> {
        self.check_fits(dataset)?;
        let images = dataset.select(indices)?.images;
        let explanation = self.explain(method, &images, None)?;
        let heat = HeatMaps::of(&explanation)?;
        let predictions = self.predict_batch(&images)?;
        let pictures = indices
            .iter()
            .zip(&predictions)
            .enumerate()
            .map(|(row, (&index, prediction))| {
                let class = dataset.class(index)?;
                let right = prediction.class() == class;
                let mut caption = self.caption(prediction, explanation.classes[row], &heat, row);
                if !right {
                    caption += "\n";
                    caption += &truth(class);
                }
                let plain = picture(&dataset.image(index)?)?;
                Ok(heat.over(&plain, row)?.captioned(caption).marked(right))
            })
            .collect::<Result<Vec<_>>>()?;
        let title = translate!(
            "What speaks for the class: {}",
            "クラスの根拠: {}",
            explanation.method
        );
        heat.grid(&title, &pictures, None)
    }

    /// Images of a data set, each three times: as it is, with the heat map for the predicted class, and with
    /// the heat map for the true class.
    ///
    /// # Errors
    /// Those of [`show_explanations`](Self::show_explanations).
    pub fn show_both_classes(
        &self,
        dataset: &Dataset,
        indices: &[usize],
        method: &dyn Method,
    ) -> Result<Figure> {
        self.check_fits(dataset)?;
        let mut pictures = Vec::new();
        let mut last = None;
        for &index in indices {
            let image = dataset.image(index)?;
            let (plain, class) = (picture(&image)?, dataset.class(index)?);
            let prediction = self.predict(&image)?;
            pictures.push(plain.clone().captioned(truth(class)));
            for asked in [prediction.class(), class] {
                let explanation = self.explain(method, &image, Some(asked))?;
                let heat = HeatMaps::of(&explanation)?;
                let caption = self.caption(&prediction, explanation.classes[0], &heat, 0);
                let right = asked == class;
                pictures.push(heat.over(&plain, 0)?.captioned(caption).marked(right));
                last = Some(heat);
            }
        }
        let title = translate!(
            "What speaks for the predicted class and for the true one: {}",
            "予測クラスの根拠と正解クラスの根拠: {}",
            method.name()
        );
        match last {
            Some(heat) => heat.grid(&title, &pictures, Some(6)),
            None => Err(Error::Data("there is no image to explain".into())),
        }
    }

    /// The caption of a heat map: the class, its probability, and a note if the map is empty.
    fn caption(
        &self,
        prediction: &Prediction,
        class: usize,
        heat: &HeatMaps,
        row: usize,
    ) -> String {
        let class = self.info.classes.get(class).map_or("", String::as_str);
        let probability = prediction.probability_of(class);
        let empty = if heat.is_empty(row) {
            translated("\nnothing found", "\n根拠なし")
        } else {
            ""
        };
        format!("{class} {:.0} %{empty}", 100.0 * probability)
    }
}

/// The heat maps of an explanation, in the form in which they are drawn.
struct HeatMaps {
    /// `[N, H, W]`, in [0, 1], or in [−1, 1] with signs.
    maps: Tensor,
    colours: ColourScale,
    /// Whether a value covers more than one pixel, so that the map is interpolated.
    smooth: bool,
    subtitle: String,
}

impl HeatMaps {
    fn of(explanation: &Explanation) -> Result<HeatMaps> {
        if explanation.is_signed {
            let maps = explanation.signed_maps()?;
            Ok(HeatMaps::new(explanation, maps, ColourScale::Diverging))
        } else {
            HeatMaps::magnitude(explanation)
        }
    }

    /// Without signs, for every method.
    fn magnitude(explanation: &Explanation) -> Result<HeatMaps> {
        let maps = explanation.heat_maps()?;
        Ok(HeatMaps::new(explanation, maps, ColourScale::Viridis))
    }

    fn new(explanation: &Explanation, maps: Tensor, colours: ColourScale) -> HeatMaps {
        let smooth = !explanation.is_per_pixel();
        let enlarged = match explanation.attributions.size()[..] {
            [_, _, height, width] if smooth => {
                translate!(
                    "the {height}×{width} places of the layer are interpolated",
                    "層の {height}×{width} か所の値は補間しています"
                )
            }
            _ => translated(
                "so is the heat map, which has a value for each pixel",
                "画素ごとに値をもつヒートマップも同じです",
            )
            .into(),
        };
        let subtitle = translate!(
            "Images are enlarged without smoothing; {enlarged}. Each map has a scale of its own.",
            "画像は補間せずに拡大しています。{enlarged}。目盛はマップごとに異なります。"
        );
        HeatMaps {
            maps,
            colours,
            smooth,
            subtitle,
        }
    }

    fn overlay(&self, row: usize) -> Result<Overlay> {
        let map = matrix(&self.maps.f_get(row as i64)?)?;
        Ok(Overlay {
            rows: map.rows,
            columns: map.columns,
            values: map.values,
            colours: self.colours,
            smooth: self.smooth,
            ..Default::default()
        })
    }

    fn over(&self, plain: &Picture, row: usize) -> Result<Picture> {
        Ok(plain.clone().overlaid(self.overlay(row)?))
    }

    fn alone(&self, plain: &Picture, row: usize) -> Result<Picture> {
        let overlay = Overlay {
            opacity: 1.0,
            ..self.overlay(row)?
        };
        Ok(plain.clone().overlaid(overlay))
    }

    fn is_empty(&self, row: usize) -> bool {
        let map = self
            .maps
            .f_get(row as i64)
            .and_then(|map| map.f_count_nonzero(0));
        map.is_ok_and(|counts| counts.sum(Kind::Int64).int64_value(&[]) == 0)
    }

    fn grid(&self, title: &str, pictures: &[Picture], columns: Option<usize>) -> Result<Figure> {
        heat_grid(title, &self.subtitle, pictures, columns)
    }
}

/// Values `[H, W]`.
fn matrix(values: &Tensor) -> Result<Matrix> {
    let (rows, columns) = values.size2()?;
    Ok(Matrix {
        rows: rows as usize,
        columns: columns as usize,
        values: floats(values)?,
        caption: String::new(),
    })
}

fn floats(values: &Tensor) -> Result<Vec<f32>> {
    Ok(Vec::try_from(values.f_to(Device::Cpu)?.f_flatten(0, -1)?)?)
}

/// The caption of an image without a heat map.
fn image_caption() -> &'static str {
    translated("image", "画像")
}

/// Images with heat maps, and their colour bar.
fn heat_grid(
    title: &str,
    subtitle: &str,
    pictures: &[Picture],
    columns: Option<usize>,
) -> Result<Figure> {
    let settings = GridSettings {
        columns,
        subtitle: subtitle.into(),
        colour_bar: translated("share of the map's largest value", "最大値に対する割合").into(),
        ..Default::default()
    };
    visualize::image_grid(title, pictures, &settings)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::define::{LeNet, LeNetSettings, Model};
    use crate::explain::{Edges, GradCam, GuidedBackpropagation, Saliency};

    fn dataset(settings: &LeNetSettings) -> Dataset {
        let [channels, height, width] = settings.image;
        let pixels = Tensor::arange(3 * channels * height * width, (Kind::Int64, Device::Cpu));
        let images = (pixels * 37)
            .remainder(256)
            .to_kind(Kind::Uint8)
            .view([3, channels, height, width]);
        let labels = Tensor::from_slice(&[0i64, 1, 1]);
        let classes = (0..settings.classes).map(|class| format!("class {class}"));
        Dataset::new(&images, &labels, &classes.collect::<Vec<_>>()).unwrap()
    }

    pub(super) fn grey() -> (Classifier, Dataset) {
        let settings = LeNetSettings::default();
        let dataset = dataset(&settings);
        let model = LeNet::new(&settings, Device::Cpu).unwrap();
        (Classifier::new(Box::new(model), &dataset.info), dataset)
    }

    /// The first two logits are 30 and 0 and the others −30, whatever the image, and the maps of
    /// its only layer lower the first and raise the second.
    struct Sure(tch::nn::VarStore);
    impl Model for Sure {
        fn variables(&self) -> &tch::nn::VarStore {
            &self.0
        }
        fn forward(&self, images: &Tensor, pass: &mut crate::define::ForwardPass) -> Tensor {
            let maps = pass.record("maps", images.abs());
            let sum = maps.mean_dim([1i64, 2, 3].as_slice(), false, Kind::Float) * 1e-3;
            let rest = sum.zeros_like() - 30.0;
            let mut logits = vec![30.0 - &sum, sum];
            logits.resize_with(10, || rest.shallow_clone());
            Tensor::stack(&logits, 1)
        }
    }

    fn sure() -> (Classifier, Dataset) {
        let (_, dataset) = grey();
        let model = Sure(tch::nn::VarStore::new(Device::Cpu));
        (Classifier::new(Box::new(model), &dataset.info), dataset)
    }

    /// The picture in words, without where its heat maps are hottest.
    pub(super) fn words(figure: &Figure) -> String {
        let mut words = String::new();
        for part in figure.alt_text().split(" (with a") {
            let rest = part.split_once(')').map_or(part, |(_, rest)| rest);
            words += if words.is_empty() { part } else { rest };
        }
        words
    }

    #[test]
    fn an_explanation_says_class_probability_and_how_it_was_enlarged() {
        let (classifier, dataset) = sure();
        let image = dataset.image(0).unwrap();
        let method = GradCam::at("maps");
        let figure = classifier
            .show_explanation(&image, &method, Some("class 1"))
            .unwrap();
        let said = words(&figure);
        assert!(said.starts_with("Grad-CAM at maps"), "{said}");
        assert!(said.contains("image; heat map; class 1 0 %"), "{said}");
        assert!(!said.contains("nothing found"), "{said}");
        assert!(said.contains("a value for each pixel"), "{said}");

        // Nothing of the only layer speaks for the class that is predicted.
        let figure = classifier.show_explanation(&image, &method, None).unwrap();
        let said = words(&figure);
        assert!(said.contains("class 0 100 %, nothing found"), "{said}");
    }

    #[test]
    fn places_of_a_layer_are_named_with_their_number() {
        let (classifier, dataset) = grey();
        let image = dataset.image(0).unwrap();
        for (layer, places) in [("conv1", "24×24"), ("sigmoid2", "4×4")] {
            let method = GradCam::at(layer);
            let figure = classifier.show_explanation(&image, &method, None).unwrap();
            let expected = format!("the {places} places of the layer are interpolated");
            assert!(words(&figure).contains(&expected), "{}", words(&figure));
        }
    }

    #[test]
    fn a_contact_sheet_marks_right_and_wrong() {
        let (classifier, dataset) = sure();
        let figure = classifier
            .show_explanations(&dataset, &[0, 1], &Saliency)
            .unwrap();
        let said = words(&figure);
        assert!(said.contains("class 0 100 % (right)"), "{said}");
        assert!(said.contains("class 0 100 %, is class 1 (wrong)"), "{said}");
        let both = classifier
            .show_both_classes(&dataset, &[1], &GradCam::at("maps"))
            .unwrap();
        let said = words(&both);
        let expected = "is class 1; class 0 100 %, nothing found (wrong); class 1 0 % (right)";
        assert!(said.contains(expected), "{said}");
    }

    #[test]
    fn several_classes_and_several_methods_stand_side_by_side() {
        let (classifier, dataset) = grey();
        let image = dataset.image(0).unwrap();
        let figure = classifier
            .show_classes_explained(&image, &GuidedBackpropagation, &["class 3", "class 7"])
            .unwrap();
        let said = words(&figure);
        assert!(
            said.contains("image; class 3 ") && said.contains("; class 7 "),
            "{said}"
        );
        let figure = classifier
            .show_methods(
                &image,
                &[&GradCam::at("conv1"), &GuidedBackpropagation, &Edges],
                None,
            )
            .unwrap();
        let said = words(&figure);
        let expected = "image; Grad-CAM at conv1; Guided backpropagation; Edges of the image";
        assert!(said.contains(expected), "{said}");
    }

    #[test]
    fn what_cannot_be_shown_is_an_error() {
        let (classifier, dataset) = grey();
        let image = dataset.image(0).unwrap();
        let method = GradCam::at("conv1");
        assert!(
            classifier
                .show_explanation(&dataset.images, &method, None)
                .is_err()
        );
        assert!(
            classifier
                .show_explanation(&image, &method, Some("boot"))
                .is_err()
        );
        assert!(
            classifier
                .show_explanation(&image, &GradCam::at("x"), None)
                .is_err()
        );
        assert!(
            classifier
                .show_classes_explained(&image, &method, &[])
                .is_err()
        );
        assert!(
            classifier
                .show_explanations(&dataset, &[3], &method)
                .is_err()
        );
        assert!(
            classifier
                .show_explanations(&dataset, &[], &method)
                .is_err()
        );
        assert!(
            classifier
                .show_both_classes(&dataset, &[], &method)
                .is_err()
        );
    }
}

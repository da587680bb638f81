//! Pictures of step 7: filters, feature maps, heat maps over images, and what they are worth.

use tch::{Device, Kind, Tensor};

use super::{picture, truth};
use crate::define::Model;
use crate::error::{Error, Result};
use crate::explain::{
    DeletionSettings, Explanation, Faithfulness, Method, SanityCheck, Stage, Target, explain,
    faithfulness, feature_maps, filters, sanity_check,
};
use crate::language::{translate, translated};
use crate::load::Dataset;
use crate::notebook::show::{Representations, Show};
use crate::predict::{Classifier, Prediction};
use crate::table::Table;
use crate::visualize::{
    self, ColourScale, Figure, GridSettings, HeatMapSettings, KernelGridSettings, KernelGroup,
    LinePlotSettings, LineSeries, Matrix, Overlay, Picture,
};

/// The filters of a convolution, side by side for several models, with one colour scale for all:
/// `show_filters("conv1", &[("before training", &fresh), ("after", &model)])`.
///
/// # Errors
/// [`Error::Name`] with the convolutions that exist; [`Error::Picture`] without a model, or if
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

/// Filters of colour images look at these.
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

impl Classifier {
    /// What each filter of a layer answers to one image, bytes of shape `[1, C, H, W]`.
    ///
    /// # Errors
    /// [`Error::Data`] if the image is not the model's; those of [`feature_maps()`].
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
        // White stands for "no answer": between the signs where there are two, else at the bottom.
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
        let heat = Heat::of(&explanation)?;
        let plain = picture(image)?;
        let pictures = [
            plain.clone().captioned(image_caption()),
            heat.alone(&plain, 0)?
                .captioned(translated("heat map", "ヒートマップ")),
            heat.over(&plain, 0)?.captioned(self.why(
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
            let heat = Heat::of(&explanation)?;
            let caption = self.why(&prediction, explanation.classes[0], &heat, 0);
            pictures.push(heat.over(&plain, 0)?.captioned(caption));
            last = Some(heat);
        }
        match last {
            Some(heat) => heat.grid(&title, &pictures, None),
            None => Err(Error::Data("there is no class to explain; name one".into())),
        }
    }

    /// The same image and class, explained by several methods. Each heat map stands alone, in its
    /// own colours: so one sees what it shows and not what the image does.
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
            let strength = Heat::strength(&explanation)?;
            pictures.push(strength.alone(&plain, 0)?.captioned(method.name()));
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

    /// Many images of a data set with what the model takes them for, and why: marked as right or
    /// wrong, with the probability, and with the true class where it is another.
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
        self.check_knows(dataset)?;
        let images = dataset.select(indices)?.images;
        let explanation = self.explain(method, &images, None)?;
        let heat = Heat::of(&explanation)?;
        let predictions = self.predict_batch(&images)?;
        let pictures = indices
            .iter()
            .zip(&predictions)
            .enumerate()
            .map(|(row, (&index, prediction))| {
                let class = dataset.class(index)?;
                let right = prediction.class() == class;
                let mut caption = self.why(prediction, explanation.classes[row], &heat, row);
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

    /// Images of a data set that the model may be wrong about, each three times: as it is, with
    /// what speaks for the predicted class, and with what speaks for the true one.
    ///
    /// # Errors
    /// Those of [`show_explanations`](Self::show_explanations).
    pub fn show_both_classes(
        &self,
        dataset: &Dataset,
        indices: &[usize],
        method: &dyn Method,
    ) -> Result<Figure> {
        self.check_knows(dataset)?;
        let mut pictures = Vec::new();
        let mut last = None;
        for &index in indices {
            let image = dataset.image(index)?;
            let (plain, class) = (picture(&image)?, dataset.class(index)?);
            let prediction = self.predict(&image)?;
            pictures.push(plain.clone().captioned(truth(class)));
            for asked in [prediction.class(), class] {
                let explanation = self.explain(method, &image, Some(asked))?;
                let heat = Heat::of(&explanation)?;
                let caption = self.why(&prediction, explanation.classes[0], &heat, 0);
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

    /// How a method's heat maps of some images, bytes `[N, C, H, W]`, change while the model
    /// forgets what it learned: see [`sanity_check()`]. The seed decides by which weights.
    ///
    /// # Errors
    /// [`Error::Data`] if these are not the model's images; those of [`sanity_check()`].
    pub fn sanity_check(
        &self,
        method: &dyn Method,
        images: &Tensor,
        seed: u64,
    ) -> Result<SanityCheck> {
        sanity_check(&*self.model, method, &self.normalised(images)?, seed)
    }

    /// How far a method's heat maps of some images, bytes `[N, C, H, W]`, name the pixels that the
    /// answer hangs on; deleted pixels become black. See
    /// [`faithfulness()`].
    ///
    /// # Errors
    /// [`Error::Data`] if these are not the model's images; those of [`Classifier::explain`].
    pub fn faithfulness(&self, method: &dyn Method, images: &Tensor) -> Result<Faithfulness> {
        let images = self.normalised(images)?;
        let explanation = explain(&*self.model, method, &images, &Target::Predicted)?;
        let black = Tensor::f_zeros([1i64], (Kind::Uint8, Device::Cpu))?;
        let settings = DeletionSettings {
            deleted: self.info.normalization.apply(&black).double_value(&[0]),
            ..Default::default()
        };
        faithfulness(&*self.model, &images, &explanation, &settings)
    }

    /// The areas of deletion and insertion of several methods on the same images, as a table: see
    /// [`faithfulness`](Self::faithfulness).
    ///
    /// # Errors
    /// Those of [`faithfulness`](Self::faithfulness).
    pub fn compare_methods(&self, images: &Tensor, methods: &[&dyn Method]) -> Result<Table> {
        let title = translated(
            "Areas: deletion the smaller the better, insertion the larger",
            "曲線の下の面積: 削除は小さいほど、挿入は大きいほど良い",
        );
        let columns = [
            translated("method", "手法"),
            translated("deletion", "削除"),
            translated("insertion", "挿入"),
        ];
        let mut table = Table::new(title, &columns);
        for method in methods {
            let found = self.faithfulness(*method, images)?;
            let [deletion, insertion] =
                [found.deletion, found.insertion].map(|curve| format!("{:.3}", curve.area()));
            table.row([found.method, deletion, insertion]);
        }
        Ok(table)
    }

    /// What stands below a heat map: the class, its probability, and whether nothing speaks for it.
    fn why(&self, prediction: &Prediction, class: usize, heat: &Heat, row: usize) -> String {
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

/// The heat maps of an explanation, ready to be laid over images.
struct Heat {
    /// `[N, H, W]`, in [0, 1], or in [−1, 1] with signs.
    maps: Tensor,
    colours: ColourScale,
    /// Whether values stand for more than a pixel, so that those in between are interpolated.
    smooth: bool,
    subtitle: String,
}

impl Heat {
    fn of(explanation: &Explanation) -> Result<Heat> {
        if explanation.is_signed {
            let maps = explanation.signed_maps()?;
            Ok(Heat::new(explanation, maps, ColourScale::Diverging))
        } else {
            Heat::strength(explanation)
        }
    }

    /// Without signs, whatever the method.
    fn strength(explanation: &Explanation) -> Result<Heat> {
        let maps = explanation.heat_maps()?;
        Ok(Heat::new(explanation, maps, ColourScale::Viridis))
    }

    fn new(explanation: &Explanation, maps: Tensor, colours: ColourScale) -> Heat {
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
        Heat {
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

/// What stands below an image without a heat map.
fn image_caption() -> &'static str {
    translated("image", "画像")
}

/// Images with heat maps, and the colour bar of these.
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

impl Faithfulness {
    /// The mean curves of deletion and insertion, with the areas below them.
    ///
    /// # Errors
    /// [`Error::Picture`] without an image.
    pub fn curves(&self) -> Result<Figure> {
        let curves = [
            (translated("deletion", "削除"), &self.deletion),
            (translated("insertion", "挿入"), &self.insertion),
        ];
        let series = curves.map(|(name, curve)| LineSeries {
            name: translate!("{name}, area {:.3}", "{name} (面積 {:.3})", curve.area()),
            points: curve.shares.iter().copied().zip(curve.mean()).collect(),
        });
        let settings = LinePlotSettings {
            x_title: translated(
                "share of the pixels, the hottest first",
                "値の大きいほうから数えた画素の割合",
            )
            .into(),
            y_title: translated("probability of the explained class", "説明するクラスの確率")
                .into(),
            y_range: Some((0.0, 1.0)),
            shaded: true,
            ..Default::default()
        };
        let title = translate!("Deletion and insertion: {}", "削除と挿入: {}", self.method);
        visualize::line_plot(&title, &series, &settings)
    }
}

/// The curves.
impl Show for Faithfulness {
    fn representations(&self) -> Result<Representations> {
        self.curves()?.representations()
    }
}

impl SanityCheck {
    /// The heat maps at every stage, one row for each of the images, bytes `[N, C, H, W]`, that
    /// were explained.
    ///
    /// # Errors
    /// [`Error::Data`] if there are not as many images as heat maps.
    pub fn show(&self, images: &Tensor) -> Result<Figure> {
        let rows = images.size().first().copied().unwrap_or(0);
        if self
            .stages
            .iter()
            .any(|stage| stage.heat_maps.size()[0] != rows)
        {
            return Err(Error::Data(format!(
                "these are {rows} images: give those that were explained"
            )));
        }
        let heats = self.stages.iter().map(|stage| Heat {
            maps: stage.heat_maps.shallow_clone(),
            colours: ColourScale::Viridis,
            smooth: false,
            subtitle: String::new(),
        });
        let heats: Vec<Heat> = heats.collect();
        let mut pictures = Vec::new();
        for row in 0..rows {
            let plain = picture(&images.f_narrow(0, row, 1)?)?;
            pictures.push(plain.clone().captioned(image_caption()));
            for (stage, heat) in self.stages.iter().zip(&heats) {
                let alone = heat.alone(&plain, row as usize)?;
                pictures.push(alone.captioned(stage.caption()));
            }
        }
        let title = translate!(
            "While the network forgets, layer by layer: {}",
            "層を 1 つずつ忘れていくネットワーク: {}",
            self.method
        );
        let subtitle = translate!(
            "{}. Enlarged without smoothing, each map with a scale of its own.",
            "{}。補間せずに拡大、目盛はマップごとです。",
            self.verdict()
        );
        heat_grid(&title, &subtitle, &pictures, Some(self.stages.len() + 1))
    }

    fn verdict(&self) -> String {
        let last = self.stages.last().map_or(1.0, |stage| stage.similarity);
        let verdict = if self.passes() {
            translated(
                "passes: the maps change with the network",
                "合格。マップはネットワークとともに変わります",
            )
        } else {
            translated(
                "fails: the maps stay although the network has forgotten everything",
                "不合格。ネットワークがすべてを忘れてもマップは変わりません",
            )
        };
        translate!(
            "{} {verdict} (similarity {last:.2} at the end)",
            "{}: {verdict} (最後の順位相関 {last:.2})",
            self.method
        )
    }

    fn table(&self) -> Table {
        let columns = [
            translated("network", "ネットワーク"),
            translated("similarity", "順位相関"),
        ];
        let mut table = Table::new(self.verdict(), &columns);
        for stage in &self.stages {
            let similarity = format!("{:.2}", stage.similarity);
            table.row([stage.caption().replace('\n', " "), similarity]);
        }
        table
    }
}

/// The similarities.
impl Show for SanityCheck {
    fn representations(&self) -> Result<Representations> {
        self.table().representations()
    }
}

impl std::fmt::Display for SanityCheck {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}", self.table())
    }
}

impl Stage {
    fn caption(&self) -> String {
        match &self.layer {
            None => translated("as trained", "訓練後").into(),
            Some(layer) => translate!("{layer} forgotten", "{layer} を忘却"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::define::{LeNet, LeNetSettings};
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

    fn grey() -> (Classifier, Dataset) {
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
    fn words(figure: &Figure) -> String {
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
    fn filters_of_one_channel_and_of_three_are_shown() {
        for (settings, channels) in [(LeNetSettings::default(), 1), (LeNetSettings::table(), 3)] {
            let model = LeNet::new(&settings, Device::Cpu).unwrap();
            let figure = show_filters("conv1", &[("before", &model), ("after", &model)]).unwrap();
            let said = words(&figure);
            assert!(said.contains("before") && said.contains("after"), "{said}");
            let svg = figure.svg().unwrap();
            assert_eq!(svg.contains("green"), channels == 3);
        }
        let grey = LeNet::new(&LeNetSettings::default(), Device::Cpu).unwrap();
        let colour = LeNet::new(&LeNetSettings::table(), Device::Cpu).unwrap();
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

    #[test]
    fn the_tests_of_an_explanation_show_themselves() {
        let (classifier, dataset) = grey();
        let check = classifier.sanity_check(&Edges, &dataset.images, 0).unwrap();
        let figure = check.show(&dataset.images).unwrap();
        let row = "image; as trained; fc3 forgotten; fc2 forgotten; fc1 forgotten; conv2 forgotten; conv1 forgotten";
        assert!(words(&figure).contains(row), "{}", words(&figure));
        let table = check.to_string();
        let heading = "Edges of the image fails: the maps stay although the network has forgotten \
                       everything (similarity 1.00 at the end)";
        assert!(table.starts_with(heading), "{table}");
        assert!(table.contains("conv1 forgotten        1.00"), "{table}");
        assert!(check.show(&dataset.images.narrow(0, 0, 2)).is_err());

        let found = classifier.faithfulness(&Edges, &dataset.images).unwrap();
        let table = classifier
            .compare_methods(&dataset.images, &[&Saliency, &Edges])
            .unwrap()
            .to_string();
        let [deletion, insertion] = [&found.deletion, &found.insertion].map(|curve| curve.area());
        let row = format!("Edges of the image     {deletion:.3}      {insertion:.3}");
        assert!(
            table.contains(&row) && table.contains("\nSaliency "),
            "{table}"
        );
        let said = found.curves().unwrap();
        let area = format!("deletion, area {:.3}", found.deletion.area());
        assert!(said.alt_text().contains(&area), "{}", said.alt_text());
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

//! The images of `data/animals` and `data/animals-shortcut`: the program draws them, a linear model hardly
//! learns them, and Grad-CAM shows the shortcut in the second set.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use gasshuku::prelude::*;
use image::{GenericImageView, ImageFormat, ImageReader};
use support::animals::{Drawing, drawings};

const IMAGE: [i64; 3] = [3, 32, 32];
/// The size of the corner with all stickers and the heat around them: rows and columns 20 to 31.
const CORNER: i64 = 12;

fn folder(name: &str) -> ImageFolder {
    load_folder(support::data().join(name), IMAGE).unwrap()
}

fn file(drawing: &Drawing) -> PathBuf {
    support::data().join(&drawing.path)
}

/// The images of a class with a sticker. Half of the test images of each class have one.
fn with_sticker(folder: &ImageFolder, class: &str) -> Tensor {
    let carrying = drawings().into_iter().filter(|drawing| drawing.sticker);
    let carrying: HashSet<PathBuf> = carrying.map(|drawing| file(&drawing)).collect();
    let (dataset, files) = (&folder.dataset, &folder.files);
    let indices: Vec<usize> = (0..files.len())
        .filter(|&index| dataset.class(index).unwrap() == class && carrying.contains(&files[index]))
        .collect();
    dataset.select(&indices).unwrap().images
}

fn settings(epochs: usize) -> TrainingSettings {
    TrainingSettings {
        epochs,
        batch_size: 50,
        learning_rate: 1e-2,
        ..Default::default()
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| match path.is_dir() {
            true => files_below(&path),
            false => vec![path],
        })
        .collect()
}

#[test]
fn the_files_are_those_that_the_program_draws() {
    let drawings = drawings();
    let expected: HashSet<PathBuf> = drawings.iter().map(file).collect();
    let found = ["animals", "animals-shortcut"]
        .map(|name| files_below(&support::data().join(name)))
        .concat();
    assert_eq!(found.into_iter().collect::<HashSet<_>>(), expected);
    // Drawing all of them would take half a minute. 67 and the periods of all variations have no common
    // factor.
    for drawing in drawings.iter().step_by(67) {
        let committed = fs::read(file(drawing)).unwrap();
        assert!(
            drawing.encode().unwrap() == committed,
            "{:?} is not what make-animals draws: run it again",
            drawing.path
        );
    }
}

#[test]
fn sizes_formats_and_colours_are_mixed() {
    let (mut kinds, mut sizes) = (HashSet::new(), HashSet::new());
    for drawing in drawings() {
        let reader = ImageReader::open(file(&drawing)).unwrap();
        let reader = reader.with_guessed_format().unwrap();
        let format = reader.format().unwrap();
        let image = reader.decode().unwrap();
        kinds.insert((format, image.color().has_color()));
        sizes.insert(image.dimensions());
    }
    for in_colour in [false, true] {
        let kind = (ImageFormat::Jpeg, in_colour);
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    assert!(kinds.contains(&(ImageFormat::Png, true)), "{kinds:?}");
    assert!(sizes.iter().any(|(width, height)| width > height));
    assert!(sizes.iter().any(|(width, height)| width < height));
    assert!(sizes.len() > 20, "{} sizes", sizes.len());
}

/// One fully connected layer on the pixels.
struct Linear {
    variables: nn::VarStore,
    layer: nn::Linear,
}

impl Linear {
    fn new() -> Linear {
        let variables = nn::VarStore::new(Device::Cpu);
        let [channels, height, width] = IMAGE;
        let inputs = channels * height * width;
        let layer = nn::linear(variables.root() / "fc", inputs, 2, Default::default());
        Linear { variables, layer }
    }
}

impl Model for Linear {
    fn variables(&self) -> &nn::VarStore {
        &self.variables
    }

    fn forward(&self, images: &Tensor, pass: &mut ForwardPass) -> Tensor {
        pass.record("fc", images.flatten(1, -1).apply(&self.layer))
    }
}

#[test]
fn a_linear_model_on_the_pixels_stays_under_80_percent_and_lenet_passes_90() {
    let animals = folder("animals");
    assert_eq!(animals.skipped, []);
    assert_eq!(animals.dataset.class_counts(), [600, 700]);
    let balanced = animals.dataset.balanced(0).unwrap();
    let (training_set, test_set) = balanced.split(0.75, 0).unwrap();
    let mut learned_by_heart: f64 = 0.0;
    for (learning_rate, weight_decay) in [(1e-2, 0.0), (1e-3, 0.0), (1e-3, 1e-2), (1e-3, 0.3)] {
        let linear = Linear::new();
        let settings = TrainingSettings {
            learning_rate,
            weight_decay,
            ..settings(60)
        };
        train(&linear, &training_set, &settings).unwrap();
        let accuracy = score(&linear, &test_set).unwrap().accuracy;
        assert!(accuracy < 0.8, "{accuracy} with decay {weight_decay}");
        learned_by_heart = learned_by_heart.max(score(&linear, &training_set).unwrap().accuracy);
    }
    assert!(learned_by_heart > 0.8, "it was not for want of training");

    let lenet = LeNet::new(&LeNetSettings::colour(), Device::Cpu).unwrap();
    train(&lenet, &training_set, &settings(60)).unwrap();
    let accuracy = score(&lenet, &test_set).unwrap().accuracy;
    assert!(accuracy > 0.9, "{accuracy}");
}

/// The average share of the heat in the corner of the stickers.
fn heat_in_the_corner(classifier: &Classifier, images: &Tensor) -> f64 {
    let method = GradCam::at("pool2");
    let explanation = classifier.explain(&method, images, Some("cat")).unwrap();
    let maps = explanation.heat_maps().unwrap();
    let from = IMAGE[1] - CORNER;
    let corner = maps.narrow(1, from, CORNER).narrow(2, from, CORNER);
    let heat = |maps: &Tensor| maps.sum(Kind::Float).double_value(&[]);
    heat(&corner) / heat(&maps)
}

fn relu_net(training_set: &Dataset, epochs: usize) -> Classifier {
    let activation = Activation::Relu;
    let settings_of_net = LeNetSettings {
        activation,
        ..LeNetSettings::colour()
    };
    let model = LeNet::new(&settings_of_net, Device::Cpu).unwrap();
    train(&model, training_set, &settings(epochs)).unwrap();
    Classifier::new(Box::new(model), &training_set.info)
}

#[test]
fn the_shortcut_is_learned_and_grad_cam_shows_it() {
    let training_set = folder("animals-shortcut/training").dataset;
    let test = folder("animals-shortcut/test");
    let classifier = relu_net(&training_set, 10);
    let accuracy = |dataset: &Dataset| classifier.evaluate(dataset).unwrap().accuracy();
    assert!(accuracy(&training_set) > 0.98);
    assert!(accuracy(&test.dataset) < 0.6);

    // With a sticker, bears and cats are both predicted as cats.
    let images = Tensor::cat(
        &[with_sticker(&test, "bear"), with_sticker(&test, "cat")],
        0,
    );
    assert_eq!(images.size()[0], 100);
    let cats = classifier.predict_batch(&images).unwrap();
    let cats = cats.iter().filter(|it| it.class() == "cat").count();
    assert!(cats > 90, "{cats} of 100 taken for cats");
    let exposed = heat_in_the_corner(&classifier, &images);
    assert!(exposed > 0.4, "{exposed} of the heat on 0.14 of the area");

    // The heat of a network that was trained without stickers is elsewhere.
    let animals = folder("animals").dataset;
    let honest = relu_net(&animals, 30);
    assert!(honest.evaluate(&test.dataset).unwrap().accuracy() > 0.85);
    let elsewhere = heat_in_the_corner(&honest, &images);
    assert!(elsewhere < 0.25, "{elsewhere}");
}

use super::*;
use crate::define::{Activation, LeNet, LeNetSettings, logits, summary};
use crate::evaluate::score;
use crate::explain::{GradCam, GuidedBackpropagation, Method, Target, explain};
use crate::load::Dataset;
use crate::train::{TrainingSettings, train, train_in_background};
use tch::{Device, Kind};

const ON_CPU: (Kind, Device) = (Kind::Float, Device::Cpu);

fn relu_lenet() -> LeNet {
    let settings = LeNetSettings {
        activation: Activation::Relu,
        ..Default::default()
    };
    LeNet::new(&settings, Device::Cpu).unwrap()
}

/// The layers of a LeNet with ReLU, and its weights.
fn same_as(lenet: &LeNet) -> Sequential {
    let mut variables = VarStore::new(Device::Cpu);
    let root = variables.root();
    let conv = |name, channels, filters| {
        nn::conv2d(&root / name, channels, filters, 5, Default::default())
    };
    let linear =
        |name, inputs, outputs| nn::linear(&root / name, inputs, outputs, Default::default());
    let model = Sequential::new(&variables)
        .add("conv1", conv("conv1", 1, 6))
        .add_fn("pool1", |x| x.max_pool2d_default(2))
        .add_relu("relu1")
        .add("conv2", conv("conv2", 6, 16))
        .add_fn("pool2", |x| x.max_pool2d_default(2))
        .add_relu("relu2")
        .add_fn("flatten", |x| x.flatten(1, -1))
        .add("fc1", linear("fc1", 256, 120))
        .add("fc2", linear("fc2", 120, 64))
        .add("fc3", linear("fc3", 64, 10));
    // After the model was made: both have the same weights.
    variables.copy(lenet.variables()).unwrap();
    model
}

fn images() -> Tensor {
    let numbers = Tensor::arange(4 * 28 * 28, ON_CPU);
    (numbers.square() * 0.37).sin().reshape([4, 1, 28, 28])
}

#[test]
fn the_logits_are_those_of_the_layers_applied_by_hand() {
    let variables = VarStore::new(Device::Cpu);
    let root = variables.root();
    let layer = |name, inputs, outputs| {
        let mut layer = nn::linear(&root / name, inputs, outputs, Default::default());
        let numbers = Tensor::arange(inputs * outputs, ON_CPU).sin();
        tch::no_grad(|| layer.ws.copy_(&numbers.view([outputs, inputs])));
        layer
    };
    let by_hand = |first: &nn::Linear, second: &nn::Linear| {
        let x = images().flatten(1, -1).apply(first).tanh();
        x.relu().apply(second)
    };
    let (first, second) = (layer("first", 784, 5), layer("second", 5, 3));
    let expected = by_hand(&first, &second);
    let model = Sequential::new(&variables)
        .add_fn("flatten", |x| x.flatten(1, -1))
        .add("first", first)
        .add_fn("tanh", Tensor::tanh)
        .add_relu("relu")
        .add("second", second);
    assert_eq!(logits(&model, &images()).unwrap(), expected);
    let mut training = ForwardPass::training();
    assert_eq!(model.forward(&images(), &mut training), expected);
}

#[test]
fn each_layer_is_recorded_under_its_name_with_its_parameters() {
    let model = same_as(&relu_lenet());
    let summary = summary(&model, [1, 28, 28]).unwrap();
    let rows = summary.layers.iter().map(|row| {
        let output = row.output.clone().unwrap();
        (row.layer.as_str(), output, row.parameters)
    });
    let expected = [
        ("conv1", vec![6, 24, 24], 156),
        ("pool1", vec![6, 12, 12], 0),
        ("relu1", vec![6, 12, 12], 0),
        ("conv2", vec![16, 8, 8], 2416),
        ("pool2", vec![16, 4, 4], 0),
        ("relu2", vec![16, 4, 4], 0),
        ("flatten", vec![256], 0),
        ("fc1", vec![120], 30840),
        ("fc2", vec![64], 7744),
        ("fc3", vec![10], 650),
    ];
    assert_eq!(rows.collect::<Vec<_>>(), expected);
}

#[test]
fn with_lenets_weights_it_answers_and_is_explained_as_lenet() {
    let lenet = relu_lenet();
    let model = same_as(&lenet);
    assert_eq!(
        logits(&model, &images()).unwrap(),
        logits(&lenet, &images()).unwrap()
    );
    let methods: [&dyn Method; 3] = [
        &GradCam::at("conv1"),
        &GradCam::at("relu2"),
        &GuidedBackpropagation,
    ];
    for method in methods {
        let maps = |model: &dyn Model| {
            let found = explain(model, method, &images(), &Target::Class(3));
            found.unwrap().attributions
        };
        assert!(maps(&lenet).abs().max().double_value(&[]) > 0.0);
        assert_eq!(maps(&model), maps(&lenet), "{}", method.name());
    }
}

#[test]
fn dropout_is_on_in_training_only() {
    let variables = VarStore::new(Device::Cpu);
    let model =
        Sequential::new(&variables).add("dropout", nn::func_t(|x, train| x.dropout(0.5, train)));
    let ones = Tensor::ones([1000], ON_CPU);
    for mut pass in [ForwardPass::inference(), ForwardPass::recording()] {
        assert_eq!(model.forward(&ones, &mut pass), ones);
    }
    let dropped = model.forward(&ones, &mut ForwardPass::training());
    let zeros = dropped.eq(0.0).sum(Kind::Int64).int64_value(&[]);
    // Of 1,000 numbers half are dropped, ± 16 (binomial).
    assert!((zeros - 500).abs() < 5 * 16, "{zeros}");
}

#[test]
fn a_module_of_tch_is_trained_in_a_cell_and_in_the_background() {
    let labels = Tensor::arange(40, (Kind::Int64, Device::Cpu)).remainder(2);
    let brightness = (&labels * 200 + 25).to_kind(Kind::Uint8);
    let images = brightness.view([40, 1, 1, 1]).repeat([1, 1, 4, 4]);
    let dataset = Dataset::new(&images, &labels, &["dark", "bright"]).unwrap();
    let settings = TrainingSettings {
        epochs: 20,
        batch_size: 10,
        validation_share: 0.0,
        ..Default::default()
    };
    let new = || {
        let variables = VarStore::new(Device::Cpu);
        let linear = nn::linear(variables.root() / "fc", 16, 2, Default::default());
        let module = nn::seq_t().add_fn(|x| x.flatten(1, -1)).add(linear);
        Sequential::new(&variables).add("net", module)
    };
    let model = new();
    train(&model, &dataset, &settings).unwrap();
    let accuracy = score(&model, &dataset).unwrap().accuracy;
    assert_eq!(accuracy, 1.0);
    let mut model = Some(new());
    let training = train_in_background(&mut model, &dataset, &settings).unwrap();
    let (model, _) = training.wait().unwrap();
    let accuracy = score(&*model, &dataset).unwrap().accuracy;
    assert_eq!(accuracy, 1.0);
}

//! The Japanese texts of everything that a notebook shows.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use gasshuku::language::{Language, with_language};
use gasshuku::prelude::*;
use gasshuku::visualize::{
    CountSeries, EpochMetrics, GridSettings, HeatMapSettings, KernelGridSettings, KernelGroup,
    LinePlotSettings, LineSeries, Matrix, Overlay, Picture, class_histogram, confusion_matrix,
    heat_map, image_grid, kernel_grid, learning_curves, line_plot, pixel_values, prediction_bars,
};
use roxmltree::Document;

/// The figure can be drawn, its alt text starts with `alt_text`, and it contains `texts`.
fn assert_shows(figure: impl FnOnce() -> gasshuku::Result<Figure>, alt_text: &str, texts: &[&str]) {
    let figure = with_language(Language::Japanese, figure).unwrap();
    assert!(
        figure.alt_text().starts_with(alt_text),
        "{}",
        figure.alt_text()
    );
    figure.png().unwrap();
    let svg = figure.svg().unwrap();
    let document = Document::parse(&svg).unwrap();
    let written: Vec<&str> = (document.descendants())
        .filter(|node| node.has_tag_name("text"))
        .map(|node| node.text().unwrap().trim())
        .collect();
    for text in texts {
        assert!(written.contains(text), "{text} is not in {written:?}");
    }
}

fn grey(level: u8) -> Picture {
    Picture::grey(2, 2, vec![level; 4])
}

fn matrix(caption: &str) -> Matrix {
    Matrix {
        rows: 1,
        columns: 2,
        values: vec![-1.0, 2.0],
        caption: caption.into(),
    }
}

fn dataset(settings: &LeNetSettings) -> Dataset {
    let [channels, height, width] = settings.image;
    let pixels = Tensor::arange(3 * channels * height * width, (Kind::Int64, Device::Cpu));
    let images = (pixels * 37)
        .remainder(256)
        .to_kind(Kind::Uint8)
        .view([3, channels, height, width]);
    let labels = Tensor::from_slice(&[0i64, 1, 1]);
    let classes = (0..settings.classes).map(|class| format!("靴 {class}"));
    Dataset::new(&images, &labels, &classes.collect::<Vec<_>>()).unwrap()
}

fn classifier() -> (Classifier, Dataset) {
    let settings = LeNetSettings::default();
    let dataset = dataset(&settings);
    let model = LeNet::new(&settings, Device::Cpu).unwrap();
    (Classifier::new(Box::new(model), &dataset.info), dataset)
}

#[test]
fn grids_of_images() {
    let heat = Overlay {
        rows: 2,
        columns: 2,
        values: vec![0.0, 1.0, 0.0, 0.0],
        ..Overlay::default()
    };
    let pictures = [
        grey(9).captioned("靴\n72 %").marked(true),
        grey(99).marked(false).overlaid(heat),
    ];
    let settings = GridSettings {
        subtitle: "補間なし".into(),
        colour_bar: "割合".into(),
        ..GridSettings::default()
    };
    assert_shows(
        || image_grid("格子", &pictures, &settings),
        "格子。補間なし。画像 2 枚 (1 行、2 列): 靴、72 % (正解); \
         説明なし (不正解) (ヒートマップの最大は右上)。画像の上のヒートマップが示す値: 割合。",
        &["格子", "補間なし", "靴", "72 %", "割合"],
    );
    let many = vec![grey(0); 102];
    let figure = with_language(Language::Japanese, || {
        image_grid("", &many, &GridSettings::default())
    });
    let figure = figure.unwrap();
    assert!(figure.alt_text().ends_with("、ほかに画像 2 枚。"));
}

#[test]
fn charts() {
    let counts = |name: &str| CountSeries {
        name: name.into(),
        counts: vec![2, 1000],
    };
    assert_shows(
        || class_histogram("枚数", &["靴", "鞄"], &[counts("訓練"), counts("テスト")]),
        "枚数。クラスごとの画像の枚数の棒グラフ。訓練: 靴 2、鞄 1,000。テスト: 靴 2、",
        &["クラス", "画像の枚数", "訓練", "テスト", "鞄"],
    );
    let long = ["長い名前のかばん".repeat(4), "靴".into()];
    let horizontal = || class_histogram("", &[&long[0], &long[1]], &[counts("")]);
    assert_shows(horizontal, "", &["クラス", "画像の枚数", "靴"]);
    let epoch = |loss: f64, accuracy: f64| EpochMetrics {
        training_loss: loss,
        training_accuracy: accuracy,
        validation_loss: Some(loss),
        validation_accuracy: Some(accuracy),
    };
    assert_shows(
        || learning_curves("訓練", &[epoch(2.0, 0.5), epoch(1.0, 0.75)]),
        "訓練。2 エポックの学習曲線。訓練データの損失: 2.00 から 1.00。検証データの損失: 2.00 \
         から 1.00。訓練データの正解率: 50.0 % から 75.0 %。",
        &[
            "損失",
            "正解率",
            "平均損失",
            "正解率 (%)",
            "エポック",
            "訓練データ",
            "検証データ",
        ],
    );
    let series = LineSeries {
        name: "線 A".into(),
        points: vec![(0.0, 1.0), (1.0, 100.0)],
    };
    let settings = LinePlotSettings {
        x_title: "時間".into(),
        y_title: "速さ".into(),
        logarithmic_y: true,
        ..LinePlotSettings::default()
    };
    assert_shows(
        || line_plot("線", &[series], &settings),
        "線。折れ線グラフ (横軸: 時間、縦軸: 速さ、対数目盛)。線 A: 2 点、1.00 から 100。",
        &["時間", "速さ", "線 A"],
    );
}

#[test]
fn matrices() {
    assert_shows(
        || confusion_matrix("行列", &["靴", "鞄"], &[vec![3, 1], vec![0, 4]]),
        "行列。2 クラスの混同行列、正解率 87.5 % (画像 8 枚中 7 枚)。\
         多い取り違え: 「靴」を「鞄」と予測 (1 枚)。",
        &[
            "予測クラス",
            "正解クラス",
            "正解クラス内の割合 (√ 目盛)",
            "鞄",
        ],
    );
    let none = || confusion_matrix("", &["靴"], &[vec![0]]);
    assert_shows(none, "。1 クラスの混同行列、画像なし。", &["画像なし"]);
    let settings = HeatMapSettings {
        value_title: "活性化".into(),
        input: Some(grey(0).captioned("入力")),
        ..HeatMapSettings::default()
    };
    assert_shows(
        || heat_map("地図", &[matrix("一"), matrix("二")], &settings),
        "地図。左は入力画像: 入力。ヒートマップ 2 枚 (1 × 2 個の値): 一; 二。\
         色が示す値: 活性化、−2.00 から 2.00。",
        &["一", "二", "入力", "活性化"],
    );
    let group = KernelGroup {
        name: "訓練前".into(),
        filters: vec![vec![matrix(""); 3]; 2],
    };
    let settings = KernelGridSettings {
        channel_names: ["赤", "緑", "青"].map(String::from).into(),
        ..KernelGridSettings::default()
    };
    assert_shows(
        || kernel_grid("核", &[group], &settings),
        "核。畳み込みのカーネル、1 × 2 の重み、3 チャネル (赤、緑、青)。訓練前: フィルタ 2 枚。\
         色が示す値: 重み、−2.00 から 2.00、すべてのグループに共通。",
        &["訓練前", "入力チャネル", "フィルタ", "緑"],
    );
    assert_shows(
        || pixel_values("画素", &grey(7).captioned("暗い")),
        "画素。暗い。画像の 2 × 2 画素を、その濃さの上に書いた数で示した表。値は 7 から 7。",
        &["画素", "暗い", "7"],
    );
}

#[test]
fn bars_of_probabilities() {
    let prediction = |class| visualize::Prediction {
        picture: grey(0),
        probabilities: vec![0.75, 0.25],
        true_class: Some(class),
    };
    assert_shows(
        || prediction_bars("確率", &["靴", "鞄"], &[prediction(0), prediction(1)], None),
        "確率。画像とクラスの確率。画像 1: 靴 75.0 %、鞄 25.0 %。正解クラス: 靴 (正解)。\
         画像 2: 靴 75.0 %、鞄 25.0 %。正解クラス: 鞄 (不正解)。",
        &["予測確率", "正解クラス", "← 正解クラス"],
    );
}

#[test]
fn figures_of_data_and_training() {
    let (classifier, dataset) = classifier();
    assert_shows(
        || dataset.show(&[0]),
        "画像とクラス。",
        &["画像とクラス", "靴 0"],
    );
    assert_shows(
        || dataset.show_pixels(0),
        "画像 0 (靴 0) の画素のバイト値。",
        &[],
    );
    let counts = || show_class_counts(&[("訓練", &dataset)]);
    assert_shows(counts, "クラスごとの画像の枚数。", &["画像の枚数"]);
    assert_shows(
        || show_schedule(&TrainingSettings::default(), 54_000),
        "学習率。折れ線グラフ (横軸: 終了したエポック数、縦軸: 学習率)。線: ",
        &["終了したエポック数", "学習率"],
    );
    let evaluation = classifier.evaluate(&dataset).unwrap();
    assert_shows(|| evaluation.show_confusion(), "混同行列。", &["混同行列"]);
    assert_shows(
        || classifier.show_predictions(&dataset, &[0]),
        "ネットワークの確信の度合い。",
        &["予測確率"],
    );
    let answers = || classifier.show_answers(&dataset, &[0, 1, 2]);
    let text = with_language(Language::Japanese, answers).unwrap();
    let text = text.alt_text();
    assert!(text.starts_with("ネットワークの答え。画像 3 枚"), "{text}");
    assert!(text.contains("、正解: 靴 "), "{text}");
}

#[test]
fn explanations() {
    let (classifier, dataset) = classifier();
    let image = dataset.image(0).unwrap();
    let method = GradCam::at("sigmoid2");
    let filters = || show_filters("conv1", &[("訓練前", &*classifier.model)]);
    assert_shows(
        filters,
        "conv1 のフィルタ。色の目盛はすべてに共通、0 は白。",
        &["フィルタ 0", "重み", "訓練前"],
    );
    let colour = LeNet::new(&LeNetSettings::colour(), Device::Cpu).unwrap();
    let filters = || show_filters("conv1", &[("", &colour)]);
    assert_shows(filters, "conv1 のフィルタ。", &["赤", "緑", "青"]);
    assert_shows(
        || classifier.show_feature_maps(&image, "conv1"),
        "conv1 の特徴マップ。左は入力画像: 画像。",
        &["フィルタ 5", "活性化", "画像"],
    );
    assert_shows(
        || classifier.show_explanation(&image, &method, None),
        "Grad-CAM (sigmoid2)。画像は補間せずに拡大しています。層の 4×4 か所の値は補間しています。",
        &["画像", "ヒートマップ", "最大値に対する割合"],
    );
    assert_shows(
        || classifier.show_explanation(&image, &Saliency, None),
        "顕著性マップ。画像は補間せずに拡大しています。画素ごとに値をもつヒートマップも同じです。",
        &["顕著性マップ"],
    );
    assert_shows(
        || classifier.show_classes_explained(&image, &method, &["靴 3"]),
        "1 枚の画像と複数のクラス: Grad-CAM (sigmoid2)。",
        &["画像"],
    );
    assert_shows(
        || classifier.show_methods(&image, &[&method, &Edges], None),
        "1 枚の画像と複数の手法。層のマップは補間し、",
        &["Grad-CAM (sigmoid2)", "画像のエッジ"],
    );
    assert_shows(
        || classifier.show_explanations(&dataset, &[0, 1, 2], &method),
        "クラスの根拠: Grad-CAM (sigmoid2)。",
        &[],
    );
    assert_shows(
        || classifier.show_both_classes(&dataset, &[0], &method),
        "予測クラスの根拠と正解クラスの根拠: Grad-CAM (sigmoid2)。",
        &["正解: 靴 0"],
    );
}

#[test]
fn tests_of_explanations() {
    let (classifier, dataset) = classifier();
    with_language(Language::Japanese, || {
        let found = classifier.faithfulness(&Edges, &dataset.images).unwrap();
        assert_shows(
            || found.curves(),
            "削除と挿入: 画像のエッジ。折れ線グラフ (横軸: 値の大きいほうから数えた画素の割合、\
             縦軸: 説明するクラスの確率、線の下を塗りつぶし)。削除 (面積 ",
            &["説明するクラスの確率"],
        );
        let check = classifier.sanity_check(&Edges, &dataset.images, 0).unwrap();
        assert_shows(
            || check.show(&dataset.images),
            "層の重みを 1 つずつ乱数に置き換えたとき: 画像のエッジ。画像のエッジ: 不合格。",
            &["訓練後", "fc3 を乱数化"],
        );
        let table = check.to_string();
        let expected = "画像のエッジ: 不合格。重みがすべて乱数になってもマップは変わりません \
                        (最後の順位相関 1.00)\n\
                        ネットワーク   順位相関\n\
                        訓練後             1.00\n\
                        fc3 を乱数化       1.00\n";
        assert_eq!(table.lines().count(), 8, "{table}");
        let rows: Vec<Vec<&str>> = [&table[..], expected]
            .map(|text| {
                text.lines()
                    .take(4)
                    .map(|line| line.split_whitespace().collect())
            })
            .map(|lines| lines.flat_map(|words: Vec<&str>| words).collect())
            .into();
        assert_eq!(rows[0], rows[1]);
        let methods = classifier
            .compare_methods(&dataset.images, &[&Edges])
            .unwrap();
        let text = methods.to_string();
        let heading =
            "曲線の下の面積: 削除は小さいほど、挿入は大きいほど良い\n手法           削除   挿入\n";
        assert!(text.starts_with(heading), "{text}");
    });
}

#[test]
fn a_network() {
    let (classifier, _) = classifier();
    assert_shows(
        || summary(&*classifier.model, [1, 28, 28])?.diagram(),
        "ネットワーク。ネットワークの図、左から順に: 入力、1 × 28 × 28; \
         conv1、6 × 24 × 24 (畳み込み 5 × 5、パラメータ 156 個); ",
        &[
            "これらの層のパラメータ 41,806 個",
            "入力",
            "畳み込み 5 × 5",
            "プーリング 2 × 2",
            "全結合",
            "パラメータ 650 個",
        ],
    );
}

#[test]
fn tables_and_texts() {
    let (classifier, dataset) = classifier();
    with_language(Language::Japanese, || {
        let summary = summary(&*classifier.model, [1, 28, 28])
            .unwrap()
            .to_string();
        let first = "層の一覧\n\
                     層         出力の形状  パラメータ数\n\
                     入力      1 × 28 × 28\n\
                     conv1     6 × 24 × 24           156\n";
        assert!(summary.starts_with(first), "{summary}");
        let last = "合計                         41,806\n";
        assert!(summary.ends_with(last), "{summary}");
        let evaluation = classifier.evaluate(&dataset).unwrap().to_string();
        assert!(evaluation.starts_with("画像 3 枚: 正解率 "), "{evaluation}");
        assert!(
            evaluation.contains("\nクラス  適合率  再現率  画像数\n"),
            "{evaluation}"
        );
        let score = score(&*classifier.model, &dataset).unwrap().to_string();
        assert!(
            score.starts_with("損失 ") && score.contains(" 正解率 "),
            "{score}"
        );
        let text = format!("{classifier:?}");
        assert!(
            text.starts_with("画像 [1, 28, 28] の分類器、クラス: 靴 0"),
            "{text}"
        );
        let prediction = classifier.predict(&dataset.image(0).unwrap()).unwrap();
        assert!(prediction.to_string().starts_with("靴 "));
    });
}

#[test]
fn english_is_the_default() {
    let (_, dataset) = classifier();
    let figure = dataset.show(&[0]).unwrap();
    let text = figure.alt_text();
    assert_eq!(
        text,
        "Images and their classes. 1 image in 1 row of 1: 靴 0."
    );
}

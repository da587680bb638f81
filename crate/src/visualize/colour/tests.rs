use super::*;

#[test]
fn zero_is_white_on_both_scales() {
    assert_eq!(sequential(0.0), BACKGROUND);
    assert_eq!(diverging(0.0), BACKGROUND);
}

#[test]
fn the_sequential_scale_only_darkens() {
    let levels: Vec<f64> = (0..=100)
        .map(|step| luminance(sequential(f64::from(step) / 100.0)))
        .collect();
    assert!(levels.windows(2).all(|pair| pair[1] < pair[0]));
}

#[test]
fn both_ends_of_the_diverging_scale_are_equally_dark() {
    let negative = diverging(-1.0);
    let positive = diverging(1.0);
    assert!(negative.0 > negative.2, "{negative:?} is not orange");
    assert!(positive.2 > positive.0, "{positive:?} is not blue");
    assert!((luminance(negative) - luminance(positive)).abs() < 0.05);
}

#[test]
fn text_contrasts_with_its_background() {
    assert_eq!(text_on(BACKGROUND), BLACK);
    assert_eq!(text_on(BLACK), BACKGROUND);
    for step in 0..=100 {
        let background = sequential(f64::from(step) / 100.0);
        let (one, other) = (luminance(background), luminance(text_on(background)));
        let contrast = (one.max(other) + 0.05) / (one.min(other) + 0.05);
        assert!(contrast > 4.5, "contrast {contrast} on {background:?}");
    }
}

/// How people with protanopia, deuteranopia and tritanopia see a linear RGB colour: Machado,
/// Oliveira, Fernandes, "A Physiologically-based Model for Simulation of Color Vision
/// Deficiency", 2009, severity 1.0.
const DEFICIENCIES: [[[f64; 3]; 3]; 3] = [
    [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
];

fn times(matrix: [[f64; 3]; 3], vector: [f64; 3]) -> [f64; 3] {
    matrix.map(|row| row.iter().zip(vector).map(|(one, other)| one * other).sum())
}

/// The conversion published by the author of Oklab.
fn to_oklab(linear: [f64; 3]) -> [f64; 3] {
    let cones = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ];
    let lab = [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ];
    times(lab, times(cones, linear).map(f64::cbrt))
}

/// The distance between two colours for those who see the least difference.
fn smallest_distance(one: Colour, other: Colour) -> f64 {
    let seen = |colour: Colour, deficiency| {
        let linear = [colour.0, colour.1, colour.2].map(to_linear);
        to_oklab(times(deficiency, linear).map(|channel| channel.clamp(0.0, 1.0)))
    };
    let distance = |deficiency| {
        let (one, other) = (seen(one, deficiency), seen(other, deficiency));
        let squares = one
            .iter()
            .zip(other)
            .map(|(one, other)| (one - other).powi(2));
        squares.sum::<f64>().sqrt()
    };
    DEFICIENCIES
        .into_iter()
        .map(distance)
        .fold(f64::INFINITY, f64::min)
}

#[test]
fn series_can_be_told_apart_by_everybody() {
    // A difference of 0.02 is barely visible. The usual red and green are too close.
    let red_and_green = (RGBColor(214, 39, 40), RGBColor(44, 160, 44));
    assert!(smallest_distance(red_and_green.0, red_and_green.1) < 0.05);
    for (index, &one) in SERIES.iter().enumerate() {
        for &other in &SERIES[index + 1..] {
            let distance = smallest_distance(one, other);
            assert!(distance > 0.07, "{one:?} and {other:?}: {distance}");
        }
    }
    assert!(smallest_distance(BLUE, VERMILLION) > 0.2, "right and wrong");
    assert!(smallest_distance(BLUE, GRID) > 0.2, "done and not done");
    assert!(smallest_distance(diverging(-1.0), diverging(1.0)) > 0.15);
}

#[test]
fn viridis_has_the_colours_of_matplotlib() {
    let known = [
        (0, [68, 1, 84]),
        (64, [59, 82, 139]),
        (127, [33, 144, 141]),
        (128, [33, 145, 140]),
        (191, [92, 200, 99]),
        (255, [253, 231, 37]),
    ];
    for (index, expected) in known {
        let colour = viridis(f64::from(index) / 255.0);
        for (found, expected) in [colour.0, colour.1, colour.2].into_iter().zip(expected) {
            assert!(
                found.abs_diff(expected) <= 1,
                "{colour:?} at {index} of 255"
            );
        }
    }
}

#[test]
fn viridis_only_grows_lighter() {
    let levels: Vec<f64> = (0..=100)
        .map(|step| luminance(viridis(f64::from(step) / 100.0)))
        .collect();
    assert!(levels.windows(2).all(|pair| pair[1] > pair[0]));
}

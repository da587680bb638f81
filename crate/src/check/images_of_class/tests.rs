use super::super::testing::{assert_problems, assert_solved};
use super::*;

/// The indices whose label passes.
fn kept(dataset: &Dataset, keep: impl Fn(usize) -> bool) -> Result<Vec<usize>> {
    let mut indices = Vec::new();
    for index in 0..dataset.len() {
        if keep(dataset.label(index)?) {
            indices.push(index);
        }
    }
    Ok(indices)
}

/// The first of them.
fn first(dataset: &Dataset, count: usize, keep: impl Fn(usize) -> bool) -> Result<Vec<usize>> {
    let mut indices = kept(dataset, keep)?;
    indices.truncate(count);
    Ok(indices)
}

#[test]
fn right_attempts_pass() {
    assert_solved(images_of_class(|dataset, label, count| {
        let mut places = Vec::new();
        for index in 0..dataset.len() {
            if places.len() < count && dataset.label(index)? == label {
                places.push(index);
            }
        }
        Ok(places)
    }));
    assert_solved(images_of_class(|dataset, label, count| {
        dataset.indices_of(&dataset.info.classes[label], count)
    }));
}

#[test]
fn the_gap_as_it_stands_has_a_problem() {
    let first_of_all: Attempt = |dataset, _, count| Ok((0..dataset.len().min(count)).collect());
    let problem = "asked for class 0, your function gives index 0, where an image of class 2 is";
    assert_problems(images_of_class, &[(first_of_all, problem)]);
}

#[test]
fn typical_mistakes_are_named() {
    let attempts: [(Attempt, &str); 14] = [
        (|_, _, _| Ok(Vec::new()), "your function finds nothing"),
        (
            |dataset, label, _| kept(dataset, |it| it == label),
            "asked for 3 images, your function gives 6",
        ),
        (
            |dataset, label, count| first(dataset, count + 1, |it| it == label),
            "asked for 3 images, your function gives 4",
        ),
        (
            |_, label, count| Ok(vec![label; count]),
            "your function gives the label again and again",
        ),
        (
            |dataset, _, count| first(dataset, count, |it| it == 0),
            "asked for class 2, your function gives index 1, where an image of class 0 is",
        ),
        (
            |dataset, label, _| first(dataset, 3, |it| it == label),
            "for class 2 and 2 images your function gives [0, 4, 8]; do label and number come \
             from its arguments?",
        ),
        (
            |dataset, label, count| {
                let all = kept(dataset, |it| it == label)?;
                Ok(all.into_iter().rev().take(count).collect())
            },
            "these are images of class 0, but not the first three in their order: [10, 9, 6]",
        ),
        (
            |_, _, _| Ok(vec![1, 1, 3]),
            "some image is found twice: [1, 1, 3]",
        ),
        (
            |dataset, label, count| {
                let all = first(dataset, count, |it| it == label)?;
                Ok(all.into_iter().map(|index| index + 1).collect())
            },
            "asked for class 0, your function gives index 2, where an image of class 1 is",
        ),
        (
            |_, _, _| Ok(vec![12]),
            "index 12 is beyond the last image; there are 12 images",
        ),
        (
            |dataset, label, count| Ok(kept(dataset, |it| it == label)?[..count].to_vec()),
            "your function stops in the middle",
        ),
        (
            |dataset, _, _| dataset.indices_of("Hat", 1),
            "your function gives back an error: there is no class `Hat`",
        ),
        (
            |dataset, label, count| first(dataset, count.min(5), |it| it == label),
            "of 100 images wanted of class 0 there are only 6, and your function gives 5",
        ),
        (
            |dataset, label, count| first(dataset, count, |it| it == label.min(2)),
            "there is no image of class 3, but your function gives [0, 4, 8, 11]",
        ),
    ];
    assert_problems(images_of_class, &attempts);
}

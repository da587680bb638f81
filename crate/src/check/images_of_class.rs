//! Exercise of notebook 2: where in a data set are the images of one class?

use tch::{Device, Kind, Tensor};

use super::{Checked, Findings, Report, attempt, ensure};
use crate::error::Result;
use crate::language::{translate, translated};
use crate::load::Dataset;

/// The attempt: data set, label and number of images wanted → the indices of the first images of
/// that class.
type Attempt = fn(&Dataset, usize, usize) -> Result<Vec<usize>>;

/// The labels of the data set that attempts are tried on.
const LABELS: [i64; 12] = [2, 0, 1, 0, 2, 0, 0, 1, 2, 0, 0, 2];
/// Where those of class 0 are.
const OF_CLASS_0: [usize; 6] = [1, 3, 5, 6, 9, 10];

/// Checks a function that finds the first `count` images of a class.
///
/// It is tried on a data set of twelve images: it must find the right ones, as many as are wanted,
/// of any class, and be content with fewer where there are no more.
pub fn images_of_class(attempt: Attempt) -> Report {
    let exercise = translated("the images of one class", "1 つのクラスの画像");
    Report::of(exercise, |findings| check(attempt, findings))
}

fn check(find: Attempt, findings: &mut Findings) -> Checked {
    let labels = Tensor::from_slice(&LABELS);
    let count = LABELS.len() as i64;
    let images = Tensor::zeros([count, 1, 2, 2], (Kind::Uint8, Device::Cpu));
    let classes = ["zero", "one", "two", "three"];
    let dataset = Dataset::new(&images, &labels, &classes)?;
    let found = |label, count| attempt(|| find(&dataset, label, count));

    only_of_class(&found(0, 3)?, 0)?;
    the_first_three(&found(0, 3)?)?;
    findings.right(translated(
        "three images of class 0 are found",
        "クラス 0 の画像が 3 枚見つかりました",
    ));

    let other = found(2, 2)?;
    only_of_class(&other, 2)?;
    ensure(other == [0, 4], || {
        translate!(
            "for class 2 and 2 images your function gives {other:?}; do label and number come from \
             its arguments?",
            "クラス 2 の画像を 2 枚求めると {other:?} が返ります。ラベルと枚数は引数の値を使っていますか?"
        )
    })?;
    findings.right(translated(
        "so are those of another class",
        "ほかのクラスでも正しく動きます",
    ));

    let all = found(0, 100)?;
    ensure(all == OF_CLASS_0, || {
        translate!(
            "of 100 images wanted of class 0 there are only 6, and your function gives {}; it should \
             give those that there are",
            "クラス 0 の画像を 100 枚求めると、実際には 6 枚しかないのに {} 枚が返ります。ある分だけを返してください",
            all.len()
        )
    })?;
    let none = found(3, 5)?;
    ensure(none.is_empty(), || {
        translate!(
            "there is no image of class 3, but your function gives {none:?}",
            "クラス 3 の画像は 1 枚もないのに {none:?} が返ります"
        )
    })?;
    findings.right(translated(
        "where there are too few, you get those that there are",
        "枚数が足りないときは、ある分だけが返ります",
    ));
    Ok(())
}

/// Whether all images found are of the class.
fn only_of_class(found: &[usize], label: i64) -> Checked {
    ensure(found != [label as usize; 3], || {
        translated(
            "your function gives the label again and again; what is wanted is where the images are: \
             their index",
            "返ってきたのはラベルの値です。必要なのは画像の位置、つまりインデックスです",
        )
        .to_string()
    })?;
    for &index in found {
        let there = LABELS.get(index);
        ensure(there == Some(&label), || match there {
            Some(there) => translate!(
                "asked for class {label}, your function gives index {index}, where an image of \
                 class {there} is; is every label compared?",
                "クラス {label} を求めたのに、クラス {there} の画像があるインデックス {index} が返りました。\
                 ラベルを 1 つずつ比べていますか?"
            ),
            None => translate!(
                "index {index} is beyond the last image; there are {} images, counted from 0",
                "インデックス {index} は最後の画像より後ろです。画像は {} 枚で、0 から数えます",
                LABELS.len()
            ),
        })?;
    }
    Ok(())
}

/// Whether the indices are those of the first three images of class 0.
fn the_first_three(found: &[usize]) -> Checked {
    ensure(!found.is_empty(), || {
        translated(
            "your function finds nothing: no index is kept",
            "何も見つかっていません。インデックスがまだ 1 つも追加されていません",
        )
        .to_string()
    })?;
    let mut sorted = found.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    ensure(sorted.len() == found.len(), || {
        translate!(
            "some image is found twice: {found:?}",
            "同じ画像が 2 回入っています: {found:?}"
        )
    })?;
    ensure(found.len() == 3, || {
        translate!(
            "asked for 3 images, your function gives {}; when is it enough?",
            "3 枚求めたのに {} 枚が返りました。いつ集めるのをやめればよいでしょうか?",
            found.len()
        )
    })?;
    ensure(found == &OF_CLASS_0[..3], || {
        translate!(
            "these are images of class 0, but not the first three in their order: {found:?}",
            "クラス 0 の画像ですが、先頭から順に 3 枚ではありません: {found:?}"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_solved, problem};
    use super::*;

    fn told(attempt: Attempt) -> String {
        problem(|| images_of_class(attempt))
    }

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
    fn the_gap_as_it_stands_is_told() {
        let told = told(|dataset, _, count| Ok((0..dataset.len().min(count)).collect()));
        assert!(
            told.contains("index 0, where an image of class 2 is"),
            "{told}"
        );
    }

    #[test]
    fn typical_mistakes_are_named() {
        let nothing = told(|_, _, _| Ok(Vec::new()));
        assert!(nothing.contains("finds nothing"), "{nothing}");
        let never_enough = told(|dataset, label, _| kept(dataset, |it| it == label));
        assert!(never_enough.contains("gives 6"), "{never_enough}");
        let one_too_many = told(|dataset, label, count| {
            Ok(kept(dataset, |it| it == label)?
                .into_iter()
                .take(count + 1)
                .collect())
        });
        assert!(one_too_many.contains("gives 4"), "{one_too_many}");
        let labels = told(|_, label, count| Ok(vec![label; count]));
        assert!(labels.contains("gives the label"), "{labels}");
        let typed = told(|dataset, _, count| {
            Ok(kept(dataset, |it| it == 0)?
                .into_iter()
                .take(count)
                .collect())
        });
        assert!(typed.contains("asked for class 2"), "{typed}");
        let typed_count = told(|dataset, label, _| {
            Ok(kept(dataset, |it| it == label)?
                .into_iter()
                .take(3)
                .collect())
        });
        assert!(typed_count.contains("from its arguments"), "{typed_count}");
        let last = told(|dataset, label, count| {
            Ok(kept(dataset, |it| it == label)?
                .into_iter()
                .rev()
                .take(count)
                .collect())
        });
        assert!(last.contains("not the first three"), "{last}");
        let twice = told(|_, _, _| Ok(vec![1, 1, 3]));
        assert!(twice.contains("found twice"), "{twice}");
        let from_one = told(|dataset, label, count| {
            let all = kept(dataset, |it| it == label)?;
            Ok(all.into_iter().take(count).map(|index| index + 1).collect())
        });
        assert!(from_one.contains("an image of class 1"), "{from_one}");
        let beyond = told(|_, _, _| Ok(vec![12]));
        assert!(beyond.contains("beyond the last image"), "{beyond}");
        let not_found =
            told(|dataset, label, count| Ok(kept(dataset, |it| it == label)?[..count].to_vec()));
        assert!(not_found.contains("stops in the middle"), "{not_found}");
        let error = told(|dataset, _, _| dataset.indices_of("Hat", 1));
        assert!(error.contains("no class `Hat`"), "{error}");
    }
}

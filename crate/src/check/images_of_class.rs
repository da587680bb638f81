//! Exercise of notebook 2: where in a data set are the images of one class?

use tch::{Device, Kind, Tensor};

use super::cases::{Case, Checked, Findings, Mistake, attempt, message, mistake};
use super::report::Report;
use crate::error::Result;
use crate::language::{translate, translated};
use crate::load::Dataset;

/// The attempt: data set, label and number of images wanted → the indices of the first images of
/// that class.
type Attempt = fn(&Dataset, usize, usize) -> Result<Vec<usize>>;

/// The labels of the data set that attempts are tried on.
const LABELS: [i64; 12] = [2, 0, 1, 0, 2, 0, 0, 1, 2, 0, 0, 2];

/// What the attempt gives for a label and a number of images.
struct Found {
    label: usize,
    count: usize,
    indices: Vec<usize>,
}

/// For three images of class 0.
const FIRST_IMAGES: Case<Found> = Case {
    right: Found::is_right,
    passed: message!(
        "three images of class 0 are found",
        "クラス 0 の画像が 3 枚見つかりました"
    ),
    mistakes: &[
        LABEL_FOR_INDEX,
        not_of_the_class,
        mistake!(
            |it| it.indices.is_empty(),
            "your function finds nothing: no index is kept",
            "何も見つかっていません。インデックスがまだ 1 つも追加されていません"
        ),
        mistake!(
            |it| it.has_an_image_twice(),
            "some image is found twice: {:?}",
            "同じ画像が 2 回入っています: {:?}",
            it.indices
        ),
        mistake!(
            |it| it.indices.len() != it.count,
            "asked for 3 images, your function gives {}; when is it enough?",
            "3 枚求めたのに {} 枚が返りました。いつ集めるのをやめればよいでしょうか?",
            it.indices.len()
        ),
    ],
    otherwise: message!(
        |it| "these are images of class 0, but not the first three in their order: {:?}",
        "クラス 0 の画像ですが、先頭から順に 3 枚ではありません: {:?}",
        it.indices
    ),
};

/// For two images of class 2.
const ANOTHER_CLASS: Case<Found> = Case {
    right: Found::is_right,
    passed: message!(
        "so are those of another class",
        "ほかのクラスでも正しく動きます"
    ),
    mistakes: &[LABEL_FOR_INDEX, not_of_the_class],
    otherwise: message!(
        |it| "for class 2 and 2 images your function gives {:?}; do label and number come from \
              its arguments?",
        "クラス 2 の画像を 2 枚求めると {:?} が返ります。ラベルと枚数は引数の値を使っていますか?",
        it.indices
    ),
};

/// For 100 images of class 0, of which there are 6, and for images of class 3, of which there are none.
const TOO_FEW_IMAGES: Case<Found> = Case {
    right: Found::is_right,
    passed: message!(
        "where there are too few, you get those that there are",
        "枚数が足りないときは、ある分だけが返ります"
    ),
    mistakes: &[mistake!(
        |it| it.label == 3,
        "there is no image of class 3, but your function gives {:?}",
        "クラス 3 の画像は 1 枚もないのに {:?} が返ります",
        it.indices
    )],
    otherwise: message!(
        |it| "of 100 images wanted of class 0 there are only 6, and your function gives {}; it should \
              give those that there are",
        "クラス 0 の画像を 100 枚求めると、実際には 6 枚しかないのに {} 枚が返ります。ある分だけを返してください",
        it.indices.len()
    ),
};

const LABEL_FOR_INDEX: Mistake<Found> = mistake!(
    |it| it.indices == [it.label; 3],
    "your function gives the label again and again; what is wanted is where the images are: \
     their index",
    "返ってきたのはラベルの値です。必要なのは画像の位置、つまりインデックスです"
);

/// Checks a function that finds the first `count` images of a class.
///
/// It is tried on a data set of twelve images: it must find the right ones, as many as are wanted,
/// of any class, and be content with fewer where there are no more.
pub fn images_of_class(attempt: Attempt) -> Report {
    let title = translated("the images of one class", "1 つのクラスの画像");
    Report::of("images_of_class", title, |findings| {
        check(attempt, findings)
    })
}

fn check(find: Attempt, findings: &mut Findings) -> Checked {
    let labels = Tensor::from_slice(&LABELS);
    let images = Tensor::zeros([LABELS.len() as i64, 1, 2, 2], (Kind::Uint8, Device::Cpu));
    let dataset = Dataset::new(&images, &labels, &["zero", "one", "two", "three"])?;
    let found = |(label, count)| {
        Ok(Found {
            label,
            count,
            indices: attempt(|| find(&dataset, label, count))?,
        })
    };
    findings.check_each(&FIRST_IMAGES, [(0, 3)], found)?;
    findings.check_each(&ANOTHER_CLASS, [(2, 2)], found)?;
    findings.check_each(&TOO_FEW_IMAGES, [(0, 100), (3, 5)], found)
}

impl Found {
    fn is_right(&self) -> bool {
        let of_class = (0..LABELS.len()).filter(|&index| LABELS[index] == self.label as i64);
        of_class.take(self.count).eq(self.indices.iter().copied())
    }

    fn has_an_image_twice(&self) -> bool {
        let mut sorted = self.indices.clone();
        sorted.sort_unstable();
        sorted.dedup();
        sorted.len() < self.indices.len()
    }
}

/// The first index that is not of an image of the class.
fn not_of_the_class(it: &Found) -> Option<String> {
    let label = it.label as i64;
    let mut indices = it.indices.iter();
    let index = indices.find(|&&index| LABELS.get(index) != Some(&label))?;
    Some(match LABELS.get(*index) {
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
    })
}

#[cfg(test)]
mod tests;

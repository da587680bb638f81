//! The data sets in the format of MNIST: mirrors, file names, checksums and class names.

use std::fmt;

/// The part of a data set to load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// The images to train on.
    Train,
    /// The images to test on, never seen in training.
    Test,
}

impl fmt::Display for Split {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Train => "train",
            Self::Test => "test",
        })
    }
}

/// One file on the mirrors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFile {
    /// Its name on the mirrors and in the data folder, with the extension `.gz`.
    pub name: String,
    /// Its size in bytes, compressed.
    pub bytes: u64,
    /// The SHA-256 of the compressed file, in lower-case hexadecimal digits.
    pub sha256: String,
}

/// The two files of a split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitFiles {
    /// An IDX file of three dimensions: images, rows, columns.
    pub images: DataFile,
    /// An IDX file of one dimension: a class number for each image.
    pub labels: DataFile,
}

/// A data set in the format of MNIST, and where to download it.
///
/// [`fashion_mnist`], [`mnist`] and [`kmnist`] give those of the workshop. For your own data set, fill in
/// the fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The name that is shown.
    pub name: String,
    /// The folder below the root folder that holds the files.
    pub folder: String,
    /// The class names in the order of the labels.
    pub classes: Vec<String>,
    /// URLs of folders with the files, tried in this order.
    pub mirrors: Vec<String>,
    /// The files to train on.
    pub train: SplitFiles,
    /// The files to test on.
    pub test: SplitFiles,
}

impl Source {
    /// The files of one split.
    pub fn files(&self, split: Split) -> &SplitFiles {
        match split {
            Split::Train => &self.train,
            Split::Test => &self.test,
        }
    }
}

/// [Fashion-MNIST](https://github.com/zalandoresearch/fashion-mnist): clothes, 10 classes.
pub fn fashion_mnist() -> Source {
    Source {
        name: "Fashion-MNIST".into(),
        folder: "fashion-mnist".into(),
        classes: strings(&[
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ]),
        // The first is torchvision's and the one upstream's README links to,
        // the second upstream's own repository.
        mirrors: strings(&[
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ]),
        // From tensorflow/datasets (url_checksums/fashion_mnist.txt) and
        // ankane/torchvision-ruby, which agree. A test below computes the same
        // from the files in `data/`.
        train: split_files(
            "train",
            (
                26_421_880,
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            ),
            (
                29_515,
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            ),
        ),
        test: split_files(
            "t10k",
            (
                4_422_102,
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            ),
            (
                5_148,
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            ),
        ),
    }
}

/// [MNIST](http://yann.lecun.com/exdb/mnist/): handwritten digits, 10 classes.
pub fn mnist() -> Source {
    Source {
        name: "MNIST".into(),
        folder: "mnist".into(),
        classes: strings(&[
            "0 - zero",
            "1 - one",
            "2 - two",
            "3 - three",
            "4 - four",
            "5 - five",
            "6 - six",
            "7 - seven",
            "8 - eight",
            "9 - nine",
        ]),
        // torchvision's two, and between them the one of tensorflow/datasets: the
        // original page has answered downloads with 403 for years.
        mirrors: strings(&[
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "http://yann.lecun.com/exdb/mnist/",
        ]),
        // From tensorflow/datasets (url_checksums/mnist.txt) and
        // ankane/torchvision-ruby, which agree.
        train: split_files(
            "train",
            (
                9_912_422,
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            ),
            (
                28_881,
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            ),
        ),
        test: split_files(
            "t10k",
            (
                1_648_877,
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            ),
            (
                4_542,
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            ),
        ),
    }
}

/// [Kuzushiji-MNIST](https://github.com/rois-codh/kmnist): cursive Japanese characters,
/// 10 classes.
pub fn kmnist() -> Source {
    Source {
        name: "KMNIST".into(),
        folder: "kmnist".into(),
        classes: strings(&["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]),
        // The same server with both protocols: torchvision and upstream's README use http.
        mirrors: strings(&[
            "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
            "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        ]),
        // From tensorflow/datasets (url_checksums/kmnist.txt) and
        // ankane/torchvision-ruby, which agree.
        train: split_files(
            "train",
            (
                18_165_135,
                "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
            ),
            (
                29_497,
                "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
            ),
        ),
        test: split_files(
            "t10k",
            (
                3_041_136,
                "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
            ),
            (
                5_120,
                "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
            ),
        ),
    }
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

fn split_files(prefix: &str, images: (u64, &str), labels: (u64, &str)) -> SplitFiles {
    let file = |kind: &str, (bytes, sha256): (u64, &str)| DataFile {
        name: format!("{prefix}-{kind}-ubyte.gz"),
        bytes,
        sha256: sha256.into(),
    };
    SplitFiles {
        images: file("images-idx3", images),
        labels: file("labels-idx1", labels),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use sha2::{Digest, Sha256};

    use super::*;

    fn all() -> [Source; 3] {
        [fashion_mnist(), mnist(), kmnist()]
    }

    fn files(source: &Source) -> [&DataFile; 4] {
        let Source { train, test, .. } = source;
        [&train.images, &train.labels, &test.images, &test.labels]
    }

    #[test]
    fn every_source_has_the_file_names_of_mnist_and_ten_classes() {
        for source in all() {
            let names: Vec<&str> = files(&source).iter().map(|f| f.name.as_str()).collect();
            assert_eq!(
                names,
                [
                    "train-images-idx3-ubyte.gz",
                    "train-labels-idx1-ubyte.gz",
                    "t10k-images-idx3-ubyte.gz",
                    "t10k-labels-idx1-ubyte.gz",
                ]
            );
            assert_eq!(source.classes.len(), 10, "{}", source.name);
        }
    }

    #[test]
    fn checksums_are_sha256_in_lower_case_and_all_different() {
        let sources = all();
        let mut sums: Vec<&str> = sources
            .iter()
            .flat_map(files)
            .map(|f| f.sha256.as_str())
            .collect();
        for sum in &sums {
            assert_eq!(sum.len(), 64, "{sum}");
            assert!(
                sum.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')),
                "{sum}"
            );
        }
        sums.sort_unstable();
        sums.dedup();
        assert_eq!(sums.len(), 12);
    }

    #[test]
    fn each_source_has_its_own_folder_and_mirrors() {
        let sources = all();
        let folders: Vec<&str> = sources.iter().map(|s| s.folder.as_str()).collect();
        assert_eq!(folders, ["fashion-mnist", "mnist", "kmnist"]);
        for source in &sources {
            assert!(source.mirrors.len() >= 2, "{}", source.name);
            assert!(source.mirrors.iter().all(|m| m.starts_with("http")));
        }
    }

    #[test]
    fn files_are_those_of_the_split() {
        let source = mnist();
        assert_eq!(source.files(Split::Train), &source.train);
        assert_eq!(source.files(Split::Test), &source.test);
        assert_eq!(format!("{} {}", Split::Train, Split::Test), "train test");
    }

    /// Debian removed name and time from the gzip headers and changed nothing else. With both restored, the
    /// committed files must be those of upstream.
    #[test]
    fn committed_files_with_upstreams_gzip_header_have_upstreams_checksums() {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../data/fashion-mnist");
        let source = fashion_mnist();
        for (file, time) in files(&source).into_iter().zip([
            1_504_176_606_u32,
            1_504_176_606,
            1_504_176_627,
            1_504_176_627,
        ]) {
            let committed = std::fs::read(folder.join(&file.name)).unwrap();
            let mut upstream = vec![0x1f, 0x8b, 8, 8];
            upstream.extend(time.to_le_bytes());
            upstream.extend([0, 3]);
            upstream.extend(file.name.strip_suffix(".gz").unwrap().bytes());
            upstream.push(0);
            upstream.extend(&committed[10..]);
            assert_eq!(upstream.len() as u64, file.bytes, "{}", file.name);
            assert_eq!(
                format!("{:x}", Sha256::digest(&upstream)),
                file.sha256,
                "{}",
                file.name
            );
        }
    }
}

//! Step 1, load: data sets and folders as pictures and tables.

use std::collections::HashMap;
use std::fmt;

use tch::Tensor;

use super::picture;
use crate::error::{Error, Result};
use crate::language::{translate, translated};
use crate::load::folder::{file_in_folder, whole_numbers};
use crate::load::{Dataset, ImageFolder, SkippedFile};
use crate::notebook::show::{Representations, Show};
use crate::notebook::table::Table;
use crate::text::with_commas;
use crate::visualize::{self, CountSeries, Figure, GridSettings, Picture};

/// How many skipped files a table lists. A line below it says how many more there are.
const MOST_SKIPPED_SHOWN: usize = 20;

/// Images of several tensors side by side, each with a caption.
///
/// # Errors
/// Those of [`picture`]; [`Error::Data`] if there are not as many captions as images.
pub fn show_images(title: &str, images: &[Tensor], captions: &[String]) -> Result<Figure> {
    if images.len() != captions.len() {
        let (images, captions) = (images.len(), captions.len());
        return Err(Error::Data(format!(
            "there are {images} images but {captions} captions"
        )));
    }
    let pictures = images
        .iter()
        .zip(captions)
        .map(|(image, caption)| Ok(picture(image)?.captioned(caption)))
        .collect::<Result<Vec<_>>>()?;
    visualize::image_grid(title, &pictures, &GridSettings::default())
}

/// The number of images of each class in some data sets, as bars.
///
/// # Errors
/// [`Error::Data`] if the data sets have different classes.
pub fn show_class_counts(datasets: &[(&str, &Dataset)]) -> Result<Figure> {
    let Some((_, first)) = datasets.first() else {
        return Err(Error::Data("there is no data set to count".into()));
    };
    if datasets
        .iter()
        .any(|(_, dataset)| dataset.info.classes != first.info.classes)
    {
        return Err(Error::Data("these data sets have different classes".into()));
    }
    let series: Vec<CountSeries> = datasets
        .iter()
        .map(|(name, dataset)| CountSeries {
            name: name.to_string(),
            counts: dataset.class_counts(),
        })
        .collect();
    let title = translated("Images per class", "クラスごとの画像の枚数");
    visualize::class_histogram(title, &first.info.classes, &series)
}

impl Dataset {
    /// One image as a picture, with its class as caption.
    ///
    /// # Errors
    /// [`Error::Index`] beyond the last image.
    pub fn picture(&self, index: usize) -> Result<Picture> {
        Ok(picture(&self.image(index)?)?.captioned(self.class(index)?))
    }

    /// Images with their classes in a grid.
    ///
    /// # Errors
    /// [`Error::Index`] beyond the last image.
    pub fn show(&self, indices: &[usize]) -> Result<Figure> {
        let pictures = indices
            .iter()
            .map(|&index| self.picture(index))
            .collect::<Result<Vec<_>>>()?;
        visualize::image_grid(
            translated("Images and their classes", "画像とクラス"),
            &pictures,
            &GridSettings::default(),
        )
    }

    /// The pixel values of one image.
    ///
    /// # Errors
    /// [`Error::Index`] beyond the last image.
    pub fn show_pixels(&self, index: usize) -> Result<Figure> {
        let class = self.class(index)?;
        let title = translate!(
            "Image {index}, {class}: its pixels as bytes",
            "画像 {index} ({class}) の画素のバイト値"
        );
        visualize::pixel_values(&title, &picture(&self.image(index)?)?)
    }
}

/// The number of images, their shape and their classes.
impl Show for Dataset {
    fn representations(&self) -> Result<Representations> {
        let [channels, height, width] = self.info.image;
        let (images, classes) = (with_commas(self.len()), self.info.classes.len());
        let names = self.info.classes.join(translated(", ", "、"));
        let text = translate!(
            "{images} images of shape [{channels}, {height}, {width}] in {classes} classes: {names}",
            "画像 {images} 枚、形状 [{channels}, {height}, {width}]、{classes} クラス: {names}"
        );
        Ok(vec![("text/plain", text)])
    }
}

impl ImageFolder {
    /// All tables in one string, because evcxr shows one block of HTML for a cell.
    fn html(&self) -> String {
        self.tables().iter().map(Table::html).collect()
    }

    fn tables(&self) -> Vec<Table> {
        let mut tables = vec![self.counts()];
        if !self.skipped.is_empty() {
            tables.push(self.left_out());
        }
        let notes = self.notes();
        if !notes.is_empty() {
            let columns = [translated(
                "about the classes' names",
                "クラスの名前について",
            )];
            let mut table = Table::new(translated("Please note", "確認してください"), &columns);
            notes.into_iter().for_each(|note| table.row([note]));
            tables.push(table);
        }
        tables
    }

    /// Notes about names of classes that may be mistakes.
    fn notes(&self) -> Vec<String> {
        let names = &self.dataset.info.classes;
        let mut notes = Vec::new();
        if whole_numbers(names.iter()).is_some() && !names.is_sorted() {
            notes.push(translate!(
                "the names are whole numbers, so labels follow their order, not that of texts as in \
                 torchvision's ImageFolder (1, 10, 2)",
                "名前がすべて整数なので、ラベルは数の順です。torchvision の ImageFolder では文字列の順 (1, 10, 2) になります"
            ));
        }
        let mut seen: HashMap<String, &String> = HashMap::new();
        for name in names {
            if let Some(other) = seen.insert(name.to_lowercase(), name) {
                notes.push(translate!(
                    "{other} and {name} differ only in small and capital letters; if they are one \
                     class, put their images into one folder",
                    "{other} と {name} は大文字と小文字が違うだけです。同じクラスなら、画像を 1 つのフォルダーにまとめてください"
                ));
            }
        }
        notes
    }

    fn counts(&self) -> Table {
        let columns = [translated("class", "クラス"), translated("images", "画像")];
        let mut table = Table::new(translated("Images per class", "クラスごとの画像"), &columns);
        let counts = self.dataset.class_counts();
        for (class, count) in self.dataset.info.classes.iter().zip(counts) {
            table.row([class.clone(), count.to_string()]);
        }
        table
    }

    fn left_out(&self) -> Table {
        let columns = [translated("file: reason", "ファイル: 理由")];
        let mut table = Table::new(translated("Left out", "読まなかったもの"), &columns);
        for SkippedFile { path, reason } in self.skipped.iter().take(MOST_SKIPPED_SHOWN) {
            table.row([format!("{}: {reason}", file_in_folder(path))]);
        }
        let more = self.skipped.len().saturating_sub(MOST_SKIPPED_SHOWN);
        if more > 0 {
            table.row([translate!("and {more} more", "ほか {more} 件")]);
        }
        table
    }
}

/// The number of images of each class, and the skipped files.
impl Show for ImageFolder {
    fn representations(&self) -> Result<Representations> {
        Ok(vec![
            ("text/html", self.html()),
            ("text/plain", self.to_string()),
        ])
    }
}

impl fmt::Display for ImageFolder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for table in self.tables() {
            write!(formatter, "{table}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::language::{Language, with_language};
    use crate::load::folder::tests::folder;
    use crate::load::load_folder;

    #[test]
    fn a_name_with_a_line_break_is_one_line_of_the_tables() {
        let root = folder(&["cat\nEVCXR_END_CONTENT/1.png", "dog/1.png", "dog/a\nb.txt"]);
        let read = load_folder(root.path(), [1, 1, 1]).unwrap();
        assert_eq!(read.dataset.info.classes[0], "cat\nEVCXR_END_CONTENT");
        let text = read.to_string();
        assert!(text.contains(r"cat\nEVCXR_END_CONTENT"), "{text}");
        assert!(
            text.contains(r"dog/a\nb.txt: this is not an image"),
            "{text}"
        );
    }

    #[test]
    fn the_tables_show_counts_and_reasons() {
        let root = folder(&["bear/1.png", "cat/1.png", "cat/2.png", "cat/a.txt"]);
        let read = load_folder(root.path(), [1, 1, 1]).unwrap();
        assert_eq!(
            read.to_string(),
            "Images per class\nclass  images\nbear        1\ncat         2\n\
             Left out\nfile: reason\n\
             cat/a.txt: this is not an image; PNG, JPEG, GIF, WebP and BMP files are read\n"
        );
        let html = read.html();
        assert!(html.contains(">Images per class<") && html.contains(">Left out<"));
        let japanese = with_language(Language::Japanese, || read.to_string());
        assert!(japanese.starts_with("クラスごとの画像\n"), "{japanese}");
    }

    #[test]
    fn a_long_list_of_what_was_left_out_is_cut() {
        let texts: Vec<String> = (0..23).map(|number| format!("cat/{number}.txt")).collect();
        let mut files = vec!["bear/1.png", "cat/1.png"];
        files.extend(texts.iter().map(String::as_str));
        let read = load_folder(folder(&files).path(), [1, 1, 1]).unwrap();
        assert_eq!(read.skipped.len(), 23);
        assert!(read.to_string().ends_with("\nand 3 more\n"), "{read}");
    }
}

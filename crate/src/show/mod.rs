//! How the values of each step become what a notebook shows: pictures, tables and sentences.
//!
//! One file for each step. The steps compute and know nothing of pictures; [`visualize`](crate::visualize)
//! draws and knows nothing of tensors; here the two meet.

mod define;
mod diagram;
mod evaluate;
mod explain;
mod live_curve;
mod load;
mod predict;
mod runs;
mod train;

use tch::{Device, Kind, Tensor};

pub use explain::show_filters;
pub use live_curve::LiveCurve;
pub use load::{show_class_counts, show_images};
pub use train::show_schedule;

use crate::error::{Error, Result};
use crate::language::translate;
use crate::load::Dataset;
use crate::visualize::Picture;

/// An image tensor as a picture: bytes `[1, C, H, W]` or `[C, H, W]`, with 1 or 3 channels.
///
/// # Errors
/// [`Error::Data`] for another kind or shape.
pub fn picture(image: &Tensor) -> Result<Picture> {
    let image = if image.dim() == 4 {
        image.f_squeeze_dim(0)?
    } else {
        image.shallow_clone()
    };
    let (&[channels, height, width], Kind::Uint8) = (&image.size()[..], image.kind()) else {
        return Err(Error::Data(format!(
            "a picture is made of bytes (Uint8) of shape [1, C, H, W]; this is {:?} of shape {:?}",
            image.kind(),
            image.size()
        )));
    };
    let interleaved = image
        .f_permute([1, 2, 0])?
        .f_contiguous()?
        .f_to(Device::Cpu)?;
    let pixels = Vec::<u8>::try_from(interleaved.f_flatten(0, -1)?)?;
    let (width, height) = (width as usize, height as usize);
    match channels {
        1 => Ok(Picture::grey(width, height, pixels)),
        3 => Ok(Picture::rgb(width, height, pixels)),
        _ => Err(Error::Data(format!(
            "a picture has 1 channel or 3; this has {channels}"
        ))),
    }
}

/// An image with its predicted class, marked as right or wrong; if wrong, with the true class.
fn answered(dataset: &Dataset, index: usize, answer: &str, probability: f64) -> Result<Picture> {
    let class = dataset.class(index)?;
    let right = answer == class;
    let mut caption = format!("{answer} {:.0} %", 100.0 * probability);
    if !right {
        caption += "\n";
        caption += &truth(class);
    }
    Ok(picture(&dataset.image(index)?)?
        .captioned(caption)
        .marked(right))
}

/// The true class, below a wrong prediction.
fn truth(class: &str) -> String {
    translate!("is {class}", "正解: {class}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::Evaluation;
    use crate::notebook::show::Show as _;
    use crate::train::History;

    #[test]
    fn a_colour_tensor_becomes_interleaved_pixels() {
        let planes = Tensor::from_slice(&[1u8, 4, 2, 5, 3, 6]).reshape([1, 3, 1, 2]);
        let picture = picture(&planes).unwrap();
        assert_eq!((picture.width, picture.height, picture.channels), (2, 1, 3));
        assert_eq!(picture.pixels, [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn what_is_no_image_is_an_error() {
        let bytes = |shape: &[i64]| Tensor::zeros(shape, (Kind::Uint8, Device::Cpu));
        assert!(picture(&bytes(&[2, 2])).is_err());
        assert!(
            picture(&bytes(&[2, 1, 2, 2])).is_err(),
            "a batch is no picture"
        );
        assert!(
            picture(&bytes(&[2, 2, 2])).is_err(),
            "two channels are no picture"
        );
        assert!(picture(&bytes(&[1, 2, 2]).to_kind(Kind::Float)).is_err());
    }

    #[test]
    fn figures_say_what_they_show() {
        let images = Tensor::from_slice(&[0u8, 255]).reshape([2, 1, 1, 1]);
        let labels = Tensor::from_slice(&[1i64, 0]);
        let dataset = Dataset::new(&images, &labels, &["day", "night"]).unwrap();
        let grid = dataset.show(&[0, 1]).unwrap();
        assert!(grid.alt_text().contains("night") && grid.alt_text().contains("day"));
        let counts = show_class_counts(&[("training", &dataset)]).unwrap();
        assert!(
            counts.alt_text().contains("training"),
            "{}",
            counts.alt_text()
        );
        assert!(dataset.show(&[2]).is_err());
        assert!(History::default().curves().is_err(), "no epoch, no curve");
        let shown = History::default().representations().unwrap();
        assert_eq!(shown, [("text/plain", "no epoch is over".to_string())]);
        let confusion =
            Evaluation::count(&["day".into(), "night".into()], &[0, 1, 1], &[0, 1, 0]).unwrap();
        assert!(
            confusion
                .show_confusion()
                .unwrap()
                .alt_text()
                .contains("66.7 %")
        );
    }
}

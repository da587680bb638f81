//! Edges: a picture that looks like an explanation but is not one.

use tch::{Kind, Tensor};

use super::{AttributionContext, Method};
use crate::error::Result;
use crate::language::translated;

/// The magnitude of the image's Sobel gradient at each pixel.
///
/// It does not depend on the network. Be careful with a method whose maps look like these; Adebayo
/// et al., arXiv 1810.03292, section 5, compare with an edge detector for the same reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Edges;

impl Method for Edges {
    fn name(&self) -> String {
        translated("Edges of the image", "画像のエッジ").into()
    }

    /// `[N, C, H, W]`, 0 or more.
    fn attribute(&self, context: &AttributionContext) -> Result<Tensor> {
        let images = context.images;
        let (count, channels, height, width) = images.size4()?;
        // Each channel by itself, as if it were an image; edges are continued past the border.
        let planes = images
            .f_reshape([count * channels, 1, height, width])?
            .f_replication_pad2d([1, 1, 1, 1])?;
        let horizontal = Tensor::f_from_slice(&[-1f32, 0.0, 1.0, -2.0, 0.0, 2.0, -1.0, 0.0, 1.0])?
            .f_reshape([1, 1, 3, 3])?
            .f_to(images.device())?;
        let kernels = Tensor::f_cat(&[&horizontal, &horizontal.f_transpose(2, 3)?], 0)?;
        let slopes = planes.f_conv2d::<Tensor>(&kernels, None, [1, 1], [0, 0], [1, 1], 1)?;
        Ok(slopes
            .f_square()?
            .f_sum_dim_intlist([1i64].as_slice(), true, Kind::Float)?
            .f_sqrt()?
            .f_reshape([count, channels, height, width])?)
    }
}

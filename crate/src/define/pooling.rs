//! Max-pooling: the largest value of each window.

use tch::{Kind, Tensor};

/// The side of a window, and the stride.
pub(super) const WINDOW: i64 = 2;

/// Max-pooling with windows of 2×2 side by side, from `[N, C, H, W]` to `[N, C, H/2, W/2]`; an odd
/// last row or column is left out. The numbers are those of `max_pool2d`, bit for bit.
///
/// libtorch also stores the position of each largest value, which only training needs, and is slow for
/// small images. Without gradients, the maximum of two rows and then of two columns gives the same result in
/// a tenth of the time. Images in oneDNN's layout ([`ForwardPass::to_mkldnn`](super::ForwardPass::to_mkldnn))
/// are returned in the usual one; oneDNN ignores NaN.
///
/// ```
/// use gasshuku::prelude::*;
/// let image = Tensor::from_slice(&[1f32, 7.0, 2.0, 5.0, 3.0, 4.0, 0.0, 9.0]).view([1, 1, 2, 4]);
/// let expected = Tensor::from_slice(&[7f32, 9.0]).view([1, 1, 1, 2]);
/// assert_eq!(gasshuku::define::max_pool(&image), expected);
/// ```
pub fn max_pool(images: &Tensor) -> Tensor {
    if images.is_mkldnn() {
        let size = [WINDOW, WINDOW];
        let pooled = images.mkldnn_max_pool2d(size, size, [0, 0], [1, 1], false);
        return pooled.to_dense(None::<Kind>, false);
    }
    if images.requires_grad() {
        return images.max_pool2d_default(WINDOW);
    }
    maximum_of_pairs(&maximum_of_pairs(images, 2), 3)
}

fn maximum_of_pairs(images: &Tensor, dimension: i64) -> Tensor {
    let end = images.size()[dimension as usize] / 2 * 2;
    let every_second = |start| images.slice(dimension, start, end, 2);
    every_second(0).maximum(&every_second(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn with_and_without_gradients_it_is_libtorchs() {
        for (height, width) in [(24, 24), (2, 2), (5, 9), (10, 3)] {
            let images = Tensor::randn([3, 2, height, width], (Kind::Float, Device::Cpu));
            let expected = images.max_pool2d_default(2);
            assert_eq!(max_pool(&images), expected);
            let tracked = images.set_requires_grad(true);
            assert_eq!(max_pool(&tracked), expected);
            assert!(max_pool(&tracked).requires_grad());
        }
    }

    #[test]
    fn nan_stays_nan() {
        let images = Tensor::from_slice(&[1f32, f32::NAN, 3.0, 4.0]).view([1, 1, 2, 2]);
        assert!(max_pool(&images).double_value(&[0, 0, 0, 0]).is_nan());
    }
}

//! Comparing the tensors that attempts give, and images to try attempts on.

use tch::{Device, Kind, Tensor};

use super::cases::Checked;
use crate::device::on_cpu_as_double;

/// A shape as the notebooks write it.
pub(super) fn shape(tensor: &Tensor) -> String {
    sizes(&tensor.size())
}

/// The sizes of a shape as the notebooks write them.
pub(super) fn sizes(sizes: &[i64]) -> String {
    let sizes: Vec<String> = sizes.iter().map(ToString::to_string).collect();
    sizes.join(" × ")
}

/// `count` images `[count, 1, 28, 28]` whose every pixel differs, with values as after normalisation.
/// They are always the same; `first` is the number of the first of them.
pub(super) fn images(first: i64, count: i64) -> Checked<Tensor> {
    let pixels = 28 * 28;
    let numbers = Tensor::f_arange(count * pixels, (Kind::Float, Device::Cpu))? + first * pixels;
    Ok((numbers.square() * 0.37).sin().reshape([count, 1, 28, 28]))
}

/// Whether two tensors have the same shape and, up to rounding, the same numbers.
///
/// Float32 sums of a few thousand terms differ in the sixth digit when their order does.
pub(super) fn close(left: &Tensor, right: &Tensor) -> bool {
    if left.size() != right.size() || left.numel() == 0 {
        return left.size() == right.size();
    }
    let (Ok(left), Ok(right)) = (on_cpu_as_double(left), on_cpu_as_double(right)) else {
        return false;
    };
    // NaN is close to nothing.
    largest(&(&left - &right)) <= 1e-4 * largest(&right).max(1e-12)
}

/// Whether every number of a tensor is 0.
pub(super) fn is_zero(tensor: &Tensor) -> bool {
    largest(tensor) == 0.0
}

fn largest(tensor: &Tensor) -> f64 {
    tensor.abs().max().double_value(&[])
}

/// The number r of `left` = r · `right`, if there is one.
pub(super) fn ratio(left: &Tensor, right: &Tensor) -> Option<f64> {
    if left.size() != right.size() {
        return None;
    }
    let left = on_cpu_as_double(left).ok()?;
    let right = on_cpu_as_double(right).ok()?;
    let product = (&left * &right).sum(Kind::Double).double_value(&[]);
    let square = right.square().sum(Kind::Double).double_value(&[]);
    let ratio = product / square;
    (ratio.is_finite() && close(&left, &(&right * ratio))).then_some(ratio)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_is_relative_and_nan_is_far() {
        let numbers = |values: &[f32]| Tensor::from_slice(values);
        assert!(close(&numbers(&[1000.01, 1.0]), &numbers(&[1000.0, 1.0])));
        assert!(!close(&numbers(&[1001.0, 1.0]), &numbers(&[1000.0, 1.0])));
        assert!(!close(&numbers(&[f32::NAN]), &numbers(&[1.0])));
        assert!(!close(&numbers(&[1.0]), &numbers(&[1.0, 1.0])));
        assert!(close(&numbers(&[0.0]), &numbers(&[0.0])));
    }

    #[test]
    fn the_ratio_is_that_of_every_number() {
        let numbers = |values: &[f32]| Tensor::from_slice(values);
        let found = ratio(&numbers(&[-2.0, 4.0]), &numbers(&[1.0, -2.0])).expect("−2");
        assert!((found + 2.0).abs() < 1e-6);
        assert!(ratio(&numbers(&[1.0, 2.0]), &numbers(&[2.0, 1.0])).is_none());
        assert!(ratio(&numbers(&[1.0]), &numbers(&[0.0])).is_none());
    }

    #[test]
    fn images_go_on_where_the_ones_before_them_end() {
        let (Ok(both), Ok(second)) = (images(0, 2), images(1, 1)) else {
            panic!("no images");
        };
        assert_eq!(both.size(), [2, 1, 28, 28]);
        assert_eq!(both.narrow(0, 1, 1), second);
        assert_ne!(both.narrow(0, 0, 1), second);
    }
}

//! How a notebook shows a tensor: its numbers, or those in the corners of a large one, shape and kind.

use tch::{Device, Kind, Tensor};

use super::show::{Representations, Show};
use crate::error::Result;
use crate::notebook::panics::catch;

/// As `println!("{tensor}")` writes it, like PyTorch: four decimals, and of more than 1,000 numbers only
/// the first and last three along each axis. The device is added unless it is the CPU.
impl Show for Tensor {
    fn representations(&self) -> Result<Representations> {
        Ok(vec![("text/plain", text(self))])
    }
}

fn text(tensor: &Tensor) -> String {
    if !tensor.defined() {
        return format!("{tensor}");
    }
    let written = printable(tensor).map(|tensor| catch(|| format!("{tensor}")));
    let text = match written {
        Ok(Ok(text)) => text,
        _ => format!("Tensor[{:?}, {:?}]", tensor.size(), tensor.f_kind()),
    };
    match (tensor.device(), text.strip_suffix(']')) {
        (Device::Cpu, _) | (_, None) => text,
        (device, Some(start)) => format!("{start}, {device:?}]"),
    }
}

/// The same numbers in a kind and layout that tch can write. tch panics at others, and after that at every
/// tensor.
fn printable(tensor: &Tensor) -> Result<Tensor> {
    let mut dense = tensor.f_detach()?.f_to(Device::Cpu)?;
    if dense.is_sparse() || dense.is_mkldnn() {
        dense = dense.f_to_dense(None, false)?;
    }
    Ok(match dense.f_kind()? {
        Kind::QInt8 | Kind::QUInt8 | Kind::QInt32 => dense.f_dequantize()?,
        Kind::Float8e5m2 | Kind::Float8e4m3fn | Kind::Float8e5m2fnuz | Kind::Float8e4m3fnuz => {
            dense.f_to_kind(Kind::Float)?
        }
        _ => dense,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);

    #[test]
    fn numbers_are_written_as_pytorch_writes_them() {
        let text = |tensor: Tensor| text(&tensor);
        let whole = Tensor::from_slice(&[1.0, -2.0, 30.0]);
        assert_eq!(text(whole), "[ 1., -2., 30.]\nTensor[[3], Double]");
        let halves = Tensor::from_slice2(&[[0.5f32, 1.0], [2.25, -3.0]]);
        assert_eq!(
            text(halves),
            "[[ 0.5000,  1.0000],\n [ 2.2500, -3.0000]]\nTensor[[2, 2], Float]"
        );
        let odd = Tensor::from_slice(&[f64::NAN, f64::NEG_INFINITY, 0.5]);
        assert_eq!(text(odd), "[   NaN,   -inf, 0.5000]\nTensor[[3], Double]");
        assert_eq!(text(Tensor::from(7i64)), "[7]\nTensor[[], Int64]");
        let bools = Tensor::from_slice(&[true, false]);
        assert_eq!(text(bools), "[true , false]\nTensor[[2], Bool]");
    }

    #[test]
    fn of_a_large_tensor_the_corners_are_shown() {
        let large = Tensor::arange(1_000_000, (Kind::Int64, Device::Cpu)).view([1000, 1000]);
        let expected = "\
[[     0,      1,      2, ...,    997,    998,    999],
 [  1000,   1001,   1002, ...,   1997,   1998,   1999],
 [  2000,   2001,   2002, ...,   2997,   2998,   2999],
 ...
 [997000, 997001, 997002, ..., 997997, 997998, 997999],
 [998000, 998001, 998002, ..., 998997, 998998, 998999],
 [999000, 999001, 999002, ..., 999997, 999998, 999999]]
Tensor[[1000, 1000], Int64]";
        assert_eq!(text(&large), expected);
        let images = Tensor::zeros([60_000, 1, 28, 28], (Kind::Uint8, Device::Cpu));
        // Six images of seven lines, a line of dots, and one for shape and kind.
        assert_eq!(text(&images).lines().count(), 6 * 7 + 2);
    }

    #[test]
    fn every_tensor_can_be_shown() {
        let numbers = Tensor::from_slice(&[0f32, 2.0]);
        let shown = "[0., 2.]\nTensor[[2], Float]";
        assert_eq!(text(&numbers.set_requires_grad(true)), shown);
        let numbers = numbers.detach();
        assert_eq!(text(&numbers.to_sparse(None, None::<i64>, 0)), shown);
        assert_eq!(text(&numbers.to_mkldnn()), shown);
        assert_eq!(text(&numbers.to_kind(Kind::Float8e5m2)), shown);
        let half = numbers.to_kind(Kind::Half);
        assert_eq!(text(&half), "[0., 2.]\nTensor[[2], Half]");
        let complex = numbers.to_kind(Kind::ComplexFloat);
        assert_eq!(text(&complex), "Tensor[[2], ComplexFloat]");
        assert_eq!(
            text(&Tensor::zeros([0, 3], FLOAT)),
            "[]\nTensor[[0, 3], Float]"
        );
        assert_eq!(text(&Tensor::new()), "Tensor[Undefined]");
        assert_eq!(text(&numbers), shown, "tch can still write tensors");
    }
}

//! How gradients become new weights: SGD, Adam, AdamW.
//!
//! libtorch has them too, but tch gives no access to their state, which a checkpoint needs. All parameters
//! are treated as one long vector: a few operations a step instead of a dozen for each tensor.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::schedule::StepRates;
use crate::define::Model;
use crate::error::{Error, Result};
use crate::state_dict::StateDict;

/// The rule that turns gradients into new weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Optimizer {
    /// Stochastic gradient descent with momentum: b ← μ b + g, θ ← θ − η b (Sutskever et al.,
    /// ICML 2013, in PyTorch's form). Weight decay λ adds λ θ to the gradient.
    Sgd,
    /// Adam (Kingma, Ba, arXiv 1412.6980, algorithm 1) with β₁ the momentum, β₂ = 0.999,
    /// ε = 1e-8. Weight decay λ adds λ θ to the gradient.
    #[default]
    Adam,
    /// Adam with weight decay apart from the gradient: θ ← θ − η λ θ (Loshchilov, Hutter,
    /// arXiv 1711.05101, algorithm 2).
    AdamW,
}

const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// The weights and the optimizer's state.
#[derive(Debug)]
pub struct OptimizerState {
    optimizer: Optimizer,
    weight_decay: f64,
    parameters: Vec<Tensor>,
    steps: i64,
    /// Running mean of the gradients (of SGD: the momentum buffer), `[P]`.
    first_moment: Tensor,
    /// Running mean of the squared gradients, `[P]`.
    second_moment: Tensor,
}

impl OptimizerState {
    /// A new optimizer for these parameters, which must all require gradients.
    ///
    /// # Errors
    /// [`Error::Torch`] if there are no parameters.
    pub fn new(
        optimizer: Optimizer,
        weight_decay: f64,
        parameters: Vec<Tensor>,
    ) -> Result<OptimizerState> {
        let zeros = flatten(&parameters)?.zeros_like();
        Ok(OptimizerState {
            optimizer,
            weight_decay,
            parameters,
            steps: 0,
            first_moment: zeros.copy(),
            second_moment: zeros,
        })
    }

    /// One step down the gradient of the loss, a tensor of one number.
    ///
    /// # Errors
    /// [`Error::Torch`] if the loss does not come from a computation with the parameters.
    pub fn step(&mut self, loss: &Tensor, rates: StepRates) -> Result<()> {
        let gradient = gradient(loss, &self.parameters)?;
        self.apply(gradient, rates)
    }

    /// One step, given the gradient of all parameters, `[P]`.
    pub(crate) fn apply(&mut self, mut gradient: Tensor, rates: StepRates) -> Result<()> {
        let _no_gradients = tch::no_grad_guard();
        if self.weight_decay > 0.0 && self.optimizer != Optimizer::AdamW {
            gradient += flatten(&self.parameters)? * self.weight_decay;
        }
        self.steps += 1;
        let change = match self.optimizer {
            Optimizer::Sgd => self.sgd(&gradient, rates)?,
            Optimizer::Adam | Optimizer::AdamW => self.adam(&gradient, rates)?,
        };
        self.add_to_parameters(&change, rates.learning_rate)
    }

    fn sgd(&mut self, gradient: &Tensor, rates: StepRates) -> Result<Tensor> {
        let _ = self
            .first_moment
            .f_mul_scalar_(rates.momentum)?
            .f_add_(gradient)?;
        Ok(&self.first_moment * -rates.learning_rate)
    }

    /// −η m̂ / (√v̂ + ε). Both bias corrections are applied to numbers instead of vectors, because each
    /// operation on vectors reads all weights.
    fn adam(&mut self, gradient: &Tensor, rates: StepRates) -> Result<Tensor> {
        let beta1 = rates.momentum;
        let _ = self.first_moment.f_lerp_(gradient, 1.0 - beta1)?;
        let _ = self
            .second_moment
            .f_lerp_(&gradient.f_square()?, 1.0 - BETA2)?;
        let correction1 = 1.0 - beta1.powi(self.steps as i32);
        let correction2 = (1.0 - BETA2.powi(self.steps as i32)).sqrt();
        let mut denominator = self.second_moment.f_sqrt()?;
        let _ = denominator.f_add_scalar_(EPSILON * correction2)?;
        let mut change = self.first_moment.f_div(&denominator)?;
        let _ = change.f_mul_scalar_(-rates.learning_rate * correction2 / correction1)?;
        Ok(change)
    }

    fn add_to_parameters(&mut self, change: &Tensor, learning_rate: f64) -> Result<()> {
        let shrink = match self.optimizer {
            Optimizer::AdamW => 1.0 - learning_rate * self.weight_decay,
            _ => 1.0,
        };
        let counts: Vec<i64> = self.parameters.iter().map(|p| p.numel() as i64).collect();
        let parts = change.f_split_with_sizes(&counts[..], 0)?;
        for (parameter, part) in self.parameters.iter_mut().zip(parts) {
            if shrink != 1.0 {
                let _ = parameter.f_mul_scalar_(shrink)?;
            }
            let _ = parameter.f_add_(&part.f_view_as(parameter)?)?;
        }
        Ok(())
    }

    /// The state for a checkpoint.
    pub(crate) fn tensors(&self) -> BTreeMap<String, Tensor> {
        BTreeMap::from([
            ("steps".into(), Tensor::from_slice(&[self.steps])),
            ("first_moment".into(), self.first_moment.shallow_clone()),
            ("second_moment".into(), self.second_moment.shallow_clone()),
        ])
    }

    /// Restores the state from a checkpoint.
    pub(crate) fn restore(&mut self, tensors: &BTreeMap<String, Tensor>) -> Result<()> {
        let find = |name: &str, like: &Tensor| match tensors.get(name) {
            Some(tensor) if tensor.size() == like.size() => Ok(tensor.shallow_clone()),
            _ => Err(Error::Data(format!(
                "the optimizer's {name} is missing or of another size"
            ))),
        };
        let steps = find("steps", &Tensor::from_slice(&[0i64]))?;
        let first_moment = find("first_moment", &self.first_moment)?;
        let second_moment = find("second_moment", &self.second_moment)?;
        self.steps = steps.int64_value(&[0]);
        self.first_moment.f_copy_(&first_moment)?;
        self.second_moment.f_copy_(&second_moment)?;
        Ok(())
    }
}

fn flatten(tensors: &[Tensor]) -> Result<Tensor> {
    let flat: Vec<Tensor> = tensors
        .iter()
        .map(|tensor| tensor.detach().flatten(0, -1))
        .collect();
    Ok(Tensor::f_cat(&flat, 0)?)
}

/// The trainable weights, sorted by name, so that a checkpoint's vectors keep their order.
///
/// # Errors
/// [`Error::Data`] if there are none.
pub(super) fn trainable_parameters(model: &dyn Model) -> Result<Vec<Tensor>> {
    let named = StateDict::of(model.variables()).tensors;
    let parameters: Vec<Tensor> = named.into_values().filter(Tensor::requires_grad).collect();
    if parameters.is_empty() {
        return Err(Error::Data(
            "the model has no weights to train; are its layers made from its `variables`?".into(),
        ));
    }
    Ok(parameters)
}

/// The gradient of a loss with respect to all parameters, one after the other, `[P]`. A parameter
/// that the loss does not depend on has none; it counts as zero.
///
/// # Errors
/// [`Error::Torch`] if the loss does not come from a computation with the parameters.
pub(crate) fn gradient(loss: &Tensor, parameters: &[Tensor]) -> Result<Tensor> {
    let found = Tensor::f_run_backward(&[loss], parameters, false, false)?;
    let gradients: Vec<Tensor> = found
        .into_iter()
        .zip(parameters)
        .map(|(gradient, parameter)| {
            if gradient.defined() {
                gradient
            } else {
                parameter.zeros_like()
            }
        })
        .collect();
    flatten(&gradients)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_parameter(value: f32) -> Tensor {
        Tensor::from_slice(&[value]).set_requires_grad(true)
    }

    fn rates(learning_rate: f64, momentum: f64) -> StepRates {
        StepRates {
            learning_rate,
            momentum,
        }
    }

    #[test]
    fn sgd_with_momentum_by_hand() {
        // loss = θ²/2, so the gradient is θ. θ₀ = 1, η = 0.1, μ = 0.5:
        // b = 1, θ = 0.9; b = 0.5 + 0.9 = 1.4, θ = 0.76.
        let parameter = one_parameter(1.0);
        let mut state =
            OptimizerState::new(Optimizer::Sgd, 0.0, vec![parameter.shallow_clone()]).unwrap();
        for expected in [0.9, 0.76] {
            let loss = (parameter.square() / 2.0).sum(tch::Kind::Float);
            state.step(&loss, rates(0.1, 0.5)).unwrap();
            assert!((parameter.double_value(&[0]) - expected).abs() < 1e-6);
        }
    }

    #[test]
    fn adams_first_step_is_the_learning_rate_whatever_the_gradient() {
        for gradient in [1e-3, 7.0, -250.0] {
            let parameter = one_parameter(2.0);
            let mut state =
                OptimizerState::new(Optimizer::Adam, 0.0, vec![parameter.shallow_clone()]).unwrap();
            let loss = (&parameter * gradient).sum(tch::Kind::Float);
            state.step(&loss, rates(0.01, 0.9)).unwrap();
            let expected = 2.0 - 0.01 * f64::signum(gradient);
            assert!((parameter.double_value(&[0]) - expected).abs() < 1e-5);
        }
    }

    #[test]
    fn a_parameter_outside_the_loss_stays_as_it_is() {
        let (used, unused) = (one_parameter(1.0), one_parameter(3.0));
        let parameters = vec![used.shallow_clone(), unused.shallow_clone()];
        let mut state = OptimizerState::new(Optimizer::Sgd, 0.0, parameters).unwrap();
        state
            .step(&used.sum(tch::Kind::Float), rates(0.5, 0.0))
            .unwrap();
        assert_eq!(used.double_value(&[0]), 0.5);
        assert_eq!(unused.double_value(&[0]), 3.0);
    }
}

//! A network run backwards: a picture for which it would answer one class and no other.

use wgrad::{Activation, Mlp};

/// The outputs wanted of the class, and of the others.
const WANTED: f64 = 0.99;
const OTHERS: f64 = 0.01;

/// Refuses a network that cannot be run backwards.
pub fn check(mlp: &Mlp) -> Result<(), String> {
    match mlp.layers().iter().find(|layer| inverse(layer.activation).is_none()) {
        Some(layer) => Err(format!(
            "--backquery runs the layers backwards, and {} cannot be: add --activation sigmoid, or --notebook",
            layer.activation
        )),
        None => Ok(()),
    }
}

/// The inverse of an activation, for outputs between 0 and 1. A relu has none; that of others is not defined for all of
/// these, or leads far away.
fn inverse(activation: Activation) -> Option<fn(f64) -> f64> {
    match activation {
        Activation::Identity => Some(|y| y),
        // Of a softmax these are inputs, too: with any constant added to a row it gives the same.
        Activation::Sigmoid | Activation::Softmax => Some(logit),
        _ => None,
    }
}

/// Runs the layers backwards from the outputs wanted for `class`. Returns the input, scaled to 0…255. The network has no
/// bias.
///
/// A linear layer is not inverted but transposed: where it gives `x · w`, its input becomes `w · y`, rescaled to 0.01…0.99 so
/// that the next inverse is defined.
pub fn backquery(mlp: &Mlp, parameters: &[f32], class: usize) -> Result<Vec<u8>, String> {
    check(mlp)?;
    let mut signal = (0..mlp.output_width()).map(|i| if i == class { WANTED } else { OTHERS }).collect::<Vec<_>>();
    let mut weights = parameters;
    for layer in mlp.layers().iter().rev() {
        // This layer's weights are the last ones left.
        let first =
            weights.len().checked_sub(layer.inputs * layer.outputs).ok_or("the network has other parameters")?;
        let (left, layer_weights) = weights.split_at(first);
        weights = left;
        if let Some(inverse) = inverse(layer.activation) {
            signal.iter_mut().for_each(|y| *y = inverse(*y));
        }
        // One row of weights per input.
        let rows = layer_weights.chunks_exact(layer.outputs);
        signal = rows.map(|row| row.iter().zip(&signal).map(|(&w, y)| f64::from(w) * y).sum()).collect();
        rescale(&mut signal);
    }
    if !weights.is_empty() {
        return Err("the network has other parameters".to_owned());
    }
    Ok(signal.iter().map(|x| ((x - OTHERS) / (WANTED - OTHERS) * 255.0).round() as u8).collect())
}

/// The inverse of the sigmoid.
fn logit(y: f64) -> f64 {
    (y / (1.0 - y)).ln()
}

/// Shifts and scales values to the range 0.01 to 0.99. Values that are all equal become the middle.
fn rescale(values: &mut [f64]) {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    for value in values {
        let fraction = if high > low { (*value - low) / (high - low) } else { 0.5 };
        *value = OTHERS + (WANTED - OTHERS) * fraction;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inputs_that_lead_to_the_class_are_light() {
        let weights = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0]; // input 0 leads to class 0, input 1 to class 1
        assert_eq!(backquery(&Mlp::widths(&[3, 2]), &weights, 0), Ok(vec![255, 0, 128]));
        assert_eq!(backquery(&Mlp::widths(&[3, 2]), &weights, 1), Ok(vec![0, 255, 128]));
    }

    #[test]
    fn goes_through_all_layers() {
        // Input 0 to the hidden 0 and 1, input 1 to the hidden 2; hidden 0 and 1 to class 1.
        let first = [1.0, 1.0, 0.0, 0.0, 0.0, 1.0];
        let second = [0.0, 1.0, 0.0, 1.0, 1.0, 0.0];
        let parameters = [first, second].concat();
        assert_eq!(backquery(&Mlp::widths(&[2, 3, 2]), &parameters, 1), Ok(vec![255, 0]));
        assert_eq!(backquery(&Mlp::widths(&[2, 3, 2]), &parameters, 0), Ok(vec![0, 255]));
    }

    #[test]
    fn equal_values_become_grey() {
        assert_eq!(backquery(&Mlp::widths(&[2, 2]), &[0.0; 4], 0), Ok(vec![128, 128]));
    }

    #[test]
    fn refuses_parameters_of_another_network() {
        for count in [0, 3, 5] {
            assert!(backquery(&Mlp::widths(&[2, 2]), &vec![0.0; count], 0).is_err(), "{count}");
        }
    }

    #[test]
    fn a_softmax_at_the_end_has_an_inverse_and_a_relu_has_none() {
        let weights = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0];
        let softmax = Mlp::inputs(3).linear(2).softmax();
        assert_eq!(backquery(&softmax, &weights, 0), Ok(vec![255, 0, 128]));
        let relu = Mlp::inputs(3).linear(3).relu().linear(2).softmax();
        let error = backquery(&relu, &[0.0; 15], 0).expect_err("a relu");
        assert!(error.contains("relu cannot be: add --activation sigmoid"), "{error}");
    }
}

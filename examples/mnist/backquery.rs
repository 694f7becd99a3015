//! A network run backwards: what would a picture look like for which it says one class, and no other?

use wgrad::{LayerKind, Mlp};

/// What the last layer is to give.
const WANTED: f64 = 0.99;
const OTHERS: f64 = 0.01;

/// The input that the network's layers, each turned round, make of the outputs wanted for `class`; its lowest number 0,
/// its highest 255.
///
/// A sigmoid turned round is the logit. A linear layer is not turned round but transposed: its inputs get `w · y`, where
/// it gives `x · w`, and are rescaled to 0.01…0.99, so that the logit below can take them.
pub fn backquery(mlp: &Mlp, parameters: &[f32], class: usize) -> Result<Vec<u8>, String> {
    let mut signal = (0..mlp.output_width()).map(|i| if i == class { WANTED } else { OTHERS }).collect::<Vec<_>>();
    for (layer, range) in mlp.layers().iter().zip(mlp.parameter_ranges()).rev() {
        match *layer {
            LayerKind::Sigmoid { .. } => signal.iter_mut().for_each(|y| *y = logit(*y)),
            LayerKind::Linear { inputs, outputs, .. } => {
                let weights = parameters.get(range).ok_or("the network has other parameters")?;
                // A row of weights an input; a bias would be one row more, and does not depend on the input.
                let rows = weights.chunks_exact(outputs).take(inputs);
                signal = rows.map(|row| row.iter().zip(&signal).map(|(&w, y)| f64::from(w) * y).sum()).collect();
                rescale(&mut signal);
            }
            _ => return Err(format!("no way is known back through {layer:?}")),
        }
    }
    rescale(&mut signal);
    Ok(signal.iter().map(|x| ((x - OTHERS) / (WANTED - OTHERS) * 255.0).round() as u8).collect())
}

/// The inverse of the sigmoid.
fn logit(y: f64) -> f64 {
    (y / (1.0 - y)).ln()
}

/// Shifts and scales numbers so that they reach from 0.01 to 0.99. Numbers that are all the same become the middle.
fn rescale(numbers: &mut [f64]) {
    let low = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let high = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    for number in numbers {
        let share = if high > low { (*number - low) / (high - low) } else { 0.5 };
        *number = OTHERS + (WANTED - OTHERS) * share;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_lights_the_inputs_that_lead_to_it() {
        let mlp = Mlp::inputs(3).linear(2).sigmoid();
        let weights = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0]; // input 0 leads to class 0, input 1 to class 1
        assert_eq!(backquery(&mlp, &weights, 0), Ok(vec![255, 0, 128]));
        assert_eq!(backquery(&mlp, &weights, 1), Ok(vec![0, 255, 128]));
    }

    #[test]
    fn goes_through_all_layers_and_past_a_bias() {
        let mlp = Mlp::inputs(2).linear(3).bias().sigmoid().linear(2).sigmoid();
        // Input 0 to the hidden 0 and 1, input 1 to the hidden 2, with any bias; hidden 0 and 1 to class 1.
        let first = [1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 7.0, -7.0, 7.0];
        let second = [0.0, 1.0, 0.0, 1.0, 1.0, 0.0];
        let parameters = [&first[..], &second[..]].concat();
        assert_eq!(backquery(&mlp, &parameters, 1), Ok(vec![255, 0]));
        assert_eq!(backquery(&mlp, &parameters, 0), Ok(vec![0, 255]));
    }

    #[test]
    fn numbers_that_are_all_the_same_become_grey() {
        assert_eq!(backquery(&Mlp::inputs(2).linear(2).sigmoid(), &[0.0; 4], 0), Ok(vec![128, 128]));
    }

    #[test]
    fn refuses_parameters_of_another_network() {
        assert!(backquery(&Mlp::inputs(2).linear(2).sigmoid(), &[0.0; 3], 0).is_err());
    }
}

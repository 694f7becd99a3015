//! A network run backwards: what would a picture look like for which it says one class, and no other?

/// What the last layer is to give.
const WANTED: f64 = 0.99;
const OTHERS: f64 = 0.01;

/// The input that the network's layers, each turned round, make of the outputs wanted for `class`; its lowest number 0,
/// its highest 255. The network has these widths, no bias, and a sigmoid after each linear layer.
///
/// A sigmoid turned round is the logit. A linear layer is not turned round but transposed: its inputs get `w · y`, where
/// it gives `x · w`, and are rescaled to 0.01…0.99, so that the logit below can take them.
pub fn backquery(widths: &[usize], parameters: &[f32], class: usize) -> Result<Vec<u8>, String> {
    let outputs = widths.last().copied().unwrap_or(0);
    let mut signal = (0..outputs).map(|i| if i == class { WANTED } else { OTHERS }).collect::<Vec<_>>();
    let mut weights = parameters;
    for layer in widths.windows(2).rev() {
        // The last layer's weights are the last of those left.
        let first = weights.len().checked_sub(layer[0] * layer[1]).ok_or("the network has other parameters")?;
        let (left, of_layer) = weights.split_at(first);
        weights = left;
        signal.iter_mut().for_each(|y| *y = logit(*y));
        // A row of weights per input.
        let rows = of_layer.chunks_exact(layer[1]);
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
        let weights = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0]; // input 0 leads to class 0, input 1 to class 1
        assert_eq!(backquery(&[3, 2], &weights, 0), Ok(vec![255, 0, 128]));
        assert_eq!(backquery(&[3, 2], &weights, 1), Ok(vec![0, 255, 128]));
    }

    #[test]
    fn goes_through_all_layers() {
        // Input 0 to the hidden 0 and 1, input 1 to the hidden 2; hidden 0 and 1 to class 1.
        let first = [1.0, 1.0, 0.0, 0.0, 0.0, 1.0];
        let second = [0.0, 1.0, 0.0, 1.0, 1.0, 0.0];
        let parameters = [first, second].concat();
        assert_eq!(backquery(&[2, 3, 2], &parameters, 1), Ok(vec![255, 0]));
        assert_eq!(backquery(&[2, 3, 2], &parameters, 0), Ok(vec![0, 255]));
    }

    #[test]
    fn numbers_that_are_all_the_same_become_grey() {
        assert_eq!(backquery(&[2, 2], &[0.0; 4], 0), Ok(vec![128, 128]));
    }

    #[test]
    fn refuses_parameters_of_another_network() {
        for count in [0, 3, 5] {
            assert!(backquery(&[2, 2], &vec![0.0; count], 0).is_err(), "{count}");
        }
    }
}

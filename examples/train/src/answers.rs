//! A network's answers as CSV.

use std::io::{self, Write};

use wgrad::{Network, class_of};

use crate::scaling::{Answers, Scaling};

/// The most rows per call of the network, and the most values that they may have in any layer.
const ROWS_AT_A_TIME: usize = 1_024;
const VALUES_AT_A_TIME: usize = 1 << 22;

/// The network's outputs for rows of inputs.
///
/// The library chooses its kernels by the number of rows, and each may sum in another order. Here the number of rows is
/// always the same, padded with zeros, so that a row's outputs have the same bits whatever the other rows are.
pub fn outputs_of(network: &Network, inputs: &[f32]) -> wgrad::Result<Vec<f32>> {
    let (width, answers) = (network.mlp().input_width(), network.mlp().output_width());
    let widest = network.mlp().layers().iter().map(|layer| layer.outputs).fold(width, usize::max);
    let rows = (VALUES_AT_A_TIME / widest).clamp(1, ROWS_AT_A_TIME);
    let mut outputs = Vec::with_capacity(inputs.len() / width * answers);
    for inputs in inputs.chunks(rows * width) {
        let mut padded = inputs.to_vec();
        padded.resize(rows * width, 0.0);
        outputs.extend_from_slice(&network.predict(&padded)?[..inputs.len() / width * answers]);
    }
    Ok(outputs)
}

/// Writes a header and one line per row: a class and the output for each class, which is its probability p if the network
/// ends with a softmax; or a number.
pub fn write(scaling: &Scaling, are_probabilities: bool, outputs: &[f32], to: impl Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(to);
    // By `io::Error::from` a closed pipe would be any error.
    let mut write_line = |fields: Vec<String>| {
        writer.write_record(fields).map_err(|error| match error.into_kind() {
            csv::ErrorKind::Io(error) => error,
            other => io::Error::other(format!("{other:?}")),
        })
    };
    let name = scaling.target.name.clone();
    match &scaling.target.answers {
        Answers::Classes(classes) => {
            let output = if are_probabilities { "p" } else { "output" };
            write_line([name].into_iter().chain(classes.iter().map(|class| format!("{output}({class})"))).collect())?;
            for outputs in outputs.chunks_exact(classes.len()) {
                let answer = classes[class_of(outputs)].clone();
                write_line([answer].into_iter().chain(outputs.iter().map(f32::to_string)).collect())?;
            }
        }
        Answers::Numbers(units) => {
            write_line(vec![name])?;
            for &output in outputs {
                write_line(vec![rounded(units.number_of(output), units.resolution())])?;
            }
        }
    }
    writer.flush()?;
    Ok(())
}

/// A number without the digits below `resolution`.
fn rounded(number: f64, resolution: f64) -> String {
    let decimals = if resolution > 0.0 { (-resolution.log10()).ceil().clamp(0.0, 300.0) as usize } else { 0 };
    let text = format!("{number:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use crate::problem::Missing;
    use crate::scaling::{Target, Units};

    use super::*;

    fn written(name: &str, answers: Answers, outputs: &[f32]) -> String {
        let scaling = Scaling {
            named: true,
            missing: Missing::default(),
            inputs: Vec::new(),
            target: Target { name: name.to_owned(), answers },
        };
        let mut text = Vec::new();
        write(&scaling, true, outputs, &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn classes_are_written_with_their_outputs_and_quoted_where_needed() {
        let classes = ["plain", "with, comma", "with \"quote\""].map(str::to_owned).to_vec();
        let text = written("a kind", Answers::Classes(classes), &[0.9, 0.5, 0.25, 0.0625, 0.5, 0.125]);
        let expected = "a kind,p(plain),\"p(with, comma)\",\"p(with \"\"quote\"\")\"\nplain,0.9,0.5,0.25\n\"with, comma\",0.0625,0.5,0.125\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn numbers_are_in_their_own_units() {
        let text = written("price", Answers::Numbers(Units::Range { low: 100.0, high: 300.0 }), &[0.01, 0.5, 0.99]);
        assert_eq!(text, "price\n100\n200\n300\n");
        let standard = Units::Standard { mean: 200.0, deviation: 50.0 };
        assert_eq!(written("price", Answers::Numbers(standard), &[-2.0, 0.0, 4.0]), "price\n100\n200\n400\n");
        // Seconds since 1970: an f32 of them would be 64 off.
        let seconds = Units::Standard { mean: 1_700_000_049.75, deviation: 28.0 };
        assert_eq!(written("t", Answers::Numbers(seconds), &[0.0, 0.5]), "t\n1700000049.75\n1700000063.75\n");
    }

    #[test]
    fn numbers_have_the_digits_that_mean_something() {
        for (number, resolution, text) in [
            (0.1 + 0.2, 1e-7, "0.3"),
            (-0.000_000_01, 1e-7, "0"),
            (1_234.567_89, 0.5, "1234.6"),
            (120_000.0, 1e3, "120000"),
            (1.25e-12, 1e-19, "0.00000000000125"),
        ] {
            assert_eq!(rounded(number, resolution), text);
        }
    }
}

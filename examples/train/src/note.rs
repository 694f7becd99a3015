//! The scaling as a note in the network's file: JSON whose numbers are read back with the same bits.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use wgrad::{Gpu, Network};

use crate::problem::Missing;
use crate::scaling::{Answers, Encoding, Input, Scaling, Target, Units};

/// The note's name.
const NAME: &str = "train.scaling";

/// # Errors
/// If the file cannot be written.
pub fn save(network: &Network, scaling: &Scaling, path: &Path) -> wgrad::Result<()> {
    network.save_with_notes(path, &BTreeMap::from([(NAME.to_owned(), to_json(scaling).to_string())]))
}

/// # Errors
/// If the file cannot be read, has no such note, or has one about another network.
pub fn load(gpu: &Gpu, path: &Path) -> Result<(Network, Scaling), String> {
    let (network, notes) = Network::load_with_notes(gpu, path).map_err(|error| error.to_string())?;
    let path = path.display();
    let note = notes.get(NAME).ok_or_else(|| {
        format!("{path} was saved by another program: nothing in it says what its inputs and outputs mean")
    })?;
    let value = serde_json::from_str(note).map_err(|error| format!("{path}: the note {NAME:?}: {error}"))?;
    let scaling = from_json(&value);
    let scaling = scaling.ok_or_else(|| format!("{path}: the note {NAME:?} is not one that this program writes"))?;
    if network.count() != 1 {
        return Err(format!("{path} is of {} networks, and one is wanted", network.count()));
    }
    let [found, expected] =
        [[network.mlp().input_width(), network.mlp().output_width()], [scaling.input_width(), scaling.output_width()]];
    if found != expected {
        let [inputs, outputs] = found;
        let [noted_inputs, noted_outputs] = expected;
        return Err(format!(
            "{path}: the network has {inputs} inputs and {outputs} outputs, and its note {NAME:?} is about \
             {noted_inputs} and {noted_outputs}"
        ));
    }
    Ok((network, scaling))
}

fn to_json(scaling: &Scaling) -> Value {
    let inputs = scaling.inputs.iter().map(|Input { name, encoding }| match encoding {
        Encoding::Number { mean, deviation } => json!({"name": name, "mean": mean, "deviation": deviation}),
        Encoding::Words { words, shares } => json!({"name": name, "words": words, "shares": shares}),
    });
    let Target { name, answers } = &scaling.target;
    let target = match answers {
        Answers::Classes(classes) => json!({"name": name, "classes": classes}),
        Answers::Numbers(Units::Range { low, high }) => json!({"name": name, "low": low, "high": high}),
        Answers::Numbers(Units::Standard { mean, deviation }) => {
            json!({"name": name, "mean": mean, "deviation": deviation})
        }
    };
    let missing = json!({"words": scaling.missing.words, "filled": scaling.missing.filled});
    json!({"named": scaling.named, "missing": missing, "inputs": inputs.collect::<Vec<_>>(), "target": target})
}

fn from_json(value: &Value) -> Option<Scaling> {
    let inputs = value["inputs"].as_array()?.iter().map(|input| {
        let encoding = match words(&input["words"]) {
            Some(words) => {
                let shares = input["shares"].as_array()?.iter().map(Value::as_f64).collect::<Option<Vec<_>>>()?;
                if shares.len() != words.len() {
                    return None;
                }
                Encoding::Words { words, shares }
            }
            None => {
                let (mean, deviation) = (input["mean"].as_f64()?, input["deviation"].as_f64()?);
                Encoding::Number { mean, deviation }
            }
        };
        Some(Input { name: text(&input["name"])?, encoding })
    });
    let target = &value["target"];
    let answers = match words(&target["classes"]) {
        // A single class is refused in training, and a single output would mean two classes.
        Some(classes) if classes.len() < 2 => return None,
        Some(classes) => Answers::Classes(classes),
        None => Answers::Numbers(match (target["low"].as_f64(), target["high"].as_f64()) {
            (Some(low), Some(high)) => Units::Range { low, high },
            _ => Units::Standard { mean: target["mean"].as_f64()?, deviation: target["deviation"].as_f64()? },
        }),
    };
    let target = Target { name: text(&target["name"])?, answers };
    let missing = &value["missing"];
    let missing = Missing { words: words(&missing["words"])?, filled: missing["filled"].as_bool()? };
    Some(Scaling { missing, named: value["named"].as_bool()?, inputs: inputs.collect::<Option<_>>()?, target })
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn words(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use wgrad::Mlp;

    use super::*;

    /// Numbers with many decimal digits.
    fn scaling(answers: Answers) -> Scaling {
        let encoding = Encoding::Words { words: vec!["red\n".to_owned(), String::new()], shares: vec![1.0 / 3.0, 0.1] };
        let inputs = vec![
            Input {
                name: "größe, \"mm\"".to_owned(), encoding: Encoding::Number { mean: 0.1 + 0.2, deviation: 0.0 }
            },
            Input { name: "b".to_owned(), encoding: Encoding::Number { mean: -1e300 / 3.0, deviation: 5e-324 } },
            Input { name: String::new(), encoding },
        ];
        let missing = Missing { words: vec!["NA".to_owned(), "?".to_owned()], filled: true };
        Scaling { named: true, missing, inputs, target: Target { name: "t".to_owned(), answers } }
    }

    #[test]
    fn a_scaling_is_read_back_unchanged() {
        let classes = Answers::Classes(vec!["a".to_owned(), "ü".to_owned()]);
        let range = Answers::Numbers(Units::Range { low: 1.0 / 3.0, high: f64::from(0.7f32) });
        let standard = Answers::Numbers(Units::Standard { mean: 1.0 / 3.0, deviation: 5e-324 });
        for answers in [classes, range, standard] {
            let scaling = scaling(answers);
            let text = to_json(&scaling).to_string();
            assert_eq!(from_json(&serde_json::from_str(&text).unwrap()), Some(scaling));
        }
    }

    #[test]
    fn refuses_files_without_the_note_or_with_that_of_another_network() {
        let gpu = crate::headless().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("net.safetensors");
        let refused = || load(&gpu, &path).map(drop).unwrap_err();
        let scaling = scaling(Answers::Numbers(Units::Range { low: 0.0, high: 1.0 }));
        let network = |inputs, outputs| Network::new(&gpu, &Mlp::inputs(inputs).linear(outputs), 1).unwrap();

        assert!(refused().contains("cannot read"));
        network(4, 1).save(&path).unwrap();
        assert!(refused().contains("was saved by another program"));
        save(&network(3, 2), &scaling, &path).unwrap();
        assert!(refused().contains("3 inputs and 2 outputs, and its note \"train.scaling\" is about 4 and 1"));
        for text in ["{}", "[", "{\"named\":true,\"inputs\":[{\"name\":\"a\"}],\"target\":{}}"] {
            let notes = BTreeMap::from([(NAME.to_owned(), text.to_owned())]);
            network(4, 1).save_with_notes(&path, &notes).unwrap();
            assert!(refused().contains("the note \"train.scaling\""), "{text}");
        }
        let one_class = Target { name: "t".to_owned(), answers: Answers::Classes(vec!["a".to_owned()]) };
        save(&network(4, 1), &Scaling { target: one_class, ..scaling.clone() }, &path).unwrap();
        assert!(refused().contains("is not one that this program writes"));
        save(&network(4, 1), &scaling, &path).unwrap();
        assert_eq!(load(&gpu, &path).unwrap().1, scaling);
    }
}

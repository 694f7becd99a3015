//! A network learns to read handwritten digits, MNIST's or ones that this program draws, and then reads your own.
//!
//! cargo run --release --example mnist -- --help
//!
//! Modules: `chosen` has the network and how it is trained, `source` reads or draws the digits, `strokes` draws them,
//! `digits` holds them, `training` runs the epochs, `comparison` trains the reference, `backquery` runs the network
//! backwards, `outputs` and `pictures` write files, `report` formats the output. `own` reads your digits: `sheet` finds the
//! paper on a picture and `ink` the ink on that, as `part`s of the picture.

mod backquery;
mod chosen;
#[path = "../common/mod.rs"]
mod common;
mod comparison;
mod digits;
#[cfg(test)]
mod end_to_end;
mod ink;
mod outputs;
mod own;
mod part;
mod pictures;
mod report;
mod sheet;
mod source;
mod strokes;
mod training;

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use wgrad::{BytesConfig, Classification, Dataset, Gpu, Mlp, Network, Plan, Trainer};

use crate::chosen::Chosen;
use crate::common::choices::{self, Choices};
use crate::common::confusion::confusion_table;
use crate::common::exit::exit;
use crate::common::options::{PLANS, at_least_one};
use crate::common::say::{note, say};
use crate::own::Own;
use crate::source::{Label, Source};
use crate::training::Trained;

/// The inputs for bytes 0 and 255. If dark pixels were 0, their weights would never change.
const INPUTS: [f32; 2] = [0.01, 1.0];

/// The digits 0 to 9.
const CLASSES: usize = 10;

/// Trains a network on handwritten digits, and tests it on others.
///
/// As is usual today: relu, a softmax at the end, cross_entropy with smoothed labels, adam, shuffled batches of 32, 10
/// epochs. Or with --notebook as in the notebook: sigmoid, squared_error, sgd, one sample per step in order, 5 epochs. Other
/// options replace a part of either. The last layer is what the loss is of: a softmax for cross_entropy, a sigmoid for
/// binary_cross_entropy; otherwise it has the hidden layers' activation if that is sigmoid or tanh, and none after others.
///
/// Without files the program draws digits of its own, and says so beside each figure.
#[derive(Parser)]
struct Options {
    /// Pictures of digits in MNIST's format (IDX, 28×28); needs cargo's `--features datasets`, as --csv does
    #[arg(long, value_name = "FILE", requires = "labels")]
    images: Option<PathBuf>,
    /// Their labels in MNIST's format (IDX)
    #[arg(long, value_name = "FILE", requires = "images")]
    labels: Option<PathBuf>,
    /// Digits with their labels as text: one digit per line, its label and 784 values from 0 to 255
    #[arg(long, value_name = "FILE", conflicts_with_all = ["images", "labels"])]
    csv: Option<PathBuf>,
    /// Where the label is in each line of --csv
    #[arg(long, value_enum, default_value_t = Label::Auto, requires = "csv", conflicts_with = "images")]
    label: Label,
    /// Without a file: how many digits are drawn for training
    #[arg(long, value_name = "COUNT", default_value_t = 5_000, value_parser = at_least_one, conflicts_with_all = ["images", "csv"])]
    drawn: usize,
    /// How many digits are held out for the test: the last of the file
    #[arg(long, value_name = "COUNT", default_value_t = 1_000, value_parser = at_least_one)]
    test: usize,
    /// Adds copies of the training digits, rotated to both sides by this many degrees
    #[arg(long, value_name = "DEGREES", value_parser = degrees)]
    rotate: Option<f64>,
    /// The widths of the hidden layers, in order: 200, or 200,100
    #[arg(long, value_name = "WIDTHS", default_value = "200", value_delimiter = ',')]
    hidden: Vec<usize>,
    /// Trains as the notebook does, where no other option says otherwise
    #[arg(long)]
    notebook: bool,
    #[command(flatten)]
    choices: Choices,
    /// The samples per step [default: 32, or all if there are fewer; with --notebook 1]
    #[arg(long)]
    batch_size: Option<usize>,
    /// The number of epochs of the training digits [default: 10; with --notebook 5]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    epochs: Option<u64>,
    /// The seed of the initial weights, and of the order of shuffled digits
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Shuffles the digits anew in each epoch, also with --notebook; without that they always are
    #[arg(long)]
    shuffle: bool,
    #[arg(long, default_value_t = Plan::Auto, help = PLANS)]
    plan: Plan,
    /// Trains the f64 reference too, on the CPU (minutes), and says how many test digits both give the same class
    #[arg(long)]
    compare: bool,
    /// A picture of your own digit (PNG, any size, dark on light or light on dark, also on transparent or framed paper) for
    /// the trained network to read; may be given several times
    #[arg(long, value_name = "FILE.png")]
    own: Vec<PathBuf>,
    /// A folder for the pictures that the trained network, run backwards, gives for each digit; its layers must have
    /// an inverse, as sigmoid has
    #[arg(long, value_name = "FOLDER")]
    backquery: Option<PathBuf>,
    /// A file for a chart of loss and accuracy
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// A file for a sheet of the training digits
    #[arg(long, value_name = "FILE.png")]
    sheet: Option<PathBuf>,
    /// A file for the trained network; needs cargo's `--features files`
    #[arg(long, value_name = "FILE.safetensors")]
    save: Option<PathBuf>,
}

fn degrees(text: &str) -> Result<f64, String> {
    let degrees = text.parse::<f64>().map_err(|error| error.to_string())?;
    if degrees > 0.0 && degrees <= 180.0 { Ok(degrees) } else { Err("above 0, and at most 180".to_owned()) }
}

fn main() -> ExitCode {
    exit(run(&Options::parse()))
}

/// What cannot be printed on the way, as after `| head`, does not end the training.
fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let Chosen { mlp, mut config, epochs } = Chosen::new(options);
    check(options, &mlp)?;
    outputs::rehearse_all(options, epochs)?;
    let own = options.own.iter().map(|path| own::read(path)).collect::<Vec<_>>();
    for (path, error) in options.own.iter().zip(&own).filter_map(|(path, own)| Some((path, own.as_ref().err()?))) {
        note(format_args!("note: {} will not be read: {error}", path.display()));
    }
    let source = Source::open(options)?;
    _ = say!("digits   {}", source.description);
    if let Some(path) = &options.sheet {
        pictures::write_sheet(path, &source.training)?;
        _ = say!("sheet    {}, training digits of each class", path.display());
    }

    let gpu = Gpu::headless()?;
    let network = Network::new(&gpu, &mlp, options.seed)?;
    if let Some(path) = &options.save {
        outputs::rehearse_save(&network, path)?;
    }
    let (training, test) = upload(&gpu, &source)?;
    if options.batch_size.is_none() {
        config.batch_size = config.batch_size.min(source.training.len());
    }
    let mut trainer = Trainer::new(&network, &training, config)?;
    describe(&trainer);
    let initial = network.read_parameters()?;
    let trained = training::train(&network, &mut trainer, &training, &test, epochs, source.about)?;
    _ = say!("seconds  {:.1} of training", trained.seconds);

    // What fails now must not keep anything else from the user.
    let mut failures = finish(options, &network, &trained, own);
    if options.compare {
        failures.extend(compare(&trainer, &initial, epochs, &source).err().map(|error| format!("--compare: {error}")));
    }
    match trained.tested {
        Ok(classification) => failures.extend(print_result(&classification, source.about).err()),
        Err(error) => failures.push(format!("there is no accuracy: {error}")),
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\nerror: ").into()) }
}

/// Refuses, before all else, options that would fail after the training.
fn check(options: &Options, mlp: &Mlp) -> Result<(), Box<dyn Error>> {
    if options.save.is_some() && cfg!(not(feature = "files")) {
        return Err("--save needs the feature `files`: cargo run --release --features files --example mnist".into());
    }
    if options.backquery.is_some() {
        mlp.check("mnist")?;
        backquery::check(mlp)?;
    }
    Ok(())
}

/// Saves the trained network, then writes and prints what else was asked for. Returns what failed.
fn finish(options: &Options, network: &Network, trained: &Trained, own: Vec<Result<Own, String>>) -> Vec<String> {
    let mut failures = Vec::new();
    let mut attempt = |option: &str, result: Result<(), Box<dyn Error>>| {
        failures.extend(result.err().map(|error| format!("{option}: {error}")));
    };
    if let Some(path) = &options.save {
        attempt("--save", outputs::save(network, path));
    }
    if let Some(path) = &options.plot {
        let saved = trained.chart.save(path);
        if saved.is_ok() {
            _ = say!("written  {}", path.display());
        }
        attempt("--plot", saved);
    }
    if let Some(folder) = &options.backquery {
        attempt("--backquery", outputs::write_backqueries(network, folder));
    }
    for (path, own) in options.own.iter().zip(own) {
        let answer = own.and_then(|own| answer(network, &own));
        let printed = answer.as_ref().map_or_else(|error| format!("error: {error}"), String::clone);
        _ = say!("own      {}: {printed}", path.display());
        attempt("--own", answer.map(drop).map_err(|error| format!("{}: {error}", path.display()).into()));
    }
    failures
}

/// The network's answer to the user's digit.
fn answer(network: &Network, own: &Own) -> Result<String, String> {
    let inputs = own.picture.map(|byte| INPUTS[0] + (INPUTS[1] - INPUTS[0]) * f32::from(byte) / 255.0);
    let outputs = network.predict(&inputs).map_err(|error| error.to_string())?;
    Ok(report::answer(&outputs)? + &own.remarks)
}

/// Prints the network, the plan, the adapter, and the GPU memory used.
fn describe(trainer: &Trainer) {
    let (mlp, memory) = (trainer.network().mlp(), trainer.memory());
    let [data, parameters, batch, total] =
        [memory.data, memory.parameters, memory.batch, memory.total()].map(report::bytes);
    _ = say!("network  {mlp}, {} parameters", mlp.parameter_count());
    _ = say!("training {}, batches of {}", choices::described(trainer.config()), trainer.config().batch_size);
    _ = say!("plan     {}", trainer.plan());
    _ = say!("adapter  {}", trainer.network().gpu().description());
    _ = say!("memory   {total}: data {data}, parameters {parameters}, batch {batch}\n");
}

/// Trains the reference too, and prints how many digits it and the network read alike.
fn compare(trainer: &Trainer, initial: &[f32], epochs: u64, source: &Source) -> Result<(), Box<dyn Error>> {
    let (network, config) = (trainer.network(), trainer.config());
    let compared = comparison::compare(network, initial, config, epochs, &source.training, &source.test)?;
    _ = say!(
        "compared with the f64 reference, trained from the same start in the same order: {} of {} digits are read \
         alike, {:.2} %; the reference's accuracy is {:.4}",
        compared.same,
        compared.digits,
        100.0 * compared.same as f64 / compared.digits as f64,
        compared.right as f64 / compared.digits as f64
    );
    Ok(())
}

/// All digits as bytes in one buffer, split into training and test digits.
fn upload(gpu: &Gpu, source: &Source) -> wgrad::Result<(Dataset, Dataset)> {
    let mut digits = source.training.clone();
    digits.extend(&source.test);
    let config = BytesConfig { inputs: INPUTS, ..Default::default() };
    let data = Dataset::from_bytes(gpu, digits.len(), digits.pixels(), digits.labels(), config)?;
    data.split_at(source.training.len())
}

/// The last line is only the accuracy, for scripts; the line before it names the digits.
fn print_result(classification: &Classification, about: &str) -> Result<(), String> {
    let names = (0..classification.classes()).map(|class| class.to_string()).collect::<Vec<_>>();
    let table = confusion_table(&names, |actual, predicted| classification.count(actual, predicted));
    let accuracy = classification.accuracy();
    match say!("\n{table}\n{about}:\naccuracy {accuracy:.4}") {
        // After `| head`, for example: nobody wants it.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed.map_err(|error| format!("the accuracy, {accuracy:.4}, could not be printed: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_options_are_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn files_come_as_pictures_with_labels_or_as_text() {
        let parse = |arguments: &str| Options::try_parse_from(arguments.split(' '));
        assert!(parse("mnist --images a --labels b").is_ok());
        assert!(parse("mnist --csv c --hidden 200,100").is_ok_and(|options| options.hidden == [200, 100]));
        for refused in [
            "--images a",
            "--labels b",
            "--csv c --images a --labels b",
            "--csv c --drawn 5",
            "--test 0",
            "--images a --labels b --label last",
            "--label first",
        ] {
            assert!(parse(&format!("mnist {refused}")).is_err(), "{refused}");
        }
    }
}

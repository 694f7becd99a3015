//! A network learns to read handwritten digits, MNIST's or ones that this program draws, and then reads your own.
//!
//! cargo run --release --example mnist -- --help
//!
//! Modules: `chosen` has the network and how it is trained, `source` reads or draws the digits, `strokes` draws them,
//! `digits` and `pictures` hold and convert them, `training` runs the epochs, `comparison` trains the reference, `backquery`
//! runs the network backwards, `report` formats the output.

mod backquery;
mod chosen;
#[path = "../common/mod.rs"]
mod common;
mod comparison;
mod digits;
mod pictures;
mod report;
mod source;
mod strokes;
mod training;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use wgrad::{BytesConfig, Classification, Dataset, Gpu, Mlp, Network, Plan, Trainer};

use crate::chosen::Chosen;
use crate::common::choices::{self, Choices};
use crate::common::confusion::confusion_table;
use crate::common::exit::exit;
use crate::common::options::{PLANS, at_least_one, check_folders};
use crate::digits::PIXELS;
use crate::source::Source;

/// The inputs for bytes 0 and 255. If dark pixels were 0, their weights would never change.
const INPUTS: [f32; 2] = [0.01, 1.0];

/// The digits 0 to 9.
const CLASSES: usize = 10;

/// The side of an enlarged pixel, in pixels of the file.
const ENLARGED: u32 = 4;

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
    /// Digits with their labels as text: one digit per line, the label first, then 784 values from 0 to 255
    #[arg(long, value_name = "FILE", conflicts_with_all = ["images", "labels"])]
    csv: Option<PathBuf>,
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
    /// The samples per step [default: 32; with --notebook 1]
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
    /// A picture of your own digit (PNG, any size, dark on light or light on dark) for the trained network to read; may
    /// be given several times
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

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let Chosen { mlp, config, epochs } = Chosen::new(options);
    check(options, &mlp)?;
    let own = options.own.iter().map(|path| pictures::read_own(path)).collect::<Result<Vec<_>, _>>()?;
    let source = Source::open(options)?;
    println!("digits   {}", source.description);
    if let Some(path) = &options.sheet {
        pictures::write_sheet(path, &source.training)?;
    }

    let gpu = Gpu::headless()?;
    let network = Network::new(&gpu, &mlp, options.seed)?;
    let (training, test) = upload(&gpu, &source)?;
    let mut trainer = Trainer::new(&network, &training, config)?;
    describe(&trainer);
    let initial = network.read_parameters()?;
    let trained = training::train(&network, &mut trainer, &training, &test, epochs, source.about)?;
    println!("seconds  {:.1} of training", trained.seconds);

    if options.compare {
        compare(&trainer, &initial, epochs, &source)?;
    }
    if let Some(path) = &options.plot {
        trained.chart.save(path)?;
        println!("written  {}", path.display());
    }
    if let Some(folder) = &options.backquery {
        write_backqueries(&network, folder)?;
    }
    if let Some(path) = &options.save {
        save(&network, path)?;
    }
    for (path, picture) in options.own.iter().zip(own) {
        let inputs = picture.map(|byte| INPUTS[0] + (INPUTS[1] - INPUTS[0]) * f32::from(byte) / 255.0);
        println!("own      {}: {}", path.display(), report::answer(&network.predict(&inputs)?));
    }

    print_result(&trained.classification, source.about);
    Ok(())
}

/// Refuses, before the training, options that would fail after it.
fn check(options: &Options, mlp: &Mlp) -> Result<(), Box<dyn Error>> {
    if options.save.is_some() && cfg!(not(feature = "files")) {
        return Err("--save needs the feature `files`: cargo run --release --features files --example mnist".into());
    }
    check_folders([&options.save, &options.plot, &options.sheet].into_iter().flatten().map(PathBuf::as_path))?;
    if let Some(folder) = &options.backquery {
        mlp.check("mnist")?;
        backquery::check(mlp)?;
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    Ok(())
}

/// Prints the network, the plan, the adapter, and the GPU memory used.
fn describe(trainer: &Trainer) {
    let (mlp, memory) = (trainer.network().mlp(), trainer.memory());
    let [data, parameters, batch, total] =
        [memory.data, memory.parameters, memory.batch, memory.total()].map(report::bytes);
    println!("network  {mlp}, {} parameters", mlp.parameter_count());
    println!("training {}, batches of {}", choices::described(trainer.config()), trainer.config().batch_size);
    println!("plan     {}", trainer.plan());
    println!("adapter  {}", trainer.network().gpu().description());
    println!("memory   {total}: data {data}, parameters {parameters}, batch {batch}\n");
}

/// Trains the reference too, and prints how many digits it and the network read alike.
fn compare(trainer: &Trainer, initial: &[f32], epochs: u64, source: &Source) -> Result<(), Box<dyn Error>> {
    let (network, config) = (trainer.network(), trainer.config());
    let compared = comparison::compare(network, initial, config, epochs, &source.training, &source.test)?;
    println!(
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

/// Writes one picture per class, as the network run backwards gives it.
fn write_backqueries(network: &Network, folder: &Path) -> Result<(), Box<dyn Error>> {
    let parameters = network.read_parameters()?;
    for class in 0..CLASSES {
        let picture = backquery::backquery(network.mlp(), &parameters, class)?;
        let picture = <[u8; PIXELS]>::try_from(picture).map_err(|_| "the network takes other pictures")?;
        pictures::write(&folder.join(format!("{class}.png")), &picture, ENLARGED)?;
    }
    println!("written  {}", folder.display());
    Ok(())
}

#[cfg(feature = "files")]
fn save(network: &Network, path: &Path) -> Result<(), Box<dyn Error>> {
    network.save(path)?;
    println!("written  {}", path.display());
    Ok(())
}

#[cfg(not(feature = "files"))]
fn save(_: &Network, _: &Path) -> Result<(), Box<dyn Error>> {
    Err("--save needs the feature `files`".into())
}

/// The last line is only the accuracy, for scripts; the line before it names the digits.
fn print_result(classification: &Classification, about: &str) {
    let names = (0..classification.classes()).map(|class| class.to_string()).collect::<Vec<_>>();
    let count = |actual, predicted| classification.count(actual, predicted);
    println!("\n{}", confusion_table(&names, count));
    println!("{about}:");
    println!("accuracy {:.4}", classification.accuracy());
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
        for refused in ["--images a", "--labels b", "--csv c --images a --labels b", "--csv c --drawn 5", "--test 0"] {
            assert!(parse(&format!("mnist {refused}")).is_err(), "{refused}");
        }
    }
}

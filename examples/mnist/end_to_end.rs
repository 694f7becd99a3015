//! The whole program on small data: what it finds before the training, and what is left after something failed.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use wgrad::Loss;

use super::*;
use crate::common::chart::{Chart, Series};
use crate::digits::{PIXELS, SIDE};

fn options(arguments: &str, folder: &TempDir) -> Options {
    let arguments = arguments.replace('~', &folder.path().display().to_string());
    Options::try_parse_from(format!("mnist {arguments}").split_whitespace()).expect("options")
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn error_of(arguments: &str, folder: &TempDir) -> String {
    run(&options(arguments, folder)).expect_err(arguments).to_string()
}

/// A picture of a bar, and one of nothing.
fn write_own(folder: &TempDir) {
    let bar = |x: usize, y: usize| if (12..16).contains(&x) && (4..24).contains(&y) { 255 } else { 0 };
    let picture = std::array::from_fn::<u8, PIXELS, _>(|pixel| bar(pixel % SIDE, pixel / SIDE));
    pictures::write(&folder.path().join("one.png"), &picture, 3).expect("a picture");
    pictures::write(&folder.path().join("empty.png"), &[9; PIXELS], 3).expect("a picture");
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let mut names = entries.map(|name| name.display().to_string()).collect::<Vec<_>>();
    names.sort();
    names
}

const SMALL: &str = "--drawn 40 --test 10 --epochs 1 --hidden 8";

#[test]
fn a_bad_picture_keeps_nothing_else_from_being_done() {
    let folder = folder();
    write_own(&folder);
    let files = "--own ~/empty.png --own ~/no.png --own ~/one.png --plot ~/chart.svg --sheet ~/sheet.png";
    let error = error_of(&format!("{SMALL} {files} --notebook --backquery ~/back"), &folder);
    let lines = error.lines().collect::<Vec<_>>();
    assert_eq!(lines.len(), 2, "{error}");
    assert!(lines[0].contains("empty.png: nothing is drawn on it"), "{error}");
    assert!(lines[1].starts_with("error: --own: ") && lines[1].contains("no.png: "), "{error}");
    assert_eq!(names(folder.path()), ["back", "chart.svg", "empty.png", "one.png", "sheet.png"]);
    assert_eq!(names(&folder.path().join("back")).len(), CLASSES);
    run(&options(&format!("{SMALL} --own ~/one.png --compare"), &folder)).expect("a score");
}

#[test]
fn what_cannot_be_written_is_found_before_anything_is_read() {
    let folder = folder();
    fs::create_dir_all(folder.path().join("back/3.png")).expect("a folder");
    fs::write(folder.path().join("file"), "of an earlier training").expect("a file");
    for (output, expected) in [
        ("--plot ~", "it is a folder"),
        ("--plot ~/no/chart.svg", "there is no such folder"),
        ("--sheet ~/back", "it is a folder"),
        ("--backquery ~/back --notebook", "3.png cannot be written: it is a folder"),
        ("--backquery ~/file --notebook", "file: "),
        ("--backquery ~/back", "relu cannot be"),
        ("--plot ~/chart --sheet ~/./chart", "--sheet would replace the file of --plot"),
        ("--plot ~/file --own ~/file", "--plot would replace the file of --own"),
    ] {
        // The digits do not exist either; that would be found next.
        let error = error_of(&format!("--images ~/nowhere --labels ~/nowhere {output}"), &folder);
        assert!(error.contains(expected), "{output}: {error}");
    }
    assert_eq!(fs::read_to_string(folder.path().join("file")).expect("the file"), "of an earlier training");
    assert_eq!(names(folder.path()), ["back", "file"]);
}

#[cfg(feature = "files")]
#[test]
fn a_network_that_cannot_be_saved_is_found_before_the_training() {
    let folder = folder();
    // The words of the rehearsal; after the training the system's would be told.
    for (path, expected) in
        [("~", "cannot be written: it is a folder"), ("~/no/net", "cannot be written: there is no such folder")]
    {
        let error = error_of(&format!("{SMALL} --save {path}"), &folder);
        assert!(error.contains(expected), "{path}: {error}");
    }
    assert!(names(folder.path()).is_empty());
}

/// A network of sigmoids, its options, and what its training leaves but a score.
fn trained(arguments: &str, folder: &TempDir) -> (Options, Network, Trained) {
    let options = options(&format!("--hidden 4 {arguments}"), folder);
    let mlp = Mlp::widths(&[PIXELS, 4, CLASSES]);
    let network = Network::new(&Gpu::headless().expect("a GPU"), &mlp, 1).expect("a network");
    let losses = vec![Series { name: "loss".to_owned(), points: vec![(1.0, 0.5), (2.0, 0.4)] }];
    let chart = Chart { title: "chart".to_owned(), x: "samples".to_owned(), losses, accuracies: Vec::new() };
    (options, network, Trained { tested: Err("not tested".to_owned()), chart, seconds: 1.0 })
}

#[test]
fn what_fails_after_the_training_keeps_nothing_else_from_being_written() {
    let folder = folder();
    fs::create_dir_all(folder.path().join("back/3.png")).expect("a folder");
    let outputs = ["--plot ~", "--backquery ~/back", "--own ~/a.png", "--own ~/b.png", "--own ~/c.png"].join(" ");
    let save = if cfg!(feature = "files") { " --save ~/net" } else { "" };
    let (options, network, trained) = trained(&(outputs + save), &folder);
    let own = || Ok(Own { picture: [9; PIXELS], remarks: "; doubtful".to_owned() });
    let failures = finish(&options, &network, &trained, vec![own(), Err("empty".to_owned()), own()]);
    let options_of = failures.iter().map(|failure| failure.split(':').next().unwrap_or_default());
    assert_eq!(options_of.collect::<Vec<_>>(), ["--plot", "--backquery", "--own"], "{failures:?}");
    assert!(failures[2].ends_with("b.png: empty"), "{failures:?}");
    assert_eq!(folder.path().join("net").exists(), cfg!(feature = "files"));
    assert!(answer(&network, &own().expect("a picture")).is_ok_and(|answer| answer.ends_with("); doubtful")));
}

#[cfg(feature = "files")]
#[test]
fn a_network_that_diverged_has_no_score_and_replaces_no_other() {
    let folder = folder();
    let (_, network, _) = trained("", &folder);
    let source = Source::open(&options(SMALL, &folder)).expect("digits");
    let (training, test) = upload(network.gpu(), &source).expect("data sets");
    let mlp = Mlp::inputs(PIXELS).linear(4).relu().linear(CLASSES);
    let network = Network::new(network.gpu(), &mlp, 1).expect("a network");
    let config = wgrad::TrainConfig { learning_rate: 1e30, ..Default::default() };
    let mut trainer = Trainer::new(&network, &training, config).expect("a trainer");
    assert!(trainer.train(3, |_| ()).is_err());
    let tested = training::classify(&network, &test, Loss::SquaredError);
    assert!(tested.is_err_and(|error| error.contains("--learning-rate")));
    let path: PathBuf = folder.path().join("net");
    fs::write(&path, "of an earlier training").expect("a file");
    assert!(outputs::save(&network, &path).is_err_and(|error| error.to_string().contains("not numbers")));
    assert_eq!(fs::read_to_string(&path).expect("the file"), "of an earlier training");
}

#[cfg(feature = "datasets")]
#[test]
fn a_csv_file_is_read_by_its_header_and_labels_all_alike_are_refused() {
    let folder = folder();
    let pixels = (0..PIXELS).map(|pixel| format!("pixel{pixel}")).collect::<Vec<_>>().join(",");
    let rows = strokes::draw(30, 1);
    let rows = rows.iter().map(|(picture, label)| {
        let dark_first = picture[1..].iter().map(|byte| format!(",{byte}.0")).collect::<String>();
        format!("0{dark_first},{label}.0\n")
    });
    let rows = rows.collect::<String>();
    let write = |name: &str, text: String| fs::write(folder.path().join(name), text).expect("a file");
    write("named", format!("{pixels},class\n{rows}"));
    write("unnamed", rows);
    let csv = "--test 10 --epochs 1 --hidden 8 --csv";
    run(&options(&format!("{csv} ~/named"), &folder)).expect("a score");
    run(&options(&format!("{csv} ~/unnamed --label last"), &folder)).expect("a score");
    for (file, label) in [("named", "first"), ("unnamed", "auto")] {
        let error = error_of(&format!("{csv} ~/{file} --label {label}"), &folder);
        assert!(error.contains("every label is 0") && error.contains("--label last"), "{error}");
    }
}

//! The files that the program writes: rehearsed before the training, written after it.

use std::error::Error;
use std::path::{Path, PathBuf};

use wgrad::Network;

#[cfg(feature = "files")]
use crate::common::options::rehearse;
use crate::common::options::rehearse_bytes;
use crate::common::say::say;
use crate::digits::PIXELS;
use crate::{CLASSES, Options, backquery, pictures};

/// The side of an enlarged pixel, in pixels of the file.
const ENLARGED: u32 = 4;

/// More than a sheet takes, or a chart; and what an epoch adds to a chart at most.
const SHEET_BYTES: usize = 1 << 18;
const CHART_BYTES: usize = 1 << 18;
const EPOCH_BYTES: usize = 1 << 8;

/// Finds out before the training which files cannot be written, but for the network's, and which would replace another.
pub fn rehearse_all(options: &Options, epochs: u64) -> Result<(), Box<dyn Error>> {
    check_names(options)?;
    if let Some(path) = &options.plot {
        let of_epochs = usize::try_from(epochs).unwrap_or(usize::MAX).saturating_mul(EPOCH_BYTES);
        rehearse_bytes(path, CHART_BYTES.saturating_add(of_epochs))?;
    }
    if let Some(path) = &options.sheet {
        rehearse_bytes(path, SHEET_BYTES)?;
    }
    if let Some(folder) = &options.backquery {
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for class in 0..CLASSES {
            let bytes = PIXELS * (ENLARGED * ENLARGED) as usize;
            rehearse_bytes(&backquery_path(folder, class), bytes)?;
        }
    }
    Ok(())
}

/// Refuses a file to write that is also to be read, or written twice.
fn check_names(options: &Options) -> Result<(), String> {
    let read = [("--images", &options.images), ("--labels", &options.labels), ("--csv", &options.csv)];
    let read = read.into_iter().filter_map(|(option, path)| Some((option, path.as_ref()?)));
    let mut taken = read.chain(options.own.iter().map(|path| ("--own", path))).map(named).collect::<Vec<_>>();
    let written = [("--save", &options.save), ("--plot", &options.plot), ("--sheet", &options.sheet)];
    for (option, path) in written.into_iter().filter_map(|(option, path)| Some((option, path.as_ref()?))).map(named) {
        if let Some((other, _)) = taken.iter().find(|(_, taken)| *taken == path) {
            return Err(format!("{option} would replace the file of {other}, {}", path.display()));
        }
        taken.push((option, path));
    }
    Ok(())
}

/// A file by the one name that all its names lead to.
fn named((option, path): (&'static str, &PathBuf)) -> (&'static str, PathBuf) {
    let of_folder = || {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some(folder.canonicalize().ok()?.join(path.file_name()?))
    };
    (option, path.canonicalize().ok().or_else(of_folder).unwrap_or_else(|| path.clone()))
}

/// Writes one picture per class, as the network run backwards gives it.
pub fn write_backqueries(network: &Network, folder: &Path) -> Result<(), Box<dyn Error>> {
    let parameters = network.read_parameters()?;
    for class in 0..CLASSES {
        let picture = backquery::backquery(network.mlp(), &parameters, class)?;
        let picture = <[u8; PIXELS]>::try_from(picture).map_err(|_| "the network takes other pictures")?;
        pictures::write(&backquery_path(folder, class), &picture, ENLARGED)?;
    }
    _ = say!("written  {}", folder.display());
    Ok(())
}

fn backquery_path(folder: &Path, class: usize) -> PathBuf {
    folder.join(format!("{class}.png"))
}

/// Finds out whether the network can be saved: with the parameters that it begins with, since that takes as much.
#[cfg(feature = "files")]
pub fn rehearse_save(network: &Network, path: &Path) -> Result<(), Box<dyn Error>> {
    rehearse(path, |beside| Ok(network.save(beside)?))
}

/// Saves the network. One that has diverged would replace another that has not, and could not be loaded.
#[cfg(feature = "files")]
pub fn save(network: &Network, path: &Path) -> Result<(), Box<dyn Error>> {
    network.save(path).map_err(|error| match error {
        wgrad::Error::NotFinite { .. } => {
            format!("{}: the network's parameters are not numbers any more", path.display())
        }
        other => other.to_string(),
    })?;
    _ = say!("written  {}", path.display());
    Ok(())
}

#[cfg(not(feature = "files"))]
pub fn rehearse_save(_: &Network, _: &Path) -> Result<(), Box<dyn Error>> {
    Err("--save needs the feature `files`: cargo run --release --features files --example mnist".into())
}

#[cfg(not(feature = "files"))]
pub fn save(network: &Network, path: &Path) -> Result<(), Box<dyn Error>> {
    rehearse_save(network, path)
}

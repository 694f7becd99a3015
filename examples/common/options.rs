//! Options that several programs share.

use std::error::Error;
use std::fmt::Display;
use std::path::Path;

/// The help of `--plan`.
pub const PLANS: &str = "How training steps become dispatches: auto, plain (one dispatch per kernel: slow, \
                         easy to read), layered, persistent, persistent-subgroup, persistent-invocation, \
                         persistent-workgroup";

/// Parses a positive whole number.
pub fn at_least_one(text: &str) -> Result<usize, String> {
    let number = text.parse::<usize>().map_err(|error| error.to_string())?;
    if number > 0 { Ok(number) } else { Err("at least 1".to_owned()) }
}

/// Finds out before the training whether a file can be written after it: writes one with the same contents, or as large,
/// beside it, and removes that. What is at `path` stays as it is.
///
/// # Errors
/// If `path` is a folder or a device, if its folder does not exist or cannot be written to, if the file there is read-only,
/// or if the disk is full.
pub fn rehearse(path: &Path, write: impl FnOnce(&Path) -> Result<(), Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
    let refused = |reason: &dyn Display| format!("{} cannot be written: {reason}", path.display());
    match path.metadata() {
        _ if path.as_os_str().to_string_lossy().ends_with(std::path::is_separator) => {
            return Err(refused(&"it names a folder").into());
        }
        Ok(found) if found.is_dir() => return Err(refused(&"it is a folder").into()),
        Ok(found) if !found.is_file() => return Err(refused(&"it is not an ordinary file").into()),
        Ok(found) if found.permissions().readonly() => return Err(refused(&"it is read-only").into()),
        _ => {}
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(refused(&"there is no such folder").into());
    }
    let beside = tempfile::Builder::new().prefix(".rehearsal-").tempdir_in(folder).map_err(|error| refused(&error))?;
    write(&beside.path().join(path.file_name().unwrap_or_default())).map_err(|error| refused(&error).into())
}

/// The most bytes that [`rehearse_bytes`] writes.
const MOST_BYTES: usize = 1 << 24;

/// [`rehearse`]s a file of at most `bytes` bytes; of a larger one only the first 16 MiB.
pub fn rehearse_bytes(path: &Path, bytes: usize) -> Result<(), Box<dyn Error>> {
    rehearse(path, |beside| Ok(std::fs::write(beside, vec![0; bytes.min(MOST_BYTES)])?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_written_is_found_before_and_nothing_is_left_or_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("net.safetensors");
        std::fs::write(&path, "of an earlier training").unwrap();
        rehearse_bytes(&path, 1_000).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "of an earlier training");
        rehearse_bytes(&path, usize::MAX).unwrap();
        let refused = |path: &Path| rehearse_bytes(path, 1_000).unwrap_err().to_string();
        assert!(refused(folder.path()).contains("it is a folder"));
        assert!(refused(&folder.path().join("new/")).contains("it names a folder"));
        assert!(refused(&folder.path().join("no/net")).contains("no such folder"));
        let full = rehearse(&path, |_| Err("the disk is full".into())).unwrap_err().to_string();
        assert!(full.contains("net.safetensors cannot be written: the disk is full"), "{full}");
        #[cfg(unix)]
        assert!(refused(Path::new("/dev/null")).contains("not an ordinary file"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_help_names_every_plan() {
        let named = PLANS.split([' ', ',', ':']).filter(|word| !word.is_empty()).collect::<Vec<_>>();
        assert!(wgrad::Plan::ALL.iter().all(|plan| named.contains(&plan.name())), "{named:?}");
    }
}

//! The bytes of a file: tensors and metadata by the crate `safetensors`, with a checksum; and writing them whole or not at all.

use std::collections::HashMap;
#[cfg(not(target_family = "wasm"))]
use std::fs::{self, File};
#[cfg(not(target_family = "wasm"))]
use std::io::Write;
use std::path::Path;

use safetensors::tensor::TensorView;

use super::{CHECKSUM, NO_CHECKSUM, Tensor, VERSION, WGRAD};
use crate::error::{Error, Result};

fn file_error(action: &'static str, path: &Path, reason: impl ToString) -> Error {
    Error::File { action, path: path.display().to_string(), reason: reason.to_string() }
}

#[cfg(not(target_family = "wasm"))]
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| file_error("read", path, error))
}

/// The bytes of a file with its checksum. `path` is for errors.
pub(super) fn bytes_of(path: &Path, tensors: &[Tensor], mut metadata: HashMap<String, String>) -> Result<Vec<u8>> {
    metadata.insert(WGRAD.to_owned(), VERSION.to_owned());
    metadata.insert(CHECKSUM.to_owned(), NO_CHECKSUM.to_owned());
    let refused = |error: safetensors::SafeTensorError| file_error("write", path, error);
    let views =
        tensors.iter().map(|(name, dtype, shape, bytes)| Ok((name, TensorView::new(*dtype, shape.clone(), bytes)?)));
    let views = views.collect::<Result<Vec<_>, safetensors::SafeTensorError>>().map_err(refused)?;
    let mut bytes = safetensors::serialize(views, Some(metadata)).map_err(refused)?;
    let offset =
        checksum_offset(&bytes, NO_CHECKSUM).ok_or_else(|| file_error("write", path, "no room for a checksum"))?;
    let checksum = format!("{:08x}", crc32fast::hash(&bytes));
    bytes[offset..offset + checksum.len()].copy_from_slice(checksum.as_bytes());
    Ok(bytes)
}

/// Writes a file atomically. It keeps the permissions of the one that it replaces; a new file has the usual ones.
#[cfg(not(target_family = "wasm"))]
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let replaced = fs::metadata(path).ok();
    // The rename would replace a device or a socket, too.
    if replaced.as_ref().is_some_and(|replaced| !replaced.is_file()) {
        return Err(file_error("write", path, "it is not a regular file"));
    }
    let failed = |error: std::io::Error| file_error("write", path, error);
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".wgrad-");
    // Only the owner may read a temporary file otherwise. The process's mask takes away from these.
    #[cfg(unix)]
    let builder = builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    // In the same folder, since a rename is atomic only within a file system.
    let mut file = builder.tempfile_in(folder).map_err(failed)?;
    if let Some(replaced) = replaced {
        file.as_file().set_permissions(replaced.permissions()).map_err(failed)?;
    }
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    // The new name is on disk once the folder is. Not every system can open a folder.
    if let Ok(folder) = File::open(folder) {
        _ = folder.sync_all();
    }
    Ok(())
}

/// The offset of a checksum's digits in a file.
pub(super) fn checksum_offset(bytes: &[u8], checksum: &str) -> Option<usize> {
    let before = format!("\"{CHECKSUM}\":\"");
    let entry = format!("{before}{checksum}\"");
    bytes.windows(entry.len()).position(|window| window == entry.as_bytes()).map(|start| start + before.len())
}

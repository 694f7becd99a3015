//! The option `--save`, which needs the feature `files`.

use std::error::Error;
use std::path::Path;

use wgrad::Network;

use crate::common::options::rehearse_bytes;

/// Finds out before the training whether the network can be saved after it.
///
/// # Errors
/// Without the feature `files`, and those of [`rehearse_bytes`].
pub fn rehearse_network(network: &Network, path: Option<&Path>) -> Result<(), Box<dyn Error>> {
    match path {
        None => Ok(()),
        Some(path) if cfg!(feature = "files") => rehearse_bytes(path, 4 * network.mlp().parameter_count()),
        Some(_) => Err("--save needs the feature `files`: cargo run --release --all-features --example …".into()),
    }
}

/// Saves the network, if a path is given.
#[cfg_attr(not(feature = "files"), allow(unused_variables))]
pub fn save(network: &Network, path: Option<&Path>) -> Result<(), Box<dyn Error>> {
    #[cfg(feature = "files")]
    if let Some(path) = path {
        network.save(path)?;
        crate::common::say::line(format_args!("saved    {}", path.display()))?;
    }
    Ok(())
}

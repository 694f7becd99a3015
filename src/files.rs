//! Networks and training runs in safetensors files, with the tensor names and layouts that PyTorch's `nn.Sequential` of
//! `Linear` and the activations' modules loads with `load_state_dict`: `0.weight` as `[outputs, inputs]`, `0.bias` as
//! `[outputs]`, where 0 is the module's index; exponential and sine count as modules, which PyTorch lacks. A population's
//! tensors have one more leading dimension, `[networks, …]`.
//!
//! The file's metadata holds the layers, a training run's configuration, the app's notes, and a checksum of the whole
//! file. A new file is written beside the one that it replaces, and renamed only when it is complete and on disk.

mod contents;
mod format;
mod run;

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::tensor::Dtype;

use crate::activation::Activation;
#[cfg(doc)]
use crate::error::Error;
use crate::error::Result;
use crate::gpu::Gpu;
use crate::mlp::Mlp;
use crate::network::Network;
use crate::rows::check_finite;
#[cfg(doc)]
use crate::trainer::Trainer;
use contents::Contents;
use format::bytes_of;
#[cfg(not(target_family = "wasm"))]
use format::{read, write};

/// The version of the metadata's format, and those that can be read: version 1 knew plain descent on the squared error.
const VERSION: &str = "2";
const VERSIONS: [&str; 2] = ["1", VERSION];

/// The metadata's keys. A file with any of them was written by wgrad, and must have all that its kind requires.
const WGRAD: &str = "wgrad";
const CHECKSUM: &str = "wgrad.checksum";
const MLP: &str = "wgrad.mlp";
const SAMPLES: &str = "wgrad.samples";
const BATCH_SIZE: &str = "wgrad.batch_size";
const SHUFFLE: &str = "wgrad.shuffle";
const SEED: &str = "wgrad.seed";
const PLAN: &str = "wgrad.plan";
const PART_OF: &str = "wgrad.part_of";
const LOSS: &str = "wgrad.loss";
const OPTIMIZER: &str = "wgrad.optimizer";
const SCHEDULE: &str = "wgrad.schedule";
const WEIGHT_DECAY: &str = "wgrad.weight_decay";
const CLIP_NORM: &str = "wgrad.clip_norm";
const AVERAGE: &str = "wgrad.average";
const FROZEN: &str = "wgrad.frozen";
const GRID_LEARNING_RATE: &str = "wgrad.grid_learning_rate";
const GRID_WEIGHT_DECAY: &str = "wgrad.grid_weight_decay";

/// The name of a hash grid's features, `[entries, features]`.
const GRID: &str = "grid";

/// The prefix of a note's key.
const NOTE: &str = "wgrad.note.";

/// The tensors of a training run.
const STATE: &str = "training.state";
const LEARNING_RATES: &str = "training.learning_rates";
const WEIGHT_DECAYS: &str = "training.weight_decays";
const MOMENTS: &str = "training.moments";
const ENTRY_STEPS: &str = "training.grid_steps";

/// The name of bytes in errors.
const MEMORY: &str = "bytes in memory";

/// Replaces the checksum while it is computed.
const NO_CHECKSUM: &str = "00000000";

impl Network {
    /// Saves the network, or all networks of a population, after all earlier submissions. Waits. An existing file is
    /// replaced only when the new one is complete.
    ///
    /// # Errors
    /// [`Error::NotFinite`] for diverged parameters, but of a population, where some networks may have diverged; [`Error::File`]; those
    /// of [`Network::read_parameters`].
    #[cfg(not(target_family = "wasm"))]
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.save_for("Network::save", path.as_ref(), &BTreeMap::new())
    }

    /// Saves as [`Network::save`] does, together with notes of the app: what the inputs mean, how they were scaled,
    /// where they came from. Names and texts are arbitrary. [`Network::load_with_notes`] returns the notes; other
    /// programs find them in the file's metadata as `wgrad.note.NAME`.
    ///
    /// # Errors
    /// Those of [`Network::save`]; [`Error::File`] also for notes of more than 100 MB together, safetensors' limit.
    #[cfg(not(target_family = "wasm"))]
    pub fn save_with_notes(&self, path: impl AsRef<Path>, notes: &BTreeMap<String, String>) -> Result<()> {
        self.save_for("Network::save_with_notes", path.as_ref(), notes)
    }

    /// What [`Network::save_with_notes`] writes to a file, as bytes: for a bundle of assets, or a place of the app's own.
    ///
    /// # Errors
    /// Those of [`Network::save_with_notes`].
    #[cfg(not(target_family = "wasm"))]
    pub fn to_bytes(&self, notes: &BTreeMap<String, String>) -> Result<Vec<u8>> {
        pollster::block_on(self.to_bytes_async(notes))
    }

    /// [`Network::to_bytes`], awaited.
    ///
    /// # Errors
    /// The same.
    pub async fn to_bytes_async(&self, notes: &BTreeMap<String, String>) -> Result<Vec<u8>> {
        self.bytes_for("Network::to_bytes", Path::new(MEMORY), notes).await
    }

    #[cfg(not(target_family = "wasm"))]
    fn save_for(&self, operation: &'static str, path: &Path, notes: &BTreeMap<String, String>) -> Result<()> {
        write(path, &pollster::block_on(self.bytes_for(operation, path, notes))?)
    }

    async fn bytes_for(
        &self,
        operation: &'static str,
        path: &Path,
        notes: &BTreeMap<String, String>,
    ) -> Result<Vec<u8>> {
        let tensors = parameter_tensors(self, operation).await?;
        let notes = notes.iter().map(|(name, text)| (format!("{NOTE}{name}"), text.clone()));
        bytes_of(path, &tensors, notes.chain([(MLP.to_owned(), self.mlp().to_string())]).collect())
    }

    /// Loads a network, or a population, from a file that [`Network::save`] or [`Trainer::save`] wrote.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Malformed`]; those of [`Network::from_parameters`].
    #[cfg(not(target_family = "wasm"))]
    pub fn load(gpu: &Gpu, path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self::load_with_notes(gpu, path)?.0)
    }

    /// Loads a network as [`Network::load`] does, and the notes that were saved with it, if any.
    ///
    /// # Errors
    /// Those of [`Network::load`].
    #[cfg(not(target_family = "wasm"))]
    pub fn load_with_notes(gpu: &Gpu, path: impl AsRef<Path>) -> Result<(Self, BTreeMap<String, String>)> {
        Self::load_from(gpu, path.as_ref(), &read(path.as_ref())?)
    }

    /// Loads a network, and the notes that were saved with it, from bytes that [`Network::to_bytes`] or [`Trainer::to_bytes`]
    /// returned, or from those of a file.
    ///
    /// ```
    /// # use std::collections::BTreeMap;
    /// # use wgrad::{Gpu, Mlp, Network};
    /// # fn main() -> wgrad::Result<()> {
    /// # let gpu = Gpu::headless()?;
    /// let network = Network::new(&gpu, &Mlp::widths(&[2, 8, 1]), 1)?;
    /// let bytes = network.to_bytes(&BTreeMap::new())?;
    /// // In the app, with `include_bytes!` or what the web server sent:
    /// let (same, _) = Network::from_bytes(&gpu, &bytes)?;
    /// assert_eq!(same.predict(&[0.5, -1.0])?, network.predict(&[0.5, -1.0])?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Malformed`]; those of [`Network::from_parameters`].
    pub fn from_bytes(gpu: &Gpu, bytes: &[u8]) -> Result<(Self, BTreeMap<String, String>)> {
        Self::load_from(gpu, Path::new(MEMORY), bytes)
    }

    fn load_from(gpu: &Gpu, path: &Path, bytes: &[u8]) -> Result<(Self, BTreeMap<String, String>)> {
        let contents = Contents::new(path, bytes)?;
        Ok((contents.network(gpu)?, contents.notes()))
    }

    /// Replaces this network's parameters with those of a file: one written by wgrad with the same layers, or any
    /// safetensors file with exactly the tensors of these layers, for example from PyTorch.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Malformed`]: the parameters are then unchanged. Those of
    /// [`Network::write_parameters`].
    #[cfg(not(target_family = "wasm"))]
    pub fn restore(&self, path: impl AsRef<Path>) -> Result<()> {
        self.restore_named(path, |name| name.to_owned())
    }

    /// Restores as [`Network::restore`] does, from a file that calls the tensors otherwise: `name_in_file` is given `0.weight`,
    /// `0.bias`, `2.weight` and so on, and returns the name in the file.
    ///
    /// ```no_run
    /// # let network: wgrad::Network = todo!();
    /// // Of a model that DataParallel had wrapped; after torch.compile the prefix is `_orig_mod.`.
    /// network.restore_named("model.safetensors", |name| format!("module.{name}"))?;
    /// # Ok::<(), wgrad::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Network::restore`].
    #[cfg(not(target_family = "wasm"))]
    pub fn restore_named(&self, path: impl AsRef<Path>, name_in_file: impl Fn(&str) -> String) -> Result<()> {
        self.restore_from(path.as_ref(), &read(path.as_ref())?, &name_in_file)
    }

    /// Restores as [`Network::restore_named`] does, from the bytes of such a file.
    ///
    /// # Errors
    /// Those of [`Network::restore`], but for reading a file.
    pub fn restore_from_bytes(&self, bytes: &[u8], name_in_file: impl Fn(&str) -> String) -> Result<()> {
        self.restore_from(Path::new(MEMORY), bytes, &name_in_file)
    }

    fn restore_from(&self, path: &Path, bytes: &[u8], name_in_file: &dyn Fn(&str) -> String) -> Result<()> {
        let contents = Contents::new(path, bytes)?;
        if contents.is_from_wgrad() {
            let (found, count) = (contents.mlp()?, contents.count()?);
            if found != *self.mlp() || count != self.count() {
                return Err(contents.malformed(
                    "the metadata",
                    format!("{count} of {found}"),
                    format!("{} of {}", self.count(), self.mlp()),
                ));
            }
        }
        self.write_parameters(&contents.parameters(self.mlp(), self.count(), name_in_file)?)
    }
}

/// A tensor: its name, type, shape and bytes.
type Tensor = (String, Dtype, Vec<usize>, Vec<u8>);

/// The dense layers: the index of the linear map among PyTorch's modules (an activation is a module too), its inputs
/// and outputs, whether it has a bias, and the index of its first parameter.
fn linear_layers(mlp: &Mlp) -> impl Iterator<Item = (usize, [usize; 2], bool, usize)> {
    let layers = mlp.layers().iter().zip(mlp.parameter_ranges());
    layers.scan(0, |next_module, (layer, range)| {
        let module = *next_module;
        *next_module += 1 + usize::from(layer.activation != Activation::Identity);
        Some((module, [layer.inputs, layer.outputs], layer.bias, range.start))
    })
}

/// The shape of a tensor: for a population, the number of networks comes before its dimensions.
fn shape(count: usize, dimensions: &[usize]) -> Vec<usize> {
    if count == 1 { dimensions.to_vec() } else { [&[count], dimensions].concat() }
}

async fn parameter_tensors(network: &Network, operation: &'static str) -> Result<Vec<Tensor>> {
    let (mlp, count) = (network.mlp(), network.count());
    let parameters = network.read_parameters_async().await?;
    // In a population, a network that has diverged must not keep the others from being saved.
    if count == 1 {
        check_finite(operation, "parameters", &parameters)?;
    }
    let mut tensors = Vec::new();
    if let Some(grid) = mlp.grid() {
        let (features, range) = (grid.features as usize, mlp.grid_range());
        let each = parameters.chunks_exact(mlp.parameter_count()).flat_map(|parameters| &parameters[range.clone()]);
        let values = each.copied().collect::<Vec<f32>>();
        let dimensions = [range.len() / features, features];
        tensors.push((GRID.to_owned(), Dtype::F32, shape(count, &dimensions), bytemuck::cast_slice(&values).to_vec()));
    }
    for (layer, [inputs, outputs], bias, start) in linear_layers(mlp) {
        let (mut weights, mut biases) = (Vec::new(), Vec::new());
        for parameters in parameters.chunks_exact(mlp.parameter_count()) {
            let w = &parameters[start..];
            weights.extend((0..outputs).flat_map(|output| (0..inputs).map(move |input| w[input * outputs + output])));
            biases.extend_from_slice(&w[inputs * outputs..][..if bias { outputs } else { 0 }]);
        }
        let bytes = |values: &[f32]| bytemuck::cast_slice(values).to_vec();
        tensors.push((format!("{layer}.weight"), Dtype::F32, shape(count, &[outputs, inputs]), bytes(&weights)));
        if bias {
            tensors.push((format!("{layer}.bias"), Dtype::F32, shape(count, &[outputs]), bytes(&biases)));
        }
    }
    Ok(tensors)
}

//! Networks and training runs in safetensors files, with the tensor names and layouts that PyTorch's `nn.Sequential` of
//! `Linear` and the activations' modules loads with `load_state_dict`: `0.weight` as `[outputs, inputs]`, `0.bias` as
//! `[outputs]`, where 0 is the module's index; exponential and sine count as modules, which PyTorch lacks. A population's
//! tensors have one more leading dimension, `[networks, …]`.
//!
//! The file's metadata holds the layers, a training run's configuration, the app's notes, and a checksum of the whole
//! file. A new file is written beside the one that it replaces, and renamed only when it is complete and on disk.

mod contents;

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use safetensors::tensor::{Dtype, TensorView};

use crate::activation::Activation;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::gpu::{Gpu, words_as_bytes};
use crate::mlp::Mlp;
use crate::network::Network;
use crate::rows::check_finite;
use crate::trainer::Trainer;
use contents::Contents;

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
const LOSS: &str = "wgrad.loss";
const OPTIMIZER: &str = "wgrad.optimizer";
const SCHEDULE: &str = "wgrad.schedule";
const WEIGHT_DECAY: &str = "wgrad.weight_decay";
const CLIP_NORM: &str = "wgrad.clip_norm";
const AVERAGE: &str = "wgrad.average";
const FROZEN: &str = "wgrad.frozen";

/// The prefix of a note's key.
const NOTE: &str = "wgrad.note.";

/// The tensors of a training run.
const STATE: &str = "training.state";
const LEARNING_RATES: &str = "training.learning_rates";
const WEIGHT_DECAYS: &str = "training.weight_decays";
const MOMENTS: &str = "training.moments";

/// Replaces the checksum while it is computed.
const NO_CHECKSUM: &str = "00000000";

impl Network {
    /// Saves the network, or all networks of a population, after all earlier submissions. Waits. An existing file is
    /// replaced only when the new one is complete.
    ///
    /// # Errors
    /// [`Error::NotFinite`] for diverged parameters, [`Error::File`]; those of [`Network::read_parameters`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.save_for("Network::save", path.as_ref(), &BTreeMap::new())
    }

    /// Saves as [`Network::save`] does, together with notes of the app: what the inputs mean, how they were scaled,
    /// where they came from. Names and texts are arbitrary. [`Network::load_with_notes`] returns the notes; other
    /// programs find them in the file's metadata as `wgrad.note.NAME`.
    ///
    /// # Errors
    /// Those of [`Network::save`]; [`Error::File`] also for notes of more than 100 MB together, safetensors' limit.
    pub fn save_with_notes(&self, path: impl AsRef<Path>, notes: &BTreeMap<String, String>) -> Result<()> {
        self.save_for("Network::save_with_notes", path.as_ref(), notes)
    }

    fn save_for(&self, operation: &'static str, path: &Path, notes: &BTreeMap<String, String>) -> Result<()> {
        let tensors = parameter_tensors(self, operation)?;
        let notes = notes.iter().map(|(name, text)| (format!("{NOTE}{name}"), text.clone()));
        write(path, tensors, notes.chain([(MLP.to_owned(), self.mlp().to_string())]).collect())
    }

    /// Loads a network, or a population, from a file that [`Network::save`] or [`Trainer::save`] wrote.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Malformed`]; those of [`Network::from_parameters`].
    pub fn load(gpu: &Gpu, path: impl AsRef<Path>) -> Result<Self> {
        let bytes = read(path.as_ref())?;
        Contents::new(path.as_ref(), &bytes)?.network(gpu)
    }

    /// Loads a network as [`Network::load`] does, and the notes that were saved with it, if any.
    ///
    /// # Errors
    /// Those of [`Network::load`].
    pub fn load_with_notes(gpu: &Gpu, path: impl AsRef<Path>) -> Result<(Self, BTreeMap<String, String>)> {
        let bytes = read(path.as_ref())?;
        let contents = Contents::new(path.as_ref(), &bytes)?;
        Ok((contents.network(gpu)?, contents.notes()))
    }

    /// Replaces this network's parameters with those of a file: one written by wgrad with the same layers, or any
    /// safetensors file with exactly the tensors of these layers, for example from PyTorch.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Malformed`]: the parameters are then unchanged. Those of
    /// [`Network::write_parameters`].
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
    pub fn restore_named(&self, path: impl AsRef<Path>, name_in_file: impl Fn(&str) -> String) -> Result<()> {
        let bytes = read(path.as_ref())?;
        let contents = Contents::new(path.as_ref(), &bytes)?;
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
        self.write_parameters(&contents.parameters(self.mlp(), self.count(), &name_in_file)?)
    }
}

impl Trainer {
    /// Saves the training run and its network after all earlier submissions: parameters, moments, learning rates,
    /// configuration and training state. Waits. [`Trainer::resume`] continues from there, bit for bit.
    ///
    /// # Errors
    /// Those of [`Network::save`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let (network, config) = (self.network(), self.config());
        let mut tensors = parameter_tensors(network, "Trainer::save")?;
        let state = self.read_state("Trainer::save")?;
        let [learning_rates, weight_decays] = self.read_rates("Trainer::save")?;
        let count = network.count();
        let words = state.len() / count;
        tensors.push((STATE.to_owned(), Dtype::U32, vec![count, words], words_as_bytes(&state).to_vec()));
        for (name, rates) in [(LEARNING_RATES, learning_rates), (WEIGHT_DECAYS, weight_decays)] {
            tensors.push((name.to_owned(), Dtype::F32, vec![count], bytemuck::cast_slice(&rates).to_vec()));
        }
        if let Some((kept, moments)) = self.read_moments("Trainer::save")? {
            let shape = vec![count, kept, network.mlp().parameter_count()];
            tensors.push((MOMENTS.to_owned(), Dtype::F32, shape, bytemuck::cast_slice(&moments).to_vec()));
        }
        let metadata = [
            (MLP, network.mlp().to_string()),
            (SAMPLES, self.samples().to_string()),
            (BATCH_SIZE, config.batch_size.to_string()),
            (SHUFFLE, config.shuffle.to_string()),
            (SEED, config.seed.to_string()),
            (PLAN, config.plan.to_string()),
            (LOSS, config.loss.to_string()),
            (OPTIMIZER, config.optimizer.to_string()),
            (SCHEDULE, config.schedule.to_string()),
            (WEIGHT_DECAY, config.weight_decay.to_string()),
            (FROZEN, config.frozen.iter().map(usize::to_string).collect::<Vec<_>>().join(" ")),
        ];
        let clip_norm = config.clip_norm.map(|norm| (CLIP_NORM, norm.to_string()));
        let average = config.average.map(|factor| (AVERAGE, factor.to_string()));
        let metadata = metadata.into_iter().chain(clip_norm).chain(average);
        write(path.as_ref(), tensors, metadata.map(|(key, value)| (key.to_owned(), value)).collect())
    }

    /// Resumes a training run that [`Trainer::save`] wrote, on the same data set. On the same device and build, the
    /// results are bit for bit those of an uninterrupted run.
    ///
    /// # Errors
    /// [`Error::File`]; [`Error::Malformed`], also for a data set with another number of samples; those of
    /// [`Trainer::new`].
    pub fn resume(data: &Dataset, path: impl AsRef<Path>) -> Result<(Network, Self)> {
        let bytes = read(path.as_ref())?;
        let contents = Contents::new(path.as_ref(), &bytes)?;
        let network = contents.network(data.gpu())?;
        let config = contents.config()?;
        let count = network.count();
        let learning_rates = contents.f32s(LEARNING_RATES, &[count])?;
        let kept = config.descent().kept().len();
        let shape = [count, kept, network.mlp().parameter_count()];
        let moments = if kept > 0 { contents.f32s(MOMENTS, &shape)? } else { Vec::new() };
        let weight_decays = match config.weight_decay {
            0.0 => Vec::new(),
            _ => contents.f32s(WEIGHT_DECAYS, &[count])?,
        };
        let words = contents.state(count)?;
        let mut trainer = Trainer::new(&network, data, config)?;
        let samples = contents.value::<usize>(SAMPLES)?;
        if samples != data.samples() {
            let (found, expected) =
                (format!("{samples} samples"), format!("the data set's {} samples", data.samples()));
            return Err(contents.malformed(format!("metadata {SAMPLES}"), found, expected));
        }
        if !trainer.is_valid(&words) {
            let expected = format!("a position in an epoch of {samples} samples");
            return Err(contents.malformed(format!("tensor {STATE}"), "another position", expected));
        }
        trainer.write_learning_rates(&learning_rates)?;
        if !weight_decays.is_empty() {
            trainer.write_weight_decays(&weight_decays)?;
        }
        trainer.write_moments(&moments)?;
        trainer.write_state(&words)?;
        Ok((network, trainer))
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

fn parameter_tensors(network: &Network, operation: &'static str) -> Result<Vec<Tensor>> {
    let (mlp, count) = (network.mlp(), network.count());
    let parameters = network.read_parameters()?;
    check_finite(operation, "parameters", &parameters)?;
    let mut tensors = Vec::new();
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

fn file_error(action: &'static str, path: &Path, reason: impl ToString) -> Error {
    Error::File { action, path: path.display().to_string(), reason: reason.to_string() }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| file_error("read", path, error))
}

/// Writes a file with its checksum, atomically.
fn write(path: &Path, tensors: Vec<Tensor>, mut metadata: HashMap<String, String>) -> Result<()> {
    // The rename would replace a device or a socket, too.
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(file_error("write", path, "it is not a regular file"));
    }
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

    let failed = |error: std::io::Error| file_error("write", path, error);
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // In the same folder, since a rename is atomic only within a file system.
    let mut file = tempfile::Builder::new().prefix(".wgrad-").tempfile_in(folder).map_err(failed)?;
    file.write_all(&bytes).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    // The new name is on disk once the folder is. Not every system can open a folder.
    if let Ok(folder) = File::open(folder) {
        _ = folder.sync_all();
    }
    Ok(())
}

/// The offset of a checksum's digits in a file.
fn checksum_offset(bytes: &[u8], checksum: &str) -> Option<usize> {
    let before = format!("\"{CHECKSUM}\":\"");
    let entry = format!("{before}{checksum}\"");
    bytes.windows(entry.len()).position(|window| window == entry.as_bytes()).map(|start| start + before.len())
}

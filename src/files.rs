//! Networks and training runs in files: safetensors, with the names and layouts that PyTorch's `nn.Sequential` of `Linear`
//! and `Sigmoid` loads by `load_state_dict`: `0.weight` as `[outputs, inputs]`, `0.bias` as `[outputs]`, the number being
//! the layer's. Of a population each has one dimension more in front, `[networks, …]`.
//!
//! What the layers are, and of a training run its configuration, stands in the file's metadata, and so does a checksum of
//! the whole file, which covers an app's notes there too. A file is written beside the one that it replaces, and takes its
//! place only when it is complete and on the disk.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::activation::Activation;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::gpu::{Gpu, values, words_as_bytes};
use crate::mlp::Mlp;
use crate::network::Network;
use crate::rows::check_finite;
use crate::trainer::{Plan, TrainConfig, Trainer};

/// The version of what stands in the metadata.
const VERSION: &str = "1";

/// The metadata's keys. A file that has any of them is ours, and must have all that belong to it.
const WGRAD: &str = "wgrad";
const CHECKSUM: &str = "wgrad.checksum";
const MLP: &str = "wgrad.mlp";
const SAMPLES: &str = "wgrad.samples";
const BATCH_SIZE: &str = "wgrad.batch_size";
const SHUFFLE: &str = "wgrad.shuffle";
const SEED: &str = "wgrad.seed";
const PLAN: &str = "wgrad.plan";

/// Before the name of a note.
const NOTE: &str = "wgrad.note.";

/// The tensors of a training run.
const STATE: &str = "training.state";
const LEARNING_RATES: &str = "training.learning_rates";

/// What stands for the checksum while it is computed.
const NO_CHECKSUM: &str = "00000000";

impl Network {
    /// Saves the network, or all of a population, waiting for what was submitted before. A file that is there already
    /// is replaced when the new one is complete; until then it stands.
    ///
    /// # Errors
    /// [`Error::NotFinite`] for parameters that have diverged, [`Error::File`]; those of [`Network::read_parameters`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        self.save_for("Network::save", path.as_ref(), &BTreeMap::new())
    }

    /// Saves as [`Network::save`] does, and with it what the app wants to find beside the parameters: what the inputs
    /// mean, how they were scaled, where they came from. Any text will do, under any name. [`Network::load_with_notes`]
    /// gives it back; other programs find a note in the file's metadata as `wgrad.note.NAME`.
    ///
    /// # Errors
    /// Those of [`Network::save`]; [`Error::File`] also for notes of more than 100 MB together, which is all that a
    /// safetensors file has room for.
    pub fn save_with_notes(&self, path: impl AsRef<Path>, notes: &BTreeMap<String, String>) -> Result<()> {
        self.save_for("Network::save_with_notes", path.as_ref(), notes)
    }

    fn save_for(&self, operation: &'static str, path: &Path, notes: &BTreeMap<String, String>) -> Result<()> {
        let tensors = parameter_tensors(self, operation)?;
        let notes = notes.iter().map(|(name, text)| (format!("{NOTE}{name}"), text.clone()));
        write(path, tensors, notes.chain([(MLP.to_owned(), self.mlp().to_string())]).collect())
    }

    /// A network, or a population, from a file that [`Network::save`] or [`Trainer::save`] wrote.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Malformed`]; those of [`Network::from_parameters`].
    pub fn load(gpu: &Gpu, path: impl AsRef<Path>) -> Result<Self> {
        let bytes = read(path.as_ref())?;
        Contents::new(path.as_ref(), &bytes)?.network(gpu)
    }

    /// A network as [`Network::load`] gives it, and the notes that were saved with it: none where there were none.
    ///
    /// # Errors
    /// Those of [`Network::load`].
    pub fn load_with_notes(gpu: &Gpu, path: impl AsRef<Path>) -> Result<(Self, BTreeMap<String, String>)> {
        let bytes = read(path.as_ref())?;
        let contents = Contents::new(path.as_ref(), &bytes)?;
        Ok((contents.network(gpu)?, contents.notes()))
    }

    /// Replaces this network's parameters by those of a file: one of ours with the same layers, or any safetensors
    /// file that has just the tensors of these layers, such as one that PyTorch wrote.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Malformed`]: the parameters are then unchanged. Those of
    /// [`Network::write_parameters`].
    pub fn restore(&self, path: impl AsRef<Path>) -> Result<()> {
        let bytes = read(path.as_ref())?;
        let contents = Contents::new(path.as_ref(), &bytes)?;
        if contents.is_ours() {
            let (found, count) = (contents.mlp()?, contents.count()?);
            if found != *self.mlp() || count != self.count() {
                return Err(contents.malformed(
                    "the metadata",
                    format!("{count} of {found}"),
                    format!("{} of {}", self.count(), self.mlp()),
                ));
            }
        }
        self.write_parameters(&contents.parameters(self.mlp(), self.count())?)
    }
}

impl Trainer {
    /// Saves the training run with its network, waiting for what was submitted before: parameters, learning rates,
    /// configuration, and where it stands. [`Trainer::resume`] goes on from there with the same bits.
    ///
    /// # Errors
    /// Those of [`Network::save`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let (network, config) = (self.network(), self.config());
        let mut tensors = parameter_tensors(network, "Trainer::save")?;
        let state = self.read_state("Trainer::save")?;
        let learning_rates = self.read_learning_rates("Trainer::save")?;
        let count = network.count();
        let words = state.len() / count;
        tensors.push((STATE.to_owned(), Dtype::U32, vec![count, words], words_as_bytes(&state).to_vec()));
        let learning_rates = bytemuck::cast_slice(&learning_rates).to_vec();
        tensors.push((LEARNING_RATES.to_owned(), Dtype::F32, vec![count], learning_rates));
        let metadata = [
            (MLP, network.mlp().to_string()),
            (SAMPLES, self.samples().to_string()),
            (BATCH_SIZE, config.batch_size.to_string()),
            (SHUFFLE, config.shuffle.to_string()),
            (SEED, config.seed.to_string()),
            (PLAN, config.plan.to_string()),
        ];
        write(path.as_ref(), tensors, metadata.map(|(key, value)| (key.to_owned(), value)).into())
    }

    /// Goes on with a training run that [`Trainer::save`] wrote, on the same data set: on the same device and build
    /// with the same bits as if it had never stopped.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Malformed`], also for a data set of another number of samples; those of
    /// [`Trainer::new`].
    pub fn resume(data: &Dataset, path: impl AsRef<Path>) -> Result<(Network, Self)> {
        let bytes = read(path.as_ref())?;
        let contents = Contents::new(path.as_ref(), &bytes)?;
        let network = contents.network(data.gpu())?;
        let config = TrainConfig {
            batch_size: contents.value(BATCH_SIZE)?,
            shuffle: contents.value(SHUFFLE)?,
            seed: contents.value(SEED)?,
            plan: contents.value::<Plan>(PLAN)?,
            ..TrainConfig::default()
        };
        let count = network.count();
        let learning_rates = contents.numbers(LEARNING_RATES, &[count])?;
        let words = contents.state(count)?;
        let mut trainer = Trainer::new(&network, data, config)?;
        let samples = contents.value::<usize>(SAMPLES)?;
        if samples != data.samples() {
            let (found, expected) =
                (format!("{samples} samples"), format!("the data set's {} samples", data.samples()));
            return Err(contents.malformed(format!("metadata {SAMPLES}"), found, expected));
        }
        if !trainer.is_valid(&words) {
            let expected = format!("a place in an epoch of {samples} samples");
            return Err(contents.malformed(format!("tensor {STATE}"), "another place", expected));
        }
        trainer.write_learning_rates(&learning_rates)?;
        trainer.write_state(&words)?;
        Ok((network, trainer))
    }
}

/// A tensor: its name, type, shape and bytes.
type Tensor = (String, Dtype, Vec<usize>, Vec<u8>);

/// The dense layers: the number of the linear map among PyTorch's modules, of which an activation is one too, the shape,
/// whether there is a bias, and the index of the first parameter.
fn linear_layers(mlp: &Mlp) -> impl Iterator<Item = (usize, [usize; 2], bool, usize)> {
    let layers = mlp.layers().iter().zip(mlp.parameter_ranges());
    layers.scan(0, |modules, (layer, range)| {
        let module = *modules;
        *modules += 1 + usize::from(layer.activation != Activation::Identity);
        Some((module, [layer.inputs, layer.outputs], layer.bias, range.start))
    })
}

/// The dimensions of a tensor, with one in front for the networks of a population.
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
        let bytes = |numbers: &[f32]| bytemuck::cast_slice(numbers).to_vec();
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

/// Writes a file with its checksum, whole or not at all.
fn write(path: &Path, tensors: Vec<Tensor>, mut metadata: HashMap<String, String>) -> Result<()> {
    // What takes a file's place would take a device's or a socket's too.
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
    let place =
        checksum_place(&bytes, NO_CHECKSUM).ok_or_else(|| file_error("write", path, "no place for a checksum"))?;
    let checksum = format!("{:08x}", crc32fast::hash(&bytes));
    bytes[place..place + checksum.len()].copy_from_slice(checksum.as_bytes());

    let failed = |error: std::io::Error| file_error("write", path, error);
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // In the same folder, since a file changes its name at once only within a file system.
    let mut file = tempfile::Builder::new().prefix(".wgrad-").tempfile_in(folder).map_err(failed)?;
    file.write_all(&bytes).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    // The new name is on the disk when the folder is. Not every system lets a folder be opened.
    if let Ok(folder) = File::open(folder) {
        _ = folder.sync_all();
    }
    Ok(())
}

/// Where a checksum's digits stand in a file.
fn checksum_place(bytes: &[u8], checksum: &str) -> Option<usize> {
    let before = format!("\"{CHECKSUM}\":\"");
    let entry = format!("{before}{checksum}\"");
    bytes.windows(entry.len()).position(|window| window == entry.as_bytes()).map(|place| place + before.len())
}

/// A file that was read: its tensors and metadata.
struct Contents<'a> {
    path: &'a Path,
    tensors: SafeTensors<'a>,
    metadata: HashMap<String, String>,
}

impl<'a> Contents<'a> {
    /// Checks that the file is whole: of ours also by version and checksum.
    fn new(path: &'a Path, bytes: &'a [u8]) -> Result<Self> {
        let malformed = |place: &str, found: String, expected: &str| Error::Malformed {
            path: path.display().to_string(),
            place: place.to_owned(),
            found,
            expected: expected.to_owned(),
        };
        let no_header = |error: safetensors::SafeTensorError| {
            malformed(&format!("{} bytes", bytes.len()), error.to_string(), "a whole safetensors file")
        };
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(no_header)?;
        let tensors = SafeTensors::deserialize(bytes).map_err(no_header)?;
        let contents = Contents { path, tensors, metadata: header.metadata().clone().unwrap_or_default() };
        if !contents.is_ours() {
            return Ok(contents);
        }
        let version = contents.text(WGRAD)?;
        if version != VERSION {
            return Err(contents.malformed(
                format!("metadata {WGRAD}"),
                format!("version {version}"),
                format!("version {VERSION}"),
            ));
        }
        let checksum = contents.text(CHECKSUM)?;
        let place = checksum_place(bytes, checksum)
            .filter(|_| checksum.len() == NO_CHECKSUM.len())
            .ok_or_else(|| contents.malformed(format!("metadata {CHECKSUM}"), checksum, "eight digits"))?;
        let mut hash = crc32fast::Hasher::new();
        for part in [&bytes[..place], NO_CHECKSUM.as_bytes(), &bytes[place + checksum.len()..]] {
            hash.update(part);
        }
        let found = format!("{:08x}", hash.finalize());
        if found != checksum {
            return Err(contents.malformed(
                "the whole file",
                format!("checksum {found}"),
                format!("checksum {checksum}"),
            ));
        }
        Ok(contents)
    }

    fn malformed(&self, place: impl ToString, found: impl ToString, expected: impl ToString) -> Error {
        Error::Malformed {
            path: self.path.display().to_string(),
            place: place.to_string(),
            found: found.to_string(),
            expected: expected.to_string(),
        }
    }

    fn is_ours(&self) -> bool {
        self.metadata.keys().any(|key| key.starts_with(WGRAD))
    }

    fn text(&self, key: &str) -> Result<&str> {
        let text = self.metadata.get(key).map(String::as_str);
        text.ok_or_else(|| self.malformed("the metadata", format!("no {key}"), "a file that wgrad wrote for this"))
    }

    fn value<T: std::str::FromStr>(&self, key: &str) -> Result<T> {
        let text = self.text(key)?;
        text.parse().map_err(|_| self.malformed(format!("metadata {key}"), text, std::any::type_name::<T>()))
    }

    fn notes(&self) -> BTreeMap<String, String> {
        let notes = self.metadata.iter().filter_map(|(key, text)| Some((key.strip_prefix(NOTE)?, text)));
        notes.map(|(name, text)| (name.to_owned(), text.clone())).collect()
    }

    fn mlp(&self) -> Result<Mlp> {
        let text = self.text(MLP)?;
        let mlp = parse_mlp(text).filter(|mlp| mlp.check("Network::load").is_ok());
        mlp.ok_or_else(|| self.malformed(format!("metadata {MLP}"), text, "layers, such as 2 → linear 30 → sigmoid"))
    }

    /// How many networks: those that the first weights are of.
    fn count(&self) -> Result<usize> {
        let mlp = self.mlp()?;
        let Some((layer, ..)) = linear_layers(&mlp).next() else { return Ok(1) };
        let weights = self.tensor(&format!("{layer}.weight"))?;
        Ok(if weights.shape().len() == 3 { weights.shape()[0] } else { 1 })
    }

    fn tensor(&self, name: &str) -> Result<TensorView<'_>> {
        let tensor = self.tensors.tensor(name);
        tensor.map_err(|error| self.malformed(format!("tensor {name}"), error, "that tensor"))
    }

    /// The bytes of a tensor that must have this type and shape.
    fn bytes(&self, name: &str, dtype: Dtype, shape: &[usize]) -> Result<Vec<u8>> {
        let tensor = self.tensor(name)?;
        if tensor.dtype() != dtype || tensor.shape() != shape {
            let found = format!("{:?} {:?}", tensor.dtype(), tensor.shape());
            return Err(self.malformed(format!("tensor {name}"), found, format!("{dtype:?} {shape:?}")));
        }
        Ok(tensor.data().to_vec())
    }

    fn numbers(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        Ok(values(&self.bytes(name, Dtype::F32, shape)?))
    }

    /// The words of a training run's state.
    fn state(&self, count: usize) -> Result<Vec<u32>> {
        Ok(values(&self.bytes(STATE, Dtype::U32, &[count, Trainer::STATE_WORDS])?))
    }

    fn parameters(&self, mlp: &Mlp, count: usize) -> Result<Vec<f32>> {
        let mut parameters = vec![0.0; count * mlp.parameter_count()];
        for (layer, [inputs, outputs], bias, start) in linear_layers(mlp) {
            let weights = self.numbers(&format!("{layer}.weight"), &shape(count, &[outputs, inputs]))?;
            let biases = match bias {
                true => self.numbers(&format!("{layer}.bias"), &shape(count, &[outputs]))?,
                false => Vec::new(),
            };
            for (network, parameters) in parameters.chunks_exact_mut(mlp.parameter_count()).enumerate() {
                let w = &mut parameters[start..];
                for (i, &weight) in weights[network * inputs * outputs..][..inputs * outputs].iter().enumerate() {
                    w[i % inputs * outputs + i / inputs] = weight;
                }
                if bias {
                    w[inputs * outputs..][..outputs].copy_from_slice(&biases[network * outputs..][..outputs]);
                }
            }
        }
        let expected = linear_layers(mlp).map(|(_, _, bias, _)| 1 + usize::from(bias)).sum::<usize>();
        let found = self.tensors.names().iter().filter(|name| !name.starts_with("training.")).count();
        if found != expected {
            return Err(self.malformed("the tensors", format!("{found} of them"), format!("the {expected} of {mlp}")));
        }
        Ok(parameters)
    }

    fn network(&self, gpu: &Gpu) -> Result<Network> {
        let (mlp, count) = (self.mlp()?, self.count()?);
        let parameters = self.parameters(&mlp, count)?;
        Network::population_from_parameters(gpu, &mlp, count, &parameters)
    }
}

/// The network that [`Mlp`]'s `Display` wrote.
fn parse_mlp(text: &str) -> Option<Mlp> {
    let mut layers = text.split(" → ");
    let mut mlp = Mlp::inputs(layers.next()?.parse().ok()?);
    for layer in layers {
        mlp = match layer.strip_prefix("linear ") {
            None if layer == "sigmoid" => mlp.sigmoid(),
            None => return None,
            Some(linear) => match linear.strip_suffix(" with bias") {
                Some(outputs) => mlp.linear(outputs.parse().ok()?).bias(),
                None => mlp.linear(linear.parse().ok()?),
            },
        };
    }
    Some(mlp)
}

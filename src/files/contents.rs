//! Checking and parsing a file that was read.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::{
    AVERAGE, BATCH_SIZE, CHECKSUM, CLIP_NORM, FROZEN, GRID, GRID_LEARNING_RATE, GRID_WEIGHT_DECAY, LOSS, MLP,
    NO_CHECKSUM, NOTE, OPTIMIZER, PART_OF, PLAN, SCHEDULE, SEED, SHUFFLE, STATE, VERSION, VERSIONS, WEIGHT_DECAY,
    WGRAD, format::checksum_offset, linear_layers, shape,
};
use crate::activation::Activation;
use crate::error::{Error, Result};
use crate::gpu::{Gpu, values};
use crate::mlp::Mlp;
use crate::network::Network;
use crate::trainer::{TrainConfig, Trainer};

/// The most tensors that an error names.
const MOST_NAMED: usize = 8;

/// A file that was read: its tensors and metadata.
pub(super) struct Contents<'a> {
    path: &'a Path,
    tensors: SafeTensors<'a>,
    metadata: HashMap<String, String>,
}

impl<'a> Contents<'a> {
    /// Checks that the file is complete; for one written by wgrad, also its version and checksum.
    pub fn new(path: &'a Path, bytes: &'a [u8]) -> Result<Self> {
        let malformed = |position: &str, found: String, expected: &str| Error::Malformed {
            path: path.display().to_string(),
            place: position.to_owned(),
            found,
            expected: expected.to_owned(),
        };
        let no_header = |error: safetensors::SafeTensorError| {
            malformed(&format!("{} bytes", bytes.len()), error.to_string(), "a whole safetensors file")
        };
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(no_header)?;
        let tensors = SafeTensors::deserialize(bytes).map_err(no_header)?;
        let contents = Contents { path, tensors, metadata: header.metadata().clone().unwrap_or_default() };
        if !contents.is_from_wgrad() {
            return Ok(contents);
        }
        let version = contents.metadata(WGRAD)?;
        if !VERSIONS.contains(&version) {
            return Err(contents.malformed(
                format!("metadata {WGRAD}"),
                format!("version {version}"),
                format!("version {VERSION}"),
            ));
        }
        let checksum = contents.metadata(CHECKSUM)?;
        let offset = checksum_offset(bytes, checksum)
            .filter(|_| checksum.len() == NO_CHECKSUM.len())
            .ok_or_else(|| contents.malformed(format!("metadata {CHECKSUM}"), checksum, "eight digits"))?;
        let mut hash = crc32fast::Hasher::new();
        for part in [&bytes[..offset], NO_CHECKSUM.as_bytes(), &bytes[offset + checksum.len()..]] {
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

    pub fn malformed(&self, position: impl ToString, found: impl ToString, expected: impl ToString) -> Error {
        Error::Malformed {
            path: self.path.display().to_string(),
            place: position.to_string(),
            found: found.to_string(),
            expected: expected.to_string(),
        }
    }

    pub fn is_from_wgrad(&self) -> bool {
        self.metadata.keys().any(|key| key.starts_with(WGRAD))
    }

    /// A metadata entry, as text.
    fn metadata(&self, key: &str) -> Result<&str> {
        let value = self.metadata.get(key).map(String::as_str);
        value.ok_or_else(|| self.malformed("the metadata", format!("no {key}"), "a file that wgrad wrote for this"))
    }

    /// A metadata entry, parsed.
    pub fn value<T: std::str::FromStr>(&self, key: &str) -> Result<T> {
        let text = self.metadata(key)?;
        text.parse().map_err(|_| self.malformed(format!("metadata {key}"), text, std::any::type_name::<T>()))
    }

    /// A metadata entry, parsed; none where there is no such.
    fn optional<T: std::str::FromStr>(&self, key: &str) -> Result<Option<T>> {
        self.metadata.get(key).map(|_| self.value(key)).transpose()
    }

    /// The configuration of a training run. What version 1 did not know has its default.
    pub fn config(&self) -> Result<TrainConfig> {
        let default = TrainConfig::default();
        let frozen = match self.metadata.get(FROZEN) {
            Some(text) => {
                let layers = text.split_whitespace().map(str::parse).collect::<std::result::Result<_, _>>();
                layers.map_err(|_| self.malformed(format!("metadata {FROZEN}"), text, "numbers of layers"))?
            }
            None => default.frozen,
        };
        Ok(TrainConfig {
            loss: self.optional(LOSS)?.unwrap_or(default.loss),
            optimizer: self.optional(OPTIMIZER)?.unwrap_or(default.optimizer),
            schedule: self.optional(SCHEDULE)?.unwrap_or(default.schedule),
            weight_decay: self.optional(WEIGHT_DECAY)?.unwrap_or(default.weight_decay),
            grid_learning_rate: self.optional(GRID_LEARNING_RATE)?.unwrap_or(default.grid_learning_rate),
            grid_weight_decay: self.optional(GRID_WEIGHT_DECAY)?.unwrap_or(default.grid_weight_decay),
            clip_norm: self.optional(CLIP_NORM)?,
            average: self.optional(AVERAGE)?,
            frozen,
            batch_size: self.value(BATCH_SIZE)?,
            shuffle: self.value(SHUFFLE)?,
            seed: self.value(SEED)?,
            plan: self.value(PLAN)?,
            part_of: self.optional(PART_OF)?,
            learning_rate: default.learning_rate,
        })
    }

    pub fn notes(&self) -> BTreeMap<String, String> {
        let notes = self.metadata.iter().filter_map(|(key, text)| Some((key.strip_prefix(NOTE)?, text)));
        notes.map(|(name, text)| (name.to_owned(), text.clone())).collect()
    }

    pub fn mlp(&self) -> Result<Mlp> {
        let text = self.metadata(MLP)?;
        let mlp = parse_mlp(text).filter(|mlp| mlp.check("Network::load").is_ok());
        mlp.ok_or_else(|| self.malformed(format!("metadata {MLP}"), text, "layers, such as 2 → linear 30 → sigmoid"))
    }

    /// The number of networks: the leading dimension of the first weights, if there is one.
    pub fn count(&self) -> Result<usize> {
        let mlp = self.mlp()?;
        let Some((layer, ..)) = linear_layers(&mlp).next() else { return Ok(1) };
        let weights = self.tensor(&format!("{layer}.weight"))?;
        Ok(if weights.shape().len() == 3 { weights.shape()[0] } else { 1 })
    }

    fn tensor(&self, name: &str) -> Result<TensorView<'_>> {
        self.tensors.tensor(name).map_err(|_| {
            let expected = format!("`{name}`; Network::restore_named takes files of other names");
            self.malformed("the tensors", self.named(), expected)
        })
    }

    /// The file's tensors in words, the first ones if they are many.
    fn named(&self) -> String {
        let mut names = self.tensors.names();
        names.sort();
        let more = names.len().saturating_sub(MOST_NAMED);
        names.truncate(MOST_NAMED);
        let shown = names.iter().map(|name| {
            let shape = self.tensors.tensor(name).map(|tensor| format!("{:?}", tensor.shape()));
            format!("`{name}` {}", shape.unwrap_or_default())
        });
        let shown = shown.collect::<Vec<_>>().join(", ");
        match (shown.is_empty(), more) {
            (true, _) => "none".to_owned(),
            (_, 0) => shown,
            _ => format!("{shown} and {more} more"),
        }
    }

    /// The bytes of a tensor, which must have this type and shape.
    fn bytes(&self, name: &str, dtype: Dtype, shape: &[usize]) -> Result<Vec<u8>> {
        let tensor = self.tensor(name)?;
        if tensor.dtype() != dtype || tensor.shape() != shape {
            let found = format!("{:?} {:?}", tensor.dtype(), tensor.shape());
            return Err(self.malformed(format!("tensor {name}"), found, format!("{dtype:?} {shape:?}")));
        }
        Ok(tensor.data().to_vec())
    }

    /// The values of an f32 tensor, which must have this shape.
    pub fn f32s(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        Ok(values(&self.bytes(name, Dtype::F32, shape)?))
    }

    /// The words of the training states.
    pub fn state(&self, count: usize) -> Result<Vec<u32>> {
        self.words(STATE, &[count, Trainer::STATE_WORDS])
    }

    /// The words of a u32 tensor, which must have this shape.
    pub fn words(&self, name: &str, shape: &[usize]) -> Result<Vec<u32>> {
        Ok(values(&self.bytes(name, Dtype::U32, shape)?))
    }

    /// The parameters, from the tensors that the file calls by these names.
    pub fn parameters(&self, mlp: &Mlp, count: usize, name_in_file: &dyn Fn(&str) -> String) -> Result<Vec<f32>> {
        let mut used = Vec::new();
        let mut values = |name: String, shape: &[usize]| {
            let name = name_in_file(&name);
            let values = self.f32s(&name, shape)?;
            if count == 1 {
                self.check_finite(&name, shape, &values)?;
            }
            used.push(name);
            Ok(values)
        };
        let mut parameters = vec![0.0; count * mlp.parameter_count()];
        if let Some(grid) = mlp.grid() {
            let (features, range) = (grid.features as usize, mlp.grid_range());
            let table = values(GRID.to_owned(), &shape(count, &[range.len() / features, features]))?;
            let networks = parameters.chunks_exact_mut(mlp.parameter_count()).zip(table.chunks_exact(range.len()));
            networks.for_each(|(parameters, table)| parameters[range.clone()].copy_from_slice(table));
        }
        for (layer, [inputs, outputs], bias, start) in linear_layers(mlp) {
            let weights = values(format!("{layer}.weight"), &shape(count, &[outputs, inputs]))?;
            let biases = match bias {
                true => values(format!("{layer}.bias"), &shape(count, &[outputs]))?,
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
        let is_other = |name: &&&str| !name.starts_with("training.") && !used.iter().any(|used| used == *name);
        match self.tensors.names().iter().filter(is_other).min() {
            Some(other) => {
                Err(self.malformed("the tensors", format!("also `{other}`"), format!("only those of {mlp}")))
            }
            None => Ok(parameters),
        }
    }

    fn check_finite(&self, name: &str, shape: &[usize], values: &[f32]) -> Result<()> {
        let Some(at) = values.iter().position(|value| !value.is_finite()) else { return Ok(()) };
        let mut rest = at;
        let mut place = shape.iter().rev().map(|&size| (rest % size, rest /= size).0).collect::<Vec<_>>();
        place.reverse();
        Err(self.malformed(format!("tensor `{name}`"), format!("{} at {place:?}", values[at]), "finite numbers"))
    }

    pub fn network(&self, gpu: &Gpu) -> Result<Network> {
        let (mlp, count) = (self.mlp()?, self.count()?);
        let parameters = self.parameters(&mlp, count, &|name| name.to_owned())?;
        Network::population_from_parameters(gpu, &mlp, count, &parameters)
    }
}

/// Parses the output of [`Mlp`]'s `Display`.
fn parse_mlp(text: &str) -> Option<Mlp> {
    let mut parts = text.split(" → ");
    let mut mlp = Mlp::inputs(parts.next()?.parse().ok()?);
    for part in parts {
        mlp = match part.strip_prefix("linear ") {
            None if mlp.layers().is_empty() => mlp.encoding(part.parse().ok()?),
            None => mlp.activation(activation(part)?),
            Some(linear) => match linear.strip_suffix(" with bias") {
                Some(outputs) => mlp.linear(outputs.parse().ok()?).bias(),
                None => mlp.linear(linear.parse().ok()?),
            },
        };
    }
    Some(mlp)
}

/// The activation that a file calls by this name; the identity is what a layer has without one.
fn activation(name: &str) -> Option<Activation> {
    name.parse().ok().filter(|&activation| activation != Activation::Identity)
}

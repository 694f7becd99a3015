//! The network, the picture that it learns, and its trainer.

use std::sync::{Arc, Mutex, MutexGuard};

use wgrad::{Dataset, Gpu, Network, Picture, Result, Trainer};

use super::panel::Settings;
use super::quality::Quality;
use crate::coordinate_network::{Kind, config, network};
use crate::learning::Learning;
use crate::lock::lock;
use crate::pixels::Pixels;

/// The logarithm of the hash grid's entries per level.
const TABLE_LOG2: u32 = 15;

/// A picture, on the host and on the GPU.
pub struct Source {
    /// On the host.
    pub pixels: Arc<Pixels>,
    picture: Picture,
}

impl Source {
    /// Uploads a picture.
    ///
    /// # Errors
    /// Those of [`Picture::from_slice`].
    pub fn new(gpu: &Gpu, pixels: Arc<Pixels>) -> Result<Self> {
        let picture = Picture::from_slice(gpu, pixels.width, 3, &pixels.rgb)?;
        Ok(Source { pixels, picture })
    }
}

/// A network that learns a picture.
pub struct Training {
    network: Network,
    kind: Kind,
    learning: Arc<Mutex<Learning>>,
}

impl Training {
    /// A new network as in the settings.
    ///
    /// # Errors
    /// Those of the network and of its trainer.
    pub fn new(gpu: &Gpu, source: &Source, settings: &Settings) -> Result<Self> {
        let network = network(gpu, settings.kind, TABLE_LOG2, settings.seed)?;
        Training::of(network, source, settings)
    }

    /// The same network, trained by batches as in the settings, beginning with the optimizer's moments at 0.
    ///
    /// # Errors
    /// Those of a trainer.
    pub fn trained_by(&self, source: &Source, settings: &Settings) -> Result<Self> {
        Training::of(self.network.clone(), source, settings)
    }

    /// This network, trained as in the settings, beginning with the optimizer's moments at 0.
    ///
    /// # Errors
    /// Those of a trainer.
    pub fn of(network: Network, source: &Source, settings: &Settings) -> Result<Self> {
        let points = Dataset::from_picture(&source.picture, settings.batch(), settings.seed)?;
        let trainer = Trainer::new(&network, &points, config(settings.batch()))?;
        let quality = Quality::new(&network, &source.pixels)?;
        let learning = Arc::new(Mutex::new(Learning::new(trainer, Some(quality))));
        Ok(Training { network, kind: settings.kind, learning })
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The network's description, such as `2-grid-64-64-3, 714880 parameters`.
    pub fn description(&self) -> String {
        let mlp = self.network.mlp();
        let encoding = if self.kind == Kind::None { String::new() } else { format!("{}-", self.kind) };
        format!("2-{encoding}64-64-3, {} parameters", mlp.parameter_count())
    }

    /// What frames record. The paint callback uses it too, perhaps on another thread.
    pub fn learning(&self) -> MutexGuard<'_, Learning> {
        lock(&self.learning)
    }

    /// The same, for a paint callback.
    pub fn shared_learning(&self) -> Arc<Mutex<Learning>> {
        Arc::clone(&self.learning)
    }
}

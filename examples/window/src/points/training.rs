//! The network, its points, and its trainer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use wgrad::{Activation, Dataset, Error, Gpu, Loss, Mlp, Network, Optimizer, Result, TrainConfig, Trainer};

use super::data::{self, Point};
use super::panel::Settings;
use crate::learning::Learning;
use crate::lock::lock;

/// The most points.
const CAPACITY: usize = 4096;

/// The name of the note with the points.
const POINTS: &str = "points";

/// A network that learns points. For other layers, other points or another way to train it is replaced as a whole.
pub struct Training {
    network: Network,
    data: Dataset,
    points: Vec<Point>,
    loss: Loss,
    optimizer: Optimizer,
    learning: Arc<Mutex<Learning>>,
}

impl Training {
    /// A network with the layers in the settings, and new weights.
    ///
    /// # Errors
    /// Those of the network and of its trainer.
    pub fn new(gpu: &Gpu, settings: &Settings, seed: u64, points: Vec<Point>) -> Result<Self> {
        let hidden = settings.hidden().iter();
        let layers =
            hidden.fold(Mlp::inputs(2), |mlp, &width| mlp.linear(width).bias().activation(settings.activation));
        let network = Network::new(gpu, &layers.linear(1).bias().sigmoid(), seed)?;
        Training::of(network, points, settings)
    }

    /// A network and its points from a file, to be trained as in the settings.
    ///
    /// # Errors
    /// Those of [`Network::from_bytes`] and of a trainer; [`Error::Malformed`] for a network of another shape than points have.
    pub fn from_bytes(gpu: &Gpu, bytes: &[u8], settings: &Settings) -> Result<Self> {
        let (network, notes) = Network::from_bytes(gpu, bytes)?;
        let (inputs, outputs) = (network.mlp().input_width(), network.mlp().output_width());
        if (inputs, outputs) != (2, 1) {
            return Err(Error::Malformed {
                path: String::new(),
                place: "the network".to_owned(),
                found: format!("{inputs} inputs and {outputs} outputs"),
                expected: "2 inputs, a point's coordinates, and 1 output, its class".to_owned(),
            });
        }
        // Another program's file has no note with points.
        let points = notes.get(POINTS).and_then(|text| data::from_text(text)).unwrap_or_default();
        Training::of(network, points, settings)
    }

    /// A network that learns these points, to be trained as in the settings, beginning with the optimizer's moments at 0.
    ///
    /// # Errors
    /// Those of a trainer.
    pub fn of(network: Network, points: Vec<Point>, settings: &Settings) -> Result<Self> {
        let last = network.mlp().layers().last().map(|layer| layer.activation);
        let loss = match settings.loss {
            // Of the outputs of another program's network that are no probabilities, it would be of their sigmoid, which
            // the picture does not show.
            Loss::BinaryCrossEntropy if last != Some(Activation::Sigmoid) => Loss::SquaredError,
            loss => loss,
        };
        let data = Dataset::with_capacity(network.gpu(), CAPACITY, 2, 1)?;
        let positions = points.iter().flat_map(|point| point.position).collect::<Vec<_>>();
        let targets = points.iter().map(|point| point.class.target(loss)).collect::<Vec<_>>();
        data.write_rows(0, &positions, &targets)?;
        // One point per step, shuffled in each epoch: two spirals take the fewest steps this way.
        let (optimizer, learning_rate) = (settings.optimizer, settings.learning_rate);
        let config = TrainConfig { loss, optimizer, learning_rate, shuffle: true, ..Default::default() };
        let learning = Learning::new(Trainer::new(&network, &data, config)?, None);
        Ok(Training { network, data, points, loss, optimizer, learning: Arc::new(Mutex::new(learning)) })
    }

    /// The same network and points, to be trained as in the settings, beginning with the optimizer's moments at 0.
    ///
    /// # Errors
    /// Those of a trainer.
    pub fn trained_by(&self, settings: &Settings) -> Result<Self> {
        Training::of(self.network.clone(), self.points.clone(), settings)
    }

    /// What is saved with the network: its points.
    pub fn notes(&self) -> BTreeMap<String, String> {
        BTreeMap::from([(POINTS.to_owned(), data::to_text(&self.points))])
    }

    /// Adds a point, on which the next frame's steps train too.
    ///
    /// # Errors
    /// Those of [`Dataset::write_rows`]: also if there are too many.
    pub fn add(&mut self, point: Point) -> Result<()> {
        self.data.write_rows(self.points.len(), &point.position, &[point.class.target(self.loss)])?;
        self.points.push(point);
        Ok(())
    }

    /// The points.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The loss.
    pub fn loss(&self) -> Loss {
        self.loss
    }

    /// The optimizer.
    pub fn optimizer(&self) -> Optimizer {
        self.optimizer
    }

    /// The activation of the first layer, if that is hidden.
    pub fn activation(&self) -> Option<Activation> {
        let layers = self.network.mlp().layers();
        layers.first().filter(|_| layers.len() > 1).map(|layer| layer.activation)
    }

    /// The units of each hidden layer.
    pub fn hidden(&self) -> Vec<usize> {
        let mut widths = self.network.mlp().layers().iter().map(|layer| layer.outputs).collect::<Vec<_>>();
        widths.pop(); // the output's
        widths
    }

    /// The network's description, such as `2-32-32-1, 1185 parameters`.
    pub fn description(&self) -> String {
        let hidden = self.hidden().iter().map(|width| format!("{width}-")).collect::<String>();
        format!("2-{hidden}1, {} parameters", self.network.mlp().parameter_count())
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

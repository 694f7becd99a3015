//! The network, its points, and its trainer.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wgrad::{Dataset, Gpu, Mlp, Network, Result, TrainConfig, Trainer};

use crate::points::{self, Point};

/// The most points.
const CAPACITY: usize = 4096;

/// The name of the note with the points.
const POINTS: &str = "points";

/// A network that learns points. For other layers or other points it is replaced as a whole.
pub struct Training {
    network: Network,
    data: Dataset,
    points: Vec<Point>,
    trainer: Arc<Mutex<Trainer>>,
}

impl Training {
    /// A network with these units per hidden layer, and new weights.
    pub fn new(gpu: &Gpu, hidden: &[usize], seed: u64, points: Vec<Point>, learning_rate: f32) -> Result<Self> {
        let layers = hidden.iter().fold(Mlp::inputs(2), |mlp, &width| mlp.linear(width).bias().sigmoid());
        let network = Network::new(gpu, &layers.linear(1).bias().sigmoid(), seed)?;
        Training::of(network, points, learning_rate)
    }

    /// Loads a network and its points from a file.
    pub fn load(gpu: &Gpu, path: &Path, learning_rate: f32) -> Result<Self> {
        let (network, notes) = Network::load_with_notes(gpu, path)?;
        // Another program's file has no note with points.
        let points = notes.get(POINTS).and_then(|text| points::from_text(text)).unwrap_or_default();
        Training::of(network, points, learning_rate)
    }

    fn of(network: Network, points: Vec<Point>, learning_rate: f32) -> Result<Self> {
        let data = Dataset::with_capacity(network.gpu(), CAPACITY, 2, 1)?;
        let positions = points.iter().flat_map(|point| point.position).collect::<Vec<_>>();
        let targets = points.iter().map(|point| point.class.target()).collect::<Vec<_>>();
        data.write_rows(0, &positions, &targets)?;
        // One point per step, shuffled in each epoch: two spirals take the fewest steps this way.
        let config = TrainConfig { learning_rate, batch_size: 1, shuffle: true, ..Default::default() };
        let trainer = Trainer::new(&network, &data, config)?;
        Ok(Training { network, data, points, trainer: Arc::new(Mutex::new(trainer)) })
    }

    /// Saves the network with its points.
    pub fn save(&self, path: &Path) -> Result<()> {
        let notes = BTreeMap::from([(POINTS.to_owned(), points::to_text(&self.points))]);
        self.network.save_with_notes(path, &notes)
    }

    /// Adds a point, on which the next frame's steps train too.
    pub fn add(&mut self, point: Point) -> Result<()> {
        self.data.write_rows(self.points.len(), &point.position, &[point.class.target()])?;
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

    /// The trainer. The paint callback uses it too, perhaps on another thread.
    pub fn trainer(&self) -> MutexGuard<'_, Trainer> {
        lock(&self.trainer)
    }

    /// The trainer, for a paint callback.
    pub fn shared_trainer(&self) -> Arc<Mutex<Trainer>> {
        Arc::clone(&self.trainer)
    }
}

/// Locks a trainer, even after a panic: recording leaves no partial change.
pub fn lock(trainer: &Mutex<Trainer>) -> MutexGuard<'_, Trainer> {
    trainer.lock().unwrap_or_else(PoisonError::into_inner)
}

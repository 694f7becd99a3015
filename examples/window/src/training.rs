//! The network, its points, and its trainer.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wgrad::{Dataset, Gpu, Mlp, Network, Result, TrainConfig, Trainer};

use crate::points::{self, Point};

/// How many points there is room for.
const CAPACITY: usize = 4096;

/// Under which name the points stand in a file.
const POINTS: &str = "points";

/// A network that learns points. All that is replaced is made anew as a whole: a network of other layers, other points.
pub struct Training {
    network: Network,
    data: Dataset,
    points: Vec<Point>,
    trainer: Arc<Mutex<Trainer>>,
}

impl Training {
    /// A network with so many units in each hidden layer, and new weights.
    pub fn new(gpu: &Gpu, hidden: &[usize], seed: u64, points: Vec<Point>, learning_rate: f32) -> Result<Self> {
        let layers = hidden.iter().fold(Mlp::inputs(2), |mlp, &width| mlp.linear(width).bias().sigmoid());
        let network = Network::new(gpu, &layers.linear(1).bias().sigmoid(), seed)?;
        Training::of(network, points, learning_rate)
    }

    /// Goes on with a network and the points of a file.
    pub fn load(gpu: &Gpu, path: &Path, learning_rate: f32) -> Result<Self> {
        let (network, notes) = Network::load_with_notes(gpu, path)?;
        // A file of another program's has no points of ours.
        let points = notes.get(POINTS).and_then(|text| points::from_text(text)).unwrap_or_default();
        Training::of(network, points, learning_rate)
    }

    fn of(network: Network, points: Vec<Point>, learning_rate: f32) -> Result<Self> {
        let data = Dataset::with_capacity(network.gpu(), CAPACITY, 2, 1)?;
        let places = points.iter().flat_map(|point| point.place).collect::<Vec<_>>();
        let targets = points.iter().map(|point| point.class.target()).collect::<Vec<_>>();
        data.write_rows(0, &places, &targets)?;
        // One point a step, in an order that is new each time: so two spirals take fewest steps.
        let config = TrainConfig { learning_rate, batch_size: 1, shuffle: true, ..Default::default() };
        let trainer = Trainer::new(&network, &data, config)?;
        Ok(Training { network, data, points, trainer: Arc::new(Mutex::new(trainer)) })
    }

    /// Saves the network, and the points with it.
    pub fn save(&self, path: &Path) -> Result<()> {
        let notes = BTreeMap::from([(POINTS.to_owned(), points::to_text(&self.points))]);
        self.network.save_with_notes(path, &notes)
    }

    /// Adds a point, from which the next frame's steps learn too.
    pub fn add(&mut self, point: Point) -> Result<()> {
        self.data.write_rows(self.points.len(), &point.place, &[point.class.target()])?;
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
        let layers = self.network.mlp().layers();
        // The last layer's units are the outputs.
        layers.iter().rev().skip(1).rev().map(|layer| layer.outputs).collect()
    }

    /// A description of the network, such as `2-32-32-1, 1185 parameters`.
    pub fn description(&self) -> String {
        let hidden = self.hidden().iter().map(|width| format!("{width}-")).collect::<String>();
        format!("2-{hidden}1, {} parameters", self.network.mlp().parameter_count())
    }

    /// The trainer, which the paint callback uses too, on whichever thread it is called.
    pub fn trainer(&self) -> MutexGuard<'_, Trainer> {
        lock(&self.trainer)
    }

    /// The trainer, for a paint callback.
    pub fn shared_trainer(&self) -> Arc<Mutex<Trainer>> {
        Arc::clone(&self.trainer)
    }
}

/// Locks a trainer. One that a thread has panicked with is as it was: recording changes nothing by halves.
pub fn lock(trainer: &Mutex<Trainer>) -> MutexGuard<'_, Trainer> {
    trainer.lock().unwrap_or_else(PoisonError::into_inner)
}

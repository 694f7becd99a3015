//! STANDS IN for parts of the library until it has them, with the same names. To be deleted: then `use stand_in::…`
//! becomes `use wgrad::…`, and the two traits fall away.

use std::ops::Deref;
use std::path::Path;

use wgrad::{Gpu, Network, Result, Trainer};

#[derive(Clone, Copy)]
pub struct BytesConfig {
    pub classes: usize,
    pub inputs: [f32; 2],
    pub targets: [f32; 2],
}

impl Default for BytesConfig {
    fn default() -> Self {
        BytesConfig { classes: 10, inputs: [0.01, 1.0], targets: [0.01, 0.99] }
    }
}

pub struct Dataset {
    data: wgrad::Dataset,
    inputs: Vec<f32>,
    labels: Vec<u8>,
    config: BytesConfig,
}

impl Deref for Dataset {
    type Target = wgrad::Dataset;
    fn deref(&self) -> &wgrad::Dataset {
        &self.data
    }
}

impl Dataset {
    pub fn from_bytes(gpu: &Gpu, samples: usize, inputs: &[u8], labels: &[u8], config: BytesConfig) -> Result<Self> {
        assert_eq!(samples, labels.len());
        let [low, high] = config.inputs;
        let inputs = inputs.iter().map(|&byte| low + f32::from(byte) / 255.0 * (high - low)).collect();
        Dataset::from_floats(gpu, inputs, labels.to_vec(), config)
    }

    fn from_floats(gpu: &Gpu, inputs: Vec<f32>, labels: Vec<u8>, config: BytesConfig) -> Result<Self> {
        let target = |label: u8, class: usize| config.targets[usize::from(usize::from(label) == class)];
        let targets = labels.iter().flat_map(|&label| (0..config.classes).map(move |class| target(label, class)));
        let data = wgrad::Dataset::from_slices(gpu, labels.len(), &inputs, &targets.collect::<Vec<_>>())?;
        Ok(Dataset { data, inputs, labels, config })
    }

    pub fn split_at(&self, first_count: usize) -> Result<(Self, Self)> {
        let (inputs, labels) = (
            self.inputs.split_at(first_count * self.inputs.len() / self.labels.len()),
            self.labels.split_at(first_count),
        );
        let part = |inputs: &[f32], labels: &[u8]| {
            Dataset::from_floats(self.gpu(), inputs.to_vec(), labels.to_vec(), self.config)
        };
        Ok((part(inputs.0, labels.0)?, part(inputs.1, labels.1)?))
    }
}

pub struct Classification {
    loss: f32,
    classes: usize,
    counts: Vec<u64>,
}

impl Classification {
    pub fn accuracy(&self) -> f64 {
        let right = (0..self.classes).map(|class| self.count(class, class)).sum::<u64>();
        right as f64 / self.counts.iter().sum::<u64>() as f64
    }
    pub fn loss(&self) -> f32 {
        self.loss
    }
    pub fn classes(&self) -> usize {
        self.classes
    }
    pub fn count(&self, actual: usize, predicted: usize) -> u64 {
        self.counts[actual * self.classes + predicted]
    }
}

pub trait Classify {
    fn classify(&self, data: &Dataset) -> Result<Classification>;
}

impl Classify for Network {
    fn classify(&self, data: &Dataset) -> Result<Classification> {
        let classes = data.config.classes;
        let mut counts = vec![0; classes * classes];
        for (outputs, &label) in self.predict(&data.inputs)?.chunks_exact(classes).zip(&data.labels) {
            let best = (0..classes).max_by(|&a, &b| outputs[a].total_cmp(&outputs[b])).unwrap_or(0);
            counts[usize::from(label) * classes + best] += 1;
        }
        Ok(Classification { loss: self.evaluate(data)?[0], classes, counts })
    }
}

pub struct Memory {
    pub data: u64,
    pub parameters: u64,
    pub batch: u64,
}

impl Memory {
    pub fn total(&self) -> u64 {
        self.data + self.parameters + self.batch
    }
}

pub trait HasMemory {
    fn memory(&self) -> Memory;
}

impl HasMemory for Trainer {
    fn memory(&self) -> Memory {
        Memory { data: 0, parameters: self.network().parameters().size(), batch: 0 }
    }
}

pub mod datasets {
    use super::*;

    pub enum LabelColumn {
        First,
    }

    pub struct ReadProgress {
        pub bytes: u64,
        pub total: u64,
    }

    pub struct LabelledImages {
        pixels: Vec<u8>,
        labels: Vec<u8>,
    }

    impl LabelledImages {
        pub fn from_idx(images: &Path, labels: &Path, mut progress: impl FnMut(ReadProgress)) -> Result<Self> {
            let read = |path: &Path, header: usize| std::fs::read(path).unwrap_or_default().split_off(header);
            let (pixels, labels) = (read(images, 16), read(labels, 8));
            progress(ReadProgress { bytes: pixels.len() as u64, total: pixels.len() as u64 });
            Ok(LabelledImages { pixels, labels })
        }

        pub fn from_csv(path: &Path, _: LabelColumn, mut progress: impl FnMut(ReadProgress)) -> Result<Self> {
            let mut images = LabelledImages { pixels: Vec::new(), labels: Vec::new() };
            let text = std::fs::read_to_string(path).unwrap_or_default();
            for line in text.lines() {
                let mut numbers = line.split(',').map(|number| number.parse().unwrap_or(0));
                images.labels.push(numbers.next().unwrap_or(0));
                images.pixels.extend(numbers);
            }
            progress(ReadProgress { bytes: text.len() as u64, total: text.len() as u64 });
            Ok(images)
        }

        pub fn pixels(&self) -> &[u8] {
            &self.pixels
        }
        pub fn labels(&self) -> &[u8] {
            &self.labels
        }
        pub fn height(&self) -> usize {
            28
        }
        pub fn width(&self) -> usize {
            28
        }
    }
}

//! Parameters during training, read back asynchronously: nothing waits for them.

use std::sync::{Arc, Mutex};

use super::Trainer;
use crate::error::Result;
use crate::kernels::TrainingState;
use crate::readback::lock;

/// How many copies can be pending: an app that is three frames ahead of the GPU still gets one per frame.
const MOST_PENDING: usize = 4;

/// The parameters as they were after a step.
#[derive(Clone, Debug, PartialEq)]
pub struct ParametersAt {
    /// The steps that had been trained; of a population, by all networks.
    pub step: u64,
    /// The parameters, for a population network after network.
    pub parameters: Vec<f32>,
}

/// The copies that were recorded, and the latest that has arrived.
#[derive(Debug, Default)]
pub(super) struct Copies {
    pending: Vec<Copy>,
    latest: Option<ParametersAt>,
}

/// Parameters, and the states after them, on their way to the host.
#[derive(Debug)]
struct Copy {
    buffer: wgpu::Buffer,
    status: Arc<Mutex<Status>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Status {
    Free,
    Recorded,
    Arrived,
    Failed,
}

/// Owned by a recording's callback: frees the copy if the callback never runs.
struct Pending(Arc<Mutex<Status>>);

impl Drop for Pending {
    fn drop(&mut self) {
        let mut status = lock(&self.0);
        if *status == Status::Recorded {
            *status = Status::Free;
        }
    }
}

impl Trainer {
    /// Records a copy of the parameters as they are after what was recorded before, for [`Trainer::latest_parameters`].
    /// Submits nothing. Records nothing while four copies are on their way.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory): a copy takes as much memory as the parameters.
    pub fn record_parameters(&mut self, encoder: &mut wgpu::CommandEncoder) -> Result<()> {
        let sources = [self.network.parameters(), self.state.buffer()];
        let copies = &mut self.copies.pending;
        let free = copies.iter().position(|copy| *lock(&copy.status) == Status::Free);
        let copy = match free {
            Some(free) => &copies[free],
            None if copies.len() == MOST_PENDING => return Ok(()),
            None => {
                let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
                let bytes = sources.iter().map(|source| source.size()).sum();
                let buffer = self.gpu.create_buffer("Trainer::record_parameters", "copy", bytes, usage)?;
                copies.push(Copy { buffer, status: Arc::new(Mutex::new(Status::Free)) });
                &copies[copies.len() - 1]
            }
        };
        let mut offset = 0;
        for source in sources {
            encoder.copy_buffer_to_buffer(source, 0, &copy.buffer, offset, source.size());
            offset += source.size();
        }
        *lock(&copy.status) = Status::Recorded;
        let pending = Pending(copy.status.clone());
        encoder.map_buffer_on_submit(&copy.buffer, wgpu::MapMode::Read, .., move |result| {
            *lock(&pending.0) = if result.is_ok() { Status::Arrived } else { Status::Failed };
        });
        Ok(())
    }

    /// The parameters of the latest copy that has arrived from the GPU ([`Trainer::record_parameters`]), `None` before the
    /// first. Waits for nothing.
    ///
    /// # Errors
    /// [`Error::DeviceLost`](crate::Error::DeviceLost); in a browser [`Error::WorkDropped`](crate::Error::WorkDropped) for a copy that
    /// it had no memory to read.
    pub fn latest_parameters(&mut self) -> Result<Option<&ParametersAt>> {
        self.gpu.poll_once()?;
        let _turn = self.gpu.turn();
        let copies = &mut self.copies.pending;
        let all = copies.len();
        // They would fail again.
        copies.retain(|copy| *lock(&copy.status) != Status::Failed);
        if copies.len() < all {
            self.gpu.note_failed_readback()?;
        }
        for copy in copies {
            if *lock(&copy.status) != Status::Arrived {
                continue;
            }
            let mut words = self.gpu.mapped_words(&copy.buffer)?;
            copy.buffer.unmap();
            *lock(&copy.status) = Status::Free;
            let states = words.split_off(self.network.parameters().size() as usize / 4);
            let step = TrainingState::steps(&states);
            // What wgpu refused to submit arrives as it was: with an older step, or all 0.
            let is_new = self.copies.latest.as_ref().is_none_or(|latest| step >= latest.step);
            if is_new && TrainingState::is_written(&states) {
                words.truncate(self.network.count() * self.network.mlp().parameter_count());
                let parameters = words.into_iter().map(f32::from_bits).collect();
                self.copies.latest = Some(ParametersAt { step, parameters });
            }
        }
        Ok(self.copies.latest.as_ref())
    }
}

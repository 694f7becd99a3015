//! The shaders of a training, compiled before they are needed.

use super::Trainer;
use crate::error::Result;
use crate::gpu::COMPILE_TIMEOUT_FACTOR;
use crate::kernels::begin_pass;

impl Trainer {
    /// Runs a training step, puts everything back as it was, and waits for it. Some drivers compile a shader only when it
    /// first runs, which takes seconds on software drivers: an app does this while it loads, not in its first frame.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory), [`Error::DeviceLost`](crate::Error::DeviceLost),
    /// [`Error::Timeout`](crate::Error::Timeout) after six times the [wait time-out](crate::Gpu::with_wait_timeout);
    /// [`Error::Buffer`](crate::Error::Buffer) for a data set in a buffer that the app has mapped or destroyed.
    #[cfg(not(target_family = "wasm"))]
    pub fn warm_up(&self) -> Result<()> {
        pollster::block_on(self.warm_up_async())
    }

    /// [`Trainer::warm_up`], awaited.
    ///
    /// # Errors
    /// The same.
    pub async fn warm_up_async(&self) -> Result<()> {
        let gpu = self.gpu.clone().with_timeout_factor(COMPILE_TIMEOUT_FACTOR);
        let changed = [self.network.parameters(), self.state.buffer()].into_iter().chain(self.moments.buffers());
        let usage = wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        let copy = |buffer: &wgpu::Buffer| gpu.create_buffer("Trainer::warm_up", "copy", buffer.size(), usage);
        let changed = changed.map(|buffer| Ok((buffer, copy(buffer)?)));
        let changed = changed.collect::<Result<Vec<_>>>()?;
        let submission = gpu.submit("wgrad warm-up", &mut |encoder| {
            for (buffer, copy) in &changed {
                encoder.copy_buffer_to_buffer(buffer, 0, copy, 0, buffer.size());
            }
            let mut pass = begin_pass(encoder, "wgrad warm-up");
            self.fit.iter().for_each(|fit| fit.record(&mut pass));
            self.steps.record(&mut pass, 1);
            drop(pass);
            for (buffer, copy) in &changed {
                encoder.copy_buffer_to_buffer(copy, 0, buffer, 0, buffer.size());
            }
        })?;
        gpu.wait(&submission).await
    }
}

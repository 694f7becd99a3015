//! Reading back.

use super::{Gpu, Signal, Submission, values, words_as_bytes};
use crate::error::{Error, Result};

/// Appended to every readback: proves that the GPU performed the copy.
const MARKER: u32 = 0x7767_7264;

/// A buffer that is destroyed at once when it is dropped: a browser would keep its memory until it collects its garbage.
pub(crate) struct Temporary(pub wgpu::Buffer);

impl Drop for Temporary {
    fn drop(&mut self) {
        self.0.destroy();
    }
}

/// A buffer's words on their way to the host.
#[must_use]
pub(crate) struct Reading {
    gpu: Gpu,
    operation: &'static str,
    staging: Temporary,
    submission: Submission,
}

impl Gpu {
    /// Records into a new encoder, submits it, and begins to read a whole buffer.
    pub(crate) fn read(
        &self,
        operation: &'static str,
        buffer: &wgpu::Buffer,
        record: &dyn Fn(&mut wgpu::CommandEncoder),
    ) -> Result<Reading> {
        let marker = self.marker()?;
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let staging = self.create_buffer(operation, "readback", buffer.size() + marker.size(), usage)?;
        let mapped = Signal::default();
        let submission = self.submit("wgrad readback", &mut |encoder| {
            record(encoder);
            encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, buffer.size());
            encoder.copy_buffer_to_buffer(&marker, 0, &staging, buffer.size(), marker.size());
            map_on_submit(encoder, &staging, &mapped);
        })?;
        Ok(Reading { gpu: self.clone(), operation, staging: Temporary(staging), submission: submission.until(mapped) })
    }

    /// The words of a mapped buffer.
    pub(crate) fn mapped_words(&self, buffer: &wgpu::Buffer) -> Result<Vec<u32>> {
        let _turn = self.turn();
        let view = buffer.get_mapped_range(..).map_err(|error| self.unreadable(&error.to_string()))?;
        Ok(values(&view))
    }

    fn marker(&self) -> Result<wgpu::Buffer> {
        if let Some(marker) = self.shared.marker.get() {
            return Ok(marker.clone());
        }
        let marker = self.storage_buffer("a readback", "marker", 4)?;
        self.write_buffer(&marker, 0, words_as_bytes(&[MARKER]))?;
        Ok(self.shared.marker.get_or_init(|| marker).clone())
    }
}

/// Maps the buffer once the encoder was submitted and its work is done.
pub(crate) fn map_on_submit(encoder: &mut wgpu::CommandEncoder, buffer: &wgpu::Buffer, mapped: &Signal) {
    let mapped = mapped.clone();
    encoder.map_buffer_on_submit(buffer, wgpu::MapMode::Read, .., move |result| mapped.set(result.is_ok()));
}

/// The GPU did not do a readback.
pub(super) fn readback_dropped(operation: &'static str) -> Error {
    let way_out = "nothing was read; submit less work at a time, and read again";
    Error::WorkDropped { operation, what: "readback", expected: 1, found: 0, way_out }
}

impl Reading {
    /// The buffer's 32-bit words.
    pub async fn words(self) -> Result<Vec<u32>> {
        self.gpu.wait(&self.submission).await?;
        let mut words = self.gpu.mapped_words(&self.staging.0)?;
        match words.pop() {
            Some(MARKER) => Ok(words),
            _ => Err(readback_dropped(self.operation)),
        }
    }

    /// The buffer's values.
    pub async fn values(self) -> Result<Vec<f32>> {
        Ok(self.words().await?.into_iter().map(f32::from_bits).collect())
    }
}

#[cfg(test)]
mod tests {
    use crate::gpu::wait::tests::noop;

    use super::*;

    #[test]
    fn a_readback_that_the_gpu_drops_is_an_error() {
        let (_, _, gpu) = noop();
        let buffer = gpu.storage_buffer("a test", "words", 8).unwrap();
        let read = || pollster::block_on(gpu.read("a test", &buffer, &|_| ()).unwrap().words());
        assert_eq!(read(), Ok(vec![0; 2]));
        gpu.write_buffer(&gpu.marker().unwrap(), 0, &[0; 4]).unwrap();
        let error = read().unwrap_err();
        assert!(matches!(
            error,
            Error::WorkDropped { operation: "a test", what: "readback", expected: 1, found: 0, .. }
        ));
        let message = error.to_string();
        assert!(message.starts_with("a test: the GPU was given 1 readback and did 0"), "{message}");
        assert!(message.contains("nothing was read; submit less work at a time"), "{message}");
    }
}

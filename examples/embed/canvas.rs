//! A texture to draw on, in place of a window's surface, and the readback of its finished frames. Nothing else is read
//! back but the losses.

use std::error::Error;
use std::time::Duration;

use wgrad::wgpu;

use crate::movie::Colour;

/// The same bytes as a PNG's.
pub const FORMAT: wgpu::TextureFormat = wgpu::TextureFormat::Rgba8Unorm;

/// How long a frame may take: some software drivers compile for half a minute in the first frame.
const TIMEOUT: Duration = Duration::from_secs(180);

/// A texture, and two readback buffers: while the GPU works on one frame, the frame before is read.
pub struct Canvas {
    device: wgpu::Device,
    texture: wgpu::Texture,
    buffers: [wgpu::Buffer; 2],
    /// The number of frames recorded.
    recorded: usize,
    in_flight: Option<wgpu::SubmissionIndex>,
}

impl Canvas {
    pub fn new(device: &wgpu::Device, width: u32, height: u32) -> Self {
        let texture = device.create_texture(&wgpu::TextureDescriptor {
            label: Some("canvas"),
            size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: FORMAT,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT | wgpu::TextureUsages::COPY_SRC,
            view_formats: &[],
        });
        let buffers = ["even frame", "odd frame"].map(|label| {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size: u64::from(padded_row(width)) * u64::from(height),
                usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
                mapped_at_creation: false,
            })
        });
        Canvas { device: device.clone(), texture, buffers, recorded: 0, in_flight: None }
    }

    /// A render pass on the cleared texture.
    pub fn begin_pass<'encoder>(&self, encoder: &'encoder mut wgpu::CommandEncoder) -> wgpu::RenderPass<'encoder> {
        encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("frame"),
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: &self.texture.create_view(&Default::default()),
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations {
                    load: wgpu::LoadOp::Clear(wgpu::Color::TRANSPARENT),
                    store: wgpu::StoreOp::Store,
                },
            })],
            ..Default::default()
        })
    }

    /// Records the copy of the texture into the next of the two buffers.
    pub fn record_copy(&mut self, encoder: &mut wgpu::CommandEncoder) {
        let buffer = &self.buffers[self.recorded % 2];
        let layout = wgpu::TexelCopyBufferLayout {
            offset: 0,
            bytes_per_row: Some(padded_row(self.texture.width())),
            rows_per_image: None,
        };
        let target = wgpu::TexelCopyBufferInfo { buffer, layout };
        encoder.copy_texture_to_buffer(self.texture.as_image_copy(), target, self.texture.size());
        // If mapping fails, `get_mapped_range` reports it later.
        encoder.map_buffer_on_submit(buffer, wgpu::MapMode::Read, .., |_| ());
        self.recorded += 1;
    }

    /// Call this after the submission of the frame recorded last. Returns the frame before it, if there is one.
    pub fn submitted(&mut self, submission: wgpu::SubmissionIndex) -> Result<Option<Vec<Colour>>, Box<dyn Error>> {
        let before = self.in_flight.replace(submission);
        before.map(|submission| self.take(submission, self.recorded.wrapping_sub(2))).transpose()
    }

    /// Waits for the last frame and returns it.
    pub fn last(&mut self) -> Result<Vec<Colour>, Box<dyn Error>> {
        let submission = self.in_flight.take().ok_or("no frame is in flight")?;
        self.take(submission, self.recorded.wrapping_sub(1))
    }

    /// Waits for a frame; its pixels row by row.
    fn take(&self, submission: wgpu::SubmissionIndex, frame: usize) -> Result<Vec<Colour>, Box<dyn Error>> {
        self.device.poll(wgpu::PollType::Wait { submission_index: Some(submission), timeout: Some(TIMEOUT) })?;
        let buffer = &self.buffers[frame % 2];
        let bytes = buffer.get_mapped_range(..)?;
        let width = self.texture.width();
        let rows = bytes.chunks_exact(padded_row(width) as usize).map(|row| &row[..4 * width as usize]);
        let pixels = rows.flat_map(bytemuck::cast_slice::<u8, Colour>).copied().collect();
        drop(bytes);
        buffer.unmap();
        Ok(pixels)
    }
}

/// The bytes per row of pixels in a buffer, where wgpu aligns each row.
fn padded_row(width: u32) -> u32 {
    (4 * width).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT)
}

//! The device that everything runs on: the app's own, or one found for a script.
//!
//! A few methods here create all GPU objects of the crate. They check sizes first, catch wgpu's errors without touching
//! the app's handlers, label every object `wgrad …`, and count the objects.

mod adapter;
mod check;
mod pipeline;
#[cfg_attr(target_family = "wasm", path = "gpu/web.rs")]
#[cfg_attr(not(target_family = "wasm"), path = "gpu/native.rs")]
mod platform;
mod read;
mod signal;
mod timestamps;
#[cfg(not(target_family = "wasm"))]
mod turn;
mod wait;

use std::convert::identity;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use check::Meaning;
#[cfg(test)]
pub(crate) use pipeline::for_browsers;
pub(crate) use pipeline::{Kernel, Pipeline, buffer};
pub(crate) use platform::Instant;
use platform::with_buffers;
pub(crate) use read::{Reading, Temporary, map_on_submit};
pub(crate) use signal::Signal;
pub(crate) use timestamps::PassTimer;
use timestamps::Timestamps;
pub(crate) use wait::Submission;

use crate::error::{Error, Result};

/// The default of [`Gpu::with_wait_timeout`].
const WAIT_TIMEOUT: Duration = Duration::from_secs(10);

/// The timeout is multiplied by this for a wait during which a driver may compile shaders.
pub(crate) const COMPILE_TIMEOUT_FACTOR: u32 = 6;

/// Large uploads are written in chunks of this many bytes.
const UPLOAD_CHUNK: usize = 4 << 20;

/// A limit's name in [`wgpu::Limits`], the value that the kernels need, and the function that reads the device's value.
type RequiredLimit = (&'static str, u64, fn(&wgpu::Limits) -> u64);

/// The limits that the kernels need; wgpu's default limits satisfy them all.
const REQUIRED_LIMITS: [RequiredLimit; 7] = [
    ("max_bind_groups", 1, |limits| limits.max_bind_groups.into()),
    ("max_bindings_per_bind_group", 9, |limits| limits.max_bindings_per_bind_group.into()),
    ("max_storage_buffers_per_shader_stage", 8, |limits| limits.max_storage_buffers_per_shader_stage.into()),
    ("max_uniform_buffers_per_shader_stage", 1, |limits| limits.max_uniform_buffers_per_shader_stage.into()),
    ("max_compute_workgroup_storage_size", 1024, |limits| limits.max_compute_workgroup_storage_size.into()),
    ("max_compute_invocations_per_workgroup", 256, |limits| limits.max_compute_invocations_per_workgroup.into()),
    ("max_compute_workgroup_size_x", 256, |limits| limits.max_compute_workgroup_size_x.into()),
];

/// A handle to the wgpu device and queue that networks, data sets and trainers use. Cheap to clone.
///
/// The crate sets neither the device's error handler nor its device-lost callback, which belong to the app; in a browser, where a
/// device may have many, it adds a device-lost callback.
#[derive(Clone, Debug)]
pub struct Gpu {
    shared: Arc<Shared>,
    wait_timeout: Duration,
    /// Whether the adapter is a software driver, which runs on the CPU.
    is_cpu: bool,
}

/// A compiled kernel's entry point, workgroup size and source.
type PipelineKey = (&'static str, Option<u32>, String);

#[derive(Debug)]
struct Shared {
    device: wgpu::Device,
    queue: wgpu::Queue,
    limits: wgpu::Limits,
    adapter_info: wgpu::AdapterInfo,
    /// So few that a search is quicker than a hash of the source.
    pipelines: Mutex<Vec<(PipelineKey, Arc<Pipeline>)>>,
    created_objects: AtomicU64,
    /// Why the device is lost, if it is.
    lost: Arc<OnceLock<String>>,
    #[cfg(target_family = "wasm")]
    late: platform::Late,
    marker: OnceLock<wgpu::Buffer>,
    timestamps: OnceLock<Option<Arc<Timestamps>>>,
}

impl Gpu {
    /// Finds an adapter and opens a device on it, with wgpu's default limits and, where the adapter has it, the feature
    /// `SUBGROUP`.
    ///
    /// The environment variables `WGPU_BACKEND` (`vulkan`, `metal`, `dx12`, `gl`) and `WGPU_ADAPTER_NAME` (a part of
    /// the name) select an adapter.
    ///
    /// # Errors
    /// [`Error::NoAdapter`], [`Error::Environment`] for a wrong value of these variables, [`Error::NoDevice`],
    /// [`Error::LimitTooLow`].
    #[cfg(not(target_family = "wasm"))]
    pub fn headless() -> Result<Self> {
        pollster::block_on(adapter::request(None))
    }

    /// [`Gpu::headless`], awaited. In a browser: its WebGPU, by the feature `web`; there are no variables.
    ///
    /// # Errors
    /// Those of [`Gpu::headless`].
    pub async fn request() -> Result<Self> {
        adapter::request(None).await
    }

    /// The same on one of several equal adapters, for a program that is started once for each: of those of the best type (a discrete
    /// GPU before an integrated one, software last) number `index`, from 0. `WGPU_BACKEND` and `WGPU_ADAPTER_NAME` narrow them down.
    ///
    /// # Errors
    /// [`Error::Count`] for an index past their number, and those of [`Gpu::headless`].
    #[cfg(not(target_family = "wasm"))]
    pub fn headless_at(index: usize) -> Result<Self> {
        pollster::block_on(adapter::request(Some(index)))
    }

    /// Uses the app's own device and queue.
    ///
    /// # Errors
    /// [`Error::LimitTooLow`] if the device was requested with lower limits than the kernels need, [`Error::OtherQueue`],
    /// [`Error::DeviceLost`].
    pub fn from_wgpu(device: &wgpu::Device, queue: &wgpu::Queue) -> Result<Self> {
        let limits = device.limits();
        for (limit, needed, value) in REQUIRED_LIMITS {
            let available = value(&limits);
            if available < needed {
                return Err(Error::LimitTooLow { limit, needed, available });
            }
        }
        let is_cpu = device.adapter_info().device_type == wgpu::DeviceType::Cpu;
        let shared = Shared {
            device: device.clone(),
            queue: queue.clone(),
            limits,
            adapter_info: device.adapter_info(),
            pipelines: Mutex::default(),
            created_objects: AtomicU64::new(0),
            lost: Arc::default(),
            #[cfg(target_family = "wasm")]
            late: platform::Late::default(),
            marker: OnceLock::new(),
            timestamps: OnceLock::new(),
        };
        // In a browser wgpu's handles stay in their thread.
        #[cfg_attr(target_family = "wasm", allow(clippy::arc_with_non_send_sync))]
        let shared = Arc::new(shared);
        let gpu = Gpu { shared, wait_timeout: WAIT_TIMEOUT, is_cpu };
        gpu.connect()?;
        Ok(gpu)
    }

    /// A handle to the same device with another timeout, for its waits and those of everything made from it; the
    /// default is 10 s. A [`Trainer`](crate::Trainer)'s first wait and a first prediction may take six times as long,
    /// since some drivers compile shaders then.
    pub fn with_wait_timeout(self, timeout: Duration) -> Self {
        Gpu { wait_timeout: timeout, ..self }
    }

    /// A handle to the same device with its timeout multiplied by `factor`.
    pub(crate) fn with_timeout_factor(self, factor: u32) -> Self {
        Gpu { wait_timeout: self.wait_timeout.saturating_mul(factor), ..self }
    }

    /// The wgpu device.
    pub fn device(&self) -> &wgpu::Device {
        &self.shared.device
    }

    /// The wgpu queue.
    pub fn queue(&self) -> &wgpu::Queue {
        &self.shared.queue
    }

    /// Whether both come from one call of [`Gpu::from_wgpu`] or [`Gpu::headless`].
    pub(crate) fn is_same(&self, other: &Gpu) -> bool {
        // wgpu's own comparison can treat devices of two instances as equal.
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// The device's adapter.
    pub fn adapter_info(&self) -> &wgpu::AdapterInfo {
        &self.shared.adapter_info
    }

    /// Whether the adapter is a software driver, which runs on the CPU.
    pub(crate) fn is_cpu(&self) -> bool {
        self.is_cpu
    }

    /// Treats a software driver as a GPU, so that tests can run the kernels for GPUs on it.
    #[cfg(test)]
    pub(crate) fn assume_gpu(self) -> Self {
        Gpu { is_cpu: false, ..self }
    }

    /// The adapter's name, backend and driver, as text. Browsers name neither adapter nor driver.
    pub fn description(&self) -> String {
        let wgpu::AdapterInfo { name, backend, driver, driver_info, .. } = self.adapter_info();
        let driver = format!("{driver} {driver_info}");
        let parts = [name.trim(), backend.to_str(), driver.trim()];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
    }

    /// How many GPU objects (buffers, bind groups, pipelines, query sets) the crate has created on this device so far.
    /// Recording creates none.
    pub fn created_objects(&self) -> u64 {
        self.shared.created_objects.load(Ordering::Relaxed)
    }

    pub(crate) fn limits(&self) -> &wgpu::Limits {
        &self.shared.limits
    }

    /// A storage buffer of `bytes` bytes, with `COPY_SRC` and `COPY_DST`.
    #[inline(never)]
    pub(crate) fn storage_buffer(
        &self,
        operation: &'static str,
        what: &'static str,
        bytes: u64,
    ) -> Result<wgpu::Buffer> {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        self.check_binding_size(operation, what, bytes)?;
        self.create_buffer(operation, what, bytes, usage)
    }

    /// Refuses sizes above the limit of a storage buffer binding.
    pub(crate) fn check_binding_size(&self, operation: &'static str, what: &'static str, needed: u64) -> Result<()> {
        let allowed = self.limits().max_storage_buffer_binding_size.min(u64::from(u32::MAX));
        check_size(operation, what, needed, "max_storage_buffer_binding_size", allowed)
    }

    #[inline(never)]
    pub(crate) fn create_buffer(
        &self,
        operation: &'static str,
        what: &'static str,
        size: u64,
        usage: wgpu::BufferUsages,
    ) -> Result<wgpu::Buffer> {
        check_size(operation, what, size, "max_buffer_size", self.limits().max_buffer_size)?;
        let label = format!("wgrad {what}");
        let descriptor = wgpu::BufferDescriptor { label: Some(&label), size, usage, mapped_at_creation: false };
        self.create(&label, |device| device.create_buffer(&descriptor))
    }

    pub(crate) fn query_set(&self, what: &'static str, count: u32) -> Result<wgpu::QuerySet> {
        let label = format!("wgrad {what}");
        let descriptor = wgpu::QuerySetDescriptor { label: Some(&label), ty: wgpu::QueryType::Timestamp, count };
        self.create(&label, |device| device.create_query_set(&descriptor))
    }

    /// Writes to a buffer, before the next submission runs.
    pub(crate) fn write_buffer(&self, buffer: &wgpu::Buffer, offset: u64, bytes: &[u8]) -> Result<()> {
        self.checked("an upload", identity, || self.queue().write_buffer(buffer, offset, bytes))
    }

    /// Writes data of any size, before the next submission runs. Waits after each full chunk, since wgpu keeps a copy
    /// of each until it is written; a browser copies at once.
    pub(crate) fn upload(&self, buffer: &wgpu::Buffer, offset: u64, bytes: &[u8]) -> Result<()> {
        for (chunk, bytes) in (0..).zip(bytes.chunks(UPLOAD_CHUNK)) {
            self.write_buffer(buffer, offset + chunk * UPLOAD_CHUNK as u64, bytes)?;
            #[cfg(not(target_family = "wasm"))]
            if bytes.len() == UPLOAD_CHUNK {
                let submission = self.submit("wgrad upload", &mut |_| ())?;
                pollster::block_on(self.wait(&submission))?;
            }
        }
        Ok(())
    }

    /// The compiled kernel; each is compiled once per device.
    pub(crate) fn pipeline(&self, kernel: &Kernel<'_>) -> Result<Arc<Pipeline>> {
        let key = (kernel.entry_point, kernel.workgroup, kernel.source.to_owned());
        let mut pipelines = self.shared.pipelines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, pipeline)) = pipelines.iter().find(|(compiled, _)| *compiled == key) {
            return Ok(pipeline.clone());
        }
        let label = format!("wgrad {}", kernel.entry_point);
        let pipeline = Arc::new(self.create(&label, |device| kernel.compile(device, &label))?);
        pipelines.push((key, pipeline.clone()));
        Ok(pipeline)
    }

    /// How many kernels have been compiled.
    pub(crate) fn compiled_kernels(&self) -> usize {
        self.shared.pipelines.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    pub(crate) fn bind_group(
        &self,
        label: &str,
        layout: &wgpu::BindGroupLayout,
        entries: &[wgpu::BindGroupEntry<'_>],
    ) -> Result<wgpu::BindGroup> {
        let descriptor = wgpu::BindGroupDescriptor { label: Some(label), layout, entries };
        let meaning: Meaning = Error::into_buffer_error;
        let create = |device: &wgpu::Device| with_buffers(label, || device.create_bind_group(&descriptor));
        self.create_as(label, meaning, create)?.map_err(meaning)
    }

    /// A view of a texture's largest level.
    pub(crate) fn texture_view(&self, texture: &wgpu::Texture) -> Result<wgpu::TextureView> {
        let label = "wgrad picture";
        let descriptor =
            wgpu::TextureViewDescriptor { label: Some(label), mip_level_count: Some(1), ..Default::default() };
        self.create_as(label, Error::into_texture_error, |_| texture.create_view(&descriptor))
    }

    /// Creates and counts a GPU object; every creation goes through here.
    fn create<T>(&self, what: &str, create: impl FnOnce(&wgpu::Device) -> T) -> Result<T> {
        self.create_as(what, identity, create)
    }

    fn create_as<T>(&self, what: &str, meaning: Meaning, create: impl FnOnce(&wgpu::Device) -> T) -> Result<T> {
        self.shared.created_objects.fetch_add(1, Ordering::Relaxed);
        self.checked(what, meaning, || create(self.device()))
    }
}

#[inline(never)]
fn check_size(
    operation: &'static str,
    what: &'static str,
    needed: u64,
    limit: &'static str,
    allowed: u64,
) -> Result<()> {
    if needed <= allowed {
        return Ok(());
    }
    let way_out =
        "use fewer rows at a time, a smaller batch or narrower layers, or request a device with a higher limit";
    Err(Error::TooLarge { operation, what, needed, limit, allowed, way_out })
}

/// 32-bit words as bytes, in the GPU's byte order.
pub(crate) fn words_as_bytes(words: &[u32]) -> &[u8] {
    bytemuck::cast_slice(words)
}

/// The values that the GPU wrote as these bytes.
pub(crate) fn values<T: bytemuck::AnyBitPattern>(bytes: &[u8]) -> Vec<T> {
    bytes.chunks_exact(size_of::<T>()).map(bytemuck::pod_read_unaligned).collect()
}

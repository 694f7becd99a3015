//! Opening a device for scripts and tests.

use super::Gpu;
use crate::error::{Error, Result};

pub(super) async fn request() -> Result<Gpu> {
    if wgpu::Instance::enabled_backend_features().is_empty() {
        let tried =
            "no backend is compiled in; build wgrad with its default feature `backends`, or wgpu with one of its own";
        return Err(Error::NoAdapter { tried: tried.to_owned() });
    }
    let adapter = match wgpu::Backends::from_env() {
        Some(backends) if backends.is_empty() => {
            let value = std::env::var("WGPU_BACKEND").unwrap_or_default();
            let problem = "names no backend; choose among vulkan, metal, dx12 and gl".to_owned();
            return Err(Error::Environment { variable: "WGPU_BACKEND", value, problem });
        }
        Some(backends) => find_adapter(backends).await?,
        // OpenGL tries to connect to a display, so it is tried only if there is nothing else.
        None => match find_adapter(wgpu::Backends::PRIMARY).await {
            Ok(adapter) => adapter,
            Err(_) => find_adapter(wgpu::Backends::all()).await?,
        },
    };
    // Nothing requires subgroups; they only add speed.
    let required_features = adapter.features() & wgpu::Features::SUBGROUP;
    // The default limits even if the adapter has more, so that programs written here run everywhere.
    let descriptor = wgpu::DeviceDescriptor {
        label: Some("wgrad device"),
        required_features,
        required_limits: wgpu::Limits::default().or_worse_values_from(&adapter.limits()),
        ..Default::default()
    };
    let (device, queue) = adapter
        .request_device(&descriptor)
        .await
        .map_err(|error| Error::NoDevice { adapter: adapter.get_info().name, reason: error.to_string() })?;
    Gpu::from_wgpu(&device, &queue)
}

async fn find_adapter(backends: wgpu::Backends) -> Result<wgpu::Adapter> {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
    descriptor.backends = backends;
    let instance = wgpu::Instance::new(descriptor);
    let Ok(wanted) = std::env::var("WGPU_ADAPTER_NAME") else {
        let power_preference = wgpu::PowerPreference::from_env().unwrap_or(wgpu::PowerPreference::HighPerformance);
        let options = wgpu::RequestAdapterOptions { power_preference, ..Default::default() };
        let no_adapter = |error: wgpu::RequestAdapterError| Error::NoAdapter { tried: error.to_string() };
        return instance.request_adapter(&options).await.map_err(no_adapter);
    };
    let adapters = instance.enumerate_adapters(backends).await;
    let names = adapters.iter().map(|adapter| adapter.get_info().name).collect::<Vec<_>>();
    let index = names.iter().position(|name| name.to_lowercase().contains(&wanted.to_lowercase()));
    match index.and_then(|index| adapters.into_iter().nth(index)) {
        Some(adapter) => Ok(adapter),
        None if names.is_empty() => Err(Error::NoAdapter { tried: format!("none found on {backends:?}") }),
        None => {
            let found = names.join(", ");
            let problem = format!("matches none of this machine's adapters ({found}): give a part of one's name");
            Err(Error::Environment { variable: "WGPU_ADAPTER_NAME", value: wanted, problem })
        }
    }
}

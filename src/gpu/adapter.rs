//! Opening a device for scripts and tests.

use super::Gpu;
use crate::error::{Error, Result};

/// The device of headless programs: of the adapter that suits best, or of one of several that suit as well.
pub(super) async fn request(index: Option<usize>) -> Result<Gpu> {
    if wgpu::Instance::enabled_backend_features().is_empty() {
        let feature = if cfg!(target_family = "wasm") { "feature `web`" } else { "default feature `backends`" };
        let tried =
            format!("no backend is compiled in; build wgrad with its {feature}, or wgpu with a backend of its own");
        return Err(Error::NoAdapter { tried });
    }
    open(find(index).await?).await
}

#[cfg(target_family = "wasm")]
async fn find(_index: Option<usize>) -> Result<wgpu::Adapter> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let power_preference = wgpu::PowerPreference::HighPerformance;
    request_adapter(&instance, power_preference).await
}

async fn request_adapter(instance: &wgpu::Instance, power_preference: wgpu::PowerPreference) -> Result<wgpu::Adapter> {
    let options = wgpu::RequestAdapterOptions { power_preference, ..Default::default() };
    let no_adapter = |error: wgpu::RequestAdapterError| Error::NoAdapter { tried: error.to_string() };
    instance.request_adapter(&options).await.map_err(no_adapter)
}

#[cfg(not(target_family = "wasm"))]
async fn find(index: Option<usize>) -> Result<wgpu::Adapter> {
    match wgpu::Backends::from_env() {
        Some(backends) if backends.is_empty() => {
            let value = std::env::var("WGPU_BACKEND").unwrap_or_default();
            let problem = "names no backend; choose among vulkan, metal, dx12 and gl".to_owned();
            Err(Error::Environment { variable: "WGPU_BACKEND", value, problem })
        }
        Some(backends) => find_adapter(backends, index).await,
        // OpenGL tries to connect to a display, so it is tried only if there is nothing else.
        None => match find_adapter(wgpu::Backends::PRIMARY, index).await {
            Err(Error::NoAdapter { .. } | Error::Environment { .. }) => {
                find_adapter(wgpu::Backends::all(), index).await
            }
            found => found,
        },
    }
}

async fn open(adapter: wgpu::Adapter) -> Result<Gpu> {
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

#[cfg(not(target_family = "wasm"))]
async fn find_adapter(backends: wgpu::Backends, index: Option<usize>) -> Result<wgpu::Adapter> {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
    descriptor.backends = backends;
    let instance = wgpu::Instance::new(descriptor);
    let wanted = std::env::var("WGPU_ADAPTER_NAME").ok();
    if wanted.is_none() && index.is_none() {
        let power_preference = wgpu::PowerPreference::from_env().unwrap_or(wgpu::PowerPreference::HighPerformance);
        return request_adapter(&instance, power_preference).await;
    }
    let mut adapters = instance.enumerate_adapters(backends).await;
    if adapters.is_empty() {
        return Err(Error::NoAdapter { tried: format!("none found on {backends:?}") });
    }
    let name = |adapter: &wgpu::Adapter| adapter.get_info().name;
    if let Some(wanted) = wanted {
        let names = adapters.iter().map(name).collect::<Vec<_>>();
        adapters.retain(|adapter| name(adapter).to_lowercase().contains(&wanted.to_lowercase()));
        if adapters.is_empty() {
            let found = names.join(", ");
            let problem = format!("matches none of this machine's adapters ({found}): give a part of one's name");
            return Err(Error::Environment { variable: "WGPU_ADAPTER_NAME", value: wanted, problem });
        }
    }
    let Some(index) = index else { return Ok(adapters.swap_remove(0)) };
    keep_best(&mut adapters, |adapter| (adapter.get_info().device_type, adapter.get_info().backend));
    if index >= adapters.len() {
        let rule = format!("these suit: {}", adapters.iter().map(name).collect::<Vec<_>>().join(", "));
        return Err(Error::count(
            "Gpu::headless_at",
            "the adapter's index",
            index as u64,
            [0, adapters.len() as u64 - 1],
            &rule,
        ));
    }
    Ok(adapters.swap_remove(index))
}

/// Keeps what is of the best type, and of the backend of the first such: one GPU is an adapter of each of its backends.
#[cfg(not(target_family = "wasm"))]
fn keep_best<T>(adapters: &mut Vec<T>, of: impl Fn(&T) -> (wgpu::DeviceType, wgpu::Backend)) {
    use wgpu::DeviceType::{Cpu, DiscreteGpu, IntegratedGpu, Other, VirtualGpu};
    let place = |ty| [DiscreteGpu, IntegratedGpu, VirtualGpu, Other, Cpu].iter().position(|&other| other == ty);
    let best = adapters.iter().map(&of).min_by_key(|&(ty, _)| place(ty));
    adapters.retain(|adapter| Some(of(adapter)) == best);
}

#[cfg(test)]
mod tests {
    use wgpu::Backend::{Dx12, Vulkan};
    use wgpu::DeviceType::{Cpu, DiscreteGpu, IntegratedGpu};

    use super::*;

    #[test]
    fn equal_adapters_are_of_the_best_type_and_of_one_backend() {
        let kept = |mut adapters: Vec<_>| {
            keep_best(&mut adapters, |&(_, ty, backend)| (ty, backend));
            adapters.into_iter().map(|(number, ..)| number).collect::<Vec<_>>()
        };
        let two = [(0, IntegratedGpu, Vulkan), (1, DiscreteGpu, Vulkan), (2, Cpu, Vulkan), (3, DiscreteGpu, Vulkan)];
        let again = [(4, DiscreteGpu, Dx12), (5, DiscreteGpu, Dx12), (6, Cpu, Dx12)];
        assert_eq!(kept(two.into_iter().chain(again).collect()), [1, 3]);
        assert_eq!(kept(vec![(0, Cpu, Vulkan)]), [0]);
        assert!(kept(Vec::new()).is_empty());
    }
}

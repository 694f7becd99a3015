//! A device as an app requests it: at wgpu's default limits.

use std::error::Error;

use wgrad::wgpu;

/// Opens a device with those of the `wanted` features that the adapter has.
pub fn open(wanted: wgpu::Features) -> Result<(wgpu::Device, wgpu::Queue), Box<dyn Error>> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env());
    let adapter = pollster::block_on(instance.request_adapter(&Default::default()))?;
    let required_features = adapter.features() & wanted;
    let descriptor = wgpu::DeviceDescriptor { required_features, ..Default::default() };
    Ok(pollster::block_on(adapter.request_device(&descriptor))?)
}

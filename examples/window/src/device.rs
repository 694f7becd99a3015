//! The device that egui and the network share.

use std::sync::Arc;

use eframe::egui_wgpu::{WgpuSetup, WgpuSetupCreateNew};
use eframe::wgpu::{DeviceDescriptor, Features, Limits};

/// What makes training better where the adapter has it: subgroups for speed, and the GPU's clock, by which a frame's steps
/// are chosen.
const WANTED: Features = Features::SUBGROUP.union(Features::TIMESTAMP_QUERY);

/// egui's own choice of an adapter; and of it a device with wgpu's default limits, which are all that the network needs.
pub fn setup() -> WgpuSetup {
    WgpuSetup::CreateNew(WgpuSetupCreateNew {
        device_descriptor: Arc::new(|adapter| DeviceDescriptor {
            label: Some("window"),
            required_features: adapter.features() & WANTED,
            required_limits: Limits::default(),
            ..Default::default()
        }),
        ..WgpuSetupCreateNew::without_display_handle()
    })
}

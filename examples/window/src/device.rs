//! The device that egui and the network share.

use std::sync::Arc;

use eframe::egui_wgpu::{WgpuSetup, WgpuSetupCreateNew};
use eframe::wgpu::{DeviceDescriptor, Features, Limits};

/// Optional features that help training: subgroups for speed, and timestamps, by which a frame's steps are chosen.
const WANTED: Features = Features::SUBGROUP.union(Features::TIMESTAMP_QUERY);

/// The adapter that egui chooses, and a device with wgpu's default limits, which are enough for the network.
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

//! The device that egui and the networks share.

use std::sync::{Arc, OnceLock};

use eframe::CreationContext;
use eframe::egui_wgpu::{RenderState, WgpuSetup, WgpuSetupCreateNew};
use eframe::wgpu::{DeviceDescriptor, Features, Limits};
use wgrad::{Error, Gpu};

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

/// The device as egui and as wgrad have it, and whether it is lost. Cheap to clone.
#[derive(Clone)]
pub struct Device {
    /// egui's.
    pub render_state: RenderState,
    /// wgrad's.
    pub gpu: Gpu,
    lost: Arc<OnceLock<String>>,
}

impl Device {
    /// egui's device. Watches it: when it is lost, a frame is painted, even of a window in which nothing happens.
    ///
    /// # Errors
    /// If egui draws without wgpu; those of [`Gpu::from_wgpu`].
    pub fn of(context: &CreationContext) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let render_state = context.wgpu_render_state.clone().ok_or("egui draws without wgpu")?;
        let gpu = Gpu::from_wgpu(&render_state.device, &render_state.queue)?;
        let lost = Arc::<OnceLock<String>>::default();
        let (told, egui) = (lost.clone(), context.egui_ctx.clone());
        render_state.device.set_device_lost_callback(move |_, reason| {
            told.get_or_init(|| in_words(&reason));
            egui.request_repaint();
        });
        Ok(Device { render_state, gpu, lost })
    }

    /// That it was lost, and why, in words; `None` as long as it is not.
    pub fn lost(&self) -> Option<&str> {
        self.lost.get().map(String::as_str)
    }

    /// Notes a loss that wgrad noticed first.
    pub fn note(&self, error: &Error) {
        if let Error::DeviceLost { reason } = error {
            self.lost.get_or_init(|| in_words(reason));
        }
    }
}

fn in_words(reason: &str) -> String {
    let reason = if reason.is_empty() { "no reason was given" } else { reason };
    format!("The GPU device was lost ({reason})")
}

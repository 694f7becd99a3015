//! How the window looks.

use std::sync::Arc;

use eframe::egui::{Color32, Context, FontData, FontDefinitions, FontFamily, Theme, Ui, vec2};
use epaint_default_fonts::{EGUI_ICONS, UBUNTU_LIGHT};

/// Sets the fonts and the colours.
pub fn set(context: &Context) {
    context.set_fonts(fonts());
    // What has the background's colour is not painted: software drivers take as long for that as for all the rest.
    context.all_styles_mut(|style| style.visuals.panel_fill = Color32::TRANSPARENT);
}

/// The colour that a frame begins with.
pub fn background(theme: Theme) -> Color32 {
    theme.default_visuals().panel_fill
}

/// Makes room for fingers.
pub fn widen(ui: &mut Ui) {
    let spacing = ui.spacing_mut();
    spacing.interact_size.y = 32.0;
    spacing.button_padding = vec2(10.0, 6.0);
    spacing.item_spacing.y = 8.0;
    spacing.slider_width = 150.0;
}

/// Of egui's fonts the one for all text: a page's bytes are downloaded.
fn fonts() -> FontDefinitions {
    let mut fonts = FontDefinitions::empty();
    let data = [("text", UBUNTU_LIGHT), ("icons", EGUI_ICONS)];
    for (name, bytes) in data {
        fonts.font_data.insert(name.to_owned(), Arc::new(FontData::from_static(bytes)));
        for family in [FontFamily::Proportional, FontFamily::Monospace] {
            fonts.families.entry(family).or_default().push(name.to_owned());
        }
    }
    fonts
}

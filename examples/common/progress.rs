//! Progress bars.

use std::fmt::Write;

use indicatif::style::TemplateError;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};

/// A progress bar followed by this text, an indicatif template; `{rate}` is the progress per second.
pub fn bar(length: u64, text: &str) -> Result<ProgressBar, TemplateError> {
    let style = ProgressStyle::with_template(&format!("{{bar:30}} {text}"))?
        .with_key("rate", |state: &ProgressState, text: &mut dyn Write| _ = write!(text, "{:.0}", state.per_sec()));
    Ok(ProgressBar::new(length).with_style(style))
}

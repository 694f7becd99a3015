//! Opens the window: on a desktop, or in a page.
//!
//! cargo run --release --manifest-path examples/window/Cargo.toml

#[cfg(not(target_family = "wasm"))]
fn main() -> std::process::ExitCode {
    wgrad_window::native::main()
}

#[cfg(target_family = "wasm")]
fn main() {
    wgrad_window::web::open();
}

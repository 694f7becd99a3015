//! The native half of a comparison with a browser: trains XOR by a plan, and prints the result as JSON.
//!
//! wgrad-web-tests PLAN EPOCHS

#[cfg(not(target_family = "wasm"))]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(plan), Some(epochs)) = (arguments.next(), arguments.next()) else {
        return Err("expected a plan and a number of epochs".into());
    };
    println!("{}", pollster::block_on(wgrad_web_tests::xor_by_name(&plan, epochs.parse()?))?);
    Ok(())
}

#[cfg(target_family = "wasm")]
use wgrad_web_tests as _; // what it exports

#[cfg(target_family = "wasm")]
fn main() {}

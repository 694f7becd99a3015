//! Many threads share a device.

mod common;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use common::*;
use wgrad::{Error, Network};

/// Panics, those too that are caught: a program that aborts on panic catches none.
static PANICS: AtomicU32 = AtomicU32::new(0);

#[test]
fn eight_threads_wait_with_short_timeouts_while_the_app_polls() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        hook(panic);
    }));
    let gpu = gpu();
    let input = [0.5, -0.25];
    let expected = Network::new(gpu, &xor_mlp(), 1).unwrap().predict(&input).unwrap();
    let end = Instant::now() + Duration::from_secs(1);
    let answers = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let gpu = gpu.clone().with_wait_timeout(Duration::from_millis(1));
                let network = Network::new(&gpu, &xor_mlp(), 1).unwrap();
                while Instant::now() < end {
                    match network.predict(&input) {
                        Ok(output) => assert_eq!(output, expected),
                        Err(Error::Timeout { .. }) => continue,
                        Err(error) => panic!("{error}"),
                    }
                    answers.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for poll in [wgpu::PollType::Poll, wgpu::PollType::wait_indefinitely()] {
            let device = gpu.device();
            scope.spawn(move || {
                while Instant::now() < end {
                    device.poll(poll.clone()).unwrap();
                    std::thread::yield_now();
                }
            });
        }
    });
    assert_eq!(PANICS.load(Ordering::Relaxed), 0);
    assert!(answers.load(Ordering::Relaxed) > 0, "each wait timed out");
}

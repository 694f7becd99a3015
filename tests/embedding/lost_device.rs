//! A lost device is an error from every later call.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use wgrad::{Dataset, Error, Gpu, Network, Trainer};

use crate::common::*;
use crate::{app_device, xor_trainer};

#[test]
fn a_lost_device_is_reported_again_and_again_without_a_panic() {
    let (device, queue) = app_device();
    let lost = Arc::new(AtomicBool::new(false));
    let seen = lost.clone();
    device.set_device_lost_callback(move |_, _| seen.store(true, Ordering::SeqCst));
    device.on_uncaptured_error(Arc::new(|error| panic!("the app's handler was given {error}")));
    let gpu = Gpu::from_wgpu(&device, &queue).unwrap();
    let (network, mut trainer) = xor_trainer(&gpu);
    submit(&gpu, |encoder| trainer.record_steps(encoder, 5));
    assert_eq!(trainer.read_loss().unwrap().unwrap().step, 5);

    device.destroy();
    submit(&gpu, |encoder| trainer.record_steps(encoder, 5));
    for _ in 0..3 {
        let error = trainer.latest_loss().unwrap_err();
        assert!(matches!(error, Error::DeviceLost { .. }), "{error}");
        assert!(matches!(trainer.read_loss(), Err(Error::DeviceLost { .. })));
        assert!(matches!(trainer.train(1, |_| ()), Err(Error::DeviceLost { .. })));
        assert!(matches!(network.read_parameters(), Err(Error::DeviceLost { .. })));
        let error = network.predict(&[0.0, 1.0]).unwrap_err();
        assert!(matches!(error, Error::DeviceLost { .. }), "{error}");
    }
    assert!(lost.load(Ordering::SeqCst), "the app's loss callback is still its own");
}

#[test]
fn a_device_lost_unnoticed_is_reported_by_whatever_is_called_next() {
    type Call = fn(&Gpu, &Network, &mut Trainer) -> Result<(), Error>;
    let calls: [Call; 6] = [
        |_, network, _| network.predict(&[0.0, 1.0]).map(drop),
        |_, network, _| network.read_parameters().map(drop),
        |gpu, _, _| Network::new(gpu, &xor_mlp(), 1).map(drop),
        |gpu, _, _| Dataset::new(gpu, &XOR_INPUTS, &XOR_TARGETS).map(drop),
        |_, _, trainer| trainer.train(1, |_| ()),
        |_, _, trainer| trainer.latest_loss().map(drop),
    ];
    for (i, call) in calls.into_iter().enumerate() {
        let (device, queue) = app_device();
        device.on_uncaptured_error(Arc::new(|error| panic!("the app's handler was given {error}")));
        let gpu = Gpu::from_wgpu(&device, &queue).unwrap();
        let (network, mut trainer) = xor_trainer(&gpu);
        device.destroy();
        let result = call(&gpu, &network, &mut trainer);
        assert!(matches!(result, Err(Error::DeviceLost { .. })), "call {i}: {result:?}");
    }
}

//! What a browser refuses, and who is told.

use std::future::poll_fn;
use std::task::Poll;

use gloo_timers::future::TimeoutFuture;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_test::wasm_bindgen_test;
use wgrad::wgpu;
use wgrad::{BufferProblem, Dataset, Error, Gpu, Network, Plan, Result, Rows, Trainer};

use super::{T, X, config, mlp, trainer, turn};

#[wasm_bindgen(inline_js = "
export function leave_no_memory_for(label) {
    const create = GPUDevice.prototype.createBuffer;
    GPUDevice.prototype.createBuffer = function (descriptor) {
        if (descriptor.label !== label) return create.call(this, descriptor);
        GPUDevice.prototype.createBuffer = create;
        // 256 GiB.
        this.createTexture({ format: 'rgba32float', usage: GPUTextureUsage.COPY_DST, size: [8192, 8192, 256] });
        this.pushErrorScope('validation');
        const invalid = create.call(this, { ...descriptor, usage: 0 });
        this.popErrorScope();
        return invalid;
    };
}
export function refuse_to_compile() {
    const create = GPUDevice.prototype.createComputePipeline;
    GPUDevice.prototype.createComputePipeline = function (descriptor) {
        GPUDevice.prototype.createComputePipeline = create;
        this.pushErrorScope('validation');
        const invalid = create.call(this, { ...descriptor, compute: { ...descriptor.compute, entryPoint: 'none' } });
        this.popErrorScope();
        return invalid;
    };
}
const living = {};
export function count_buffers() {
    const create = GPUDevice.prototype.createBuffer;
    GPUDevice.prototype.createBuffer = function (descriptor) {
        living[descriptor.label] = (living[descriptor.label] ?? 0) + 1;
        return create.call(this, descriptor);
    };
    const destroy = GPUBuffer.prototype.destroy;
    GPUBuffer.prototype.destroy = function () {
        if (!this.isDestroyed) living[this.label] -= 1;
        this.isDestroyed = true;
        destroy.call(this);
    };
}
export function living_buffers(label) {
    return living[label] ?? -1;
}
export function refuse_to_map() {
    const map = GPUBuffer.prototype.mapAsync;
    GPUBuffer.prototype.mapAsync = function () {
        GPUBuffer.prototype.mapAsync = map;
        return Promise.reject(new DOMException('no memory to map', 'OperationError'));
    };
}
")]
extern "C" {
    /// Makes the next buffer of this label be refused for want of memory, as a browser refuses it: with an invalid buffer, and an
    /// error that comes later.
    fn leave_no_memory_for(label: &str);
    /// Counts buffers from now on.
    fn count_buffers();
    /// The buffers of this label that have not been destroyed; -1 if there was none.
    fn living_buffers(label: &str) -> i32;
    /// Makes the next pipeline invalid, as one that the driver fails to compile: no error scope of the crate's tells of it.
    fn refuse_to_compile();
    /// Makes the next mapping of a buffer fail.
    fn refuse_to_map();
}

/// What both futures give, polled in turns.
async fn join<A, B>(one: impl Future<Output = A>, other: impl Future<Output = B>) -> (A, B) {
    let (mut one, mut other) = (std::pin::pin!(one), std::pin::pin!(other));
    let (mut of_one, mut of_other) = (None, None);
    poll_fn(|context| {
        if of_one.is_none()
            && let Poll::Ready(output) = one.as_mut().poll(context)
        {
            of_one = Some(output);
        }
        if of_other.is_none()
            && let Poll::Ready(output) = other.as_mut().poll(context)
        {
            of_other = Some(output);
        }
        if of_one.is_some() && of_other.is_some() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    (of_one.unwrap(), of_other.unwrap())
}

#[wasm_bindgen_test]
async fn a_copy_without_memory_is_an_error_and_the_device_lives() {
    let gpu = Gpu::request().await.unwrap();
    let (_, mut trainer) = trainer(&gpu, Plan::Auto);
    trainer.train_async(10, |_| ()).await.unwrap();
    leave_no_memory_for("wgrad copy");
    let mut errors = Vec::new();
    // For longer than a device that has been lost takes to say so.
    for _ in 0..120 {
        // The submission is the app's, and so is its error.
        let scope = gpu.device().push_error_scope(wgpu::ErrorFilter::Validation);
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        let recorded = trainer.record_parameters(&mut encoder);
        gpu.queue().submit([encoder.finish()]);
        _ = scope.pop().await;
        errors.extend([recorded.err(), trainer.latest_parameters().err()].into_iter().flatten());
        turn().await;
    }
    let [no_memory, not_read] = &errors[..] else { panic!("{errors:?}") };
    assert_eq!(*no_memory, Error::OutOfMemory { what: "wgrad copy".to_owned() });
    assert!(matches!(not_read, Error::WorkDropped { what: "readback", .. }), "{not_read}");
    assert_eq!(trainer.latest_parameters().unwrap().unwrap().step, 40);
    trainer.train_async(10, |_| ()).await.unwrap();
    gpu.settled().await.unwrap();
}

#[wasm_bindgen_test]
async fn a_readback_that_the_browser_refuses_is_an_error_once_and_the_device_lives() {
    let gpu = Gpu::request().await.unwrap();
    let (network, mut trainer) = trainer(&gpu, Plan::Auto);
    let is_dropped = |error: &Error| matches!(error, Error::WorkDropped { what: "readback", .. });
    refuse_to_map();
    assert!(is_dropped(&network.read_parameters_async().await.unwrap_err()));
    network.read_parameters_async().await.unwrap();

    for of_copy in [false, true] {
        let mut errors = Vec::new();
        for frame in 0..120 {
            let mut encoder = gpu.device().create_command_encoder(&Default::default());
            if frame == 0 && !of_copy {
                refuse_to_map();
            }
            trainer.record_steps(&mut encoder, 4);
            gpu.queue().submit([encoder.finish()]);
            let mut encoder = gpu.device().create_command_encoder(&Default::default());
            if frame == 0 && of_copy {
                refuse_to_map();
            }
            errors.extend(trainer.record_parameters(&mut encoder).err());
            gpu.queue().submit([encoder.finish()]);
            turn().await;
            errors.extend([trainer.latest_loss().err(), trainer.latest_parameters().err()].into_iter().flatten());
        }
        assert!(errors.len() == 1 && errors.iter().all(is_dropped), "{of_copy} {errors:?}");
        assert!(trainer.latest_loss().unwrap().is_some() && trainer.latest_parameters().unwrap().is_some());
    }
}

#[wasm_bindgen_test]
async fn what_the_browser_refuses_is_an_error_of_a_later_call_once() {
    let gpu = Gpu::request().await.unwrap();
    let other = Gpu::request().await.unwrap();
    let network = Network::new(&gpu, &mlp(), 1).unwrap();
    gpu.settled().await.unwrap();

    // Rows in a buffer of another device.
    let foreign = Rows::from_slice(&other, 2, X.as_flattened()).unwrap();
    let output = Rows::from_slice(&gpu, 2, X.as_flattened()).unwrap();
    let forward = network.forward(&foreign, &output).unwrap();
    let error = gpu.settled().await.unwrap_err();
    assert!(matches!(&error, Error::Buffer { problem: BufferProblem::Refused { .. }, .. }), "{error}");
    // It is told once, and its consequences are not.
    gpu.settled().await.unwrap();
    drop(forward);
    assert_eq!(network.predict_async(&X[1]).await.unwrap().len(), 2);
}

#[wasm_bindgen_test]
async fn training_on_a_buffer_that_was_destroyed_is_refused_and_loses_nothing() {
    let gpu = Gpu::request().await.unwrap();
    let network = Network::new(&gpu, &mlp(), 1).unwrap();
    let [x, t] = [X, T].map(|rows| Rows::from_slice(&gpu, 2, rows.as_flattened()).unwrap());
    let data = Dataset::from_buffers(&gpu, x.clone(), t).unwrap();
    let mut trainer = Trainer::new(&network, &data, config(Plan::Auto)).unwrap();
    trainer.train_async(10, |_| ()).await.unwrap();
    let parameters = network.read_parameters_async().await.unwrap();
    x.buffer().destroy();
    for _ in 0..3 {
        let error = trainer.train_async(10, |_| ()).await.unwrap_err();
        assert!(matches!(&error, Error::Buffer { problem: BufferProblem::Refused { .. }, .. }), "{error}");
    }
    assert_eq!(network.read_parameters_async().await.unwrap(), parameters);
    assert_eq!(trainer.read_loss_async().await.unwrap().unwrap().step, 40);

    // The same training on other samples.
    let data = Dataset::new(&gpu, &X, &T).unwrap();
    let mut trainer = Trainer::new(&network, &data, config(Plan::Auto)).unwrap();
    trainer.train_async(10, |_| ()).await.unwrap();
}

#[wasm_bindgen_test]
async fn of_two_trainings_each_is_told_its_own_error() {
    let gpu = Gpu::request().await.unwrap();
    let good = Dataset::new(&gpu, &X, &T).unwrap();
    for refused_first in [false, true] {
        let [x, t] = [X, T].map(|rows| Rows::from_slice(&gpu, 2, rows.as_flattened()).unwrap());
        let bad = Dataset::from_buffers(&gpu, x.clone(), t).unwrap();
        let [mut refused, mut trained] = [&bad, &good].map(|data| {
            let network = Network::new(&gpu, &mlp(), 1).unwrap();
            Trainer::new(&network, data, config(Plan::Auto)).unwrap()
        });
        trained.train_async(10, |_| ()).await.unwrap();
        refused.train_async(10, |_| ()).await.unwrap();
        x.buffer().destroy();
        let (of_refused, of_trained) = match refused_first {
            true => join(refused.train_async(100, |_| ()), trained.train_async(100, |_| ())).await,
            false => {
                let (of_trained, of_refused) =
                    join(trained.train_async(100, |_| ()), refused.train_async(100, |_| ())).await;
                (of_refused, of_trained)
            }
        };
        of_trained.unwrap();
        let error = of_refused.unwrap_err();
        assert!(matches!(&error, Error::Buffer { problem: BufferProblem::Refused { .. }, .. }), "{error}");
        assert_eq!(trained.read_loss_async().await.unwrap().unwrap().step, 440);
        assert_eq!(refused.read_loss_async().await.unwrap().unwrap().step, 40);
        gpu.settled().await.unwrap();
    }
}

#[wasm_bindgen_test]
async fn the_error_of_a_future_that_was_dropped_is_told_by_another_call() {
    let gpu = Gpu::request().await.unwrap();
    for milliseconds in [0, 50] {
        let rows = Rows::from_slice(&gpu, 2, X.as_flattened()).unwrap();
        rows.buffer().destroy();
        {
            let mut reading = std::pin::pin!(rows.read_async(&gpu));
            let polled = poll_fn(|context| Poll::Ready(reading.as_mut().poll(context).is_pending())).await;
            assert!(polled);
            // The browser tells of it before the future is dropped, or after.
            TimeoutFuture::new(milliseconds).await;
        }
        let error = gpu.settled().await.unwrap_err();
        assert!(matches!(&error, Error::Buffer { problem: BufferProblem::Refused { .. }, .. }), "{error}");
        gpu.settled().await.unwrap();
    }
}

#[wasm_bindgen_test]
async fn each_want_of_memory_is_told() {
    let gpu = Gpu::request().await.unwrap();
    leave_no_memory_for("wgrad parameters");
    let network = Network::new(&gpu, &mlp(), 1).unwrap();
    leave_no_memory_for("wgrad rows");
    Rows::from_slice(&gpu, 2, X.as_flattened()).unwrap();
    for what in ["wgrad parameters", "wgrad rows"] {
        assert_eq!(gpu.settled().await, Err(Error::OutOfMemory { what: what.to_owned() }));
    }
    gpu.settled().await.unwrap();
    // Who goes on with what there was no memory for is told so.
    let error = network.read_parameters_async().await.unwrap_err();
    assert!(matches!(&error, Error::Buffer { problem: BufferProblem::Refused { .. }, .. }), "{error}");
    gpu.settled().await.unwrap();
}

#[wasm_bindgen_test]
async fn a_kernel_that_does_not_compile_is_not_blamed_on_a_buffer() {
    let gpu = Gpu::request().await.unwrap();
    let network = Network::new(&gpu, &mlp(), 1).unwrap();
    refuse_to_compile();
    let error = network.predict_async(&X[1]).await.unwrap_err();
    assert!(matches!(&error, Error::Refused { reason, .. } if reason.contains("ComputePipeline")), "{error}");
}

#[wasm_bindgen_test]
async fn a_summed_training_goes_on_after_a_readback_that_failed() {
    let gpu = Gpu::request().await.unwrap();
    let (_, mut trainer) = trainer(&gpu, Plan::Auto);
    let sum = async |_: &mut [f32]| -> Result<()> { Ok(()) };
    trainer.train_summed_async(2, sum).await.unwrap();
    refuse_to_map();
    let error = trainer.train_summed_async(2, sum).await.unwrap_err();
    assert!(matches!(&error, Error::WorkDropped { what: "readback", .. }), "{error}");
    trainer.train_summed_async(2, sum).await.unwrap();
    assert_eq!(trainer.read_loss_async().await.unwrap().unwrap().step, 4);
}

#[wasm_bindgen_test]
async fn what_is_needed_for_a_call_alone_is_destroyed_after_it() {
    count_buffers();
    let gpu = Gpu::request().await.unwrap();
    let network = Network::new(&gpu, &mlp(), 1).unwrap();
    let rows = Rows::from_slice(&gpu, 2, X.as_flattened()).unwrap();
    for fails in [false, true] {
        for of_rows in [false, true] {
            if fails {
                refuse_to_map();
            }
            let read = match of_rows {
                true => rows.read_async(&gpu).await,
                false => network.predict_async(X.as_flattened()).await,
            };
            assert_eq!(read.is_err(), fails, "{read:?}");
        }
        for what in ["readback", "copy of rows", "inputs to predict from", "predicted outputs", "activations"] {
            assert_eq!(living_buffers(&format!("wgrad {what}")), 0, "{what}");
        }
    }
    // What is the caller's is left alone.
    assert_eq!(rows.read_async(&gpu).await.unwrap(), X.as_flattened());
    let forward = network.forward(&rows, &Rows::from_slice(&gpu, 2, T.as_flattened()).unwrap()).unwrap();
    gpu.settled().await.unwrap();
    drop(forward);
    assert_eq!(living_buffers("wgrad rows"), 2);
}

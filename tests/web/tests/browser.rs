//! The library's own tests in a browser, by `tools/web test`.
#![cfg(target_family = "wasm")]

#[path = "browser/refusals.rs"]
mod refusals;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use gloo_timers::future::TimeoutFuture;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use wgrad::wgpu;
use wgrad::{Dataset, Error, Gpu, Loss, Mlp, Network, Optimizer, Plan, Result, TrainConfig, Trainer, class_of};

wasm_bindgen_test_configure!(run_in_browser);

const X: [[f32; 2]; 4] = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
const T: [[f32; 2]; 4] = [[0.99, 0.01], [0.01, 0.99], [0.01, 0.99], [0.99, 0.01]];

fn mlp() -> Mlp {
    Mlp::inputs(2).linear(30).sigmoid().linear(2).sigmoid()
}

fn config(plan: Plan) -> TrainConfig {
    TrainConfig { learning_rate: 0.1, plan, ..TrainConfig::default() }
}

/// A network of seed 1 that learns XOR.
fn trainer(gpu: &Gpu, plan: Plan) -> (Network, Trainer) {
    let data = Dataset::new(gpu, &X, &T).unwrap();
    let network = Network::new(gpu, &mlp(), 1).unwrap();
    let trainer = Trainer::new(&network, &data, config(plan)).unwrap();
    (network, trainer)
}

/// A device of the app's own.
async fn device(limits: wgpu::Limits) -> (wgpu::Device, wgpu::Queue) {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapter = instance.request_adapter(&Default::default()).await.unwrap();
    let required_features = adapter.features() & wgpu::Features::TIMESTAMP_QUERY;
    let descriptor = wgpu::DeviceDescriptor { required_limits: limits, required_features, ..Default::default() };
    adapter.request_device(&descriptor).await.unwrap()
}

/// The page's turn.
async fn turn() {
    TimeoutFuture::new(5).await;
}

#[wasm_bindgen_test]
async fn each_plan_learns_xor() {
    let gpu = Gpu::request().await.unwrap();
    let data = Dataset::new(&gpu, &X, &T).unwrap();
    for plan in Plan::ALL {
        let network = Network::new(&gpu, &mlp(), 1).unwrap();
        let epochs = if matches!(plan, Plan::Plain | Plan::Layered) { 1_500 } else { 5_000 };
        let config = match plan {
            Plan::Plain | Plan::Layered => {
                TrainConfig { optimizer: Optimizer::adam(), learning_rate: 0.02, plan, ..TrainConfig::default() }
            }
            plan => config(plan),
        };
        let mut trainer = match Trainer::new(&network, &data, config) {
            Err(Error::PlanUnavailable { plan, reason, .. }) => {
                assert_eq!(plan, "persistent-subgroup");
                assert!(reason.contains("wgpu does not offer the feature SUBGROUP in browsers"), "{reason}");
                continue;
            }
            trainer => trainer.unwrap(),
        };
        let calls = Cell::new(0);
        trainer.train_async(epochs, |_| calls.set(calls.get() + 1)).await.unwrap();
        assert!(calls.get() > 1, "{plan}: {calls:?}");
        let outputs = network.predict_async(X.as_flattened()).await.unwrap();
        assert_eq!(outputs.chunks(2).map(class_of).collect::<Vec<_>>(), [0, 1, 1, 0], "{plan}: {outputs:?}");
        let loss = trainer.read_loss_async().await.unwrap().unwrap();
        assert_eq!(loss.step, 4 * epochs, "{plan}");
        assert!(loss.loss < 0.02, "{plan}: {loss:?}");
        let measured = network.evaluate_async(&data, Loss::default()).await.unwrap();
        assert!(measured.len() == 1 && measured[0] < 0.02, "{plan}: {measured:?}");
        assert_eq!(network.classify_async(&data, Loss::default()).await.unwrap().accuracy(), 1.0, "{plan}");
    }
    gpu.settled().await.unwrap();
}

#[wasm_bindgen_test]
async fn a_page_that_trains_between_frames_is_told_the_loss_and_the_parameters() {
    let (device, queue) = device(wgpu::Limits::default()).await;
    let gpu = Gpu::from_wgpu(&device, &queue).unwrap();
    let (_, mut trainer) = trainer(&gpu, Plan::Auto);
    let (mut most, mut told) = (0, 0);
    for _ in 0..400 {
        let steps = trainer.steps_within(Duration::from_millis(2)).unwrap();
        most = most.max(steps);
        let mut encoder = device.create_command_encoder(&Default::default());
        trainer.record_steps(&mut encoder, steps);
        trainer.record_parameters(&mut encoder).unwrap();
        queue.submit([encoder.finish()]);
        turn().await;
        told += usize::from(trainer.latest_loss().unwrap().is_some());
        if trainer.latest_parameters().unwrap().is_some_and(|latest| latest.step > 10_000) {
            break;
        }
    }
    assert!(told > 3, "{told}");
    let latest = trainer.latest_parameters().unwrap().unwrap();
    assert!(latest.parameters.len() == mlp().parameter_count() && latest.step > 0);
    // The clock of the GPU, where the browser shows it, lets steps fill the time.
    if device.features().contains(wgpu::Features::TIMESTAMP_QUERY) {
        assert!(most > 50, "{most}");
    }
}

#[wasm_bindgen_test]
async fn a_lost_device_is_an_error_of_every_later_call_and_another_device_goes_on() {
    let gpu = Gpu::request().await.unwrap();
    let told = Arc::new(AtomicBool::new(false));
    let app_told = told.clone();
    // The app's own callback is called as well.
    gpu.device().set_device_lost_callback(move |_, _| app_told.store(true, Ordering::Relaxed));
    let (network, mut trainer) = trainer(&gpu, Plan::Auto);
    trainer.train_async(100, |_| ()).await.unwrap();
    let parameters = network.read_parameters_async().await.unwrap();

    gpu.device().destroy();
    let is_lost = |error: &Error| matches!(error, Error::DeviceLost { .. });
    for _ in 0..2 {
        assert!(is_lost(&trainer.train_async(100, |_| ()).await.unwrap_err()));
        assert!(is_lost(&network.predict_async(&X[1]).await.unwrap_err()));
        assert!(is_lost(&network.read_parameters_async().await.unwrap_err()));
        assert!(is_lost(&trainer.latest_loss().unwrap_err()));
        assert!(is_lost(&gpu.settled().await.unwrap_err()));
    }
    assert!(told.load(Ordering::Relaxed));

    let gpu = Gpu::request().await.unwrap();
    let network = Network::from_parameters(&gpu, &mlp(), &parameters).unwrap();
    assert_eq!(network.read_parameters_async().await.unwrap(), parameters);
}

/// A page is told of the loss, whatever it was reading.
#[wasm_bindgen_test]
async fn a_device_that_is_lost_between_frames_is_lost_by_every_later_call() {
    for milliseconds in [0, 5] {
        let gpu = Gpu::request().await.unwrap();
        let (_, mut trainer) = trainer(&gpu, Plan::Plain);
        trainer.train_async(10, |_| ()).await.unwrap();
        let mut errors = Vec::new();
        for frame in 0..20 {
            let mut encoder = gpu.device().create_command_encoder(&Default::default());
            trainer.record_steps(&mut encoder, 100);
            errors.extend(trainer.record_parameters(&mut encoder).err());
            gpu.queue().submit([encoder.finish()]);
            if frame == 3 {
                gpu.device().destroy();
            }
            TimeoutFuture::new(milliseconds).await;
            errors.extend([trainer.latest_loss().err(), trainer.latest_parameters().err()].into_iter().flatten());
        }
        let is_lost = |error: &Error| matches!(error, Error::DeviceLost { .. });
        assert!(!errors.is_empty() && errors.iter().all(is_lost), "{errors:?}");
    }
}

/// A device that is lost while a training is under way.
#[wasm_bindgen_test]
async fn a_device_that_is_lost_in_mid_training_ends_the_training() {
    let gpu = Gpu::request().await.unwrap();
    let (_, mut trainer) = trainer(&gpu, Plan::Auto);
    let device = gpu.device().clone();
    let error = trainer.train_async(100_000_000, |_| device.destroy()).await.unwrap_err();
    assert!(matches!(error, Error::DeviceLost { .. }), "{error}");
}

#[wasm_bindgen_test]
async fn a_wait_that_takes_too_long_ends_and_the_next_one_succeeds() {
    let gpu = Gpu::request().await.unwrap();
    let network = Network::new(&gpu, &mlp(), 1).unwrap();
    let data = Dataset::new(&gpu, &X, &T).unwrap();
    let mut trainer = Trainer::new(&network, &data, config(Plan::Plain)).unwrap();
    let mut encoder = gpu.device().create_command_encoder(&Default::default());
    trainer.record_steps(&mut encoder, 3_000);
    gpu.queue().submit([encoder.finish()]);
    let hurried = Network::new(&gpu.clone().with_wait_timeout(Duration::from_millis(1)), &mlp(), 1).unwrap();
    let timeout = hurried.read_parameters_async().await.unwrap_err();
    assert_eq!(timeout, Error::Timeout { seconds: 0.001 });
    assert_eq!(trainer.read_loss_async().await.unwrap().unwrap().step, 3_000);
}

#[wasm_bindgen_test]
async fn a_training_that_is_dropped_can_go_on() {
    let gpu = Gpu::request().await.unwrap();
    let network = Network::new(&gpu, &mlp(), 1).unwrap();
    let data = Dataset::new(&gpu, &X, &T).unwrap();
    let mut trainer = Trainer::new(&network, &data, config(Plan::Auto)).unwrap();
    let reports = Cell::new(0);
    {
        let mut training = std::pin::pin!(trainer.train_async(1_000_000, |_| reports.set(reports.get() + 1)));
        poll_fn(|context| {
            assert!(training.as_mut().poll(context).is_pending());
            if reports.get() > 3 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
    let step = trainer.read_loss_async().await.unwrap().unwrap().step;
    assert!(step > 0 && step < 4_000_000, "{step}");
    trainer.train_async(1, |_| ()).await.unwrap();
    assert_eq!(trainer.read_loss_async().await.unwrap().unwrap().step, step + 4);
}

#[wasm_bindgen_test]
async fn a_run_is_resumed_from_bytes_bit_for_bit() {
    let gpu = Gpu::request().await.unwrap();
    let data = Dataset::new(&gpu, &X, &T).unwrap();
    let network = Network::new(&gpu, &mlp(), 3).unwrap();
    let config = TrainConfig { shuffle: true, optimizer: Optimizer::adam(), learning_rate: 0.01, ..config(Plan::Auto) };
    let mut trainer = Trainer::new(&network, &data, config).unwrap();
    trainer.train_async(50, |_| ()).await.unwrap();
    let bytes = trainer.to_bytes_async().await.unwrap();
    let (resumed_network, mut resumed) = Trainer::resume_from_bytes(&data, &bytes).unwrap();
    for (trainer, network) in [(&mut trainer, &network), (&mut resumed, &resumed_network)] {
        trainer.train_async(50, |_| ()).await.unwrap();
        assert!(network.read_parameters_async().await.unwrap().iter().all(|value| value.is_finite()));
    }
    let [one, other] = [&network, &resumed_network].map(Network::read_parameters_async);
    assert_eq!(one.await.unwrap(), other.await.unwrap());

    let notes = BTreeMap::from([("points".to_owned(), "none".to_owned())]);
    let bytes = network.to_bytes_async(&notes).await.unwrap();
    let (loaded, found) = Network::from_bytes(&gpu, &bytes).unwrap();
    assert_eq!(found, notes);
    assert_eq!(loaded.read_parameters_async().await.unwrap(), network.read_parameters_async().await.unwrap());
    let error = Network::from_bytes(&gpu, b"no network").unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error}");
}

#[wasm_bindgen_test]
async fn trainers_that_sum_over_the_network_await_the_others() {
    let gpu = Gpu::request().await.unwrap();
    let (_, mut trainer) = trainer(&gpu, Plan::Auto);
    let mut sums = 0;
    let sum = async |_: &mut [f32]| -> Result<()> {
        turn().await;
        sums += 1;
        Ok(())
    };
    trainer.train_summed_async(8, sum).await.unwrap();
    assert_eq!(sums, 8);
    assert_eq!(trainer.read_loss_async().await.unwrap().unwrap().step, 8);
}

#[wasm_bindgen_test]
async fn a_device_of_low_limits_and_a_network_that_is_too_large_are_refused() {
    let limits = wgpu::Limits { max_storage_buffers_per_shader_stage: 4, ..wgpu::Limits::default() };
    let (device, queue) = device(limits).await;
    // Browsers may give more than is asked for.
    if device.limits().max_storage_buffers_per_shader_stage < 8 {
        let error = Gpu::from_wgpu(&device, &queue).unwrap_err();
        assert!(matches!(error, Error::LimitTooLow { .. }), "{error}");
    }
    let gpu = Gpu::request().await.unwrap();
    let error = Network::new(&gpu, &Mlp::inputs(20_000).linear(20_000), 1).unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
}

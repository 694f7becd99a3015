//! What waits can be awaited: in another thread, and beside others in one.

mod common;

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use common::*;
use wgrad::{Dataset, Gpu, Loss, Network, TrainConfig, Trainer};

/// A network that learns XOR.
fn trainer(gpu: &Gpu, seed: u64) -> Trainer {
    let network = Network::new(gpu, &xor_mlp(), seed).unwrap();
    let data = Dataset::new(gpu, &XOR_INPUTS, &XOR_TARGETS).unwrap();
    Trainer::new(&network, &data, TrainConfig { learning_rate: 0.1, ..TrainConfig::default() }).unwrap()
}

#[test]
fn futures_may_go_to_another_thread() {
    let training = async {
        let gpu = Gpu::request().await?;
        let mut trainer = trainer(&gpu, 1);
        trainer.warm_up_async().await?;
        trainer.train_async(20, |_| ()).await?;
        let loss = trainer.read_loss_async().await?.expect("a loss");
        let network = trainer.network();
        let parameters = network.read_parameters_async().await?;
        let outputs = network.predict_async(XOR_INPUTS.as_flattened()).await?;
        let data = Dataset::new(&gpu, &XOR_INPUTS, &XOR_TARGETS)?;
        let measured = network.evaluate_async(&data, Loss::default()).await?;
        let classified = network.classify_async(&data, Loss::default()).await?;
        gpu.settled().await?;
        Ok::<_, wgrad::Error>((loss, parameters, outputs, measured, classified))
    };
    let (loss, parameters, outputs, measured, classified) =
        std::thread::spawn(|| pollster::block_on(training)).join().unwrap().unwrap();

    // The verbs that wait give the same.
    let mut trainer = trainer(gpu(), 1);
    trainer.train(20, |_| ()).unwrap();
    assert_eq!(trainer.read_loss().unwrap(), Some(loss));
    let network = trainer.network();
    assert_eq!(network.read_parameters().unwrap(), parameters);
    assert_eq!(network.predict(XOR_INPUTS.as_flattened()).unwrap(), outputs);
    let data = Dataset::new(gpu(), &XOR_INPUTS, &XOR_TARGETS).unwrap();
    assert_eq!(network.evaluate(&data, Loss::default()).unwrap(), measured);
    assert_eq!(network.classify(&data, Loss::default()).unwrap(), classified);
}

#[test]
fn two_trainings_take_turns_in_one_thread() {
    let [mut one, mut two] = [1, 2].map(|seed| trainer(gpu(), seed));
    let reports = RefCell::new(Vec::new());
    let mut trainings = [
        Box::pin(one.train_async(100_000, |_| reports.borrow_mut().push(1))) as Pin<Box<dyn Future<Output = _>>>,
        Box::pin(two.train_async(100_000, |_| reports.borrow_mut().push(2))),
    ];
    let mut ended = [None, None];
    pollster::block_on(poll_fn(|context| {
        for (training, ended) in trainings.iter_mut().zip(&mut ended) {
            if ended.is_none()
                && let Poll::Ready(result) = training.as_mut().poll(context)
            {
                *ended = Some(result);
            }
        }
        if ended.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    }));
    assert_eq!(ended, [Some(Ok(())), Some(Ok(()))]);
    // Neither was done before the other had begun.
    let reports = reports.borrow();
    let [last_of_one, last_of_two] = [1, 2].map(|which| reports.iter().rposition(|&report| report == which).unwrap());
    assert!(reports[..last_of_one].contains(&2) && reports[..last_of_two].contains(&1), "{reports:?}");
}

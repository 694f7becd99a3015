//! What files hold, to and from bytes in memory; and whose files they are.

use std::collections::BTreeMap;

use wgrad::{Error, Network, Optimizer, TrainConfig, Trainer};

use crate::common::case::bits;
use crate::common::*;
use crate::{deep, steps, xor_data};

#[test]
fn bytes_are_those_of_files_and_are_loaded_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.safetensors");
    let network = Network::population(gpu(), &deep(), 3, 3).unwrap();
    let notes = BTreeMap::from([("unit".to_owned(), "größe in \"mm\"".to_owned())]);
    let bytes = network.to_bytes(&notes).unwrap();
    let parameters = bits(&network.read_parameters().unwrap());
    let (loaded, loaded_notes) = Network::from_bytes(gpu(), &bytes).unwrap();
    assert_eq!((bits(&loaded.read_parameters().unwrap()), loaded_notes), (parameters.clone(), notes.clone()));

    // Metadata may be in any order; each way round, the other can read it.
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(Network::load_with_notes(gpu(), &path).unwrap().1, notes);
    network.save_with_notes(&path, &notes).unwrap();
    let (loaded, _) = Network::from_bytes(gpu(), &std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(bits(&loaded.read_parameters().unwrap()), parameters);

    let other = Network::population(gpu(), &deep(), 3, 4).unwrap();
    other.restore_from_bytes(&bytes, str::to_owned).unwrap();
    assert_eq!(bits(&other.read_parameters().unwrap()), parameters);

    for length in [0, 7, bytes.len() / 2, bytes.len() - 1] {
        let error = Network::from_bytes(gpu(), &bytes[..length]).map(drop).unwrap_err();
        assert!(matches!(&error, Error::Malformed { path, .. } if path == "bytes in memory"), "{error}");
        assert_eq!(other.restore_from_bytes(&bytes[..length], str::to_owned), Err(error));
    }
}

#[test]
fn a_training_resumed_from_bytes_ends_with_the_same_bits() {
    let config = TrainConfig { optimizer: Optimizer::adam(), learning_rate: 0.01, ..Default::default() };
    let network = Network::new(gpu(), &xor_mlp(), 5).unwrap();
    let mut trainer = Trainer::new(&network, &xor_data(), config).unwrap();
    steps(&mut trainer, 37);
    let bytes = trainer.to_bytes().unwrap();
    let (resumed, mut resumed_trainer) = Trainer::resume_from_bytes(&xor_data(), &bytes).unwrap();
    for trainer in [&mut trainer, &mut resumed_trainer] {
        steps(trainer, 50);
    }
    assert_eq!(trainer.read_loss(), resumed_trainer.read_loss());
    assert_eq!(bits(&network.read_parameters().unwrap()), bits(&resumed.read_parameters().unwrap()));
    let error = Trainer::resume_from_bytes(&xor_data(), &network.to_bytes(&BTreeMap::new()).unwrap()).map(drop);
    assert!(error.unwrap_err().to_string().contains("bytes in memory"));
}

#[cfg(unix)]
#[test]
fn a_file_keeps_its_permissions_and_a_new_one_has_the_usual_ones() {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let [path, usual] = ["net.safetensors", "usual"].map(|name| folder.path().join(name));
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let network = Network::new(gpu(), &xor_mlp(), 5).unwrap();
    network.save(&path).unwrap();
    fs::write(&usual, "").unwrap();
    assert_eq!(mode(&path), mode(&usual));
    for permissions in [0o640, 0o604, 0o600] {
        fs::set_permissions(&path, Permissions::from_mode(permissions)).unwrap();
        network.save(&path).unwrap();
        assert_eq!(mode(&path), permissions);
    }
}

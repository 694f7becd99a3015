//! Networks that cannot be a function in WGSL.

use wgrad::{Error, Mlp, Network, wgpu};

use super::{noop, noop_with, xor_mlp};

#[test]
fn refuses_functions_that_cannot_be() {
    let gpu = noop();
    let network = |mlp: Mlp| Network::new(&gpu, &mlp, 0).unwrap();
    let xor = network(xor_mlp());
    // The largest that the default limits have.
    assert!(xor.wgsl("mlp_forward", 3, 999).is_ok());
    assert_refused!(
        xor.wgsl("mlp_forward", 4, 0),
        count!(4, 0, 3),
        "Network::wgsl",
        "group is 4",
        "0 to 3",
        "max_bind_groups is 4"
    );
    assert_refused!(
        xor.wgsl("mlp_forward", 0, 1_000),
        count!(1_000, 0, 999),
        "binding is 1000",
        "max_bindings_per_bind_group is 1000"
    );
    let limits = wgpu::Limits { max_bind_groups: 2, ..Default::default() };
    let fewer = Network::new(&noop_with(limits).unwrap(), &xor_mlp(), 0).unwrap();
    assert_refused!(fewer.wgsl("mlp_forward", 2, 0), Error::Count { found: 2, most: 1, .. }, "group is 2");

    for name in ["", "_", "_x", "2d", "mlp forward", "mlp-forward", "größe", "fn", "while", "class", "vec4", "x;fn y"]
    {
        let error = xor.wgsl(name, 0, 0).unwrap_err();
        assert!(error.to_string().contains(&format!("{name:?}")), "{error}");
        assert!(
            matches!(&error, Error::Name { operation: "Network::wgsl", name: found, .. } if found == name),
            "{error:?}"
        );
        assert!(error.to_string().contains("letters, digits and _, the first a letter"), "{error}");
    }

    let wide = |inputs, hidden, outputs| network(Mlp::inputs(inputs).linear(hidden).sigmoid().linear(outputs));
    assert!(wide(256, 256, 256).wgsl("f", 0, 0).is_ok());
    for (inputs, hidden, outputs, layer) in [(257, 2, 2, 0), (2, 257, 2, 1), (2, 2, 257, 2)] {
        let of_layer = format!("the width of layer {layer} (0 is the input)");
        assert_refused!(
            wide(inputs, hidden, outputs).wgsl("f", 0, 0),
            Error::Count { found: 257, most: 256, ref what, .. } if *what == of_layer,
            "is 257",
            "1 to 256",
            "Network::forward"
        );
    }
    let deep = |layers| network((0..layers).fold(Mlp::inputs(256), |mlp, _| mlp.linear(256).sigmoid()));
    assert!(deep(31).wgsl("f", 0, 0).is_ok());
    assert_refused!(
        deep(32).wgsl("f", 0, 0),
        Error::Count { found: 33_280, most: 32_768, .. },
        "loop iterations is 33280",
        "32768",
        "fewer or narrower layers"
    );
    let population = Network::population(&gpu, &xor_mlp(), 3, 0).unwrap();
    assert_refused!(population.wgsl("f", 0, 0), count!(3, 1, 1), "Network::wgsl", "extract");
}

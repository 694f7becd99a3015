/// Thirty networks to test the persistent plans with: 1 to 5 linear layers, widths 1 to 64, with and without bias,
/// with a sigmoid or without.
pub fn networks() -> Vec<Mlp> {
    let mut networks = Vec::new();
    for width in [1, 2, 3, 4, 5, 7, 8, 9, 16, 30, 31, 32, 33, 63, 64] {
        networks.push(Mlp::inputs(2).linear(width).sigmoid().linear(3).bias().sigmoid());
    }
    for width in [1, 2, 5, 17, 64] {
        networks.push(Mlp::inputs(width).linear(4).bias().sigmoid());
    }
    for width in [3, 8] {
        let mlp = Mlp::inputs(5).linear(width).bias().sigmoid().linear(width + 1).sigmoid().linear(2).bias();
        networks.push(mlp.clone());
        networks.push(mlp.sigmoid().linear(width).sigmoid().linear(1).bias().sigmoid());
    }
    networks.extend([
        Mlp::inputs(1).linear(1),
        Mlp::inputs(3).linear(4).linear(5),
        Mlp::inputs(3).linear(6).linear(5).sigmoid().linear(2),
        Mlp::inputs(9).linear(2),
        Mlp::inputs(8).linear(32).sigmoid().linear(32).bias().sigmoid().linear(4).sigmoid(),
        Mlp::inputs(2).linear(30).sigmoid().linear(2).sigmoid(),
    ]);
    assert_eq!(networks.len(), 30);
    networks
}

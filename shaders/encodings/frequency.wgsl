// frequency   sin(2^k π x) for an even j = 2 k, cos(2^k π x) for an odd one     reference: encode
//
// No kernel of its own: included before those that call it, with 1 at the end of its functions' names. 2^(k - 1) is written by
// its bits, so that the product, in turns, is exact: an angle in radians would be wrong by 7e-3 at k = 16.

fn frequency_value(x: f32, j: u32) -> f32 {
    return sine_of_turns(x * bitcast<f32>((126u + j / 2u) << 23u), j % 2u == 1u);
}

// Of a sine it is the cosine beside it, of a cosine the negative sine, times 2^k π.
fn frequency_derivative(x: f32, j: u32) -> f32 {
    let factor = 3.1415927 * bitcast<f32>((127u + j / 2u) << 23u);
    return select(factor, -factor, j % 2u == 1u) * frequency_value(x, j ^ 1u);
}

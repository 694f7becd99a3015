// permutation   the sample at a position of the shuffled order of an epoch     reference: permutation, which says how and why
//
// No kernel of its own: stands before the text of every kernel that takes shuffled samples. `seed` and `epoch` are low and
// high word.

const GOLDEN = 0x9e3779b9u;
const LONGEST_WALK = 64u;

fn hash(number: u32) -> u32 {
    var word = number;
    word = (word ^ (word >> 16u)) * 0x7feb352du;
    word = (word ^ (word >> 15u)) * 0x846ca68bu;
    return word ^ (word >> 16u);
}

fn permutation(position: u32, samples: u32, seed: vec2<u32>, epoch: vec2<u32>) -> u32 {
    let bits = 32u - countLeadingZeros(samples - 1u);
    let low_bits = (bits + 1u) / 2u;
    let low_mask = (1u << low_bits) - 1u;
    let high_mask = (1u << (bits - low_bits)) - 1u;
    var key = hash(seed.x);
    key = hash(key ^ seed.y) + GOLDEN;
    key = hash(key ^ epoch.x) + GOLDEN;
    key = hash(key ^ epoch.y) + GOLDEN;

    let rotation = hash(key) % samples;
    let before_wrap = samples - rotation;
    var number = select(position - before_wrap, position + rotation, position < before_wrap);
    for (var walk = 0u; walk < LONGEST_WALK; walk++) {
        // Six rounds, written out: a loop within the loop would count against the longest that a driver allows.
        var low = number & low_mask;
        var high = number >> low_bits;
        high ^= hash(low ^ key) & high_mask;
        low ^= hash(high ^ (key + GOLDEN)) & low_mask;
        high ^= hash(low ^ (key + 2u * GOLDEN)) & high_mask;
        low ^= hash(high ^ (key + 3u * GOLDEN)) & low_mask;
        high ^= hash(low ^ (key + 4u * GOLDEN)) & high_mask;
        low ^= hash(high ^ (key + 5u * GOLDEN)) & low_mask;
        number = (high << low_bits) | low;
        if number < samples {
            return number;
        }
    }
    return position;
}

// permutation   the sample at a position of an epoch's shuffled order     reference: permutation, which explains it
//
// No kernel of its own: included before the source of every kernel that shuffles samples. `seed` and `epoch` are low and
// high word.

const GOLDEN = 0x9e3779b9u;
const LONGEST_WALK = 64u;

fn hash(value: u32) -> u32 {
    var word = value;
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
    var value = select(position - before_wrap, position + rotation, position < before_wrap);
    for (var walk = 0u; walk < LONGEST_WALK; walk++) {
        // Six rounds, unrolled: the iterations of an inner loop would count against the most that a driver allows.
        var low = value & low_mask;
        var high = value >> low_bits;
        high ^= hash(low ^ key) & high_mask;
        low ^= hash(high ^ (key + GOLDEN)) & low_mask;
        high ^= hash(low ^ (key + 2u * GOLDEN)) & high_mask;
        low ^= hash(high ^ (key + 3u * GOLDEN)) & low_mask;
        high ^= hash(low ^ (key + 4u * GOLDEN)) & high_mask;
        low ^= hash(high ^ (key + 5u * GOLDEN)) & low_mask;
        value = (high << low_bits) | low;
        if value < samples {
            return value;
        }
    }
    return position;
}

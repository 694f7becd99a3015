// one_blob   the part inside bin j of a quartic kernel of the radius of one bin, around x     reference: encode
//
// No kernel of its own: included before those that call it. Bins are a power of two, so that a product with them is exact. What
// leaves at one end of the bins comes in at the other: there are four at least, so that a kernel meets no bin twice.

// The part of the kernel (1 - u²)² · 15/16 that is below u.
fn one_blob_below(u: f32) -> f32 {
    let s = min(u * u, 1.0);
    return 0.5 + clamp(u, -1.0, 1.0) * (0.9375 - s * (0.625 - 0.1875 * s));
}

// How far x is past the beginning of bin j, in bins, at the nearest of its repetitions. Whole bins and the rest apart lose no digits.
fn one_blob_offset(x: f32, j: u32, bins: u32) -> f32 {
    let n = f32(bins);
    let place = n * x;
    let whole = floor(place) - f32(j);
    return whole - n * round(whole / n) + (place - floor(place));
}

fn one_blob_value(x: f32, j: u32, bins: u32) -> f32 {
    let offset = one_blob_offset(x, j, bins);
    return one_blob_below(1.0 - offset) - one_blob_below(-offset);
}

fn one_blob_derivative(x: f32, j: u32, bins: u32) -> f32 {
    let offset = one_blob_offset(x, j, bins);
    let at_begin = max(1.0 - offset * offset, 0.0);
    let at_end = max(1.0 - (1.0 - offset) * (1.0 - offset), 0.0);
    return f32(bins) * 0.9375 * (at_begin * at_begin - at_end * at_end);
}

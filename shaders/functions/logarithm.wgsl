// logarithm   ln(x), for x from 1 on: relative error 3e-7
//
// No kernel of its own: included before the formulas that call it. The built-in log may be wrong by 5e-7 near 1. With the
// exponent k of x, ln(x) = k ln(2) + ln(x / 2^k), where x / 2^k is 1 to 2.

fn logarithm(x: f32) -> f32 {
    let bits = bitcast<u32>(x);
    let k = f32(bits >> u32(23)) - 127.0;
    let mantissa = bitcast<f32>((bits & u32(0x007fffff)) | u32(0x3f800000));
    return k * 0.69314718 + log1p(mantissa - 1.0);
}

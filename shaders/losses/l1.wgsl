// l1   of one output, |y - t|; its derivative the sign of y - t, 0 at 0     reference: loss
//
// No kernel of its own, like squared_error.wgsl. A sample's loss is the mean over its outputs.

fn l1_value(y: f32, t: f32) -> f32 {
    return abs(y - t);
}

fn l1_derivative(y: f32, t: f32) -> f32 {
    return sign(y - t);
}

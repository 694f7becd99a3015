// The distances of the forms, as `form.rs` has them: what the network's picture is compared with.

// 0: a sphere, 1: a box, 2: a torus.
override form: u32;
override radius: f32;
override half_x: f32;
override half_y: f32;
override half_z: f32;
override large: f32;
override small: f32;

fn distance_at(point: vec3<f32>) -> f32 {
    let place = point - 0.5;
    if form == 0u {
        return length(place) - radius;
    }
    if form == 1u {
        let past = abs(place) - vec3<f32>(half_x, half_y, half_z);
        return length(max(past, vec3<f32>())) + min(max(past.x, max(past.y, past.z)), 0.0);
    }
    return length(vec2<f32>(length(place.xz) - large, place.y)) - small;
}

// spherical_harmonics   the real spherical harmonic number j of the direction 2 x - 1     reference: encode
//
// No kernel of its own: included before those that call it. Polynomials of the direction's components, which are not scaled to
// length 1. Number j has the degree floor(√j).

fn spherical_harmonics_value(x: vec3<f32>, j: u32) -> f32 {
    let v = 2.0 * x - 1.0;
    let s = v * v;
    switch j {
        case 0u: { return 0.2820948; }
        case 1u: { return -0.48860252 * v.y; }
        case 2u: { return 0.48860252 * v.z; }
        case 3u: { return -0.48860252 * v.x; }
        case 4u: { return 1.0925485 * v.x * v.y; }
        case 5u: { return -1.0925485 * v.y * v.z; }
        case 6u: { return 0.9461747 * s.z - 0.31539157; }
        case 7u: { return -1.0925485 * v.x * v.z; }
        case 8u: { return 0.54627424 * (s.x - s.y); }
        case 9u: { return 0.5900436 * v.y * (s.y - 3.0 * s.x); }
        case 10u: { return 2.8906114 * v.x * v.y * v.z; }
        case 11u: { return 0.4570458 * v.y * (1.0 - 5.0 * s.z); }
        case 12u: { return 0.37317634 * v.z * (5.0 * s.z - 3.0); }
        case 13u: { return 0.4570458 * v.x * (1.0 - 5.0 * s.z); }
        case 14u: { return 1.4453057 * v.z * (s.x - s.y); }
        default: { return 0.5900436 * v.x * (3.0 * s.y - s.x); }
    }
}

// With respect to each component of x.
fn spherical_harmonics_derivative(x: vec3<f32>, j: u32) -> vec3<f32> {
    let v = 2.0 * x - 1.0;
    let s = v * v;
    switch j {
        case 0u: { return vec3<f32>(); }
        case 1u: { return vec3<f32>(0.0, -0.97720504, 0.0); }
        case 2u: { return vec3<f32>(0.0, 0.0, 0.97720504); }
        case 3u: { return vec3<f32>(-0.97720504, 0.0, 0.0); }
        case 4u: { return 2.185097 * vec3<f32>(v.y, v.x, 0.0); }
        case 5u: { return -2.185097 * vec3<f32>(0.0, v.z, v.y); }
        case 6u: { return vec3<f32>(0.0, 0.0, 3.7846987 * v.z); }
        case 7u: { return -2.185097 * vec3<f32>(v.z, 0.0, v.x); }
        case 8u: { return 2.185097 * vec3<f32>(v.x, -v.y, 0.0); }
        case 9u: { return 3.5402615 * vec3<f32>(-2.0 * v.x * v.y, s.y - s.x, 0.0); }
        case 10u: { return 5.781223 * vec3<f32>(v.y * v.z, v.x * v.z, v.x * v.y); }
        case 11u: { return 0.9140916 * vec3<f32>(0.0, 1.0 - 5.0 * s.z, -10.0 * v.y * v.z); }
        case 12u: { return vec3<f32>(0.0, 0.0, 2.239058 * (5.0 * s.z - 1.0)); }
        case 13u: { return 0.9140916 * vec3<f32>(1.0 - 5.0 * s.z, 0.0, -10.0 * v.x * v.z); }
        case 14u: { return 2.8906114 * vec3<f32>(2.0 * v.x * v.z, -2.0 * v.y * v.z, s.x - s.y); }
        default: { return 3.5402615 * vec3<f32>(s.y - s.x, 2.0 * v.x * v.y, 0.0); }
    }
}

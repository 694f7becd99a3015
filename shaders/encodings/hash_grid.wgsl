// hash_grid   the parts of a hash grid's formula: coordinates, weights, entries     reference: encode_grid
//
// No kernel of its own: included before those that call it, with 1 at the end of its functions' names. A level of resolution 0 has
// fewer entries than grid points: a power of two, which hashes share.

// A coordinate inside the grid; NaN counts as 0.
fn hash_grid_coordinate(x: f32) -> f32 {
    let is_number = (bitcast<u32>(x) & 0x7fffffffu) <= 0x7f800000u;
    return select(0.0, clamp(x, 0.0, 1.0), is_number);
}

// The weight of a cell's upper side, of a point f above the lower one, and its derivative.
fn hash_grid_smooth(f: f32) -> f32 {
    return f * f * (3.0 - 2.0 * f);
}

fn hash_grid_smooth_derivative(f: f32) -> f32 {
    return 6.0 * f * (1.0 - f);
}

// The entry of a grid point of a plane among those of its level. One past the last grid point wraps around.
fn hash_grid_plane(cell: vec2<u32>, resolution: u32, entries: u32) -> u32 {
    if resolution == 0u {
        return (cell.x ^ (cell.y * 2654435761u)) & (entries - 1u);
    }
    let index = cell.x + cell.y * resolution;
    return select(index, index - entries, index >= entries);
}

// The same in space.
fn hash_grid_space(cell: vec3<u32>, resolution: u32, entries: u32) -> u32 {
    if resolution == 0u {
        return (cell.x ^ (cell.y * 2654435761u) ^ (cell.z * 805459861u)) & (entries - 1u);
    }
    let index = cell.x + (cell.y + cell.z * resolution) * resolution;
    return select(index, index - entries, index >= entries);
}

// grid   a hash grid's levels, and a cell's corners
//
// No kernel of its own: included before the source of every kernel of a hash grid. Before it stand the types Point and Cell, vectors
// of as many dimensions as there are inputs, AXES, the number of each dimension, FEATURES and LEVELS, and the functions of the grid:
// entry_of_cell, upper_weights, upper_derivatives, product, and others, the product of all but one component.

struct Level {
    scale: f32,
    resolution: u32, // 0: hashed
    entries: u32,
    first: u32, // entry
}

// A point in a level.
struct Place {
    cell: Cell, // its lowest corner
    f: Point, // how far the point is above that
}

fn place_of(level: Level, point: Point) -> Place {
    let position = level.scale * point + 0.5;
    let below = floor(position);
    return Place(Cell(below), position - below);
}

// Which sides of a cell meet in a corner: 1 for the upper ones.
fn sides_of(corner: u32) -> Cell {
    return (Cell(corner) >> AXES) & Cell(1u);
}

// The first feature of a corner.
fn feature_of(level: Level, place: Place, corner: u32) -> u32 {
    return (level.first + entry_of_cell(place.cell + sides_of(corner), level.resolution, level.entries)) * FEATURES;
}

// The factors of a corner's weight, from the weights of the upper sides.
fn factors_of(upper: Point, corner: u32) -> Point {
    let lower = 1.0 - upper;
    return select(lower, upper, sides_of(corner) == Cell(1u));
}

// The index of an element in its buffer. `view`: the index of the matrix's first element, and the stride between rows.
fn at(view: vec2<u32>, row: u32, column: u32) -> u32 {
    return view.x + row * view.y + column;
}

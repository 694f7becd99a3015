//! A layer's values as chunks of up to four, which one WGSL variable holds, and the index arithmetic around them.

/// Up to four consecutive values of a layer, which one variable holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk {
    /// The chunk's number.
    pub index: u32,
    /// The index of its first value.
    pub first: u32,
    /// How many values it has, 1 to 4.
    pub width: u32,
}

/// The chunks of `width` values: all of four, but the last.
pub(super) fn chunks(width: u32) -> impl Iterator<Item = Chunk> + Clone {
    (0..width.div_ceil(4)).map(move |index| Chunk::at(index, width))
}

impl Chunk {
    /// Chunk number `index` of `width` values.
    pub fn at(index: u32, width: u32) -> Self {
        Chunk { index, first: 4 * index, width: (width - 4 * index).min(4) }
    }

    /// The WGSL type.
    pub fn ty(&self) -> &'static str {
        vector(self.width)
    }

    /// The indices of its values.
    pub fn indices(&self) -> std::ops::Range<u32> {
        self.first..self.first + self.width
    }

    /// One of the values of the variable `name` that holds the chunk.
    #[inline(never)]
    pub fn component(&self, name: &str, index: u32) -> String {
        if self.width == 1 { name.to_owned() } else { format!("{name}.{}", ["x", "y", "z", "w"][index as usize]) }
    }

    /// A chunk of these values, or of shorter vectors.
    #[inline(never)]
    pub fn of(&self, values: &[String]) -> String {
        if let [value] = values { value.clone() } else { format!("{}({})", self.ty(), values.join(", ")) }
    }

    /// A chunk of the values that `value` gives for the indices.
    #[inline(never)]
    pub fn of_each(&self, value: &dyn Fn(u32) -> String) -> String {
        self.of(&self.indices().map(value).collect::<Vec<_>>())
    }

    /// The sum of a chunk's values.
    #[inline(never)]
    pub fn sum(&self, name: &str) -> String {
        match self.width {
            1 => name.to_owned(),
            width => format!("dot({name}, vec{width}<f32>(1.0))"),
        }
    }

    /// The largest of a chunk's values.
    #[inline(never)]
    pub fn max(&self, name: &str) -> String {
        let values = (0..self.width).map(|i| self.component(name, i));
        values.reduce(|left, right| format!("max({left}, {right})")).unwrap_or_default()
    }

    /// The sum of the products of two chunks' values.
    #[inline(never)]
    pub fn dot(&self, left: &str, right: &str) -> String {
        if self.width == 1 { format!("{left} * {right}") } else { format!("dot({left}, {right})") }
    }
}

/// The WGSL type of `width` values, 1 to 4.
#[inline(never)]
pub(super) fn vector(width: u32) -> &'static str {
    const VECTORS: [&str; 4] = ["f32", "vec2<f32>", "vec3<f32>", "vec4<f32>"];
    VECTORS[width as usize - 1]
}

/// Each of these widths of a vector once, the smallest first.
pub(super) fn distinct(widths: &[u32]) -> Vec<u32> {
    (1..=4).filter(|width| widths.contains(width)).collect()
}

/// The index `offset` after `base`.
#[inline(never)]
pub(super) fn plus(base: &str, offset: u32) -> String {
    if offset == 0 { base.to_owned() } else { format!("{base} + {offset}u") }
}

/// Terms with plus signs between.
#[inline(never)]
pub(super) fn sum(terms: impl IntoIterator<Item = String>) -> String {
    terms.into_iter().collect::<Vec<_>>().join(" + ")
}

/// A product; sums get parentheses.
#[inline(never)]
pub(super) fn times(left: &str, right: u32) -> String {
    match right {
        1 => left.to_owned(),
        _ if left.contains('+') => format!("({left}) * {right}u"),
        _ => format!("{left} * {right}u"),
    }
}

/// A quotient, rounded down.
#[inline(never)]
pub(super) fn divided(left: &str, right: u32) -> String {
    if right == 1 { left.to_owned() } else { format!("{left} / {right}u") }
}

/// The remainder.
#[inline(never)]
pub(super) fn remainder(left: &str, right: u32) -> String {
    if right == 1 { "0u".to_owned() } else { format!("{left} % {right}u") }
}

/// The four columns of a chunk, in WGSL.
#[inline(never)]
pub(super) fn columns_of(chunk: &str) -> String {
    format!("4u * {chunk} + vec4(0u, 1u, 2u, 3u)")
}

/// Columns clamped to the last of `width`, an expression in WGSL.
#[inline(never)]
pub(super) fn clamped(columns: &str, width: &str) -> String {
    format!("min({columns}, vec4({width} - 1u))")
}

/// The four elements of an array at a vector of indices.
#[inline(never)]
pub(super) fn load_four(array: &str, indices: &str) -> String {
    format!("vec4({})", ["x", "y", "z", "w"].map(|i| format!("{array}[{indices}.{i}]")).join(", "))
}

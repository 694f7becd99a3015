//! Meshes of triangles: read from a file, and as large as the unit cube takes them. `tree` finds their distances.

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Display;
use std::io::Cursor;
use std::path::Path;

use glam::{DVec3, dvec3};
use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;

use crate::tree::{Tree, Triangle, normal_of};

/// The longest side of a mesh, in the unit cube.
const SIDE: f64 = 0.8;

/// The bytes of a binary STL file before its triangles, of which the last four count them, and of a triangle.
const HEADER: usize = 84;
const PER_TRIANGLE: usize = 50;

pub struct Mesh {
    tree: Tree,
    /// The area of the triangles up to each, in the tree's order.
    areas: Vec<f64>,
    /// The edges along which the surface ends, or turns over.
    pub open_edges: usize,
}

impl Mesh {
    /// # Errors
    /// For a file that holds no mesh: they name the file and what is wrong.
    pub fn read(path: &Path) -> Result<Self, Box<dyn Error>> {
        let refused = |problem: &dyn Display| format!("{} cannot be read: {problem}", path.display());
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        let parse = match extension.to_str() {
            Some("obj") => parse_obj,
            Some("stl") => parse_stl,
            _ => return Err(refused(&"its name must end with .obj or .stl").into()),
        };
        let bytes = std::fs::read(path).map_err(|error| refused(&error))?;
        let mesh = parse(&bytes).and_then(Mesh::new).map_err(|problem| refused(&problem))?;
        Ok(mesh)
    }

    /// Puts the mesh into the middle of the unit cube.
    pub fn new(triangles: Vec<Triangle>) -> Result<Self, String> {
        if triangles.is_empty() {
            return Err("it has no triangles".to_owned());
        }
        let corners = || triangles.iter().flatten();
        if let Some(corner) = corners().find(|corner| !corner.is_finite()) {
            return Err(format!("a corner lies at {corner}; coordinates must be finite"));
        }
        let low = corners().fold(DVec3::INFINITY, |low, &corner| low.min(corner));
        let high = corners().fold(DVec3::NEG_INFINITY, |high, &corner| high.max(corner));
        let side = (high - low).max_element();
        if side == 0.0 {
            return Err(format!("all its corners lie at {low}"));
        }
        let open_edges = open_edges(&triangles);
        let middle = (low + high) / 2.0;
        let fitted = |corner: DVec3| DVec3::splat(0.5) + (corner - middle) * (SIDE / side);
        let tree = Tree::new(triangles.into_iter().map(|triangle| triangle.map(fitted)).collect());
        let mut area = 0.0;
        let sum = |triangle| {
            area += normal_of(triangle).length() / 2.0;
            area
        };
        let areas = tree.triangles().iter().map(sum).collect();
        if area == 0.0 {
            return Err("its triangles have no area".to_owned());
        }
        Ok(Mesh { tree, areas, open_edges })
    }

    pub fn triangles(&self) -> usize {
        self.areas.len()
    }

    /// The distance of a point from the surface, negative inside: where the surface winds round the point. One that is inside out
    /// winds the other way round.
    pub fn distance(&self, point: DVec3) -> f64 {
        let distance = self.tree.distance(point);
        if self.tree.winding(point).abs() > 0.5 { -distance } else { distance }
    }

    /// The height of its lowest point.
    pub fn floor(&self) -> f64 {
        self.tree.triangles().iter().flatten().map(|corner| corner.y).fold(f64::INFINITY, f64::min)
    }

    /// A random point of the surface, each as likely as any other.
    pub fn surface_point(&self, rng: &mut Xoshiro256PlusPlus) -> DVec3 {
        let all = self.areas.last().copied().unwrap_or_default();
        let chosen = rng.random::<f64>() * all;
        let index = self.areas.partition_point(|&area| area <= chosen).min(self.areas.len() - 1);
        let [a, b, c] = self.tree.triangles()[index];
        let [u, v] = rng.random::<[f64; 2]>();
        // The half of the parallelogram past the triangle is turned onto it.
        let [u, v] = if u + v > 1.0 { [1.0 - u, 1.0 - v] } else { [u, v] };
        a + u * (b - a) + v * (c - a)
    }
}

/// Counts the edges, by their ends, that are gone along more often one way than the other: none of a closed surface.
fn open_edges(triangles: &[Triangle]) -> usize {
    // Adding 0 makes a zero of a negative zero.
    let bits = |corner: DVec3| (corner + 0.0).to_array().map(f64::to_bits);
    let mut balance = HashMap::new();
    for triangle in triangles {
        for (from, to) in [(0, 1), (1, 2), (2, 0)] {
            let [from, to] = [from, to].map(|corner: usize| bits(triangle[corner]));
            *balance.entry([from.min(to), from.max(to)]).or_insert(0i64) += (from > to) as i64 - (from < to) as i64;
        }
    }
    balance.values().filter(|&&count| count != 0).count()
}

fn parse_obj(bytes: &[u8]) -> Result<Vec<Triangle>, String> {
    let options =
        tobj::LoadOptions { triangulate: true, ignore_points: true, ignore_lines: true, ..Default::default() };
    let no_materials = |_: &Path| Ok(Default::default());
    let (models, _) = tobj::load_obj_buf(&mut Cursor::new(bytes), &options, no_materials)
        .map_err(|error| format!("it is no OBJ file: {error}"))?;
    let mut triangles = Vec::new();
    for tobj::Model { mesh, .. } in models {
        let corner = |&index: &u32| match mesh.positions.get(3 * index as usize..)? {
            &[x, y, z, ..] => Some(DVec3::from([x, y, z].map(f64::from))),
            _ => None,
        };
        let corners = mesh.indices.iter().map(corner).collect::<Option<Vec<_>>>();
        let corners = corners.ok_or("a face has a corner that the file does not have")?;
        triangles.extend(corners.chunks_exact(3).map(|corners| [corners[0], corners[1], corners[2]]));
    }
    Ok(triangles)
}

/// STL files are of things to be printed: their third axis goes up, where the second does here.
fn parse_stl(bytes: &[u8]) -> Result<Vec<Triangle>, String> {
    let mesh = stl_io::read_stl(&mut Cursor::new(with_clear_header(bytes)?))
        .map_err(|error| format!("it is no STL file, or a damaged one: {error}"))?;
    let corner = |index: usize| {
        let [x, y, z] = mesh.vertices[index].0.map(f64::from);
        dvec3(x, z, -y)
    };
    Ok(mesh.faces.iter().map(|face| face.vertices.map(corner)).collect())
}

/// The same STL file with a header that tells text from binary: `stl_io` takes a file for text if it begins with "solid" and a
/// space, which many a binary file does, and which a text without a name does not.
fn with_clear_header(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let count = bytes.get(HEADER - 4..HEADER).and_then(|count| count.try_into().ok()).map(u32::from_le_bytes);
    let expected = count.map(|count| HEADER + PER_TRIANGLE * count as usize);
    if expected == Some(bytes.len()) {
        return Ok([&[0; HEADER - 4], &bytes[HEADER - 4..]].concat());
    }
    if let Some(text) = bytes.strip_prefix(b"solid") {
        let rest = text.iter().position(|&byte| byte == b'\n').map_or(&[][..], |end| &text[end..]);
        return Ok([b"solid shape", rest].concat());
    }
    Err(match (count, expected) {
        _ if bytes.is_empty() => "it is empty".to_owned(),
        (Some(count), Some(expected)) => format!(
            "it is no STL file, or a damaged one: it does not begin with solid, as a text does, and as a binary file of {count} \
             triangles it would have {expected} bytes, but it has {}",
            bytes.len()
        ),
        _ => format!("it is no STL file: it has only {} bytes", bytes.len()),
    })
}

#[cfg(test)]
#[path = "mesh_tests.rs"]
mod tests;

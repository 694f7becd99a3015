use std::fs;

use rand::SeedableRng;

use super::*;
use crate::form::{Form, HALF_SIDES};

/// The corners of the box of `Form::Box`, by the bits of the index: x, y, z.
fn box_corner(index: usize) -> DVec3 {
    let sign = |bit: usize| if index >> bit & 1 == 1 { 1.0 } else { -1.0 };
    dvec3(sign(0), sign(1), sign(2)) * HALF_SIDES
}

/// The faces of a box: corners counterclockwise, as seen from outside.
const BOX: [[usize; 4]; 6] = [[0, 4, 6, 2], [1, 3, 7, 5], [0, 1, 5, 4], [2, 6, 7, 3], [0, 2, 3, 1], [4, 5, 7, 6]];

fn box_triangles() -> Vec<Triangle> {
    BOX.iter().flat_map(|&[a, b, c, d]| [[a, b, c], [a, c, d]]).map(|corners| corners.map(box_corner)).collect()
}

/// The box as a file of its four-cornered faces; large, and away from the origin.
fn box_obj() -> String {
    let mut text = "# a box\no box\n".to_owned();
    for index in 0..8 {
        let [x, y, z] = (box_corner(index) * 50.0 + dvec3(3.0, -4.0, 5.0)).to_array();
        text += &format!("v {x} {y} {z}\n");
    }
    BOX.iter().for_each(|[a, b, c, d]| text += &format!("f {} {} {} {}\n", a + 1, b + 1, c + 1, d + 1));
    text
}

/// The box with its third axis up.
fn box_stl() -> Vec<u8> {
    let vertex = |corner: DVec3| stl_io::Vertex::new([corner.x, -corner.z, corner.y].map(|value| value as f32));
    let triangles = box_triangles()
        .into_iter()
        .map(|triangle| stl_io::Triangle { normal: stl_io::Normal::default(), vertices: triangle.map(vertex) });
    let mut bytes = Vec::new();
    stl_io::write_stl(&mut bytes, triangles.collect::<Vec<_>>().iter()).unwrap();
    bytes
}

fn box_stl_text(name: &str) -> String {
    let mut text = format!("solid{name}\n");
    for triangle in box_triangles() {
        text += "facet normal 0 0 0\n outer loop\n";
        triangle.iter().for_each(|corner| text += &format!("  vertex {} {} {}\n", corner.x, -corner.z, corner.y));
        text += " endloop\nendfacet\n";
    }
    text + "endsolid\n"
}

fn read(name: &str, contents: impl AsRef<[u8]>) -> Result<Mesh, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, contents).unwrap();
    Mesh::read(&path).map_err(|error| error.to_string())
}

fn assert_is_the_box(mesh: &Mesh) {
    assert_eq!((mesh.triangles(), mesh.open_edges), (12, 0));
    assert!((mesh.floor() - Form::Box.floor()).abs() < 1e-6);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(4);
    let mut inside = 0;
    for _ in 0..2_000 {
        let point = DVec3::from_array(rng.random());
        let expected = Form::Box.distance(point);
        inside += usize::from(expected < 0.0);
        assert!((mesh.distance(point) - expected).abs() < 1e-6, "{} at {point}: {expected}", mesh.distance(point));
        assert!(Form::Box.distance(mesh.surface_point(&mut rng)).abs() < 1e-6);
    }
    // The box has 0.192 of the cube.
    assert!((300..470).contains(&inside), "{inside}");
}

#[test]
fn a_box_has_the_distances_of_its_formula_from_every_kind_of_file() {
    assert_is_the_box(&read("box.obj", box_obj()).unwrap());
    assert_is_the_box(&read("box.STL", box_stl()).unwrap());
    assert_is_the_box(&read("box.stl", box_stl_text(" of six faces")).unwrap());
    assert_is_the_box(&read("box.stl", box_stl_text("")).unwrap());
    // A binary file that begins as a text does.
    let mut bytes = box_stl();
    bytes[..12].copy_from_slice(b"solid by CAD");
    assert_is_the_box(&read("box.stl", bytes).unwrap());
}

#[test]
fn a_box_inside_out_is_a_box_and_one_without_a_lid_has_open_edges() {
    let turned = box_triangles().into_iter().map(|[a, b, c]| [a, c, b]).collect();
    assert_is_the_box(&Mesh::new(turned).unwrap());
    // Without one triangle of the top, deep inside is still inside.
    let mesh = Mesh::new(box_triangles().split_off(1)).unwrap();
    assert_eq!(mesh.open_edges, 3);
    assert!(mesh.distance(dvec3(0.6, 0.5, 0.5)) < 0.0 && mesh.distance(dvec3(0.5, 0.9, 0.5)) > 0.0);
}

#[test]
fn points_of_a_surface_are_spread_over_it() {
    let mesh = Mesh::new(box_triangles()).unwrap();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
    let points = (0..20_000).map(|_| mesh.surface_point(&mut rng)).collect::<Vec<_>>();
    let mean = points.iter().sum::<DVec3>() / points.len() as f64;
    assert!((mean - 0.5).abs().max_element() < 0.01, "{mean}");
    // Of the area 24 / 52 are top and bottom.
    let flat = points.iter().filter(|point| (point.y - 0.5).abs() > 0.2 - 1e-9).count() as f64 / 20_000.0;
    assert!((flat - 24.0 / 52.0).abs() < 0.015, "{flat}");
}

#[test]
fn bad_files_are_errors_that_name_the_file_and_what_is_wrong() {
    let refused = |name: &str, contents: &[u8], words: &str| {
        let error = read(name, contents).err().unwrap_or_else(|| panic!("{name} was read: {words}"));
        assert!(error.contains(&format!("{name} cannot be read: ")) && error.contains(words), "{error}");
    };
    refused("box.ply", b"ply", "must end with .obj or .stl");
    refused("box", b"", "must end with .obj or .stl");
    refused("box.obj", b"", "no triangles");
    refused("box.obj", b"v 0 0 0\nv 1 0 0\nl 1 2\n", "no triangles");
    refused("box.obj", b"\x89PNG\r\n\x1a\n\xff\xfe", "no OBJ file");
    refused("box.obj", b"v 0 0 nothing\n", "no OBJ file");
    refused("box.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 4\n", "no OBJ file");
    refused("box.obj", b"v 0 0 NaN\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "must be finite");
    refused("box.obj", b"v 1 1 1\nv 1 1 1\nv 1 1 1\nf 1 2 3\n", "all its corners lie at");
    refused("box.obj", b"v 0 0 0\nv 1 0 0\nv 3 0 0\nf 1 2 3\n", "no area");
    refused("box.stl", b"", "it is empty");
    refused("box.stl", b"no mesh", "only 7 bytes");
    refused("box.stl", &box_stl()[..500], "of 12 triangles it would have 684 bytes, but it has 500");
    refused("box.stl", &[0; HEADER], "no triangles");
    refused("box.stl", b"solid", "a damaged one");
    refused("box.stl", b"solid\nendsolid\n", "no triangles");
    let text = box_stl_text("");
    refused("box.stl", &text.as_bytes()[..text.len() / 2], "a damaged one");
    refused("box.stl", text.replace("vertex 0.4", "vertex NaN").as_bytes(), "finite");
    let mut bytes = box_stl();
    bytes[HEADER + 12..][..4].copy_from_slice(&f32::INFINITY.to_le_bytes());
    refused("box.stl", &bytes, "must be finite");
    let error = Mesh::read(Path::new("no/such/box.obj")).err().unwrap().to_string();
    assert!(error.contains("no/such/box.obj cannot be read: "), "{error}");
}

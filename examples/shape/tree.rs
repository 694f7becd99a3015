//! Triangles in a tree of boxes: the distance of a point from the nearest, and how often they wind round it.

use std::f64::consts::TAU;
use std::ops::Range;

use glam::DVec3;

pub type Triangle = [DVec3; 3];

/// The most triangles of a leaf.
const LEAF: usize = 8;

/// From this many radii away a node's triangles are taken together: then their solid angle is known within some percent.
const FAR: f64 = 2.0;

pub struct Tree {
    /// In the order of the leaves.
    triangles: Vec<Triangle>,
    /// The root first, a node before its children.
    nodes: Vec<Node>,
}

struct Node {
    low: DVec3,
    high: DVec3,
    /// The middle of the surface; none of it is farther from there than the radius.
    middle: DVec3,
    radius: f64,
    /// The sum of the triangles' normals, each as long as its area.
    normal: DVec3,
    triangles: Range<usize>,
    /// None of a leaf.
    children: Option<[usize; 2]>,
}

impl Tree {
    pub fn new(triangles: Vec<Triangle>) -> Self {
        let mut tree = Tree { nodes: Vec::new(), triangles };
        tree.add(0..tree.triangles.len());
        tree
    }

    pub fn triangles(&self) -> &[Triangle] {
        &self.triangles
    }

    /// Adds the node of these triangles, and all below it. Returns its index.
    fn add(&mut self, range: Range<usize>) -> usize {
        let index = self.nodes.len();
        let node = Node::around(&self.triangles, range.clone());
        let sides = node.high - node.low;
        self.nodes.push(node);
        if range.len() > LEAF {
            let axis = (0..3).max_by(|&a, &b| sides[a].total_cmp(&sides[b])).unwrap_or(0);
            let place = |triangle: &Triangle| triangle.iter().map(|corner| corner[axis]).sum::<f64>();
            let half = range.len() / 2;
            self.triangles[range.clone()].select_nth_unstable_by(half, |a, b| place(a).total_cmp(&place(b)));
            let middle = range.start + half;
            let children = [range.start..middle, middle..range.end].map(|range| self.add(range));
            self.nodes[index].children = Some(children);
        }
        index
    }

    /// The distance of a point from the nearest triangle.
    pub fn distance(&self, point: DVec3) -> f64 {
        let mut nearest = f64::INFINITY;
        self.search(0, point, &mut nearest);
        nearest.sqrt()
    }

    /// Makes `nearest`, a squared distance, smaller if a triangle of the node is nearer.
    fn search(&self, node: usize, point: DVec3, nearest: &mut f64) {
        let node = &self.nodes[node];
        let Some(mut children) = node.children else {
            let triangles = &self.triangles[node.triangles.clone()];
            *nearest = triangles.iter().map(|triangle| squared_distance(point, triangle)).fold(*nearest, f64::min);
            return;
        };
        let from = |child: usize| self.nodes[child].squared_distance(point);
        children.sort_by(|&a, &b| from(a).total_cmp(&from(b)));
        for child in children {
            if from(child) < *nearest {
                self.search(child, point, nearest);
            }
        }
    }

    /// How often the surface winds round a point: the solid angle that it fills as seen from there, as a part of all directions.
    /// ±1 inside a closed surface, 0 outside; something between where a surface has holes (Jacobson et al. 2013; Barill et al.
    /// 2018 for the triangles that are taken together).
    pub fn winding(&self, point: DVec3) -> f64 {
        self.solid_angle(0, point) / (2.0 * TAU)
    }

    fn solid_angle(&self, node: usize, point: DVec3) -> f64 {
        let node = &self.nodes[node];
        let way = node.middle - point;
        let distance = way.length();
        if distance > FAR * node.radius {
            return way.dot(node.normal) / distance.powi(3);
        }
        match node.children {
            Some(children) => children.into_iter().map(|child| self.solid_angle(child, point)).sum(),
            None => self.triangles[node.triangles.clone()].iter().map(|triangle| solid_angle(point, triangle)).sum(),
        }
    }
}

impl Node {
    fn around(triangles: &[Triangle], range: Range<usize>) -> Self {
        let corners = || triangles[range.clone()].iter().flatten();
        let low = corners().fold(DVec3::INFINITY, |low, &corner| low.min(corner));
        let high = corners().fold(DVec3::NEG_INFINITY, |high, &corner| high.max(corner));
        let (mut normal, mut middle, mut area) = (DVec3::ZERO, DVec3::ZERO, 0.0);
        for triangle in &triangles[range.clone()] {
            let own = normal_of(triangle) / 2.0;
            normal += own;
            area += own.length();
            middle += own.length() * triangle.iter().sum::<DVec3>() / 3.0;
        }
        let middle = if area > 0.0 { middle / area } else { (low + high) / 2.0 };
        let radius = corners().map(|corner| corner.distance(middle)).fold(0.0, f64::max);
        Node { low, high, middle, radius, normal, triangles: range, children: None }
    }

    /// Of a point from the box.
    fn squared_distance(&self, point: DVec3) -> f64 {
        point.distance_squared(point.clamp(self.low, self.high))
    }
}

/// Twice as long as the triangle's area.
pub fn normal_of(&[a, b, c]: &Triangle) -> DVec3 {
    (b - a).cross(c - a)
}

/// From the plane, for a point over the triangle; otherwise from the nearest edge.
fn squared_distance(point: DVec3, triangle: &Triangle) -> f64 {
    let normal = normal_of(triangle);
    let square = normal.length_squared();
    let [a, b, c] = *triangle;
    let edges = [[a, b], [b, c], [c, a]];
    let is_over = edges.iter().all(|&[from, to]| (to - from).cross(point - from).dot(normal) >= 0.0);
    if is_over && square > 0.0 {
        return (point - a).dot(normal).powi(2) / square;
    }
    edges.iter().map(|&[from, to]| squared_distance_from_edge(point, from, to)).fold(f64::INFINITY, f64::min)
}

fn squared_distance_from_edge(point: DVec3, from: DVec3, to: DVec3) -> f64 {
    let (edge, way) = (to - from, point - from);
    let square = edge.length_squared();
    let part = if square > 0.0 { (way.dot(edge) / square).clamp(0.0, 1.0) } else { 0.0 };
    way.distance_squared(part * edge)
}

/// The solid angle of a triangle, positive if its corners go round counterclockwise as seen from outside, and the point is inside
/// (van Oosterom and Strackee 1983).
fn solid_angle(point: DVec3, triangle: &Triangle) -> f64 {
    let [a, b, c] = triangle.map(|corner| corner - point);
    let [x, y, z] = [a, b, c].map(DVec3::length);
    let below = x * y * z + a.dot(b) * z + b.dot(c) * x + c.dot(a) * y;
    2.0 * a.dot(b.cross(c)).atan2(below)
}

#[cfg(test)]
mod tests {
    use glam::dvec3;
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt, SeedableRng};

    use super::*;

    /// A bumpy ball of 2 · steps² triangles.
    fn ball(steps: usize) -> Vec<Triangle> {
        let corner = |i: usize, j: usize| {
            let (polar, around) = (TAU / 2.0 * i as f64 / steps as f64, TAU * (j % steps) as f64 / steps as f64);
            let radius = 0.3 + 0.05 * (5.0 * around).sin() * polar.sin().powi(2);
            let ring = if i == 0 || i == steps { 0.0 } else { radius * polar.sin() };
            dvec3(0.5 + ring * around.cos(), 0.5 + radius * polar.cos(), 0.5 - ring * around.sin())
        };
        let square = |k: usize| {
            let (i, j) = (k / steps, k % steps);
            let [a, b, c, d] = [corner(i, j), corner(i + 1, j), corner(i + 1, j + 1), corner(i, j + 1)];
            [[a, b, c], [a, c, d]]
        };
        (0..steps * steps).flat_map(square).collect()
    }

    #[test]
    fn the_tree_finds_what_all_triangles_one_by_one_give() {
        let triangles = ball(40);
        let tree = Tree::new(triangles.clone());
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(2);
        for _ in 0..2_000 {
            let point = DVec3::from_array(rng.random());
            let nearest = triangles.iter().map(|triangle| squared_distance(point, triangle)).fold(f64::MAX, f64::min);
            assert_eq!(tree.distance(point), nearest.sqrt());
            let winding = triangles.iter().map(|triangle| solid_angle(point, triangle)).sum::<f64>() / (2.0 * TAU);
            assert!((winding - winding.round()).abs() < 1e-9, "{winding}");
            assert!((tree.winding(point) - winding).abs() < 0.1, "{} at {point}, not {winding}", tree.winding(point));
        }
        assert!((tree.winding(dvec3(0.5, 0.5, 0.5)) - 1.0).abs() < 0.01);
    }

    #[test]
    fn a_triangle_is_as_far_as_the_nearest_of_its_points() {
        let triangle = [dvec3(0.1, 0.2, 0.3), dvec3(0.9, 0.1, 0.4), dvec3(0.3, 0.8, 0.9)];
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
        for _ in 0..100 {
            let point = DVec3::from_array(rng.random()) * 3.0 - 1.0;
            let of_triangle = |i: i32, j: i32| {
                let [u, v] = [i, j].map(|part| f64::from(part) / 200.0);
                point.distance(triangle[0] + u * (triangle[1] - triangle[0]) + v * (triangle[2] - triangle[0]))
            };
            let all = (0..=200).flat_map(|i| (0..=200 - i).map(move |j| (i, j)));
            let nearest = all.map(|(i, j)| of_triangle(i, j)).fold(f64::MAX, f64::min);
            let found = squared_distance(point, &triangle).sqrt();
            assert!(found <= nearest + 1e-12 && found > nearest - 0.004, "{found}, not {nearest}");
        }
        // Triangles without an area are edges, or points.
        let edge = [dvec3(0.0, 0.0, 0.0), dvec3(1.0, 0.0, 0.0), dvec3(0.5, 0.0, 0.0)];
        assert_eq!(squared_distance(dvec3(0.25, 3.0, 4.0), &edge), 25.0);
        assert_eq!(squared_distance(dvec3(1.0, 2.0, 0.0), &[DVec3::X; 3]), 4.0);
        assert_eq!(solid_angle(DVec3::X, &[DVec3::X; 3]), 0.0);
    }
}

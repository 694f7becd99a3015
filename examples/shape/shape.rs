//! What is learned: a form, or a mesh.

use glam::DVec3;
use rand::rngs::Xoshiro256PlusPlus;

use crate::form::Form;
use crate::mesh::Mesh;

pub enum Shape {
    Form(Form),
    Mesh(Mesh),
}

impl Shape {
    /// The distance of a point from the surface, negative inside.
    pub fn distance(&self, point: DVec3) -> f64 {
        match self {
            Shape::Form(form) => form.distance(point),
            Shape::Mesh(mesh) => mesh.distance(point),
        }
    }

    /// A random point of the surface, each as likely as any other.
    pub fn surface_point(&self, rng: &mut Xoshiro256PlusPlus) -> DVec3 {
        match self {
            Shape::Form(form) => form.surface_point(rng),
            Shape::Mesh(mesh) => mesh.surface_point(rng),
        }
    }

    /// The height of the lowest point.
    pub fn floor(&self) -> f64 {
        match self {
            Shape::Form(form) => form.floor(),
            Shape::Mesh(mesh) => mesh.floor(),
        }
    }

    /// The form, if it is one.
    pub fn form(&self) -> Option<Form> {
        match *self {
            Shape::Form(form) => Some(form),
            Shape::Mesh(_) => None,
        }
    }
}

//! Forms whose distance is a formula. `forms.wgsl` has the same formulas for the picture.

use std::f64::consts::TAU;

use clap::ValueEnum;
use glam::{DVec2, DVec3, dvec2, dvec3};
use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::{Distribution, UnitSphere};

/// In the middle of the unit cube, and as large as a mesh is made: from 0.1 to 0.9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    Sphere,
    Box,
    Torus,
}

pub const MIDDLE: DVec3 = DVec3::splat(0.5);
pub const RADIUS: f64 = 0.4;
pub const HALF_SIDES: DVec3 = dvec3(0.4, 0.2, 0.3);
/// Of the circle that the torus goes round, and of the torus round that circle.
pub const RADII: [f64; 2] = [0.27, 0.13];

impl Form {
    pub fn name(self) -> &'static str {
        match self {
            Form::Sphere => "sphere",
            Form::Box => "box",
            Form::Torus => "torus",
        }
    }

    /// The distance of a point from the surface, negative inside.
    pub fn distance(self, point: DVec3) -> f64 {
        let place = point - MIDDLE;
        match self {
            Form::Sphere => place.length() - RADIUS,
            Form::Box => {
                let past = place.abs() - HALF_SIDES;
                past.max(DVec3::ZERO).length() + past.max_element().min(0.0)
            }
            Form::Torus => across(place).length() - RADII[1],
        }
    }

    /// The height of its lowest point.
    pub fn floor(self) -> f64 {
        MIDDLE.y
            - match self {
                Form::Sphere => RADIUS,
                Form::Box => HALF_SIDES.y,
                Form::Torus => RADII[1],
            }
    }

    /// A random point of the surface, each as likely as any other.
    pub fn surface_point(self, rng: &mut Xoshiro256PlusPlus) -> DVec3 {
        MIDDLE
            + match self {
                Form::Sphere => RADIUS * DVec3::from_array(UnitSphere.sample(rng)),
                Form::Box => on_box(rng),
                Form::Torus => on_torus(rng),
            }
    }
}

/// Where a place is in the cut through the torus on which it lies: from the middle of the disc.
fn across(place: DVec3) -> DVec2 {
    dvec2(place.x.hypot(place.z) - RADII[0], place.y)
}

fn on_box(rng: &mut Xoshiro256PlusPlus) -> DVec3 {
    // A pair of faces by its area, which is as the inverse of the half side across it.
    let areas = HALF_SIDES.recip().to_array();
    let mut chosen = rng.random::<f64>() * areas.iter().sum::<f64>();
    let passed = |area: &&f64| {
        chosen -= **area;
        chosen > 0.0
    };
    let axis = areas.iter().take_while(passed).count().min(2);
    let mut place = DVec3::from_array(rng.random::<[f64; 3]>()) * 2.0 - 1.0;
    place[axis] = place[axis].signum();
    place * HALF_SIDES
}

fn on_torus(rng: &mut Xoshiro256PlusPlus) -> DVec3 {
    let [large, small] = RADII;
    loop {
        let [around, along, kept] = rng.random::<[f64; 3]>();
        let (sine, cosine) = (TAU * around).sin_cos();
        let radius = large + small * cosine;
        // The ring is longer outside than inside.
        if kept * (large + small) <= radius {
            let (z, x) = (TAU * along).sin_cos();
            return dvec3(radius * x, small * sine, radius * z);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn distances_are_those_of_known_places() {
        let expected = [
            (Form::Sphere, dvec3(0.5, 0.5, 0.5), -0.4),
            (Form::Sphere, dvec3(0.5, 1.0, 0.5), 0.1),
            (Form::Box, dvec3(0.5, 0.6, 0.5), -0.1),
            (Form::Box, dvec3(0.8, 0.5, 0.5), -0.1),
            (Form::Box, dvec3(0.93, 0.74, 0.5), 0.05),
            (Form::Torus, dvec3(0.5, 0.5, 0.5), 0.14),
            (Form::Torus, dvec3(0.5, 0.5, 0.77), -0.13),
            (Form::Torus, dvec3(0.53, 0.54, 0.5), 0.2433105 - 0.13),
        ];
        for (form, point, distance) in expected {
            let found = form.distance(point);
            assert!((found - distance).abs() < 1e-6, "{form:?} at {point}: {found}, not {distance}");
        }
    }

    #[test]
    fn points_of_a_surface_lie_on_it_and_everywhere() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        for &form in Form::value_variants() {
            let points = (0..20_000).map(|_| form.surface_point(&mut rng)).collect::<Vec<_>>();
            assert!(points.iter().all(|&point| form.distance(point).abs() < 1e-12), "{form:?}");
            let mean = points.iter().sum::<DVec3>() / points.len() as f64;
            assert!((mean - MIDDLE).abs().max_element() < 0.01, "{form:?}: {mean}");
            let lowest = points.iter().map(|point| point.y).fold(f64::INFINITY, f64::min);
            assert!((lowest - form.floor()).abs() < 1e-3, "{form:?}: {lowest}");
        }
        // Of the torus's area 1/2 + r / (π R) is outside the circle that it goes round; the rest is inside.
        let is_outside = |_: &usize| {
            let place = Form::Torus.surface_point(&mut rng) - MIDDLE;
            place.x.hypot(place.z) > RADII[0]
        };
        let outside = (0..20_000).filter(is_outside).count() as f64 / 20_000.0;
        assert!((outside - (0.5 + RADII[1] / RADII[0] * 2.0 / TAU)).abs() < 0.015, "{outside}");
        // Of the box's area 24 / 52 are its top and bottom.
        let is_flat = |_: &usize| (Form::Box.surface_point(&mut rng).y - 0.5).abs() > 0.2 - 1e-9;
        let flat = (0..20_000).filter(is_flat).count() as f64 / 20_000.0;
        assert!((flat - 24.0 / 52.0).abs() < 0.015, "{flat}");
    }
}

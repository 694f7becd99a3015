//! Points with their distances from a surface: to train on, and to measure by.

use std::sync::{Mutex, PoisonError};
use std::thread;

use glam::DVec3;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};

use crate::shape::Shape;

/// Points that one thread draws at once, from a generator of their own: the points do not depend on how many threads there are.
const BLOCK: usize = 1 << 10;

/// How far points near the surface are from it (the standard deviation along each axis).
const SPREADS: [f64; 2] = [0.01, 0.05];

/// Which points are drawn.
#[derive(Clone, Copy)]
pub enum Spread {
    /// Everywhere in the unit cube.
    Even,
    /// Three quarters near the surface, where a small mistake is seen; the others everywhere.
    NearSurface,
}

/// Points of the unit cube, three coordinates each, and their distances from a surface.
pub struct Points {
    pub places: Vec<f32>,
    pub distances: Vec<f32>,
}

/// How well distances are known.
pub struct Score {
    /// The mean of the absolute errors.
    pub error: f64,
    /// The points inside by both, as a part of those inside by either; none if none is.
    pub overlap: Option<f64>,
}

impl Points {
    /// Draws points by all processors. A seed stands for the same points on every machine.
    pub fn draw(shape: &Shape, count: usize, spread: Spread, seed: u64) -> Self {
        let mut points = Points { places: vec![0.0; 3 * count], distances: vec![0.0; count] };
        let blocks = points.places.chunks_mut(3 * BLOCK).zip(points.distances.chunks_mut(BLOCK)).enumerate();
        let blocks = Mutex::new(blocks);
        let work = || {
            loop {
                let next = blocks.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some((index, (places, distances))) = next else { return };
                let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed ^ (index as u64 + 1) << 32);
                for (place, distance) in places.chunks_exact_mut(3).zip(distances) {
                    // The distance of the point as the network is given it.
                    let point = draw(shape, spread, &mut rng).as_vec3();
                    place.copy_from_slice(&point.to_array());
                    *distance = shape.distance(point.as_dvec3()) as f32;
                }
            }
        };
        thread::scope(|scope| {
            for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(work);
            }
        });
        points
    }

    /// Compares a network's answers with the distances.
    pub fn score(&self, answers: &[f32]) -> Score {
        let pairs = || self.distances.iter().zip(answers);
        let error = pairs().map(|(&truth, &answer)| f64::from((truth - answer).abs())).sum::<f64>();
        let both = pairs().filter(|&(&truth, &answer)| truth < 0.0 && answer < 0.0).count();
        let either = pairs().filter(|&(&truth, &answer)| truth < 0.0 || answer < 0.0).count();
        Score { error: error / self.distances.len() as f64, overlap: (either > 0).then(|| both as f64 / either as f64) }
    }
}

fn draw(shape: &Shape, spread: Spread, rng: &mut Xoshiro256PlusPlus) -> DVec3 {
    let kind = rng.random_range(0..4);
    match spread {
        Spread::NearSurface if kind > 0 => {
            let away = SPREADS[usize::from(kind > 2)] * DVec3::from_array([(); 3].map(|()| StandardNormal.sample(rng)));
            (shape.surface_point(rng) + away).clamp(DVec3::ZERO, DVec3::ONE)
        }
        _ => DVec3::from_array(rng.random()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::form::Form;

    const SPHERE: Shape = Shape::Form(Form::Sphere);

    #[test]
    fn a_seed_stands_for_points_and_their_number_changes_none() {
        let few = Points::draw(&SPHERE, 1_500, Spread::NearSurface, 1);
        let more = Points::draw(&SPHERE, 5_000, Spread::NearSurface, 1);
        assert_eq!(few.places, more.places[..4_500]);
        assert_ne!(few.places, Points::draw(&SPHERE, 1_500, Spread::NearSurface, 2).places);
        // Blocks have points of their own.
        assert_ne!(more.places[..3 * BLOCK], more.places[3 * BLOCK..6 * BLOCK]);
    }

    #[test]
    fn points_lie_in_the_cube_and_many_near_the_surface() {
        for (spread, near) in [(Spread::Even, 0.04..0.10), (Spread::NearSurface, 0.55..0.75)] {
            let points = Points::draw(&SPHERE, 4_000, spread, 1);
            assert!(points.places.iter().all(|place| (0.0..=1.0).contains(place)));
            let found = points.distances.iter().filter(|distance| distance.abs() < 0.02).count() as f64 / 4_000.0;
            assert!(near.contains(&found), "{found}");
        }
    }

    #[test]
    fn scores_are_of_distances_and_of_what_is_inside() {
        let points = Points { places: vec![0.5; 12], distances: vec![-0.2, -0.1, 0.1, 0.3] };
        let score = points.score(&[-0.2, 0.1, -0.1, 0.3]);
        assert!((score.error - 0.1).abs() < 1e-6);
        assert_eq!(score.overlap, Some(1.0 / 3.0));
        assert_eq!(points.score(&points.distances).overlap, Some(1.0));
        let outside = Points { places: vec![0.5; 3], distances: vec![0.3] };
        assert_eq!(outside.score(&[0.1]).overlap, None);
    }
}

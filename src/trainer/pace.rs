//! How many steps fit in a time, from how long the last ones took.

use std::collections::VecDeque;
use std::time::Duration;

/// How many recordings are remembered.
const RECENT: usize = 9;

/// The largest growth from the most steps timed so far: short work says little about long work.
const MOST_GROWTH: u64 = 8;

/// The time that steps take, learned from recordings of them.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// The steps of each recording, and the seconds that they took; the latest is the last.
    recent: VecDeque<(u64, f64)>,
}

impl Pace {
    /// Learns that the steps of a recording took at most this long.
    pub fn note(&mut self, steps: u64, took: Duration) {
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((steps, took.as_secs_f64()));
    }

    /// How many steps take about this long: 0 for no time, otherwise at least 1; 1 before anything was learned.
    ///
    /// A step's time is the median over the recent recordings of many steps; in those of few steps the dispatch itself
    /// dominates. The median is not moved by single recordings that took long for another reason, such as compiling.
    pub fn steps_within(&self, duration: Duration) -> u64 {
        if duration.is_zero() {
            return 0;
        }
        let largest = self.recent.iter().map(|&(steps, _)| steps).max().unwrap_or(0);
        let many = self.recent.iter().filter(|&&(steps, _)| 2 * steps >= largest);
        let mut seconds_per_step = many.map(|&(steps, seconds)| seconds / steps as f64).collect::<Vec<_>>();
        seconds_per_step.sort_by(f64::total_cmp);
        match seconds_per_step.get(seconds_per_step.len().saturating_sub(1) / 2) {
            // Steps that took no time fit any number of times.
            Some(seconds) => ((duration.as_secs_f64() / seconds) as u64).clamp(1, MOST_GROWTH.saturating_mul(largest)),
            None => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: Duration = Duration::from_millis(4);

    /// A GPU that takes 60 µs for whatever it does and 0.4 µs per step, and answers three frames later.
    fn train(pace: &mut Pace, frames: usize, slower: impl Fn(usize) -> f64) -> Vec<Duration> {
        let mut under_way = VecDeque::new();
        let mut times = Vec::new();
        for frame in 0..frames {
            let steps = pace.steps_within(BUDGET);
            let took = Duration::from_secs_f64((60e-6 + 0.4e-6 * steps as f64) * slower(frame));
            under_way.push_back((steps, took));
            times.push(took);
            if under_way.len() > 3 {
                let (steps, took) = under_way.pop_front().unwrap();
                pace.note(steps, took);
            }
        }
        times
    }

    #[test]
    fn begins_with_one_step_and_fills_the_time_within_thirty_frames() {
        let mut pace = Pace::default();
        assert_eq!(pace.steps_within(BUDGET), 1);
        let times = train(&mut pace, 60, |_| 1.0);
        assert!(times.iter().all(|&took| took < BUDGET * 5 / 4), "{times:?}");
        assert!(times[30..].iter().all(|&took| took > BUDGET * 3 / 4), "{times:?}");
    }

    #[test]
    fn a_clock_of_large_quanta_fills_the_time_as_well() {
        // A browser's, of 100 µs, on a GPU that takes 0.05 µs a step: a pass within one quantum is counted as one.
        let (quantum, step) = (100e-6, 0.05e-6);
        let mut pace = Pace::default();
        let mut seconds = 0.0;
        for _ in 0..30 {
            let steps = pace.steps_within(BUDGET);
            seconds = steps as f64 * step;
            pace.note(steps, Duration::from_secs_f64((seconds / quantum).round().max(1.0) * quantum));
        }
        assert!((3e-3..5e-3).contains(&seconds), "{seconds}");
    }

    #[test]
    fn no_time_is_no_step_and_any_time_is_one() {
        let mut pace = Pace::default();
        assert_eq!(pace.steps_within(Duration::ZERO), 0);
        train(&mut pace, 30, |_| 1.0);
        assert_eq!(pace.steps_within(Duration::ZERO), 0);
        assert_eq!(pace.steps_within(Duration::from_nanos(1)), 1);
        assert_eq!(pace.steps_within(Duration::MAX), 8 * pace.recent.iter().map(|recent| recent.0).max().unwrap());
        // A clock that stands still, and more steps than there are numbers.
        let mut pace = Pace::default();
        pace.note(u64::MAX / 4, Duration::ZERO);
        assert_eq!(pace.steps_within(BUDGET), u64::MAX);
    }

    #[test]
    fn without_a_clock_a_time_that_is_shorter_than_a_frame_is_kept_by_single_steps() {
        // Completion is noticed one frame later, whatever the frame does.
        let mut pace = Pace::default();
        let frame = Duration::from_millis(17);
        for _ in 0..30 {
            assert_eq!(pace.steps_within(BUDGET), 1);
            pace.note(pace.steps_within(BUDGET), frame);
        }
        // A longer duration is filled.
        for _ in 0..10 {
            pace.note(pace.steps_within(3 * frame), frame);
        }
        assert!(pace.steps_within(3 * frame) > 1_000);
    }

    #[test]
    fn what_takes_long_once_is_forgotten_and_what_stays_slow_is_learned() {
        let mut pace = Pace::default();
        // The first frame compiles for ten seconds, and every seventh is interrupted.
        let slower = |frame: usize| match frame {
            0 => 1e5,
            frame if frame.is_multiple_of(7) => 20.0,
            _ => 1.0,
        };
        let times = train(&mut pace, 100, slower);
        let close = times[30..].iter().filter(|&&took| took > BUDGET * 3 / 4 && took < BUDGET * 5 / 4).count();
        assert!(close >= 60, "{times:?}");
        // Another program takes half of the machine.
        let times = train(&mut pace, 40, |_| 2.0);
        assert!(times[10..].iter().all(|&took| took > BUDGET * 3 / 4 && took < BUDGET * 5 / 4), "{times:?}");
    }
}

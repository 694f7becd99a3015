//! The ranks: processes that run this program together, on one machine or many.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;
use std::time::Duration;

use mpi::Threading;
use mpi::collective::SystemOperation;
use mpi::datatype::PartitionMut;
use mpi::environment::Universe;
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, CommunicatorCollectives, Equivalence, Root};
use wgrad::Gpu;

use crate::common::exit::exit;
use crate::common::say::note;

/// How long a device may take for one piece of work: ranks may share it.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What is wrong for all ranks, which all know it: one of them says it.
#[derive(Debug)]
pub struct Agreed(pub String);

impl fmt::Display for Agreed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Error for Agreed {}

/// This process among the ranks. Every function that says so is called by all, in the same order.
pub struct Ranks {
    world: SimpleCommunicator,
    /// From 0.
    pub rank: usize,
    pub size: usize,
    /// The last field: MPI ends when it is dropped.
    _universe: Universe,
}

impl Ranks {
    /// Starts MPI. A process that no `mpirun` has started is the only rank.
    pub fn join() -> Result<Self, Box<dyn Error>> {
        // Other threads are the graphics driver's; they call no MPI.
        let (universe, _) = mpi::initialize_with_threading(Threading::Funneled).ok_or("MPI was started before")?;
        let world = universe.world();
        let (rank, size) = (world.rank() as usize, world.size() as usize);
        Ok(Ranks { world, rank, size, _universe: universe })
    }

    /// The one that prints.
    pub fn is_first(&self) -> bool {
        self.rank == 0
    }

    /// A device for each rank of a machine; where there are fewer, for example one software driver, ranks share. All call it.
    pub fn gpu(&self) -> wgrad::Result<Gpu> {
        let local = self.world.split_shared(self.world.rank()).rank() as usize;
        let gpu = match Gpu::headless_at(local) {
            Err(wgrad::Error::Count { most, .. }) => Gpu::headless_at(local % (most as usize + 1)),
            gpu => gpu,
        };
        Ok(gpu?.with_wait_timeout(LONGEST_WAIT))
    }

    /// Adds to each number those of all others. All call it, with as many numbers; `received` is for its use.
    pub fn all_reduce(&self, numbers: &mut [f32], received: &mut Vec<f32>) {
        received.resize(numbers.len(), 0.0);
        self.world.all_reduce_into(&*numbers, &mut received[..], SystemOperation::sum());
        numbers.copy_from_slice(received);
    }

    /// Waits for all.
    pub fn barrier(&self) {
        self.world.barrier();
    }

    /// What each rank gives, by rank. All call it.
    pub fn gather<T: Equivalence + Copy + Default>(&self, mine: &[T]) -> Vec<Vec<T>> {
        let mut counts = vec![0; self.size];
        self.world.all_gather_into(&(mine.len() as i32), &mut counts[..]);
        let places = counts.iter().scan(0, |next, count| {
            *next += count;
            Some(*next - count)
        });
        let places = places.collect::<Vec<_>>();
        let mut all = vec![T::default(); counts.iter().sum::<i32>() as usize];
        self.world.all_gather_varcount_into(mine, &mut PartitionMut::new(&mut all[..], &counts[..], &places[..]));
        let part = |(&count, &place): (&i32, &i32)| all[place as usize..][..count as usize].to_vec();
        counts.iter().zip(&places).map(part).collect()
    }

    /// The text of each rank. All call it.
    pub fn gather_text(&self, text: &str) -> Vec<String> {
        // Never nothing: the address of an empty slice of bytes is 1, which for Open MPI means "in place".
        let texts = self.gather(format!("{text}\n").as_bytes());
        let text = |bytes: &Vec<u8>| String::from_utf8_lossy(&bytes[..bytes.len().saturating_sub(1)]).into_owned();
        texts.iter().map(text).collect()
    }

    /// The numbers of one rank, for all. All call it, with as many numbers.
    pub fn broadcast(&self, from: usize, numbers: &mut [f32]) {
        self.world.process_at_rank(from as i32).broadcast_into(numbers);
    }

    /// Refuses ranks that would do something else: `terms` are names and values. All call it.
    pub fn agree(&self, terms: &[(&str, String)]) -> Result<(), Agreed> {
        let text = terms.iter().map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join("\n");
        difference(&self.gather_text(&text)).map_or(Ok(()), |problem| Err(Agreed(problem)))
    }

    /// Refuses ranks that have other numbers. All call it.
    pub fn check_same(&self, what: &str, number: u64) -> Result<(), Agreed> {
        let all = self.gather(&[number]).concat();
        let others = (0..all.len()).filter(|&rank| all[rank] != all[0]).map(|rank| rank.to_string());
        let others = others.collect::<Vec<_>>();
        match others.is_empty() {
            true => Ok(()),
            false => Err(Agreed(format!("{what} are not those of rank 0 on rank {}", others.join(", ")))),
        }
    }

    /// Ends this rank; one whose error the others do not know ends all.
    pub fn end(self, result: Result<(), Box<dyn Error>>) -> ExitCode {
        match result {
            Err(error) if error.is::<Agreed>() => {
                if self.is_first() {
                    note(format_args!("error: {error}"));
                }
                ExitCode::FAILURE
            }
            Err(error) if self.size > 1 => {
                note(format_args!("error: rank {} of {}: {error}", self.rank, self.size));
                self.world.abort(1)
            }
            result => exit(result),
        }
    }
}

/// The first line in which a text is not the first one.
fn difference(texts: &[String]) -> Option<String> {
    let (rank, text) = texts.iter().enumerate().find(|(_, text)| **text != texts[0])?;
    let pair = texts[0].lines().zip(text.lines()).find(|(first, other)| first != other);
    let (first, other) = pair.unwrap_or((&texts[0], text));
    Some(format!("rank {rank} was not started as rank 0 was: there it is {other:?}, on rank 0 {first:?}"))
}

/// Of 64 bits; other bits are very likely to have another one (FNV-1a).
pub fn hash(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// The [`hash`] of numbers.
pub fn hash_of(numbers: &[f32]) -> u64 {
    hash(numbers.iter().flat_map(|number| number.to_le_bytes()))
}

/// The versions of the crates that all must have: what the lock file says.
pub fn versions() -> String {
    let packages = include_str!("../Cargo.lock").split("[[package]]");
    let field = |package: &str, name: &str| {
        let line = package.lines().find_map(|line| line.strip_prefix(&format!("{name} = "))).unwrap_or_default();
        line.trim_matches('"').to_owned()
    };
    let named = packages.map(|package| [field(package, "name"), field(package, "version")]);
    let named = named.filter(|[name, _]| ["wgrad", "wgrad-ranks", "wgpu"].contains(&name.as_str()));
    named.map(|[name, version]| format!("{name} {version}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rank_that_differs_is_named_with_what_differs() {
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        assert_eq!(difference(&texts(&["seed 1\nbatch 2"; 3])), None);
        let found = difference(&texts(&["seed 1\nbatch 2", "seed 1\nbatch 2", "seed 1\nbatch 3"]));
        let found = found.expect("a difference");
        assert!(found.contains("rank 2") && found.contains("\"batch 3\"") && found.contains("\"batch 2\""), "{found}");
    }

    #[test]
    fn versions_are_of_the_lock_file() {
        let versions = versions();
        assert!(["wgrad 0.", "wgrad-ranks 0.", "wgpu 30."].iter().all(|named| versions.contains(named)), "{versions}");
    }

    #[test]
    fn a_hash_tells_bits_apart() {
        assert_ne!(hash_of(&[0.0]), hash_of(&[-0.0]));
        assert_ne!(hash_of(&[1.0, 2.0]), hash_of(&[2.0, 1.0]));
    }
}

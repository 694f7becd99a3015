//! Printing that fails as an error does: `println!` panics if standard output is closed or its disk is full.

use std::fmt::{Arguments, Display};
use std::io::{self, Write};

/// Prints a line to standard output. An `io::Result<()>`.
macro_rules! say {
    ($($text:tt)*) => { $crate::common::say::line(format_args!($($text)*)) };
}
pub(crate) use say;

pub fn line(text: Arguments) -> io::Result<()> {
    // A test's output is caught only by `println!`.
    if cfg!(test) {
        println!("{text}");
        return Ok(());
    }
    writeln!(io::stdout(), "{text}")
}

/// Prints a line to standard error, if that is possible.
pub fn note(text: impl Display) {
    if cfg!(test) {
        eprintln!("{text}");
    } else {
        _ = writeln!(io::stderr(), "{text}");
    }
}

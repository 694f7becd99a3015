//! How a program ends.

use std::error::Error;
use std::process::ExitCode;

/// Prints the error, if there is one, and returns the exit status. (A `main` that returns an error prints its `Debug`
/// form.)
pub fn exit(result: Result<(), Box<dyn Error>>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

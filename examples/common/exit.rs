//! How a program ends.

use std::error::Error;
use std::io;
use std::process::ExitCode;

use super::say::note;

/// Prints the error, if there is one, and returns the exit status. (A `main` that returns an error prints its `Debug`
/// form.) Nothing is wrong if nobody reads on, as with `| head`.
pub fn exit(result: Result<(), Box<dyn Error>>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            note(format_args!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn is_closed_pipe(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_closed_pipe_is_no_error() {
        let is_closed = |kind: io::ErrorKind| is_closed_pipe(&*Box::<dyn Error>::from(io::Error::from(kind)));
        assert!(is_closed(io::ErrorKind::BrokenPipe));
        assert!(!is_closed(io::ErrorKind::StorageFull));
        assert!(!is_closed_pipe(&*Box::<dyn Error>::from("another error")));
    }
}

//! Entries of the tables as text: a name, and where the entry has parameters, these in parentheses: `huber(1)`.

use std::fmt::Display;

use crate::error::{Error, Result};

/// The entry among `all` whose text this is, with the parameters that it gives, by `with`; without parentheses, with the usual
/// ones. `kind` and `operation` are for the error.
///
/// # Errors
/// [`Error::Name`] for the text of no entry.
pub(crate) fn parse<T: Copy + Display>(
    (kind, operation): (&str, &'static str),
    all: &[T],
    text: &str,
    name: impl Fn(T) -> &'static str,
    with: impl Fn(T, &[f64]) -> Option<T>,
) -> Result<T> {
    let (wanted, parameters) = match text.split_once('(') {
        Some((wanted, rest)) => (wanted, rest.strip_suffix(')').map(numbers)),
        None => (text, Some(Some(Vec::new()))),
    };
    let found = all.iter().copied().find(|&entry| name(entry) == wanted);
    let parsed = found.zip(parameters.flatten()).and_then(|(entry, parameters)| match parameters.as_slice() {
        [] => Some(entry),
        parameters => with(entry, parameters),
    });
    parsed.ok_or_else(|| {
        let names = all.iter().map(T::to_string).collect::<Vec<_>>().join(", ");
        Error::Name { operation, name: text.to_owned(), problem: format!("names no {kind}; choose one of {names}") }
    })
}

/// The numbers of a list with commas; none if one is no number.
fn numbers(text: &str) -> Option<Vec<f64>> {
    text.split(',').map(|number| number.trim().parse().ok()).collect()
}

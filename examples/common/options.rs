//! Options that several programs share.

use std::error::Error;
use std::path::Path;

/// The help of `--plan`.
pub const PLANS: &str = "How training steps become dispatches: auto, plain (one dispatch per kernel: slow, \
                         easy to read), layered, persistent, persistent-subgroup, persistent-invocation, \
                         persistent-workgroup";

/// Parses a positive whole number.
pub fn at_least_one(text: &str) -> Result<usize, String> {
    let number = text.parse::<usize>().map_err(|error| error.to_string())?;
    if number > 0 { Ok(number) } else { Err("at least 1".to_owned()) }
}

/// Refuses output paths in folders that do not exist, before the training instead of after it.
pub fn check_folders<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Result<(), Box<dyn Error>> {
    for path in paths {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if folder.is_some_and(|folder| !folder.is_dir()) {
            return Err(format!("{}: there is no such folder", path.display()).into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_help_names_every_plan() {
        let named = super::PLANS.split([' ', ',', ':']).filter(|word| !word.is_empty()).collect::<Vec<_>>();
        assert!(wgrad::Plan::ALL.iter().all(|plan| named.contains(&plan.name())), "{named:?}");
    }
}

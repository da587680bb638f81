//! Environment variables of evcxr_jupyter.

use std::env;
use std::thread;

use crate::settings::Settings;

/// Whether `cargo run` sets a variable of that name for the program that it runs. A build script may look
/// at these (ring's does), and would run again whenever a kernel is started in another way.
pub fn is_set_by_cargo_run(name: &str) -> bool {
    name.starts_with("CARGO_PKG_")
        || name.starts_with("CARGO_MANIFEST_")
        || [
            "CARGO",
            "CARGO_BIN_NAME",
            "CARGO_CRATE_NAME",
            "CARGO_PRIMARY_PACKAGE",
        ]
        .contains(&name)
}

/// The names of this process's variables that `cargo run` has set.
pub fn set_by_cargo_run() -> impl Iterator<Item = String> {
    env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| is_set_by_cargo_run(name))
}

/// Names and values of the variables in [`Settings::threads`] that the user has not set.
pub fn numbers_of_threads(settings: &Settings) -> impl Iterator<Item = (&str, String)> {
    unset_numbers_of_threads(settings, |name| env::var_os(name).is_some())
}

fn unset_numbers_of_threads(
    settings: &Settings,
    is_set: impl Fn(&str) -> bool,
) -> impl Iterator<Item = (&str, String)> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let names = settings.threads.iter().map(String::as_str);
    names
        .filter(move |name| !is_set(name))
        .map(move |name| (name, processors.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_with_which_users_configure_cargo_are_kept() {
        assert!(is_set_by_cargo_run("CARGO_MANIFEST_DIR"));
        assert!(is_set_by_cargo_run("CARGO_PKG_VERSION"));
        assert!(is_set_by_cargo_run("CARGO"));
        assert!(!is_set_by_cargo_run("CARGO_HOME"));
        assert!(!is_set_by_cargo_run("CARGO_TARGET_DIR"));
        assert!(!is_set_by_cargo_run("CARGO_HTTP_PROXY"));
    }

    #[test]
    fn libraries_get_as_many_threads_as_the_kernel_has_processors() {
        let settings = Settings {
            threads: vec!["OMP_NUM_THREADS".to_owned(), "MKL_NUM_THREADS".to_owned()],
            ..Settings::default()
        };
        let is_set = |name: &str| name == "MKL_NUM_THREADS";
        let set: Vec<_> = unset_numbers_of_threads(&settings, is_set).collect();
        let number = thread::available_parallelism().unwrap().to_string();
        assert_eq!(set, [("OMP_NUM_THREADS", number)]);
    }
}

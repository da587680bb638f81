//! The configuration files of evcxr and cargo in the home.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::settings::{Home, Settings};
use crate::stamp;

/// Code that evcxr runs before a kernel's first cell. evcxr turns backtraces on; the first line turns them
/// off, since a panic should print only its message. The `?` in the second line makes evcxr put cells into a
/// function that may use `?`. Otherwise the first cell with one would be compiled twice.
const PRELUDE: &str = "unsafe { std::env::set_var(\"RUST_BACKTRACE\", \"0\") };\n\
    Ok::<(), std::fmt::Error>(())?;\n";

/// Writes the files that have changed; returns whether there were any.
///
/// # Errors
///
/// The home cannot be written.
pub fn write(home: &Home, settings: &Settings) -> Result<bool> {
    let mut changed = false;
    for (path, text) in files(home, settings) {
        if !has_text(&path, &text) {
            stamp::replace_file(&path, text.as_bytes())?;
            changed = true;
        }
    }
    Ok(changed)
}

/// Whether all files are as [`write()`] would write them.
pub fn is_written(home: &Home, settings: &Settings) -> bool {
    let mut files = files(home, settings).into_iter();
    files.all(|(path, text)| has_text(&path, &text))
}

fn files(home: &Home, settings: &Settings) -> [(PathBuf, String); 3] {
    let evcxr = |preloaded| {
        let path = home.evcxr_config(preloaded).join("evcxr.toml");
        (path, for_evcxr(settings, preloaded))
    };
    let cargo = (home.cargo_config(), for_cargo(settings));
    [evcxr(false), evcxr(true), cargo]
}

fn has_text(path: &Path, text: &str) -> bool {
    fs::read_to_string(path).is_ok_and(|found| found == text)
}

/// cargo's configuration for the crates of all kernels. rustc (1.95) lets a crate use instances of generic
/// functions that another crate contains if both are compiled at level 0 or 1. At evcxr's level 2, a cell
/// that draws a chart with plotters compiles them again, though the crate has the same ones: 1.0 s instead
/// of 0.4 s.
pub(crate) fn for_cargo(settings: &Settings) -> String {
    let name = &settings.crate_name;
    format!("# Written by set-up.\n[profile.dev.package.{name}]\nopt-level = 1\n")
}

/// evcxr's configuration. If the kernel is to be preloaded, it loads the crate before the first cell, while
/// the user still reads: the first cell, with the same `:dep`, then takes 2 s less (evcxr 0.22).
fn for_evcxr(settings: &Settings, preloaded: bool) -> String {
    let prelude = if preloaded {
        format!(
            "{}\n{PRELUDE}{}\n",
            settings.dependency(),
            settings.notebook.prelude
        )
    } else {
        PRELUDE.lines().next().unwrap_or_default().to_owned()
    };
    let table = toml::Table::from_iter([(
        "evcxr".to_owned(),
        toml::Value::Table(toml::Table::from_iter([(
            "prelude".to_owned(),
            toml::Value::String(prelude),
        )])),
    )]);
    format!("# Written by set-up.\n{table}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preloaded_kernel_begins_with_the_crate() {
        let mut settings = Settings {
            crate_name: "three".to_owned(),
            crate_folder: "/with space/three".into(),
            ..Settings::default()
        };
        settings.notebook.prelude = "use three::*;".to_owned();
        let prelude = |preloaded| -> String {
            let table: toml::Table = toml::from_str(&for_evcxr(&settings, preloaded)).unwrap();
            table["evcxr"]["prelude"].as_str().unwrap().to_owned()
        };
        assert_eq!(
            prelude(true),
            format!(":dep three = {{ path = \"/with space/three\" }}\n{PRELUDE}use three::*;\n")
        );
        assert!(!prelude(false).contains("three"));
    }
}

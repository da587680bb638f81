//! The tests that drive JupyterLab and the book in a browser, as a participant does.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::book;
use crate::notebooks::execute::Exercises;
use crate::process;
use crate::setup::packages;
use crate::workshop::Workshop;

/// The variable that names a browser which is not on PATH.
const CHROMIUM: &str = "GASSHUKU_CHROMIUM";
/// The variable that is `required` if a missing browser is a failure.
const BROWSER: &str = "GASSHUKU_BROWSER";
/// The repository to which the tested book has links.
const REPOSITORY: &str = "https://github.com/owner/gasshuku";
const PROGRAMS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Runs the tests in `tests/browser`. They are skipped if there is no browser.
pub(crate) fn test(workshop: &Workshop) -> Result<bool> {
    let named = env::var_os(CHROMIUM).map(PathBuf::from);
    let Some(chromium) = chromium(named, evcxr_prewarm::program::on_path) else {
        if env::var_os(BROWSER).is_some_and(|value| value == "required") {
            bail!("there is no Chromium, and {BROWSER} says it is required");
        }
        println!(
            "skipped: there is no Chromium (Debian: apt-get install chromium); {CHROMIUM} names one \
             in another place"
        );
        return Ok(true);
    };
    let folder = workshop.target().join("browser");
    let python = packages::environment(
        workshop,
        &folder,
        "browser.txt",
        &[],
        "Playwright and pytest, about 50 MB to download",
    )?;
    // The notebooks' tests have executed one language with its solutions.
    let pages = book::build(
        workshop,
        &folder.join("book"),
        &[Exercises::Unsolved, Exercises::Solved],
        Some(REPOSITORY),
    )?;
    let screenshots = folder.join("screenshots");
    process::remove_if_exists(&screenshots)?;
    let mut command = Command::new(python);
    command
        .args(["-m", "pytest", "-p", "no:cacheprovider", "--durations=5"])
        .arg(workshop.root().join("tests/browser"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("GASSHUKU_XTASK", process::this_program()?)
        .env("GASSHUKU_BOOK", pages)
        .env(CHROMIUM, &chromium);
    let good = process::run(&mut command)
        .context("the Python of target/browser/venv does not run: remove that folder")?
        .success();
    println!("screenshots are in {}", workshop.relative(&screenshots));
    Ok(good)
}

/// The browser that the user names, or the first that is on PATH.
fn chromium(named: Option<PathBuf>, on_path: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    match named {
        Some(named) => named.is_file().then_some(named),
        None => PROGRAMS.into_iter().find_map(on_path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_browser_is_the_named_one_or_the_first_on_the_path() {
        let [first, second] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let on_path = |name: &str| {
            let programs = [&first, &second].map(|folder| folder.path().join(name));
            programs.into_iter().find(|program| program.is_file())
        };
        assert_eq!(chromium(None, on_path), None);
        let chrome = first.path().join("google-chrome");
        let free = second.path().join("chromium");
        fs::write(&chrome, "").unwrap();
        assert_eq!(chromium(None, on_path), Some(chrome.clone()));
        fs::write(&free, "").unwrap();
        assert_eq!(chromium(None, on_path), Some(free));
        assert_eq!(chromium(Some(chrome.clone()), |_| None), Some(chrome));
        // If the named browser does not exist, no other one is used instead.
        assert_eq!(chromium(Some("/nowhere".into()), on_path), None);
    }
}

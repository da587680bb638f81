//! The tests that drive JupyterLab in a browser, as a participant does.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::setup::packages;
use crate::workshop::Workshop;

/// Names the browser, where it is not found by its own name.
const CHROMIUM: &str = "GASSHUKU_CHROMIUM";
/// `required` where a missing browser is to be a failure.
const BROWSER: &str = "GASSHUKU_BROWSER";
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Runs the tests in `tests/browser`; does nothing but say so where there is no browser.
pub(crate) fn test(workshop: &Workshop) -> Result<bool> {
    let Some(chromium) = chromium(env::var_os(CHROMIUM).map(PathBuf::from), &folders()) else {
        if env::var_os(BROWSER).is_some_and(|wish| wish == "required") {
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
    let screenshots = folder.join("screenshots");
    process::remove(&screenshots)?;
    let mut command = Command::new(python);
    command
        .args(["-m", "pytest", "-p", "no:cacheprovider", "--durations=5"])
        .arg(workshop.root().join("tests/browser"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("GASSHUKU_XTASK", env::current_exe()?)
        .env(CHROMIUM, &chromium);
    let good = process::hand_over(&mut command)
        .context("the Python of target/browser/venv does not run: remove that folder")?
        .success();
    println!("screenshots are in {}", workshop.relative(&screenshots));
    Ok(good)
}

fn folders() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).collect()
}

/// The browser that was asked for, or the first in these folders.
fn chromium(wish: Option<PathBuf>, folders: &[PathBuf]) -> Option<PathBuf> {
    if let Some(wish) = wish {
        return Path::is_file(&wish).then_some(wish);
    }
    let candidates = NAMES
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    candidates.into_iter().find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_browser_is_the_one_asked_for_or_the_first_on_the_path() {
        let [first, second] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let folders = [first.path().to_owned(), second.path().to_owned()];
        assert_eq!(chromium(None, &folders), None);
        let chrome = first.path().join("google-chrome");
        let free = second.path().join("chromium");
        fs::write(&chrome, "").unwrap();
        assert_eq!(chromium(None, &folders), Some(chrome.clone()));
        fs::write(&free, "").unwrap();
        assert_eq!(chromium(None, &folders), Some(free));
        assert_eq!(chromium(Some(chrome.clone()), &[]), Some(chrome));
        // Whoever asks for a browser that is not there is not to get another one.
        assert_eq!(chromium(Some("/nowhere".into()), &folders), None);
    }
}

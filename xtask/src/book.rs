//! The book: a website of the executed notebooks that needs no server and no network.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Instant, SystemTime};

use anyhow::{Context, Result, bail, ensure};

use crate::notebooks::execute::{self, Exercises};
use crate::notebooks::{self, ENGLISH, LANGUAGES};
use crate::process;
use crate::setup;
use crate::setup::packages;
use crate::workshop::Workshop;

/// The part of the book with the page on which readers choose a language.
const START: &str = "start";

/// Executes notebooks that have changed, and makes the book in `target/book`.
pub(crate) fn book(workshop: &Workshop, repository: &str) -> Result<ExitCode> {
    let repository = repository_address(repository)?;
    let start = Instant::now();
    let pages = build(
        workshop,
        &folder(workshop),
        &[Exercises::Unsolved],
        repository.as_deref(),
    )?;
    let megabytes = process::size(&pages) as f64 / 1e6;
    let pages = workshop.relative(&pages);
    println!(
        "the book is made: {pages}, {megabytes:.1} MB, {}",
        process::format_duration(start.elapsed())
    );
    println!("open {pages}/index.html, or serve it: python3 -m http.server --directory {pages}");
    if repository.is_none() {
        println!(
            "it has no links to Codespaces and Binder: `--repository https://github.com/OWNER/NAME` \
             adds them"
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes the book in the folder `html` of `folder`, and returns its path. `accepted`: what the exercises of
/// the executed copies may contain, in the order of preference.
pub(crate) fn build(
    workshop: &Workshop,
    folder: &Path,
    accepted: &[Exercises],
    repository: Option<&str>,
) -> Result<PathBuf> {
    let executed = LANGUAGES
        .into_iter()
        .map(|language| executed_notebooks(workshop, language, accepted))
        .collect::<Result<Vec<_>>>()?;
    let python = packages::environment(
        workshop,
        &self::folder(workshop),
        "book.txt",
        &[],
        "Sphinx, MyST-NB and Furo, about 60 MB to download",
    )?;
    for made_before in ["source", "doctrees", "html"] {
        process::remove_if_exists(&folder.join(made_before))?;
    }
    let sphinx = Sphinx {
        workshop,
        folder,
        python: &python,
        repository: repository.unwrap_or_default(),
    };
    let pages = folder.join("html");
    build_start_page(&sphinx, &pages)?;
    for (language, notebooks) in LANGUAGES.into_iter().zip(executed) {
        build_language(&sphinx, language, &notebooks, &pages.join(language))?;
    }
    // Copies of all outputs that no page uses.
    process::remove_if_exists(&pages.join("jupyter_execute"))?;
    Ok(pages)
}

fn build_start_page(sphinx: &Sphinx, pages: &Path) -> Result<()> {
    let notebooks = sphinx.workshop.notebooks();
    let source = sphinx.source(START)?;
    copy(&notebooks.join("welcome.md"), &source, "index.md")?;
    let pictures = source.join("pictures");
    fs::create_dir_all(&pictures)?;
    let picture = notebooks.join("pictures/answers.png");
    copy(&picture, &pictures, "answers.png")?;
    sphinx.run(START, ENGLISH, pages)
}

fn build_language(
    sphinx: &Sphinx,
    language: &str,
    notebooks: &[PathBuf],
    pages: &Path,
) -> Result<()> {
    let source = sphinx.source(language)?;
    for notebook in notebooks {
        copy(notebook, &source, &file_name(notebook))?;
    }
    let contents = sources(sphinx.workshop).join(format!("{language}.md"));
    copy(&contents, &source, "index.md")?;
    let facilitators = match language {
        ENGLISH => "facilitators.md".to_owned(),
        other => format!("facilitators.{other}.md"),
    };
    let facilitators = sphinx.workshop.notebooks().join(facilitators);
    copy(&facilitators, &source, "facilitators.md")?;
    sphinx.run(language, language, pages)
}

fn folder(workshop: &Workshop) -> PathBuf {
    workshop.target().join("book")
}

fn sources(workshop: &Workshop) -> PathBuf {
    workshop.root().join("book")
}

/// What Sphinx needs to know for each part of a book.
struct Sphinx<'book> {
    workshop: &'book Workshop,
    folder: &'book Path,
    python: &'book Path,
    repository: &'book str,
}

impl Sphinx<'_> {
    /// Makes the folder for the sources of a part.
    fn source(&self, part: &str) -> Result<PathBuf> {
        let source = self.folder.join("source").join(part);
        fs::create_dir_all(&source)?;
        Ok(source)
    }

    fn run(&self, part: &str, language: &str, pages: &Path) -> Result<()> {
        let mut command = Command::new(self.python);
        command
            .args(["-m", "sphinx", "--builder", "html", "--quiet"])
            // A link without a target is a warning.
            .args(["--fail-on-warning", "--keep-going"])
            .arg("--conf-dir")
            .arg(sources(self.workshop))
            .arg("--doctree-dir")
            .arg(self.folder.join("doctrees").join(part))
            .arg(format!("--define=language={language}"))
            .arg(format!("--define=book_part={part}"))
            .arg(format!("--define=book_repository={}", self.repository))
            .arg(self.folder.join("source").join(part))
            .arg(pages)
            .env("PYTHONDONTWRITEBYTECODE", "1");
        let status = process::run(&mut command)?;
        ensure!(
            status.success(),
            "Sphinx cannot make the part {part} of the book; its messages are above"
        );
        Ok(())
    }
}

/// The executed copies of a language's notebooks. If one is missing or outdated, all of the language are
/// executed: a notebook may need files that an earlier one has written.
fn executed_notebooks(
    workshop: &Workshop,
    language: &str,
    accepted: &[Exercises],
) -> Result<Vec<PathBuf>> {
    let all = notebooks::of_language(workshop, language)?;
    let crate_changed = last_change(&workshop.root().join("crate"))?;
    let find = || -> Result<Option<Vec<PathBuf>>> {
        let mut found = Vec::new();
        for notebook in &all {
            let copies = accepted
                .iter()
                .map(|exercises| execute::executed_copy(workshop, notebook, *exercises));
            let changed = crate_changed.max(modified(notebook)?);
            match copies.into_iter().find(|copy| is_current(copy, changed)) {
                Some(copy) => found.push(copy),
                None => return Ok(None),
            }
        }
        Ok(Some(found))
    };
    if let Some(found) = find()? {
        return Ok(found);
    }
    println!("executing the notebooks in notebooks/{language}");
    setup::setup(workshop)?;
    if !execute::run_all(workshop, &all, Exercises::Unsolved)? {
        bail!("notebooks fail, so there is no book; their messages are above");
    }
    let found: Vec<_> = all
        .iter()
        .map(|notebook| execute::executed_copy(workshop, notebook, Exercises::Unsolved))
        .collect();
    Ok(found)
}

/// Whether an executed copy is newer than a change, and no cell of it has failed.
fn is_current(copy: &Path, changed: SystemTime) -> bool {
    let is_newer = modified(copy).is_ok_and(|executed| executed > changed);
    is_newer && notebooks::read(copy).is_ok_and(|notebook| !has_errors(&notebook))
}

fn has_errors(notebook: &serde_json::Value) -> bool {
    let outputs = notebooks::cells(notebook)
        .iter()
        .filter_map(|cell| cell["outputs"].as_array());
    outputs
        .flatten()
        .any(|output| output["output_type"] == "error")
}

/// The last change of a file, or of all files below a folder.
fn last_change(path: &Path) -> Result<SystemTime> {
    let mut last = modified(path)?;
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            last = last.max(last_change(&entry?.path())?);
        }
    }
    Ok(last)
}

fn modified(path: &Path) -> Result<SystemTime> {
    let metadata = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(metadata.modified()?)
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn copy(file: &Path, folder: &Path, name: &str) -> Result<()> {
    fs::copy(file, folder.join(name)).with_context(|| format!("cannot copy {}", file.display()))?;
    Ok(())
}

/// A repository's address without a slash or `.git` at its end; `None` for an empty one.
fn repository_address(repository: &str) -> Result<Option<String>> {
    let address = repository.trim_end_matches('/').trim_end_matches(".git");
    if address.is_empty() {
        return Ok(None);
    }
    ensure!(
        address.starts_with("https://"),
        "the repository's address must begin with https://, as in https://github.com/OWNER/NAME; \
         {repository} does not"
    );
    Ok(Some(address.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::fs::File;
    use std::time::Duration;

    #[test]
    fn repository_addresses_have_no_slash_and_no_git_at_the_end() {
        let github = Some("https://github.com/owner/gasshuku".to_owned());
        for written in [
            "https://github.com/owner/gasshuku",
            "https://github.com/owner/gasshuku/",
            "https://github.com/owner/gasshuku.git",
        ] {
            assert_eq!(repository_address(written).unwrap(), github, "{written}");
        }
        assert_eq!(repository_address("").unwrap(), None);
        for wrong in [
            "git@github.com:owner/gasshuku.git",
            "http://example.org/a",
            "gasshuku",
        ] {
            let error = repository_address(wrong).unwrap_err().to_string();
            assert!(error.contains(wrong), "{error}");
        }
    }

    fn written_at(path: &Path, text: &str, seconds: u64) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        File::open(path).unwrap().set_modified(time).unwrap();
    }

    fn with_output(output_type: &str) -> String {
        let output = json!({ "output_type": output_type });
        json!({ "cells": [{ "cell_type": "markdown" }, { "outputs": [output] }] }).to_string()
    }

    #[test]
    fn a_current_copy_is_newer_than_the_change_and_complete() {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy.ipynb");
        let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        assert!(!is_current(&copy, changed), "it is not there");
        written_at(&copy, &with_output("stream"), 101);
        assert!(is_current(&copy, changed));
        written_at(&copy, &with_output("stream"), 99);
        assert!(!is_current(&copy, changed), "it is older");
        written_at(&copy, &with_output("error"), 101);
        assert!(!is_current(&copy, changed), "a cell has failed");
        written_at(&copy, "{", 101);
        assert!(!is_current(&copy, changed), "half a file");
    }

    #[test]
    fn copies_are_taken_in_the_order_of_preference() {
        let root = tempfile::tempdir().unwrap();
        let workshop = Workshop::at(Some(root.path().to_owned())).unwrap();
        let notebook = workshop.notebooks().join("ja/04_train.ipynb");
        written_at(&notebook, &with_output("stream"), 100);
        written_at(&workshop.root().join("crate/src/lib.rs"), "", 100);
        let [open, solved] = [Exercises::Unsolved, Exercises::Solved]
            .map(|exercises| execute::executed_copy(&workshop, &notebook, exercises));
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let later = now.unwrap().as_secs() + 100;
        written_at(&solved, &with_output("stream"), later);
        let both = [Exercises::Unsolved, Exercises::Solved];
        let found = |accepted: &[Exercises]| executed_notebooks(&workshop, "ja", accepted).unwrap();
        assert_eq!(found(&both), [solved]);
        written_at(&open, &with_output("stream"), later);
        assert_eq!(found(&both), std::slice::from_ref(&open));
        assert_eq!(found(&[Exercises::Unsolved]), [open]);
    }

    #[test]
    fn a_change_deep_in_a_folder_counts() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("src/load/mod.rs");
        written_at(&deep, "", 100);
        let in_a_year = SystemTime::now() + Duration::from_secs(365 * 24 * 3600);
        File::open(&deep).unwrap().set_modified(in_a_year).unwrap();
        assert_eq!(last_change(folder.path()).unwrap(), in_a_year);
    }
}

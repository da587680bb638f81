//! Links in Markdown pages and notebooks lead to files that exist.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::fs;
use std::path::{Path, PathBuf};

/// The paths of the links in a Markdown text. Links to other servers and within the page do not count.
fn links(markdown: &str) -> Vec<&str> {
    let targets = markdown.split("](").skip(1);
    targets
        .filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
        .map(|target| target.split_once('#').map_or(target, |(path, _)| path))
        .filter(|target| !target.is_empty() && !target.contains("://"))
        .collect()
}

/// Folders that are skipped: links in `book` are relative to the finished book, the others are not committed.
const SKIPPED: [&str; 3] = ["book", "people", "target"];

/// The pages and notebooks below a folder.
fn pages(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
    let is_ours = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        !name.starts_with('.') && !SKIPPED.contains(&name)
    };
    let is_page = |path: &Path| {
        let extension = path.extension();
        extension.is_some_and(|it| it == "md" || it == "ipynb")
    };
    paths
        .filter(is_ours)
        .flat_map(|path| match path.is_dir() {
            true => pages(&path),
            false => vec![path],
        })
        .filter(|path| is_page(path))
        .collect()
}

#[test]
fn links_lead_to_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let pages = pages(&root);
    for page in [
        "README.md",
        "hub/README.ja.md",
        "notebooks/ja/04_train.ipynb",
    ] {
        assert!(pages.contains(&root.join(page)), "{page}");
    }
    for page in &pages {
        let text = fs::read_to_string(page).unwrap_or_else(|error| panic!("{page:?}: {error}"));
        for link in links(&text) {
            let target = page.parent().unwrap().join(link);
            assert!(target.exists(), "{} links to {link}", page.display());
        }
    }
}

#[test]
fn links_are_found() {
    let text =
        "[a](a.md), ![b](deep/b.png) and [c](../c.md#part)\n[d](https://example.org/d) [e](#e)";
    assert_eq!(links(text), ["a.md", "deep/b.png", "../c.md"]);
}

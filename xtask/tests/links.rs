//! Links in Markdown pages and notebooks, and paths in the docs, lead to files that exist.
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

/// The words between backticks that are paths from the root of the repository, such as `crate/src/lib.rs`.
fn code_paths(markdown: &str) -> Vec<&str> {
    const FOLDERS: [&str; 7] = [
        "book/", "crate/", "docs/", "hub/", "kernel/", "tests/", "xtask/",
    ];
    let code = markdown.split('`').skip(1).step_by(2);
    code.filter(|it| FOLDERS.iter().any(|folder| it.starts_with(folder)))
        .filter(|it| !it.contains([' ', '\n', '*', '{']))
        .collect()
}

#[test]
fn paths_in_the_docs_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let pages = [
        pages(&root.join("docs")),
        vec![root.join("CONTRIBUTING.md")],
    ]
    .concat();
    let mut found = 0;
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        // Files that the walk about German tells the reader to write.
        for path in code_paths(&text)
            .iter()
            .filter(|it| !it.contains(".de.") && !it.ends_with("/de.md"))
        {
            assert!(root.join(path).exists(), "{} names {path}", page.display());
            found += 1;
        }
    }
    assert!(found > 0);
}

#[test]
fn paths_in_code_are_found() {
    let text = "`crate/src/lib.rs`, `lib.rs`, `cargo test`, `hub/board.py` and `tests/*.rs`";
    assert_eq!(code_paths(text), ["crate/src/lib.rs", "hub/board.py"]);
}

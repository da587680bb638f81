//! Where the notebooks are, in which languages, and how one is named on the command line.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::workshop::Workshop;

/// The folders of all languages. The others are compared with the first.
pub(crate) const LANGUAGES: [&str; 2] = [ENGLISH, "ja"];
/// The folder of the language that the others are compared with.
pub(crate) const ENGLISH: &str = "en";
/// The folders of the other languages.
pub(crate) const OTHERS: &[&str] = LANGUAGES.split_at(1).1;

/// The workshop's notebooks in all languages, in their order.
pub(crate) fn all(workshop: &Workshop) -> Result<Vec<PathBuf>> {
    let mut notebooks = Vec::new();
    for language in LANGUAGES {
        notebooks.extend(of_language(workshop, language)?);
    }
    Ok(notebooks)
}

/// The notebooks of one language.
pub(crate) fn of_language(workshop: &Workshop, language: &str) -> Result<Vec<PathBuf>> {
    in_folder(&workshop.notebooks().join(language))
}

/// The notebooks that a word on the command line names: by a path, by a name (`04_train` is the
/// English notebook, `ja/04_train` the Japanese), or all of a language by its folder (`ja`).
pub(crate) fn find(workshop: &Workshop, named: &Path) -> Result<Vec<PathBuf>> {
    if named.is_file() {
        return Ok(vec![named.to_owned()]);
    }
    if let Some(language) = LANGUAGES.iter().find(|folder| named == Path::new(folder)) {
        return of_language(workshop, language);
    }
    for folder in [workshop.notebooks(), workshop.notebooks().join(ENGLISH)] {
        let ours = folder.join(named).with_extension("ipynb");
        if ours.is_file() {
            return Ok(vec![ours]);
        }
    }
    let names: Vec<_> = of_language(workshop, ENGLISH)?
        .iter()
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    bail!(
        "there is no notebook {}; there are {}, in {}",
        named.display(),
        names.join(", "),
        LANGUAGES.join(" and ")
    )
}

/// Test notebooks that must fail.
pub(crate) fn failing(workshop: &Workshop) -> Result<Vec<PathBuf>> {
    in_folder(&workshop.root().join("tests/notebooks"))
}

/// Test notebooks that must succeed.
pub(crate) fn passing(workshop: &Workshop) -> Result<Vec<PathBuf>> {
    in_folder(&workshop.root().join("tests/notebooks/good"))
}

/// Test notebooks that need the CUDA backend.
pub(crate) fn cuda(workshop: &Workshop) -> Result<Vec<PathBuf>> {
    in_folder(&workshop.root().join("tests/notebooks/cuda"))
}

fn in_folder(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut notebooks = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "ipynb")
        {
            notebooks.push(path);
        }
    }
    notebooks.sort();
    Ok(notebooks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notebooks_are_found_by_path_name_and_language() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["en/04_train", "en/05_save", "ja/04_train"] {
            let path = folder.path().join("notebooks").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path.with_extension("ipynb"), "{}").unwrap();
        }
        let workshop = Workshop::at(Some(folder.path().to_owned())).unwrap();
        let found = |named: &str| find(&workshop, Path::new(named)).unwrap();
        let at = |name: &str| workshop.notebooks().join(name);
        let path = at("ja/04_train.ipynb");
        assert_eq!(found(path.to_str().unwrap()), [at("ja/04_train.ipynb")]);
        for name in ["04_train", "04_train.ipynb", "en/04_train"] {
            assert_eq!(found(name), [at("en/04_train.ipynb")]);
        }
        assert_eq!(found("ja/04_train"), [at("ja/04_train.ipynb")]);
        assert_eq!(found("ja"), [path]);
        assert_eq!(found("en").len(), 2);
        assert_eq!(all(&workshop).unwrap().len(), 3);
        let unknown = find(&workshop, Path::new("04_trian")).unwrap_err();
        assert_eq!(
            unknown.to_string(),
            "there is no notebook 04_trian; there are 04_train, 05_save, in en and ja"
        );
    }
}

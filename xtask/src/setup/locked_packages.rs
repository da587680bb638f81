//! Python packages from a lock file, and whether all of their files are still there.

use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};
use evcxr_prewarm::inventory::{self, Damage};
use evcxr_prewarm::stamp::{self, replace_file};

use super::condition::Condition;
use super::step::{Runner, Step};
use super::{pip, venv};
use crate::process;
use crate::workshop::Workshop;

/// The Python packages of a lock file.
pub(crate) struct LockedPackages {
    lock: PathBuf,
    stamp: PathBuf,
    /// What decides which packages are installed: the lock file, and more.
    inputs: String,
}

/// How the name of an installed package's metadata folder ends.
const DIST_INFO: &str = ".dist-info";

impl LockedPackages {
    /// The packages of a lock file. `inputs` is what else decides which packages are installed.
    pub(crate) fn new(lock: &Path, stamp: PathBuf, inputs: &[&str]) -> Result<Self> {
        let contents = stamp::hash_file(lock)?;
        let inputs: Vec<&str> = inputs.iter().copied().chain([contents.as_str()]).collect();
        Ok(Self {
            lock: lock.to_owned(),
            stamp,
            inputs: inputs.join("\n"),
        })
    }

    /// Whether the packages that the stamp names are there, with all files that they list.
    pub(crate) fn condition(&self, workshop: &Workshop) -> Condition {
        let installed = self.installed();
        let Ok(site_packages) = venv::probe(workshop).map(|probe| probe.site_packages) else {
            return Condition::NotInstalled;
        };
        if installed.is_empty() {
            return Condition::NotInstalled;
        }
        let damages: Vec<String> = installed
            .iter()
            .filter_map(|dist_info| {
                Some(format!(
                    "{}: {}",
                    title(dist_info),
                    damage(&site_packages, dist_info)?
                ))
            })
            .collect();
        if damages.is_empty() {
            Condition::Intact
        } else {
            Condition::Damaged(damages)
        }
    }

    /// The metadata folders of the packages that were installed, from the stamp.
    fn installed(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.stamp).unwrap_or_default();
        let names = text.strip_prefix(&self.inputs).unwrap_or_default();
        names
            .lines()
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// Has pip install what is missing or damaged.
    pub(crate) fn install(&self, workshop: &Workshop, runner: &Runner, step: Step) -> Result<()> {
        forget_damaged(&venv::probe(workshop)?.site_packages, &self.installed())?;
        pip::install(workshop, runner, step, &self.lock)?;
        self.write_stamp(workshop)
    }

    /// Writes the names of the installed packages: some of the lock file are for other systems only.
    fn write_stamp(&self, workshop: &Workshop) -> Result<()> {
        let site_packages = venv::probe(workshop)?.site_packages;
        let text = fs::read_to_string(&self.lock)
            .with_context(|| format!("cannot read {}", self.lock.display()))?;
        let wanted: Vec<String> = locked_dist_infos(&text).collect();
        let mut names: Vec<String> = dist_info_folders(&site_packages)?
            .into_iter()
            .filter(|name| wanted.contains(&normalized(name)))
            .collect();
        names.sort();
        let names = names.join("\n");
        replace_file(&self.stamp, format!("{}\n{names}", self.inputs).as_bytes())
    }

    /// The shared libraries of the installed packages.
    pub(crate) fn libraries(&self, workshop: &Workshop) -> Result<Vec<PathBuf>> {
        let site_packages = venv::probe(workshop)?.site_packages;
        let mut found = Vec::new();
        for name in self.installed() {
            let record = fs::read_to_string(site_packages.join(name).join("RECORD"))?;
            let paths = record
                .lines()
                .filter_map(parse_record)
                .map(|(path, _)| site_packages.join(path));
            found.extend(paths.filter(|path| is_library(path)));
        }
        Ok(found)
    }
}

pub(crate) fn is_library(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with(".so") || name.contains(".so.") || name.ends_with(".dylib")
}

/// Removes the metadata folders of damaged packages. pip regards a package as installed if it has this
/// folder, so it installs these again, and only these. It writes RECORD last, so a folder without RECORD
/// belongs to a package that was never completely installed.
fn forget_damaged(site_packages: &Path, ours: &[String]) -> Result<()> {
    for name in dist_info_folders(site_packages)? {
        let folder = site_packages.join(&name);
        let is_damaged = ours.contains(&name) && damage(site_packages, &name).is_some();
        if is_damaged || !folder.join("RECORD").exists() {
            process::remove_if_exists(&folder)?;
        }
    }
    let entries = fs::read_dir(site_packages)
        .with_context(|| format!("cannot read {}", site_packages.display()))?;
    for entry in entries {
        let entry = entry?;
        // pip renames the files of a package that it is about to replace.
        if entry.file_name().to_string_lossy().starts_with('~') {
            process::remove_if_exists(&entry.path())?;
        }
    }
    Ok(())
}

fn dist_info_folders(site_packages: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(site_packages)
        .with_context(|| format!("cannot read {}", site_packages.display()))?;
    let names = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned());
    Ok(names.filter(|name| name.ends_with(DIST_INFO)).collect())
}

/// A package for people: "pyzmq 27.1.0".
fn title(dist_info: &str) -> String {
    dist_info.trim_end_matches(DIST_INFO).replacen('-', " ", 1)
}

/// The first file of a package that is missing or has the wrong size.
fn damage(site_packages: &Path, dist_info: &str) -> Option<Damage> {
    let path = site_packages.join(dist_info).join("RECORD");
    let record = fs::read_to_string(&path).unwrap_or_default();
    if !record.ends_with('\n') {
        return Some(Damage {
            found: fs::metadata(&path).ok().map(|file| file.len()),
            path,
            expected: None,
        });
    }
    let mut damage = record
        .lines()
        .filter_map(parse_record)
        .find_map(|(path, size)| inventory::check_below(site_packages, Path::new(&path), size))?;
    damage.path = without_dots(&damage.path);
    Some(damage)
}

/// Without `..`: "lib/python3.11/site-packages/../../../share" is "share".
fn without_dots(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir {
            clean.pop();
        } else {
            clean.push(part);
        }
    }
    clean
}

/// A line of a RECORD: the file's path, relative to site-packages, and its size. No result for a line
/// without a size (files that Python compiles). No size for programs in `bin`, whose first lines change
/// when the clone is moved.
fn parse_record(line: &str) -> Option<(String, Option<u64>)> {
    let mut parts = line.rsplitn(3, ',');
    let size = parts.next()?.parse().ok()?;
    let path = parts.nth(1)?;
    let quoted = path
        .strip_prefix('"')
        .and_then(|path| path.strip_suffix('"'));
    let path = quoted.map_or_else(|| path.to_owned(), |path| path.replace("\"\"", "\""));
    let is_program = path.starts_with("../") && path.contains("/bin/");
    Some((path, (!is_program).then_some(size)))
}

/// The names of the metadata folders that the packages of a lock file have, normalized.
fn locked_dist_infos(lock: &str) -> impl Iterator<Item = String> {
    let lines = lock.lines().filter_map(|line| line.split_once("=="));
    lines
        .filter(|(name, _)| name.starts_with(|letter: char| letter.is_ascii_alphanumeric()))
        .map(|(name, rest)| {
            let version = rest.split([' ', ';', '\\']).next().unwrap_or_default();
            normalized(&format!(
                "{}-{version}{DIST_INFO}",
                name.trim().replace('-', "_")
            ))
        })
}

/// Lock files and folders spell a name with other capitals and with `-`, `_` or `.` between words.
fn normalized(dist_info: &str) -> String {
    let (name, version) = dist_info.split_once('-').unwrap_or((dist_info, ""));
    format!("{}-{version}", name.to_lowercase().replace(['.', '_'], "_"))
}

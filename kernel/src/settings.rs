//! The settings that kernels are started with, and the paths of their files.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::stamp;

/// The crate that all cells can use, and what its kernels need. Set-up writes the settings to
/// `settings.json` in the home. Some of them come from the crate's own Cargo.toml.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The crate's name, as in its Cargo.toml.
    pub crate_name: String,
    /// The folder of its Cargo.toml.
    pub crate_folder: PathBuf,
    /// `[package.metadata.notebook]` in its Cargo.toml.
    pub notebook: NotebookMetadata,
    /// The Cargo.lock whose versions kernels use.
    pub lock_file: PathBuf,
    /// Other files that the crate is compiled from.
    pub sources: Vec<PathBuf>,
    /// The program evcxr_jupyter.
    pub evcxr: PathBuf,
    /// Environment variables for evcxr_jupyter, for the compilers that it calls and for the cells.
    pub environment: BTreeMap<String, String>,
    /// Environment variables that get the number of processors that a kernel may use, unless the user
    /// has set them. Libraries that count processors themselves ignore the quota of a container.
    #[serde(default)]
    pub threads: Vec<String>,
    /// Files that every kernel needs, with their sizes in bytes. A kernel checks them before it starts, and
    /// reports the first one that is damaged.
    #[serde(default)]
    pub files: BTreeMap<PathBuf, u64>,
    /// If this text changes, everything is compiled again, as for another compiler. For instance versions.
    pub made_by: String,
    /// The prefix of the environment variables for users: `PREFIX_PLAIN`, `PREFIX_SPARE`.
    pub prefix: String,
    /// What the user can do when kernels do not start, such as "run `…`".
    pub advice: String,
}

/// `[package.metadata.notebook]` in the crate's Cargo.toml.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct NotebookMetadata {
    /// The dependencies that the crate re-exports to cells.
    pub re_exports: Vec<String>,
    /// Code that runs before the first cell, after the crate is loaded.
    pub prelude: String,
    /// An error message is cut where one of these texts begins: a library's own stack frames.
    pub message_end: Vec<String>,
}

#[derive(Deserialize)]
struct Manifest {
    package: Package,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    notebook: NotebookMetadata,
}

impl Settings {
    /// The settings that the crate's Cargo.toml contains. The others are empty.
    ///
    /// # Errors
    ///
    /// There is no Cargo.toml, or it is not that of a package.
    pub fn of_crate(folder: &Path) -> Result<Self> {
        let path = folder.join("Cargo.toml");
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let manifest: Manifest =
            toml::from_str(&text).with_context(|| format!("{} is wrong", path.display()))?;
        Ok(Self {
            crate_name: manifest.package.name,
            crate_folder: folder.to_owned(),
            notebook: manifest.package.metadata.notebook,
            ..Self::default()
        })
    }

    /// The crate's name, as Rust code writes it.
    pub fn extern_name(&self) -> String {
        self.crate_name.replace('-', "_")
    }

    /// The line with which a notebook loads the crate.
    pub fn dependency(&self) -> String {
        let folder = self.crate_folder.to_string_lossy().into_owned();
        // TOML and Rust escape characters in different ways.
        let folder = toml::Value::String(folder);
        format!(":dep {} = {{ path = {folder} }}", self.crate_name)
    }

    /// The value of the environment variable `PREFIX_<name>`.
    pub fn variable(&self, name: &str) -> Option<String> {
        env::var(format!("{}_{name}", self.prefix)).ok()
    }

    /// Whether the user, or set-up's own check, has turned the tricks off.
    pub fn is_plain(&self, home: &Home) -> bool {
        self.variable("PLAIN").is_some_and(|value| value == "1") || home.plain().exists()
    }

    /// The fingerprint of all files that the crate is compiled from.
    ///
    /// # Errors
    ///
    /// A file cannot be read.
    pub fn source_fingerprint(&self) -> Result<String> {
        let mut fingerprint = stamp::hash_folder(&self.crate_folder)?;
        for file in self.sources.iter().chain([&self.lock_file]) {
            fingerprint += &stamp::hash_file(file)?;
        }
        Ok(fingerprint)
    }
}

/// The folder with everything that kernels share. Users who may not write to it can have a folder of
/// their own in it, `users/UID`, which must exist before their kernels start. It lies within the home so
/// that cargo reads the same configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    path: PathBuf,
    user_path: PathBuf,
}

impl Home {
    /// The home at a path, which need not exist yet.
    pub fn at(path: &Path) -> Self {
        Self::of_user(path, rustix::process::geteuid().as_raw())
    }

    fn of_user(path: &Path, user: u32) -> Self {
        let user_path = path.join("users").join(user.to_string());
        Self {
            user_path: if user_path.is_dir() {
                user_path
            } else {
                path.to_owned()
            },
            path: path.to_owned(),
        }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder for the current user's kernels: the home itself, unless it is shared.
    pub fn user_path(&self) -> &Path {
        &self.user_path
    }

    /// The settings that set-up has written.
    ///
    /// # Errors
    ///
    /// There are none, or they cannot be read.
    pub fn settings(&self) -> Result<Settings> {
        let path = self.path.join("settings.json");
        let text = fs::read(&path)
            .with_context(|| format!("kernels are not set up: {} is missing", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is wrong", path.display()))
    }

    /// Writes the settings, if they have changed; returns whether they have.
    ///
    /// # Errors
    ///
    /// The folder cannot be written.
    pub fn write_settings(&self, settings: &Settings) -> Result<bool> {
        if self.settings().is_ok_and(|found| found == *settings) {
            return Ok(false);
        }
        let text = serde_json::to_vec_pretty(settings)?;
        stamp::replace_file(&self.path.join("settings.json"), &text)?;
        Ok(true)
    }

    /// The compiled crates that kernels start from.
    pub fn template(&self) -> PathBuf {
        self.path.join("template")
    }

    /// The folder in which a new template is built.
    pub fn building(&self) -> PathBuf {
        self.path.join("building")
    }

    /// Locked while the template is copied (shared), and while it is replaced (exclusive).
    pub fn template_lock(&self) -> PathBuf {
        self.path.join("template.lock")
    }

    /// The directories of the kernels that run.
    pub fn running(&self) -> PathBuf {
        self.user_path.join("running")
    }

    /// The programs that come first in a kernel's PATH and wrap others.
    pub fn wrappers(&self) -> PathBuf {
        self.path.join("bin")
    }

    /// The folder of evcxr's configuration. `preloaded` says whether the kernel loads the crate before
    /// its first cell.
    pub fn evcxr_config(&self, preloaded: bool) -> PathBuf {
        self.path
            .join("config")
            .join(if preloaded { "loaded" } else { "bare" })
    }

    /// The configuration that cargo reads in all folders below the home.
    pub fn cargo_config(&self) -> PathBuf {
        self.path.join(".cargo/config.toml")
    }

    /// The sysroot that rust-analyzer uses.
    pub fn sysroot(&self) -> PathBuf {
        self.path.join("sysroot")
    }

    /// The file that says why the tricks are turned off. It exists only if they are.
    pub fn plain(&self) -> PathBuf {
        self.path.join("plain")
    }

    /// The folder in which spare kernels are registered.
    pub fn spares(&self) -> PathBuf {
        self.user_path.join("spare")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crates_manifest_says_what_its_notebooks_need() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = "[package]\nname = \"my-crate\"\nversion = \"0.1.0\"\n\
            [package.metadata.notebook]\nre-exports = [\"tch\"]\nprelude = \"use my_crate::*;\"\n";
        fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
        let settings = Settings::of_crate(folder.path()).unwrap();
        assert_eq!(settings.extern_name(), "my_crate");
        assert_eq!(settings.notebook.re_exports, ["tch"]);
        assert_eq!(settings.notebook.prelude, "use my_crate::*;");
        assert!(settings.notebook.message_end.is_empty());
        fs::write(
            folder.path().join("Cargo.toml"),
            "[package]\nname = \"a\"\n",
        )
        .unwrap();
        let settings = Settings::of_crate(folder.path()).unwrap();
        assert_eq!(settings.notebook, NotebookMetadata::default());
        assert!(Settings::of_crate(&folder.path().join("none")).is_err());
    }

    #[test]
    fn a_user_with_a_folder_keeps_kernels_there_and_shares_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("users/1234");
        fs::create_dir_all(&own).unwrap();
        let home = Home::of_user(folder.path(), 1234);
        assert_eq!(home.running(), own.join("running"));
        assert_eq!(home.spares(), own.join("spare"));
        assert_eq!(home.template(), folder.path().join("template"));
        let home = Home::of_user(folder.path(), 1235);
        assert_eq!(home.running(), folder.path().join("running"));
        assert_eq!(home.user_path(), folder.path());
    }

    #[test]
    fn settings_are_written_only_if_they_change() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        assert!(home.settings().is_err());
        let mut settings = Settings {
            crate_name: "a".to_owned(),
            ..Settings::default()
        };
        assert!(home.write_settings(&settings).unwrap());
        assert!(!home.write_settings(&settings).unwrap());
        assert_eq!(home.settings().unwrap(), settings);
        settings.made_by = "another libtorch".to_owned();
        assert!(home.write_settings(&settings).unwrap());
    }
}

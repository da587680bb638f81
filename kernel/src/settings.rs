//! What a kernel is made for, and where its files lie.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::stamp;

/// The crate that cells have from the first one on, and what its kernels need. Set-up writes it to
/// the home's `settings.json`; the part that a crate can say of itself stands in its Cargo.toml.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The crate's name, as its Cargo.toml has it.
    pub crate_name: String,
    /// Where its Cargo.toml lies.
    pub crate_folder: PathBuf,
    /// What the crate says of itself.
    pub notebook: Notebook,
    /// The Cargo.lock whose versions kernels use.
    pub lock_file: PathBuf,
    /// More files that the crate is compiled from.
    pub sources: Vec<PathBuf>,
    /// evcxr_jupyter.
    pub evcxr: PathBuf,
    /// Environment variables for evcxr_jupyter, for all that it compiles and for the cells.
    pub environment: BTreeMap<String, String>,
    /// Variables that get the number of processors that a kernel may use, where the user has not set
    /// them: libraries ask the machine, which may have more than the kernel's quota.
    #[serde(default)]
    pub threads: Vec<String>,
    /// Files that no kernel can do without, and their bytes as set-up has left them: a kernel looks before it
    /// starts, and says what is missing.
    #[serde(default)]
    pub files: BTreeMap<PathBuf, u64>,
    /// All that makes compiled crates useless when it changes, besides the compiler.
    pub made_by: String,
    /// What the environment variables begin with that users set: `NAME_PLAIN`, `NAME_SPARE`.
    pub prefix: String,
    /// What to do when kernels cannot start, as in "run `…`".
    pub advice: String,
}

/// `[package.metadata.notebook]` in the crate's Cargo.toml.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Notebook {
    /// Of the crate's dependencies, those whose types cells see.
    pub hands_on: Vec<String>,
    /// A cell that runs before the first one, after the crate is loaded.
    pub prelude: String,
    /// An error's text ends where one of these begins: a library's own stack frames.
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
    notebook: Notebook,
}

impl Settings {
    /// The part that the crate's Cargo.toml says.
    ///
    /// # Errors
    ///
    /// There is no such file, or it is not a crate's.
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

    /// The crate's name, as cells write it.
    pub fn extern_name(&self) -> String {
        self.crate_name.replace('-', "_")
    }

    /// The line by which a notebook loads the crate.
    pub fn dependency(&self) -> String {
        let folder = self.crate_folder.to_string_lossy().into_owned();
        // TOML and Rust quote letters in different ways.
        let folder = toml::Value::String(folder);
        format!(":dep {} = {{ path = {folder} }}", self.crate_name)
    }

    /// What the user has set `NAME_<name>` to.
    pub fn variable(&self, name: &str) -> Option<String> {
        env::var(format!("{}_{name}", self.prefix)).ok()
    }

    /// What the compiled crate rests on, as a fingerprint.
    ///
    /// # Errors
    ///
    /// A source cannot be read.
    pub fn content(&self) -> Result<String> {
        let mut content = stamp::folder(&self.crate_folder)?;
        for file in self.sources.iter().chain([&self.lock_file]) {
            content += &stamp::file(file)?;
        }
        Ok(content)
    }
}

/// The folder in which everything lies that kernels have in common. Users who share it and may not
/// write to it have a folder of their own below `users`, which whoever starts their kernels makes: within
/// the home, so that cargo reads the same configuration there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    path: PathBuf,
    own: PathBuf,
}

impl Home {
    /// The home at a path, which need not be there yet.
    pub fn at(path: &Path) -> Self {
        Self::of_user(path, rustix::process::geteuid().as_raw())
    }

    fn of_user(path: &Path, user: u32) -> Self {
        let own = path.join("users").join(user.to_string());
        Self {
            own: if own.is_dir() { own } else { path.to_owned() },
            path: path.to_owned(),
        }
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of the user's own kernels: the home itself, where it is not shared.
    pub fn own(&self) -> &Path {
        &self.own
    }

    /// What set-up has written.
    ///
    /// # Errors
    ///
    /// There is no set-up.
    pub fn settings(&self) -> Result<Settings> {
        let path = self.path.join("settings.json");
        let text = fs::read(&path)
            .with_context(|| format!("kernels are not set up: {} is missing", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is wrong", path.display()))
    }

    /// Writes the settings where they differ; says whether they did.
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

    /// The crate that kernels start from, compiled.
    pub fn template(&self) -> PathBuf {
        self.path.join("template")
    }

    /// Where a new template is made.
    pub fn building(&self) -> PathBuf {
        self.path.join("building")
    }

    /// Held shared while the template is copied, and exclusively while it is replaced.
    pub fn template_lock(&self) -> PathBuf {
        self.path.join("template.lock")
    }

    /// The crates of the kernels at work.
    pub fn running(&self) -> PathBuf {
        self.own.join("running")
    }

    /// Programs that stand before others in a kernel's PATH.
    pub fn programs(&self) -> PathBuf {
        self.path.join("bin")
    }

    /// Where evcxr looks for its configuration: that of a kernel which is loaded with the crate
    /// before its first cell, or of one which is not.
    pub fn evcxr_config(&self, loaded: bool) -> PathBuf {
        self.path
            .join("config")
            .join(if loaded { "loaded" } else { "bare" })
    }

    /// What cargo reads, wherever below this folder it works.
    pub fn cargo_config(&self) -> PathBuf {
        self.path.join(".cargo/config.toml")
    }

    /// The sources of the standard library, as rust-analyzer is shown them.
    pub fn sysroot(&self) -> PathBuf {
        self.path.join("sysroot")
    }

    /// Says why the tricks are turned off, where they are.
    pub fn plain(&self) -> PathBuf {
        self.path.join("plain")
    }

    /// Where kernels wait that are started beforehand.
    pub fn spares(&self) -> PathBuf {
        self.own.join("spare")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_says_what_its_notebooks_need() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = "[package]\nname = \"my-crate\"\nversion = \"0.1.0\"\n\
            [package.metadata.notebook]\nhands-on = [\"tch\"]\nprelude = \"use my_crate::*;\"\n";
        fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
        let settings = Settings::of_crate(folder.path()).unwrap();
        assert_eq!(settings.extern_name(), "my_crate");
        assert_eq!(settings.notebook.hands_on, ["tch"]);
        assert_eq!(settings.notebook.prelude, "use my_crate::*;");
        assert!(settings.notebook.message_end.is_empty());
        fs::write(
            folder.path().join("Cargo.toml"),
            "[package]\nname = \"a\"\n",
        )
        .unwrap();
        let settings = Settings::of_crate(folder.path()).unwrap();
        assert_eq!(settings.notebook, Notebook::default());
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
        assert_eq!(home.own(), folder.path());
    }

    #[test]
    fn settings_are_written_once() {
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

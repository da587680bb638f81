//! The clone of the workshop: its paths, and commands that run in it.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use evcxr_prewarm::environment::is_set_by_cargo_run;
use evcxr_prewarm::settings::Home;

/// The variable with the folders in which the loader looks for shared libraries.
pub(crate) const LIBRARY_PATH: &str = if cfg!(target_os = "macos") {
    "DYLD_LIBRARY_PATH"
} else {
    "LD_LIBRARY_PATH"
};

/// A clone of the workshop.
#[derive(Clone)]
pub(crate) struct Workshop {
    root: PathBuf,
}

impl Workshop {
    /// The clone at `root`, else the one for which cargo runs this program, else the one in which this program
    /// was built.
    pub(crate) fn at(root: Option<PathBuf>) -> Result<Self> {
        let root = root.unwrap_or_else(|| {
            let manifest = env::var_os("CARGO_MANIFEST_DIR")
                .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
            manifest.join("..")
        });
        let root = root
            .canonicalize()
            .with_context(|| format!("there is no workshop at {}", root.display()))?;
        Ok(Self { root })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn venv(&self) -> PathBuf {
        self.root.join(".venv")
    }

    /// A program of the virtual environment.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.venv().join("bin").join(name)
    }

    /// The stamp of a step that installs into .venv: it is removed together with .venv.
    pub(crate) fn venv_stamp(&self, step: &str) -> PathBuf {
        self.venv().join("gasshuku").join(step)
    }

    pub(crate) fn notebooks(&self) -> PathBuf {
        self.root.join("notebooks")
    }

    pub(crate) fn python_sources(&self) -> PathBuf {
        self.root.join("xtask").join("python")
    }

    pub(crate) fn target(&self) -> PathBuf {
        self.root.join("target")
    }

    /// A link to libtorch, wherever that is. Everything finds libtorch by this path, because torch-sys compiles
    /// its C++ again (minutes) when the value of LIBTORCH changes. `.cargo/config.toml` names it, too.
    pub(crate) fn libtorch(&self) -> PathBuf {
        self.target().join("libtorch")
    }

    /// The folder of executed notebooks.
    pub(crate) fn executed(&self) -> PathBuf {
        self.target().join("notebooks")
    }

    /// The folder of what set-up needs while it runs: logs, downloads, build folders.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.target().join("setup")
    }

    /// The folder of what kernels share.
    pub(crate) fn kernel(&self) -> PathBuf {
        self.target().join("kernel")
    }

    /// The folder of what kernels share, as the kernel's crate names it.
    pub(crate) fn kernel_home(&self) -> Home {
        Home::at(&self.kernel())
    }

    pub(crate) fn kernelspec(&self) -> PathBuf {
        self.venv().join("share/jupyter/kernels/rust")
    }

    /// The program that Jupyter starts.
    pub(crate) fn launcher(&self) -> PathBuf {
        self.program("evcxr-prewarm")
    }

    /// A cargo command that finds libtorch when it builds and when it runs.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root);
        remove_cargo_variables(&mut command);
        self.find_libtorch(&mut command);
        command
    }

    /// A command in .venv's Python.
    pub(crate) fn python(&self) -> Command {
        let mut command = Command::new(self.program("python"));
        command
            .env_remove("PYTHONHOME")
            .env_remove("PYTHONPATH")
            .env("JUPYTER_PREFER_ENV_PATH", "1");
        for (variable, folder) in [
            ("JUPYTER_CONFIG_DIR", "config"),
            ("JUPYTER_DATA_DIR", "data"),
            ("JUPYTER_RUNTIME_DIR", "runtime"),
            ("IPYTHONDIR", "ipython"),
        ] {
            if env::var_os(variable).is_none() {
                command.env(variable, self.target().join("jupyter").join(folder));
            }
        }
        command
    }

    /// Sets the variables with which tch is built, and programs that use it run.
    pub(crate) fn find_libtorch(&self, command: &mut Command) {
        command
            .env("LIBTORCH", self.libtorch())
            .env(LIBRARY_PATH, self.library_path());
    }

    fn library_path(&self) -> OsString {
        let ours = self.libtorch().join("lib");
        let mut folders = vec![ours.clone()];
        if let Some(existing) = env::var_os(LIBRARY_PATH) {
            folders.extend(env::split_paths(&existing).filter(|folder| *folder != ours));
        }
        env::join_paths(folders).unwrap_or_else(|_| ours.into())
    }

    /// A path relative to the root of the clone.
    pub(crate) fn relative<'path>(&self, path: &'path Path) -> std::path::Display<'path> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }
}

/// Removes the variables that `cargo run` sets for this program. Build scripts may look at them (ring's does),
/// and would run again when a kernel or cargo is started in another way.
pub(crate) fn remove_cargo_variables(command: &mut Command) {
    let names = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for name in names.filter(|name| is_set_by_cargo_run(name)) {
        command.env_remove(name);
    }
}

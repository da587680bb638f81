//! Writes a file so that there is never an incomplete one under its name.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::path::expanded;

/// Checks that a file can be written under this name. Creates the folder.
///
/// # Errors
/// [`Error::Io`] if it cannot be written, [`Error::Data`] if the path is not the name of a file.
pub(crate) fn check_writable(path: &Path) -> Result<()> {
    let partial = partial_name(&expanded(path)?)?;
    File::create(create_folder(&partial)?).map_err(Error::io("write", &partial))?;
    fs::remove_file(&partial).map_err(Error::io("write", &partial))
}

/// Writes the content to another file and renames it, so that the file is replaced all at once.
pub(crate) fn replace_file(path: &Path, content: &[u8]) -> Result<()> {
    let partial = partial_name(path)?;
    let mut file = File::create(create_folder(&partial)?).map_err(Error::io("write", &partial))?;
    let written = file
        .write_all(content)
        .and_then(|()| file.sync_all())
        .map_err(Error::io("write", &partial))
        .and_then(|()| fs::rename(&partial, path).map_err(Error::io("write", path)));
    if written.is_err() {
        // Removing the incomplete file may fail, too; the first error is the one to report.
        let _ = fs::remove_file(&partial);
    }
    written
}

/// Creates the folder of the path, and returns the path.
fn create_folder(path: &Path) -> Result<&Path> {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    if let Some(folder) = folder {
        fs::create_dir_all(folder).map_err(Error::io("create the folder", folder))?;
    }
    Ok(path)
}

/// The name under which a file is written before it is renamed.
///
/// # Errors
/// [`Error::Data`] if the path is not the name of a file.
fn partial_name(path: &Path) -> Result<PathBuf> {
    let name = path.file_name().filter(|_| !path.is_dir());
    let mut name = name
        .ok_or_else(|| {
            let shown = path.display();
            Error::Data(format!(
                "`{shown}` is not the name of a file; give a name such as models/lenet.safetensors"
            ))
        })?
        .to_os_string();
    name.push(".partial");
    Ok(path.with_file_name(name))
}

//! Draws the images of `data/animals` and `data/animals-shortcut`.
//!
//! `make-animals [FOLDER]`: the folder of all data sets, `data` unless another is named.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use support::animals::drawings;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os()
        .nth(1)
        .map_or_else(support::data, PathBuf::from);
    let drawings = drawings();
    for drawing in &drawings {
        let path = folder.join(&drawing.path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, drawing.encode()?)?;
    }
    println!("{} images drawn", drawings.len());
    Ok(())
}

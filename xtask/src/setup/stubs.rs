//! Small libraries for the linker to look at in libtorch's place.
//!
//! A cell is linked to libtorch, and the linker reads the names of all that libtorch has, 77,000,
//! to find the 2,800 that tch can use: a third of its time. These libraries have the same names on
//! them and only those 2,800 in them; what a cell is loaded with is libtorch itself.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use object::read::archive::ArchiveFile;
use object::{Object, ObjectSymbol};

use crate::process;
use crate::workshop::Workshop;

/// Below a kernel's directory.
pub(crate) const FOLDER: &str = "target/stubs";

const LIBRARIES: [&str; 2] = ["torch_cpu", "torch_cuda"];

/// Makes them in a kernel's directory where torch-sys is compiled.
pub(crate) fn make(workshop: &Workshop, directory: &Path) -> Result<()> {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    let mut wanted = BTreeSet::new();
    for archive in archives(&directory.join("target"))? {
        wanted.extend(undefined(&archive)?);
    }
    let folder = directory.join(FOLDER);
    fs::create_dir_all(&folder)?;
    for name in LIBRARIES {
        let file = format!("lib{name}.so");
        let library = workshop.libtorch().join("lib").join(&file);
        if library.exists() {
            let names = exported(&library)?;
            stub(&folder, &file, names.intersection(&wanted))?;
        }
    }
    Ok(())
}

/// torch-sys's C++, for each target that was compiled.
fn archives(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && !path.is_symlink() {
            found.append(&mut archives(&path)?);
        } else if path.ends_with("libtch.a") {
            found.push(path);
        }
    }
    Ok(found)
}

fn undefined(archive: &Path) -> Result<BTreeSet<String>> {
    let bytes = fs::read(archive)?;
    let mut names = BTreeSet::new();
    for member in ArchiveFile::parse(&*bytes)?.members() {
        let file = object::File::parse(member?.data(&*bytes)?)?;
        let symbols = file.symbols().filter(|symbol| symbol.is_undefined());
        names.extend(symbols.filter_map(|symbol| Some(symbol.name().ok()?.to_owned())));
    }
    Ok(names)
}

fn exported(library: &Path) -> Result<BTreeSet<String>> {
    let bytes = fs::read(library)?;
    let file = object::File::parse(&*bytes)
        .with_context(|| format!("cannot read {}", library.display()))?;
    let symbols = file
        .dynamic_symbols()
        .filter(|symbol| !symbol.is_undefined());
    Ok(symbols
        .filter_map(|symbol| Some(symbol.name().ok()?.to_owned()))
        .collect())
}

fn stub<'name>(
    folder: &Path,
    file: &str,
    names: impl Iterator<Item = &'name String>,
) -> Result<()> {
    let source = folder.join(file).with_extension("s");
    let mut text = ".text\n".to_owned();
    for name in names {
        text += &format!(".globl \"{name}\"\n\"{name}\":\n");
    }
    fs::write(&source, text)?;
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-nostdlib", "-x", "assembler"])
        .arg(&source)
        .arg(format!("-Wl,-soname,{file}"))
        .arg("-o")
        .arg(folder.join(file));
    match process::ask(&mut cc)? {
        Some(answer) if answer.success => Ok(fs::remove_file(source)?),
        Some(answer) => bail!("cc cannot make {file}:\n{}", answer.stderr),
        None => bail!("no cc is on PATH"),
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    fn run(program: &str, arguments: &[&str], folder: &Path) {
        let status = Command::new(program)
            .args(arguments)
            .current_dir(folder)
            .status();
        assert!(status.unwrap().success(), "{program} {arguments:?}");
    }

    #[test]
    fn a_stub_has_what_is_used_and_the_name_of_the_library() {
        let root = tempfile::tempdir().unwrap();
        let workshop = Workshop::at(Some(root.path().to_owned())).unwrap();
        let kernel = root.path().join("kernel");
        let built = kernel.join("target/debug/build/torch-sys-1/out");
        let libtorch = workshop.libtorch().join("lib");
        for folder in [&built, &libtorch] {
            fs::create_dir_all(folder).unwrap();
        }
        let uses =
            "int used(void); int elsewhere(void); int own(void) { return used() + elsewhere(); }";
        fs::write(built.join("tch.c"), uses).unwrap();
        run("cc", &["-c", "tch.c", "-o", "tch.o"], &built);
        run("ar", &["rcs", "libtch.a", "tch.o"], &built);
        let has = "int used(void) { return 1; } int unused(void) { return 2; }";
        fs::write(libtorch.join("torch.c"), has).unwrap();
        let build = ["-shared", "-fPIC", "torch.c", "-o", "libtorch_cpu.so"];
        run("cc", &build, &libtorch);
        make(&workshop, &kernel).unwrap();
        let stub = kernel.join(FOLDER).join("libtorch_cpu.so");
        let names = exported(&stub).unwrap();
        assert!(names.contains("used"), "{names:?}");
        assert!(
            !names.contains("unused") && !names.contains("elsewhere"),
            "{names:?}"
        );
        let bytes = fs::read(&stub).unwrap();
        let soname = b"\0libtorch_cpu.so\0";
        assert!(bytes.windows(soname.len()).any(|part| part == soname));
        assert!(!kernel.join(FOLDER).join("libtorch_cuda.so").exists());
    }
}

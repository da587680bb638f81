//! The files of containers name versions, stages and commands that exist. No container engine is needed.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What is between two texts, where they come first.
fn between<'text>(text: &'text str, before: &str, after: &str) -> &'text str {
    let found = text
        .split_once(before)
        .and_then(|(_, rest)| rest.split_once(after));
    found.unwrap_or_else(|| panic!("{before} … {after}")).0
}

#[test]
fn containers_have_the_rust_version_of_the_workspace() {
    let wanted = read("Cargo.toml");
    let wanted = between(&wanted, "rust-version = \"", "\"");
    let dockerfile = read("Dockerfile");
    assert_eq!(between(&dockerfile, "FROM rust:", "-"), wanted);
    let binder = read("binder/postBuild");
    let toolchain = between(&binder, "--default-toolchain ", " ");
    assert_eq!(toolchain, format!("{wanted}.0"));
}

#[test]
fn the_devcontainer_is_a_stage_of_the_dockerfile() {
    let with_comments = read(".devcontainer/devcontainer.json");
    let lines = with_comments.lines();
    let json: String = lines
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    let settings: serde_json::Value = serde_json::from_str(&json).unwrap();
    let text = |pointer: &str| settings.pointer(pointer).unwrap().as_str().unwrap();
    let dockerfile = format!(".devcontainer/{}", text("/build/dockerfile"));
    let stage = format!(" AS {}\n", text("/build/target"));
    let dockerfile = read(&dockerfile);
    assert!(dockerfile.contains(&stage), "{stage}");
    let user = format!(" {}\n", text("/remoteUser"));
    let stage = between(&dockerfile, &stage, "\nFROM ");
    assert!(stage.contains(user.trim_end()), "{stage}");
}

/// The commands after `cargo xtask` in a file.
fn commands(text: &str) -> Vec<&str> {
    let rest = text.split("cargo xtask ").skip(1);
    let is_letter = |letter: char| letter.is_ascii_lowercase();
    rest.map(|rest| rest.split(|letter| !is_letter(letter)).next().unwrap())
        .collect()
}

#[test]
fn containers_run_commands_that_exist() {
    let help = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .arg("help")
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for file in [
        "Dockerfile",
        ".devcontainer/devcontainer.json",
        "binder/postBuild",
    ] {
        let text = read(file);
        let commands = commands(&text);
        assert!(!commands.is_empty(), "{file} runs no command");
        for command in commands {
            let line = format!("\n  {command} ");
            assert!(
                help.contains(&line),
                "{file}: there is no `cargo xtask {command}`"
            );
        }
    }
}

#[test]
fn binders_scripts_are_executable() {
    for script in ["binder/postBuild", "binder/start"] {
        let path = root().join(script);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{script} is not executable");
        let checked = Command::new("bash").arg("-n").arg(path).status().unwrap();
        assert!(checked.success(), "{script}");
    }
}

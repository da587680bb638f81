//! Compiles the template, with a real kernel, and checks that the tricks do no harm.

use std::fs;
use std::path::Path;
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use jupyter_zmq_client::ConnectionInfo;
use tokio::time;

use crate::cell_protocol::MARKER;
use crate::front::client::{Client, block_on};
use crate::front::connection_file;
use crate::kernel_process::{KernelProcess, StartOptions};
use crate::settings::{Home, Settings};
use crate::template::{self, State};
use crate::{program, temporary};

/// A cell that defines variables, and one that reads them. With and without tricks, the output must be the
/// same.
const CELLS: [&str; 2] = [
    "let kept: Vec<_> = (0..3).map(|x| x * 2).collect(); let text = String::from(\"kept\");",
    "println!(\"{text}\"); kept",
];

const CHECK_EVERY: Duration = Duration::from_millis(100);

/// Compiles the template and checks the tricks, unless the template is fresh.
///
/// # Errors
///
/// The crate does not compile, or the home cannot be written.
pub fn prepare(home: &Home) -> Result<ExitCode> {
    let settings = home.settings()?;
    if template::state(home, &settings)? == State::Fresh {
        return Ok(ExitCode::SUCCESS);
    }
    let build = template::build::begin(home, &settings, &|text| println!("{text}"))?;
    compile(home)?;
    template::build::finish(home, &settings, build)?;
    compare(home)
}

/// Compiles the crate in the folder where a template is being built.
///
/// # Errors
///
/// The crate does not compile.
pub fn compile(home: &Home) -> Result<ExitCode> {
    let settings = home.settings()?;
    let dependency = settings.dependency();
    let options = StartOptions {
        directory: Some(home.building()),
        ..StartOptions::default()
    };
    // The second cell defines a variable, so that evcxr asks rust-analyzer for its type: those calls are
    // cached, too.
    block_on(outputs(home, &settings, options, &[&dependency, CELLS[0]]))?;
    Ok(ExitCode::SUCCESS)
}

/// The outputs of cells in a new kernel.
async fn outputs(
    home: &Home,
    settings: &Settings,
    mut options: StartOptions,
    cells: &[&str],
) -> Result<Vec<String>> {
    let folder = temporary::folder()?;
    let (connection, file) = connection_file::create(folder.path())?;
    options.connection_file = file;
    let mut kernel = KernelProcess::start(home, settings, &options)?;
    tokio::select! {
        texts = run_cells(&connection, cells) => texts,
        status = wait_for_end(&mut kernel) => bail!("the kernel has ended by itself: {}", status?),
    }
}

async fn wait_for_end(kernel: &mut KernelProcess) -> Result<ExitStatus> {
    loop {
        if let Some(status) = kernel.try_wait()? {
            return Ok(status);
        }
        time::sleep(CHECK_EVERY).await;
    }
}

async fn run_cells(connection: &ConnectionInfo, cells: &[&str]) -> Result<Vec<String>> {
    let mut client = Client::connect(connection).await?;
    let mut texts = Vec::new();
    for cell in cells {
        let outcome = client.execute(cell).await?;
        if !outcome.ok {
            let error = outcome.error.unwrap_or_default();
            bail!("the kernel cannot run `{cell}`: {error}\n{}", outcome.text);
        }
        texts.push(without_markers(&outcome.text));
    }
    client.shutdown().await;
    Ok(texts)
}

fn without_markers(text: &str) -> String {
    text.lines()
        .filter(|line| !line.contains(MARKER))
        .map(|line| format!("{line}\n"))
        .collect()
}

/// Runs the same cells with the tricks and without. If the outputs differ, or a cell fails with the tricks,
/// they are turned off.
///
/// # Errors
///
/// Kernels do not run without the tricks either.
pub fn compare(home: &Home) -> Result<ExitCode> {
    block_on(compare_kernels(home, &home.settings()?))?;
    Ok(ExitCode::SUCCESS)
}

async fn compare_kernels(home: &Home, settings: &Settings) -> Result<()> {
    program::remove_if_exists(&home.plain())?;
    let mut reason = None;
    // On a busy machine some output may once arrive too late. That should not turn the tricks off.
    for _ in 0..2 {
        reason = difference_of_kernels(home, settings).await?;
        if reason.is_none() {
            return Ok(());
        }
    }
    if let Some(reason) = reason {
        println!("{reason}: kernels will run without what makes them quick");
        write_reason(&home.plain(), &reason)?;
    }
    Ok(())
}

async fn difference_of_kernels(home: &Home, settings: &Settings) -> Result<Option<String>> {
    let dependency = settings.dependency();
    let cells = [dependency.as_str(), CELLS[0], CELLS[1]];
    let plain = StartOptions {
        plain: true,
        ..StartOptions::default()
    };
    let (with, without) = tokio::join!(
        outputs(home, settings, StartOptions::default(), &cells),
        outputs(home, settings, plain, &cells),
    );
    let without = without.context("evcxr does not run without the tricks either")?;
    Ok(difference(with, &without))
}

fn difference(with: Result<Vec<String>>, without: &[String]) -> Option<String> {
    match with {
        Err(error) => Some(format!("a cell does not run: {error:#}")),
        Ok(with) if sorted_lines(&with) != sorted_lines(without) => {
            Some(format!("a cell answers {with:?} instead of {without:?}"))
        }
        Ok(_) => None,
    }
}

/// The lines of each text, sorted: evcxr sends output and results in any order.
fn sorted_lines(texts: &[String]) -> Vec<Vec<&str>> {
    let sorted = texts.iter().map(|text| {
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        lines
    });
    sorted.collect()
}

fn write_reason(path: &Path, reason: &str) -> Result<()> {
    fs::write(path, reason).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_output_or_none_turns_the_tricks_off() {
        let right = vec![String::new(), "kept\n[0, 2, 4]\n".to_owned()];
        assert_eq!(difference(Ok(right.clone()), &right), None);
        let reordered = vec![String::new(), "[0, 2, 4]\nkept\n".to_owned()];
        assert_eq!(difference(Ok(reordered), &right), None, "in another order");
        let wrong = difference(Ok(vec![String::new(), "kept\n".to_owned()]), &right);
        assert!(wrong.unwrap().contains("[0, 2, 4]"));
        let none = difference(Err(anyhow::anyhow!("can't find crate")), &right);
        assert_eq!(none.unwrap(), "a cell does not run: can't find crate");
    }

    #[test]
    fn markers_are_not_part_of_the_output() {
        let text = "\u{1}front begin 3\nkept\n\u{1}front end 3 ok\n[0]\n";
        assert_eq!(without_markers(text), "kept\n[0]\n");
    }
}

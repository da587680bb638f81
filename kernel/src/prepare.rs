//! Compiles what kernels start from, with a real kernel, and looks whether the tricks do no harm.

use std::fs;
use std::path::Path;
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use jupyter_zmq_client::ConnectionInfo;
use tokio::time;

use crate::front::{self, client::Client};
use crate::program;
use crate::settings::{Home, Settings};
use crate::start::{How, Kernel};
use crate::template::{self, State};

/// A cell that keeps variables, and one that reads them: both ways must answer alike.
const CELLS: [&str; 2] = [
    "let kept: Vec<_> = (0..3).map(|x| x * 2).collect(); let text = String::from(\"kept\");",
    "println!(\"{text}\"); kept",
];

const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Does what is missing.
///
/// # Errors
///
/// The crate does not compile, or the home cannot be written.
pub fn prepare(home: &Home) -> Result<ExitCode> {
    let settings = home.settings()?;
    if template::state(home, &settings)? == State::Fresh {
        return Ok(ExitCode::SUCCESS);
    }
    let building = template::begin(home, &settings, &|text| println!("{text}"))?;
    compile(home)?;
    template::finish(home, &settings, building)?;
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
    let how = How {
        directory: Some(home.building()),
        ..How::default()
    };
    // A cell that keeps a variable asks for its type.
    run(answers(home, &settings, how, &[&dependency, CELLS[0]]))?;
    Ok(ExitCode::SUCCESS)
}

fn run<T>(task: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let done = runtime.block_on(task);
    runtime.shutdown_background();
    done
}

/// What a kernel answers to cells.
async fn answers(
    home: &Home,
    settings: &Settings,
    mut how: How,
    cells: &[&str],
) -> Result<Vec<String>> {
    let folder = front::channel_folder()?;
    let (connection, file) = front::back_connection(folder.path())?;
    how.connection_file = file;
    let mut kernel = Kernel::start(home, settings, &how)?;
    tokio::select! {
        texts = run_cells(&connection, cells) => texts,
        status = ended(&mut kernel) => bail!("the kernel has ended by itself: {}", status?),
    }
}

async fn ended(kernel: &mut Kernel) -> Result<ExitStatus> {
    loop {
        if let Some(status) = kernel.has_ended()? {
            return Ok(status);
        }
        time::sleep(LOOK_EVERY).await;
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
        texts.push(without_marks(&outcome.text));
    }
    client.shutdown().await?;
    Ok(texts)
}

fn without_marks(text: &str) -> String {
    text.lines()
        .filter(|line| !line.contains(crate::source::MARK))
        .map(|line| format!("{line}\n"))
        .collect()
}

/// Runs the same cells with the tricks and without; where the answers differ, or the tricks do not
/// answer at all, they are turned off.
///
/// # Errors
///
/// Kernels do not run without the tricks either.
pub fn compare(home: &Home) -> Result<ExitCode> {
    run(compare_answers(home, &home.settings()?))?;
    Ok(ExitCode::SUCCESS)
}

async fn compare_answers(home: &Home, settings: &Settings) -> Result<()> {
    program::remove(&home.plain())?;
    let mut reason = None;
    // On a busy machine a word may come too late once, and kernels would be slow for ever.
    for _ in 0..2 {
        reason = difference_between_kernels(home, settings).await?;
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

async fn difference_between_kernels(home: &Home, settings: &Settings) -> Result<Option<String>> {
    let dependency = settings.dependency();
    let cells = [dependency.as_str(), CELLS[0], CELLS[1]];
    let plain = How {
        plain: true,
        ..How::default()
    };
    let (with, without) = tokio::join!(
        answers(home, settings, How::default(), &cells),
        answers(home, settings, plain, &cells),
    );
    let without = without.context("evcxr does not run without what stands before it either")?;
    Ok(difference(with, &without))
}

fn difference(with: Result<Vec<String>>, without: &[String]) -> Option<String> {
    match with {
        Err(error) => Some(format!("a cell does not run: {error:#}")),
        Ok(with) if lines(&with) != lines(without) => {
            Some(format!("a cell answers {with:?} instead of {without:?}"))
        }
        Ok(_) => None,
    }
}

/// In no order: evcxr hands words and results on by two ways.
fn lines(texts: &[String]) -> Vec<Vec<&str>> {
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
    fn another_answer_and_none_turn_the_tricks_off() {
        let right = vec![String::new(), "kept\n[0, 2, 4]\n".to_owned()];
        assert_eq!(difference(Ok(right.clone()), &right), None);
        let turned = vec![String::new(), "[0, 2, 4]\nkept\n".to_owned()];
        assert_eq!(difference(Ok(turned), &right), None, "by another way");
        let wrong = difference(Ok(vec![String::new(), "kept\n".to_owned()]), &right);
        assert!(wrong.unwrap().contains("[0, 2, 4]"));
        let none = difference(Err(anyhow::anyhow!("can't find crate")), &right);
        assert_eq!(none.unwrap(), "a cell does not run: can't find crate");
    }

    #[test]
    fn marks_are_no_answer() {
        let text = "\u{1}front begin 3\nkept\n\u{1}front end 3 ok\n[0]\n";
        assert_eq!(without_marks(text), "kept\n[0]\n");
    }
}

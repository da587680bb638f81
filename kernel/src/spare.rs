//! A kernel that is there already: started while nobody waits, and handed out once.
//!
//! The keeper runs beside JupyterLab. It has one process hold one kernel that is loaded and has
//! answered a cell, in the folder of the notebooks that were opened last. A launcher that wants it
//! connects to that process, is told where evcxr_jupyter listens, and stands before it as if it had
//! started it itself. As long as the launcher is connected the kernel lives, and no longer; the
//! process that holds it tells the launcher when the kernel has ended.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use jupyter_zmq_client::ConnectionInfo;
use serde::{Deserialize, Serialize};

use crate::front::{self, Back, Ended, client::Client};
use crate::launch::{Wait, start_behind};
use crate::settings::{Home, Settings};
use crate::spare_offers::Offer;
use crate::start::{self, Kernel};
use crate::template::State;
use crate::{content, stamp};

/// What a kernel takes when it has loaded libtorch and a data set. None is kept ready where less is
/// free than two take.
const KERNEL_BYTES: u64 = 450_000_000;

/// The reader's first cells want the processors themselves.
const BEFORE_THE_NEXT: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often in a row a kernel may end before anybody has taken it.
const FAILURES: usize = 3;

/// A cell after which the next one finds all it needs in memory.
const FIRST_CELL: &str = "println!(\"ready\");";

/// What a launcher is told.
#[derive(Serialize, Deserialize)]
struct HandedOut {
    connection: ConnectionInfo,
    directory: PathBuf,
    channel: PathBuf,
    process: Option<u32>,
}

/// What a kernel that waits must have in common with one that would be started now: the crate, the
/// compiler, the settings and the environment.
fn good_for(home: &Home, settings: &Settings) -> Result<String> {
    let environment: BTreeMap<_, _> = env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, _)| !differs_anyway(name))
        .collect();
    let template = crate::template::MADE_FROM;
    Ok(stamp::text(&format!(
        "{}\n{}\n{settings:?}\n{environment:?}\n{:?}",
        content::of(home, settings)?,
        fs::read_to_string(home.template().join(template)).unwrap_or_default(),
        fs::read_to_string(home.plain()).ok(),
    )))
}

/// What shells and Jupyter set for each process that they start.
fn differs_anyway(name: &str) -> bool {
    ["JPY_", "JUPYTER_", "CARGO_PKG_", "CARGO_MANIFEST_"]
        .iter()
        .any(|begin| name.starts_with(begin))
        || start::is_cargos_own(name)
        || ["_", "PWD", "OLDPWD", "SHLVL", "COLUMNS", "LINES", "TERM"].contains(&name)
}

/// The folder in which a kernel was wanted last, where there was none.
fn wanted(home: &Home) -> PathBuf {
    home.spares().join("wanted")
}

/// Takes the kernel that is ready for the current folder. None: there is none.
pub(crate) fn take(home: &Home, settings: &Settings) -> Option<(Back, Wait)> {
    if is_unwanted(settings) {
        return None;
    }
    let folder = env::current_dir().ok()?;
    let taken = try_take(home, settings, &folder);
    if taken.is_err() && home.spares().is_dir() {
        // The keeper, where there is one, looks there.
        let _ = stamp::replace_file(&wanted(home), folder.as_os_str().as_encoded_bytes());
    }
    taken.ok()
}

fn is_unwanted(settings: &Settings) -> bool {
    settings.variable("SPARE").is_some_and(|value| value == "0")
}

fn try_take(home: &Home, settings: &Settings, folder: &Path) -> Result<(Back, Wait)> {
    let offer = Offer::read(&Offer::path(home, folder)).context("no kernel is ready")?;
    let mut stream = UnixStream::connect(&offer.socket)?;
    writeln!(stream, "{}", good_for(home, settings)?)?;
    let mut answers = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    answers.read_line(&mut line)?;
    let handed_out: HandedOut =
        serde_json::from_str(&line).context("the kernel that was ready is not for us")?;
    let back = Back {
        connection: handed_out.connection,
        directory: handed_out.directory,
        channel: handed_out.channel,
        process: handed_out.process,
        notice: None,
    };
    let wait = move || {
        let mut last = String::new();
        let _ = answers.read_line(&mut last);
        drop(stream);
        Ended {
            code: last.trim().parse().unwrap_or(1),
        }
    };
    Ok((back, Box::new(wait)))
}

/// Holds one kernel: starts it, waits for the launcher that takes it, and for its end.
///
/// # Errors
///
/// The kernel does not start.
pub fn wait(home: &Home) -> Result<ExitCode> {
    let settings = home.settings()?;
    let good_for = good_for(home, &settings)?;
    let channel = front::channel_folder()?;
    let (mut kernel, back) = start_behind(home, &settings, channel.path())?;
    if kernel.state() != State::Fresh {
        bail!("what kernels start from is not as it should be");
    }
    let folder = env::current_dir()?;
    let path = Offer::path(home, &folder);
    end_with_keeper(channel.path(), &path);
    warm_up(&back.connection)?;
    let listener = UnixListener::bind(channel.path().join("spare"))?;
    let offer = Offer {
        socket: channel.path().join("spare"),
    };
    stamp::replace_file(&path, &serde_json::to_vec(&offer)?)?;
    let code = hand_out(listener, &path, &good_for, &back, &mut kernel);
    drop(kernel);
    drop(channel);
    code
}

fn warm_up(connection: &ConnectionInfo) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(async {
        let mut client = Client::connect(connection).await?;
        client.execute(FIRST_CELL).await
    });
    runtime.shutdown_background();
    let outcome = outcome?;
    if !outcome.ok {
        bail!("the kernel's first cell has failed");
    }
    Ok(())
}

/// Until somebody has taken the kernel, it ends with the keeper.
fn end_with_keeper(channel: &Path, offer: &Path) {
    let (channel, offer) = (channel.to_owned(), offer.to_owned());
    thread::spawn(move || {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        if !taken_mark(&channel).exists() {
            let _ = fs::remove_file(offer);
            // The guard ends the kernel, and clears up.
            process::exit(0);
        }
    });
}

fn taken_mark(channel: &Path) -> PathBuf {
    channel.join("taken")
}

fn hand_out(
    listener: UnixListener,
    offer: &Path,
    good_for: &str,
    back: &Back,
    kernel: &mut Kernel,
) -> Result<ExitCode> {
    let mut stream = loop {
        let (stream, _) = listener.accept()?;
        let mut asked = String::new();
        BufReader::new(stream.try_clone()?).read_line(&mut asked)?;
        // Who only looks whether somebody is there says nothing.
        if asked.trim() == good_for {
            break stream;
        }
        if !asked.is_empty() {
            let _ = fs::remove_file(offer);
            return Ok(ExitCode::SUCCESS);
        }
    };
    // Who has connected meanwhile is refused, and starts a kernel of its own.
    drop(listener);
    fs::write(taken_mark(&back.channel), "")?;
    let _ = fs::remove_file(offer);
    println!("taken");
    let told = HandedOut {
        connection: back.connection.clone(),
        directory: back.directory.clone(),
        channel: back.channel.clone(),
        process: back.process,
    };
    writeln!(stream, "{}", serde_json::to_string(&told)?)?;
    let launcher = ends(stream.try_clone()?);
    loop {
        if let Some(status) = kernel.has_ended()? {
            let code = status.code().unwrap_or(1);
            let _ = writeln!(stream, "{code}");
            return Ok(ExitCode::SUCCESS);
        }
        match launcher.recv_timeout(LOOK_EVERY) {
            Err(RecvTimeoutError::Timeout) => {}
            _ => return Ok(ExitCode::SUCCESS),
        }
    }
}

/// Tells when the other side of a connection has gone.
fn ends(mut stream: UnixStream) -> Receiver<()> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let _ = stream.read_to_end(&mut Vec::new());
        let _ = sender.send(());
    });
    receiver
}

/// Keeps a kernel ready, in the current folder first, until the process that has started this ends.
///
/// # Errors
///
/// The home cannot be written.
pub fn keep(home: &Home) -> Result<ExitCode> {
    start::end_with_parent();
    let settings = home.settings()?;
    if is_unwanted(&settings) || start::is_plain(home, &settings) {
        return Ok(ExitCode::SUCCESS);
    }
    fs::create_dir_all(home.spares())?;
    let _ = fs::remove_file(wanted(home));
    let top = env::current_dir()?;
    let mut folder = top.clone();
    let mut failures = 0;
    while failures < FAILURES {
        if !is_room_for_two() {
            thread::sleep(BEFORE_THE_NEXT);
            continue;
        }
        match hold_one(home, &mut folder)? {
            Held::Taken => {
                failures = 0;
                thread::sleep(BEFORE_THE_NEXT);
            }
            Held::WantedElsewhere => failures = 0,
            Held::Ended => failures += 1,
        }
    }
    bail!("kernels that were to be ready have ended {FAILURES} times")
}

/// How the time of a kernel that was ready has ended.
enum Held {
    Taken,
    WantedElsewhere,
    Ended,
}

fn hold_one(home: &Home, folder: &mut PathBuf) -> Result<Held> {
    let mut holder = Command::new(env::current_exe()?)
        .arg("--home")
        .arg(home.path())
        .arg("spare-kernel")
        .current_dir(&*folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    let taken = first_line(&mut holder)?;
    loop {
        match taken.recv_timeout(LOOK_EVERY) {
            Ok(true) => {
                // It goes on without us, and is waited for when it ends.
                thread::spawn(move || holder.wait());
                return Ok(Held::Taken);
            }
            Ok(false) | Err(RecvTimeoutError::Disconnected) => {
                holder.wait()?;
                return Ok(Held::Ended);
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Some(elsewhere) = wanted_elsewhere(home, folder) {
            *folder = elsewhere;
            drop(holder.stdin.take());
            holder.wait()?;
            return Ok(Held::WantedElsewhere);
        }
    }
}

/// Whether the holder says that its kernel is taken, when it says anything or ends.
fn first_line(holder: &mut Child) -> Result<Receiver<bool>> {
    let stdout = holder.stdout.take().context("the holder has no output")?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut line = String::new();
        let read = BufReader::new(stdout).read_line(&mut line);
        let _ = sender.send(read.is_ok() && line.trim() == "taken");
    });
    Ok(receiver)
}

fn wanted_elsewhere(home: &Home, folder: &Path) -> Option<PathBuf> {
    let path = wanted(home);
    let found = PathBuf::from(fs::read_to_string(&path).ok()?);
    let _ = fs::remove_file(path);
    (found != folder && found.is_dir()).then_some(found)
}

/// Linux says what is free; elsewhere a kernel is kept ready.
fn is_room_for_two() -> bool {
    let Ok(text) = fs::read_to_string("/proc/meminfo") else {
        return true;
    };
    available(&text).is_none_or(|bytes| bytes >= 2 * KERNEL_BYTES)
}

fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_memory_is_read() {
        let text = "MemTotal:       24576000 kB\nMemAvailable:    1000 kB\nCached: 5 kB\n";
        assert_eq!(available(text), Some(1_024_000));
        assert_eq!(available("MemTotal: 5 kB\n"), None);
    }

    #[test]
    fn what_each_process_is_told_does_not_count() {
        assert!(differs_anyway("JPY_SESSION_NAME"));
        assert!(differs_anyway("PWD"));
        assert!(!differs_anyway("PATH"));
        assert!(!differs_anyway("OMP_NUM_THREADS"));
    }
}

//! Downloads the missing files of a data set.

use std::fmt;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Proxy};

use super::source::{DataFile, Source, Split};
use crate::error::{Error, Result};
use crate::notebook::interrupt::stop_requested;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a mirror may send nothing.
const STALL_TIMEOUT: Duration = Duration::from_secs(20);

/// Bytes that are read at once.
const CHUNK_SIZE: usize = 1 << 16;

/// How far the download of a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DownloadProgress {
    /// The file's name.
    pub(crate) file: String,
    /// The mirror it comes from.
    pub(crate) mirror: String,
    /// The bytes received so far: 0 in the first report, `total` in the last.
    pub(crate) received: u64,
    /// The bytes of the whole file.
    pub(crate) total: u64,
}

impl fmt::Display for DownloadProgress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, total) = (&self.file, size_text(self.total));
        if self.received == 0 {
            return write!(
                formatter,
                "downloading {file} ({total}) from {}",
                self.mirror
            );
        }
        let percent = self.received * 100 / self.total.max(1);
        let received = size_text(self.received);
        write!(formatter, "{file}: {percent} %, {received} of {total}")
    }
}

/// The paths of the two files of a split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SplitPaths {
    pub(crate) images: PathBuf,
    pub(crate) labels: PathBuf,
}

/// Downloads the missing files of a split into the source's folder below `root`.
///
/// A file that exists, gzipped or not, is used without a check.
///
/// # Errors
/// [`Error::Download`] if no mirror has a file, [`Error::Io`] if it cannot be written,
/// [`Error::Interrupted`] at ■.
pub(crate) fn download_missing(
    source: &Source,
    root: &Path,
    split: Split,
    report: &mut dyn FnMut(&DownloadProgress),
) -> Result<SplitPaths> {
    let agent = || agent(STALL_TIMEOUT, Proxy::try_from_env());
    download_with(agent, source, root, split, report)
}

fn agent(stall: Duration, proxy: Option<Proxy>) -> Agent {
    // In schools and companies a proxy may decrypt the traffic, with a certificate that only the system knows.
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .build();
    Agent::config_builder()
        .timeout_resolve(Some(CONNECT_TIMEOUT))
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_per_read(Some(stall))
        .proxy(proxy)
        .tls_config(tls)
        .build()
        .into()
}

fn download_with(
    agent: impl FnOnce() -> Agent,
    source: &Source,
    root: &Path,
    split: Split,
    report: &mut dyn FnMut(&DownloadProgress),
) -> Result<SplitPaths> {
    let folder = &root.join(&source.folder);
    let files = source.files(split);
    let missing: Vec<&DataFile> = [&files.images, &files.labels]
        .into_iter()
        .filter(|file| !is_present(folder, file))
        .collect();
    if !missing.is_empty() {
        fs::create_dir_all(folder).map_err(Error::io("create the folder", folder))?;
        let mirrors = &source.mirrors;
        Downloader {
            agent: agent(),
            mirrors,
            folder,
            report,
        }
        .fetch_all(&missing)?;
    }
    Ok(SplitPaths {
        images: local_path(folder, &files.images),
        labels: local_path(folder, &files.labels),
    })
}

fn is_present(folder: &Path, file: &DataFile) -> bool {
    local_path(folder, file).is_file()
}

/// The path of the gzipped file, or of the file without `.gz` if only that exists.
fn local_path(folder: &Path, file: &DataFile) -> PathBuf {
    let gzipped = folder.join(&file.name);
    let plain = gzipped.with_extension("");
    if !gzipped.is_file() && plain.is_file() {
        plain
    } else {
        gzipped
    }
}

/// The result of a try to download a file from one mirror.
type Attempt<T> = std::result::Result<T, Failure>;

/// Why a try failed.
enum Failure {
    /// The mirror failed; another may work.
    Mirror(String),
    /// The disk of this machine failed, or ■ was pressed; another mirror would not help.
    Local(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Local(error)
    }
}

struct Downloader<'a> {
    agent: Agent,
    mirrors: &'a [String],
    folder: &'a Path,
    report: &'a mut dyn FnMut(&DownloadProgress),
}

impl Downloader<'_> {
    fn fetch_all(&mut self, files: &[&DataFile]) -> Result<()> {
        for (done, file) in files.iter().enumerate() {
            self.fetch(file, &files[done..])?;
        }
        Ok(())
    }

    fn fetch(&mut self, file: &DataFile, missing: &[&DataFile]) -> Result<()> {
        let mut reasons = Vec::new();
        for mirror in self.mirrors {
            match self.fetch_from(mirror, file) {
                Ok(()) => return Ok(()),
                Err(Failure::Mirror(reason)) => reasons.push(format!("{mirror}: {reason}")),
                Err(Failure::Local(error)) => return Err(error),
            }
        }
        Err(Error::Download {
            file: file.name.clone(),
            folder: self.folder.into(),
            missing: missing.iter().map(|file| file.name.clone()).collect(),
            reasons,
        })
    }

    fn fetch_from(&mut self, mirror: &str, file: &DataFile) -> Attempt<()> {
        let mut progress = DownloadProgress {
            file: file.name.clone(),
            mirror: mirror.into(),
            received: 0,
            total: file.bytes,
        };
        check_interrupted(&progress)?;
        let body = self.request(mirror, file)?;
        let mut temporary =
            temporary_file(self.folder, file).map_err(Error::io("write into", self.folder))?;
        self.receive(body, &mut temporary, &mut progress, file)?;
        let path = self.folder.join(&file.name);
        let synced = temporary.as_file().sync_all();
        synced.map_err(Error::io("write", &path))?;
        temporary
            .persist(&path)
            .map_err(|error| Error::io("write", &path)(error.error))?;
        Ok(())
    }

    fn request(&self, mirror: &str, file: &DataFile) -> Attempt<impl Read + use<>> {
        let url = format!("{}/{}", mirror.trim_end_matches('/'), file.name);
        let response = self
            .agent
            .get(&url)
            .call()
            .map_err(|error| Failure::Mirror(request_error(&error)))?;
        let body = response.into_body();
        match body.content_length() {
            Some(announced) if announced != file.bytes => Err(Failure::Mirror(format!(
                "it offers a file of {announced} bytes instead of {}",
                file.bytes
            ))),
            _ => Ok(body.into_reader()),
        }
    }

    fn receive(
        &mut self,
        body: impl Read,
        temporary: &mut NamedTempFile,
        progress: &mut DownloadProgress,
        file: &DataFile,
    ) -> Attempt<()> {
        (self.report)(progress);
        let sha256 = self.copy(body, temporary, progress)?;
        check_complete(progress.received, &sha256, file)?;
        (self.report)(progress);
        Ok(())
    }

    /// Copies the body and returns its SHA-256.
    fn copy(
        &mut self,
        mut body: impl Read,
        temporary: &mut NamedTempFile,
        progress: &mut DownloadProgress,
    ) -> Attempt<String> {
        let mut timer = ReportTimer {
            last_received: 0,
            last_report: Instant::now(),
        };
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; CHUNK_SIZE];
        loop {
            check_interrupted(progress)?;
            let chunk = read_chunk(&mut body, &mut buffer)?;
            if chunk.is_empty() {
                return Ok(format!("{:x}", hasher.finalize()));
            }
            progress.received += chunk.len() as u64;
            check_not_larger(progress.received, progress.total)?;
            hasher.update(chunk);
            temporary
                .write_all(chunk)
                .map_err(Error::io("write into", self.folder))?;
            if progress.received < progress.total && timer.is_due(progress, Instant::now()) {
                (self.report)(progress);
            }
        }
    }
}

fn read_chunk<'a>(body: &mut impl Read, buffer: &'a mut [u8]) -> Attempt<&'a [u8]> {
    let count = body
        .read(buffer)
        .map_err(|error| Failure::Mirror(read_error(&error)))?;
    Ok(&buffer[..count])
}

/// ■ ends the download. The temporary file is removed; files that are complete stay.
fn check_interrupted(progress: &DownloadProgress) -> Result<()> {
    if !stop_requested() {
        return Ok(());
    }
    let (received, total) = (size_text(progress.received), size_text(progress.total));
    Err(Error::Interrupted {
        work: "the download",
        done: format!("{received} of {total} of {}", progress.file),
        outcome: "files that are complete are kept",
    })
}

fn check_not_larger(received: u64, total: u64) -> Attempt<()> {
    if received > total {
        return Err(Failure::Mirror(format!(
            "it sends more than the {total} bytes of the file"
        )));
    }
    Ok(())
}

fn check_complete(received: u64, sha256: &str, file: &DataFile) -> Attempt<()> {
    if received < file.bytes {
        return Err(Failure::Mirror(format!(
            "the file ended after {received} of {} bytes",
            file.bytes
        )));
    }
    if sha256 != file.sha256 {
        return Err(Failure::Mirror(format!(
            "it sent another file: the SHA-256 is {sha256} instead of {}",
            file.sha256
        )));
    }
    Ok(())
}

/// In the same folder as the file, since a move is atomic only within a file system.
fn temporary_file(folder: &Path, file: &DataFile) -> io::Result<NamedTempFile> {
    let prefix = format!(".{}-", file.name);
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".part");
    // By default only the owner can read a temporary file. Data are for everybody.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

fn request_error(error: &ureq::Error) -> String {
    match error {
        ureq::Error::StatusCode(status) => format!("it answered with HTTP status {status}"),
        ureq::Error::Timeout(_) => "it did not answer in time".into(),
        _ => error.to_string(),
    }
}

fn read_error(error: &io::Error) -> String {
    let client_error = error.get_ref().and_then(|inner| inner.downcast_ref());
    match client_error {
        Some(ureq::Error::Timeout(_)) => "it stopped sending".into(),
        _ if error.kind() == io::ErrorKind::UnexpectedEof => {
            "it closed the connection too early".into()
        }
        _ => error.to_string(),
    }
}

/// Limits how often the download reports its progress: without the front each report is a line.
struct ReportTimer {
    last_received: u64,
    last_report: Instant,
}

impl ReportTimer {
    const MIN_INTERVAL: Duration = Duration::from_secs(1);
    const MAX_INTERVAL: Duration = Duration::from_secs(10);

    fn is_due(&mut self, progress: &DownloadProgress, now: Instant) -> bool {
        let elapsed = now.duration_since(self.last_report);
        let is_a_tenth = (progress.received - self.last_received) * 10 >= progress.total;
        let due = elapsed >= Self::MAX_INTERVAL || (is_a_tenth && elapsed >= Self::MIN_INTERVAL);
        if due {
            *self = ReportTimer {
                last_received: progress.received,
                last_report: now,
            };
        }
        due
    }
}

fn size_text(bytes: u64) -> String {
    if bytes < 1_000_000 {
        format!("{:.1} kB", bytes as f64 / 1e3)
    } else {
        format!("{:.1} MB", bytes as f64 / 1e6)
    }
}

#[cfg(test)]
mod tests;

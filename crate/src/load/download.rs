//! Fetching the files of a data set that are not there yet.

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
const STALL_TIMEOUT: Duration = Duration::from_secs(20);

const CHUNK: usize = 1 << 16;

/// How far the download of a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The file's name.
    pub file: String,
    /// The mirror it comes from.
    pub mirror: String,
    /// The bytes received so far: 0 in the first report, `total` in the last.
    pub received: u64,
    /// The bytes of the whole file.
    pub total: u64,
}

impl fmt::Display for Progress {
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

/// Where the two files of a split lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SplitPaths {
    pub(crate) images: PathBuf,
    pub(crate) labels: PathBuf,
}

/// Downloads what is missing of a split into the source's folder below `root`.
///
/// A file that is there, gzipped or not, is taken as it is.
///
/// # Errors
/// [`Error::Download`] if no mirror gives a file, [`Error::Io`] if it cannot be written,
/// [`Error::Interrupted`] at ■.
pub(crate) fn download_missing(
    source: &Source,
    root: &Path,
    split: Split,
    report: &mut dyn FnMut(&Progress),
) -> Result<SplitPaths> {
    let agent = || agent(STALL_TIMEOUT, Proxy::try_from_env());
    download_with(agent, source, root, split, report)
}

fn agent(stall: Duration, proxy: Option<Proxy>) -> Agent {
    // Schools and companies read along with a certificate that only the system knows.
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
    report: &mut dyn FnMut(&Progress),
) -> Result<SplitPaths> {
    let folder = &root.join(&source.folder);
    let files = source.files(split);
    let missing: Vec<&DataFile> = [&files.images, &files.labels]
        .into_iter()
        .filter(|file| !is_there(folder, file))
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
        images: location(folder, &files.images),
        labels: location(folder, &files.labels),
    })
}

fn is_there(folder: &Path, file: &DataFile) -> bool {
    location(folder, file).is_file()
}

/// The gzipped file, unless there is only one without `.gz`.
fn location(folder: &Path, file: &DataFile) -> PathBuf {
    let gzipped = folder.join(&file.name);
    let plain = gzipped.with_extension("");
    if !gzipped.is_file() && plain.is_file() {
        plain
    } else {
        gzipped
    }
}

/// What became of a try to get a file from one mirror.
type Attempt<T> = std::result::Result<T, Failure>;

/// Why a try failed.
enum Failure {
    /// The mirror's fault: another may do better.
    Mirror(String),
    /// No mirror's fault: this machine's disk, or ■.
    Here(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Here(error)
    }
}

struct Downloader<'a> {
    agent: Agent,
    mirrors: &'a [String],
    folder: &'a Path,
    report: &'a mut dyn FnMut(&Progress),
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
                Err(Failure::Here(error)) => return Err(error),
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
        let mut progress = Progress {
            file: file.name.clone(),
            mirror: mirror.into(),
            received: 0,
            total: file.bytes,
        };
        check_wanted(&progress)?;
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
            .map_err(|error| Failure::Mirror(reason(&error)))?;
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
        progress: &mut Progress,
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
        progress: &mut Progress,
    ) -> Attempt<String> {
        let mut pace = Pace {
            reported: 0,
            at: Instant::now(),
        };
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; CHUNK];
        loop {
            check_wanted(progress)?;
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
            if progress.received < progress.total && pace.is_due(progress, Instant::now()) {
                (self.report)(progress);
            }
        }
    }
}

fn read_chunk<'a>(body: &mut impl Read, buffer: &'a mut [u8]) -> Attempt<&'a [u8]> {
    let count = body
        .read(buffer)
        .map_err(|error| Failure::Mirror(io_reason(&error)))?;
    Ok(&buffer[..count])
}

/// ■ ends it. The temporary file goes with it; what is in place stays.
fn check_wanted(progress: &Progress) -> Result<()> {
    if !stop_requested() {
        return Ok(());
    }
    let (received, total) = (size_text(progress.received), size_text(progress.total));
    Err(Error::Interrupted {
        work: "the download",
        done: format!("{received} of {total} of {}", progress.file),
        left: "files that are whole are kept",
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

/// In the folder of the file itself, since only within a file system is a move atomic.
fn temporary_file(folder: &Path, file: &DataFile) -> io::Result<NamedTempFile> {
    let prefix = format!(".{}-", file.name);
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".part");
    // A temporary file is readable by its owner alone, data by everybody.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

fn reason(error: &ureq::Error) -> String {
    match error {
        ureq::Error::StatusCode(status) => format!("it answered with HTTP status {status}"),
        ureq::Error::Timeout(_) => "it did not answer in time".into(),
        _ => error.to_string(),
    }
}

fn io_reason(error: &io::Error) -> String {
    let of_client = error.get_ref().and_then(|inner| inner.downcast_ref());
    match of_client {
        Some(ureq::Error::Timeout(_)) => "it stopped sending".into(),
        _ if error.kind() == io::ErrorKind::UnexpectedEof => {
            "it closed the connection too early".into()
        }
        _ => error.to_string(),
    }
}

/// Keeps the reports apart: a cell can only print lines, and many of them tell no more.
struct Pace {
    reported: u64,
    at: Instant,
}

impl Pace {
    const SHORTEST: Duration = Duration::from_secs(1);
    const LONGEST: Duration = Duration::from_secs(10);

    fn is_due(&mut self, progress: &Progress, now: Instant) -> bool {
        let elapsed = now.duration_since(self.at);
        let a_tenth = (progress.received - self.reported) * 10 >= progress.total;
        let due = elapsed >= Self::LONGEST || (a_tenth && elapsed >= Self::SHORTEST);
        if due {
            *self = Pace {
                reported: progress.received,
                at: now,
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
mod tests {
    use std::io::{BufRead, BufReader};
    use std::net::{TcpListener, TcpStream};
    use std::sync::{Arc, Barrier, Mutex};
    use std::thread;

    use tempfile::TempDir;

    use super::*;
    use crate::load::source::SplitFiles;
    use crate::notebook::front::tests::Stage;

    const IMAGES: &str = "train-images.gz";
    const LABELS: &str = "train-labels.gz";

    /// Nothing listens on port 1.
    const REFUSES: &str = "http://127.0.0.1:1";

    const PATIENT: Duration = Duration::from_secs(60);

    fn content(name: &str) -> Vec<u8> {
        match name {
            IMAGES => (0..300_000_u32).map(|i| (i % 251) as u8).collect(),
            LABELS => b"labels".to_vec(),
            _ => Vec::new(),
        }
    }

    fn source(mirrors: &[&str]) -> Source {
        let file = |name: &str| DataFile {
            name: name.into(),
            bytes: content(name).len() as u64,
            sha256: format!("{:x}", Sha256::digest(content(name))),
        };
        let files = SplitFiles {
            images: file(IMAGES),
            labels: file(LABELS),
        };
        Source {
            name: "Test".into(),
            folder: "test-set".into(),
            classes: vec!["a".into()],
            mirrors: mirrors.iter().map(|&mirror| mirror.into()).collect(),
            train: files.clone(),
            test: files,
        }
    }

    /// A server that lets `answer` write to each connection, given the name of the file asked for.
    fn serve(answer: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let answer = Arc::new(answer);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, answer) = (stream.unwrap(), answer.clone());
                thread::spawn(move || {
                    let name = requested_name(&stream);
                    answer(&name, &mut stream);
                });
            }
        });
        address
    }

    fn requested_name(stream: &TcpStream) -> String {
        let lines: Vec<String> = BufReader::new(stream)
            .lines()
            .map(|line| line.unwrap())
            .take_while(|line| !line.is_empty())
            .collect();
        let url = lines[0].split(' ').nth(1).unwrap();
        url.strip_prefix('/').unwrap().to_owned()
    }

    // Writing fails once the client has turned away, as it should.
    fn send(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) {
        let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}\r\n");
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.write_all(body);
    }

    fn send_file(stream: &mut TcpStream, body: &[u8]) {
        send(
            stream,
            "200 OK",
            &format!("Content-Length: {}\r\n", body.len()),
            body,
        );
    }

    fn wait_for_the_client_to_leave(stream: &mut TcpStream) {
        let _ = stream.read(&mut [0]);
    }

    fn good_server() -> String {
        serve(|name, stream| send_file(stream, &content(name)))
    }

    fn download(
        source: &Source,
        root: &Path,
        stall: Duration,
    ) -> (Result<SplitPaths>, Vec<Progress>) {
        let mut reports = Vec::new();
        let mut report = |progress: &Progress| reports.push(progress.clone());
        let agent = || agent(stall, None);
        let paths = download_with(agent, source, root, Split::Train, &mut report);
        (paths, reports)
    }

    fn names_in(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn assert_complete(root: &TempDir, paths: Result<SplitPaths>) {
        let folder = root.path().join("test-set");
        let expected = SplitPaths {
            images: folder.join(IMAGES),
            labels: folder.join(LABELS),
        };
        assert_eq!(paths.unwrap(), expected);
        assert!(fs::read(&expected.images).unwrap() == content(IMAGES));
        assert!(fs::read(&expected.labels).unwrap() == content(LABELS));
        assert_eq!(names_in(&folder), [IMAGES, LABELS]);
    }

    /// The bad mirror must be given this reason, leave nothing behind, and not be in the way of
    /// a good one after it.
    fn assert_mirror_fails(mirror: &str, stall: Duration, expected: &str) {
        let root = tempfile::tempdir().unwrap();
        let (failed, _) = download(&source(&[mirror]), root.path(), stall);
        let text = failed.unwrap_err().to_string();
        let reason = text.split_once(&format!("\n{mirror}: ")).unwrap().1;
        assert_eq!(reason, expected);
        assert_eq!(names_in(&root.path().join("test-set")), [""; 0]);
    }

    fn assert_next_mirror_serves(mirror: &str) {
        let root = tempfile::tempdir().unwrap();
        let good = good_server();
        let (paths, reports) = download(&source(&[mirror, &good]), root.path(), PATIENT);
        assert_complete(&root, paths);
        assert_eq!(reports.last().unwrap().mirror, good);
    }

    fn assert_passed_over(mirror: &str, expected: &str) {
        assert_mirror_fails(mirror, PATIENT, expected);
        assert_next_mirror_serves(mirror);
    }

    #[test]
    fn both_files_are_downloaded_and_reported() {
        let root = tempfile::tempdir().unwrap();
        let good = good_server();
        let (paths, reports) = download(&source(&[&good]), root.path(), PATIENT);
        assert_complete(&root, paths);
        let progress = |file: &str, received, total| Progress {
            file: file.into(),
            mirror: good.clone(),
            received,
            total,
        };
        // How many reports stand between the first and the last depends on the time they take.
        let of_file = |name: &str| {
            let mut of_file = reports.iter().filter(|report| report.file == name);
            (
                of_file.next().unwrap().clone(),
                of_file.next_back().unwrap().clone(),
            )
        };
        let images = (
            progress(IMAGES, 0, 300_000),
            progress(IMAGES, 300_000, 300_000),
        );
        assert_eq!(of_file(IMAGES), images);
        assert_eq!(
            of_file(LABELS),
            (progress(LABELS, 0, 6), progress(LABELS, 6, 6))
        );
    }

    #[test]
    fn what_is_there_is_not_asked_for() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("test-set");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(IMAGES), "as it is").unwrap();
        fs::write(folder.join("train-labels"), "without .gz").unwrap();
        let (paths, reports) = download(&source(&[REFUSES]), root.path(), PATIENT);
        let labels = folder.join("train-labels");
        assert_eq!(
            paths.unwrap(),
            SplitPaths {
                images: folder.join(IMAGES),
                labels
            }
        );
        assert_eq!(reports, []);
        assert_eq!(fs::read(folder.join(IMAGES)).unwrap(), b"as it is");
    }

    #[test]
    fn of_a_split_only_the_missing_file_is_downloaded() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("test-set");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(IMAGES), "as it is").unwrap();
        let (paths, reports) = download(&source(&[&good_server()]), root.path(), PATIENT);
        assert_eq!(fs::read(paths.unwrap().labels).unwrap(), b"labels");
        assert!(
            reports.iter().all(|report| report.file == LABELS),
            "{reports:?}"
        );
        assert_eq!(fs::read(folder.join(IMAGES)).unwrap(), b"as it is");
    }

    #[test]
    fn committed_files_need_no_download() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data");
        for split in [Split::Train, Split::Test] {
            let source = super::super::source::fashion_mnist();
            let mut report = |progress: &Progress| panic!("{progress}");
            let paths = download_missing(&source, &root, split, &mut report).unwrap();
            let folder = root.join("fashion-mnist");
            let files = source.files(split);
            assert_eq!(paths.images, folder.join(&files.images.name));
            assert_eq!(paths.labels, folder.join(&files.labels.name));
        }
    }

    #[test]
    fn a_file_is_in_place_only_when_it_is_whole() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("test-set").join(IMAGES);
        let source = source(&[&good_server()]);
        let mut seen = Vec::new();
        let mut report = |progress: &Progress| {
            if progress.file == IMAGES {
                seen.push((progress.received, path.exists()));
            }
        };
        let agent = || agent(PATIENT, None);
        download_with(agent, &source, root.path(), Split::Train, &mut report).unwrap();
        assert_eq!(seen.first(), Some(&(0, false)));
        assert_eq!(seen.last(), Some(&(300_000, false)));
        assert!(path.exists());
    }

    #[test]
    fn what_a_killed_download_left_is_not_taken_for_data() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("test-set");
        fs::create_dir(&folder).unwrap();
        let left = temporary_file(&folder, &source(&[]).train.images).unwrap();
        fs::write(left.path(), "half a file").unwrap();
        let (_, left) = left.keep().unwrap();
        let (paths, _) = download(&source(&[&good_server()]), root.path(), PATIENT);
        assert!(fs::read(paths.unwrap().images).unwrap() == content(IMAGES));
        assert_eq!(fs::read(left).unwrap(), b"half a file");
    }

    #[cfg(unix)]
    #[test]
    fn data_are_readable_as_any_new_file_is() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let (paths, _) = download(&source(&[&good_server()]), root.path(), PATIENT);
        let ordinary = root.path().join("ordinary");
        fs::write(&ordinary, "").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&paths.unwrap().images), mode(&ordinary));
    }

    #[test]
    fn a_mirror_that_does_not_have_the_file_is_passed_over() {
        let mirror = serve(|_, stream| send(stream, "404 Not Found", "Content-Length: 0\r\n", b""));
        assert_passed_over(&mirror, "it answered with HTTP status 404");
    }

    #[test]
    fn a_mirror_with_another_file_is_passed_over() {
        let mirror = serve(|name, stream| {
            let mut wrong = content(name);
            wrong[0] ^= 1;
            send_file(stream, &wrong);
        });
        let mut wrong = content(IMAGES);
        wrong[0] ^= 1;
        let expected = format!(
            "it sent another file: the SHA-256 is {:x} instead of {:x}",
            Sha256::digest(&wrong),
            Sha256::digest(content(IMAGES)),
        );
        assert_passed_over(&mirror, &expected);
    }

    #[test]
    fn a_mirror_that_refuses_the_connection_is_passed_over() {
        let root = tempfile::tempdir().unwrap();
        let (failed, _) = download(&source(&[REFUSES]), root.path(), PATIENT);
        let text = failed.unwrap_err().to_string();
        assert!(
            text.contains(&format!("\n{REFUSES}: io: Connection refused")),
            "{text}"
        );
        assert_next_mirror_serves(REFUSES);
    }

    #[test]
    fn a_mirror_whose_address_is_wrong_is_passed_over() {
        assert_next_mirror_serves("no address at all");
    }

    #[test]
    fn a_mirror_whose_encryption_fails_is_passed_over() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mirror = format!("https://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let _ = stream.unwrap().write_all(b"no TLS record\r\n");
            }
        });
        assert_next_mirror_serves(&mirror);
    }

    #[test]
    fn a_mirror_that_announces_another_size_is_passed_over() {
        let mirror = serve(|_, stream| send_file(stream, b"<html>Log in first</html>"));
        assert_passed_over(&mirror, "it offers a file of 25 bytes instead of 300000");
    }

    #[test]
    fn a_body_shorter_than_announced_is_passed_over() {
        let mirror = serve(|name, stream| {
            let body = content(name);
            let announced = format!("Content-Length: {}\r\n", body.len());
            send(stream, "200 OK", &announced, &body[..body.len() / 2]);
        });
        assert_passed_over(&mirror, "it closed the connection too early");
    }

    #[test]
    fn a_body_that_ends_early_without_announced_length_is_passed_over() {
        let mirror = serve(|name, stream| {
            let body = content(name);
            send(stream, "200 OK", "", &body[..body.len() / 2]);
        });
        assert_passed_over(&mirror, "the file ended after 150000 of 300000 bytes");
    }

    #[test]
    fn an_endless_body_is_cut_off() {
        let mirror = serve(|_, stream| {
            send(stream, "200 OK", "", b"");
            while stream.write_all(&[0; 4096]).is_ok() {}
        });
        assert_passed_over(&mirror, "it sends more than the 300000 bytes of the file");
    }

    #[test]
    fn a_server_that_never_answers_is_left() {
        let mirror = serve(|_, stream| wait_for_the_client_to_leave(stream));
        assert_mirror_fails(
            &mirror,
            Duration::from_millis(50),
            "it did not answer in time",
        );
    }

    #[test]
    fn a_server_that_stops_in_the_middle_is_left() {
        let mirror = serve(|name, stream| {
            let body = content(name);
            send(
                stream,
                "200 OK",
                "Content-Length: 300000\r\n",
                &body[..body.len() / 2],
            );
            wait_for_the_client_to_leave(stream);
        });
        assert_mirror_fails(&mirror, Duration::from_secs(3), "it stopped sending");
    }

    #[test]
    fn a_redirect_is_followed() {
        let good = good_server();
        let mirror = serve(move |name, stream| {
            let location = format!("Location: {good}/{name}\r\nContent-Length: 0\r\n");
            send(stream, "302 Found", &location, b"");
        });
        let root = tempfile::tempdir().unwrap();
        let (paths, _) = download(&source(&[&mirror]), root.path(), PATIENT);
        assert_complete(&root, paths);
    }

    #[test]
    fn redirects_in_a_circle_are_left() {
        let mirror = serve(|name, stream| {
            let location = format!("Location: /{name}\r\nContent-Length: 0\r\n");
            send(stream, "302 Found", &location, b"");
        });
        assert_passed_over(&mirror, "too many redirects");
    }

    #[test]
    fn an_address_with_and_without_slash_at_its_end_is_the_same() {
        let root = tempfile::tempdir().unwrap();
        let paths_asked_for = Arc::new(Mutex::new(Vec::new()));
        let seen = paths_asked_for.clone();
        let mirror = serve(move |name, stream| {
            seen.lock().unwrap().push(name.to_owned());
            send_file(stream, &content(name));
        });
        let (paths, _) = download(&source(&[&format!("{mirror}/")]), root.path(), PATIENT);
        assert_complete(&root, paths);
        assert_eq!(*paths_asked_for.lock().unwrap(), [IMAGES, LABELS]);
    }

    #[test]
    fn if_all_mirrors_fail_each_is_listed_with_its_reason() {
        let absent = serve(|_, stream| send(stream, "404 Not Found", "Content-Length: 0\r\n", b""));
        let forbidden =
            serve(|_, stream| send(stream, "403 Forbidden", "Content-Length: 0\r\n", b""));
        let root = tempfile::tempdir().unwrap();
        let (failed, reports) = download(&source(&[&absent, &forbidden]), root.path(), PATIENT);
        let folder = root.path().join("test-set");
        assert_eq!(
            failed.unwrap_err().to_string(),
            format!(
                "cannot download train-images.gz: check the network and run this again, or put \
                 train-images.gz and train-labels.gz into {} by hand\n\
                 {absent}: it answered with HTTP status 404\n\
                 {forbidden}: it answered with HTTP status 403",
                folder.display()
            )
        );
        assert_eq!(reports, []);
    }

    #[test]
    fn what_has_arrived_stays_when_the_next_file_fails() {
        let mirror = serve(|name, stream| match name {
            IMAGES => send_file(stream, &content(name)),
            _ => send(stream, "404 Not Found", "Content-Length: 0\r\n", b""),
        });
        let root = tempfile::tempdir().unwrap();
        let (failed, _) = download(&source(&[&mirror]), root.path(), PATIENT);
        let text = failed.unwrap_err().to_string();
        assert!(text.contains("or put train-labels.gz into "), "{text}");
        assert_eq!(names_in(&root.path().join("test-set")), [IMAGES]);
    }

    #[test]
    fn without_mirrors_the_message_still_says_what_to_do() {
        let root = tempfile::tempdir().unwrap();
        let (failed, _) = download(&source(&[]), root.path(), PATIENT);
        let text = failed.unwrap_err().to_string();
        assert!(
            text.contains("put train-images.gz and train-labels.gz into "),
            "{text}"
        );
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("test-set");
        fs::write(&folder, "a file in its place").unwrap();
        let (failed, _) = download(&source(&[&good_server()]), root.path(), PATIENT);
        let error = failed.unwrap_err();
        assert!(
            matches!(&error, Error::Io { action: "create the folder", path, .. } if *path == folder),
            "{error}"
        );
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named_and_no_other_mirror_tried() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("test-set").join(IMAGES);
        fs::create_dir_all(path.join("a folder in its place")).unwrap();
        let asked = Arc::new(Mutex::new(0));
        let count = asked.clone();
        let mirror = serve(move |name, stream| {
            *count.lock().unwrap() += 1;
            send_file(stream, &content(name));
        });
        let (failed, _) = download(&source(&[&mirror, &mirror]), root.path(), PATIENT);
        let error = failed.unwrap_err();
        assert!(
            matches!(&error, Error::Io { action: "write", path: p, .. } if *p == path),
            "{error}"
        );
        assert_eq!(*asked.lock().unwrap(), 1);
    }

    #[test]
    fn two_downloads_at_once_both_end_well() {
        let both_asked = Barrier::new(2);
        let mirror = serve(move |name, stream| {
            if name == IMAGES {
                both_asked.wait();
            }
            send_file(stream, &content(name));
        });
        let root = tempfile::tempdir().unwrap();
        let source = source(&[&mirror]);
        let (first, second) = thread::scope(|scope| {
            let other = scope.spawn(|| download(&source, root.path(), PATIENT).0);
            (
                download(&source, root.path(), PATIENT).0,
                other.join().unwrap(),
            )
        });
        assert_complete(&root, first);
        assert_complete(&root, second);
    }

    #[test]
    fn reports_are_at_least_a_second_and_a_tenth_or_ten_seconds_apart() {
        let start = Instant::now();
        let mut pace = Pace {
            reported: 0,
            at: start,
        };
        let mut due = |received, seconds| {
            let progress = Progress {
                file: "f".into(),
                mirror: "m".into(),
                received,
                total: 1000,
            };
            pace.is_due(&progress, start + Duration::from_secs_f64(seconds))
        };
        assert!(!due(500, 0.9), "too early");
        assert!(!due(99, 9.9), "too little");
        assert!(due(100, 1.0));
        assert!(!due(199, 3.0), "too little since the last report");
        assert!(due(101, 11.0), "slow, but alive");
    }

    #[test]
    fn progress_is_shown_in_one_line() {
        let mut progress = Progress {
            file: "train.gz".into(),
            mirror: "http://mirror".into(),
            received: 0,
            total: 26_421_880,
        };
        assert_eq!(
            progress.to_string(),
            "downloading train.gz (26.4 MB) from http://mirror"
        );
        progress.received = 13_210_940;
        assert_eq!(progress.to_string(), "train.gz: 50 %, 13.2 MB of 26.4 MB");
        progress = Progress {
            received: 512,
            total: 5_148,
            ..progress
        };
        assert_eq!(progress.to_string(), "train.gz: 9 %, 0.5 kB of 5.1 kB");
    }

    #[test]
    fn an_interrupt_ends_it_and_leaves_no_half_file() {
        let (root, stage) = (tempfile::tempdir().unwrap(), Stage::deserted());
        let source = source(&[&good_server(), &good_server()]);
        let mut report = |_: &Progress| stage.interrupt();
        let agent = || agent(PATIENT, None);
        let result =
            stage.cell(|| download_with(agent, &source, root.path(), Split::Train, &mut report));
        assert_eq!(
            result.unwrap_err().to_string(),
            "the download was stopped after 0.0 kB of 300.0 kB of train-images.gz; \
             files that are whole are kept"
        );
        assert_eq!(names_in(&root.path().join("test-set")), [""; 0]);
    }
}

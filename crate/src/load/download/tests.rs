use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use tempfile::TempDir;

use super::*;
use crate::load::source::SplitFiles;
use crate::notebook::front::tests::FakeFront;

const IMAGES: &str = "train-images.gz";
const LABELS: &str = "train-labels.gz";

/// Nothing listens on port 1.
const REFUSING_MIRROR: &str = "http://127.0.0.1:1";

const LONG_TIMEOUT: Duration = Duration::from_secs(60);

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

/// A server. `answer` gets the name of the requested file and writes to the connection.
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

// Writing fails once the client has closed the connection; that is expected.
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

fn wait_until_the_client_disconnects(stream: &mut TcpStream) {
    let _ = stream.read(&mut [0]);
}

fn good_server() -> String {
    serve(|name, stream| send_file(stream, &content(name)))
}

fn download(
    source: &Source,
    root: &Path,
    stall: Duration,
) -> (Result<SplitPaths>, Vec<DownloadProgress>) {
    let mut reports = Vec::new();
    let mut report = |progress: &DownloadProgress| reports.push(progress.clone());
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

/// The download must fail with this reason and leave no file.
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
    let (paths, reports) = download(&source(&[mirror, &good]), root.path(), LONG_TIMEOUT);
    assert_complete(&root, paths);
    assert_eq!(reports.last().unwrap().mirror, good);
}

fn assert_skipped(mirror: &str, expected: &str) {
    assert_mirror_fails(mirror, LONG_TIMEOUT, expected);
    assert_next_mirror_serves(mirror);
}

#[test]
fn both_files_are_downloaded_and_reported() {
    let root = tempfile::tempdir().unwrap();
    let good = good_server();
    let (paths, reports) = download(&source(&[&good]), root.path(), LONG_TIMEOUT);
    assert_complete(&root, paths);
    let progress = |file: &str, received, total| DownloadProgress {
        file: file.into(),
        mirror: good.clone(),
        received,
        total,
    };
    // The number of reports between the first and the last depends on the time they take.
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
fn existing_files_are_not_downloaded() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("test-set");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join(IMAGES), "as it is").unwrap();
    fs::write(folder.join("train-labels"), "without .gz").unwrap();
    let (paths, reports) = download(&source(&[REFUSING_MIRROR]), root.path(), LONG_TIMEOUT);
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
fn only_the_missing_file_of_a_split_is_downloaded() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("test-set");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join(IMAGES), "as it is").unwrap();
    let (paths, reports) = download(&source(&[&good_server()]), root.path(), LONG_TIMEOUT);
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
        let mut report = |progress: &DownloadProgress| panic!("{progress}");
        let paths = download_missing(&source, &root, split, &mut report).unwrap();
        let folder = root.join("fashion-mnist");
        let files = source.files(split);
        assert_eq!(paths.images, folder.join(&files.images.name));
        assert_eq!(paths.labels, folder.join(&files.labels.name));
    }
}

#[test]
fn a_file_appears_only_when_it_is_complete() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("test-set").join(IMAGES);
    let source = source(&[&good_server()]);
    let mut seen = Vec::new();
    let mut report = |progress: &DownloadProgress| {
        if progress.file == IMAGES {
            seen.push((progress.received, path.exists()));
        }
    };
    let agent = || agent(LONG_TIMEOUT, None);
    download_with(agent, &source, root.path(), Split::Train, &mut report).unwrap();
    assert_eq!(seen.first(), Some(&(0, false)));
    assert_eq!(seen.last(), Some(&(300_000, false)));
    assert!(path.exists());
}

#[test]
fn the_temporary_file_of_a_killed_download_is_not_used() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("test-set");
    fs::create_dir(&folder).unwrap();
    let left = temporary_file(&folder, &source(&[]).train.images).unwrap();
    fs::write(left.path(), "half a file").unwrap();
    let (_, left) = left.keep().unwrap();
    let (paths, _) = download(&source(&[&good_server()]), root.path(), LONG_TIMEOUT);
    assert!(fs::read(paths.unwrap().images).unwrap() == content(IMAGES));
    assert_eq!(fs::read(left).unwrap(), b"half a file");
}

#[cfg(unix)]
#[test]
fn data_have_the_permissions_of_any_new_file() {
    use std::os::unix::fs::PermissionsExt;
    let root = tempfile::tempdir().unwrap();
    let (paths, _) = download(&source(&[&good_server()]), root.path(), LONG_TIMEOUT);
    let ordinary = root.path().join("ordinary");
    fs::write(&ordinary, "").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&paths.unwrap().images), mode(&ordinary));
}

#[test]
fn a_mirror_that_does_not_have_the_file_is_skipped() {
    let mirror = serve(|_, stream| send(stream, "404 Not Found", "Content-Length: 0\r\n", b""));
    assert_skipped(&mirror, "it answered with HTTP status 404");
}

#[test]
fn a_mirror_with_another_file_is_skipped() {
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
    assert_skipped(&mirror, &expected);
}

#[test]
fn a_mirror_that_refuses_the_connection_is_skipped() {
    let root = tempfile::tempdir().unwrap();
    let (failed, _) = download(&source(&[REFUSING_MIRROR]), root.path(), LONG_TIMEOUT);
    let text = failed.unwrap_err().to_string();
    assert!(
        text.contains(&format!("\n{REFUSING_MIRROR}: io: Connection refused")),
        "{text}"
    );
    assert_next_mirror_serves(REFUSING_MIRROR);
}

#[test]
fn a_mirror_whose_address_is_wrong_is_skipped() {
    assert_next_mirror_serves("no address at all");
}

#[test]
fn a_mirror_whose_encryption_fails_is_skipped() {
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
fn a_mirror_that_announces_another_size_is_skipped() {
    let mirror = serve(|_, stream| send_file(stream, b"<html>Log in first</html>"));
    assert_skipped(&mirror, "it offers a file of 25 bytes instead of 300000");
}

#[test]
fn a_body_shorter_than_announced_is_skipped() {
    let mirror = serve(|name, stream| {
        let body = content(name);
        let announced = format!("Content-Length: {}\r\n", body.len());
        send(stream, "200 OK", &announced, &body[..body.len() / 2]);
    });
    assert_skipped(&mirror, "it closed the connection too early");
}

#[test]
fn a_body_that_ends_early_without_announced_length_is_skipped() {
    let mirror = serve(|name, stream| {
        let body = content(name);
        send(stream, "200 OK", "", &body[..body.len() / 2]);
    });
    assert_skipped(&mirror, "the file ended after 150000 of 300000 bytes");
}

#[test]
fn an_endless_body_is_cut_off() {
    let mirror = serve(|_, stream| {
        send(stream, "200 OK", "", b"");
        while stream.write_all(&[0; 4096]).is_ok() {}
    });
    assert_skipped(&mirror, "it sends more than the 300000 bytes of the file");
}

#[test]
fn a_server_that_never_answers_is_skipped() {
    let mirror = serve(|_, stream| wait_until_the_client_disconnects(stream));
    assert_mirror_fails(
        &mirror,
        Duration::from_millis(50),
        "it did not answer in time",
    );
}

#[test]
fn a_server_that_stops_in_the_middle_is_skipped() {
    let mirror = serve(|name, stream| {
        let body = content(name);
        send(
            stream,
            "200 OK",
            "Content-Length: 300000\r\n",
            &body[..body.len() / 2],
        );
        wait_until_the_client_disconnects(stream);
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
    let (paths, _) = download(&source(&[&mirror]), root.path(), LONG_TIMEOUT);
    assert_complete(&root, paths);
}

#[test]
fn circular_redirects_are_skipped() {
    let mirror = serve(|name, stream| {
        let location = format!("Location: /{name}\r\nContent-Length: 0\r\n");
        send(stream, "302 Found", &location, b"");
    });
    assert_skipped(&mirror, "too many redirects");
}

#[test]
fn a_slash_at_the_end_of_an_address_makes_no_difference() {
    let root = tempfile::tempdir().unwrap();
    let paths_asked_for = Arc::new(Mutex::new(Vec::new()));
    let seen = paths_asked_for.clone();
    let mirror = serve(move |name, stream| {
        seen.lock().unwrap().push(name.to_owned());
        send_file(stream, &content(name));
    });
    let (paths, _) = download(&source(&[&format!("{mirror}/")]), root.path(), LONG_TIMEOUT);
    assert_complete(&root, paths);
    assert_eq!(*paths_asked_for.lock().unwrap(), [IMAGES, LABELS]);
}

#[test]
fn if_all_mirrors_fail_each_is_listed_with_its_reason() {
    let absent = serve(|_, stream| send(stream, "404 Not Found", "Content-Length: 0\r\n", b""));
    let forbidden = serve(|_, stream| send(stream, "403 Forbidden", "Content-Length: 0\r\n", b""));
    let root = tempfile::tempdir().unwrap();
    let (failed, reports) = download(&source(&[&absent, &forbidden]), root.path(), LONG_TIMEOUT);
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
fn a_downloaded_file_stays_when_the_next_one_fails() {
    let mirror = serve(|name, stream| match name {
        IMAGES => send_file(stream, &content(name)),
        _ => send(stream, "404 Not Found", "Content-Length: 0\r\n", b""),
    });
    let root = tempfile::tempdir().unwrap();
    let (failed, _) = download(&source(&[&mirror]), root.path(), LONG_TIMEOUT);
    let text = failed.unwrap_err().to_string();
    assert!(text.contains("or put train-labels.gz into "), "{text}");
    assert_eq!(names_in(&root.path().join("test-set")), [IMAGES]);
}

#[test]
fn without_mirrors_the_message_still_says_what_to_do() {
    let root = tempfile::tempdir().unwrap();
    let (failed, _) = download(&source(&[]), root.path(), LONG_TIMEOUT);
    let text = failed.unwrap_err().to_string();
    assert!(
        text.contains("put train-images.gz and train-labels.gz into "),
        "{text}"
    );
}

#[test]
fn a_folder_that_cannot_be_created_is_named() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("test-set");
    fs::write(&folder, "a file in its place").unwrap();
    let (failed, _) = download(&source(&[&good_server()]), root.path(), LONG_TIMEOUT);
    let error = failed.unwrap_err();
    assert!(
        matches!(&error, Error::Io { action: "create the folder", path, .. } if *path == folder),
        "{error}"
    );
}

#[test]
fn a_path_that_cannot_be_written_is_named_and_no_other_mirror_is_tried() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("test-set").join(IMAGES);
    fs::create_dir_all(path.join("a folder in its place")).unwrap();
    let asked = Arc::new(Mutex::new(0));
    let count = asked.clone();
    let mirror = serve(move |name, stream| {
        *count.lock().unwrap() += 1;
        send_file(stream, &content(name));
    });
    let (failed, _) = download(&source(&[&mirror, &mirror]), root.path(), LONG_TIMEOUT);
    let error = failed.unwrap_err();
    assert!(
        matches!(&error, Error::Io { action: "write", path: p, .. } if *p == path),
        "{error}"
    );
    assert_eq!(*asked.lock().unwrap(), 1);
}

#[test]
fn two_downloads_at_once_both_succeed() {
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
        let other = scope.spawn(|| download(&source, root.path(), LONG_TIMEOUT).0);
        (
            download(&source, root.path(), LONG_TIMEOUT).0,
            other.join().unwrap(),
        )
    });
    assert_complete(&root, first);
    assert_complete(&root, second);
}

#[test]
fn reports_are_at_least_a_second_and_a_tenth_or_ten_seconds_apart() {
    let start = Instant::now();
    let mut timer = ReportTimer {
        last_received: 0,
        last_report: start,
    };
    let mut due = |received, seconds| {
        let progress = DownloadProgress {
            file: "f".into(),
            mirror: "m".into(),
            received,
            total: 1000,
        };
        timer.is_due(&progress, start + Duration::from_secs_f64(seconds))
    };
    assert!(!due(500, 0.9), "too early");
    assert!(!due(99, 9.9), "too little");
    assert!(due(100, 1.0));
    assert!(!due(199, 3.0), "too little since the last report");
    assert!(due(101, 11.0), "slow, but not stalled");
}

#[test]
fn progress_is_one_line_of_text() {
    let mut progress = DownloadProgress {
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
    progress = DownloadProgress {
        received: 512,
        total: 5_148,
        ..progress
    };
    assert_eq!(progress.to_string(), "train.gz: 9 %, 0.5 kB of 5.1 kB");
}

#[test]
fn an_interrupt_ends_the_download_and_leaves_no_partial_file() {
    let (root, front) = (tempfile::tempdir().unwrap(), FakeFront::without_socket());
    let source = source(&[&good_server(), &good_server()]);
    let mut report = |_: &DownloadProgress| front.interrupt();
    let agent = || agent(LONG_TIMEOUT, None);
    let result =
        front.cell(|| download_with(agent, &source, root.path(), Split::Train, &mut report));
    assert_eq!(
        result.unwrap_err().to_string(),
        "the download was stopped after 0.0 kB of 300.0 kB of train-images.gz; \
         files that are complete are kept"
    );
    assert_eq!(names_in(&root.path().join("test-set")), [""; 0]);
}

//! The board of a hub: it shows the host of a workshop which exercises are solved, for participants who
//! have agreed.
//!
//! `hub/board.py` receives the messages. Without a hub, nothing is sent and nothing is stored.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde_json::json;
use ureq::Agent;

use crate::error::{Error, Result};
use crate::notebook::front;

/// The environment variable with the address of the board, on the same machine. A hub sets it.
const BOARD: &str = "GASSHUKU_BOARD";

/// The environment variable with the token by which JupyterHub knows the user of a kernel.
const TOKEN: &str = "JUPYTERHUB_API_TOKEN";

/// Requests run in threads. Without a limit they could pile up.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Whether the board of the hub may show which exercises you have tried and solved.
///
/// Your answer holds for all your notebooks until you change it. `false` also removes your results from the
/// board. Only the name of an exercise and whether it is solved are sent, never your code. Without a hub this
/// does nothing.
///
/// # Errors
/// [`Error::Io`] if your answer cannot be written into your home folder.
pub fn share_progress(is_allowed: bool) -> Result<()> {
    let Some(board) = Board::current() else {
        return Ok(());
    };
    let answer = board.answer_file();
    let store = || -> io::Result<()> {
        fs::create_dir_all(answer.parent().unwrap_or(Path::new(".")))?;
        fs::write(&answer, if is_allowed { YES } else { "no" })
    };
    store().map_err(|source| Error::Io {
        action: "write",
        path: answer.clone(),
        source,
    })?;
    if !is_allowed {
        board.send(None);
    }
    Ok(())
}

/// Sends the result of a check to the board. Returns at once.
pub(crate) fn send_result(exercise: &str, is_solved: bool) {
    // Tests and programs that use this crate send nothing.
    if !front::in_a_cell() {
        return;
    }
    if let Some(board) = Board::current().filter(Board::is_allowed) {
        board.send(Some((exercise, is_solved)));
    }
}

const YES: &str = "yes";

/// The board, with the address and the token of one participant.
struct Board {
    address: String,
    token: String,
    home: PathBuf,
}

impl Board {
    fn current() -> Option<Board> {
        Some(Board {
            address: env::var(BOARD).ok()?,
            token: env::var(TOKEN).ok()?,
            home: PathBuf::from(env::var_os("HOME")?),
        })
    }

    /// The file with the participant's answer.
    fn answer_file(&self) -> PathBuf {
        self.home.join(".local/state/gasshuku/share-progress")
    }

    /// Nothing is sent before the participant has agreed.
    fn is_allowed(&self) -> bool {
        fs::read_to_string(self.answer_file()).is_ok_and(|answer| answer == YES)
    }

    /// Sends a result, or with `None` removes all results. Errors are ignored: they do not concern the notebook.
    fn send(&self, result: Option<(&str, bool)>) -> thread::JoinHandle<()> {
        let agent: Agent = Agent::config_builder()
            .timeout_global(Some(REQUEST_TIMEOUT))
            .proxy(None)
            .build()
            .into();
        let (address, token) = (self.address.clone(), format!("token {}", self.token));
        let body = result.map(|(exercise, is_solved)| {
            json!({ "exercise": exercise, "solved": is_solved }).to_string()
        });
        thread::spawn(move || {
            let _ = match body {
                Some(body) => agent
                    .post(&address)
                    .header("Authorization", token)
                    .send(body),
                None => agent.delete(&address).header("Authorization", token).call(),
            };
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;

    use super::*;

    /// Receives one request. Returns its first line, token and body.
    fn listen() -> (String, thread::JoinHandle<(String, String, String)>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/checks", listener.local_addr().unwrap());
        let request = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap());
            let (mut first, mut token, mut length) = (String::new(), String::new(), 0);
            lines.read_line(&mut first).unwrap();
            loop {
                let mut line = String::new();
                lines.read_line(&mut line).unwrap();
                let Some((name, value)) = line.trim().split_once(": ") else {
                    break;
                };
                match name.to_lowercase().as_str() {
                    "authorization" => token = value.to_string(),
                    "content-length" => length = value.parse().unwrap(),
                    _ => {}
                }
            }
            let mut body = vec![0; length];
            lines.read_exact(&mut body).unwrap();
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
            (
                first.trim().to_string(),
                token,
                String::from_utf8(body).unwrap(),
            )
        });
        (address, request)
    }

    fn board(address: String, home: &Path) -> Board {
        Board {
            address,
            token: "secret".into(),
            home: home.into(),
        }
    }

    #[test]
    fn only_the_name_and_the_result_of_a_check_are_sent() {
        let (address, request) = listen();
        let home = tempfile::tempdir().unwrap();
        board(address, home.path()).send(Some(("lenet", true)));
        let (first, token, body) = request.join().unwrap();
        assert_eq!(first, "POST /checks HTTP/1.1");
        assert_eq!(token, "token secret");
        assert_eq!(body, r#"{"exercise":"lenet","solved":true}"#);
    }

    #[test]
    fn results_are_deleted_when_a_participant_stops_sharing() {
        let (address, request) = listen();
        let home = tempfile::tempdir().unwrap();
        board(address, home.path()).send(None);
        assert_eq!(request.join().unwrap().0, "DELETE /checks HTTP/1.1");
    }

    #[test]
    fn only_yes_allows_sending() {
        let home = tempfile::tempdir().unwrap();
        let board = board("http://127.0.0.1:1/".into(), home.path());
        assert!(!board.is_allowed());
        fs::create_dir_all(board.answer_file().parent().unwrap()).unwrap();
        for (answer, wanted) in [("no", false), ("", false), ("yes", true)] {
            fs::write(board.answer_file(), answer).unwrap();
            assert_eq!(board.is_allowed(), wanted, "{answer}");
        }
    }

    #[test]
    fn a_board_that_does_not_answer_is_ignored() {
        let home = tempfile::tempdir().unwrap();
        let sent = board("http://127.0.0.1:1/".into(), home.path()).send(Some(("lenet", false)));
        sent.join().unwrap();
    }

    #[test]
    fn nothing_is_stored_without_a_hub() {
        // The environment of the tests has no board.
        assert!(Board::current().is_none());
        share_progress(true).unwrap();
    }
}

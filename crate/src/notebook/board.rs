//! The board of a hub: who holds a workshop sees which exercises are solved, of those who have said yes.
//!
//! `hub/board.py` receives it. Without a hub, nothing is sent and nothing is kept.

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

/// Set by a hub to the address of its board, on the same machine.
const BOARD: &str = "GASSHUKU_BOARD";

/// By which JupyterHub knows whose server a kernel belongs to.
const TOKEN: &str = "JUPYTERHUB_API_TOKEN";

/// Nobody waits for the board, but its threads should not gather.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether the board of the hub may show which exercises you have tried and solved.
///
/// The answer holds for all your notebooks, until you give another one; `false` also removes what is on the board.
/// Sent are the exercise's name and whether it is solved, never what you have written. Without a hub this does nothing.
///
/// # Errors
/// If your answer cannot be kept: there is no home folder, or it cannot be written.
pub fn share_progress(wanted: bool) -> Result<()> {
    let Some(board) = Board::current() else {
        return Ok(());
    };
    let answer = board.answer();
    let keep = || -> io::Result<()> {
        fs::create_dir_all(answer.parent().unwrap_or(Path::new(".")))?;
        fs::write(&answer, if wanted { YES } else { "no" })
    };
    keep().map_err(|source| Error::Io {
        action: "write",
        path: answer.clone(),
        source,
    })?;
    if !wanted {
        board.send(None);
    }
    Ok(())
}

/// What a check has found, for the board. Returns at once.
pub(crate) fn tell(exercise: &str, is_solved: bool) {
    // Not what runs in somebody's tests or programs.
    if !front::in_a_cell() {
        return;
    }
    if let Some(board) = Board::current().filter(Board::is_wanted) {
        board.send(Some((exercise, is_solved)));
    }
}

const YES: &str = "yes";

/// The board, as one participant reaches it.
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

    /// The file of the participant's answer.
    fn answer(&self) -> PathBuf {
        self.home.join(".local/state/gasshuku/share-progress")
    }

    /// Who has not been asked has not said yes.
    fn is_wanted(&self) -> bool {
        fs::read_to_string(self.answer()).is_ok_and(|answer| answer == YES)
    }

    /// A check, or that there are to be none. A board that does not answer is nobody's concern in a notebook.
    fn send(&self, check: Option<(&str, bool)>) -> thread::JoinHandle<()> {
        let agent: Agent = Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .proxy(None)
            .build()
            .into();
        let (address, token) = (self.address.clone(), format!("token {}", self.token));
        let body = check.map(|(exercise, is_solved)| {
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

    /// The first line, the token and the body of the one request that it gets.
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
    fn a_check_is_told_with_its_name_and_nothing_else() {
        let (address, request) = listen();
        let home = tempfile::tempdir().unwrap();
        board(address, home.path()).send(Some(("lenet", true)));
        let (first, token, body) = request.join().unwrap();
        assert_eq!(first, "POST /checks HTTP/1.1");
        assert_eq!(token, "token secret");
        assert_eq!(body, r#"{"exercise":"lenet","solved":true}"#);
    }

    #[test]
    fn who_leaves_is_forgotten() {
        let (address, request) = listen();
        let home = tempfile::tempdir().unwrap();
        board(address, home.path()).send(None);
        assert_eq!(request.join().unwrap().0, "DELETE /checks HTTP/1.1");
    }

    #[test]
    fn only_yes_is_yes() {
        let home = tempfile::tempdir().unwrap();
        let board = board("http://127.0.0.1:1/".into(), home.path());
        assert!(!board.is_wanted());
        fs::create_dir_all(board.answer().parent().unwrap()).unwrap();
        for (answer, wanted) in [("no", false), ("", false), ("yes", true)] {
            fs::write(board.answer(), answer).unwrap();
            assert_eq!(board.is_wanted(), wanted, "{answer}");
        }
    }

    #[test]
    fn a_board_that_is_gone_harms_nobody() {
        let home = tempfile::tempdir().unwrap();
        let sent = board("http://127.0.0.1:1/".into(), home.path()).send(Some(("lenet", false)));
        sent.join().unwrap();
    }

    #[test]
    fn nothing_is_kept_where_there_is_no_hub() {
        // The tests' environment has none.
        assert!(Board::current().is_none());
        share_progress(true).unwrap();
    }
}

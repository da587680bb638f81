//! What speaks Jupyter's protocol with the frontends and with evcxr_jupyter, and stands between them.
//!
//! Messages come in at [`ports`] as events of a [`session`], which is a state and no more: it waits
//! for nothing. What it knows of a running cell is an [`execution`].

pub mod answers;
pub mod channel;
pub mod client;
pub mod errors;
pub mod execution;
pub mod ports;
pub mod session;
pub mod stdin;
pub mod streams;
pub mod wire;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use jupyter_zmq_client::ConnectionInfo;
use tokio::sync::mpsc;
use tokio::{task, time};

pub use crate::start::LISTENING;
pub use crate::start::temporary_folder as channel_folder;
pub use ports::for_kernel as back_connection;

use session::{End, Event, Session};

/// Messages that were sent last need that long to leave.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Where evcxr_jupyter listens, and what belongs to it.
#[derive(Clone, Debug)]
pub struct Back {
    /// Its ports and key.
    pub connection: ConnectionInfo,
    /// Its crate's folder.
    pub directory: PathBuf,
    /// The folder of the side channel.
    pub channel: PathBuf,
    /// Its process.
    pub process: Option<u32>,
    /// What the user is to know before the first cell runs.
    pub notice: Option<String>,
}

/// How evcxr_jupyter has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// As a shell has it: 128 and the signal's number where a signal has ended it.
    pub code: u8,
}

/// What a session needs to know.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// An error's words end where one of these begins: a library's own stack.
    pub message_end: Vec<String>,
    /// What to do when there is no kernel, as in "run `…`".
    pub advice: String,
}

/// Binds the frontend's ports at once, answers what it can, holds cells back until `back` is there,
/// and serves until a frontend asks for the end, or the kernel ends that has been there: its end is
/// given back. Where there is no `back`, or it ends before it has answered, each cell is answered with
/// the reason: a process that ended now would be started again and again by Jupyter, without a word.
///
/// # Errors
///
/// A port is taken.
pub async fn serve(
    connection: ConnectionInfo,
    back: impl Future<Output = Result<Back>> + Send + 'static,
    ended: impl Future<Output = Ended> + Send + 'static,
    options: Options,
) -> Result<Option<Ended>> {
    let (events, received) = mpsc::unbounded_channel();
    let frontend = ports::bind(&connection, &events).await?;
    let for_back = events.clone();
    task::spawn(async move {
        let connected = connected(back, &for_back).await;
        let _ = for_back.send(Event::Back(connected));
    });
    task::spawn(async move {
        let _ = events.send(Event::Ended(ended.await));
    });
    let end = Session::new(frontend, options).run(received).await;
    time::sleep(LAST_WORDS).await;
    Ok(match end {
        End::Shutdown => None,
        End::Kernel(ended) => Some(ended),
    })
}

async fn connected(
    back: impl Future<Output = Result<Back>>,
    events: &mpsc::UnboundedSender<Event>,
) -> Result<(Back, ports::Outlets)> {
    let back = back.await?;
    channel::listen(&back.channel, events.clone())?;
    let session = uuid::Uuid::new_v4().to_string();
    let outlets = ports::connect(&back.connection, &session, events).await?;
    Ok((back, outlets))
}

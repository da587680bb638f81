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

use anyhow::{Result, bail};
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
}

/// What a session needs to know.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// An error's words end where one of these begins: a library's own stack.
    pub message_end: Vec<String>,
}

/// Binds the frontend's ports at once, answers what it can, holds cells back until `back` is there,
/// and serves until a frontend asks for the end.
///
/// # Errors
///
/// A port is taken, or there will be no `back`.
pub async fn serve(
    connection: ConnectionInfo,
    back: impl Future<Output = Result<Back>> + Send + 'static,
    options: Options,
) -> Result<()> {
    let (events, received) = mpsc::unbounded_channel();
    let frontend = ports::bind(&connection, &events).await?;
    let for_back = events.clone();
    task::spawn(async move {
        let connected = connected(back, &for_back).await;
        let _ = for_back.send(Event::Back(connected));
    });
    let end = Session::new(frontend, options.message_end)
        .run(received)
        .await;
    time::sleep(LAST_WORDS).await;
    match end {
        End::Shutdown => Ok(()),
        End::NoKernel(why) => bail!(why),
    }
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

//! The front: a proxy that speaks Jupyter's protocol with the frontends on one side and with evcxr_jupyter on
//! the other.
//!
//! Messages arrive at [`sockets`] as [`event`]s of a [`session`]. The session keeps the state of the
//! cell that runs in an [`execution`].

mod advice;
pub mod cell_message;
pub mod cell_output;
pub mod channels;
pub mod client;
pub mod connection_file;
pub mod errors;
pub mod event;
pub mod execution;
mod frontend;
mod kernel_connection;
pub mod message;
pub mod panic_filter;
pub mod replies;
pub mod session;
pub mod side_channel;
pub mod sockets;
pub mod stdin;
pub mod streams;

use std::time::Duration;

use anyhow::Result;
use jupyter_zmq_client::ConnectionInfo;
use tokio::sync::mpsc;
use tokio::{task, time};

pub use event::{Backend, Ended};
pub use session::Options;

use channels::Senders;
use event::Event;
use session::{End, Session};

/// The last messages need this long to be sent.
const SEND_TIME: Duration = Duration::from_millis(200);

/// The exit status of a kernel that ends at once arrives within this time.
const EXIT_STATUS_TIME: Duration = Duration::from_secs(1);

/// Binds the ports for the frontends at once, and replies to what it can. Cells wait until `backend` is
/// there. Serves until a frontend requests a shutdown (then returns `None`), or until the kernel ends after
/// it was ready (then returns how).
///
/// If there is no `backend`, or it ends before it is ready, each cell is answered with the reason. If the
/// process ended instead, Jupyter would start it again and again, without a message.
///
/// # Errors
///
/// A port is in use.
pub async fn serve(
    connection: ConnectionInfo,
    backend: impl Future<Output = Result<Backend>> + Send + 'static,
    ended: impl Future<Output = Ended> + Send + 'static,
    options: Options,
) -> Result<Option<Ended>> {
    let (events, received) = mpsc::unbounded_channel();
    let frontend = sockets::bind(&connection, &events).await?;
    let for_backend = events.clone();
    task::spawn(async move {
        let connected = match backend.await {
            Ok(backend) => connect(backend, &for_backend).await,
            Err(error) => Err(error),
        };
        let _ = for_backend.send(Event::Started(connected));
    });
    task::spawn(async move {
        let _ = events.send(Event::Ended(ended.await));
    });
    let end = Session::new(frontend, options).run(received).await;
    time::sleep(SEND_TIME).await;
    Ok(match end {
        End::Shutdown => None,
        End::Kernel(ended) => Some(ended),
    })
}

/// If it fails, the error comes a bit later: a kernel that ends at once removes the folder of the side
/// channel, and its exit status, which arrives as another event, says more.
async fn connect(
    backend: Backend,
    events: &mpsc::UnboundedSender<Event>,
) -> Result<(Backend, Senders)> {
    let connected = try_connect(&backend, events).await;
    if connected.is_err() {
        time::sleep(EXIT_STATUS_TIME).await;
    }
    Ok((backend, connected?))
}

async fn try_connect(backend: &Backend, events: &mpsc::UnboundedSender<Event>) -> Result<Senders> {
    side_channel::listen(&backend.side_channel, events.clone())?;
    let session = uuid::Uuid::new_v4().to_string();
    sockets::connect(&backend.connection, &session, events).await
}

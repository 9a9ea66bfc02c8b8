//! A repository on its way out, in constant memory.
//!
//! A thread walks the repository in one state of the store and writes the CAR; a short
//! channel carries it to the response. A client that reads slowly holds the thread and the
//! state, so it gets a deadline for every chunk and there is a limit on how many exports
//! run.

use std::{
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use atproto_core::syntax::Tid;
use atproto_repo::{
    car::CarWriter,
    repo::{self, Head},
};
use atproto_xrpc::XrpcError;
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, mpsc, oneshot},
    time,
};
use tokio_stream::wrappers::ReceiverStream;

use crate::{
    database::DatabaseError,
    store::{ActorStore, View},
};

/// Bytes of one chunk.
const CHUNK: usize = 64 * 1024;
/// Chunks between the thread and the socket.
const DEPTH: usize = 4;
/// How long a client may take for one chunk.
const STALL: Duration = Duration::from_secs(30);

/// Begins an export: the whole repository, or the blocks that came after `since`. Returns
/// once the first part is there, so that what goes wrong at the beginning is still an
/// answer of its own. What goes wrong later ends the stream with an error, which cuts the
/// connection: a client cannot take the part for the whole.
pub(super) async fn start(
    store: Arc<ActorStore>,
    since: Option<Tid>,
    seat: OwnedSemaphorePermit,
) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + 'static, XrpcError> {
    let (sender, receiver) = mpsc::channel(DEPTH);
    let (begun, ready) = oneshot::channel();
    tokio::spawn(async move {
        let failures = sender.clone();
        let runtime = Handle::current();
        let result = store
            .read_apart(move |view| {
                let head = view.head()?.ok_or(ExportError::NoRepo)?;
                // The receiver is gone when the client is, and then so is the channel.
                let _ = begun.send(());
                write(view, &head, since, Chunks::new(sender, runtime))
            })
            .await;
        if let Err(error) = result {
            tracing::info!(did = %store.did(), %error, "export ended early");
            let _ = failures.send(Err(io::Error::other(error))).await;
        }
        drop(seat);
    });
    match ready.await {
        Ok(()) => Ok(ReceiverStream::new(receiver)),
        Err(_) => Err(first_failure(receiver).await),
    }
}

/// Why an export ended before its end.
#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("the repository has no commit yet")]
    NoRepo,
    #[error(transparent)]
    Repo(#[from] repo::ExportError),
    #[error("sending: {0}")]
    Send(#[from] io::Error),
}

async fn first_failure(receiver: mpsc::Receiver<io::Result<Bytes>>) -> XrpcError {
    match ReceiverStream::new(receiver).next().await {
        Some(Err(error)) => XrpcError::internal(error),
        _ => XrpcError::internal("the export did not begin"),
    }
}

fn write(
    view: &View<'_>,
    head: &Head,
    since: Option<Tid>,
    mut chunks: Chunks,
) -> Result<(), ExportError> {
    match since {
        None => repo::export(view, head, &mut chunks)?,
        Some(since) => {
            let mut car = CarWriter::new(&mut chunks, &head.commit)?;
            view.blocks_since(since, |cid, block| {
                car.block(&cid, &block).map_err(ExportError::from)
            })?;
        }
    }
    chunks.flush()?;
    Ok(())
}

/// Gathers what is written into chunks and hands them to the response.
struct Chunks {
    buffer: BytesMut,
    sender: mpsc::Sender<io::Result<Bytes>>,
    runtime: Handle,
}

impl Chunks {
    fn new(sender: mpsc::Sender<io::Result<Bytes>>, runtime: Handle) -> Self {
        Self { buffer: BytesMut::with_capacity(CHUNK), sender, runtime }
    }

    fn send(&mut self) -> io::Result<()> {
        let chunk = self.buffer.split().freeze();
        let sent = self.runtime.block_on(time::timeout(STALL, self.sender.send(Ok(chunk))));
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(io::ErrorKind::BrokenPipe.into()),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() { Ok(()) } else { self.send() }
    }
}

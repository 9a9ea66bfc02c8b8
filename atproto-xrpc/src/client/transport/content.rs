use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures::{
    Stream, StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;

use super::SendError;

/// What a request or an answer carries: bytes that are there, or that come piece by piece.
pub struct Content {
    length: Option<u64>,
    pieces: Pieces,
}

enum Pieces {
    Whole(Bytes),
    Stream(BoxStream<'static, Result<Bytes, SendError>>),
}

impl Content {
    /// Nothing.
    pub fn empty() -> Self {
        Self::from(Bytes::new())
    }

    /// What comes piece by piece. A length that is announced has to be kept.
    pub fn stream(
        length: Option<u64>,
        pieces: impl Stream<Item = Result<Bytes, SendError>> + Send + 'static,
    ) -> Self {
        Self { length, pieces: Pieces::Stream(pieces.boxed()) }
    }

    /// The content of a body of the `http` ecosystem; trailers are dropped.
    pub fn from_body<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let length = body.size_hint().exact();
        Self::stream(length, body.into_data_stream().map_err(SendError::lost))
    }

    /// How many bytes there will be, if that is known.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// The bytes, if they are there already.
    pub fn bytes(&self) -> Option<&Bytes> {
        match &self.pieces {
            Pieces::Whole(bytes) => Some(bytes),
            Pieces::Stream(_) => None,
        }
    }

    /// Piece by piece.
    pub fn into_stream(self) -> BoxStream<'static, Result<Bytes, SendError>> {
        match self.pieces {
            Pieces::Whole(bytes) if bytes.is_empty() => stream::empty().boxed(),
            Pieces::Whole(bytes) => stream::once(async { Ok(bytes) }).boxed(),
            Pieces::Stream(pieces) => pieces,
        }
    }

    /// The same content, which breaks off with an error when nothing comes for so long.
    pub(in crate::client) fn without_silence(self, longest: Duration) -> Self {
        let Pieces::Stream(pieces) = self.pieces else { return self };
        let pieces = stream::try_unfold(pieces, move |mut pieces| async move {
            match tokio::time::timeout(longest, pieces.try_next()).await {
                Ok(piece) => Ok(piece?.map(|piece| (piece, pieces))),
                Err(_) => Err(SendError::silent_for(longest)),
            }
        });
        Self::stream(self.length, pieces)
    }
}

impl<B: Into<Bytes>> From<B> for Content {
    fn from(bytes: B) -> Self {
        let bytes = bytes.into();
        Self { length: Some(bytes.len() as u64), pieces: Pieces::Whole(bytes) }
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = SendError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, SendError>>> {
        let piece = match &mut self.pieces {
            Pieces::Whole(bytes) if bytes.is_empty() => None,
            Pieces::Whole(bytes) => Some(Ok(std::mem::take(bytes))),
            Pieces::Stream(pieces) => ready!(pieces.poll_next_unpin(cx)),
        };
        if let (Some(length), Some(Ok(piece))) = (&mut self.length, &piece) {
            *length = length.saturating_sub(piece.len() as u64);
        }
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes().is_some_and(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content").field("length", &self.length).finish_non_exhaustive()
    }
}

use std::{
    fmt,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
};

use atproto_core::object::{Message, MessageError};
use futures::{Stream, StreamExt};

use super::{FrameStream, SubscribeError};

/// The messages of a subscription, by type.
///
/// Frames of a kind that the protocol does not know yet are passed over; kinds of message that
/// the lexicon does not know are for the type to keep. The stream is over with the first
/// error, its connection closed: what comes behind a malformed frame, or behind the server's
/// last word, means nothing.
pub struct MessageStream<M> {
    frames: Option<FrameStream>,
    messages: PhantomData<fn() -> M>,
}

impl<M: Message> MessageStream<M> {
    pub(super) fn new(frames: FrameStream) -> Self {
        Self { frames: Some(frames), messages: PhantomData }
    }
}

impl<M: Message> Stream for MessageStream<M> {
    type Item = Result<M, MessagesError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let end = loop {
            let Some(frames) = &mut self.frames else { return Poll::Ready(None) };
            match ready!(frames.poll_next_unpin(cx)) {
                Some(Ok(frame)) => match M::from_frame(&frame) {
                    Ok(Some(message)) => return Poll::Ready(Some(Ok(message))),
                    Ok(None) => {}
                    Err(error) => break Some(Err(error.into())),
                },
                Some(Err(error)) => break Some(Err(error.into())),
                None => break None,
            }
        };
        self.frames = None;
        Poll::Ready(end)
    }
}

impl<M> fmt::Debug for MessageStream<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageStream").field("frames", &self.frames).finish()
    }
}

/// Why the messages of a subscription ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MessagesError {
    /// A frame is malformed, or it is the server's last word:
    /// [`MessageError::Ended`] with the name of an error.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The connection failed.
    #[error(transparent)]
    Subscribe(#[from] SubscribeError),
}

use std::{collections::VecDeque, io::IoSlice, ops::Range};

use bytes::{Buf, Bytes};

use crate::framing::Payload;

/// The head of a WebSocket frame is at most this long where nothing is masked (RFC 6455,
/// section 5.2).
const MAX_HEAD: usize = 10;

/// WebSocket messages to be written together.
///
/// They are written from where they are: a reader that gets large frames holds no copies of
/// them, neither while it reads nor after.
#[derive(Debug, Default)]
pub(super) struct Burst {
    frames: VecDeque<Frame>,
}

#[derive(Debug)]
struct Frame {
    head: [u8; MAX_HEAD],
    /// What of the head is not written yet.
    unwritten: Range<usize>,
    body: Bytes,
}

impl Burst {
    /// Adds a whole message.
    pub(super) fn push(&mut self, message: Payload) {
        let (body, is_text) = message.into_bytes();
        let mut head = [0; MAX_HEAD];
        head[0] = FINAL | if is_text { TEXT } else { BINARY };
        let len = body.len();
        let head_len = match (u8::try_from(len), u16::try_from(len)) {
            (Ok(short @ ..126), _) => {
                head[1] = short;
                2
            }
            (_, Ok(medium)) => {
                head[1] = 126;
                head[2..4].copy_from_slice(&medium.to_be_bytes());
                4
            }
            _ => {
                head[1] = 127;
                head[2..].copy_from_slice(&(len as u64).to_be_bytes());
                MAX_HEAD
            }
        };
        self.frames.push_back(Frame { head, unwritten: 0..head_len, body });
    }
}

impl Frame {
    fn head(&self) -> &[u8] {
        &self.head[self.unwritten.clone()]
    }

    fn remaining(&self) -> usize {
        self.unwritten.len() + self.body.len()
    }
}

impl Buf for Burst {
    fn remaining(&self) -> usize {
        self.frames.iter().map(Frame::remaining).sum()
    }

    fn has_remaining(&self) -> bool {
        !self.frames.is_empty()
    }

    fn chunk(&self) -> &[u8] {
        match self.frames.front() {
            Some(frame) if frame.unwritten.is_empty() => &frame.body,
            Some(frame) => frame.head(),
            None => &[],
        }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let parts = self.frames.iter().flat_map(|frame| [frame.head(), &frame.body]);
        let mut count = 0;
        for (slice, part) in slices.iter_mut().zip(parts.filter(|part| !part.is_empty())) {
            *slice = IoSlice::new(part);
            count += 1;
        }
        count
    }

    fn advance(&mut self, mut written: usize) {
        while let Some(frame) = self.frames.front_mut() {
            let of_head = written.min(frame.unwritten.len());
            frame.unwritten.start += of_head;
            written -= of_head;
            let of_body = written.min(frame.body.len());
            frame.body.advance(of_body);
            written -= of_body;
            if frame.remaining() > 0 {
                break;
            }
            self.frames.pop_front();
        }
        assert_eq!(written, 0, "more was written than there was");
    }
}

const FINAL: u8 = 0x80;
const TEXT: u8 = 1;
const BINARY: u8 = 2;

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite::protocol::frame::{
        Frame as Reference,
        coding::{Data, OpCode},
    };

    use super::*;

    /// What is left, through `chunks_vectored`, a few bytes at a time.
    fn drained(mut burst: Burst, step: usize) -> Vec<u8> {
        let mut out = Vec::new();
        while burst.has_remaining() {
            let mut slices = [IoSlice::new(&[]); 3];
            let count = burst.chunks_vectored(&mut slices);
            assert_eq!(&*slices[0], burst.chunk());
            let bytes = slices[..count].iter().flat_map(|slice| slice.iter().copied());
            let start = out.len();
            out.extend(bytes.take(step));
            let written = out.len() - start;
            let before = burst.remaining();
            burst.advance(written);
            assert_eq!(burst.remaining(), before - written);
        }
        out
    }

    #[test]
    fn messages_are_written_as_the_library_writes_them() {
        let lengths = [0, 1, 125, 126, 127, 65_535, 65_536];
        for step in [7, 1_000, usize::MAX] {
            let (mut burst, mut expected) = (Burst::default(), Vec::new());
            for (number, len) in lengths.into_iter().enumerate() {
                let text = "x".repeat(len);
                let (message, data) = match number % 2 {
                    0 => (Payload::binary(text.clone()), Data::Binary),
                    _ => (Payload::text(text.clone()), Data::Text),
                };
                burst.push(message);
                let frame = Reference::message(text, OpCode::Data(data), true);
                frame.format(&mut expected).unwrap();
            }
            let written = drained(burst, step);
            assert!(written == expected, "in steps of {step}");
        }
    }
}

//! Recorded frames: each after its length as u32 little-endian.

use anyhow::bail;
use atproto_xrpc::MAX_FRAME_BYTES;
use bytes::{Buf, Bytes};

/// The frames of a recording. Ends after the first error.
pub(crate) struct Frames {
    unread: Bytes,
}

impl Frames {
    pub(crate) fn new(recording: Vec<u8>) -> Self {
        Self { unread: recording.into() }
    }

    fn read(&mut self) -> anyhow::Result<Bytes> {
        let Ok(length) = self.unread.try_get_u32_le() else { bail!("a length is cut off") };
        let length = length as usize;
        if length > self.unread.len() {
            bail!("{length} bytes are announced, {} are left", self.unread.len());
        }
        Ok(self.unread.split_to(length))
    }
}

impl Iterator for Frames {
    type Item = anyhow::Result<Bytes>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.unread.is_empty() {
            return None;
        }
        let frame = self.read();
        if frame.is_err() {
            self.unread.clear();
        }
        Some(frame)
    }
}

/// Refuses a frame longer than the protocol admits.
pub(crate) fn check_length(frame: &[u8]) -> anyhow::Result<()> {
    let found = frame.len();
    if found > MAX_FRAME_BYTES {
        bail!("a frame of {found} bytes; at most {MAX_FRAME_BYTES} are read");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Frames;

    #[test]
    fn a_recording_that_is_cut_off_gives_what_is_whole() {
        let recording = b"\x02\0\0\0ab\0\0\0\0\x03\0\0\0c";
        let frames: Vec<_> = Frames::new(recording.to_vec()).collect();
        assert_eq!(frames.len(), 3);
        assert_eq!(frames[0].as_deref().unwrap(), b"ab");
        assert_eq!(frames[1].as_deref().unwrap(), b"");
        assert!(frames[2].is_err());
    }
}

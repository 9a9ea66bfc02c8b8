//! Settings that both ends of a subscription share.

use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// The largest event-stream frame: 5,000,000 bytes
/// ([specification](https://atproto.com/specs/sync#firehose)).
pub const MAX_FRAME_BYTES: usize = 5_000_000;

/// Read and write buffer of a socket. Ours: the library's 128 KiB each would be 365 MB at
/// 2,800 sockets, and one read of 8 KiB holds a typical frame.
pub(crate) const BUFFER_BYTES: usize = 8 * 1024;

/// A socket that receives messages of at most `max_message` bytes, and reads so many at a
/// time. What waits to be written is bounded by one largest frame beside the buffer.
pub(crate) fn config(max_message: usize, read_bytes: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(read_bytes)
        .write_buffer_size(BUFFER_BYTES)
        .max_write_buffer_size(MAX_FRAME_BYTES + 4 * BUFFER_BYTES)
        .max_message_size(Some(max_message))
        .max_frame_size(Some(max_message))
}

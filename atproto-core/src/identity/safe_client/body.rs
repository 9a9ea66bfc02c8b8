//! Reading a body from somebody who may not want it to end.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use tokio::time::{Instant, timeout_at};

use super::FetchError;

/// Collects a body up to the limit, as long as it comes with some speed.
pub(super) async fn collect(
    mut chunks: impl Stream<Item = Result<Bytes, FetchError>> + Unpin,
    limit: usize,
) -> Result<Bytes, FetchError> {
    let start = Instant::now();
    let mut body = BytesMut::new();
    loop {
        let due = start + GRACE + Duration::from_secs(1).mul_f64(body.len() as f64 / MIN_RATE);
        let next = timeout_at(due, chunks.next()).await;
        let Some(chunk) = next.map_err(|_| FetchError::TooSlow)? else { break };
        let chunk = chunk?;
        if chunk.len() > limit - body.len() {
            return Err(FetchError::TooLarge { limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// The speed in bytes a second below which a body is given up. Ours: a tenth of the slowest
/// connection that anyone would serve from.
const MIN_RATE: f64 = 1024.0;

/// How long a body may be slower than that at its start. Ours: a few lost packets.
const GRACE: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use futures::{StreamExt, stream};
    use tokio::time::{Instant, sleep};

    use super::{FetchError, collect};

    /// A body in pieces of so many bytes, one every so often, without an end.
    async fn endless(size: usize, every: Duration) -> (Result<Bytes, FetchError>, Duration) {
        let start = Instant::now();
        let chunks = stream::repeat(()).then(move |()| async move {
            sleep(every).await;
            Ok(Bytes::from(vec![b'x'; size]))
        });
        (collect(Box::pin(chunks), 100_000).await, start.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn t06_a_body_that_drips_is_given_up() {
        for (size, every) in [(1, 1), (0, 1), (512, 1), (0, 100_000)] {
            let (outcome, elapsed) = endless(size, Duration::from_secs(every)).await;
            assert!(matches!(outcome, Err(FetchError::TooSlow)), "{size} bytes: {outcome:?}");
            assert!(elapsed < Duration::from_secs(7), "{size} bytes in {every} s: {elapsed:?}");
        }
        let (fast, elapsed) = endless(2048, Duration::from_secs(1)).await;
        assert!(matches!(fast, Err(FetchError::TooLarge { .. })), "{fast:?}");
        assert_eq!(elapsed.as_secs(), 49, "twice the least speed, up to the limit");
    }

    #[tokio::test(start_paused = true)]
    async fn t05_what_is_kept_never_exceeds_the_limit() {
        let pieces = |sizes: &'static [usize]| {
            stream::iter(sizes.iter().map(|size| Ok(Bytes::from(vec![0; *size]))))
        };
        assert_eq!(collect(pieces(&[0, 60, 40]), 100).await.unwrap().len(), 100);
        assert_eq!(collect(pieces(&[]), 0).await.unwrap().len(), 0);
        for over in [&[101][..], &[100, 1], &[1 << 20]] {
            let outcome = collect(pieces(over), 100).await;
            assert!(matches!(outcome, Err(FetchError::TooLarge { limit: 100 })), "{over:?}");
        }
    }
}

//! Heads, asked for together.

use std::sync::Arc;

use atproto_core::syntax::Did;
use tokio::sync::{mpsc, oneshot};

use super::{Link, Tables};
use crate::{checkpoint::Head, state::StoreError};

/// Asks for heads on a connection of its own: whichever are wanted while a question is under
/// way are the next question. An event's head costs a share of a round trip, not one each.
#[derive(Clone, Debug)]
pub(super) struct Heads(mpsc::Sender<Wanted>);

#[derive(Debug)]
struct Wanted {
    did: Did,
    answer: oneshot::Sender<Result<Option<Head>, StoreError>>,
}

impl Heads {
    /// Starts the task that asks. It ends with the last clone.
    pub(super) fn new(link: Link, tables: Arc<Tables>) -> Self {
        let (wanted, incoming) = mpsc::channel(AT_ONCE);
        tokio::spawn(ask(link, tables, incoming));
        Self(wanted)
    }

    pub(super) async fn head(&self, did: &Did) -> Result<Option<Head>, StoreError> {
        let (answer, answered) = oneshot::channel();
        let wanted = Wanted { did: did.clone(), answer };
        self.0.send(wanted).await.map_err(|_| StoreError::new(ENDED))?;
        answered.await.map_err(|_| StoreError::new(ENDED))?
    }
}

async fn ask(mut link: Link, tables: Arc<Tables>, mut incoming: mpsc::Receiver<Wanted>) {
    let mut wanted = Vec::new();
    while incoming.recv_many(&mut wanted, AT_ONCE).await > 0 {
        let dids: Vec<&str> = wanted.iter().map(|wanted| wanted.did.as_str()).collect();
        let found = link.ask(async |client| tables.heads(client, &dids).await).await;
        for Wanted { did, answer } in wanted.drain(..) {
            let head = found.as_ref().map(|found| found.get(&did).copied());
            // Whoever does not wait any more does not want it.
            let _ = answer.send(head.map_err(Clone::clone));
        }
    }
}

/// Heads in one question.
const AT_ONCE: usize = 1_000;

const ENDED: &str = "the runtime of the state has ended";

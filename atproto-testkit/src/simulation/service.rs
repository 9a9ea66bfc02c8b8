use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use atproto_core::identity::Resolver;
use atproto_firehose::{
    consumer::{
        Consumer, ConsumerOptions, Delivery, Failure, Policy, Start, Stopper, Transport, Workers,
    },
    event::Event,
    intake::Settlement,
    state::SavedByCaller,
    verify::Verifier,
};
use tokio::task::JoinSet;

use super::{Oracle, index::Effect, oracle::Ticket};
use crate::net::{Clock, Net, SimState, Trouble, Truth};

/// How the service uses its consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Form {
    /// A stream of deliveries, each acknowledged by itself.
    Stream,
    /// A handler on several workers.
    Handler,
    /// Batches that are stored with their effects.
    Batches,
}

impl Form {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Stream, Self::Handler, Self::Batches];
}

/// The service, and all that it is given. It is made anew by every crash, but for what is in
/// its state and its index.
pub(super) struct Rig {
    form: Form,
    seed: u64,
    transport: Arc<dyn Transport>,
    directory: Arc<dyn Resolver>,
    clock: Clock,
    trouble: Trouble,
    truth: Truth,
    pub(super) state: SimState,
    oracle: Mutex<Oracle>,
}

/// Events worked on at the same time.
const WORKERS: usize = 6;
/// Events in a batch.
const BATCH: usize = 40;
/// Bytes in flight, far less than a lag of minutes comes to.
const CAP: u64 = 96 << 10;
/// No frame of the simulated network is larger.
const MAX_FRAME: usize = 24 << 10;
/// Bytes that can be parked, less than comes in a long outage.
const PARKING: u64 = 256 << 10;
/// How long an identity is waited for before its account is parked.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a batch waits for company.
const COMPANY: Duration = Duration::from_millis(50);
/// When something is tried again that failed.
const AGAIN: Duration = Duration::from_secs(1);

impl Rig {
    pub(super) fn new(net: &Net, seed: u64, form: Form) -> Self {
        Self {
            form,
            seed,
            transport: net.relay().transport(),
            directory: net.directory(),
            clock: net.clock(),
            trouble: net.trouble(),
            truth: net.truth(),
            state: net.state(),
            oracle: Mutex::new(Oracle::new(net.truth())),
        }
    }

    pub(super) fn oracle(&self) -> MutexGuard<'_, Oracle> {
        self.oracle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn options(&self) -> ConsumerOptions {
        let clock = self.clock.clone();
        let verifier = Verifier::new(Arc::clone(&self.directory)).clock(move || clock.now_micros());
        ConsumerOptions::default()
            .start(Start::Oldest)
            .seed(self.seed)
            .policy(Policy::verifier(verifier))
            .max_in_flight_bytes(CAP as usize)
            .max_frame_bytes(MAX_FRAME)
            .parking(PARKING)
            .park_after(PATIENCE)
            .max_attempts(u32::MAX)
    }

    /// One life of the service.
    pub(super) async fn serve(self: Arc<Self>) {
        self.oracle().restart();
        let (transport, options) = (Arc::clone(&self.transport), self.options());
        let opened = match self.form {
            Form::Batches => {
                let state = SavedByCaller(self.state.clone());
                Consumer::open_on(transport, state, options).await
            }
            _ => Consumer::open_on(transport, self.state.clone(), options).await,
        };
        let Ok(mut consumer) = opened else { return };
        match self.form {
            Form::Stream => self.stream(&mut consumer).await,
            Form::Handler => self.handle(&mut consumer).await,
            Form::Batches => self.batches(&mut consumer).await,
        }
        if consumer.stopped().is_some() {
            drop(consumer);
            self.decide();
        }
    }

    /// The upstream counts anew: everything is fetched, and read from its beginning.
    fn decide(&self) {
        self.state.forget_position();
        let everything = Effect::everything(&self.truth, 0);
        self.oracle().begin_epoch(self.truth.epoch(), &everything);
    }

    async fn stream(self: &Arc<Self>, consumer: &mut Consumer) {
        let mut working = JoinSet::new();
        while let Some(delivery) = consumer.next().await {
            let (rig, stopper) = (Arc::clone(self), consumer.stopper());
            working.spawn(async move { rig.work(delivery, &stopper).await });
            while working.len() >= WORKERS {
                working.join_next().await;
            }
        }
    }

    async fn work(&self, delivery: Delivery, stopper: &Stopper) {
        let ticket = self.delivered(delivery.event(), stopper);
        let effect = Effect::of(delivery.event(), &self.truth);
        let settlement = match self.trouble.strike().await {
            Ok(()) => {
                self.oracle().done(delivery.event(), ticket, &effect);
                Settlement::Ack
            }
            Err(failure) => {
                self.oracle().failed(delivery.event(), ticket);
                match failure {
                    Failure::Retry(after) => Settlement::Retry(after),
                    _ => Settlement::Unavailable,
                }
            }
        };
        delivery.into_parts().1.settle(settlement);
    }

    async fn handle(self: &Arc<Self>, consumer: &mut Consumer) {
        let (rig, stopper) = (Arc::clone(self), consumer.stopper());
        let handler = move |event: Arc<Event>| {
            let (rig, stopper) = (Arc::clone(&rig), stopper.clone());
            async move {
                let ticket = rig.delivered(&event, &stopper);
                let effect = Effect::of(&event, &rig.truth);
                let struck = rig.trouble.strike().await;
                let mut oracle = rig.oracle();
                match &struck {
                    Ok(()) => oracle.done(&event, ticket, &effect),
                    Err(_) => oracle.failed(&event, ticket),
                }
                drop(oracle);
                struck
            }
        };
        // That it stopped is asked for by the caller.
        let _ = consumer.run(Workers(WORKERS), handler).await;
    }

    async fn batches(self: &Arc<Self>, consumer: &mut Consumer) {
        let stopper = consumer.stopper();
        while let Ok(Some(batch)) = consumer.next_batch(BATCH, COMPANY).await {
            let events: Vec<(Event, Ticket, Effect)> = batch
                .events()
                .map(|event| {
                    let ticket = self.delivered(event, &stopper);
                    (event.clone(), ticket, Effect::of(event, &self.truth))
                })
                .collect();
            let tickets: Vec<_> =
                events.iter().map(|(event, ticket, _)| (event.clone(), *ticket)).collect();
            let stored = match self.trouble.strike().await {
                Ok(()) => {
                    let rig = Arc::clone(self);
                    let effects = move || {
                        let mut oracle = rig.oracle();
                        for (event, ticket, effect) in &events {
                            oracle.done(event, *ticket, effect);
                        }
                    };
                    self.state.commit(batch.checkpoint(), effects).await.is_ok()
                }
                Err(_) => false,
            };
            if stored {
                batch.committed();
                continue;
            }
            for (event, ticket) in &tickets {
                self.oracle().failed(event, *ticket);
            }
            drop(batch);
            tokio::time::sleep(AGAIN).await;
        }
    }

    fn delivered(&self, event: &Event, stopper: &Stopper) -> Ticket {
        let bytes = stopper.stats().in_flight_bytes;
        let micros = self.clock.true_micros();
        self.oracle().delivered(event, micros, &self.state, bytes, CAP)
    }
}

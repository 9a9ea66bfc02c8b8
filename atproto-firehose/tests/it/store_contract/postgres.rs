//! The same of PostgreSQL, and what is its own: locks, lost connections, names.

use atproto_firehose::{
    checkpoint::{Head, Reject},
    state::{
        PostgresState, Store, StoreError,
        postgres::{ANSWER_DEADLINE, Tables},
    },
};
use atproto_testkit::Postgres;
use bytes::Bytes;
use tokio_postgres::{Client, NoTls};

use super::{Inspect, at, did, head, keeps_rejects, keeps_the_contract};

/// The state in a schema of the shared server, if there is one.
async fn state(schema: &str) -> Option<PostgresState> {
    Some(open(Postgres::shared()?, schema).await)
}

async fn open(server: &Postgres, schema: &str) -> PostgresState {
    let config = server.parameters().parse().unwrap();
    PostgresState::open(config, NoTls, schema).await.unwrap()
}

async fn client(server: &Postgres) -> Client {
    let (client, connection) = tokio_postgres::connect(&server.parameters(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

impl Inspect for PostgresState {
    async fn rejects(&self, after: i64, max: usize) -> Result<Vec<(i64, Reject)>, StoreError> {
        self.rejects(after, max).await
    }

    async fn reject_counts(&self) -> Result<Vec<(String, u64)>, StoreError> {
        self.reject_counts().await
    }

    async fn discard_reject(&self, id: i64) -> Result<bool, StoreError> {
        self.discard_reject(id).await
    }
}

#[tokio::test]
async fn postgres_keeps_the_contract() {
    let Some(one) = state("contract").await else { return };
    let again = state("contract").await.unwrap();
    keeps_the_contract(&one, &again).await;
    keeps_rejects(&state("rejects").await.unwrap()).await;
}

#[tokio::test]
async fn a_schema_may_have_any_name_and_is_created_once() {
    let Some(server) = Postgres::shared() else { return };
    for name in [r#"Quo"te$$1 {schema} '"#, "public"] {
        let (one, other) = tokio::join!(open(server, name), open(server, name));
        one.save(at(1, Some(1), &[])).await.unwrap();
        assert_eq!(other.load().await.unwrap(), at(1, Some(1), &[]));
    }
    for name in ["", "nul\0", &"x".repeat(64)] {
        assert!(Tables::in_schema(name).is_err(), "{name:?}");
    }
}

#[tokio::test]
async fn a_role_that_may_create_nothing_finds_the_tables() {
    let Some(server) = Postgres::shared() else { return };
    open(server, "granted").await;
    let admin = client(server).await;
    let grants = "CREATE ROLE reader LOGIN; GRANT USAGE, CREATE ON SCHEMA granted TO reader;
        GRANT ALL ON ALL TABLES IN SCHEMA granted TO reader";
    admin.batch_execute(grants).await.unwrap();
    let mut config: tokio_postgres::Config = server.parameters().parse().unwrap();
    config.user("reader");
    let state = PostgresState::open(config, NoTls, "granted").await.unwrap();
    state.save(at(1, Some(1), &[])).await.unwrap();
}

#[tokio::test]
async fn tables_of_an_earlier_version_are_taken_over() {
    let Some(server) = Postgres::shared() else { return };
    let state = open(server, "earlier").await;
    let mut checkpoint = at(1, Some(7), &[8]);
    checkpoint.heads = vec![(did('a'), Head { gaps: 0, ..head(5, false) })];
    state.save(checkpoint.clone()).await.unwrap();
    let older = "ALTER TABLE earlier.firehose_head DROP COLUMN gaps;
        ALTER TABLE earlier.firehose_position DROP COLUMN gaps";
    client(server).await.batch_execute(older).await.unwrap();
    assert!(state.load().await.is_err());
    let (state, again) = tokio::join!(open(server, "earlier"), open(server, "earlier"));
    assert_eq!(again.head(&did('a')).await.unwrap(), Some(checkpoint.heads.remove(0).1));
    assert_eq!(again.load().await.unwrap(), checkpoint);
    state.save(at(1, Some(9), &[])).await.unwrap();
    assert_eq!(again.load().await.unwrap(), at(1, Some(9), &[]));
}

#[tokio::test]
async fn of_two_transactions_the_later_waits_and_is_fenced() {
    let Some(server) = Postgres::shared() else { return };
    let state = open(server, "two").await;
    let tables = Tables::in_schema("two").unwrap();
    let older = state.take_over().await.unwrap().epoch + 1;
    let newer = state.take_over().await.unwrap().epoch + 1;
    let (mut first, mut second) = (client(server).await, client(server).await);
    let first = first.transaction().await.unwrap();
    tables.save(&first, &at(newer, Some(20), &[])).await.unwrap();
    let second = second.transaction().await.unwrap();
    let old_checkpoint = at(older, Some(10), &[]);
    let mut late = std::pin::pin!(tables.save(&second, &old_checkpoint));
    assert!(futures::poll!(&mut late).is_pending());
    let (refused, committed) = tokio::join!(late, first.commit());
    committed.unwrap();
    assert!(refused.unwrap_err().is_fenced());
    assert_eq!(state.load().await.unwrap(), at(newer, Some(20), &[]));
}

#[tokio::test]
async fn many_heads_wanted_at_once_each_get_their_own() {
    let Some(state) = state("heads").await else { return };
    let mut checkpoint = at(1, Some(1), &[]);
    checkpoint.heads =
        ('a'..='z').zip(1..).map(|(letter, micros)| (did(letter), head(micros, true))).collect();
    state.save(checkpoint.clone()).await.unwrap();
    let dids: Vec<_> = (0..3_000).map(|n| &checkpoint.heads[n % 26]).collect();
    let found = futures::future::join_all(dids.iter().map(|(did, _)| state.head(did))).await;
    for ((did, expected), found) in dids.into_iter().zip(found) {
        assert_eq!(found.unwrap(), Some(*expected), "{did}");
    }
}

#[tokio::test]
async fn a_nul_in_a_reason_keeps_no_checkpoint_from_being_saved() {
    let Some(state) = state("nul").await else { return };
    let mut checkpoint = at(1, Some(1), &[]);
    checkpoint.rejects = vec![Reject::new(1, None, "handler", "a\0b", Bytes::from("\0"))];
    state.save(checkpoint).await.unwrap();
    let kept = state.rejects(0, 1).await.unwrap().remove(0).1;
    assert_eq!((&*kept.reason, &kept.frame[..]), ("a\u{FFFD}b", &b"\0"[..]));
}

#[tokio::test]
async fn calls_fail_while_the_server_is_away_and_succeed_afterwards() {
    let Some(_) = Postgres::shared() else { return };
    let server = Postgres::start(&Postgres::programs().unwrap()).unwrap();
    let state = open(&server, "outage").await;
    let mut checkpoint = at(1, Some(1), &[]);
    checkpoint.heads = vec![(did('a'), head(1, true))];
    state.save(checkpoint).await.unwrap();
    server.stop().unwrap();
    for _ in 0..2 {
        assert!(state.save(at(1, Some(2), &[])).await.is_err());
        assert!(state.head(&did('a')).await.is_err());
    }
    server.start_again().unwrap();
    assert_eq!(state.head(&did('a')).await.unwrap(), Some(head(1, true)));
    assert_eq!(state.load().await.unwrap(), at(1, Some(1), &[]));
    state.save(at(1, Some(2), &[])).await.unwrap();
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up_in_time() {
    let Some(server) = Postgres::shared() else { return };
    let state = open(server, "stuck").await;
    let tables = Tables::in_schema("stuck").unwrap();
    let mut blocker = client(server).await;
    let lock = blocker.transaction().await.unwrap();
    tables.save(&lock, &at(1, Some(1), &[])).await.unwrap();
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    assert!(state.save(at(1, Some(2), &[])).await.is_err());
    assert_eq!(began.elapsed().as_secs(), ANSWER_DEADLINE.as_secs());
    tokio::time::resume();
    lock.commit().await.unwrap();
    state.save(at(1, Some(3), &[])).await.unwrap();
    assert_eq!(state.load().await.unwrap(), at(1, Some(3), &[]));
}

#[tokio::test]
async fn a_save_is_durable_where_the_database_would_not_have_it_so() {
    let Some(server) = Postgres::shared() else { return };
    let mut config: tokio_postgres::Config = server.parameters().parse().unwrap();
    config.options("-c synchronous_commit=off");
    let state = PostgresState::open(config, NoTls, "durable").await.unwrap();
    let tables = "CREATE FUNCTION durable.check() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN ASSERT current_setting('synchronous_commit') = 'on'; RETURN NEW; END $$;
        CREATE TRIGGER durable BEFORE INSERT ON durable.firehose_position
            FOR EACH ROW EXECUTE FUNCTION durable.check()";
    client(server).await.batch_execute(tables).await.unwrap();
    state.save(at(1, Some(1), &[])).await.unwrap();
}

//! Real processes that are killed without warning: a consumer whose batches are transactions,
//! each with its checkpoint, in SQLite and in PostgreSQL.
//!
//! What a child does with an event is neither harmless when it is done twice nor when it is done
//! in another order: it folds the sequence number into the account's sum. At the end the sums
//! must be those of all events, each once, in order.
//!
//! `CRASH_MINUTES` makes the random kills go on for so long, about one a second.

mod child;
mod ledger;
#[cfg(feature = "postgres")]
mod postgres;
mod sqlite;

use std::{
    env,
    io::{BufRead, BufReader},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use atproto_core::syntax::Datetime;
use atproto_lexicons::app::bsky::feed::Post;
use atproto_repo::event::Event;
use atproto_testkit::{Author, MicroPds};

use self::ledger::Sums;
use crate::support::random::Random;

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_survives_random_kills() {
    let dir = tempfile::tempdir().unwrap();
    survives_random_kills(&sqlite::place(dir.path())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_survives_a_kill_at_every_boundary() {
    let dir = tempfile::tempdir().unwrap();
    survives_a_kill_at_every_boundary(&sqlite::place(dir.path())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_processes_on_sqlite_one_is_fenced() {
    let dir = tempfile::tempdir().unwrap();
    fences_the_older_process(&sqlite::place(dir.path())).await;
}

/// The file cannot grow, as on a full disk. The child reads no more than it may keep in memory,
/// and goes on where it was when there is room again.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_under_sqlite_makes_the_child_wait() {
    let dir = tempfile::tempdir().unwrap();
    let mut scene = Scene::new(&sqlite::place(dir.path())).await;
    let mut process = scene.spawn_with(|command| {
        // The write fails then; otherwise a signal would end the child.
        let limited = "trap '' XFSZ; ulimit -S -f 200; exec \"$0\" \"$@\"";
        let mut shell = Command::new("sh");
        shell.args(["-c", limited]).arg(command.get_program()).args(command.get_args());
        shell
    });
    while process.said() != "refused" {
        scene.publish(5);
    }
    scene.publish(500);
    for _ in 0..3 {
        assert_eq!(process.said(), "refused", "there is no room yet");
    }
    let before = scene.stored().await;
    assert_ne!(before, scene.truth);
    let id = process.process.id().to_string();
    let freed = Command::new("prlimit").args(["--pid", &id, "--fsize=unlimited"]).status().unwrap();
    assert!(freed.success());
    while scene.stored().await != scene.truth {
        process.said();
    }
    process.kill();
    scene.finish().await;
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn postgres_survives_random_kills() {
    let Some(place) = postgres::place("random_kills") else { return };
    survives_random_kills(&place).await;
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn postgres_survives_a_kill_at_every_boundary() {
    let Some(place) = postgres::place("boundaries") else { return };
    survives_a_kill_at_every_boundary(&place).await;
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn of_two_processes_on_postgres_one_is_fenced() {
    let Some(place) = postgres::place("two_processes") else { return };
    fences_the_older_process(&place).await;
}

async fn survives_random_kills(place: &str) {
    let mut scene = Scene::new(place).await;
    let minutes: Option<u64> = env::var("CRASH_MINUTES").ok().map(|m| m.parse().unwrap());
    let (end, mean) = match minutes {
        Some(minutes) => (Instant::now() + Duration::from_secs(60 * minutes), 1_000),
        None => (Instant::now(), 250),
    };
    let mut random = Random::seeded(1);
    let (mut kills, mut fruitful) = (0, 0);
    while kills < 10 || Instant::now() < end {
        let before = scene.stored().await;
        let stored: usize = before.values().map(|(count, _)| *count as usize).sum();
        let process = scene.spawn(None);
        let life = Duration::from_millis(100 + random.below(2 * mean) as u64);
        let dies = Instant::now() + life;
        while Instant::now() < dies {
            if scene.published < stored + BACKLOG {
                scene.publish(random.below(10));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        process.kill();
        kills += 1;
        fruitful += usize::from(scene.stored().await != before);
    }
    println!("{place}: {kills} kills, {fruitful} of processes that had stored something");
    assert!(fruitful > 0, "no process came so far as to lose anything");
    scene.finish().await;
}

async fn survives_a_kill_at_every_boundary(place: &str) {
    let mut scene = Scene::new(place).await;
    for point in child::POINTS {
        for passes in [0, 2] {
            scene.publish(20);
            let mut process = scene.spawn(Some(&format!("{point}:{passes}")));
            while process.said() != format!("at {point}") {
                // One batch more to come by.
                scene.publish(5);
            }
            process.kill();
        }
    }
    scene.finish().await;
}

async fn fences_the_older_process(place: &str) {
    let mut scene = Scene::new(place).await;
    let mut older = scene.spawn(None);
    assert_eq!((older.said(), older.said()), ("open".into(), "stored".into()));
    let mut newer = scene.spawn(None);
    assert_eq!(newer.said(), "open");
    scene.publish(20);
    while older.said() != "fenced" {}
    assert!(older.process.wait().unwrap().success(), "it ends by itself");
    scene.publish(20);
    newer.kill();
    scene.finish().await;
}

/// A stream, and what is to come of it.
struct Scene {
    place: String,
    host: MicroPds,
    authors: Vec<Author>,
    truth: Sums,
    published: usize,
}

impl Scene {
    async fn new(place: &str) -> Self {
        let host = MicroPds::start().await.unwrap();
        let authors = child::authors();
        let births: Vec<Event> = authors.iter().flat_map(Author::birth).collect();
        let (place, truth) = (place.to_owned(), Sums::new());
        let mut scene = Self { place, host, authors, truth, published: 0 };
        ledger::open(&scene.place).await;
        births.into_iter().for_each(|event| scene.send(event));
        scene
    }

    fn publish(&mut self, events: usize) {
        for _ in 0..events {
            let at = self.published % self.authors.len();
            let event = self.authors[at].create(&Post::new("a post", Datetime::now()));
            self.send(event);
        }
    }

    fn send(&mut self, event: Event) {
        let did = event.did().unwrap().to_string();
        ledger::fold(&mut self.truth, did, self.host.publish(event));
        self.published += 1;
    }

    /// Starts this program anew, as the child, which stops at a point after some passes.
    fn spawn(&self, stop_at: Option<&str>) -> Process {
        self.spawn_with(|mut command| {
            command.env(child::STOP_AT, stop_at.unwrap_or_default());
            command
        })
    }

    /// The same with another command that runs the child's.
    fn spawn_with(&self, change: impl FnOnce(Command) -> Command) -> Process {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["crashes::child::child", "--exact", "--ignored", "--nocapture"]);
        let mut command = change(command);
        command
            .env(child::PLACE, &self.place)
            .env(child::UPSTREAM, self.host.url().replace("http", "ws"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let (words, said) = mpsc::channel();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        thread::spawn(move || {
            let mut lines = lines.map_while(Result::ok).filter(|line| child::is_word(line));
            lines.try_for_each(|word| words.send(word))
        });
        let _alive = process.stdin.take();
        Process { process, _alive, said }
    }

    async fn stored(&self) -> Sums {
        ledger::open(&self.place).await.sums().await
    }

    /// A last process stores the rest; all must be as it should.
    async fn finish(self) {
        let mut process = self.spawn(None);
        assert_eq!(process.said(), "open");
        while self.stored().await != self.truth {
            assert_eq!(process.said(), "stored");
        }
        process.kill();
        assert_eq!(self.stored().await, self.truth);
        let events: i64 = self.truth.values().map(|(count, _)| count).sum();
        assert_eq!(events, self.published as i64);
    }
}

struct Process {
    process: Child,
    /// The child ends when this is closed.
    _alive: Option<ChildStdin>,
    /// Its words; those of the test harness are left out.
    said: mpsc::Receiver<String>,
}

impl Process {
    /// What the child says next.
    fn said(&mut self) -> String {
        self.said.recv_timeout(SILENCE).expect("the child lives and has something to do")
    }

    /// With SIGKILL, of which it is not told.
    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// A child that says nothing for so long has nothing more to say.
const SILENCE: Duration = Duration::from_secs(60);

/// The last process must store what the others did not come to.
const BACKLOG: usize = 2_000;

//! A PostgreSQL server for the time of a test.

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

/// A server of its own, in a new folder, that listens on a Unix socket alone.
///
/// It ends with this value or this process, however that ends, and leaves nothing behind. As
/// root it runs as the user `postgres`.
#[derive(Debug)]
pub struct Postgres {
    directory: String,
    guardian: Mutex<Guardian>,
}

/// A shell that waits for the end of its standard input.
#[derive(Debug)]
struct Guardian {
    process: Child,
    /// `None` once it is to end.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Postgres {
    /// The one server of this process, started by the first call. Tests that share it use
    /// schemas of their own. `None`, with a word on standard error, where PostgreSQL is not
    /// installed.
    ///
    /// # Panics
    /// If it does not start; and if it is not installed and `CI` is set.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Postgres>> = OnceLock::new();
        let start = || Some(Self::start(&Self::programs()?).expect("PostgreSQL starts"));
        let shared = SHARED.get_or_init(start).as_ref();
        if shared.is_none() {
            assert!(env::var_os("CI").is_none(), "PostgreSQL is not installed");
            eprintln!("skipped: PostgreSQL is not installed");
        }
        shared
    }

    /// Where the server's programs are: in the newest version's folder of Debian's packages, or
    /// else in the path.
    pub fn programs() -> Option<PathBuf> {
        let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let mut folders: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
        folders.sort_by_key(|folder| version(folder));
        folders.reverse();
        folders.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
        folders.into_iter().find(|folder| folder.join("postgres").is_file())
    }

    /// Starts a server with the programs in a folder.
    ///
    /// # Errors
    /// Whatever keeps a server from starting; its own words are on standard error.
    pub fn start(programs: &Path) -> io::Result<Self> {
        let mut process = Command::new("sh")
            .args(["-c", include_str!("postgres/guardian.sh"), "guardian"])
            .arg(programs)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let orders = process.stdin.take();
        let answers = process.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut guardian = Guardian { process, orders, answers: BufReader::new(answers) };
        let directory = guardian.answer()?;
        Ok(Self { directory, guardian: Mutex::new(guardian) })
    }

    /// How to connect to it, as the libpq of every language reads it.
    pub fn parameters(&self) -> String {
        format!("host={} user=postgres dbname=postgres", self.directory)
    }

    /// Stops the server as a crash would. Nothing that was committed is lost.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn stop(&self) -> io::Result<()> {
        self.guardian().order("stop")
    }

    /// Starts it again after [`Self::stop`], and waits until it answers.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_again(&self) -> io::Result<()> {
        self.guardian().order("start")
    }

    fn guardian(&self) -> MutexGuard<'_, Guardian> {
        self.guardian.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guardian {
    fn order(&mut self, word: &str) -> io::Result<()> {
        let orders = self.orders.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        writeln!(orders, "{word}")?;
        self.answer().map(drop)
    }

    fn answer(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.answers.read_line(&mut line)? {
            0 => Err(io::Error::other("the server did not start")),
            _ => Ok(line.trim_end().to_owned()),
        }
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        self.orders = None;
        // There is nobody to tell.
        let _ = self.process.wait();
    }
}

fn version(folder: &Path) -> Option<u32> {
    folder.parent()?.file_name()?.to_str()?.parse().ok()
}

//! The `process_*` metrics, read from `/proc` at each scrape.

use std::{fmt::Write, fs};

/// Linux reports process times in these units to every architecture's user space.
const TICKS_PER_SECOND: f64 = 100.0;
/// The page size that Linux uses on the architectures we run on.
const PAGE: u64 = 4096;

/// Appends what can be read; a system without `/proc` simply has no such lines.
pub(crate) fn render(text: &mut String) {
    let mut metric = |name: &str, kind: &str, help: &str, value: Option<f64>| {
        if let Some(value) = value {
            // Writing to a String cannot fail.
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
        }
    };
    let stat = Stat::read();
    metric(
        "process_cpu_seconds_total",
        "counter",
        "User and system CPU time spent, in seconds.",
        stat.as_ref().map(|stat| stat.cpu_seconds),
    );
    metric(
        "process_resident_memory_bytes",
        "gauge",
        "Resident memory.",
        stat.as_ref().map(|stat| stat.resident_bytes as f64),
    );
    metric(
        "process_start_time_seconds",
        "gauge",
        "Start of the process, in seconds since the epoch.",
        stat.and_then(|stat| Some(boot_time()? + stat.started)),
    );
    metric(
        "process_open_fds",
        "gauge",
        "Open file descriptors.",
        fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as f64),
    );
    metric(
        "atproto_process_memory_limit_bytes",
        "gauge",
        "The control group's memory limit, or else the machine's memory.",
        memory_limit().map(|bytes| bytes as f64),
    );
}

struct Stat {
    cpu_seconds: f64,
    started: f64,
    resident_bytes: u64,
}

impl Stat {
    fn read() -> Option<Self> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        // The command name is in parentheses and may hold spaces: fields count from behind it.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        Some(Self {
            cpu_seconds: (number(11)? + number(12)?) as f64 / TICKS_PER_SECOND,
            started: number(19)? as f64 / TICKS_PER_SECOND,
            resident_bytes: number(21)? * PAGE,
        })
    }
}

fn boot_time() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

fn memory_limit() -> Option<u64> {
    let group = fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    group.and_then(|limit| limit.trim().parse().ok()).or_else(|| {
        let info = fs::read_to_string("/proc/meminfo").ok()?;
        let total = info.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        total.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kib| kib * 1024)
    })
}

use std::io;
use std::sync::Arc;

use super::error::LogError;
use super::handle::Shared;
use super::medium::{Medium, MediumFile};
use super::record::HEADER_LEN;
use super::recovery::{self, Damage, RecoveryReport, Scan};
use super::segment::{self, HEAD_LEN, Head, Segment};
use super::{LogConfig, SegmentLog, State, floor};

/// Opens a log and repairs it. See [`recovery`] for what counts as what.
pub(crate) fn open(
    medium: Arc<dyn Medium>,
    config: LogConfig,
) -> Result<(SegmentLog, RecoveryReport), LogError> {
    let files = medium.list().map_err(LogError::io("list", "the folder"))?;
    let mut floor = floor::read(&*medium, &files)?;
    let mut names: Vec<i64> = files.iter().filter_map(|name| segment::parse_name(name)).collect();
    names.sort_unstable();

    let mut report = RecoveryReport::default();
    let newest = loop {
        let Some(&first_seq) = names.last() else { break None };
        match recover(&*medium, &config, first_seq, &mut floor, &mut report)? {
            Some(newest) => break Some(newest),
            None => names.pop(),
        };
    };
    let mut segments = sealed(&*medium, &names, &mut report)?;
    let base = segments.last().map_or(0, |last| last.base + last.visible());

    let (active, file, last) = match newest {
        Some(Newest { head, first_seq, file, scan }) => {
            let active = Segment::new(first_seq, head, base, scan.end);
            active.set_index(scan.index);
            (Arc::new(active), file, scan.last)
        }
        None => {
            let head = Head { first_seq: floor, previous: floor - 1, newest_before: 0 };
            let (active, file) = create(&*medium, head, 0)?;
            (active, file, None)
        }
    };
    let (last_record, last_time) = last.unwrap_or((active.previous_or_name(), 0));
    let next_seq = floor.max(last_record + 1).max(active.first_seq);
    segments.push(Arc::clone(&active));
    let shared = Arc::new(Shared::new(medium, config, segments, next_seq - 1));
    let state = State::Running;
    let log =
        SegmentLog { shared, active, file, next_seq, last_record, last_time, state, lock: None };
    Ok((log, report))
}

/// Creates a segment with its head, durably.
pub(crate) fn create(
    medium: &dyn Medium,
    head: Head,
    base: u64,
) -> Result<(Arc<Segment>, Box<dyn MediumFile>), LogError> {
    let name = segment::file_name(head.first_seq);
    let file = match medium.create(&name) {
        Ok(file) => file,
        // Left over from an attempt that failed half way: no record was ever
        // written to it, or its first sequence number would be taken.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            medium.open(&name, true).map_err(LogError::io("open", &name))?
        }
        Err(error) => return Err(LogError::io("create", name)(error)),
    };
    let written = file
        .truncate(0)
        .and_then(|()| file.write_at(0, &head.encode()))
        .and_then(|()| file.sync())
        .and_then(|()| medium.sync());
    if let Err(error) = written {
        let _ = medium.remove(&name);
        return Err(LogError::io("begin", name)(error));
    }
    let segment = Segment::new(head.first_seq, Some(head), base, HEAD_LEN as u64);
    segment.set_index(recovery::Scan::default().index.completed());
    Ok((Arc::new(segment), file))
}

struct Newest {
    head: Option<Head>,
    first_seq: i64,
    file: Box<dyn MediumFile>,
    scan: Scan,
}

/// Reads the newest segment and cuts its torn tail. `None` if the segment was
/// never completed and has been removed.
fn recover(
    medium: &dyn Medium,
    config: &LogConfig,
    first_seq: i64,
    floor: &mut i64,
    report: &mut RecoveryReport,
) -> Result<Option<Newest>, LogError> {
    let name = segment::file_name(first_seq);
    let file = medium.open(&name, true).map_err(LogError::io("open", &name))?;
    let head = Head::read(&*file, first_seq).map_err(LogError::io("read", &name))?;
    let scan =
        recovery::scan(&*file, &name, first_seq, config.max_record_bytes, config.index_bytes)?;
    let len = file.len().map_err(LogError::io("measure", &name))?;

    if head.is_none() && scan.records == 0 {
        let held = most_records(len.saturating_sub(HEAD_LEN as u64));
        raise_floor(medium, floor, first_seq + held)?;
        medium.remove(&name).map_err(LogError::io("remove", &name))?;
        medium.sync().map_err(LogError::io("sync", "the folder"))?;
        report.empty_segments_removed += 1;
        return Ok(None);
    }
    if head.is_none() {
        report.damage.push(Damage { file: name.clone(), offset: 0, resumes: Some(first_seq) });
    }
    for (offset, resumes) in &scan.damage {
        let damage = Damage { file: name.clone(), offset: *offset, resumes: Some(*resumes) };
        report.damage.push(damage);
    }
    if len > scan.end {
        let last = scan.last.map_or(first_seq - 1, |(seq, _)| seq);
        raise_floor(medium, floor, last + 1 + most_records(len - scan.end))?;
        file.truncate(scan.end).map_err(LogError::io("truncate", &name))?;
        file.sync().map_err(LogError::io("sync", &name))?;
        report.torn_bytes += len - scan.end;
    }
    report.records_checked = scan.records;
    Ok(Some(Newest { head, first_seq, file, scan }))
}

/// Upper bound of the sequence numbers that lost bytes can have carried. They
/// may have been given out and even seen, if the disk lied about a sync.
fn most_records(bytes: u64) -> i64 {
    i64::try_from(bytes.div_ceil(HEADER_LEN as u64)).unwrap_or(i64::MAX)
}

/// Writes the floor before the evidence for it is destroyed.
fn raise_floor(medium: &dyn Medium, floor: &mut i64, to: i64) -> Result<(), LogError> {
    if to > *floor {
        floor::write(medium, to)?;
        *floor = to;
    }
    Ok(())
}

/// The segments before the newest: only their heads are read.
fn sealed(
    medium: &dyn Medium,
    names: &[i64],
    report: &mut RecoveryReport,
) -> Result<Vec<Arc<Segment>>, LogError> {
    let mut segments = Vec::with_capacity(names.len());
    let mut base = 0;
    let older = names.split_last().map_or(&[][..], |(_, older)| older);
    for &first_seq in older {
        let name = segment::file_name(first_seq);
        let file = medium.open(&name, false).map_err(LogError::io("open", &name))?;
        let len = file.len().map_err(LogError::io("measure", &name))?;
        let head = Head::read(&*file, first_seq).map_err(LogError::io("read", &name))?;
        if head.is_none() {
            let resumes = Some(first_seq);
            report.damage.push(Damage { file: name.clone(), offset: 0, resumes });
        }
        segments.push(Arc::new(Segment::new(first_seq, head, base, len)));
        base += len;
    }
    Ok(segments)
}

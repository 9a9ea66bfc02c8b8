//! How much memory a repository takes that is read block by block.
//!
//! ```text
//! large_repository make FILE RECORDS        writes a shuffled archive
//! large_repository in-any-order FILE        reads it, spilling to a temporary file
//! large_repository in-order FILE            reads one that is in order
//! large_repository whole FILE               reads it whole
//! ```

use std::{
    env,
    error::Error,
    fs::{self, File},
    io::BufWriter,
    time::Instant,
};

use atproto_core::{
    crypto::{Curve, SecretKey},
    data::cbor::Writer,
    syntax::{Cid, Tid},
};
use atproto_repo::{
    car::CarWriter,
    commit::UnsignedCommit,
    mst::Builder,
    repo::{self, Record, RepoReader, TemporaryFile, VerifyError},
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let start = Instant::now();
    let records = match arguments[..] {
        ["make", file, records] => return make(file, records.parse()?),
        ["in-any-order", file] => {
            count(RepoReader::new().in_any_order(File::open(file)?, TemporaryFile::new())?)?
        }
        ["in-order", file] => count(RepoReader::new().in_order(File::open(file)?)?)?,
        ["whole", file] => repo::verify(fs::read(file)?, None)?.len(),
        _ => return Err("make FILE RECORDS, or in-any-order, in-order or whole FILE".into()),
    };
    println!("{records} records in {:.1?}; {}", start.elapsed(), peak()?);
    Ok(())
}

fn count(records: impl Iterator<Item = Result<Record, VerifyError>>) -> Result<usize, VerifyError> {
    let mut count = 0;
    for record in records {
        record?;
        count += 1;
    }
    Ok(count)
}

/// The most memory that this process has had.
fn peak() -> Result<String, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).ok_or("no VmHWM")?;
    Ok(peak.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn make(file: &str, records: u64) -> Result<(), Box<dyn Error>> {
    let mut blocks = Vec::new();
    let mut tree = Vec::new();
    let mut builder = Builder::new(|cid, node: &[u8]| tree.push((cid, node.to_vec())));
    for number in 0..records {
        let record = record(number);
        let cid = Cid::dag_cbor(&record);
        let rkey = Tid::from_parts(1_700_000_000_000_000 + number * 1_000_003, 7);
        builder.push(format!("app.bsky.feed.post/{rkey}").as_bytes(), cid)?;
        blocks.push((cid, record));
    }
    let data = builder.finish();
    blocks.extend(tree);

    let key = SecretKey::generate(Curve::K256);
    let did = "did:plc:ewvi7nxzyoun6zhxrhs64oiz".parse()?;
    let commit = UnsignedCommit::new(did, data, Tid::now()).sign(&key)?.encode();
    let root = Cid::dag_cbor(&commit);
    blocks.push((root, commit));
    shuffle(&mut blocks);
    let mut archive = CarWriter::new(BufWriter::new(File::create(file)?), &root)?;
    for (cid, block) in &blocks {
        archive.block(cid, block)?;
    }
    archive.finish()?;
    println!("{} blocks in {} bytes", blocks.len(), fs::metadata(file)?.len());
    Ok(())
}

/// A post of the usual length.
fn record(number: u64) -> Vec<u8> {
    let mut writer = Writer::with_capacity(256);
    writer.map(4).text("text").text(&format!("the post with the number {number}"));
    writer.text("$type").text("app.bsky.feed.post");
    writer.text("langs").array(1).text("en");
    writer.text("createdAt").text("2026-01-01T00:00:00.000Z");
    writer.into_bytes()
}

/// The same order on every run.
fn shuffle<T>(items: &mut [T]) {
    let mut state = 1u64;
    for last in (1..items.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        items.swap(last, (state >> 33) as usize % (last + 1));
    }
}

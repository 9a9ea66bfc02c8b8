use atproto_core::{data::cbor::Writer, syntax::Cid};
use atproto_repo::{
    BlockMap,
    car::{self, CarError, CarReader, Limits},
};
use proptest::{collection::vec, prelude::*};

use crate::support::{bad_input, shared_bytes, text};

/// The expectation of each case that leaves a choice, and ours.
const CHOICES: [(&str, bool); 5] = [
    ("two-roots", true),
    ("unreferenced-10k", true),
    ("unknown-codec-block", false),
    ("empty-block", true),
    ("block-2mb", false),
];

#[test]
fn malformed_archives_are_refused() {
    let Some(cases) = bad_input("car/") else { return };
    assert!(cases.len() > 35);
    for case in cases {
        let file = text(&case, "file");
        let (function, expect) = (text(&case, "function"), text(&case, "expect"));
        let choice = CHOICES.iter().find(|(name, _)| file.contains(name));
        // What only a repository asks for is tested with repositories.
        let whole_repository = expect.contains("missing") && function.contains("repo load");
        let accept = choice.map_or(expect.starts_with("accept"), |(_, accept)| *accept);
        let bytes = shared_bytes(&format!("bad-input/{file}")).unwrap();
        let answers = read_in_all_ways(&bytes);
        if !whole_repository {
            assert_eq!(answers.is_ok(), accept, "{file}: {expect}: {answers:?}");
        }
    }
}

#[test]
fn car_011_lengths_are_exact() {
    let Some(overlong) = shared_bytes("bad-input/car/varint-overlong-section.car") else { return };
    assert!(matches!(read_in_all_ways(&overlong), Err(CarError::VarintNotMinimal)));
    let endless = shared_bytes("bad-input/car/varint-never-ends.car").unwrap();
    assert!(matches!(read_in_all_ways(&endless), Err(CarError::VarintTooLong)));
    let padded = shared_bytes("bad-input/car/zero-padding-at-end.car").unwrap();
    assert!(matches!(read_in_all_ways(&padded), Err(CarError::EmptySection)));
    let huge = shared_bytes("bad-input/car/section-len-huge.car").unwrap();
    assert!(matches!(read_in_all_ways(&huge), Err(CarError::TooLarge { .. })));
}

#[test]
fn car_001_a_header_has_version_1_and_roots() {
    let root = Cid::dag_cbor(b"");
    let with_header = |header: &Writer| {
        let header = header.clone().into_bytes();
        let mut archive = vec![header.len() as u8];
        archive.extend(header);
        read_in_all_ways(&archive).map(|(roots, ..)| roots)
    };
    let mut header = Writer::new();
    header.map(2).text("roots").array(1).link(&root).text("version").int(1);
    assert_eq!(with_header(&header).unwrap(), [root]);
    let refused: [&dyn Fn(&mut Writer); 6] = [
        &|header| _ = header.map(2).text("roots").array(1).link(&root).text("version").int(2),
        &|header| _ = header.map(1).text("version").int(1),
        &|header| _ = header.map(1).text("roots").array(1).link(&root),
        &|header| _ = header.map(2).text("roots").link(&root).text("version").int(1),
        &|header| _ = header.map(2).text("roots").array(0).text("version").int(1),
        &|header| _ = header.array(2).text("roots").text("version"),
    ];
    for (index, fill) in refused.into_iter().enumerate() {
        let mut header = Writer::new();
        fill(&mut header);
        assert!(with_header(&header).is_err(), "{index}");
    }
}

#[test]
fn car_005_a_block_may_come_again() {
    let root = Cid::dag_cbor(b"a block");
    let archive = car::write(&root, std::iter::repeat_n((&root, &b"a block"[..]), 3));
    let (_, count, blocks) = read_in_all_ways(&archive).unwrap();
    assert_eq!((count, blocks.len()), (3, 1));
}

#[test]
fn car_012_a_block_is_filed_under_a_cid_of_36_bytes() {
    let root = Cid::dag_cbor(b"a block");
    let good = car::write(&root, [(&root, &b"a block"[..])]);
    assert!(read_in_all_ways(&good).is_ok());
    let header = 59;
    assert_eq!(good[header], 36 + 7);
    for (offset, byte) in [(1, 0x12), (1, 2), (2, 0x70), (3, 0x13), (4, 31), (4, 33)] {
        let mut changed = good.clone();
        changed[header + offset] = byte;
        assert!(matches!(read_in_all_ways(&changed), Err(CarError::Cid)), "{offset}: {byte}");
    }
    let mut short = good[..header].to_vec();
    short.push(35);
    short.extend(&root.to_bytes()[..35]);
    assert!(matches!(read_in_all_ways(&short), Err(CarError::Cid)));
}

#[test]
fn car_015_a_length_is_checked_before_there_is_room_for_it() {
    let root = Cid::dag_cbor(b"");
    let limit = Limits::default().max_block;
    let section = |length: usize| {
        let mut archive = car::write(&root, std::iter::empty::<(&Cid, &[u8])>());
        let mut rest = length + 36;
        while rest > 127 {
            archive.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        archive.push(rest as u8);
        read_in_all_ways(&archive).unwrap_err()
    };
    assert!(matches!(section(limit), CarError::Truncated));
    assert!(matches!(section(limit + 1), CarError::TooLarge { .. }));
    assert!(matches!(section(1 << 50), CarError::TooLarge { .. }));
}

#[test]
fn t24_counts_are_bounded() {
    let root = Cid::dag_cbor(b"");
    let archive = car::write(&root, std::iter::repeat_n((&root, &b""[..]), 11));
    let mut blocks = CarReader::new().max_blocks(10).for_slice(&archive).unwrap();
    assert!(blocks.by_ref().take(10).all(|block| block.is_ok()));
    assert!(matches!(blocks.next(), Some(Err(CarError::TooManyBlocks { limit: 10 }))));
    assert!(blocks.next().is_none());
}

#[test]
fn real_and_synthetic_archives_hold_what_their_manifest_says() {
    let Some(manifest) = crate::support::shared_json("car/manifest.json") else { return };
    for entry in manifest.as_array().unwrap() {
        let file = text(entry, "file");
        let bytes = shared_bytes(&format!("car/{file}")).unwrap();
        let read = read_in_all_ways(&bytes);
        match file {
            // One has a section of zero bytes, the other blocks of other hashes or codecs.
            "gocar-sample-v1-with-zero-len-section2.car" | "iroh-carv1_basic.car" => {
                assert!(read.is_err(), "{file}");
            }
            _ => {
                let (roots, count, blocks) = read.unwrap();
                let expected: Vec<Cid> = entry["roots"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|root| root.as_str().unwrap().parse().unwrap())
                    .collect();
                assert_eq!(roots, expected, "{file}");
                assert_eq!(count as u64, entry["blocks"], "{file}");
                let duplicates = (count - blocks.len()) as u64;
                assert_eq!(duplicates, entry["duplicate_blocks"], "{file}");
            }
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(contents in vec(vec(any::<u8>(), 0..300), 1..20), small in 1..50usize) {
        let blocks: Vec<_> =
            contents.iter().map(|block| (Cid::dag_cbor(block), block.as_slice())).collect();
        let archive = car::write(&blocks[0].0, blocks.iter().map(|(cid, block)| (cid, *block)));
        let (roots, count, map) = read_in_all_ways(&archive).unwrap();
        prop_assert_eq!(roots, vec![blocks[0].0]);
        prop_assert_eq!(count, blocks.len());
        for (cid, block) in &blocks {
            prop_assert_eq!(map.get(cid).unwrap().as_ref(), *block);
        }
        // A reader that gets a few bytes at a time sees the same.
        let slow = Slow { rest: &archive, at_once: small };
        prop_assert_eq!(CarReader::new().for_reader(slow).unwrap().count(), count);
        #[cfg(feature = "tokio")]
        prop_assert_eq!(count_slowly(&archive, small).unwrap(), count);
    }

    #[test]
    fn t25_a_flipped_bit_is_noticed(
        contents in vec(vec(any::<u8>(), 0..100), 1..5),
        place in any::<prop::sample::Index>(),
        bit in 0..8u32,
    ) {
        let blocks: Vec<_> =
            contents.iter().map(|block| (Cid::dag_cbor(block), block.as_slice())).collect();
        let mut archive =
            car::write(&blocks[0].0, blocks.iter().map(|(cid, block)| (cid, *block)));
        let header = CarReader::new().for_slice(&archive).unwrap().position();
        let place = header + place.index(archive.len() - header);
        archive[place] ^= 1u8 << bit;
        prop_assert!(read_in_all_ways(&archive).is_err());
    }
}

/// Reads an archive through every front; they must agree.
fn read_in_all_ways(archive: &[u8]) -> Result<(Vec<Cid>, usize, BlockMap), CarError> {
    let reader = CarReader::new();
    let slice = reader.for_slice(archive).and_then(|mut blocks| {
        let count = blocks.by_ref().try_fold(0, |count, block| block.map(|_| count + 1))?;
        Ok((blocks.roots().to_vec(), count))
    });
    let streamed = reader.for_reader(archive).and_then(|mut blocks| {
        let count = blocks.by_ref().try_fold(0, |count, block| block.map(|_| count + 1))?;
        Ok((blocks.roots().to_vec(), count))
    });
    #[cfg(feature = "tokio")]
    assert_eq!(
        slice.as_ref().map(|(_, count)| *count).map_err(CarError::to_string),
        count_slowly(archive, 64).map_err(|error| error.to_string())
    );
    let whole = car::read_all(archive.to_vec(), &Limits::default());
    let describe = |error: &CarError| error.to_string();
    assert_eq!(slice.as_ref().map_err(describe), streamed.as_ref().map_err(describe));
    assert_eq!(slice.as_ref().err().map(describe), whole.as_ref().err().map(describe));
    let (roots, blocks) = whole?;
    let (_, count) = slice?;
    Ok((roots, count, blocks))
}

struct Slow<'a> {
    rest: &'a [u8],
    at_once: usize,
}

impl std::io::Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.at_once.min(buffer.len());
        std::io::Read::read(&mut self.rest, &mut buffer[..length])
    }
}

/// Reads an archive from asynchronous input of so many bytes at a time, giving up on every
/// other read before it is done.
#[cfg(feature = "tokio")]
fn count_slowly(archive: &[u8], at_once: usize) -> Result<usize, CarError> {
    use tokio::io::AsyncWriteExt;

    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (mut input, output) = tokio::io::duplex(at_once);
        let write = async {
            // The reader may have left.
            let _ = input.write_all(archive).await;
            drop(input);
        };
        let read = async {
            let mut blocks = CarReader::new().for_async_reader(output).await?;
            let mut count = 0;
            loop {
                let next = tokio::select! {
                    biased;
                    next = blocks.next() => next,
                    () = tokio::task::yield_now() => continue,
                };
                match next {
                    Some(block) => block.map(|_| count += 1)?,
                    None => return Ok(count),
                }
            }
        };
        tokio::join!(write, read).1
    })
}

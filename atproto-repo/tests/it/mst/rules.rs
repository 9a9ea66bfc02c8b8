//! Trees that break rules.

use atproto_core::{data::cbor::Writer, syntax::Cid};
use atproto_repo::{
    BlockMap, RepoPath, car,
    event::RepoOp,
    mst::{
        Cursor, Limits, MstError, NodeFault, Tree, common_prefix, covering, diff, height, lookup,
        path,
    },
    sync::invert,
};
use proptest::{collection::btree_set, prelude::*};

use crate::support::{bad_input, shared_bytes, text};

#[test]
fn mst_008_every_rule_is_checked_on_a_walk() {
    let Some(cases) = bad_input("mst/") else { return };
    assert!(cases.len() > 40);
    for case in cases {
        let file = text(&case, "file");
        let bytes = shared_bytes(&format!("bad-input/{file}")).unwrap();
        let walked = walk(bytes);
        match text(&case, "expect") {
            "accept" => assert_eq!(walked.unwrap() as u64, case["keys"], "{file}"),
            // Of choices, ours: nodes have a limit and no other fields, and a walk wants
            // the whole tree.
            expect => {
                let rejects = expect.contains("reject");
                assert!(rejects, "{file}: unknown expectation {expect}");
                assert!(walked.is_err(), "{file}: {expect}");
            }
        }
    }
}

fn walk(bytes: Vec<u8>) -> Result<usize, String> {
    let (roots, blocks) =
        car::read_all(bytes, &car::Limits::default()).map_err(|error| error.to_string())?;
    let mut cursor = Cursor::new(&blocks, roots[0]);
    let mut count = 0;
    while cursor.next_entry().map_err(|error| error.to_string())?.is_some() {
        count += 1;
    }
    Ok(count)
}

#[test]
fn t30_subtrees_that_are_shared_are_out_of_order() {
    // A node that is linked twice would have to hold the same keys in two places.
    let Some(bytes) = shared_bytes("bad-input/mst/same-subtree-twice.car") else { return };
    assert!(walk(bytes).unwrap_err().contains("out of order"));
}

#[test]
fn t28_towers_of_empty_nodes_end_at_the_root() {
    let Some(bytes) = shared_bytes("bad-input/mst/deep-chain-5000.car") else { return };
    assert!(walk(bytes).unwrap_err().contains("no entries"));
}

#[test]
fn mst_007_and_013_a_node_has_all_its_fields_and_no_others() {
    let link = Cid::dag_cbor(b"record");
    let node = |write: &dyn Fn(&mut Writer)| {
        let mut writer = Writer::new();
        write(&mut writer);
        fault(writer.into_bytes())
    };
    let entry = |writer: &mut Writer| {
        writer.map(4).text("k").bytes(LOW.as_bytes()).text("p").int(0);
        writer.text("t").null().text("v").link(&link);
    };
    let sound = node(&|writer| {
        writer.map(2).text("e").array(1);
        entry(writer);
        writer.text("l").null();
    });
    assert_eq!(sound, None);
    let faulty: [&dyn Fn(&mut Writer); 8] = [
        &|writer| _ = writer.map(1).text("e").array(0),
        &|writer| _ = writer.map(1).text("l").null(),
        &|writer| _ = writer.map(3).text("e").array(0).text("l").null().text("x").null(),
        &|writer| _ = writer.map(2).text("e").null().text("l").null(),
        &|writer| _ = writer.map(2).text("e").array(0).text("l").bool(false),
        &|writer| {
            writer.map(2).text("e").array(1).map(3).text("k").bytes(LOW.as_bytes());
            writer.text("p").int(0).text("v").link(&link).text("l").null();
        },
        &|writer| {
            writer.map(2).text("e").array(1).map(4).text("k").text(LOW).text("p").int(0);
            writer.text("t").null().text("v").link(&link).text("l").null();
        },
        &|writer| {
            writer.map(2).text("e").array(1).map(4).text("k").bytes(LOW.as_bytes());
            writer.text("p").int(-1).text("t").null().text("v").link(&link).text("l").null();
        },
    ];
    for (index, write) in faulty.iter().enumerate() {
        assert_eq!(node(write), Some(NodeFault::Fields), "{index}");
    }
    let raw = node(&|writer| {
        writer.map(2).text("e").array(1);
        entry(writer);
        writer.text("l").link(&Cid::raw(b"node"));
    });
    assert_eq!(raw, Some(NodeFault::LinkCodec));
}

#[test]
fn mst_006_and_011_prefix_lengths_are_exact() {
    let mut low = (0..).map(|n| format!("{LOW}{n}")).filter(|key| height(key.as_bytes()) == 0);
    let keys = [low.next().unwrap(), low.next().unwrap()];
    let shared = keys[0].bytes().zip(keys[1].bytes()).take_while(|(a, b)| a == b).count();
    let with_prefix = |prefix: i64| {
        let mut writer = Writer::new();
        writer.map(2).text("e").array(2);
        for (key, prefix) in [(&keys[0], 0), (&keys[1], prefix)] {
            let suffix = &key.as_bytes()[key.len().min(prefix as usize)..];
            writer.map(4).text("k").bytes(suffix).text("p").int(prefix);
            writer.text("t").null().text("v").link(&Cid::dag_cbor(b""));
        }
        writer.text("l").null();
        fault(writer.into_bytes())
    };
    assert_eq!(with_prefix(shared as i64), None);
    for prefix in [0, 1, shared as i64 - 1, keys[0].len() as i64 + 1, i64::MAX] {
        let found = with_prefix(prefix);
        assert!(matches!(found, Some(NodeFault::Prefix { .. })), "{prefix}: {found:?}");
    }
}

#[test]
fn mst_009_and_010_limits_hold_on_reading_too() {
    let mut tree = Tree::empty();
    let keys = (0..).map(|number| format!("{LOW}{number}"));
    for key in keys.clone().filter(|key| height(key.as_bytes()) == 0).take(9) {
        tree.insert(&BlockMap::new(), key, Cid::dag_cbor(b"")).unwrap();
    }
    let high = keys.clone().find(|key| height(key.as_bytes()) == 3).unwrap();
    tree.insert(&BlockMap::new(), &high, Cid::dag_cbor(b"")).unwrap();
    let root = tree.root();
    let blocks = tree.take_new_blocks();

    let mut narrow = Limits::default();
    narrow.max_entries = 4;
    let mut low = Limits::default();
    low.max_height = 2;
    let refusal = |limits| {
        let mut cursor = Cursor::with_limits(&blocks, root, limits);
        loop {
            match cursor.next_entry() {
                Ok(found) => assert!(found.is_some(), "the tree was accepted"),
                Err(MstError::Node { fault, .. }) => return fault,
                Err(other) => panic!("{other}"),
            }
        }
    };
    assert!(matches!(refusal(narrow), NodeFault::TooManyEntries { limit: 4, .. }));
    assert_eq!(refusal(low), NodeFault::Height { limit: 2, found: 3 });

    let mut tree = Tree::empty().with_limits(low);
    let refused = tree.insert(&BlockMap::new(), &high, Cid::dag_cbor(b"")).unwrap_err();
    assert!(matches!(refused, MstError::Key(NodeFault::Height { limit: 2, found: 3 })));
}

#[test]
fn mst_012_a_graph_that_is_no_tree_ends_at_once() {
    // Each layer has the one below twice, so a walk without rules doubles with each.
    let record = Cid::dag_cbor(b"");
    let mut blocks = BlockMap::new();
    let mut below = None;
    for layer in 0..6 {
        let key = (0..).map(|n| format!("{LOW}{n}")).find(|key| height(key.as_bytes()) == layer);
        let mut writer = Writer::new();
        writer.map(2).text("e").array(1).map(4).text("k").bytes(key.unwrap().as_bytes());
        writer.text("p").int(0).text("t").nullable_link(below.as_ref());
        writer.text("v").link(&record).text("l").nullable_link(below.as_ref());
        let block = writer.into_bytes();
        let cid = Cid::dag_cbor(&block);
        blocks.insert(cid, block.into());
        below = Some(cid);
    }
    let mut cursor = Cursor::new(&blocks, below.unwrap());
    let mut steps = 0;
    let refused = loop {
        match cursor.next_entry() {
            Ok(_) => steps += 1,
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, MstError::Node { fault: NodeFault::KeyOrder, .. }), "{refused}");
    assert!(steps <= 12, "{steps}");
}

#[test]
fn it_001_order_and_layers_are_checked_whatever_reads_the_node() {
    let [low, other] = [1, 2].map(|nth| {
        let keys = (0..).map(|number| format!("{LOW}{number}"));
        keys.filter(|key| height(key.as_bytes()) == 0).nth(nth).unwrap()
    });
    let high = (0..).map(|n| format!("{LOW}{n}")).find(|key| height(key.as_bytes()) == 1).unwrap();
    let record = Cid::dag_cbor(b"");
    let node = |keys: [&str; 2]| {
        let mut writer = Writer::new();
        writer.map(2).text("e").array(2);
        let mut last = "";
        for key in keys {
            let shared = common_prefix(last.as_bytes(), key.as_bytes());
            writer.map(4).text("k").bytes(&key.as_bytes()[shared..]).text("p").int(shared as i64);
            writer.text("t").null().text("v").link(&record);
            last = key;
        }
        writer.text("l").null();
        writer.into_bytes()
    };
    let (first, second) = if low < other { (&low, &other) } else { (&other, &low) };
    let (one, two) = if low < high { (&low, &high) } else { (&high, &low) };
    let limits = Limits::default();
    let read_in_all_ways = |block: Vec<u8>| {
        let root = Cid::dag_cbor(&block);
        let blocks =
            BlockMap::from_iter([(root, block.into()), (Tree::empty_root(), EMPTY.into())]);
        let empty = Tree::empty_root();
        let mut from_the_end = Cursor::new(&blocks, root);
        from_the_end.seek_after_prefix(b"").unwrap();
        let op = RepoOp::create(RepoPath::parse(&low).unwrap(), record);
        [
            Cursor::new(&blocks, root).next_entry().is_ok(),
            from_the_end.previous_entry().is_ok(),
            Cursor::new(&blocks, root).seek(low.as_bytes()).is_ok(),
            Tree::load(root).get(&blocks, &low).is_ok(),
            Tree::load(root).insert(&blocks, &low, record).is_ok(),
            Tree::load(root).remove(&blocks, &low).is_ok(),
            diff((&blocks, &empty), (&blocks, &root), &limits).is_ok(),
            lookup(&blocks, &root, low.as_bytes(), &limits).is_ok(),
            path(&blocks, &root, low.as_bytes(), &limits).is_ok(),
            covering(&blocks, &root, [&low], &limits).is_ok(),
            invert(&root, &[op], &blocks, &limits).is_ok(),
        ]
    };
    assert_eq!(read_in_all_ways(node([first, second])), [true; 11]);
    assert_eq!(read_in_all_ways(node([second, first])), [false; 11], "order");
    assert_eq!(read_in_all_ways(node([first, first])), [false; 11], "twice");
    assert_eq!(read_in_all_ways(node([one, two])), [false; 11], "layers");
}

/// The node of the tree without entries.
const EMPTY: &[u8] = b"\xa2\x61e\x80\x61l\xf6";

/// What is wrong with a node that is a whole tree.
fn fault(node: Vec<u8>) -> Option<NodeFault> {
    let root = Cid::dag_cbor(&node);
    let blocks: BlockMap = [(root, node.into())].into_iter().collect();
    match Tree::load(root).get(&blocks, LOW) {
        Ok(_) => None,
        Err(MstError::Node { cid, fault }) if cid == root => Some(fault),
        Err(other) => panic!("{other}"),
    }
}

/// A key of layer 0.
const LOW: &str = "com.example.thing/0";

proptest! {
    /// T29: a node with any one byte changed is refused, if not by its hash then by what
    /// it says, or it says something else; it is never misread or a cause of panic.
    #[test]
    fn t29_altered_nodes_are_never_taken_for_the_original(
        numbers in btree_set(0..10_000u32, 1..40),
        place in any::<prop::sample::Index>(),
        byte in 1..=255u8,
    ) {
        let keys: Vec<_> = numbers.iter().map(|n| format!("com.example.thing/{n}")).collect();
        let mut tree = Tree::empty();
        for key in keys.iter().filter(|key| height(key.as_bytes()) == 0) {
            tree.insert(&BlockMap::new(), key, Cid::dag_cbor(b"")).unwrap();
        }
        let root = tree.root();
        let mut node = tree.take_new_blocks().get(&root).unwrap().to_vec();
        let place = place.index(node.len());
        node[place] ^= byte;
        let blocks: BlockMap = [(root, node.clone().into())].into_iter().collect();
        let mut cursor = Cursor::new(&blocks, root);
        let mut entries = Vec::new();
        loop {
            match cursor.next_entry() {
                Ok(Some((key, value))) => entries.push((key.to_vec(), value)),
                Ok(None) => break,
                Err(MstError::Node { .. } | MstError::Missing(_)) => return Ok(()),
                Err(other) => panic!("{other}"),
            }
        }
        // What was accepted is what the bytes say: encoding it again gives them.
        let mut again = Tree::empty();
        for (key, value) in entries {
            again.insert(&BlockMap::new(), key, value).unwrap();
        }
        prop_assert_eq!(again.root(), Cid::dag_cbor(&node));
        prop_assert_ne!(again.root(), root);
    }
}

#[test]
fn cid_008_a_link_to_a_record_is_kept_whatever_its_codec() {
    let mut tree = Tree::empty();
    let links = [Cid::raw(b"bytes"), Cid::dag_cbor(b"\xa0")];
    for (number, link) in links.into_iter().enumerate() {
        tree.insert(&BlockMap::new(), format!("com.example.thing/{number}"), link).unwrap();
    }
    let (root, blocks) = (tree.root(), tree.take_new_blocks());

    let mut loaded = Tree::load(root);
    assert_eq!(loaded.get(&blocks, "com.example.thing/0").unwrap(), Some(links[0]));
    loaded.insert(&blocks, "com.example.thing/2", links[1]).unwrap();
    loaded.remove(&blocks, "com.example.thing/2").unwrap();
    assert_eq!(loaded.root(), root);
}

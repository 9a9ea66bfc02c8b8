//! Replays changes of trees, so that another implementation can be held against this one.
//!
//! A line of standard input is one tree: `{"batches": [[[key, CID or null], …], …]}`, from
//! nothing. The answer is a line with what each batch led to: the root, what differs from
//! the tree before, and the nodes that prove the batch.

use std::{
    error::Error,
    io::{self, BufRead, Write},
};

use atproto_core::syntax::Cid;
use atproto_repo::{
    BlockMap,
    mst::{Change, Limits, Tree, covering, diff},
};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let line: Value = serde_json::from_str(&line?)?;
        let steps = replay(&line["batches"])?;
        writeln!(out, "{}", Value::from(steps))?;
        out.flush()?;
    }
    Ok(())
}

fn replay(batches: &Value) -> Result<Vec<Value>, Box<dyn Error>> {
    let limits = Limits::default();
    let mut store = BlockMap::new();
    let mut tree = Tree::empty();
    let mut steps = Vec::new();
    store.extend(tree.take_new_blocks());
    for batch in list(batches)? {
        let old_root = tree.root();
        let mut keys = Vec::new();
        for change in list(batch)? {
            let key = change[0].as_str().ok_or("a change begins with its key")?;
            match change[1].as_str() {
                Some(value) => tree.insert(&store, key, value.parse()?)?,
                None => tree.remove(&store, key)?,
            };
            keys.push(key);
        }
        let root = tree.root();
        store.extend(tree.take_new_blocks());
        let diff = diff((&store, &old_root), (&store, &root), &limits)?;
        let proof = covering(&store, &root, &keys, &limits)?;
        if undo(&proof, root, &diff.changes)? != old_root {
            return Err("the proof does not lead back".into());
        }
        steps.push(json!({
            "root": root,
            "changes": diff.changes.iter().map(change).collect::<Vec<_>>(),
            "created": sorted(&diff.created_nodes),
            "deleted": sorted(&diff.deleted_nodes),
            "proof": sorted(proof.cids()),
        }));
        // Every other batch begins with nothing in memory.
        if steps.len() % 2 == 0 {
            tree = Tree::load(root);
        }
    }
    Ok(steps)
}

/// The root before the changes, from the nodes that prove them and no others.
fn undo(proof: &BlockMap, root: Cid, changes: &[Change]) -> Result<Cid, Box<dyn Error>> {
    let mut tree = Tree::load(root);
    for Change { key, old, .. } in changes {
        match old {
            Some(old) => tree.insert(proof, key, *old)?,
            None => tree.remove(proof, key)?,
        };
    }
    Ok(tree.root())
}

fn list(value: &Value) -> Result<&Vec<Value>, Box<dyn Error>> {
    value.as_array().ok_or_else(|| format!("{value} is no list").into())
}

fn change(change: &Change) -> Value {
    json!([String::from_utf8_lossy(&change.key), change.old, change.new])
}

fn sorted<'a>(cids: impl IntoIterator<Item = &'a Cid>) -> Vec<String> {
    let mut texts: Vec<_> = cids.into_iter().map(Cid::to_string).collect();
    texts.sort();
    texts
}

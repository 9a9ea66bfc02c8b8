//! Makes a repository, writes a post to it, and checks its archive.

use std::fs::File;

use atproto_core::{
    crypto::{Curve, SecretKey},
    syntax::{Datetime, Did},
};
use atproto_lexicons::app::bsky::feed::Post;
use atproto_repo::{
    BlockMap,
    repo::{Repo, Write},
};

pub(crate) fn run() -> anyhow::Result<()> {
    let key = SecretKey::generate(Curve::K256);
    let did = Did::new("did:plc:ewvi7nxzyoun6zhxrhs64oiz")?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("alice.car");

    let mut repo = Repo::create(BlockMap::new(), did, &key)?;
    let post = Post::new("hello", Datetime::now());
    let commit = repo.apply([Write::create(&post)?], &key)?;
    repo.export(File::create(&file)?)?;
    let verified = Repo::verify(File::open(&file)?, &key.public_key())?;

    println!("commit {} of {}", verified.head.commit, verified.did);
    for op in &commit.ops {
        println!("{} {}", op.action.as_str(), op.path);
    }
    println!("the archive holds {} record and is sound", verified.len());
    Ok(())
}

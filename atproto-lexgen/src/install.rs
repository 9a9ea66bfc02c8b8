//! Installs lexicons from the network: what was asked for, and what that needs.
//!
//! The [`manifest`] pins every document by the hash of its record. Without
//! [`update`](Installer::update) nothing that is pinned changes: a file that is missing is
//! fetched again and must be the version that is pinned. Nothing is written before
//! everything has been fetched and proven, and no file is overwritten that was not
//! installed: neither one of the author's own nor one that was edited since.

mod error;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    str::FromStr,
};

use atproto_core::{
    lexicon::Document,
    syntax::{AtIdentifier, AtUri, Did, Nsid, SyntaxError},
};
use futures::{StreamExt, TryStreamExt, stream};

pub use error::InstallError;

use crate::{
    Error, files,
    manifest::{self, Manifest, ManifestError, Resolution},
    record,
    resolve::{LexiconResolver, Published},
    walk,
};

/// Installs lexicons into a directory.
#[derive(Clone)]
pub struct Installer {
    resolver: LexiconResolver,
    lexicons: PathBuf,
    manifest: PathBuf,
    update: bool,
}

/// What to install.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// What the owner of the name's authority publishes.
    Name(Nsid),
    /// What this account publishes under the name, whoever has the authority.
    Account(Did, Nsid),
}

/// What an installation has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Installation {
    /// Documents that were not installed before.
    pub added: Vec<Nsid>,
    /// Documents that are now in another version.
    pub updated: Vec<Nsid>,
    /// Documents whose files were missing.
    pub restored: Vec<Nsid>,
    /// Documents that nothing needs any more.
    pub removed: Vec<Nsid>,
    /// How many documents are installed now.
    pub documents: usize,
}

/// A document on its way.
struct Item {
    resolution: Resolution,
    document: Document,
    /// The file to write; none if it is there.
    file: Option<Vec<u8>>,
}

impl Installer {
    /// An installer of documents into `lexicons`, recorded in the file `manifest`.
    pub fn new(
        resolver: LexiconResolver,
        lexicons: impl Into<PathBuf>,
        manifest: impl Into<PathBuf>,
    ) -> Self {
        Self { resolver, lexicons: lexicons.into(), manifest: manifest.into(), update: false }
    }

    /// Whether to go over to the newest versions of everything.
    #[must_use]
    pub fn update(mut self, update: bool) -> Self {
        self.update = update;
        self
    }

    /// Installs these, and everything that the manifest lists.
    pub async fn install(
        &self,
        sources: impl IntoIterator<Item = Source>,
    ) -> Result<Installation, InstallError> {
        let old = Manifest::read(&self.manifest)?.unwrap_or_default();
        let mut new = Manifest::default();
        let mut accounts: BTreeMap<Nsid, Did> = BTreeMap::new();
        for source in sources {
            let (nsid, account) = match source {
                Source::Name(nsid) => (nsid, None),
                Source::Account(did, nsid) => (nsid, Some(did)),
            };
            accounts.extend(account.map(|did| (nsid.clone(), did)));
            new.lexicons.insert(nsid);
        }
        new.lexicons.extend(old.lexicons.iter().cloned());
        let items = self.obtain_all(&old, &new.lexicons, &accounts).await?;
        let resolutions = items.iter().map(|(nsid, item)| (nsid.clone(), item.resolution.clone()));
        new.resolutions = resolutions.collect();
        self.check_files(&old, &items)?;
        let done = self.write(&old, items)?;
        new.write(&self.manifest)?;
        Ok(done)
    }

    /// Fetches everything that is reached from the roots, level by level.
    async fn obtain_all(
        &self,
        old: &Manifest,
        roots: &BTreeSet<Nsid>,
        accounts: &BTreeMap<Nsid, Did>,
    ) -> Result<BTreeMap<Nsid, Item>, InstallError> {
        let mut items: BTreeMap<Nsid, Item> = BTreeMap::new();
        let mut folded: BTreeMap<String, Nsid> = BTreeMap::new();
        let mut wanted = roots.clone();
        while !wanted.is_empty() {
            for nsid in &wanted {
                // Authorities are case-insensitive, and many file systems are altogether.
                let other = folded.insert(nsid.as_str().to_ascii_lowercase(), nsid.clone());
                if let Some(other) = other {
                    return Err(InstallError::Case { first: other, second: nsid.clone() });
                }
            }
            if folded.len() > MAX_DOCUMENTS {
                return Err(InstallError::TooMany { limit: MAX_DOCUMENTS });
            }
            let level: Vec<_> = stream::iter(&wanted)
                .map(|nsid| self.obtain(old, nsid, accounts.get(nsid)))
                .buffered(CONCURRENCY)
                .try_collect()
                .await?;
            let mut next = BTreeSet::new();
            for (nsid, item) in std::mem::take(&mut wanted).into_iter().zip(level) {
                next.extend(walk::dependencies(&item.document));
                items.insert(nsid, item);
            }
            wanted = next.into_iter().filter(|nsid| !items.contains_key(nsid)).collect();
        }
        Ok(items)
    }

    async fn obtain(
        &self,
        old: &Manifest,
        nsid: &Nsid,
        account: Option<&Did>,
    ) -> Result<Item, InstallError> {
        let failed = |error| InstallError::resolve(nsid, error);
        if let Some(did) = account {
            return Ok(fetched(self.resolver.fetch(did, nsid).await.map_err(failed)?));
        }
        match old.resolutions.get(nsid) {
            Some(pinned) if !self.update => self.pinned(nsid, pinned).await,
            _ => Ok(fetched(self.resolver.resolve(nsid).await.map_err(failed)?)),
        }
    }

    /// The version that is pinned: from its file, or from the account it came from.
    async fn pinned(&self, nsid: &Nsid, pinned: &Resolution) -> Result<Item, InstallError> {
        let path = manifest::path_of(&self.lexicons, nsid);
        if let Some(installed) = manifest::Installed::read(&path, nsid)? {
            let found = installed.cid;
            if found != pinned.cid {
                return Err(ManifestError::Modified { path, pinned: pinned.cid, found }.into());
            }
            let (resolution, document) = (pinned.clone(), installed.document);
            return Ok(Item { resolution, document, file: None });
        }
        let AtIdentifier::Did(did) = pinned.uri.authority() else {
            let (nsid, uri) = (nsid.clone(), pinned.uri.clone());
            return Err(ManifestError::Uri { nsid, uri }.into());
        };
        let failed = |error| InstallError::resolve(nsid, error);
        let published = self.resolver.fetch(&did, nsid).await.map_err(failed)?;
        if published.cid != pinned.cid {
            let (nsid, found) = (nsid.clone(), published.cid);
            return Err(InstallError::Replaced { nsid, pinned: pinned.cid, found });
        }
        Ok(fetched(published))
    }

    /// No file is overwritten that was not installed.
    fn check_files(
        &self,
        old: &Manifest,
        items: &BTreeMap<Nsid, Item>,
    ) -> Result<(), InstallError> {
        for (nsid, item) in items.iter().filter(|(_, item)| item.file.is_some()) {
            let path = manifest::path_of(&self.lexicons, nsid);
            // What cannot be read as the document is not ours either.
            let Some(found) = manifest::Installed::read(&path, nsid)? else { continue };
            let pinned = old.resolutions.get(nsid).map(|pinned| pinned.cid);
            if found.cid != item.resolution.cid && Some(found.cid) != pinned {
                return Err(InstallError::Foreign { path });
            }
        }
        Ok(())
    }

    fn write(
        &self,
        old: &Manifest,
        items: BTreeMap<Nsid, Item>,
    ) -> Result<Installation, InstallError> {
        let mut done = Installation { documents: items.len(), ..Installation::default() };
        for (nsid, pinned) in &old.resolutions {
            if !items.contains_key(nsid) {
                self.remove(nsid, pinned)?;
                done.removed.push(nsid.clone());
            }
        }
        for (nsid, item) in items {
            let path = manifest::path_of(&self.lexicons, &nsid);
            let list = match old.resolutions.get(&nsid) {
                None => Some(&mut done.added),
                Some(pinned) if pinned.cid != item.resolution.cid => Some(&mut done.updated),
                Some(_) if item.file.is_some() && !path.exists() => Some(&mut done.restored),
                Some(_) => None,
            };
            if let Some(file) = item.file.filter(|_| list.is_some()) {
                let same = fs::read(&path).is_ok_and(|found| found == file);
                if !same {
                    files::write(&path, &file)?;
                }
            }
            list.into_iter().for_each(|list| list.push(nsid.clone()));
        }
        Ok(done)
    }

    /// Removes the file of a document that is not needed any more, if it is as it was
    /// installed.
    fn remove(&self, nsid: &Nsid, pinned: &Resolution) -> Result<(), InstallError> {
        let path = manifest::path_of(&self.lexicons, nsid);
        let installed = manifest::Installed::read(&path, nsid);
        if installed.is_ok_and(|found| found.is_some_and(|found| found.cid == pinned.cid)) {
            fs::remove_file(&path).map_err(|source| Error::Io { path, source })?;
        }
        Ok(())
    }
}

/// An NSID, or the URI of a record: `at://DID/com.atproto.lexicon.schema/NSID`.
impl FromStr for Source {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        if !text.starts_with("at://") {
            return Ok(Self::Name(Nsid::new(text)?));
        }
        let uri = AtUri::new(text)?;
        let (AtIdentifier::Did(did), Some(collection), Some(rkey)) =
            (uri.authority(), uri.collection(), uri.rkey())
        else {
            return Err(SourceError::NoLexicon);
        };
        if collection.as_str() != record::COLLECTION {
            return Err(SourceError::NoLexicon);
        }
        Ok(Self::Account(did, Nsid::new(rkey)?))
    }
}

/// Why a text does not say what to install.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The URI is not that of a lexicon's record.
    #[error("at://DID/{}/NSID is expected", record::COLLECTION)]
    NoLexicon,
    /// Neither an NSID nor a URI.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
}

fn fetched(published: Published) -> Item {
    let Published { uri, cid, record, document } = published;
    let resolution = Resolution::new(uri, cid);
    Item { resolution, document, file: Some(record::to_file(&record)) }
}

/// How many documents are fetched at the same time. Ours: most of them come from one host.
const CONCURRENCY: usize = 8;

/// How many documents one installation may have. Ours: all that are known of the network
/// are some thousands, and whoever publishes one can let it refer to others without end.
const MAX_DOCUMENTS: usize = 10_000;

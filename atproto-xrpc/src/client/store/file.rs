use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use futures::future::{BoxFuture, FutureExt};

use super::{SessionStore, StoreError, StoreGuard};
use crate::random;

/// Keeps sessions in a file, as a JSON object, readable for its owner alone.
///
/// The file is written as a whole or not at all. Programs that share it take turns by the
/// locks of two files beside it, which stay there, empty.
pub struct FileStore {
    place: Arc<Place>,
    renewal: Arc<tokio::sync::Mutex<()>>,
}

struct Place {
    path: PathBuf,
}

type Values = BTreeMap<String, String>;

impl FileStore {
    /// A store in this file. It is made, with its folder, when something is kept.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { place: Arc::new(Place { path: path.into() }), renewal: Arc::default() }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.place.path
    }

    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Place) -> io::Result<T> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, StoreError>> {
        let place = Arc::clone(&self.place);
        async move {
            let work = tokio::task::spawn_blocking(move || work(&place));
            work.await.map_err(StoreError::new)?.map_err(StoreError::new)
        }
        .boxed()
    }
}

impl SessionStore for FileStore {
    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<String>, StoreError>> {
        let key = key.to_owned();
        self.run(move |place| Ok(place.read()?.remove(&key)))
    }

    fn save<'a>(&'a self, key: &'a str, value: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.run(move |place| place.change(|values| values.insert(key, value)).map(drop))
    }

    fn take<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<String>, StoreError>> {
        let key = key.to_owned();
        self.run(move |place| place.change(|values| values.remove(&key)))
    }

    /// One lock for all keys where several programs are concerned, held for as long as a
    /// request to a server takes.
    fn lock<'a>(&'a self, _key: &'a str) -> BoxFuture<'a, Result<StoreGuard, StoreError>> {
        async move {
            let here = Arc::clone(&self.renewal).lock_owned().await;
            let everywhere = self.run(|place| place.lock_file("renewal.lock")).await?;
            Ok(StoreGuard::new((everywhere, here)))
        }
        .boxed()
    }
}

impl Place {
    fn read(&self) -> io::Result<Values> {
        match fs::read(&self.path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::from),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Values::new()),
            Err(error) => Err(error),
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Values) -> T) -> io::Result<T> {
        let _lock = self.lock_file("lock")?;
        let mut values = self.read()?;
        let result = change(&mut values);
        self.write(&serde_json::to_vec_pretty(&values)?)?;
        Ok(result)
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let draft = self.beside(&format!("{}.new", random::hex_id()));
        let written = private_file(OpenOptions::new().create_new(true), &draft)
            .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&draft, &self.path));
        if written.is_err() {
            // What is left of it is of no use; the first error is the one to tell.
            let _gone = fs::remove_file(&draft);
        }
        written
    }

    fn lock_file(&self, extension: &str) -> io::Result<File> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = private_file(OpenOptions::new().create(true), &self.beside(extension))?;
        file.lock()?;
        Ok(file)
    }

    fn beside(&self, extension: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".");
        name.push(extension);
        name.into()
    }
}

#[cfg(unix)]
fn private_file(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    options.write(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn private_file(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    options.write(true).open(path)
}

impl std::fmt::Debug for FileStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileStore").field("path", &self.place.path).finish_non_exhaustive()
    }
}

//! What to generate, and where to.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    codegen,
    error::{Error, Report, Skipped},
    files, load,
    plan::{self, Style},
};

/// Settings of a generation.
#[derive(Debug, Clone, Default)]
pub struct Config {
    lexicons: Vec<PathBuf>,
    out: Option<PathBuf>,
    included: bool,
    skip_invalid: bool,
    features: bool,
    omit_descriptions: bool,
}

impl Config {
    /// Nothing set yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a directory of documents, searched recursively, or a single file.
    #[must_use]
    pub fn lexicons(mut self, path: impl Into<PathBuf>) -> Self {
        self.lexicons.push(path.into());
        self
    }

    /// A directory of the source tree that receives `lexicons.rs` and `lexicons/`, to be
    /// used by `mod lexicons;`.
    #[must_use]
    pub fn out(mut self, directory: impl Into<PathBuf>) -> Self {
        self.out = Some(directory.into());
        self
    }

    /// A directory that receives `lexicons.rs` and the other files beside it, to be used by
    /// `include!`: the compiler looks for the modules of an included file there. This is
    /// the layout in `OUT_DIR`, which is the directory if none is said.
    #[must_use]
    pub fn out_for_include(mut self, directory: impl Into<PathBuf>) -> Self {
        self.included = true;
        self.out(directory)
    }

    /// Leaves invalid documents out and reports them, where the default is to fail.
    #[must_use]
    pub fn skip_invalid(mut self, skip: bool) -> Self {
        self.skip_invalid = skip;
        self
    }

    /// Hides each namespace (the first two segments, `com.example`) behind a Cargo feature
    /// of its own (`com-example`).
    #[must_use]
    pub fn features(mut self, features: bool) -> Self {
        self.features = features;
        self
    }

    /// Keeps the documents' descriptions out of the doc comments, which then state only
    /// what follows from the schemas.
    #[must_use]
    pub fn omit_descriptions(mut self, omit: bool) -> Self {
        self.omit_descriptions = omit;
        self
    }

    /// Writes the files. Those that are unchanged are not touched, and files of an earlier
    /// generation that no longer belong are removed.
    pub fn build(&self) -> Result<Report, Error> {
        let out = self.out_directory()?;
        let (files, report) = self.generate()?;
        for path in self.stale(&out, &files)? {
            fs::remove_file(&path).map_err(|source| Error::Io { path, source })?;
        }
        for (path, text) in &files {
            let path = out.join(path);
            if !fs::read(&path).is_ok_and(|found| found == text.as_bytes()) {
                files::write(&path, text.as_bytes())?;
            }
        }
        if std::env::var_os("OUT_DIR").is_some() {
            for path in &self.lexicons {
                println!("cargo::rerun-if-changed={}", path.display());
            }
        }
        Ok(report)
    }

    /// Compares the files with what would be written and changes nothing.
    pub fn check(&self) -> Result<Report, Error> {
        let out = self.out_directory()?;
        let (files, report) = self.generate()?;
        let mut differing = self.stale(&out, &files)?;
        for (path, text) in &files {
            let path = out.join(path);
            if !fs::read(&path).is_ok_and(|found| found == text.as_bytes()) {
                differing.push(path);
            }
        }
        differing.sort();
        if differing.is_empty() { Ok(report) } else { Err(Error::Drift(differing)) }
    }

    /// Where the files besides `lexicons.rs` go, seen from the output directory.
    fn prefix(&self) -> &'static Path {
        Path::new(if self.out.is_some() && !self.included { "lexicons" } else { "" })
    }

    fn out_directory(&self) -> Result<PathBuf, Error> {
        match &self.out {
            Some(out) => Ok(out.clone()),
            None => std::env::var_os("OUT_DIR").map(PathBuf::from).ok_or(Error::NoOutput),
        }
    }

    /// Generated files that the plan no longer has.
    fn stale(&self, out: &Path, files: &BTreeMap<PathBuf, String>) -> Result<Vec<PathBuf>, Error> {
        let mut found = Vec::new();
        rust_files(&out.join(self.prefix()), &mut found)?;
        found.retain(|path| {
            path.strip_prefix(out).is_ok_and(|relative| !files.contains_key(relative))
                && fs::read_to_string(path).is_ok_and(|text| text.starts_with(codegen::MARK))
        });
        Ok(found)
    }

    fn generate(&self) -> Result<(BTreeMap<PathBuf, String>, Report), Error> {
        let loaded = match self.skip_invalid {
            true => load::load(&self.lexicons)?,
            false => load::load_valid(&self.lexicons)?,
        };
        let style = Style { descriptions: !self.omit_descriptions, features: self.features };
        let plan = plan::plan(&loaded.documents, style);
        let files = codegen::files(&plan, self.prefix())?;
        let report = Report {
            documents: loaded.documents.len(),
            files: files.len(),
            skipped: loaded.faults.into_iter().map(Skipped::from).collect(),
            unresolved: plan.unresolved.into_iter().collect(),
        };
        Ok((files, report))
    }
}

fn rust_files(directory: &Path, found: &mut Vec<PathBuf>) -> Result<(), Error> {
    let Ok(entries) = fs::read_dir(directory) else { return Ok(()) };
    for entry in entries {
        let entry =
            entry.map_err(|source| Error::Io { path: directory.to_owned(), source })?.path();
        if entry.is_dir() {
            rust_files(&entry, found)?;
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            found.push(entry);
        }
    }
    Ok(())
}

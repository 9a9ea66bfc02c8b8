use std::fmt;

use atproto_core::syntax::Nsid;

use crate::named::named;

/// One difference between two versions of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// The document.
    pub document: Nsid,
    /// Where in it, for example `defs/main/record/properties/text`; empty for the document
    /// as a whole.
    pub path: String,
    /// What was changed.
    pub rule: Rule,
    /// Whom it breaks, in the order of [`Party`]; nobody if the change is compatible.
    pub breaks: Vec<Party>,
    /// What it was and what it is.
    pub message: String,
}

impl Change {
    /// Whether anybody is broken by it.
    pub fn is_breaking(&self) -> bool {
        !self.breaks.is_empty()
    }
}

/// `com.example.post defs/main/key: …, which breaks …`
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.document)?;
        if !self.path.is_empty() {
            write!(f, " {}", self.path)?;
        }
        write!(f, ": {}", self.message)?;
        for (index, party) in self.breaks.iter().enumerate() {
            write!(f, "{} {party}", if index == 0 { ", which breaks" } else { "," })?;
        }
        Ok(())
    }
}

named! {
    /// Who is broken by a change. *Old* is whoever goes by the old version.
    Party {
        /// Whoever goes by the new version and meets records that were written before.
        ReadersOfOldRecords = "readers-of-old-records",
        /// Old programs that read records written from now on.
        OldReaders = "old-readers",
        /// Old programs that write records: what they write is invalid now.
        OldWriters = "old-writers",
        /// Old clients of an endpoint.
        OldCallers = "old-callers",
        /// Old servers of an endpoint.
        OldServers = "old-servers",
        /// Other documents that refer to the definition.
        Referrers = "referrers",
    }
}

/// For a sentence.
impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReadersOfOldRecords => "readers of old records",
            Self::OldReaders => "old readers",
            Self::OldWriters => "old writers",
            Self::OldCallers => "old callers",
            Self::OldServers => "old servers",
            Self::Referrers => "documents that refer to it",
        })
    }
}

named! {
    /// What was changed.
    Rule {
        /// The greatest size of a blob.
        BlobSize = "blob-size",
        /// The media types of a blob.
        BlobTypes = "blob-types",
        /// Whether there is an input, an output or a message at all.
        Body = "body",
        /// The value that stands for absence.
        Default = "default",
        /// A definition was added.
        DefinitionAdded = "definition-added",
        /// A definition was removed.
        DefinitionRemoved = "definition-removed",
        /// A document was added.
        DocumentAdded = "document-added",
        /// A document was removed.
        DocumentRemoved = "document-removed",
        /// The media type of an input or output.
        Encoding = "encoding",
        /// An error was declared.
        ErrorAdded = "error-added",
        /// An error is declared no longer.
        ErrorRemoved = "error-removed",
        /// A field was added.
        FieldAdded = "field-added",
        /// A field was removed.
        FieldRemoved = "field-removed",
        /// A field went and another of its type came.
        FieldRenamed = "field-renamed",
        /// The format of a string.
        Format = "format",
        /// The number of grapheme clusters of a string.
        Graphemes = "graphemes",
        /// The values that mean something today.
        KnownValues = "known-values",
        /// The length of a string, of bytes or of an array.
        Length = "length",
        /// Whether a field may be null.
        Nullable = "nullable",
        /// A permission joined a set.
        PermissionAdded = "permission-added",
        /// A permission left a set.
        PermissionRemoved = "permission-removed",
        /// The bounds of an integer.
        Range = "range",
        /// The kind of record key.
        RecordKey = "record-key",
        /// A reference leads elsewhere, to a type that is compared with the one before.
        Reference = "reference",
        /// Whether a field has to be there.
        Required = "required",
        /// The kind of a definition or value.
        Type = "type",
        /// Whether a union admits types that it does not list.
        UnionClosed = "union-closed",
        /// The types that a union lists.
        UnionMembers = "union-members",
        /// The values that `enum` or `const` admit.
        Values = "values",
    }
}

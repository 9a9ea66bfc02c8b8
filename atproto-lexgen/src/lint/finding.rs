use std::{fmt, path::PathBuf};

use crate::named::named;

/// Something that is wrong with a document, or may be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What it breaks.
    pub rule: Rule,
    /// The file, if the document came from one.
    pub file: Option<PathBuf>,
    /// The line in the file, from 1, if the place can be found there.
    pub line: Option<usize>,
    /// The document's `id`, if it has one.
    pub document: Option<String>,
    /// Where in the document: the keys that lead there.
    pub path: Vec<String>,
    /// What is wrong.
    pub message: String,
}

impl Finding {
    pub(super) fn new(
        rule: Rule,
        document: Option<String>,
        path: Vec<String>,
        message: String,
    ) -> Self {
        Self { rule, file: None, line: None, document, path, message }
    }

    /// What findings are sorted by.
    pub(super) fn place(&self) -> impl Ord + use<> {
        (self.file.clone(), self.line, self.path.clone(), self.rule)
    }
}

/// `lexicons/post.json:12: warning: defs/main: … [rule]`
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, &self.document) {
            (Some(file), _) => write!(f, "{}:", file.display())?,
            (None, Some(document)) => write!(f, "{document}:")?,
            (None, None) => {}
        }
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        write!(f, " {}: ", self.rule.severity().name())?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path.join("/"))?;
        }
        write!(f, "{} [{}]", self.message, self.rule.name())
    }
}

named! {
    /// How bad a finding is.
    Severity {
        /// The document cannot be used as it is.
        Error = "error",
        /// The document can be used, and may be regretted.
        Warning = "warning",
    }
}

named! {
    /// What a finding is about.
    Rule {
        /// An optional boolean is true by default, so that false cannot be told from
        /// absence by those who do not know the default.
        BooleanDefaultTrue = "boolean-default-true",
        /// `enum` can never be extended; `knownValues` can.
        ClosedEnum = "closed-enum",
        /// A closed union can never be extended.
        ClosedUnion = "closed-union",
        /// A required field has a default, which nobody will ever need.
        DefaultOnRequired = "default-on-required",
        /// Another file defines the same document, or one whose name differs by case alone.
        DefinedTwice = "defined-twice",
        /// Names of definitions are lowerCamelCase.
        DefNameSyntax = "def-name-syntax",
        /// Documents called `defs` are collections, without a main definition.
        DefsMainDefinition = "defs-main-definition",
        /// An endpoint should define an output, if only an empty object.
        EndpointOutputUndefined = "endpoint-output-undefined",
        /// Names of errors are UpperCamelCase.
        ErrorNameSyntax = "error-name-syntax",
        /// Names of fields are lowerCamelCase; those with `$` are reserved.
        FieldNameSyntax = "field-name-syntax",
        /// The file is not called like the document.
        FileName = "file-name",
        /// A format limits the length already.
        FormatAndLength = "format-and-length",
        /// `maxLength` should be 10 to 20 times `maxGraphemes`.
        GraphemeRatio = "grapheme-ratio",
        /// One grapheme can have any number of bytes: `maxLength` is needed too.
        GraphemesWithoutLength = "graphemes-without-length",
        /// Handles change; records refer to accounts by DID.
        HandleInRecord = "handle-in-record",
        /// A known value that seems to be meant as a reference within the document.
        KnownStringLocalRef = "known-string-local-ref",
        /// A known value that names a definition, which is no token or not there.
        KnownStringNotToken = "known-string-not-token",
        /// So many bytes should be a blob.
        LargeBytes = "large-bytes",
        /// So long a text should be a blob.
        LargeString = "large-string",
        /// The schema language forbids it.
        LexiconSchema = "lexicon-schema",
        /// Records and endpoints should be described.
        MissingPrimaryDescription = "missing-primary-description",
        /// The document has the name of a group of other documents.
        NameIsGroup = "name-is-group",
        /// Names of documents are lowerCamelCase.
        NsidNameSyntax = "nsid-name-syntax",
        /// A field that may be both absent and null says one thing in two ways.
        NullableAndOptional = "nullable-and-optional",
        /// A permission that grants nothing, because it is of an unknown form.
        PermissionIgnored = "permission-ignored",
        /// A permission set without permissions.
        PermissionsetNoPermissions = "permissionset-no-permissions",
        /// A permission set without a title for the page on which accounts consent.
        PermissionsetNoTitle = "permissionset-no-title",
        /// A subscription without messages.
        SubscriptionNoMessages = "subscription-no-messages",
        /// A token means what its description says, and nothing without one.
        UndescribedToken = "undescribed-token",
        /// An array in a record without a greatest length.
        UnlimitedArray = "unlimited-array",
        /// Bytes in a record without a greatest length.
        UnlimitedBytes = "unlimited-bytes",
        /// A string in a record without a format or a greatest length.
        UnlimitedString = "unlimited-string",
        /// A reference to a definition that is not there or cannot be referred to.
        UnresolvedReference = "unresolved-reference",
    }
}

impl Rule {
    /// Whether a document that breaks the rule can be used.
    pub fn severity(self) -> Severity {
        match self {
            Self::DefinedTwice | Self::LexiconSchema | Self::UnresolvedReference => Severity::Error,
            _ => Severity::Warning,
        }
    }
}

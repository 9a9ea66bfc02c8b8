//! How closely values are held to their schemas.

/// How closely values are held to their schemas. The default is strict.
///
/// Whoever takes in new data wants the strict form; whoever reads what others wrote years ago
/// has to put up with more. The reference implementation has the same two: its PDS validates
/// strictly, its AppView reads leniently.
///
/// ```
/// use atproto_core::lexicon::{Catalog, ValidationOptions};
///
/// let of_a_pds = Catalog::new();
/// let of_an_app_view = Catalog::new().options(ValidationOptions::LENIENT);
/// let own_choice = ValidationOptions::default().strict_blobs(false);
/// # let _ = (of_a_pds, of_an_app_view.options(own_choice));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ValidationOptions {
    pub(super) strict_formats: bool,
    pub(super) strict_blobs: bool,
    pub(super) strict_types: bool,
}

impl ValidationOptions {
    /// Every check is made.
    pub const STRICT: Self = Self { strict_formats: true, strict_blobs: true, strict_types: true };

    /// What the network is known to hold is let through.
    pub const LENIENT: Self =
        Self { strict_formats: false, strict_blobs: false, strict_types: false };

    /// Whether three formats are held to their strict form. Where not,
    ///
    /// - a `datetime` may lack its seconds, its time zone or the colon in it, and may have the
    ///   zone `-00:00`;
    /// - a `language` only has to be well-formed: see
    ///   [`Language::is_strict`](crate::syntax::Language::is_strict);
    /// - an `at-uri` may end in a slash, have a query and a fragment, and any record key.
    ///
    /// The other formats have one form.
    #[must_use]
    pub const fn strict_formats(mut self, strict: bool) -> Self {
        self.strict_formats = strict;
        self
    }

    /// Whether blobs have to have today's form without additional fields, and `accept` and
    /// `maxSize` are enforced. Where not, the old form (`cid` and `mimeType` alone) passes
    /// too, and what a blob claims of itself is nobody's concern.
    #[must_use]
    pub const fn strict_blobs(mut self, strict: bool) -> Self {
        self.strict_blobs = strict;
        self
    }

    /// Whether the `$type` of a member that an open union does not list has to be the name of
    /// a definition: an NSID, alone or with a fragment other than `main`. Where not, any text
    /// will do.
    #[must_use]
    pub const fn strict_types(mut self, strict: bool) -> Self {
        self.strict_types = strict;
        self
    }
}

/// Strict.
impl Default for ValidationOptions {
    fn default() -> Self {
        Self::STRICT
    }
}

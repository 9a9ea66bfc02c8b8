/// Why something is not a value of the data model, whichever encoding it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A map with `$type` "blob" lacks a raw `ref` link, a non-empty `mimeType` or a
    /// positive `size`.
    #[error("blob without a raw `ref`, a `mimeType` or a positive `size`")]
    BlobShape,
    /// A map with `$bytes` in it is not exactly `{"$bytes": base64}`.
    #[error("`$bytes` is not the only key, or not standard base64")]
    BytesShape,
    /// A map has the same key twice.
    #[error("duplicate key")]
    DuplicateKey,
    /// A map has the empty string as a key.
    #[error("empty key")]
    EmptyKey,
    /// A number with a fraction or an exponent, even if its value is whole.
    #[error("float")]
    Float,
    /// An integer below −2⁶³ or above 2⁶³ − 1.
    #[error("integer outside the signed 64-bit range")]
    IntegerRange,
    /// A key is longer than [`MAX_KEY`](super::limits::MAX_KEY).
    #[error("key too long")]
    KeyLength,
    /// A map with `$link` in it is not exactly `{"$link": cid}`.
    #[error("`$link` is not the only key, or not a CID")]
    LinkShape,
    /// The value is not a map where one is required, as every record is.
    #[error("not a map")]
    NotMap,
    /// Containers nest deeper than [`MAX_DEPTH`](super::limits::MAX_DEPTH).
    #[error("nested too deep")]
    TooDeep,
    /// A container has more than [`MAX_ELEMENTS`](super::limits::MAX_ELEMENTS) elements.
    #[error("too many elements")]
    TooManyElements,
    /// `$type` is not a string, or is empty.
    #[error("`$type` is not a non-empty string")]
    TypeShape,
}

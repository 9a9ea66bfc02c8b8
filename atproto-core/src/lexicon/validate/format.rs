use crate::{
    lexicon::{options::ValidationOptions, schema::StringFormat},
    syntax::{
        AtIdentifier, AtUri, Cid, Datetime, Did, Handle, Language, Nsid, RecordKey, SyntaxError,
        Tid, Uri,
    },
};

/// Whether a text has a format.
pub(super) fn check(
    format: StringFormat,
    text: &str,
    options: ValidationOptions,
) -> Result<(), SyntaxError> {
    match format {
        StringFormat::AtIdentifier => AtIdentifier::check(text),
        StringFormat::AtUri if options.strict_formats => AtUri::check(text),
        StringFormat::AtUri => AtUri::check_lenient(text),
        StringFormat::Cid => text.parse::<Cid>().map(drop),
        StringFormat::Datetime if options.strict_formats => Datetime::check(text),
        StringFormat::Datetime => Datetime::check_lenient(text),
        StringFormat::Did => Did::check(text),
        StringFormat::Handle => Handle::check(text),
        StringFormat::Language if options.strict_formats => Language::check_strict(text),
        StringFormat::Language => Language::check(text),
        StringFormat::Nsid => Nsid::check(text),
        StringFormat::RecordKey => RecordKey::check(text),
        StringFormat::Tid => Tid::new(text).map(drop),
        StringFormat::Uri => Uri::check(text),
    }
}

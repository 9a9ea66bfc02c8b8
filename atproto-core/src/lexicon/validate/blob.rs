use super::{
    fault::{Fault, Result},
    scalar,
};
use crate::{
    lexicon::{
        cursor::{Cursor, Item},
        options::ValidationOptions,
        rule::Rule,
        schema::BlobSchema,
    },
    syntax::{Cid, Codec},
};

/// Checks a map that has to be a blob.
pub(super) fn check<'a, C: Cursor<'a>>(
    schema: &BlobSchema,
    map: C::Map,
    cursor: &mut C,
    options: ValidationOptions,
) -> Result<()> {
    let claim = Claim::read(map, cursor);
    let Some(mime) = claim.mime_type.filter(|_| claim.is_typed() || claim.is_legacy()) else {
        return Err(Fault::new(Rule::Kind { expected: "blob", found: "object" }));
    };
    if !options.strict_blobs {
        return Ok(());
    }
    let Some(found) = claim.size else { return Err(Fault::new(Rule::BlobLegacy)) };
    if let Some(other) = claim.other {
        return Err(Fault::new(Rule::BlobField(scalar::text(other).to_owned())));
    }
    let mime = scalar::text(mime);
    let accepted = |accept: &Vec<String>| accept.iter().any(|pattern| accepts(pattern, mime));
    if !mime.contains('/') || !schema.accept.as_ref().is_none_or(accepted) {
        return Err(Fault::new(Rule::BlobAccept(mime.to_owned())));
    }
    let found = u64::try_from(found).unwrap_or_default();
    match schema.max_size {
        Some(limit) if found > limit => Err(Fault::new(Rule::BlobSize { limit, found })),
        _ => Ok(()),
    }
}

/// What a map says, as far as it concerns blobs.
#[derive(Default)]
struct Claim<'a> {
    type_name: Option<&'a [u8]>,
    reference: Option<Codec>,
    mime_type: Option<&'a [u8]>,
    size: Option<i64>,
    cid: Option<&'a [u8]>,
    /// A key that no blob has today.
    other: Option<&'a [u8]>,
    len: usize,
}

impl<'a> Claim<'a> {
    fn read<C: Cursor<'a>>(mut map: C::Map, cursor: &mut C) -> Self {
        let mut claim = Self::default();
        while let Some(key) = cursor.next_key(&mut map) {
            claim.len += 1;
            let item = cursor.read();
            match (key, &item) {
                (b"$type", Item::Text(name)) => claim.type_name = Some(name),
                (b"ref", Item::Link(codec)) => claim.reference = Some(*codec),
                (b"mimeType", Item::Text(mime)) => claim.mime_type = Some(mime),
                (b"size", Item::Integer(size)) => claim.size = Some(*size),
                (b"cid", Item::Text(cid)) => claim.cid = Some(cid),
                _ => {}
            }
            if !matches!(key, b"$type" | b"ref" | b"mimeType" | b"size") {
                claim.other = Some(key);
            }
            cursor.leave(item);
        }
        claim
    }

    /// Today's form, which the data model knows: a value made by hand may break its rules.
    fn is_typed(&self) -> bool {
        self.type_name == Some(b"blob")
            && self.reference == Some(Codec::Raw)
            && self.size.is_some_and(|size| size > 0)
            && self.mime_type.is_some_and(|mime| !mime.is_empty())
    }

    /// The old form, which has no mark.
    fn is_legacy(&self) -> bool {
        let cid = self.cid.is_some_and(|cid| Cid::new(scalar::text(cid)).is_ok());
        cid && self.mime_type.is_some() && self.len == 2
    }
}

/// An exact media type, `type/*` or `*/*`; no other pattern exists.
fn accepts(pattern: &str, mime: &str) -> bool {
    match pattern.strip_suffix("/*") {
        Some("*") => true,
        Some(kind) => mime.split_once('/').is_some_and(|(found, _)| found == kind),
        None => pattern == mime,
    }
}

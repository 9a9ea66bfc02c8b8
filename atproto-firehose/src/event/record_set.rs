//! Record types that a program asks for, and what a record is to it.

use atproto_core::{
    data::{CborError, cbor},
    endpoint::Record,
    syntax::Cid,
};
use bytes::Bytes;

/// One record type, or several in an enum made by [`records!`](crate::records!).
///
/// [`Filter::of`](crate::filter::Filter::of) asks for the set's collections, and
/// [`Change::decode`](super::Change::decode) reads what comes: the two cannot disagree.
pub trait RecordSet: Sized {
    /// The collections of the set.
    const COLLECTIONS: &'static [&'static str];

    /// Reads a record of one of the set's collections; `None` for any other.
    fn read(collection: &str, record: &[u8]) -> Option<Result<Self, CborError>>;
}

impl<R: Record> RecordSet for R {
    const COLLECTIONS: &'static [&'static str] = &[R::NSID];

    fn read(collection: &str, record: &[u8]) -> Option<Result<Self, CborError>> {
        (collection == R::NSID).then(|| cbor::from_slice(record))
    }
}

/// What a change holds for a program that asked for some types.
///
/// Matching is exhaustive on purpose: nothing is dropped because it did not fit.
#[derive(Clone, Debug, PartialEq)]
pub enum Decoded<S> {
    /// A record of the set.
    Known(S),
    /// A record of one of the set's collections was deleted.
    Deleted,
    /// A change in another collection: the record, or `None` if it was deleted.
    Other(Option<Bytes>),
    /// A record in one of the set's collections that is not of its type, with the reason.
    Invalid(Bytes, CborError),
    /// The commit came without the record. Only an upstream that is trusted can do that;
    /// verification refuses it.
    Missing(Cid),
}

/// Makes an enum of record types, one variant each, and a [`RecordSet`] of it.
///
/// ```
/// use atproto_firehose::{event::RecordSet, filter::Filter, records};
/// use atproto_lexicons::com::atproto::lexicon::Schema;
///
/// records! {
///     /// What this program keeps.
///     #[derive(Debug)]
///     pub enum Mine {
///         Schema(Schema),
///     }
/// }
///
/// assert_eq!(Mine::COLLECTIONS, ["com.atproto.lexicon.schema"]);
/// let filter = Filter::of::<Mine>();
/// # let _ = filter;
/// ```
#[macro_export]
macro_rules! records {
    (
        $(#[$meta:meta])*
        $visibility:vis enum $name:ident {
            $($(#[$variant_meta:meta])* $variant:ident($record:ty)),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        $visibility enum $name {
            $($(#[$variant_meta])* $variant($record),)+
        }

        impl $crate::event::RecordSet for $name {
            const COLLECTIONS: &'static [&'static str] =
                &[$(<$record as $crate::__private::Record>::NSID),+];

            fn read(
                collection: &str,
                record: &[u8],
            ) -> Option<Result<Self, $crate::__private::CborError>> {
                $(if let Some(read) = <$record as $crate::event::RecordSet>::read(collection, record) {
                    return Some(read.map(Self::$variant));
                })+
                None
            }
        }
    };
}

//! The limits of did:plc, each with its source.
//!
//! "Specification" is the [did:plc specification](https://web.plc.directory/spec/v0.1/did-plc);
//! "directory" is the behaviour of the public directory. They bind what is submitted; old logs
//! hold operations from before some of them.

/// An operation in DAG-CBOR, in bytes. Specification, "Operation Serialization".
pub const OPERATION_BYTES: usize = 7500;
/// How long a recovery may displace an operation, in microseconds: 72 hours.
/// Specification, "Key Rotation & Account Recovery".
pub const RECOVERY_WINDOW_MICROS: i64 = 72 * 60 * 60 * 1_000_000;
/// Rotation keys: at least one, at most this many, no duplicates. Specification, first section.
pub const ROTATION_KEYS: usize = 5;
/// Verification methods. Specification, changelog of v0.2.
pub const VERIFICATION_METHODS: usize = 10;
/// Entries of `alsoKnownAs`. Directory.
pub const ALSO_KNOWN_AS: usize = 10;
/// One entry of `alsoKnownAs`, in bytes: `at://` and the longest handle. Directory.
pub const ALSO_KNOWN_AS_BYTES: usize = 5 + 253;
/// Services. Directory.
pub const SERVICES: usize = 10;
/// The name of a service or of a verification method, in bytes. Directory.
pub const NAME_BYTES: usize = 32;
/// The type of a service, in bytes. Directory.
pub const SERVICE_TYPE_BYTES: usize = 256;
/// The endpoint of a service, in bytes. Directory.
pub const SERVICE_ENDPOINT_BYTES: usize = 512;
/// A `did:key`, in bytes. Directory.
pub const DID_KEY_BYTES: usize = 256;
/// Lines in one page of the export. Specification, "Bulk Export".
pub const EXPORT_PAGE: usize = 1000;

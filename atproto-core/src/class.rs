//! What to do about an error, whatever it is.
//!
//! A program that talks to thousands of hosts meets hundreds of kinds of errors and does one of
//! a few things about each: try again, wait, ask for other credentials, count and go on, stop.
//! The [`Class`] of an error says which. It is a word in logs and a label in metrics as well, so
//! that what is counted is what was decided by.

mod errors;

use std::{fmt, time::Duration};

/// Who has to do something about an error, and what.
///
/// ```
/// use atproto_core::{Class, Classify, syntax::Did};
///
/// let error = Did::new("did:example").unwrap_err();
/// match error.class() {
///     Class::RateLimited { retry_after } => println!("later, after {retry_after:?}"),
///     class if class.is_transient() => println!("again"),
///     class => println!("never: {class}"),
/// }
/// assert_eq!(error.class(), Class::UpstreamInvalid);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Class {
    /// The credentials are missing, wrong, expired or not enough. Trying again helps after
    /// getting others.
    Auth,
    /// An invariant of ours does not hold. Nothing that comes from outside can cause it.
    Bug,
    /// What the caller asked for cannot be done, now or later.
    Client,
    /// Somebody else was quicker: read again what has changed, and decide anew.
    Conflict,
    /// Too many requests.
    RateLimited {
        /// For how long the server asks to be left alone, if it says so.
        retry_after: Option<Duration>,
    },
    /// What is stored here is not what was stored. Stop, and look at the disk.
    StoreCorrupt,
    /// Storage refuses for now, for instance because the disk is full or a lock is held.
    StoreTransient,
    /// Data from elsewhere breaks a rule. It stays broken: count it and go on.
    UpstreamInvalid,
    /// A host cannot be reached, is too slow or says that it is in trouble. Try again later.
    UpstreamUnavailable,
}

/// An error that knows its class. Every public error of these crates does.
pub trait Classify {
    /// The class of the error.
    fn class(&self) -> Class;
}

impl Class {
    /// The class of an HTTP answer that is not what was hoped for.
    pub const fn of_status(status: u16, retry_after: Option<Duration>) -> Self {
        match status {
            401 | 403 => Self::Auth,
            408 | 500..=599 => Self::UpstreamUnavailable,
            409 => Self::Conflict,
            429 => Self::RateLimited { retry_after },
            400..=499 => Self::Client,
            _ => Self::UpstreamInvalid,
        }
    }

    /// Whether the same attempt, some time later, may succeed.
    pub const fn is_transient(self) -> bool {
        match self {
            Self::RateLimited { .. } | Self::StoreTransient | Self::UpstreamUnavailable => true,
            Self::Auth
            | Self::Bug
            | Self::Client
            | Self::Conflict
            | Self::StoreCorrupt
            | Self::UpstreamInvalid => false,
        }
    }

    /// The class of an error about blocks, where these come from one's own store: a block that
    /// is missing or wrong there is damage, not somebody's lie.
    pub const fn of_own_store(self) -> Self {
        match self {
            Self::UpstreamInvalid => Self::StoreCorrupt,
            class => class,
        }
    }

    /// The class in metrics and logs.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Bug => "bug",
            Self::Client => "client",
            Self::Conflict => "conflict",
            Self::RateLimited { .. } => "rate_limited",
            Self::StoreCorrupt => "store_corrupt",
            Self::StoreTransient => "store_transient",
            Self::UpstreamInvalid => "upstream_invalid",
            Self::UpstreamUnavailable => "upstream_unavailable",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.label())
    }
}

impl<E: Classify + ?Sized> Classify for &E {
    fn class(&self) -> Class {
        E::class(self)
    }
}

impl<E: Classify + ?Sized> Classify for Box<E> {
    fn class(&self) -> Class {
        E::class(self)
    }
}

impl<E: Classify + ?Sized> Classify for std::sync::Arc<E> {
    fn class(&self) -> Class {
        E::class(self)
    }
}

/// Gives error types one class whatever their value.
///
/// ```
/// use atproto_core::{Class, Classify, classify};
///
/// struct Torn;
/// classify!(StoreCorrupt: Torn);
/// assert_eq!(Torn.class(), Class::StoreCorrupt);
/// ```
#[macro_export]
macro_rules! classify {
    ($class:ident: $($error:ty),+ $(,)?) => {
        $(impl $crate::Classify for $error {
            fn class(&self) -> $crate::Class {
                $crate::Class::$class
            }
        })+
    };
}

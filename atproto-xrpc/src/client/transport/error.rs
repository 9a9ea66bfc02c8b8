use std::{error::Error, fmt, time::Duration};

/// Why a request was not answered, or an answer broke off.
#[derive(Debug)]
pub struct SendError {
    kind: Kind,
    source: Box<dyn Error + Send + Sync>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unsent,
    Lost,
    Refused,
}

impl SendError {
    /// The server was not reached: it cannot have acted on the request.
    pub fn unsent(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: Kind::Unsent, source: source.into() }
    }

    /// The server may have acted on the request.
    pub fn lost(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: Kind::Lost, source: source.into() }
    }

    /// The request cannot be made, or must not be: the same the next time.
    pub fn refused(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind: Kind::Refused, source: source.into() }
    }

    pub(in crate::client) fn silent_for(time: Duration) -> Self {
        Self::lost(format!("nothing was received or taken for {time:?}"))
    }

    /// Whether the server cannot have acted on the request.
    pub fn is_unsent(&self) -> bool {
        self.kind == Kind::Unsent
    }

    /// Whether the request was refused on this side, so that trying again is of no use.
    pub fn is_refused(&self) -> bool {
        self.kind == Kind::Refused
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            Kind::Unsent => "the server cannot be reached",
            Kind::Lost => "there is no complete answer",
            Kind::Refused => "the request is not made",
        })
    }
}

impl Error for SendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

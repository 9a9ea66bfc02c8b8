use std::ops::BitOr;

use super::Party;
use crate::roles::Roles;

/// What a change does to the values that a place admits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// The same values are admitted.
    None,
    /// Some that were admitted are not any more.
    Narrows,
    /// Some that were not admitted now are.
    Widens,
    /// Some of each.
    Both,
}

impl Effect {
    /// The effect of a change between two sets, by whether each includes the other.
    pub(super) fn of_sets(new_has_old: bool, old_has_new: bool) -> Self {
        match (new_has_old, old_has_new) {
            (true, true) => Self::None,
            (false, true) => Self::Narrows,
            (true, false) => Self::Widens,
            (false, false) => Self::Both,
        }
    }

    /// The effect of moving a greatest value; none is no bound.
    pub(super) fn of_maximum<T: Ord + Copy>(old: Option<T>, new: Option<T>) -> Self {
        // `None` would come first, and as an upper bound it is the last.
        let key = |bound: Option<T>| (bound.is_none(), bound);
        let (old, new) = (key(old), key(new));
        Self::of_sets(old <= new, new <= old)
    }

    /// The effect of moving a least value; none is no bound.
    pub(super) fn of_minimum<T: Ord + Copy>(old: Option<T>, new: Option<T>) -> Self {
        Self::of_sets(new <= old, old <= new)
    }

    pub(super) fn narrows(self) -> bool {
        matches!(self, Self::Narrows | Self::Both)
    }

    pub(super) fn widens(self) -> bool {
        matches!(self, Self::Widens | Self::Both)
    }

    /// Whom it breaks where values travel that way.
    pub(super) fn parties(self, roles: Roles) -> Vec<Party> {
        let (narrows, widens) = (self.narrows(), self.widens());
        let broken = [
            (roles.record && narrows, Party::ReadersOfOldRecords),
            (roles.record && widens, Party::OldReaders),
            (roles.record && narrows, Party::OldWriters),
            (roles.input && narrows || roles.output && widens, Party::OldCallers),
            (roles.input && widens || roles.output && narrows, Party::OldServers),
        ];
        broken.into_iter().filter(|(broken, _)| *broken).map(|(_, party)| party).collect()
    }
}

impl BitOr for Effect {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        let narrows = self.narrows() || other.narrows();
        let widens = self.widens() || other.widens();
        Self::of_sets(!narrows, !widens)
    }
}

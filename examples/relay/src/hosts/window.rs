//! Up to where a host's events are settled, although they settle in any order.

use std::collections::BTreeSet;

/// The positions that are under way, and the newest one seen.
#[derive(Debug)]
pub(super) struct Window {
    under_way: BTreeSet<i64>,
    newest: i64,
}

impl Window {
    /// Everything up to `cursor` is settled.
    pub(super) fn new(cursor: i64) -> Self {
        Self { under_way: BTreeSet::new(), newest: cursor }
    }

    /// The newest position seen.
    pub(super) fn newest(&self) -> i64 {
        self.newest
    }

    /// Takes up a position, which is above all before.
    pub(super) fn begin(&mut self, seq: i64) {
        self.newest = seq;
        self.under_way.insert(seq);
    }

    /// Settles a position.
    pub(super) fn settle(&mut self, seq: i64) {
        self.under_way.remove(&seq);
    }

    /// Everything up to here is settled.
    pub(super) fn cursor(&self) -> i64 {
        self.under_way.first().map_or(self.newest, |first| first - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_is_below_everything_unsettled() {
        let mut window = Window::new(10);
        assert_eq!(window.cursor(), 10);
        for seq in [12, 15, 20] {
            window.begin(seq);
        }
        assert_eq!(window.cursor(), 11);
        window.settle(15);
        assert_eq!(window.cursor(), 11);
        window.settle(12);
        assert_eq!(window.cursor(), 19);
        window.settle(20);
        assert_eq!((window.cursor(), window.newest()), (20, 20));
    }
}

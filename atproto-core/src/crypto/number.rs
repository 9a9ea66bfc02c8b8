/// A number of 256 bits: half a signature, or the order of a curve.
///
/// Only public numbers are computed with here; nothing takes constant time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Number {
    high: u128,
    low: u128,
}

impl Number {
    pub(super) const ZERO: Self = Self::new(0, 0);

    pub(super) const fn new(high: u128, low: u128) -> Self {
        Self { high, low }
    }

    pub(super) fn from_be_bytes(high: [u8; 16], low: [u8; 16]) -> Self {
        Self::new(u128::from_be_bytes(high), u128::from_be_bytes(low))
    }

    pub(super) fn to_be_bytes(self) -> [[u8; 16]; 2] {
        [self.high.to_be_bytes(), self.low.to_be_bytes()]
    }

    /// Half of it, rounded down.
    pub(super) const fn half(self) -> Self {
        Self::new(self.high >> 1, self.high << 127 | self.low >> 1)
    }

    /// The difference to a number that is not greater.
    pub(super) const fn minus(self, other: Self) -> Self {
        let (low, borrow) = self.low.overflowing_sub(other.low);
        Self::new(self.high.wrapping_sub(other.high).wrapping_sub(borrow as u128), low)
    }
}

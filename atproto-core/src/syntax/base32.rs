/// An alphabet of Base32: five bits a character, the most significant first.
///
/// Texts and their binary forms are converted in groups of eight characters, which are
/// forty bits.
pub(super) struct Alphabet {
    symbols: [u8; 32],
    /// The digit of each byte, or [`Alphabet::NONE`].
    digits: [i8; 256],
}

impl Alphabet {
    pub(super) const fn new(symbols: [u8; 32]) -> Self {
        let mut digits = [Self::NONE; 256];
        let mut digit = 0;
        while digit < symbols.len() {
            digits[symbols[digit] as usize] = digit as i8;
            digit += 1;
        }
        Self { symbols, digits }
    }

    /// Writes the low bits of a number, five for each character of the text.
    // Where it is inlined the length is known, and there is no loop.
    #[inline(always)]
    pub(super) fn encode(&self, mut number: u64, text: &mut [u8]) {
        for place in text.iter_mut().rev() {
            *place = self.symbols[(number & 31) as usize];
            number >>= 5;
        }
    }

    /// Reads a number of five bits for each of at most twelve characters. It is negative
    /// if one of them is no symbol; which one, [`Alphabet::first_stranger`] says.
    // The bits of NONE stay set whatever follows, so the loop needs no branch.
    #[inline(always)]
    pub(super) fn decode(&self, text: &[u8]) -> i64 {
        text.iter().fold(0, |number, byte| number << 5 | i64::from(self.digits[usize::from(*byte)]))
    }

    /// Where the first character stands that is no symbol.
    pub(super) fn first_stranger(&self, text: &[u8]) -> Option<usize> {
        text.iter().position(|byte| self.digits[usize::from(*byte)] == Self::NONE)
    }

    /// Instead of a digit: every bit is set, also of the wider numbers that it becomes.
    const NONE: i8 = -1;
}

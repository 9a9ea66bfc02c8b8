/// An alphabet of Base32: five bits a character, the most significant first.
///
/// Texts and their binary forms are converted in groups of eight characters, which are
/// forty bits.
pub(super) struct Alphabet {
    symbols: [u8; 32],
    /// The digit of each byte, or [`Alphabet::NONE`].
    digits: [u8; 256],
}

impl Alphabet {
    pub(super) const fn new(symbols: [u8; 32]) -> Self {
        let mut digits = [Self::NONE; 256];
        let mut digit = 0;
        while digit < symbols.len() {
            digits[symbols[digit] as usize] = digit as u8;
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

    /// Reads a number of five bits for each character, modulo 64 bits; `None` if one of
    /// the characters is no symbol. Which one, [`Alphabet::first_stranger`] says, so that
    /// the loop of the usual case has no branch.
    #[inline(always)]
    pub(super) fn decode(&self, text: &[u8]) -> Option<u64> {
        let (mut number, mut seen) = (0, 0);
        for byte in text {
            let digit = self.digits[usize::from(*byte)];
            seen |= digit;
            number = number << 5 | u64::from(digit);
        }
        (seen != Self::NONE).then_some(number)
    }

    /// Where the first character stands that is no symbol.
    pub(super) fn first_stranger(&self, text: &[u8]) -> Option<usize> {
        text.iter().position(|byte| self.digits[usize::from(*byte)] == Self::NONE)
    }

    /// Instead of a digit. Has bits that no digit has.
    const NONE: u8 = 0xFF;
}

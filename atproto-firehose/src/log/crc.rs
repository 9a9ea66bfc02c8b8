//! CRC-32 (IEEE 802.3, reflected), sixteen bytes at a time.
//!
//! A replay is bound by this function, so it uses the "slicing" form: sixteen
//! tables built at compile time instead of one lookup a byte.

const POLYNOMIAL: u32 = 0xEDB8_8320;
const SLICES: usize = 16;

static TABLES: [[u32; 256]; SLICES] = tables();

/// A checksum in progress. Start with `default()`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Crc32(u32);

impl Crc32 {
    /// Adds bytes.
    pub(crate) fn update(self, bytes: &[u8]) -> Self {
        let mut crc = !self.0;
        let (chunks, rest) = bytes.as_chunks::<SLICES>();
        for chunk in chunks {
            let head = u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]) ^ crc;
            let mut next = 0;
            for (position, byte) in head.to_le_bytes().into_iter().enumerate() {
                next ^= TABLES[SLICES - 1 - position][usize::from(byte)];
            }
            for position in 4..SLICES {
                next ^= TABLES[SLICES - 1 - position][usize::from(chunk[position])];
            }
            crc = next;
        }
        for &byte in rest {
            crc = (crc >> 8) ^ TABLES[0][usize::from(crc.to_le_bytes()[0] ^ byte)];
        }
        Self(!crc)
    }

    /// The checksum of all bytes added.
    pub(crate) fn value(self) -> u32 {
        self.0
    }
}

/// The checksum of one slice.
pub(crate) fn checksum(bytes: &[u8]) -> u32 {
    Crc32::default().update(bytes).value()
}

const fn tables() -> [[u32; 256]; SLICES] {
    let mut tables = [[0; 256]; SLICES];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut slice = 1;
    while slice < SLICES {
        let mut byte = 0;
        while byte < 256 {
            let previous = tables[slice - 1][byte];
            tables[slice][byte] = (previous >> 8) ^ tables[0][(previous & 0xff) as usize];
            byte += 1;
        }
        slice += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_value_of_the_standard() {
        assert_eq!(checksum(b"123456789"), 0xCBF4_3926);
        assert_eq!(checksum(b""), 0);
    }

    #[test]
    fn parts_and_slices_agree_with_one_byte_at_a_time() {
        let bytes: Vec<u8> = (0..1000u32).map(|n| (n * 7 + n / 3) as u8).collect();
        let slow = bytes.iter().fold(Crc32::default(), |crc, byte| crc.update(&[*byte]));
        for cut in [0, 1, 15, 16, 17, 500, 1000] {
            let parts = Crc32::default().update(&bytes[..cut]).update(&bytes[cut..]);
            assert_eq!(parts.value(), slow.value());
        }
    }
}

//! Lines and columns of the parts of a JSON text.

use std::fmt;

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The byte in its line, from 1.
    pub column: usize,
}

/// `line 3, column 7`
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

impl Place {
    pub(super) fn new(line: usize, column: usize) -> Self {
        Self { line, column }
    }

    /// Where the value begins that keys and indices lead to, or as far as they lead, in a text
    /// that is JSON. Reads the text again: for those who have an error to tell.
    ///
    /// ```
    /// use atproto_core::lexicon::Place;
    ///
    /// let text = b"{\n  \"defs\": { \"main\": [1, 2] }\n}";
    /// let place = Place::of(text, ["defs", "main", "1"].into_iter());
    /// assert_eq!(place.to_string(), "line 2, column 25");
    /// ```
    pub fn of<'p>(text: &[u8], path: impl Iterator<Item = &'p str>) -> Self {
        let mut scanner = Scanner { text, at: 0 };
        scanner.blank();
        for segment in path {
            let here = scanner.at;
            if !scanner.enter(segment) {
                scanner.at = here;
                break;
            }
        }
        let before = &text[..scanner.at.min(text.len())];
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        Self { line, column: 1 + before.len() - line_start }
    }
}

/// A cursor over text that is JSON. What is not found ends at the end of the text.
struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    /// Goes from a container to the value under a key or an index, if it is there.
    fn enter(&mut self, segment: &str) -> bool {
        let is_object = match self.peek() {
            Some(b'{') => true,
            Some(b'[') => false,
            _ => return false,
        };
        self.at += 1;
        for index in 0.. {
            self.blank();
            if matches!(self.peek(), None | Some(b'}' | b']')) {
                return false;
            }
            let found = if is_object {
                let key_start = self.at;
                self.value();
                let key = serde_json::from_slice::<String>(&self.text[key_start..self.at]);
                self.blank();
                self.at += 1;
                self.blank();
                key.is_ok_and(|key| key == segment)
            } else {
                segment.parse() == Ok(index)
            };
            if found {
                return true;
            }
            self.value();
            self.blank();
            if self.peek() == Some(b',') {
                self.at += 1;
            }
        }
        false
    }

    /// Steps over a value, whatever is in it.
    fn value(&mut self) {
        let mut open = 0usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => self.string(),
                b'{' | b'[' => {
                    open += 1;
                    self.at += 1;
                }
                b'}' | b']' if open == 0 => return,
                b'}' | b']' => {
                    open -= 1;
                    self.at += 1;
                }
                b',' if open == 0 => return,
                _ => self.at += 1,
            }
            if open == 0 && matches!(byte, b'"' | b'}' | b']') {
                return;
            }
        }
    }

    fn string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += if byte == b'\\' { 2 } else { 1 };
            if byte == b'"' {
                return;
            }
        }
    }

    fn blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }
}

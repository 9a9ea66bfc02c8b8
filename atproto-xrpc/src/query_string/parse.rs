use serde::de;

/// Decoded `name=value` pairs in the order in which they came.
pub type Pairs = Vec<(String, String)>;

/// A query string that cannot be read as the parameters of a method.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// A percent sign without two hexadecimal digits, or bytes that are not UTF-8.
    #[error("query string is not percent-encoded UTF-8")]
    Encoding,
    /// More pairs than the limit.
    #[error("query string has more than {0} parameters")]
    TooMany(usize),
    /// A value that its parameter does not admit, or a missing parameter.
    #[error("{0}")]
    Value(String),
}

impl de::Error for QueryError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::Value(message.to_string())
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Value(format!("Params must have the property \"{field}\""))
    }
}

/// Splits and decodes a query string of at most `max_params` pairs.
///
/// `+` means a space, as browsers send it. An empty piece (`a=1&&b=2`) is skipped.
pub fn parse(query: &str, max_params: usize) -> Result<Pairs, QueryError> {
    let mut pairs = Pairs::new();
    for piece in query.split('&').filter(|piece| !piece.is_empty()) {
        if pairs.len() == max_params {
            return Err(QueryError::TooMany(max_params));
        }
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        pairs.push((decode(name)?, decode(value)?));
    }
    Ok(pairs)
}

fn decode(text: &str) -> Result<String, QueryError> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (high, low) = (hex(bytes.next())?, hex(bytes.next())?);
                (high << 4) | low
            }
            other => other,
        });
    }
    String::from_utf8(decoded).map_err(|_| QueryError::Encoding)
}

fn hex(digit: Option<u8>) -> Result<u8, QueryError> {
    let digit = digit.and_then(|byte| char::from(byte).to_digit(16)).ok_or(QueryError::Encoding)?;
    Ok(digit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_names_and_values() {
        let pairs = parse("a=1&&b%5B%5D=x+y%20z&c", 10).unwrap();
        let expected = [("a", "1"), ("b[]", "x y z"), ("c", "")];
        assert_eq!(pairs, expected.map(|(name, value)| (name.into(), value.into())));
    }

    #[test]
    fn refuses_broken_escapes_and_floods() {
        for bad in ["a=%", "a=%f", "a=%zz", "a=%ff"] {
            assert_eq!(parse(bad, 10), Err(QueryError::Encoding), "{bad}");
        }
        assert_eq!(parse("a&b&c", 2), Err(QueryError::TooMany(2)));
    }
}

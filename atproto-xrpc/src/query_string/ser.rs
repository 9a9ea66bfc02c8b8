use serde::Serialize;
use serde_json::Value;

/// Writes parameters as a query string without the question mark. Absent values (`null`)
/// are left out.
pub fn to_string<T: Serialize>(params: &T) -> Result<String, serde_json::Error> {
    let mut query = String::new();
    if let Value::Object(fields) = serde_json::to_value(params)? {
        for (name, value) in &fields {
            match value {
                Value::Array(items) => items.iter().for_each(|item| push(&mut query, name, item)),
                one => push(&mut query, name, one),
            }
        }
    }
    Ok(query)
}

/// The same query string with this value, and no other, for `name`.
#[cfg(feature = "client")]
pub(crate) fn with_value(query: &str, name: &str, value: &str) -> String {
    let is_other = |pair: &&str| pair.split('=').next() != Some(name);
    let mut changed = query.split('&').filter(is_other).collect::<Vec<_>>().join("&");
    push(&mut changed, name, &Value::from(value));
    changed
}

fn push(query: &mut String, name: &str, value: &Value) {
    let text = match value {
        Value::Null => return,
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if !query.is_empty() {
        query.push('&');
    }
    encode(query, name);
    query.push('=');
    encode(query, &text);
}

/// Percent-encodes all but unreserved characters and the `:` and `/` of identifiers, which
/// a query may hold as they are (RFC 3986, section 3.4).
fn encode(query: &mut String, text: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' | b'/' => {
                query.push(char::from(byte));
            }
            _ => {
                query.push('%');
                query.push(char::from(HEX[usize::from(byte >> 4)]));
                query.push(char::from(HEX[usize::from(byte & 15)]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xr_003_renders_every_kind() {
        let params = serde_json::json!({
            "actor": "did:web:a.example", "cursor": null, "limit": 5, "q": "ü &=+", "r": true,
            "uris": ["at://x/y", "b"],
        });
        let expected =
            "actor=did:web:a.example&limit=5&q=%C3%BC%20%26%3D%2B&r=true&uris=at://x/y&uris=b";
        assert_eq!(to_string(&params).unwrap(), expected);
    }

    #[cfg(feature = "client")]
    #[test]
    fn xr_013_only_the_cursor_changes() {
        assert_eq!(with_value("", "cursor", "1"), "cursor=1");
        assert_eq!(with_value("a=1&cursor=x&cursors=2", "cursor", "&"), "a=1&cursors=2&cursor=%26");
    }
}

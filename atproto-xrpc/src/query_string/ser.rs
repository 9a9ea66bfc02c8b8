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
}

//! Lines of places in JSON text.

use std::{borrow::Cow, collections::HashMap};

use serde_json::value::RawValue;

/// The line, from 1, on which the value begins that these keys lead to, or as far as they
/// lead.
pub(super) fn line_of(text: &str, path: &[String]) -> Option<usize> {
    let mut inner = serde_json::from_str::<&RawValue>(text).ok()?.get();
    for key in path {
        match member(inner, key) {
            Some(found) => inner = found,
            None => break,
        }
    }
    let offset = inner.as_ptr().addr() - text.as_ptr().addr();
    Some(1 + text.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count())
}

fn member<'a>(json: &'a str, key: &str) -> Option<&'a str> {
    if let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(json) {
        return items.get(key.parse::<usize>().ok()?).map(|item| item.get());
    }
    let members: HashMap<Cow<'_, str>, &RawValue> = serde_json::from_str(json).ok()?;
    members.get(key).map(|member| member.get())
}

#[cfg(test)]
mod tests {
    use super::line_of;

    #[test]
    fn a_line_is_that_of_the_value_or_of_what_holds_it() {
        let text = "{\n \"a\": {\n  \"b\\u0063\": [1,\n 2]\n }\n}";
        let line = |path: &[&str]| {
            line_of(text, &path.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(line(&[]), Some(1));
        assert_eq!(line(&["a"]), Some(2));
        assert_eq!(line(&["a", "bc"]), Some(3));
        assert_eq!(line(&["a", "bc", "1"]), Some(4));
        assert_eq!(line(&["a", "nowhere"]), Some(2));
        assert_eq!(line_of("no JSON", &[]), None);
    }
}

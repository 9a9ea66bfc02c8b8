//! Comparing media types with what a lexicon declares.

/// The type without its parameters: `text/html` of `text/html; charset=utf-8`.
pub(crate) fn essence(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim()
}

/// Whether a declared encoding (`application/json`, `image/*`, `*/*`, or several with commas
/// between them) admits a media type.
pub(crate) fn admits(declared: &str, media_type: &str) -> bool {
    let given = essence(media_type);
    let Some((kind, _)) = given.split_once('/') else { return false };
    declared.split(',').map(str::trim).any(|pattern| match pattern.strip_suffix("/*") {
        Some("*") => true,
        Some(prefix) => prefix.eq_ignore_ascii_case(kind),
        None => pattern.eq_ignore_ascii_case(given),
    })
}

/// Whether a text is a media type, `type/*` or `*/*`.
pub(crate) fn is_pattern(text: &str) -> bool {
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(in_name);
    text == "*/*"
        || text
            .split_once('/')
            .is_some_and(|(kind, of)| is_name(kind) && (of == "*" || is_name(of)))
}

/// What names of media types consist of (RFC 6838, section 4.2).
fn in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::admits;

    #[test]
    fn patterns() {
        assert!(admits("application/json", "Application/JSON; charset=utf-8"));
        assert!(admits("image/*", "image/png"));
        assert!(admits("*/*", "application/vnd.ipld.car"));
        assert!(admits("text/plain, image/*", "image/gif"));
        assert!(!admits("application/json", "text/plain"));
        assert!(!admits("image/*", "imagery/png"));
        assert!(!admits("*/*", "nonsense"));
    }
}

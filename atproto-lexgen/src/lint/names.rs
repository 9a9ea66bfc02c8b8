//! The style of names.

/// `lowerCamelCase`: ASCII letters and digits, the first a small letter.
pub(super) fn is_lower_camel(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// `UpperCamelCase`: ASCII letters and digits, the first a capital.
pub(super) fn is_upper_camel(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_uppercase())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

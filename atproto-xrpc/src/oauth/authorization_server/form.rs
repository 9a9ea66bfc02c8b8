use std::borrow::Cow;

use url::form_urlencoded;

use super::OAuthError;

/// The longest form in bytes. Ours: a client assertion of 8 KiB and a scope of 32 KiB fit.
pub const MAX_FORM_BYTES: usize = 64 << 10;

/// The most fields of one form. Ours; the longest request of the profile has 14.
pub const MAX_FORM_FIELDS: usize = 64;

/// The parameters of a request, as `application/x-www-form-urlencoded` has them.
#[derive(Debug, Clone, Default)]
pub struct Form<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Form<'a> {
    /// Reads a body or a query. A name that is there twice is refused, as RFC 6749 section 3.1
    /// asks: two readers could take different ones for it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, OAuthError> {
        if bytes.len() > MAX_FORM_BYTES {
            return Err(OAuthError::request("the form is too long"));
        }
        let mut fields: Vec<(Cow<'a, str>, Cow<'a, str>)> = Vec::new();
        for (name, value) in form_urlencoded::parse(bytes) {
            if fields.len() == MAX_FORM_FIELDS {
                return Err(OAuthError::request("the form has too many fields"));
            }
            if fields.iter().any(|(known, _)| *known == name) {
                return Err(OAuthError::request("a parameter is there twice"));
            }
            fields.push((name, value));
        }
        Ok(Self(fields))
    }

    /// A parameter's value. An empty one counts as absent, as RFC 6749 section 3.1 has it.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_ref()).filter(|value| !value.is_empty())
    }

    /// A parameter that has to be there.
    pub fn require(&self, name: &str) -> Result<&str, OAuthError> {
        self.get(name).ok_or_else(|| OAuthError::request(format!("`{name}` is missing")))
    }
}

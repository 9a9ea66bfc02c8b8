use super::field::{Result, boolean, expect_type, list, nsid, object, optional, required, string};
use crate::{
    lexicon::{
        document::{SchemaError, SchemaRule},
        json::Json,
        schema::{Permission, PermissionSet},
    },
    syntax::Language,
};

/// A permission set: what is shown to people, and what is granted.
pub(super) fn permission_set(entries: &[(String, Json)]) -> Result<PermissionSet> {
    Ok(PermissionSet {
        description: optional(entries, "description", string)?,
        title: optional(entries, "title", string)?,
        titles: optional(entries, "title:lang", by_language)?.unwrap_or_default(),
        detail: optional(entries, "detail", string)?,
        details: optional(entries, "detail:lang", by_language)?.unwrap_or_default(),
        permissions: required(entries, "permissions", |json| list(json, permission))?,
    })
}

fn by_language(json: &Json) -> Result<Vec<(Language, String)>> {
    let text = |(tag, text): &(String, Json)| {
        let language = Language::check_strict(tag).and_then(|()| Language::new(tag));
        let language = language.map_err(|error| SchemaError::new(SchemaRule::Syntax(error)))?;
        Ok((language, string(text)?))
    };
    let entries = object(json)?.iter();
    entries.map(|entry| text(entry).map_err(|error: SchemaError| error.at(&entry.0))).collect()
}

/// A permission that is not wholly understood is ignored, never narrowed or widened.
fn permission(json: &Json) -> Result<Permission> {
    let entries = object(json)?;
    expect_type(entries, "permission")?;
    let resource = required(entries, "resource", string)?;
    let understood = match resource.as_str() {
        "repo" if knows(entries, &["collection", "action"]) => repo(entries).ok(),
        "rpc" if knows(entries, &["lxm", "aud", "inheritAud"]) => rpc(entries).ok(),
        _ => None,
    };
    Ok(understood.flatten().unwrap_or_else(|| Permission::Ignored(json.clone())))
}

fn knows(entries: &[(String, Json)], fields: &[&str]) -> bool {
    entries.iter().all(|(key, _)| {
        ["type", "resource", "description"].contains(&key.as_str())
            || fields.contains(&key.as_str())
    })
}

fn repo(entries: &[(String, Json)]) -> Result<Option<Permission>> {
    let collection = required(entries, "collection", |json| list(json, nsid))?;
    let action = optional(entries, "action", |json| list(json, string))?.unwrap_or_default();
    let known = action.iter().all(|action| ACTIONS.contains(&action.as_str()));
    Ok((known && !collection.is_empty()).then_some(Permission::Repo { collection, action }))
}

/// The audience is anyone, or whoever the set is asked for; a set names no service.
fn rpc(entries: &[(String, Json)]) -> Result<Option<Permission>> {
    let lxm = required(entries, "lxm", |json| list(json, nsid))?;
    let aud = optional(entries, "aud", string)?;
    let inherit_aud = optional(entries, "inheritAud", boolean)?.unwrap_or(false);
    let known = match aud.as_deref() {
        Some("*") => !inherit_aud,
        Some(_) => false,
        None => inherit_aud,
    };
    Ok((known && !lxm.is_empty()).then_some(Permission::Rpc { lxm, aud, inherit_aud }))
}

/// What a permission on a repository may be limited to. Source:
/// <https://atproto.com/specs/permission#repo>.
const ACTIONS: [&str; 3] = ["create", "update", "delete"];

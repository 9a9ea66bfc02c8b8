//! Enums of strings.

use super::pieces::Group;
use crate::plan::Enumeration;

pub(super) fn enumeration(enumeration: &Enumeration) -> Group {
    let call = if enumeration.closed { "closed_enum" } else { "open_enum" };
    let mut text = format!("atproto_core::{call}! {{\n");
    for line in &enumeration.docs {
        text.push_str(format!("    /// {line}").trim_end());
        text.push('\n');
    }
    text.push_str(&format!("    pub enum {} {{\n", enumeration.name));
    for (variant, value) in &enumeration.variants {
        text.push_str(&format!("        {variant} = {value:?},\n"));
    }
    text.push_str("    }\n}\n");
    Group::text(text)
}

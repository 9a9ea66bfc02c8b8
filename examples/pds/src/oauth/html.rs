//! HTML in which nothing foreign can become markup.

use std::fmt::Display;

/// A piece of a page. Markup is written here in the program; everything else is escaped.
#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// Markup, to begin with.
    pub(super) fn new(markup: &'static str) -> Self {
        Self(markup.to_owned())
    }

    /// Adds markup.
    pub(super) fn raw(mut self, markup: &'static str) -> Self {
        self.0.push_str(markup);
        self
    }

    /// Adds text, escaped: between tags, or inside an attribute's double quotes.
    pub(super) fn text(mut self, text: impl Display) -> Self {
        for character in text.to_string().chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                // What turns the direction of writing can make one address look like another.
                '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}' => self.0.push('\u{fffd}'),
                character => self.0.push(character),
            }
        }
        self
    }

    /// Adds a piece.
    pub(super) fn push(mut self, piece: &Self) -> Self {
        self.0.push_str(&piece.0);
        self
    }

    /// Adds pieces.
    pub(super) fn extend(self, pieces: impl IntoIterator<Item = Self>) -> Self {
        pieces.into_iter().fold(self, |whole, piece| whole.push(&piece))
    }

    /// A hidden field of a form.
    pub(super) fn hidden(self, name: &'static str, value: impl Display) -> Self {
        self.raw("<input type=\"hidden\" name=\"")
            .raw(name)
            .raw("\" value=\"")
            .text(value)
            .raw("\">")
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::Html;

    #[test]
    fn t83_everything_foreign_is_escaped() {
        let page =
            Html::new("<p title=\"").text("\"'&<x>").raw("\">").text("<script>\u{202e}\u{200f}x");
        let expected = "<p title=\"&quot;&#39;&amp;&lt;x&gt;\">&lt;script&gt;\u{fffd}\u{fffd}x";
        assert_eq!(page.into_string(), expected);
    }
}

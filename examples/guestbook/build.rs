//! Generates the types of the lexicons in `lexicons/`.

fn main() -> Result<(), atproto_lexgen::Error> {
    atproto_lexgen::Config::new().lexicons("lexicons").build().map(drop)
}

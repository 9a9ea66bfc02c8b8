//! What texts in values allocate.

use allocation_counter::measure;
use atproto_core::data::Value;

#[test]
fn short_text_allocates_nothing() {
    for (text, count) in
        [("", 0), ("2025-03-14T15:09:26.535Z", 0), ("a text of 25 bytes, no less", 1)]
    {
        let memory = measure(|| drop(Value::from(text)));
        assert_eq!(memory.count_total, count, "{text}");
    }
}

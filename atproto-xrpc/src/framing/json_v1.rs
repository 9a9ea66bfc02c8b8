use atproto_core::{
    data::{Map, Value, cbor, json},
    frame::{self, Frame},
    syntax::Nsid,
};
use bytes::Bytes;

use super::{Framing, FramingError, Payload};

/// `xrpc.v1.json`: one JSON object in a text message, `{"$type":"message","payload":{…}}` or
/// `{"$type":"error","error":"…"}`. The payload has its full `$type`.
#[derive(Debug, Clone, Copy, Default)]
pub struct JsonV1;

impl Framing for JsonV1 {
    fn protocol(&self) -> &'static str {
        "xrpc.v1.json"
    }

    fn encode(&self, nsid: &Nsid, frame: &Bytes) -> Result<Payload, FramingError> {
        let object = match frame::decode(frame)? {
            Frame::Message { kind, body } => {
                let mut payload = cbor::decode_map(body)?;
                // What belongs to another lexicon is named in full in the binary form too.
                let is_own = kind.starts_with('#');
                let name = if is_own { format!("{nsid}{kind}") } else { kind.to_owned() };
                payload.insert(TYPE, name);
                Map::from([(TYPE, Value::from(MESSAGE)), (PAYLOAD, Value::Map(payload))])
            }
            Frame::Error { name, message } => {
                let mut object = Map::from([(TYPE, ERROR), (ERROR, name)]);
                if let Some(message) = message {
                    object.insert(MESSAGE, message);
                }
                object
            }
            _ => return Err(FramingError::Field("op")),
        };
        Ok(Payload::text(json::encode(&Value::Map(object))))
    }

    fn decode(&self, payload: Payload) -> Result<Option<Bytes>, FramingError> {
        let mut object = json::decode_map(payload.as_text()?)?;
        let frame = match object.type_name().ok_or(FramingError::Field(TYPE))? {
            MESSAGE => {
                let Some(Value::Map(mut payload)) = object.remove(PAYLOAD) else {
                    return Err(FramingError::Field(PAYLOAD));
                };
                let Some(Value::String(name)) = payload.remove(TYPE) else {
                    return Err(FramingError::Field(TYPE));
                };
                let fragment = name.find('#').ok_or(FramingError::Field(TYPE))?;
                frame::encode_message(&name[fragment..], &cbor::encode(&Value::Map(payload)))
            }
            ERROR => {
                let name = text(&object, ERROR).ok_or(FramingError::Field(ERROR))?;
                frame::encode_error(name, text(&object, MESSAGE))
            }
            _ => return Ok(None),
        };
        Ok(Some(frame.into()))
    }
}

fn text<'o>(object: &'o Map, name: &str) -> Option<&'o str> {
    match object.get(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

const TYPE: &str = "$type";
const MESSAGE: &str = "message";
const PAYLOAD: &str = "payload";
const ERROR: &str = "error";

//! Event streams in either form, read by type.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use atproto_core::{
    data::{CborError, cbor::Writer},
    frame::{self, Frame},
    object::{Message, MessageError},
    syntax::Nsid,
};
use atproto_xrpc::{
    XrpcError,
    client::subscribe::{self, FrameStream, MessagesError, SubscribeError, SubscribeOptions},
    framing::{CborV0, Framing, FramingError, JsonV1, Payload},
    server::{Context, Public, Router, RouterConfig, StreamError},
};
use bytes::Bytes;
use futures::{StreamExt, stream};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    sync::Barrier,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{self, protocol::Role},
};

use crate::{endpoints::SubscribeThings, net::Server};

const PATH: &str = "/xrpc/org.example.subscribeThings";

/// What the stream of the tests says.
#[derive(Debug, PartialEq)]
enum Thing {
    Thing(i64),
    Other(String),
}

impl Message for Thing {
    fn decode(kind: &str, body: &[u8]) -> Result<Self, CborError> {
        if kind != "#thing" {
            return Ok(Self::Other(kind.to_owned()));
        }
        let mut reader = atproto_core::data::cbor::Reader::new(body);
        let mut map = reader.map()?;
        let mut seq = 0;
        while let Some(key) = map.next_key(&mut reader)? {
            if key == "seq" { seq = reader.int()? } else { reader.skip()? }
        }
        Ok(Self::Thing(seq))
    }

    fn kind(&self) -> &str {
        match self {
            Self::Thing(_) => "#thing",
            Self::Other(kind) => kind,
        }
    }

    fn encode_body(&self) -> Result<Vec<u8>, CborError> {
        let mut body = Writer::new();
        match self {
            Self::Thing(seq) => body.map(1).text("seq").int(*seq),
            Self::Other(_) => body.map(0),
        };
        Ok(body.into_bytes())
    }
}

fn thing(seq: i64) -> Bytes {
    Thing::Thing(seq).to_frame().unwrap().into()
}

/// A server whose subscription says this and ends.
async fn server(config: RouterConfig, items: Vec<Result<Bytes, StreamError>>) -> Server {
    let handler = move |_context: Context<()>, _params: SubscribeThings| {
        let items = items.clone();
        async move { Ok::<_, XrpcError>(stream::iter(items)) }
    };
    Server::start(Router::new(config).subscription::<SubscribeThings, _>(Public, handler)).await
}

async fn subscribe(server: &Server, options: SubscribeOptions) -> FrameStream {
    subscribe::connect(&format!("{}{PATH}", server.url()), &options).await.unwrap()
}

async fn read(server: &Server) -> Vec<Result<Thing, MessagesError>> {
    let frames = subscribe(server, SubscribeOptions::default()).await;
    frames.into_messages().collect().await
}

/// The subprotocol that is agreed upon when these are offered, and what the server sends. By
/// hand: proper clients leave when the server names none.
async fn offer(server: &Server, offered: &str) -> (Option<String>, Vec<tungstenite::Message>) {
    let mut socket = BufReader::new(TcpStream::connect(server.address).await.unwrap());
    let head = format!(
        "GET {PATH} HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
        sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        sec-websocket-protocol: {offered}\r\n\r\n"
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let (mut line, mut agreed) = (String::new(), None);
    while line != "\r\n" {
        line.clear();
        socket.read_line(&mut line).await.unwrap();
        if let Some(name) = line.strip_prefix("sec-websocket-protocol: ") {
            agreed = Some(name.trim().to_owned());
        }
    }
    let socket = WebSocketStream::from_raw_socket(socket, Role::Client, None).await;
    (agreed, socket.filter_map(|message| async { message.ok() }).collect().await)
}

#[tokio::test]
async fn ev_028_a_client_chooses_its_form() {
    let config = RouterConfig::default().framing(JsonV1);
    let server = server(config, vec![Ok(thing(7))]).await;
    let json =
        r##"{"$type":"message","payload":{"seq":7,"$type":"org.example.subscribeThings#thing"}}"##;
    for (offered, agreed) in [
        ("xrpc.v1.json", Some("xrpc.v1.json")),
        ("xrpc.v1.cbor, xrpc.v1.json, xrpc.v0.cbor", Some("xrpc.v1.json")),
        ("xrpc.v0.cbor, xrpc.v1.json", Some("xrpc.v0.cbor")),
        ("soap", None),
    ] {
        let (found, messages) = offer(&server, offered).await;
        assert_eq!(found.as_deref(), agreed, "{offered}");
        match agreed {
            Some("xrpc.v1.json") => assert_eq!(messages[0].to_text().unwrap(), json),
            _ => assert_eq!(messages[0].clone().into_data(), thing(7)),
        }
    }
    // Our own client reads the same frames either way.
    for options in [SubscribeOptions::default(), SubscribeOptions::default().framing(JsonV1)] {
        let mut frames = subscribe(&server, options).await;
        assert_eq!(frames.next().await.unwrap().unwrap(), thing(7));
        assert!(frames.next().await.is_none());
    }
}

#[tokio::test]
async fn ev_028_a_form_that_the_server_does_not_speak_is_an_error() {
    let server = server(RouterConfig::default(), vec![Ok(thing(7))]).await;
    let url = format!("{}{PATH}", server.url());
    let options = SubscribeOptions::default().framing(JsonV1);
    let refused = subscribe::connect(&url, &options).await;
    assert!(matches!(refused, Err(SubscribeError::WebSocket(_))), "{refused:?}");
}

#[test]
fn ev_029_and_008_a_json_frame_is_one_object_and_carries_its_type() {
    let nsid = Nsid::new("org.example.subscribeThings").unwrap();
    let there_and_back = |frame: Vec<u8>, json: &str| {
        let frame = Bytes::from(frame);
        let payload = JsonV1.encode(&nsid, &frame).unwrap();
        assert_eq!(payload.as_text().unwrap(), json);
        assert_eq!(JsonV1.decode(payload).unwrap().unwrap(), frame);
    };
    let frame = Thing::Thing(1).to_frame().unwrap();
    let Ok(Frame::Message { kind: "#thing", body }) = frame::decode(&frame) else { panic!() };
    assert!(!body.windows(5).any(|bytes| bytes == b"$type"), "it stands in the header");
    there_and_back(
        frame,
        r##"{"$type":"message","payload":{"seq":1,"$type":"org.example.subscribeThings#thing"}}"##,
    );
    there_and_back(
        frame::encode_error("FutureCursor", Some("later")),
        r#"{"$type":"error","error":"FutureCursor","message":"later"}"#,
    );
    there_and_back(
        frame::encode_error("ConsumerTooSlow", None),
        r#"{"$type":"error","error":"ConsumerTooSlow"}"#,
    );
    let unknown = JsonV1.decode(Payload::text(r#"{"$type":"keepalive"}"#)).unwrap();
    assert_eq!(unknown, None);
}

#[test]
fn what_is_no_frame_of_a_form_is_a_typed_error() {
    use FramingError as E;
    let json = |text: &str| JsonV1.decode(Payload::text(text)).unwrap_err();
    assert!(matches!(json("{"), E::Json(_)));
    assert!(matches!(json("[]"), E::Json(_)));
    assert!(matches!(json(r#"{"payload":{}}"#), E::Field("$type")));
    assert!(matches!(json(r#"{"$type":"message"}"#), E::Field("payload")));
    assert!(matches!(json(r#"{"$type":"message","payload":{}}"#), E::Field("$type")));
    assert!(matches!(
        json(r#"{"$type":"message","payload":{"$type":"a.b.c"}}"#),
        E::Field("$type")
    ));
    assert!(matches!(json(r#"{"$type":"error"}"#), E::Field("error")));
    assert!(matches!(JsonV1.decode(Payload::binary(vec![1])).unwrap_err(), E::Binary));
    assert!(matches!(CborV0.decode(Payload::text("x")).unwrap_err(), E::Text));
    let nsid = Nsid::new("a.b.c").unwrap();
    assert!(matches!(JsonV1.encode(&nsid, &vec![1, 2].into()).unwrap_err(), E::Frame(_)));
}

#[tokio::test]
async fn ev_003_and_004_what_is_not_known_is_passed_over() {
    let mut of_the_future = Writer::new();
    of_the_future.map(1).text("op").int(5);
    of_the_future.map(0);
    let of_the_future = Bytes::from(of_the_future.into_bytes());
    let other = Thing::Other("#other".into()).to_frame().unwrap().into();
    let items = vec![Ok(of_the_future), Ok(thing(1)), Ok(other), Ok(thing(2))];
    let server = server(RouterConfig::default(), items).await;
    let read = read(&server).await.into_iter().collect::<Result<Vec<_>, _>>().unwrap();
    assert_eq!(read, [Thing::Thing(1), Thing::Other("#other".into()), Thing::Thing(2)]);
}

#[tokio::test]
async fn ev_005_a_malformed_frame_ends_the_connection() {
    let items = vec![Ok(thing(1)), Ok(Bytes::from_static(b"\xa1")), Ok(thing(2))];
    let server = server(RouterConfig::default(), items).await;
    let mut read = read(&server).await.into_iter();
    assert!(matches!(read.next(), Some(Ok(Thing::Thing(1)))));
    let end = read.next();
    assert!(matches!(end, Some(Err(MessagesError::Message(MessageError::Frame(_))))), "{end:?}");
    assert!(read.next().is_none(), "nothing behind it is read");
}

#[tokio::test]
async fn ev_007_an_error_frame_is_the_last_word() {
    let error = StreamError::new("ConsumerTooSlow").with_message("read faster");
    for form in [0, 1] {
        let items = vec![Ok(thing(1)), Err(error.clone()), Ok(thing(2))];
        let server = server(RouterConfig::default().framing(JsonV1), items).await;
        let options = SubscribeOptions::default();
        let options = if form == 0 { options } else { options.framing(JsonV1) };
        let frames = subscribe(&server, options).await;
        let mut read = frames.into_messages::<Thing>();
        assert_eq!(read.next().await.unwrap().unwrap(), Thing::Thing(1));
        let Some(Err(MessagesError::Message(MessageError::Ended { name, message }))) =
            read.next().await
        else {
            panic!()
        };
        assert_eq!((name.as_str(), message.as_deref()), ("ConsumerTooSlow", Some("read faster")));
        assert!(read.next().await.is_none());
    }
}

/// Says how often it was asked to encode.
#[derive(Debug)]
struct Counting(Arc<AtomicUsize>);

impl Framing for Counting {
    fn protocol(&self) -> &'static str {
        "counting"
    }

    fn encode(&self, nsid: &Nsid, frame: &Bytes) -> Result<Payload, FramingError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        CborV0.encode(nsid, frame)
    }

    fn decode(&self, payload: Payload) -> Result<Option<Bytes>, FramingError> {
        CborV0.decode(payload)
    }
}

#[tokio::test]
async fn a_frame_is_encoded_once_for_a_hundred_readers() {
    const READERS: usize = 100;
    const FRAMES: usize = 50;
    let (encodings, made) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let config = RouterConfig::default().framing(Counting(Arc::clone(&encodings)));
    // One producer's frames, shared by all who read, as a log's are.
    let frames: Vec<Bytes> = (0..FRAMES)
        .map(|seq| {
            made.fetch_add(1, Ordering::Relaxed);
            thing(seq as i64)
        })
        .collect();
    let start = Arc::new(Barrier::new(READERS));
    let handler = move |_context: Context<()>, _params: SubscribeThings| {
        let (frames, start) = (frames.clone(), Arc::clone(&start));
        async move {
            start.wait().await;
            Ok::<_, XrpcError>(stream::iter(frames).map(Ok))
        }
    };
    let router = Router::new(config).subscription::<SubscribeThings, _>(Public, handler);
    let server = Server::start(router).await;
    let options = || SubscribeOptions::default().framing(Counting(Arc::default()));
    let readers = (0..READERS).map(|_| async {
        subscribe(&server, options()).await.into_messages::<Thing>().count().await
    });
    let read = futures::future::join_all(readers).await;
    assert_eq!(read, [FRAMES; READERS]);
    assert_eq!(made.load(Ordering::Relaxed), FRAMES);
    assert_eq!(encodings.load(Ordering::Relaxed), FRAMES);
}

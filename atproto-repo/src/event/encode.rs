use atproto_core::{data::cbor::Writer, frame};

use super::{AccountEvent, CommitEvent, Event, IdentityEvent, InfoEvent, RepoOp, SyncEvent};

pub(super) fn event(event: &Event) -> Vec<u8> {
    let mut writer = Writer::new();
    match event {
        Event::Commit(message) => commit(&mut writer, message),
        Event::Sync(message) => sync(&mut writer, message),
        Event::Identity(message) => identity(&mut writer, message),
        Event::Account(message) => account(&mut writer, message),
        Event::Info(message) => info(&mut writer, message),
    }
    frame::encode_message(event.kind(), &writer.into_bytes())
}

// Keys are in canonical order: shorter ones first.

fn commit(writer: &mut Writer, event: &CommitEvent) {
    writer.map(11 + usize::from(event.prev_data.is_some()));
    writer.text("ops").array(event.ops.len());
    for op in &event.ops {
        self::op(writer, op);
    }
    writer.text("rev").text(&event.rev.to_string()).text("seq").int(event.seq);
    writer.text("repo").text(event.repo.as_str()).text("time").text(&event.time);
    writer.text("blobs").array(0).text("since");
    match event.since {
        Some(since) => writer.text(&since.to_string()),
        None => writer.null(),
    };
    writer.text("blocks").bytes(&event.blocks).text("commit").link(&event.commit);
    writer.text("rebase").bool(event.rebase).text("tooBig").bool(event.too_big);
    if let Some(prev_data) = &event.prev_data {
        writer.text("prevData").link(prev_data);
    }
}

fn op(writer: &mut Writer, op: &RepoOp) {
    writer.map(3 + usize::from(op.prev.is_some()));
    writer.text("cid").nullable_link(op.cid.as_ref()).text("path").text(&op.path.to_string());
    if let Some(prev) = &op.prev {
        writer.text("prev").link(prev);
    }
    writer.text("action").text(op.action.as_str());
}

fn sync(writer: &mut Writer, event: &SyncEvent) {
    writer.map(5);
    writer.text("did").text(event.did.as_str()).text("rev").text(&event.rev.to_string());
    writer.text("seq").int(event.seq).text("time").text(&event.time);
    writer.text("blocks").bytes(&event.blocks);
}

fn identity(writer: &mut Writer, event: &IdentityEvent) {
    writer.map(3 + usize::from(event.handle.is_some()));
    writer.text("did").text(event.did.as_str()).text("seq").int(event.seq);
    writer.text("time").text(&event.time);
    if let Some(handle) = &event.handle {
        writer.text("handle").text(handle.as_str());
    }
}

fn account(writer: &mut Writer, event: &AccountEvent) {
    writer.map(4 + usize::from(event.status.is_some()));
    writer.text("did").text(event.did.as_str()).text("seq").int(event.seq);
    writer.text("time").text(&event.time).text("active").bool(event.active);
    if let Some(status) = &event.status {
        writer.text("status").text(status);
    }
}

fn info(writer: &mut Writer, event: &InfoEvent) {
    writer.map(1 + usize::from(event.message.is_some()));
    writer.text("name").text(&event.name);
    if let Some(message) = &event.message {
        writer.text("message").text(message);
    }
}

//! Profiles.

use atproto_core::{
    data::{BlobRef, cbor},
    syntax::{AtUri, Datetime, Did, Handle, Uri},
};
use atproto_lexicons::app::bsky::actor::{
    Profile,
    defs::{ProfileView, ProfileViewBasic, ProfileViewDetailed, ViewerState},
};

use super::{Hydrator, stored};
use crate::{
    identity,
    query::{
        actor::{self, StoredActor},
        edge,
    },
};

impl Hydrator<'_> {
    /// The small view of an actor; none for those unknown or not active.
    pub(crate) fn basic(&self, did: &str) -> anyhow::Result<Option<ProfileViewBasic>> {
        if let Some(view) = self.authors.borrow().get(did) {
            return Ok(view.clone());
        }
        let view = self.active(did)?.map(|actor| self.basic_of(&actor)).transpose()?;
        self.authors.borrow_mut().insert(did.to_owned(), view.clone());
        Ok(view)
    }

    /// The view of an actor in lists.
    pub(crate) fn profile(&self, did: &str) -> anyhow::Result<Option<ProfileView>> {
        let Some(actor) = self.active(did)? else { return Ok(None) };
        let record = record(&actor);
        let basic = self.basic_of(&actor)?;
        let mut view = ProfileView::new(basic.did, basic.handle);
        view.display_name = basic.display_name;
        view.pronouns = basic.pronouns;
        view.avatar = basic.avatar;
        view.viewer = basic.viewer;
        view.created_at = basic.created_at;
        view.description = record.and_then(|record| record.description);
        view.indexed_at = Datetime::new(&actor.indexed_at).ok();
        Ok(Some(view))
    }

    /// The full view of an actor, with its figures.
    pub(crate) fn detailed(&self, did: &str) -> anyhow::Result<Option<ProfileViewDetailed>> {
        let Some(actor) = self.active(did)? else { return Ok(None) };
        let basic = self.basic_of(&actor)?;
        let mut view = ProfileViewDetailed::new(basic.did, basic.handle);
        view.display_name = basic.display_name;
        view.pronouns = basic.pronouns;
        view.avatar = basic.avatar;
        view.viewer = basic.viewer;
        view.created_at = basic.created_at;
        view.followers_count = Some(edge::tally(self.tx, "follower", did)?);
        view.follows_count = Some(edge::tally(self.tx, "following", did)?);
        view.posts_count = Some(edge::tally(self.tx, "post", did)?);
        view.indexed_at = Datetime::new(&actor.indexed_at).ok();
        if let Some(record) = record(&actor) {
            view.banner = self.image(did, record.banner.as_ref());
            view.description = record.description;
            view.website = record.website;
            view.pinned_post = record.pinned_post;
        }
        Ok(Some(view))
    }

    /// What the viewer has to do with an actor; nothing to say of oneself.
    pub(crate) fn relation(&self, did: &str) -> anyhow::Result<Option<ViewerState>> {
        let Some(viewer) = self.viewer else { return Ok(None) };
        let between = |kind, from, to| -> anyhow::Result<Option<AtUri>> {
            let uri = edge::between(self.tx, kind, from, to)?;
            uri.map(|uri| stored(&uri)).transpose()
        };
        let mut state = ViewerState { muted: Some(false), ..ViewerState::default() };
        state.blocked_by = Some(false);
        if viewer != did {
            state.blocking = between("block", viewer, did)?;
            state.blocked_by = Some(between("block", did, viewer)?.is_some());
            // A block stands above a follow: neither side has one while it lasts.
            if state.blocking.is_none() && state.blocked_by == Some(false) {
                state.following = between("follow", viewer, did)?;
                state.followed_by = between("follow", did, viewer)?;
            }
        }
        Ok(Some(state))
    }

    /// Whether the viewer and the actor are hidden from each other.
    pub(crate) fn blocked(&self, did: &str) -> anyhow::Result<bool> {
        let Some(viewer) = self.viewer else { return Ok(false) };
        if let Some(hidden) = self.hidden.borrow().get(did) {
            return Ok(*hidden);
        }
        let hidden = self.apart(viewer, did)?;
        self.hidden.borrow_mut().insert(did.to_owned(), hidden);
        Ok(hidden)
    }

    /// Whether one of two actors has blocked the other: nobody is shown what passes between
    /// them.
    pub(crate) fn apart(&self, one: &str, other: &str) -> anyhow::Result<bool> {
        Ok(edge::between(self.tx, "block", one, other)?.is_some()
            || edge::between(self.tx, "block", other, one)?.is_some())
    }

    /// The URL of an image of a record, if there is one.
    pub(super) fn image(&self, did: &str, blob: Option<&BlobRef>) -> Option<Uri> {
        self.images.url(did, blob?.cid())
    }

    fn active(&self, did: &str) -> anyhow::Result<Option<StoredActor>> {
        Ok(actor::by_did(self.tx, did)?.filter(|actor| actor.status.is_none()))
    }

    fn basic_of(&self, actor: &StoredActor) -> anyhow::Result<ProfileViewBasic> {
        let handle = actor.handle.as_deref().unwrap_or(identity::INVALID);
        let (did, handle): (Did, Handle) = (stored(&actor.did)?, stored(handle)?);
        let mut view = ProfileViewBasic::new(did, handle);
        view.viewer = self.relation(&actor.did)?;
        if let Some(record) = record(actor) {
            view.avatar = self.image(&actor.did, record.avatar.as_ref());
            view.display_name = record.display_name;
            view.pronouns = record.pronouns;
            view.created_at = record.created_at;
        }
        Ok(view)
    }
}

/// The profile record; it was validated when it was stored.
fn record(actor: &StoredActor) -> Option<Profile> {
    cbor::from_slice(actor.profile.as_deref()?).ok()
}

//! What posts embed.

use atproto_core::syntax::AtUri;
use atproto_lexicons::app::bsky::{
    embed::{External, Images, RecordWithMediaMedia, external, images, record, record_with_media},
    feed::{
        PostEmbed,
        defs::{PostView, PostViewEmbed},
    },
};

use super::{Hydrator, PostState, post::blocked_author};

impl Hydrator<'_> {
    /// The view of an embed. Kinds that have no view here stay what they are in the record.
    pub(super) fn embed(
        &self,
        did: &str,
        embed: &PostEmbed,
        quotes: usize,
    ) -> anyhow::Result<Option<PostViewEmbed>> {
        Ok(match embed {
            PostEmbed::Images(embed) => {
                Some(PostViewEmbed::ImagesView(Box::new(self.images_view(did, embed))))
            }
            PostEmbed::External(embed) => {
                Some(PostViewEmbed::ExternalView(Box::new(self.external_view(did, embed))))
            }
            PostEmbed::Record(embed) => {
                let view = self.record_view(did, &embed.record.uri, quotes)?;
                Some(PostViewEmbed::RecordView(Box::new(view)))
            }
            PostEmbed::RecordWithMedia(embed) => {
                let record = self.record_view(did, &embed.record.record.uri, quotes)?;
                self.media_view(did, &embed.media).map(|media| {
                    let view = record_with_media::View::new(record, media);
                    PostViewEmbed::RecordWithMediaView(Box::new(view))
                })
            }
            PostEmbed::Video(_) | PostEmbed::Gallery(_) | PostEmbed::Other(_) => None,
        })
    }

    fn media_view(
        &self,
        did: &str,
        media: &RecordWithMediaMedia,
    ) -> Option<record_with_media::ViewMedia> {
        use record_with_media::ViewMedia;
        match media {
            RecordWithMediaMedia::Images(embed) => {
                Some(ViewMedia::ImagesView(Box::new(self.images_view(did, embed))))
            }
            RecordWithMediaMedia::External(embed) => {
                Some(ViewMedia::ExternalView(Box::new(self.external_view(did, embed))))
            }
            _ => None,
        }
    }

    fn images_view(&self, did: &str, embed: &Images) -> images::View {
        let view = |image: &images::Image| {
            let url = self.image(did, Some(&image.image))?;
            let mut view = images::ViewImage::new(url.clone(), url, image.alt.clone());
            view.aspect_ratio.clone_from(&image.aspect_ratio);
            Some(view)
        };
        images::View::new(embed.images.iter().filter_map(view).collect())
    }

    fn external_view(&self, did: &str, embed: &External) -> external::View {
        let link = &embed.external;
        let (title, description) = (link.title.clone(), link.description.clone());
        let mut view = external::ViewExternal::new(link.uri.clone(), title, description);
        view.thumb = self.image(did, link.thumb.as_ref());
        external::View::new(view)
    }

    /// The post that `did` quotes; below the depth of `quotes` its own embeds are left out.
    fn record_view(&self, did: &str, uri: &AtUri, quotes: usize) -> anyhow::Result<record::View> {
        use record::ViewRecordUnion as Union;
        let view = match self.post_at(uri.as_str(), quotes.saturating_sub(1))? {
            PostState::Visible(post) if self.apart(did, post.author.did.as_str())? => {
                let author = blocked_author(post.author);
                Union::ViewBlocked(Box::new(record::ViewBlocked::new(post.uri, true, author)))
            }
            PostState::Visible(post) => Union::ViewRecord(Box::new(quoted(*post, quotes > 0))),
            PostState::Blocked(post) => {
                Union::ViewBlocked(Box::new(record::ViewBlocked::new(post.uri, true, post.author)))
            }
            PostState::NotFound(post) => {
                Union::ViewNotFound(Box::new(record::ViewNotFound::new(post.uri, true)))
            }
        };
        Ok(record::View::new(view))
    }
}

fn quoted(post: PostView, with_embeds: bool) -> record::ViewRecord {
    let mut view =
        record::ViewRecord::new(post.uri, post.cid, post.author, post.record, post.indexed_at);
    view.like_count = post.like_count;
    view.repost_count = post.repost_count;
    view.reply_count = post.reply_count;
    view.quote_count = post.quote_count;
    let embed = post.embed.filter(|_| with_embeds).and_then(item);
    view.embeds = Some(embed.into_iter().collect());
    view
}

fn item(embed: PostViewEmbed) -> Option<record::ViewRecordEmbed> {
    use record::ViewRecordEmbed as Item;
    match embed {
        PostViewEmbed::ImagesView(view) => Some(Item::ImagesView(view)),
        PostViewEmbed::ExternalView(view) => Some(Item::ExternalView(view)),
        PostViewEmbed::RecordView(view) => Some(Item::View(view)),
        PostViewEmbed::RecordWithMediaView(view) => Some(Item::RecordWithMediaView(view)),
        _ => None,
    }
}

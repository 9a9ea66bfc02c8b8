// A client that we did not write, through our PDS, relay and AppView. `@atproto/api` checks
// every response against its own copy of the lexicons and throws where one does not match.
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { AtpAgent, RichText } from '@atproto/api'
import { eventually, png, signUp, stack } from './support.mjs'

let alice, bob
const posts = {}

before(async () => {
  alice = await signUp('alice')
  bob = await signUp('bob')
})

const now = () => new Date().toISOString()

/** The post in bob's timeline, once it is there. */
const inTimeline = (uri) =>
  eventually(`${uri} in the timeline`, async () => {
    const { data } = await bob.getTimeline({ limit: 50 })
    return data.feed.find((item) => item.post.uri === uri)
  })

test('the server describes itself and knows its accounts', async () => {
  const { data } = await alice.com.atproto.server.describeServer()
  assert.ok(data.availableUserDomains.includes('.test'))
  const { data: session } = await alice.com.atproto.server.getSession()
  assert.equal(session.did, alice.session.did)
  assert.equal(session.handle, alice.session.handle)
  const { data: resolved } = await bob.resolveHandle({ handle: alice.session.handle })
  assert.equal(resolved.did, alice.session.did)
})

test('logging in with the password gives a session of its own', async () => {
  const again = new AtpAgent({ service: stack.pds })
  const { data } = await again.login({
    identifier: alice.session.handle,
    password: 'password of alice',
  })
  assert.equal(data.did, alice.session.did)
  await assert.rejects(
    again.login({ identifier: alice.session.handle, password: 'not the password' }),
    { status: 401, error: 'AuthenticationRequired' },
  )
})

test('a session is refreshed, and is gone after logging out', async () => {
  const agent = new AtpAgent({ service: stack.pds })
  await agent.login({ identifier: bob.session.handle, password: 'password of bob' })
  const before = { ...agent.session }
  await agent.sessionManager.refreshSession()
  assert.notEqual(agent.session.refreshJwt, before.refreshJwt)
  const after = { ...agent.session }
  await agent.logout()
  await assert.rejects(new AtpAgent({ service: stack.pds }).resumeSession(after))
})

test('a profile is written and shown', async () => {
  await alice.upsertProfile((existing) => ({ ...existing, displayName: 'Alice', description: 'hello' }))
  await eventually('the profile', async () => {
    const { data } = await bob.getProfile({ actor: alice.session.did })
    return data.displayName === 'Alice' && data.description === 'hello'
  })
})

test('a follow shows in both profiles and lists', async () => {
  const { uri } = await bob.follow(alice.session.did)
  const profile = await eventually('the follow', async () => {
    const { data } = await bob.getProfile({ actor: alice.session.handle })
    return data.viewer?.following === uri && data
  })
  assert.equal(profile.followersCount, 1)
  const { data: follows } = await alice.getFollows({ actor: bob.session.did })
  assert.deepEqual(follows.follows.map((actor) => actor.did), [alice.session.did])
  const { data: followers } = await bob.getFollowers({ actor: alice.session.did })
  assert.deepEqual(followers.followers.map((actor) => actor.did), [bob.session.did])
})

test('a post with facets and an image arrives in the timeline of a follower', async () => {
  const text = new RichText({ text: `hello @${bob.session.handle}, see https://example.com` })
  await text.detectFacets(alice)
  assert.equal(text.facets.length, 2)
  const image = png(64, 32, [20, 120, 220])
  const { data: upload } = await alice.uploadBlob(image, { encoding: 'image/png' })
  posts.first = await alice.post({
    text: text.text,
    facets: text.facets,
    langs: ['en'],
    embed: {
      $type: 'app.bsky.embed.images',
      images: [{ alt: 'a blue field', image: upload.blob, aspectRatio: { width: 64, height: 32 } }],
    },
    createdAt: now(),
  })
  const item = await inTimeline(posts.first.uri)
  assert.equal(item.post.cid, posts.first.cid)
  assert.equal(item.post.author.did, alice.session.did)
  assert.deepEqual(item.post.record.facets, JSON.parse(JSON.stringify(text.facets)))
  assert.equal(item.post.embed.$type, 'app.bsky.embed.images#view')
  const response = await fetch(item.post.embed.images[0].fullsize)
  assert.equal(response.status, 200)
  assert.deepEqual(Buffer.from(await response.arrayBuffer()), image)
})

test('like, repost, reply and quote are counted and show as the viewer', async () => {
  const { uri, cid } = posts.first
  posts.like = await bob.like(uri, cid)
  posts.repost = await bob.repost(uri, cid)
  const ref = { uri, cid }
  posts.reply = await bob.post({ text: 'a reply', reply: { root: ref, parent: ref }, createdAt: now() })
  posts.quote = await bob.post({
    text: 'a quote',
    embed: { $type: 'app.bsky.embed.record', record: ref },
    createdAt: now(),
  })
  const post = await eventually('all four counts', async () => {
    const { data } = await bob.getPosts({ uris: [uri] })
    const [post] = data.posts
    return post.likeCount === 1 && post.repostCount === 1 && post.replyCount === 1 && post.quoteCount === 1 && post
  })
  assert.equal(post.viewer.like, posts.like.uri)
  assert.equal(post.viewer.repost, posts.repost.uri)
  const { data: other } = await alice.getPosts({ uris: [uri] })
  assert.equal(other.posts[0].viewer?.like, undefined, 'alice did not like it')
  const { data: likes } = await alice.getLikes({ uri })
  assert.deepEqual(likes.likes.map((like) => like.actor.did), [bob.session.did])
})

test('the thread shows the reply, and the quote its post', async () => {
  const { data } = await alice.getPostThread({ uri: posts.first.uri })
  assert.equal(data.thread.$type, 'app.bsky.feed.defs#threadViewPost')
  assert.deepEqual(data.thread.replies.map((reply) => reply.post.uri), [posts.reply.uri])
  const { data: below } = await alice.getPostThread({ uri: posts.reply.uri })
  assert.equal(below.thread.parent.post.uri, posts.first.uri)
  const { data: quote } = await alice.getPosts({ uris: [posts.quote.uri] })
  assert.equal(quote.posts[0].embed.$type, 'app.bsky.embed.record#view')
  assert.equal(quote.posts[0].embed.record.uri, posts.first.uri)
})

test('author feed, profiles and typeahead answer', async () => {
  const { data: feed } = await alice.getAuthorFeed({ actor: bob.session.did })
  const uris = feed.feed.map((item) => item.post.uri)
  assert.ok(uris.includes(posts.quote.uri) && uris.includes(posts.reply.uri))
  const repost = feed.feed.find((item) => item.post.uri === posts.first.uri)
  assert.equal(repost.reason.$type, 'app.bsky.feed.defs#reasonRepost')
  const { data: profiles } = await alice.getProfiles({ actors: [alice.session.did, bob.session.handle] })
  assert.equal(profiles.profiles.length, 2)
  const { data: found } = await bob.searchActorsTypeahead({ q: 'alice' })
  assert.ok(found.actors.some((actor) => actor.did === alice.session.did))
})

test('notifications are counted', async () => {
  const count = await eventually('unread notifications', async () => {
    const { data } = await alice.countUnreadNotifications()
    return data.count >= 5 && data.count // mention is one post; follow, like, repost, reply, quote
  })
  assert.ok(count >= 5)
})

test('pages continue where the page before ended', async () => {
  const seen = []
  let cursor
  do {
    const { data } = await alice.getAuthorFeed({ actor: bob.session.did, limit: 1, cursor })
    seen.push(...data.feed.map((item) => item.post.uri))
    cursor = data.cursor
  } while (cursor && seen.length < 20)
  assert.equal(new Set(seen).size, seen.length)
  assert.equal(seen.length, 3)
})

test('what is deleted is gone from the repo and from every view', async () => {
  await bob.deleteLike(posts.like.uri)
  await bob.deletePost(posts.quote.uri)
  await alice.deletePost(posts.first.uri)
  await eventually('the deletions', async () => {
    const { data } = await bob.getPosts({ uris: [posts.first.uri, posts.quote.uri] })
    return data.posts.length === 0
  })
  const { data } = await bob.getTimeline()
  assert.ok(!data.feed.some((item) => item.post.uri === posts.first.uri))
  const [repo, collection, rkey] = posts.first.uri.slice('at://'.length).split('/')
  await assert.rejects(alice.com.atproto.repo.getRecord({ repo, collection, rkey }), {
    error: 'RecordNotFound',
  })
})

test('a block hides both from each other', async () => {
  const carol = await signUp('carol')
  const { uri } = await carol.post({ text: 'from carol', createdAt: now() })
  await eventually('the post of carol', async () => (await bob.getPosts({ uris: [uri] })).data.posts.length === 1)
  await carol.app.bsky.graph.block.create(
    { repo: carol.session.did },
    { subject: bob.session.did, createdAt: now() },
  )
  await eventually('the block', async () => {
    const { data } = await bob.getProfile({ actor: carol.session.did })
    return data.viewer?.blockedBy === true
  })
  await assert.rejects(bob.getAuthorFeed({ actor: carol.session.did }), { error: 'BlockedByActor' })
})

test('records are paged, swapped and batched', async () => {
  const repo = alice.session.did
  const collection = 'app.bsky.feed.post'
  const record = (text) => ({ $type: collection, text, createdAt: now() })
  const rkeys = ['3jzfcijpj2z2a', '3jzfcijpj2z2b', '3jzfcijpj2z2c']
  const rkey = rkeys[0]
  await alice.com.atproto.repo.applyWrites({
    repo,
    writes: rkeys.map((rkey) => ({
      $type: 'com.atproto.repo.applyWrites#create',
      collection,
      rkey,
      value: record(`as ${rkey}`),
    })),
  })
  const seen = []
  let cursor
  do {
    const { data } = await bob.com.atproto.repo.listRecords({ repo, collection, limit: 2, cursor })
    seen.push(...data.records.map((found) => found.uri))
    cursor = data.cursor
  } while (cursor)
  assert.equal(rkeys.filter((rkey) => seen.some((uri) => uri.endsWith(rkey))).length, 3)
  assert.equal(new Set(seen).size, seen.length)
  const { data: one } = await bob.com.atproto.repo.getRecord({ repo, collection, rkey })
  const { data: put } = await alice.com.atproto.repo.putRecord({
    repo, collection, rkey, record: record('changed'), swapRecord: one.cid,
  })
  assert.notEqual(put.cid, one.cid)
  await assert.rejects(
    alice.com.atproto.repo.putRecord({
      repo, collection, rkey, record: record('late'), swapRecord: one.cid,
    }),
    { error: 'InvalidSwap' },
  )
})

// The other way round: a PDS and a PLC directory that we did not write, with our relay and our
// AppView behind them. The PDS proxies its users' reads to our AppView.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AtpAgent } from '@atproto/api'
import { eventually, required, signUp } from './support.mjs'

const pds = required('TS_PDS_URL')
const relay = required('RELAY_URL')

test('the timeline of the reference PDS appears through our relay and AppView', async () => {
  const response = await fetch(`${relay}/xrpc/com.atproto.sync.requestCrawl`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ hostname: new URL(pds).host }),
  })
  assert.equal(response.status, 200, await response.text())

  const fred = await signUp('fred', pds)
  const gina = await signUp('gina', pds)
  await gina.follow(fred.session.did)
  const posts = []
  for (let n = 0; n < 5; n += 1) {
    posts.push((await fred.post({ text: `post ${n}`, createdAt: new Date(Date.now() + n).toISOString() })).uri)
  }
  const { uri: liked } = await gina.like(posts[0], (await fred.getPost({ repo: fred.session.did, rkey: posts[0].split('/').at(-1) })).cid)
  await fred.deletePost(posts[1])

  const expected = [posts[4], posts[3], posts[2], posts[0]]
  const feed = await eventually('the timeline', async () => {
    const { data } = await gina.getTimeline()
    const uris = data.feed.map((item) => item.post.uri)
    return JSON.stringify(uris) === JSON.stringify(expected) && data.feed.at(-1).post.viewer?.like === liked && data.feed
  }, 60)
  assert.equal(feed.at(-1).post.likeCount, 1)

  const { data: status } = await new AtpAgent({ service: relay }).com.atproto.sync.getHostStatus({ hostname: new URL(pds).host })
  assert.equal(status.status, 'active')
  const { data: latest } = await new AtpAgent({ service: relay }).com.atproto.sync.getLatestCommit({ did: fred.session.did })
  const { data: truth } = await new AtpAgent({ service: pds }).com.atproto.sync.getLatestCommit({ did: fred.session.did })
  assert.deepEqual(latest, truth)
})

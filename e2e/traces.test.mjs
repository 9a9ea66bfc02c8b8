// One trace holds a commit in every server, although nothing but DID and rev travels with it.
import crypto from 'node:crypto'
import { test } from 'node:test'
import { eventually, signUp, spans } from './support.mjs'

test('the spans of one commit share a trace id derived from its DID and rev', async () => {
  const agent = await signUp('tracy')
  const { data } = await agent.com.atproto.repo.createRecord({
    repo: agent.session.did,
    collection: 'app.bsky.feed.post',
    record: { $type: 'app.bsky.feed.post', text: 'trace me', createdAt: new Date().toISOString() },
  })
  const name = `atproto-commit\0${agent.session.did}\0${data.commit.rev}`
  const id = crypto.createHash('sha256').update(name).digest().subarray(0, 16)
  for (const service of ['atproto-pds', 'atproto-relay', 'atproto-appview']) {
    await eventually(`a span of ${service} in the trace`, () =>
      spans().some((batch) => batch.includes(service) && batch.includes(id)))
  }
})

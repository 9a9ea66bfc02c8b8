// One trace holds a commit in every server, although nothing but DID and rev travels with it,
// and a request in every server that it is passed on to.
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

test('a request that the PDS passes on is one trace at the PDS and the AppView', async () => {
  const agent = await signUp('traveller')
  const id = crypto.randomBytes(16)
  const parent = crypto.randomBytes(8)
  const traceparent = `00-${id.toString('hex')}-${parent.toString('hex')}-01`
  const actor = agent.session.did
  await eventually('a profile', () => agent.getProfile({ actor }, { headers: { traceparent } }))
  for (const service of ['atproto-pds', 'atproto-appview']) {
    await eventually(`a span of ${service} in the trace`, () =>
      spans().some((batch) => batch.includes(service) && batch.includes(id)))
  }
})

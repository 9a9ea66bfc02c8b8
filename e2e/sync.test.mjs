// The reference sync library reads our streams with signature checks on, and the reference
// repo library verifies our exports.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IdResolver } from '@atproto/identity'
import { verifyRepoCar, verifyRecords } from '@atproto/repo'
import { Firehose } from '@atproto/sync'
import { eventually, signUp, stack } from './support.mjs'

const idResolver = new IdResolver({ plcUrl: stack.plc })

/** Everything that a service streams from a cursor on, until `done` says that it has seen enough. */
async function read(service, cursor, done) {
  const events = []
  const errors = []
  const firehose = new Firehose({
    idResolver,
    service: service.replace('http', 'ws'),
    getCursor: () => cursor,
    unauthenticatedHandles: true, // .test handles resolve nowhere but on our own servers
    handleEvent: (event) => void events.push(event),
    onError: (error) => void errors.push(error),
  })
  firehose.start()
  try {
    await eventually(`the events of ${service}`, () => done(events))
  } finally {
    await firehose.destroy()
  }
  assert.deepEqual(errors, [])
  return events
}

for (const name of ['pds', 'relay']) {
  test(`${name}: subscribeRepos passes the signature and proof checks`, async () => {
    const agent = await signUp('dora')
    const created = await agent.post({ text: 'one', createdAt: new Date().toISOString() })
    await agent.post({ text: 'two', createdAt: new Date().toISOString() })
    await agent.deletePost(created.uri)
    const mine = (events) => events.filter((event) => event.did === agent.session.did)
    const events = await read(stack[name], 0, (events) => mine(events).some((event) => event.event === 'delete'))
    const kinds = mine(events).map((event) => event.event)
    assert.ok(kinds.includes('identity') && kinds.includes('account'), kinds.join(' '))
    assert.deepEqual(kinds.filter((kind) => ['create', 'delete'].includes(kind)), ['create', 'create', 'delete'])
    const seqs = events.map((event) => event.seq)
    assert.ok(seqs.every((seq, at) => at === 0 || seq >= seqs[at - 1]), 'sequence numbers never fall')
  })
}

test('getRepo and getRecord verify', async () => {
  const agent = await signUp('erin')
  const did = agent.session.did
  const uris = []
  for (let n = 0; n < 40; n += 1) {
    uris.push((await agent.post({ text: `post ${n}`, createdAt: new Date().toISOString() })).uri)
  }
  for (const uri of uris.slice(0, 10)) await agent.deletePost(uri)
  const { signingKey } = await idResolver.did.resolveAtprotoData(did)
  const { data: car } = await agent.com.atproto.sync.getRepo({ did })
  const repo = await verifyRepoCar(car, did, signingKey)
  assert.equal(repo.creates.length, 30)
  const rkey = uris[20].split('/').at(-1)
  const { data: proof } = await agent.com.atproto.sync.getRecord({ did, collection: 'app.bsky.feed.post', rkey })
  const records = await verifyRecords(proof, did, signingKey)
  assert.deepEqual(records.map((record) => record.record.text), ['post 20'])
})

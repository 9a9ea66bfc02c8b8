// Each server is killed at random while a client writes, and started again by the stack.
// What was acknowledged must be in the repo, in both firehoses and in the AppView; what the
// firehoses carry must be in the repo.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { AtpAgent } from '@atproto/api'
import { IdResolver } from '@atproto/identity'
import { verifyRepoCar } from '@atproto/repo'
import { Firehose } from '@atproto/sync'
import { eventually, required, signUp, stack } from './support.mjs'

const KILLS = 24
const servers = ['pds', 'relay', 'appview', 'plc']
const seed = Number(process.env.CRASH_SEED ?? Math.floor(Math.random() * 2 ** 31))

/** A small generator, so that a failing run can be repeated with CRASH_SEED. */
function random(state) {
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

const pids = () =>
  JSON.parse(fs.readFileSync(path.join(required('STACK_DATA'), 'stack.json'), 'utf8')).pids

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** Writes posts one after another until told to stop; returns the acknowledged ones. */
async function write(agent, signal) {
  const acknowledged = []
  for (let n = 0; !signal.aborted; n += 1) {
    try {
      const { uri } = await agent.post({ text: `post ${n}`, createdAt: new Date().toISOString() })
      acknowledged.push(uri)
    } catch {
      await sleep(50) // the server is down; what was not acknowledged is not owed
    }
    await sleep(10)
  }
  return acknowledged
}

async function killAtRandom(next) {
  const killed = {}
  for (let done = 0; done < KILLS; ) {
    await sleep(400 + next() * 1200)
    const server = servers[Math.floor(next() * servers.length)]
    const pid = pids()[server]
    if (!pid) continue // still on its way up
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      continue // died a moment ago, and not yet written down
    }
    killed[server] = (killed[server] ?? 0) + 1
    done += 1
  }
  return killed
}

/** The paths of the account's creates in a stream, read from its beginning. */
async function creates(service, did, wanted) {
  const seen = []
  const errors = []
  const firehose = new Firehose({
    idResolver: new IdResolver({ plcUrl: stack.plc }),
    service: service.replace('http', 'ws'),
    getCursor: () => 0,
    unauthenticatedHandles: true,
    handleEvent: (event) => {
      if (event.event === 'create' && event.did === did) seen.push(event.uri.toString())
    },
    onError: (error) => void errors.push(error),
  })
  firehose.start()
  await eventually(`every acknowledged post in ${service}`, () => {
    const have = new Set(seen)
    return wanted.every((uri) => have.has(uri))
  }, 60).finally(() => firehose.destroy())
  assert.deepEqual(errors, [])
  return seen
}

test(`no acknowledged write is lost in ${KILLS} kills`, { timeout: 240_000 }, async (t) => {
  t.diagnostic(`CRASH_SEED=${seed}`)
  const agent = await signUp('mallory')
  const did = agent.session.did
  const stop = new AbortController()
  const writing = write(agent, stop.signal)
  const killed = await killAtRandom(random(seed))
  stop.abort()
  const acknowledged = await writing
  t.diagnostic(`killed ${JSON.stringify(killed)}; ${acknowledged.length} writes acknowledged`)
  assert.ok(acknowledged.length > 20, 'the client got something done between the kills')

  const car = await eventually('the repo', async () => (await new AtpAgent({ service: stack.pds }).com.atproto.sync.getRepo({ did })).data)
  const { signingKey } = await eventually('the identity', () => new IdResolver({ plcUrl: stack.plc }).did.resolveAtprotoData(did))
  const repo = await verifyRepoCar(car, did, signingKey)
  const inRepo = new Set(repo.creates.map((record) => `at://${did}/${record.collection}/${record.rkey}`))
  for (const uri of acknowledged) assert.ok(inRepo.has(uri), `${uri} is missing from the repo`)

  for (const server of ['pds', 'relay']) {
    const seen = await creates(stack[server], did, acknowledged)
    assert.equal(new Set(seen).size, seen.length, `${server}: an event came twice`)
    for (const uri of seen) assert.ok(inRepo.has(uri), `${server}: ${uri} was never written`)
  }

  await eventually('every acknowledged post in the AppView', async () => {
    for (let at = 0; at < acknowledged.length; at += 25) {
      const uris = acknowledged.slice(at, at + 25)
      const { data } = await agent.getPosts({ uris })
      if (data.posts.length !== uris.length) return false
    }
    return true
  }, 60)
})

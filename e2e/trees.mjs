// Trees: random sequences of writes give the roots, differences and proofs that
// `@atproto/repo` gives.
//   node trees.mjs [HOW_MANY] [SEED]
//   TREE_REPLAY_BIN   the example `tree_replay` of atproto-repo
// No test runner: its bookkeeping costs more than the trees, which are made of promises.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import readline from 'node:readline'
import { BlockMap, DataDiff, MemoryBlockstore, MST } from '@atproto/repo'
import { randomNumbers } from './random.mjs'

/** Records, of which only the CIDs matter: by their texts. */
const records = new BlockMap()
const cids = new Map()
for (let number = 0; number < 12; number++) {
  const cid = await records.add({ number })
  cids.set(cid.toString(), cid)
}
const values = [...cids.keys()]

/** Sequences that are under way at once. */
const WINDOW = 100
/** Of so many sequences the proofs of one are compared: that takes longest. */
const PROVEN = 5

const count = Number(process.argv[2] ?? 2_000)
const seed = Number(process.argv[3] ?? 1)
await compare(count, seed)

async function compare(count, seed) {
  const program = process.env.TREE_REPLAY_BIN
  assert.ok(program, 'TREE_REPLAY_BIN is not set')
  const replay = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = new Promise((resolve) => replay.on('close', resolve))
  const answers = readline.createInterface({ input: replay.stdout })[Symbol.asyncIterator]()
  const random = randomNumbers(seed)
  const keys = minedKeys(random)
  let compared = 0
  for (let done = 0; done < count; done += WINDOW) {
    const window = Array.from({ length: Math.min(WINDOW, count - done) }, () => someBatches(random, keys))
    for (const batches of window) replay.stdin.write(JSON.stringify({ batches }) + '\n')
    for (const [index, batches] of window.entries()) {
      const theirs = await referenceSteps(batches, index % PROVEN === 0)
      const { value } = await answers.next()
      assert.ok(value, `no answer to ${JSON.stringify(batches)}`)
      const steps = JSON.parse(value)
      assert.equal(steps.length, theirs.length)
      for (const [at, ours] of steps.entries()) {
        if (!theirs[at].proof) delete ours.proof
        assert.deepEqual(ours, theirs[at], `batch ${at} of ${JSON.stringify(batches)}`)
      }
      compared += steps.length
    }
  }
  replay.stdin.end()
  assert.equal(await ended, 0)
  console.log(`${count} sequences of writes, ${compared} batches, from seed ${seed}: the same everywhere`)
}

async function referenceSteps(batches, prove) {
  const storage = new MemoryBlockstore()
  let tree = await MST.create(storage)
  await storage.putMany((await tree.getUnstoredBlocks()).blocks)
  const steps = []
  for (const batch of batches) {
    const before = tree
    for (const [key, value] of batch) {
      if (value === null) tree = await tree.delete(key)
      else if (await tree.get(key)) tree = await tree.update(key, cids.get(value))
      else tree = await tree.add(key, cids.get(value))
      // A tree that is emptied in memory keeps its layer there, and what is added next
      // would hang below nodes without entries.
      if ((await tree.getEntries()).length === 0) tree = await MST.create(storage)
    }
    const { root, blocks } = await tree.getUnstoredBlocks()
    await storage.putMany(blocks)
    const diff = await DataDiff.of(tree, before)
    const isNode = (cid) => !cids.has(cid)
    const removed = diff.removedCids.toList().map(String).filter(isNode)
    const step = {
      root: root.toString(),
      changes: changes(diff),
      created: diff.newMstBlocks.cids().map(String).sort(),
      deleted: removed.sort(),
    }
    if (prove) step.proof = await provenNodes(tree, batch)
    steps.push(step)
    if (steps.length % 3 === 0 && await tree.leafCount() > 0) tree = MST.load(storage, root)
  }
  return steps
}

async function provenNodes(tree, batch) {
  const proof = new BlockMap()
  for (const [key] of batch) proof.addMap(await tree.getCoveringProof(key))
  return proof.cids().map(String).sort()
}

function changes(diff) {
  const text = (cid) => cid?.toString() ?? null
  return [
    ...diff.addList().map(({ key, cid }) => [key, null, text(cid)]),
    ...diff.updateList().map(({ key, prev, cid }) => [key, text(prev), text(cid)]),
    ...diff.deleteList().map(({ key, cid }) => [key, text(cid), null]),
  ].sort(([left], [right]) => (left < right ? -1 : 1))
}

/** A few batches of writes, no key twice in one; deletions only of what is there. */
function someBatches(random, keys) {
  const pool = Array.from({ length: 1 + random(24) }, () => keys[random(keys.length)])
  const present = new Map()
  return Array.from({ length: 1 + random(4) }, (_, index) => {
    const touched = new Set()
    const batch = []
    for (let left = 1 + random(index === 0 ? 16 : 5); left > 0; left--) {
      const key = pool[random(pool.length)]
      if (touched.has(key)) continue
      touched.add(key)
      const others = values.filter((value) => value !== present.get(key))
      const value = present.has(key) && random(3) > 0 ? null : others[random(others.length)]
      if (value === null) present.delete(key)
      else present.set(key, value)
      batch.push([key, value])
    }
    return batch
  })
}

/** Keys of several collections and lengths, as many of each of the layers 0 to 5. */
function minedKeys(random) {
  const collections = ['app.bsky.feed.post', 'app.bsky.feed.postgate', 'app.bsky.graph.follow', 'com.example.a']
  const wanted = Array(6).fill(40)
  const keys = []
  while (keys.length < 6 * 40) {
    const rkey = random(2 ** 31).toString(36).padStart(1 + random(20), 'a')
    const key = `${collections[random(collections.length)]}/${rkey}`
    if (wanted[layer(key)]-- > 0) keys.push(key)
  }
  return keys
}

function layer(key) {
  const digest = createHash('sha256').update(key).digest()
  return Math.floor(Math.clz32(digest.readUInt32BE(0)) / 2)
}

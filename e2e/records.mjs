// Records: what lexicons say of them is what `@atproto/lex` says, strictly and leniently by
// turns. The records are made from
// the schemas and then changed, or not, at random places.
//   node records.mjs [HOW_MANY] [SEED]
//   RECORD_VERDICTS_BIN   the example `record_verdicts` of atproto-core
//   ATPROTO_SHARED        has `lexicons/`
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import readline from 'node:readline'
import { encode } from '@atproto/lex-cbor'
import { lexParse, lexStringify } from '@atproto/lex-json'
import { LexiconIterableIndexer, LexiconSchemaBuilder } from '@atproto/lex-document'
import { pick, randomNumbers } from './random.mjs'
import { change } from './records/change.mjs'
import { explain } from './records/explain.mjs'
import { Maker } from './records/make.mjs'

/** Records that are under way at once. */
const WINDOW = 500
/** Of verdicts that should not differ, so many are shown. */
const SHOWN = 10

const count = Number(process.argv[2] ?? 5_000)
const seed = Number(process.argv[3] ?? 1)
const folder = mkdtempSync(path.join(tmpdir(), 'records-'))
try {
  await compare()
} finally {
  rmSync(folder, { recursive: true })
}

async function compare() {
  const lexicons = path.join(process.env.ATPROTO_SHARED, 'lexicons')
  const published = documents(lexicons)
  const wrapped = published.flatMap(wrappers)
  for (const document of wrapped) {
    writeFileSync(path.join(folder, `${document.id}.json`), JSON.stringify(document))
  }
  const all = [...published, ...wrapped]
  const collections = all.filter(({ defs }) => defs.main?.type === 'record').map(({ id }) => id)
  const schemas = await LexiconSchemaBuilder.buildAll(new LexiconIterableIndexer(all.map(named)))

  const verdicts = ours([lexicons, folder])
  const random = randomNumbers(seed)
  const maker = new Maker(all, random)
  const tally = { admitted: 0, refused: 0, explained: new Map(), unexplained: [] }
  for (let done = 0; done < count; done += WINDOW) {
    const window = Array.from({ length: Math.min(WINDOW, count - done) }, () => {
      const collection = pick(random, collections)
      const record = change(maker.record(collection), random)
      return { mode: pick(random, ['strict', 'lenient']), collection, record }
    })
    for (const { mode, collection, record } of window) {
      verdicts.stdin.write(`${mode}\t${collection}\t${Buffer.from(encode(record)).toString('hex')}\n`)
    }
    for (const { mode, collection, record } of window) {
      const { value: answer } = await verdicts.lines.next()
      const strict = mode === 'strict'
      const theirs = reference(schemas.get(`${collection}#main`), record, strict)
      const same = (theirs === 'ok') === (answer === 'ok')
      const why = same ? undefined : explain(mode, answer, theirs)
      if (same) tally[theirs === 'ok' ? 'admitted' : 'refused']++
      else if (why) tally.explained.set(why, (tally.explained.get(why) ?? 0) + 1)
      else tally.unexplained.push(`${mode}, ours: ${answer}, theirs: ${theirs}, of ${collection} ${show(record)}`)
    }
  }
  verdicts.stdin.end()
  assert.equal(await verdicts.ended, 0)
  console.log(
    `${count} records of ${collections.length} schemas, from seed ${seed}: ` +
      `${tally.admitted} admitted and ${tally.refused} refused by both`,
  )
  for (const [why, times] of tally.explained) console.log(`${times} differ: ${why}`)
  assert.deepEqual(tally.unexplained.slice(0, SHOWN), [], `${tally.unexplained.length} differ and should not`)
}

/** The documents under a directory. */
function documents(directory) {
  return readdirSync(directory, { recursive: true })
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => JSON.parse(readFileSync(path.join(directory, name), 'utf8')))
}

/** Records that hold one value of each other type that a document defines, so that views
    and the like are compared too. */
function wrappers({ id, defs }) {
  const values = Object.keys(defs).filter((name) => ['object', 'array', 'string'].includes(defs[name].type))
  return values.map((name, index) => {
    const properties = { value: { type: 'ref', ref: `${id}#${name}` } }
    const record = { type: 'object', required: ['value'], properties }
    return { lexicon: 1, id: `${id}.wrapped${index}`, defs: { main: { type: 'record', key: 'any', record } } }
  })
}

/** A document whose references name the main definitions that they mean: the reference
    implementation's documents are like that. */
function named(document) {
  const name = (reference) => (reference.includes('#') ? reference : `${reference}#main`)
  return JSON.parse(JSON.stringify(document), (_, value) => {
    if (value?.type === 'ref') return { ...value, ref: name(value.ref) }
    if (value?.type === 'union') return { ...value, refs: value.refs.map(name) }
    return value
  })
}

/** The verdicts of this project. */
function ours(directories) {
  const program = process.env.RECORD_VERDICTS_BIN
  assert.ok(program, 'RECORD_VERDICTS_BIN is not set')
  const child = spawn(program, directories, { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = new Promise((resolve) => child.on('close', resolve))
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return { stdin: child.stdin, ended, lines }
}

/** The verdict of the reference implementation: the data model as its JSON reader knows it,
    then the schema. */
function reference(schema, record, strict) {
  try {
    lexParse(lexStringify(record), { strict })
  } catch (error) {
    return `bad\t${error.message}`
  }
  const result = schema.safeValidate(record, { strict })
  return result.success ? 'ok' : `bad\t${result.message}`
}

function show(record) {
  return JSON.stringify(record, (_, value) => (value?.code === undefined ? value : String(value)))
}

// Lexicons as JSON, one a line, up to an empty line; then records as DAG-CBOR in hexadecimal,
// up to an empty line; then numbers of rounds, each answered by the nanoseconds of processor
// time that it took to validate every record so many times.
import { createInterface } from 'node:readline'
import { decode } from '@atproto/lex-cbor'
import { LexiconIterableIndexer, LexiconSchemaBuilder } from '@atproto/lex-document'

// The builder wants references in full.
const full = (ref) => (ref.includes('#') ? ref : `${ref}#main`)
const document = (line) =>
  JSON.parse(line, (key, value) => {
    if (key === 'ref' && typeof value === 'string') return full(value)
    return key === 'refs' && Array.isArray(value) ? value.map(full) : value
  })

const [documents, records] = [[], []]
let schema
let reading = documents
for await (const line of createInterface({ input: process.stdin })) {
  if (reading && line) {
    reading.push(reading === documents ? document(line) : decode(Buffer.from(line, 'hex')))
  } else if (reading === documents) {
    const indexer = new LexiconIterableIndexer(documents)
    schema = await LexiconSchemaBuilder.build(indexer, `${process.argv[2]}#main`)
    reading = records
  } else if (reading) {
    reading = null
    const refused = records.filter((record) => !schema.safeValidate(record).success)
    if (refused.length) console.error(`refuses ${refused.length} of ${records.length} records`)
  } else {
    const before = process.cpuUsage()
    for (let round = 0; round < Number(line); round++) {
      for (const record of records) schema.safeValidate(record)
    }
    const { user, system } = process.cpuUsage(before)
    console.log((user + system) * 1000)
  }
}

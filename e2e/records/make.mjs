import { parseCid } from '@atproto/lex-data'
import { pick } from '../random.mjs'
import { CIDS, TEXTS } from './texts.mjs'

/** Nested no deeper than that: what may be absent then is. */
const DEPTH = 6

/** Makes records from schemas: valid ones, as often as not with values at their limits. */
export class Maker {
  #documents
  #random

  constructor(documents, random) {
    this.#documents = new Map(documents.map((document) => [document.id, document]))
    this.#random = random
  }

  record(collection) {
    const { defs } = this.#documents.get(collection)
    return { ...this.#object(defs.main.record, collection, 0), $type: collection }
  }

  #object({ properties, required = [], nullable = [] }, id, depth) {
    const entries = []
    for (const [name, schema] of Object.entries(properties ?? {})) {
      const present = required.includes(name) || (depth < DEPTH && this.#random(2) === 0)
      if (!present) continue
      const isNull = nullable.includes(name) && this.#random(4) === 0
      entries.push([name, isNull ? null : this.#value(schema, id, depth + 1)])
    }
    return Object.fromEntries(entries)
  }

  #value(schema, id, depth) {
    switch (schema.type) {
      case 'boolean': return schema.const ?? this.#random(2) === 0
      case 'integer': return this.#integer(schema)
      case 'string': return this.#string(schema)
      case 'bytes': return new Uint8Array(this.#between(schema.minLength ?? 0, schema.maxLength ?? 40))
      case 'cid-link': return parseCid(pick(this.#random, CIDS))
      case 'blob': return this.#blob(schema)
      case 'array': return this.#array(schema, id, depth)
      case 'object': return this.#object(schema, id, depth)
      case 'ref': return this.#reference(schema.ref, id, depth).value
      case 'union': return this.#union(schema, id, depth)
      case 'unknown': return pick(this.#random, [{}, { $type: 'com.example.other', more: [1] }])
      default: throw new Error(`there are no values of type ${schema.type}`)
    }
  }

  #integer({ const: only, enum: values, minimum = -5, maximum = minimum + 10 }) {
    return only ?? (values ? pick(this.#random, values) : pick(this.#random, [minimum, maximum, 0, minimum + 1]))
  }

  #string({ const: only, enum: values, knownValues, format, minLength = 0, maxLength, minGraphemes = 0, maxGraphemes }) {
    if (only !== undefined) return only
    if (values) return pick(this.#random, values)
    if (knownValues && this.#random(2)) return pick(this.#random, knownValues)
    if (format) return pick(this.#random, TEXTS[format].valid)
    const least = Math.max(minLength, minGraphemes)
    const most = Math.min(maxLength ?? 200, maxGraphemes ?? 200)
    return 'x'.repeat(this.#between(least, most))
  }

  #array({ items, minLength = 0, maxLength = 3 }, id, depth) {
    const most = depth < DEPTH ? Math.min(maxLength, 5) : minLength
    return Array.from({ length: this.#between(minLength, most) }, () => this.#value(items, id, depth + 1))
  }

  #blob({ accept = [], maxSize = 1000 }) {
    const pattern = accept.length ? pick(this.#random, accept) : '*/*'
    const [kind, of] = pattern.split('/')
    const mimeType = `${kind === '*' ? 'text' : kind}/${of === '*' ? 'plain' : of}`
    return { $type: 'blob', ref: parseCid(CIDS[0]), mimeType, size: pick(this.#random, [1, 10, maxSize]) }
  }

  #union({ refs, closed }, id, depth) {
    if (!refs.length || (!closed && this.#random(5) === 0)) return { $type: 'com.example.other#thing', more: 1 }
    const { value, type } = this.#reference(pick(this.#random, refs), id, depth)
    return { ...value, $type: type }
  }

  #reference(reference, id, depth) {
    const [document, name = 'main'] = (reference.startsWith('#') ? id + reference : reference).split('#')
    const type = name === 'main' ? document : `${document}#${name}`
    const schema = this.#documents.get(document).defs[name]
    const value = schema.type === 'record' ? this.#object(schema.record, document, depth)
      : schema.type === 'token' ? type
      : this.#value(schema, document, depth)
    return { value: schema.type === 'record' ? { ...value, $type: type } : value, type }
  }

  /** One of the ends as often as not. */
  #between(least, most) {
    return this.#random(2) ? pick(this.#random, [least, most]) : least + this.#random(most - least + 1)
  }
}

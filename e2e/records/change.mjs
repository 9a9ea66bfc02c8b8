import { parseCid } from '@atproto/lex-data'
import { pick } from '../random.mjs'
import { CIDS, PLAIN, TEXTS } from './texts.mjs'

const ANY_TEXT = [...PLAIN, ...Object.values(TEXTS).flatMap(({ valid, other }) => [...valid, ...other])]

/** A record with up to three changes. */
export function change(record, random) {
  const changed = structure(record)
  for (let left = random(4); left > 0; left--) changeOnce(changed, random)
  return changed
}

/** A copy that shares no containers. CIDs and bytes are never changed in place. */
function structure(value) {
  if (Array.isArray(value)) return value.map(structure)
  if (!isMap(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, value]) => [key, structure(value)]))
}

function isMap(value) {
  return value !== null && Object.getPrototypeOf(value) === Object.prototype
}

function changeOnce(record, random) {
  const places = []
  collect(record, places)
  if (!places.length) return
  const [holder, key] = pick(random, places)
  pick(random, CHANGES)(holder, key, random)
}

/** Every place of a value: what holds it, and under which key. */
function collect(holder, places) {
  for (const key of Object.keys(holder)) {
    places.push([holder, key])
    const value = holder[key]
    if (Array.isArray(value) || isMap(value)) collect(value, places)
  }
}

const CHANGES = [remove, retype, retype, rewrite, rewrite, extend, repeat, rename, namedType]

function remove(holder, key) {
  if (Array.isArray(holder)) holder.splice(key, 1)
  else delete holder[key]
}

function retype(holder, key, random) {
  holder[key] = pick(random, OTHERS)()
}

const OTHERS = [
  () => null, () => true, () => 0, () => -1, () => 9007199254740991, () => 'text', () => [], () => ({}),
  () => new Uint8Array(3), () => parseCid(CIDS[0]), () => parseCid(CIDS[1]), () => [null], () => ({ $type: 'blob' }),
  () => ({ $type: 'blob', ref: parseCid(CIDS[0]), mimeType: 'image/png', size: 10 }),
  () => ({ $type: 'blob', ref: parseCid(CIDS[0]), mimeType: 'image/png', size: -1 }),
  () => ({ $type: 'blob', ref: parseCid(CIDS[1]), mimeType: 'image/png', size: 10 }),
  () => ({ $type: 'blob', ref: parseCid(CIDS[0]), mimeType: 'png', size: 10 }),
  () => ({ $type: 'blob', ref: parseCid(CIDS[0]), mimeType: 'image/png', size: 10, more: 1 }),
  () => ({ cid: CIDS[0], mimeType: 'image/png' }),
]

/** Another text, or a number nearby. */
function rewrite(holder, key, random) {
  const value = holder[key]
  if (Number.isSafeInteger(value + 1000000)) holder[key] = value + pick(random, [-1, 1, 1000000])
  else if (typeof value === 'string') holder[key] = another(value, random)
  else retype(holder, key, random)
}

function another(text, random) {
  const same = Object.values(TEXTS).find(({ valid }) => valid.includes(text))
  if (same && random(3)) return pick(random, [...same.valid, ...same.other])
  return pick(random, [() => pick(random, ANY_TEXT), () => `${text}x`, () => text.slice(1)])()
}

/** A key that no schema knows. */
function extend(holder, key, random) {
  if (isMap(holder)) holder[pick(random, ['unknownKey', '$unknown', ''])] = pick(random, OTHERS)()
  else holder.push(pick(random, OTHERS)())
}

/** An element over and over. */
function repeat(holder, key, random) {
  const value = holder[key]
  if (Array.isArray(value) && value.length) value.push(...Array.from({ length: 1 + random(12) }, () => structure(value[0])))
  else retype(holder, key, random)
}

function rename(holder, key) {
  if (!isMap(holder)) return
  holder[`${key}2`] = holder[key]
  delete holder[key]
}

function namedType(holder, key, random) {
  const names = [
    'app.bsky.embed.images', 'app.bsky.embed.images#main', 'app.bsky.richtext.facet#link', '#link', 'com.example.other',
    'com.example', '', 'com.example.other#', 'com.example.other#a b', 'blob', 1, null,
  ]
  const target = isMap(holder[key]) ? holder[key] : holder
  if (isMap(target)) target.$type = pick(random, names)
}

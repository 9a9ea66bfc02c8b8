// Identifiers as `@atproto/syntax` reads them and as `atp syntax` does: thousands of texts of
// each type, made of valid ones by small changes, always the same.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import * as reference from '@atproto/syntax'

const PER_TYPE = 5000

const types = {
  did: {
    valid: reference.isValidDid,
    seeds: ['did:plc:ewvi7nxzyoun6zhxrhs64oiz', 'did:web:localhost%3A80', 'did:method:-:_.a%bb'],
  },
  handle: {
    valid: reference.isValidHandle,
    seeds: ['alice.example.com', 'XX.gmail.com', '4chan.org', 'xn--ls8h.test', 'a-b.c--d.e0'],
  },
  'at-identifier': {
    valid: reference.isValidAtIdentifier,
    seeds: ['did:plc:ewvi7nxzyoun6zhxrhs64oiz', 'alice.example.com', 'did:web:example.com'],
  },
  nsid: {
    valid: reference.isValidNsid,
    seeds: ['com.example.fooBar', 'a-0.b-1.c', 'net.users.bob.ping', 'one.two.3.fourth'],
  },
  'record-key': {
    valid: reference.isValidRecordKey,
    seeds: ['self', '3jzfcijpj2z2a', 'example.com', '~1.2-3_', 'pre:fix'],
  },
  tid: { valid: reference.isValidTid, seeds: ['3jzfcijpj2z2a', 'jzzzzzzzzzzzz', '2222222222222'] },
  'at-uri': {
    valid: (text) => reference.isAtUriString(text),
    seeds: ['at://did:plc:abc/com.example.fooBar/self', 'at://alice.example.com/a.b.c', 'at://a.com'],
    // The form that lexicons use has no fragment.
    ours: (text) => text.includes('#'),
  },
  datetime: {
    valid: reference.isDatetimeString,
    seeds: [
      '1985-04-12T23:20:50.123Z',
      '2000-02-29T00:00:00+01:45',
      '0123-12-31T23:59:59.123456789-07:00',
    ],
    // RFC 3339: months have their own lengths, which `Date` lets run over.
    ours: (text) => /^[0-9]{4}-(02-(29|30|31)|(04|06|09|11)-31)T/.test(text),
  },
  language: {
    valid: reference.isValidLanguage,
    seeds: ['pt-BR', 'hy-Latn-IT-arevela', 'i-navajo', 'sgn-BE-NL', 'x-a-b', 'en-a-bb-u-co-phonebk-x-y'],
    // RFC 5646: no tag has a case, irregular ones included.
    ours: (text) => /^(i-navajo|sgn-be-nl)$/i.test(text),
  },
  uri: {
    valid: reference.isValidUri,
    seeds: ['https://example.com/path?q=1#frag', 'dns:example.com', 'did:key:zQ3sh'],
    // RFC 3986: a scheme begins with a letter, may contain "+", "-" and ".", and a path may
    // follow it.
    ours: (text) => !/^[a-z][a-z0-9]*:[^/]/i.test(text) && !/^[a-z][a-z0-9]*:\/\/[^/]/i.test(text),
  },
}

for (const [type, { valid, seeds, ours = () => false }] of Object.entries(types)) {
  test(`${type}: both read the same`, () => {
    const texts = [...mutations(seeds)].filter((text) => !ours(text))
    const verdicts = check(type, texts)
    const disputed = texts.filter((text, index) => valid(text) !== verdicts[index])
    assert.deepEqual(disputed, [])
    assert.ok(verdicts.includes(true) && verdicts.includes(false))
  })
}

/** What `atp` thinks of each text. */
function check(type, texts) {
  const { stdout, error } = spawnSync(process.env.ATP_BIN, ['syntax', type], {
    input: texts.map((text) => `${text}\n`).join(''),
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  assert.ifError(error)
  const lines = stdout.split('\n').slice(0, -1)
  assert.equal(lines.length, texts.length)
  return lines.map((line) => line.startsWith('ok\t'))
}

/** The seeds and what one to three changes make of them. */
function mutations(seeds) {
  const random = generator(seeds.join())
  const pick = (list) => list[random() % list.length]
  const texts = new Set(seeds)
  while (texts.size < PER_TYPE) {
    let text = [...pick(seeds)]
    for (let changes = 1 + (random() % 3); changes > 0; changes--) {
      const at = random() % (text.length + 1)
      const other = [...pick(seeds)]
      const change = [
        () => text.splice(at, 0, pick(STRANGERS)),
        () => text.splice(at, 1),
        () => text.splice(at, 1, pick(STRANGERS)),
        () => text.splice(at, 0, ...text.slice(at, at + 4)),
        () => (text = [...text.slice(0, at), ...other.slice(random() % other.length)]),
      ]
      pick(change)()
    }
    texts.add(text.join(''))
  }
  return texts
}

/** Numbers that look random and depend on the seed alone (xorshift). */
function generator(seed) {
  let state = [...seed].reduce((sum, char) => (sum * 31 + char.codePointAt(0)) >>> 0, 1)
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state = (state ^ (state << 5)) >>> 0
    return state
  }
}

const STRANGERS = [...'azAZ0129 .-_:/%~#?@+TZä🦋\t']

/** CIDs: of a blob, of a record, and of other kinds. */
export const CIDS = [
  'bafkreiccldh766hwcnuxnf2wh6jgzepf2nlu2lvcllt63eww5p6chi4ity',
  'bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a',
  'QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n',
]

/** Texts that are of a format, and texts that are nearly so. */
export const TEXTS = {
  'at-identifier': {
    valid: ['alice.example.com', 'did:plc:ewvi7nxzyoun6zhxrhs64oiz'],
    other: ['alice', '@alice.example.com', 'did:plc', 'alice.example.com.', ''],
  },
  'at-uri': {
    valid: [
      'at://did:plc:ewvi7nxzyoun6zhxrhs64oiz/app.bsky.feed.post/3jzfcijpj2z2a',
      'at://alice.example.com/app.bsky.feed.post/self',
      'at://alice.example.com',
    ],
    other: [
      'at://alice.example.com/', 'at://alice.example.com/app.bsky.feed.post/', 'at://alice', 'AT://alice.example.com',
      'at://alice.example.com/post/1', 'at://alice.example.com/app.bsky.feed.post/a b', 'https://example.com',
      'at://alice.example.com#/x', 'at://alice.example.com/app.bsky.feed.post/1/2', 'at://alice.example.com?a=b',
    ],
  },
  cid: {
    valid: CIDS.slice(0, 2),
    other: [CIDS[2], CIDS[0].slice(1), CIDS[0].toUpperCase(), `${CIDS[0]}a`, ''],
  },
  datetime: {
    valid: ['2024-11-23T12:34:56.789Z', '1985-04-12T23:20:50Z', '2024-02-29T12:00:00+05:30', '2024-01-01T00:00:00.123456789Z'],
    other: [
      '2024-11-23', '2024-11-23T12:34:56', '2024-11-23 12:34:56Z', '2024-11-23T12:34:56-00:00', '2023-02-29T00:00:00Z',
      '2024-11-23T12:34Z', '2024-11-23T25:00:00Z', '2024-13-01T00:00:00Z', '0000-01-01T00:00:00Z', '2024-11-23t12:34:56z',
      '+002024-11-23T12:34:56Z', '2024-11-23T12:34:60Z', '2024-11-23T12:34:56+0530', '2024-11-23T12:34:56+24:00',
      '2024-11-23T24:00:00Z', '2024-11-23T12:34:56.Z', '20241123T123456Z', 'yesterday', '0001-01-01T00:00:00Z',
    ],
  },
  did: {
    valid: ['did:plc:ewvi7nxzyoun6zhxrhs64oiz', 'did:web:example.com', 'did:web:localhost%3A80'],
    other: ['did:plc', 'DID:plc:abc', 'did:plc:a b', 'did:web:example.com:', 'did:plc:abc#x', 'did:web:%', 'alice.example.com'],
  },
  handle: {
    valid: ['alice.example.com', 'XX.gmail.com', '4chan.org'],
    other: ['alice', '-a.example.com', 'a..com', 'a.4', 'alice.example.com.', 'a_b.com', `${'a'.repeat(64)}.com`],
  },
  language: {
    valid: ['en', 'pt-BR', 'zh-Hant-TW', 'i-klingon', 'x-private'],
    other: ['', 'e', 'en_US', 'en-', '-en', 'abcdefghi', 'EN', 'de-1996', 'en-a', '123', 'en-US-x-a-b'],
  },
  nsid: {
    valid: ['com.example.fooBar', 'a-0.b-1.c', 'app.bsky.feed.post'],
    other: ['com.example', 'com.example.foo-bar', 'com.example.3foo', '.com.example.foo', 'com.exa_mple.foo', 'com.example.foo#a'],
  },
  'record-key': {
    valid: ['self', '3jzfcijpj2z2a', '~1.2-3_:', 'a'.repeat(512)],
    other: ['.', '..', '', 'a b', 'a/b', 'a'.repeat(513), 'ü'],
  },
  tid: {
    valid: ['3jzfcijpj2z2a', '2222222222222'],
    other: ['3jzfcijpj2z2', '0000000000000', 'zzzzzzzzzzzzz', '3jzf-cij-pj2z-2a', '3JZFCIJPJ2Z2A', '3jzfcijpj2z2aa'],
  },
  uri: {
    valid: ['https://example.com/a?b#c', 'at://alice.example.com', 'mailto:a@example.com', 'a:b'],
    other: ['example.com', 'https://', 'https:// a', '://a', '1a:b', 'https://example.com/a b', 'a:', 'urn:ü', `a:${'b'.repeat(8200)}`],
  },
}

/** Texts for places without a format. */
export const PLAIN = ['', 'a', '👨‍👩‍👧‍👧', '👨‍👩‍👧‍👧'.repeat(64), 'é'.repeat(64), 'e\u0301'.repeat(65), 'x'.repeat(640), 'x'.repeat(641), 'x'.repeat(3001), '\r\n', '\u0000']

/** Verdicts that differ from those of `@atproto/lex`, and why they are to. */
const STRICTER = [
  [/empty key/, 'we refuse empty keys of maps'],
  [/link is not a CID of this protocol/, 'the specification admits no CIDs of version 0 as links'],
  [/not of format `cid`/, 'the specification admits no CIDs of version 0'],
  [/not of format `(uri|at-uri|datetime|language)`/, 'we read identifiers by the grammar of the specification (see syntax.test.mjs)'],
  [/unknown object is expected, object found/, 'a blob stands in no place of type `unknown`'],
  [/blob without a raw `ref`, a `mimeType` or a positive `size`/, 'the specification asks for a size above 0'],
  [/`\$type` is not a non-empty string/, 'a `$type` is a text with something in it, wherever it stands'],
  [/names no type|the member of a union needs a `\$type`/, 'a `$type` that is no NSID names no type'],
]

const MORE_LENIENT = [
  [/Invalid blob object|Expected blob value type/, 'we let blobs have more fields, and media types without a slash'],
  [/Invalid language \(got "EN"\)/, 'tags of languages are the same in upper and lower case (RFC 5646)'],
  [/Invalid uri/, 'the specification lets anything printable follow the scheme of a URI'],
]

const WHEN_LENIENT = [
  ...MORE_LENIENT,
  [/Invalid datetime/, 'our lenient datetimes may lack their seconds, and be of any zone'],
]

/** Why the verdicts on a record differ, where they may; else nothing. */
export function explain(mode, ours, theirs) {
  if (theirs === 'ok') return find(STRICTER, ours)
  return find(mode === 'lenient' ? WHEN_LENIENT : MORE_LENIENT, theirs)
}

function find(table, reason) {
  return table.find(([pattern]) => pattern.test(reason))?.[1]
}

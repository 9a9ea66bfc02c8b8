// What the end-to-end tests share: where the stack listens, waiting, test accounts.
import fs from 'node:fs'
import path from 'node:path'
import zlib from 'node:zlib'
import { AtpAgent } from '@atproto/api'
import { required } from './required.mjs'

export { required }

/** URLs of a running stack, from the file that `stack` writes into its data directory. */
export const stack = JSON.parse(
  fs.readFileSync(path.join(required('STACK_DATA'), 'stack.json'), 'utf8'),
)

/** The trace exports that the collector has been sent so far, as the bytes that came. */
export function spans() {
  const directory = required('SPANS')
  const names = fs.readdirSync(directory).filter((name) => /^[0-9]+$/.test(name))
  return names.map((name) => fs.readFileSync(path.join(directory, name)))
}

/** Repeats `probe` until it returns something truthy, for at most `seconds`. */
export async function eventually(what, probe, seconds = 30) {
  const end = Date.now() + seconds * 1000
  let last
  for (;;) {
    try {
      const value = await probe()
      if (value) return value
      last = undefined
    } catch (error) {
      last = error
    }
    if (Date.now() > end) throw new Error(`${what} did not happen in ${seconds} s`, { cause: last })
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** Signs up an account with a fresh handle on the given PDS and returns its agent. */
export async function signUp(name, service = stack.pds) {
  const agent = new AtpAgent({ service })
  const suffix = Math.random().toString(36).slice(2, 8)
  await agent.createAccount({
    email: `${name}-${suffix}@example.com`,
    handle: `${name}-${suffix}.test`,
    password: `password of ${name}`,
  })
  return agent
}

/** A valid PNG of one colour, made here so that no file needs to be stored. */
export function png(width, height, [red, green, blue]) {
  const row = Buffer.concat([Buffer.from([0]), Buffer.alloc(width * 3, Buffer.from([red, green, blue]))])
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 2, 0, 0, 0], 8)
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', header),
    chunk('IDAT', zlib.deflateSync(Buffer.concat(Array(height).fill(row)))),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(kind, data) {
  const body = Buffer.concat([Buffer.from(kind, 'latin1'), data])
  const length = Buffer.alloc(4)
  length.writeUInt32BE(data.length)
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(zlib.crc32(body))
  return Buffer.concat([length, body, sum])
}

// Tokens between services: what either side makes, the other verifies, and refuses for the
// same reasons. Keys of both curves, issuers of both DID methods.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { after, test } from 'node:test'
import readline from 'node:readline'
import { P256Keypair, Secp256k1Keypair } from '@atproto/crypto'
import { getDid, getKey } from '@atproto/identity'
import { createServiceJwt, verifyJwt } from '@atproto/xrpc-server'
import { required } from './required.mjs'

const AUD = 'did:web:api.example.com#bsky_appview'
const LXM = 'com.atproto.repo.uploadBlob'

const ours = spawn(required('SERVICE_TOKENS_BIN'), { stdio: ['pipe', 'pipe', 'inherit'] })
after(() => ours.stdin.end())
const answers = readline.createInterface({ input: ours.stdout })[Symbol.asyncIterator]()

/** One request to our program. */
async function ask(request) {
  ours.stdin.write(`${JSON.stringify(request)}\n`)
  const { value, done } = await answers.next()
  assert.ok(!done, 'the program has ended')
  return JSON.parse(value)
}

/** An issuer: its key, and its document as a resolver would give it. */
async function issuer(curve, did) {
  const Keypair = curve === 'k256' ? Secp256k1Keypair : P256Keypair
  const keypair = await Keypair.create({ exportable: true })
  const secret = Buffer.from(await keypair.export()).toString('hex')
  const document = {
    '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/multikey/v1'],
    id: did,
    verificationMethod: [
      {
        id: `${did}#atproto`,
        type: 'Multikey',
        controller: did,
        publicKeyMultibase: keypair.did().slice('did:key:'.length),
      },
    ],
    service: [],
  }
  assert.equal(getDid(document), did)
  return { curve, did, keypair, secret, document }
}

/** Verified by the reference implementation: the issuer, or the name of the error. */
async function byTheirs(token, { document }, aud = AUD, lxm = LXM) {
  try {
    return (await verifyJwt(token, aud, lxm, async () => getKey(document))).iss
  } catch (error) {
    return error.customErrorName ?? error.error ?? error
  }
}

const byOurs = (token, { document }, aud = AUD, lxm = LXM) =>
  ask({ verify: { token, document, aud, lxm } })

const mintOurs = async ({ curve, secret, did }, aud = AUD, lxm = LXM) =>
  (await ask({ mint: { curve, secret, iss: did, aud, lxm } })).token

const mintTheirs = ({ did, keypair }, aud = AUD, lxm = LXM) =>
  createServiceJwt({ iss: did, aud, lxm, keypair })

for (const curve of ['k256', 'p256']) {
  for (const did of ['did:plc:ewvi7nxzyoun6zhxrhs64oiz', 'did:web:alice.example.com']) {
    test(`${curve}, ${did.slice(0, 7)}: each verifies the other's token`, async () => {
      const alice = await issuer(curve, did)
      assert.equal(await byTheirs(await mintOurs(alice), alice), did)
      const token = await mintTheirs(alice)
      assert.deepEqual(await byOurs(token, alice), { iss: did })
      assert.deepEqual(await byOurs(token, alice), { error: 'jwt has been used before' })
    })

    test(`${curve}, ${did.slice(0, 7)}: each refuses what was meant for others`, async () => {
      const [alice, mallory] = [await issuer(curve, did), await issuer(curve, did)]
      for (const [mint, verify] of [[mintOurs, byTheirs], [mintTheirs, byOurs]]) {
        const refused = async (token, ...expected) => {
          const answer = await verify(token, alice, ...expected)
          assert.ok(answer !== did && !answer.iss, JSON.stringify(answer))
        }
        await refused(await mint(alice, 'did:web:api.example.com'))
        await refused(await mint(alice, AUD), 'did:web:api.example.com')
        await refused(await mint(alice, AUD, 'com.atproto.repo.createRecord'))
        await refused(await mint(mallory))
        const [header, claims, signature] = (await mint(alice)).split('.')
        await refused(`${header}.${claims}.${signature.slice(0, -4)}AAAA`)
        await refused(`${header}.${claims}`)
      }
    })
  }
}

test('the key of another curve is no key for a token', async () => {
  const did = 'did:web:alice.example.com'
  const [k256, p256] = [await issuer('k256', did), await issuer('p256', did)]
  for (const [signer, known] of [[k256, p256], [p256, k256]]) {
    assert.notEqual(await byTheirs(await mintOurs(signer), known), did)
    assert.ok((await byOurs(await mintTheirs(signer), known)).error)
  }
})

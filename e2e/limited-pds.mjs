// A PDS from npm with its rate limits on. Run from the folder that has it installed:
// node --import ./loopback.mjs --input-type=module - PORT PLC_URL DATADIR <limited-pds.mjs
import fs from 'node:fs'
import path from 'node:path'
import { Secp256k1Keypair } from '@atproto/crypto'
import { PDS } from '@atproto/pds'

const [port, didPlcUrl, data] = process.argv.slice(2)
const blobs = path.join(data, 'blobs')
fs.mkdirSync(blobs, { recursive: true })
const rotation = await Secp256k1Keypair.create({ exportable: true })
const recovery = await Secp256k1Keypair.create()
const pds = await PDS.fromEnv({
  devMode: true,
  port: Number(port),
  hostname: 'localhost',
  dataDirectory: data,
  blobstoreDiskLocation: blobs,
  recoveryDidKey: recovery.did(),
  adminPassword: 'admin-pass',
  jwtSecret: 'jwt-secret',
  didPlcUrl,
  serviceHandleDomains: ['.test'],
  bskyAppViewUrl: 'https://appview.invalid',
  bskyAppViewDid: 'did:example:invalid',
  plcRotationKeyK256PrivateKeyHex: Buffer.from(await rotation.export()).toString('hex'),
  inviteRequired: false,
  disableSsrfProtection: true,
  rateLimitsEnabled: true,
})
await pds.start()
process.on('SIGTERM', async () => {
  await pds.destroy()
  process.exit(0)
})

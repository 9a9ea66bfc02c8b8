// Asks servers in turn, and reads from /proc what each answer cost them.
// node servers.mjs REQUESTS NAME,URL,PID...
import fs from 'node:fs'
import http from 'node:http'

const ROUNDS = 5
const CONNECTIONS = 8
const TICKS_PER_SECOND = 100

const [requests, ...list] = process.argv.slice(2)
const servers = list.map((item) => item.split(',')).map(([name, url, pid]) => ({ name, url, pid }))
const agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS })

/** Processor time of a process, all of its threads, in seconds. */
function cpuTime(pid) {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

function send(url, { method = 'GET', headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { agent, method, headers }, (answer) => {
      const parts = []
      answer.on('data', (part) => parts.push(part))
      answer.on('end', () => {
        const text = Buffer.concat(parts).toString()
        if (answer.statusCode === 200) resolve(text)
        else reject(new Error(`${url}: ${answer.statusCode} ${text}`))
      })
    })
    request.on('error', reject)
    request.end(body)
  })
}

async function post(server, method, input, token) {
  const headers = { 'content-type': 'application/json' }
  if (token) headers.authorization = `Bearer ${token}`
  const url = `${server.url}/xrpc/${method}`
  return JSON.parse(await send(url, { method: 'POST', headers, body: JSON.stringify(input) }))
}

/** As many requests as were asked for, over a few connections. */
async function drive(url) {
  let left = Number(requests)
  const one = async () => {
    while (left-- > 0) await send(url)
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, one))
}

for (const server of servers) {
  const account = { email: 'a@example.com', handle: 'alice.test', password: 'a password' }
  const session = await post(server, 'com.atproto.server.createAccount', account)
  const record = { text: 'as long as most posts are', createdAt: new Date().toISOString() }
  const collection = 'app.bsky.feed.post'
  const input = { repo: session.did, collection, record: { $type: collection, ...record } }
  const written = await post(server, 'com.atproto.repo.createRecord', input, session.accessJwt)
  const params = new URLSearchParams({ repo: session.did, collection, rkey: written.uri.split('/').pop() })
  server.calls = {
    describeServer: `${server.url}/xrpc/com.atproto.server.describeServer`,
    getRecord: `${server.url}/xrpc/com.atproto.repo.getRecord?${params}`,
  }
}

// The servers in turn, so that other work on the machine meets them alike; the first round
// warms them up.
const best = new Map()
for (let round = 0; round <= ROUNDS; round++) {
  for (const { name, pid, calls } of servers) {
    for (const [call, url] of Object.entries(calls)) {
      const before = cpuTime(pid)
      await drive(url)
      const perSecond = Number(requests) / (cpuTime(pid) - before)
      const key = `${call}, ${name}`
      if (round > 0) best.set(key, Math.max(best.get(key) ?? 0, perSecond))
    }
  }
}
agent.destroy()
for (const [key, perSecond] of best) {
  console.log(`${key}: ${Math.round(perSecond)} requests per second of processor time`)
}

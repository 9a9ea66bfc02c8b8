// Operations: metrics, readiness, logs, and what bad input is answered with.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { eventually, required, signUp, stack } from './support.mjs'

const servers = ['plc', 'pds', 'relay', 'appview']

for (const server of servers) {
  test(`${server}: metrics pass promtool, health and readiness answer`, async () => {
    await fetch(stack[server]) // there are no durations before the first request
    const metrics = await (await fetch(`${stack.admin[server]}/metrics`)).text()
    const checked = spawnSync('promtool', ['check', 'metrics'], { input: metrics, encoding: 'utf8' })
    assert.equal(checked.error, undefined)
    assert.equal(checked.status, 0, checked.stdout + checked.stderr)
    for (const name of ['atproto_build_info', 'http_server_request_duration_seconds', 'process_resident_memory_bytes']) {
      assert.ok(metrics.includes(name), `${name} is missing`)
    }
    if (server !== 'plc') {
      assert.match(metrics, /^atproto_identity_cache_total\{[^}]*number="lookups"[^}]*\} \d/m)
    }
    assert.equal((await fetch(`${stack.admin[server]}/healthz`)).status, 200)
    assert.equal((await fetch(`${stack.admin[server]}/readyz`)).status, 200)
  })
}

test('one post can be followed through the logs by its DID and rev', async () => {
  const agent = await signUp('lola')
  const { data } = await agent.com.atproto.repo.createRecord({
    repo: agent.session.did,
    collection: 'app.bsky.feed.post',
    record: { $type: 'app.bsky.feed.post', text: 'follow me', createdAt: new Date().toISOString() },
  })
  const { rev } = data.commit
  for (const server of ['pds', 'relay', 'appview']) {
    const file = path.join(required('STACK_DATA'), 'logs', `${server}.log`)
    const line = await eventually(`a line of ${server}`, () =>
      fs.readFileSync(file, 'utf8').trim().split('\n').map((text) => JSON.parse(text))
        .find((line) => line.did === agent.session.did && line.rev === rev))
    assert.equal(line.service, server)
  }
})

test('no log line holds a password or a token', () => {
  for (const server of servers) {
    const text = fs.readFileSync(path.join(required('STACK_DATA'), 'logs', `${server}.log`), 'utf8')
    assert.ok(!text.includes('password of '), `${server} logs a password`)
    assert.ok(!/eyJ[\w-]+\.eyJ/.test(text), `${server} logs a token`)
    assert.ok(!text.includes('"panic"'), `${server} panicked`)
  }
})

/** Requests that are wrong, with the status and error that the specification wants. */
const wrong = [
  ['pds', 'GET', 'com.atproto.repo.getRecord', undefined, 400, 'InvalidRequest'],
  ['pds', 'GET', 'com.atproto.repo.getRecord?repo=not%20a%20handle&collection=a.b.c&rkey=x', undefined, 400, 'InvalidRequest'],
  ['pds', 'GET', 'com.atproto.repo.listRecords?repo=did:plc:aaaaaaaaaaaaaaaaaaaaaaaa&collection=a.b.c&limit=1000', undefined, 400, 'InvalidRequest'],
  ['pds', 'GET', 'com.atproto.sync.getRepo?did=did:plc:aaaaaaaaaaaaaaaaaaaaaaaa', undefined, 400, 'RepoNotFound'],
  ['pds', 'GET', 'com.atproto.server.getSession', undefined, 401, 'AuthMissing'],
  ['pds', 'POST', 'com.atproto.repo.createRecord', '{}', 401, 'AuthMissing'],
  ['pds', 'POST', 'com.atproto.server.createSession', '{"identifier":', 400, 'InvalidRequest'],
  ['pds', 'POST', 'com.atproto.server.createSession', '{"identifier":"x","password":"y"}', 401, 'AuthenticationRequired'],
  ['pds', 'POST', 'com.atproto.server.createAccount', '{"handle":"a.b.c.test","email":"x@example.com","password":"12345678"}', 400, 'InvalidHandle'],
  ['pds', 'GET', 'com.atproto.repo.createRecord', undefined, 405, undefined],
  ['pds', 'POST', 'com.atproto.sync.getRepo', '{}', 405, undefined],
  ['relay', 'GET', 'com.atproto.sync.getHostStatus?hostname=nobody.example', undefined, undefined, 'HostNotFound'],
  ['relay', 'GET', 'com.atproto.sync.getRepoStatus?did=did:plc:aaaaaaaaaaaaaaaaaaaaaaaa', undefined, undefined, 'RepoNotFound'],
  ['relay', 'GET', 'com.example.unknown.method', undefined, 501, 'MethodNotImplemented'],
  ['appview', 'GET', 'app.bsky.feed.getTimeline', undefined, 401, 'AuthMissing'],
  ['appview', 'GET', 'app.bsky.feed.getPostThread?uri=nonsense', undefined, 400, 'InvalidRequest'],
  ['appview', 'GET', 'app.bsky.feed.getPostThread?uri=at://did:plc:aaaaaaaaaaaaaaaaaaaaaaaa/app.bsky.feed.post/x', undefined, 400, 'NotFound'],
  ['appview', 'GET', 'com.example.unknown.method', undefined, 501, 'MethodNotImplemented'],
]

for (const [server, method, call, body, status, error] of wrong) {
  test(`${server}: ${method} ${call} ${body ?? ''} is refused in the specification's form`, async () => {
    const response = await fetch(`${stack[server]}/xrpc/${call}`, {
      method,
      body,
      headers: body ? { 'content-type': 'application/json' } : {},
    })
    const answer = await response.json()
    assert.equal(typeof answer.error, 'string')
    assert.match(answer.error, /^[A-Za-z]+$/)
    if (status) assert.equal(response.status, status, JSON.stringify(answer))
    else assert.ok(response.status >= 400 && response.status < 500)
    if (error) assert.equal(answer.error, error, JSON.stringify(answer))
  })
}

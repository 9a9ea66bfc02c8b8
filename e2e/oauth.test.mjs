// An app that was written elsewhere gets access by OAuth: the whole flow, over our own pages.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { text } from 'node:stream/consumers'
import { before, test } from 'node:test'
import { NodeOAuthClient } from '@atproto/oauth-client-node'
import { signUp, stack } from './support.mjs'

const POST = 'app.bsky.feed.post'
const SCOPE = `atproto repo:${POST}?action=create blob:image/* rpc:app.bsky.actor.getProfile?aud=*`
const REDIRECT = 'http://127.0.0.1:4711/callback'

let agent
let handle
before(async () => {
  agent = await signUp('oauth')
  handle = agent.session.handle
})

test('an app asks, the user allows it, the app writes within its scope', async () => {
  const client = newClient()
  const { session } = await client.callback(await allowed(await client.authorize(handle)))
  assert.equal(session.did, agent.session.did)
  const info = await session.getTokenInfo()
  assert.equal(info.iss, stack.pds)
  assert.ok(info.scope.split(' ').includes('atproto'), info.scope)

  const written = await create(session, POST, post('by an app'))
  assert.equal(written.status, 200)
  const { uri } = await written.json()
  const [, , did, , rkey] = uri.split('/')
  assert.equal(did, session.did)
  const read = await agent.com.atproto.repo.getRecord({ repo: did, collection: POST, rkey })
  assert.equal(read.data.value.text, 'by an app')

  for (const [method, body, scope] of [
    ['createRecord', { collection: 'app.bsky.feed.like', record: post('x') }, 'repo:app.bsky.feed.like?action=create'],
    ['deleteRecord', { collection: POST, rkey }, `repo:${POST}?action=delete`],
    ['putRecord', { collection: POST, rkey, record: post('changed') }, `repo:${POST}?action=update`],
    ['applyWrites', { writes: [{ $type: 'com.atproto.repo.applyWrites#delete', collection: POST, rkey }] }, `repo:${POST}?action=delete`],
  ]) {
    const refused = await call(session, `com.atproto.repo.${method}`, { repo: did, ...body })
    assert.equal(refused.status, 403, method)
    const { error, message } = await refused.json()
    assert.equal(error, 'ScopeMissingError', method)
    assert.equal(message, `Missing required scope "${scope}"`)
  }
  assert.equal((await upload(session, 'image/png')).status, 200)
  assert.equal((await upload(session, 'text/plain')).status, 403)
  assert.equal((await session.fetchHandler('/xrpc/app.bsky.actor.getProfile?actor=' + did)).status, 200)
  assert.equal((await session.fetchHandler('/xrpc/app.bsky.feed.getTimeline')).status, 403)
  const passwords = await call(session, 'com.atproto.server.createAppPassword', { name: 'x' })
  assert.equal(passwords.status, 403)
  const own = await session.fetchHandler('/xrpc/com.atproto.server.getSession')
  const { email } = await own.json()
  assert.equal(email, undefined, 'the address is the owner’s')
})

test('tokens are renewed, and given back', async () => {
  const client = newClient()
  const { session } = await client.callback(await allowed(await client.authorize(handle)))
  const first = await session.getTokenSet()
  const renewed = await client.restore(session.did, true)
  const second = await renewed.getTokenSet()
  assert.notEqual(first.access_token, second.access_token)
  assert.notEqual(first.refresh_token, second.refresh_token)
  assert.equal((await create(renewed, POST, post('after a refresh'))).status, 200)

  await renewed.signOut()
  const form = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: second.refresh_token,
    client_id: client.clientMetadata.client_id,
  })
  const again = await fetch(`${stack.pds}/oauth/token`, { method: 'POST', body: form })
  assert.equal(again.status, 400)
  await assert.rejects(client.restore(session.did, true))
})

test('a stolen token is worth nothing without its key', async () => {
  const client = newClient()
  const { session } = await client.callback(await allowed(await client.authorize(handle)))
  const { access_token: token } = await session.getTokenSet()
  const method = `${stack.pds}/xrpc/com.atproto.server.getSession`
  for (const scheme of ['DPoP', 'Bearer']) {
    const answer = await fetch(method, { headers: { authorization: `${scheme} ${token}` } })
    assert.equal(answer.status, 401, scheme)
    assert.ok(answer.headers.get('www-authenticate'), scheme)
  }
})

test('the user says no', async () => {
  const client = newClient()
  const params = await answered(await client.authorize(stack.pds), 'deny')
  assert.equal(params.get('error'), 'access_denied')
  await assert.rejects(client.callback(params))
})

test('the user ends the access on the page of sessions', async () => {
  const client = newClient()
  const { session } = await client.callback(await allowed(await client.authorize(handle)))
  const browser = new Browser()
  const page = await browser.get(new URL('/account', stack.pds))
  let list = await browser.submit(page, { identifier: handle, password: 'password of oauth' })
  assert.ok(list.text.includes('http://localhost/?scope='), list.text)
  while (list.text.includes('name="session"')) list = await browser.submit(list, {})
  assert.ok(list.text.includes('There are none.'))
  const refused = await create(session, POST, post('too late')).catch((error) => error)
  assert.notEqual(refused.status, 200)
})

test('a request is refused to another browser, and a wrong password to everybody', async () => {
  const client = newClient()
  const url = await client.authorize(handle)
  const browser = new Browser()
  const page = await browser.get(url)
  assert.equal(page.status, 200)
  assert.equal((await new Browser().get(url)).status, 400)
  const wrong = await browser.submit(page, { password: 'a guess' })
  assert.ok(wrong.text.includes('not the right password'), wrong.text)
  const right = await browser.submit(wrong, { password: 'password of oauth' })
  assert.ok(right.text.includes('Allow access?'), right.text)
  assert.ok(right.text.includes('Create records in app.bsky.feed.post'), right.text)
})

function newClient() {
  return new NodeOAuthClient({
    clientMetadata: {
      client_id: `http://localhost?${new URLSearchParams({ scope: SCOPE, redirect_uri: REDIRECT })}`,
      client_name: 'e2e',
      redirect_uris: [REDIRECT],
      scope: SCOPE,
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      dpop_bound_access_tokens: true,
    },
    stateStore: memory(),
    sessionStore: memory(),
    allowHttp: true,
    plcDirectoryUrl: stack.plc,
    handleResolver: stack.pds,
    fetch: globalThis.fetch,
    requestLock: async (_name, work) => work(),
  })
}

function memory() {
  const map = new Map()
  return {
    get: async (key) => map.get(key),
    set: async (key, value) => void map.set(key, value),
    del: async (key) => void map.delete(key),
  }
}

const allowed = (url) => answered(url, 'allow')

/** What the app gets back after the user has signed in and answered. */
async function answered(url, answer) {
  const browser = new Browser()
  const page = await browser.get(url)
  const consent = await browser.submit(page, { identifier: handle, password: 'password of oauth' })
  assert.equal(consent.status, 200, consent.text)
  const back = await browser.submit(consent, { answer })
  assert.equal(back.status, 303, back.text)
  assert.ok(back.location.startsWith(`${REDIRECT}?`), back.location)
  return new URL(back.location).searchParams
}

/** As much of a browser as plain forms need. */
class Browser {
  cookies = new Map()

  get(url) {
    return this.fetch(url, {})
  }

  /** Fills in the first form of a page and sends it. */
  submit(page, fields) {
    const form = /<form method="post" action="([^"]+)">(.*?)<\/form>/s.exec(page.text)
    assert.ok(form, page.text)
    const body = new URLSearchParams()
    for (const [tag] of form[2].matchAll(/<input [^>]*>/g)) {
      const attribute = (name) => unescaped(new RegExp(` ${name}="([^"]*)"`).exec(tag)?.[1] ?? '')
      body.set(attribute('name'), attribute('value'))
    }
    for (const [name, value] of Object.entries(fields)) body.set(name, value)
    const headers = { origin: stack.pds, 'content-type': 'application/x-www-form-urlencoded' }
    return this.fetch(new URL(form[1], page.url), { method: 'POST', body: body.toString(), headers })
  }

  /** By `node:http`: `fetch` says by itself that it is no navigation. */
  async fetch(url, { method = 'GET', headers = {}, body }) {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const navigation = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
    const request = http.request(url, { method, headers: { ...navigation, ...headers, cookie } })
    request.end(body)
    const [answer] = await once(request, 'response')
    for (const line of answer.headers['set-cookie'] ?? []) {
      const [name, value] = line.split(';')[0].split('=')
      this.cookies.set(name, value)
    }
    const { location } = answer.headers
    return { url, status: answer.statusCode, location, text: await text(answer) }
  }
}

function unescaped(text) {
  return text
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
}

function post(text) {
  return { $type: POST, text, createdAt: new Date().toISOString() }
}

function create(session, collection, record) {
  return call(session, 'com.atproto.repo.createRecord', { repo: session.did, collection, record })
}

function call(session, method, body) {
  const headers = { 'content-type': 'application/json' }
  return session.fetchHandler(`/xrpc/${method}`, { method: 'POST', headers, body: JSON.stringify(body) })
}

function upload(session, type) {
  const options = { method: 'POST', headers: { 'content-type': type }, body: `a ${type} ${Math.random()}` }
  return session.fetchHandler('/xrpc/com.atproto.repo.uploadBlob', options)
}

// An AppView beside the PDS on loopback: bsync, data plane, indexer and API in one process, over a PostgreSQL.
// Start with `node --import ../localnet/loopback.mjs appview.mjs`.
//
// DB_URL, PLC_URL, PDS_URL, DID and the ports say where. One JSON line on stdout says that it is ready. SIGTERM, SIGINT,
// or the end of stdin stop it. GET / on CONTROL_PORT answers when all that the PDS has written is indexed.
import http from 'node:http'
import { createRequire } from 'node:module'

import * as bsky from '@atproto/bsky'
import * as bsync from '@atproto/bsync'

const within = createRequire(import.meta.resolve('@atproto/bsky'))
const { Secp256k1Keypair } = within('@atproto/crypto')

// The PostgreSQL of the wheel comes without pg_trgm, which serves the search for people by name and nothing else.
const { Client } = within('pg')
const query = Client.prototype.query
Client.prototype.query = function (what, ...rest) {
  const text = what?.text ?? what
  if (typeof text === 'string' && text.includes('gist_trgm_ops')) what = { ...what, text: untrigrammed(text) }
  if (typeof text === 'string' && text.includes('create extension')) what = { ...what, text: 'select 1' }
  return query.call(this, what, ...rest)
}
const untrigrammed = (text) => text.replaceAll('using gist', 'using btree').replaceAll(' gist_trgm_ops', '')

const env = (name) => process.env[name] ?? fail(`${name} is not set`)
const fail = (why) => {
  console.error(why)
  process.exit(2)
}
const port = (name) => Number(env(name))
const local = (number) => `http://localhost:${number}`

const [dbUrl, plcUrl, pdsUrl, serverDid] = ['DB_URL', 'PLC_URL', 'PDS_URL', 'DID'].map(env)
const [apiPort, dataPort, syncPort, controlPort] = ['API_PORT', 'DATA_PORT', 'SYNC_PORT', 'CONTROL_PORT'].map(port)
const apiKey = 'bsync-api-key' // both ends are in this process

// A handle of .test is in no DNS; the PDS answers for its people as their own host would.
const resolveAt = (idResolver) => {
  idResolver.handle.resolve = async (handle) => {
    const answer = await fetch(`${pdsUrl}/xrpc/com.atproto.identity.resolveHandle?handle=${encodeURIComponent(handle)}`)
    return answer.ok ? (await answer.json()).did : undefined
  }
}

const syncConfig = bsync.envToCfg({ port: syncPort, apiKeys: [apiKey], dbUrl, dbSchema: 'bsync', dbPoolSize: 5 })
const sync = await bsync.BsyncService.create(syncConfig)
await sync.ctx.db.migrateToLatestOrThrow()
await sync.start()

const db = new bsky.Database({ url: dbUrl, schema: 'appview', poolSize: 10 })
const migrations = new bsky.Database({ url: dbUrl, schema: 'appview' })
await migrations.migrateToLatestOrThrow()
await migrations.close()

const data = await bsky.DataPlaneServer.create(db, dataPort, plcUrl, globalThis.fetch)
const config = new bsky.ServerConfig({
  version: 'local',
  port: apiPort,
  didPlcUrl: plcUrl,
  publicUrl: local(apiPort),
  serverDid,
  alternateAudienceDids: [],
  dataplaneUrls: [local(dataPort)],
  dataplaneHttpVersion: '1.1',
  bsyncUrl: local(syncPort),
  bsyncHttpVersion: '1.1',
  bsyncApiKey: apiKey,
  modServiceDid: 'did:example:nobody',
  labelsFromIssuerDids: [],
  bigThreadUris: new Set(),
  maxThreadParents: 50,
  disableSsrfProtection: true, // everything is on loopback
  searchTagsHide: new Set(),
  searchTagsHideAll: new Set(),
  threadTagsBumpDown: new Set(),
  threadTagsHide: new Set(),
  visibilityTagHide: '',
  visibilityTagRankPrefix: '',
  debugFieldAllowedDids: new Set(),
  draftsLimit: 500,
  feedGenSkeletonTimeout: 5000,
  adminPasswords: [],
  etcdHosts: [],
})
const api = bsky.BskyAppView.create({ config, signingKey: await Secp256k1Keypair.create() })
const mutes = new bsky.BsyncSubscription({ config, db })
const repos = new bsky.RepoSubscription({ service: pdsUrl.replace('http', 'ws'), db, idResolver: data.idResolver })
resolveAt(data.idResolver)
resolveAt(api.ctx.idResolver)
await api.start()
mutes.start()
void repos.start()

// Indexed up to the PDS's newest event, which the control port is told as ?seq=
async function indexed(seq) {
  for (const end = Date.now() + 20_000; Date.now() < end; ) {
    await repos.processAll()
    const cursor = await repos.getCursor()
    if (cursor && cursor >= seq) return true
    await new Promise((done) => setTimeout(done, 10))
  }
  return false
}
const control = http.createServer(async (request, response) => {
  response.statusCode = (await indexed(Number(new URL(request.url, local(controlPort)).searchParams.get('seq')))) ? 200 : 504
  response.end()
})
control.listen(controlPort)

const stop = () => process.exit(0) // all it holds is an index
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, stop)
process.stdin.on('end', stop).on('error', stop).resume()

console.log(JSON.stringify({ appview: local(apiPort) }))

// A PDS and a PLC directory for one machine. Start with `node --import ./loopback.mjs net.mjs`.
//
// DATA, PLC_PORT and PDS_PORT say where, APPVIEW_URL and APPVIEW_DID which AppView to ask, if any. One JSON line on stdout says that both are ready. SIGTERM, SIGINT, or the
// end of stdin (the parent is gone, however it went) stop them.
import crypto from 'node:crypto'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'

const { Database, PlcServer } = createRequire(import.meta.url)('@did-plc/server') // CommonJS, and not Node's idea of it

const env = (name) => process.env[name] ?? fail(`${name} is not set`)
const fail = (why) => {
  console.error(why)
  process.exit(2)
}

const data = env('DATA')
const plcPort = Number(env('PLC_PORT'))
const pdsPort = Number(env('PDS_PORT'))
const within = (name) => path.join(data, name)

// The directory's only durable store is Postgres; a journal of its operations is enough to come back from kill -9.
async function directory(journal) {
  const db = Database.mock()
  for (const line of fs.existsSync(journal) ? fs.readFileSync(journal, 'utf8').split('\n').filter(Boolean) : []) {
    const { did, operation } = JSON.parse(line)
    await db.validateAndAddOp(did, operation)
  }
  const add = db.validateAndAddOp.bind(db)
  db.validateAndAddOp = async (did, operation) => {
    await add(did, operation)
    fs.appendFileSync(journal, JSON.stringify({ did, operation }) + '\n')
  }
  return db
}

function secret(name) {
  const file = within(name)
  if (!fs.existsSync(file)) fs.writeFileSync(file, crypto.randomBytes(32).toString('hex'), { mode: 0o600 })
  return fs.readFileSync(file, 'utf8')
}

async function startPds() {
  const { PDS } = await import('@atproto/pds')
  const pds = await PDS.fromEnv({
    devMode: true, // http, and no mail
    port: pdsPort,
    hostname: 'localhost',
    dataDirectory: data,
    blobstoreDiskLocation: within('blobs'),
    adminPassword: secret('admin-password'),
    jwtSecret: secret('jwt-secret'),
    plcRotationKeyK256PrivateKeyHex: secret('rotation-key'),
    didPlcUrl: `http://localhost:${plcPort}`,
    serviceHandleDomains: ['.test'],
    inviteRequired: false,
    disableSsrfProtection: true, // the directory is on loopback too
    enableDidDocWithSession: true,
    bskyAppViewUrl: process.env.APPVIEW_URL, // none: what an AppView answers is not to be had
    bskyAppViewDid: process.env.APPVIEW_DID,
  })
  await pds.start()
  return pds
}

fs.mkdirSync(within('blobs'), { recursive: true, mode: 0o700 })
const plc = PlcServer.create({ db: await directory(within('plc.jsonl')), port: plcPort })
await plc.start()
const pds = await startPds()

let stopping = false
async function stop() {
  if (stopping) return
  stopping = true
  setTimeout(() => process.exit(1), 5000).unref() // a subscriber that will not go must not keep us
  await pds.destroy()
  await plc.destroy()
  process.exit(0)
}
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, stop)
process.stdin.on('end', stop).on('error', stop).resume()

console.log(JSON.stringify({ pds: `http://localhost:${pdsPort}`, plc: `http://localhost:${plcPort}` }))

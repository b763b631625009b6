// What the clients share. A program is asked, by lines of JSON on its standard
// input, to do one thing after the other: {do, in}. It answers each with a line,
// {result} or {failure}. Where a browser is needed, it prints the address to open,
// {visit}, and is told what the provider sent back with the browser.
import { createInterface } from 'node:readline'
import { inspect } from 'node:util'
import * as jose from 'jose'

export const issuer = process.argv[2]

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

async function read() {
  const { value } = await lines.next()
  return value && JSON.parse(value)
}

const print = (value) => console.log(JSON.stringify(value))

// serve does what it is asked to, until there is nothing more.
export async function serve(actions) {
  for (let asked; (asked = await read()); ) {
    try {
      print({ result: await actions[asked.do](asked.in) })
    } catch (error) {
      print({ failure: inspect(error, { depth: 4 }) })
    }
  }
}

// visit has the address opened, and returns what the provider sent back with
// the browser: a URL, or the form posted to it.
export async function visit(address) {
  print({ visit: address.href })
  const { url, form } = await read()
  return form ? new Request(url, { method: 'POST', body: new URLSearchParams(form) }) : new URL(url)
}

// refusal is the error code that the call fails with.
export async function refusal(call) {
  try {
    await call
    return 'none'
  } catch (error) {
    return error.error ?? error.cause?.[0]?.scheme ?? String(error)
  }
}

const pairs = {}

// keyPair returns the keys for an algorithm: the private one, as Web Crypto has it,
// and the public one as a JWK to register.
export const keyPair = (alg) => (pairs[alg] ??= newPair(alg))

async function newPair(alg) {
  const { privateKey, publicKey } = await jose.generateKeyPair(alg)
  const use = /^(RSA-OAEP|ECDH-ES)/.test(alg) ? 'enc' : 'sig'
  return { key: privateKey, kid: alg, alg, public: { ...(await jose.exportJWK(publicKey)), kid: alg, alg, use } }
}

// encrypted encrypts a JWT to the provider, with a key that it publishes.
export async function encrypted(jwt, keys, alg, enc) {
  const key = keys.find((k) => k.use === 'enc' && (!k.alg || k.alg === alg) && (k.kty === 'RSA') === alg.startsWith('RSA'))
  const header = { alg, enc, kid: key.kid, cty: 'oauth-authz-req+jwt' }
  return new jose.CompactEncrypt(new TextEncoder().encode(jwt)).setProtectedHeader(header).encrypt(await jose.importJWK(key, alg))
}

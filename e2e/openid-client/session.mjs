// What the scripts share. A script gets its input as JSON in its argument and
// prints its result as a line of JSON. Where a browser is needed, it prints the
// address to open and reads the provider's answer from standard input.
import { createInterface } from 'node:readline/promises'
import * as client from 'openid-client'

export const input = JSON.parse(process.argv[2])

export const print = (value) => console.log(JSON.stringify(value))

// discover finds the provider, at an http issuer too.
export async function discover() {
  return client.discovery(new URL(input.issuer), input.client_id, undefined, await authentication(), {
    execute: [client.allowInsecureRequests],
  })
}

async function authentication() {
  switch (input.method) {
    case 'none':
      return client.None()
    case 'client_secret_post':
      return client.ClientSecretPost(input.client_secret)
    case 'private_key_jwt': {
      const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
      const key = await crypto.subtle.importKey('jwk', input.private_key, algorithm, false, ['sign'])
      return client.PrivateKeyJwt({ key, kid: input.private_key.kid })
    }
    default:
      return client.ClientSecretBasic(input.client_secret)
  }
}

// visit has the address opened, and returns what the provider sent back with
// the browser: a URL, or the form posted to it.
export async function visit(address) {
  print({ visit: address.href })
  const lines = createInterface({ input: process.stdin })
  const { url, form } = JSON.parse((await lines[Symbol.asyncIterator]().next()).value)
  lines.close()
  return form ? new Request(url, { method: 'POST', body: new URLSearchParams(form) }) : new URL(url)
}

// refusal is the error code that the call fails with.
export async function refusal(call) {
  try {
    await call
    return 'none'
  } catch (error) {
    return error.error ?? String(error)
  }
}

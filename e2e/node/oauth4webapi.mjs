// oauth4webapi, which checks what it is asked to and nothing silently: all of it.
import * as oauth from 'oauth4webapi'
import * as jose from 'jose'
import { encrypted, issuer, keyPair, refusal, serve, visit } from './session.mjs'

const insecure = { [oauth.allowInsecureRequests]: true }

// discover reads the metadata, OpenID Connect Discovery §4 or RFC 8414 §3.
async function discover(algorithm = 'oidc') {
  const url = new URL(issuer)
  return oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, { algorithm, ...insecure }))
}

// register has the client register itself, with what is needed for the test and
// the keys that this asks for.
async function register(as, metadata) {
  const algorithms = [
    metadata.request_object_signing_alg, metadata.token_endpoint_auth_signing_alg,
    metadata.id_token_encrypted_response_alg, metadata.userinfo_encrypted_response_alg,
  ]
  const keys = await Promise.all([...new Set(algorithms.filter(Boolean))].map(keyPair))
  const jwks = keys.length ? { jwks: { keys: keys.map((key) => key.public) } } : {}
  const all = { redirect_uris: ['https://app.example/callback'], ...jwks, ...metadata }
  const response = await oauth.dynamicClientRegistrationRequest(as, all, insecure)
  return { ...(await oauth.processDynamicClientRegistrationResponse(response)), [oauth.clockTolerance]: 5 }
}

async function authentication(c) {
  switch (c.token_endpoint_auth_method) {
    case 'none':
      return oauth.None()
    case 'client_secret_post':
      return oauth.ClientSecretPost(c.client_secret)
    case 'private_key_jwt':
      return oauth.PrivateKeyJwt(await keyPair(c.token_endpoint_auth_signing_alg))
    default:
      return oauth.ClientSecretBasic(c.client_secret)
  }
}

// decryption is how the client decrypts what it gets, if that is encrypted.
async function decryption(c) {
  const alg = c.id_token_encrypted_response_alg ?? c.userinfo_encrypted_response_alg
  if (!alg) return {}
  const { key } = await keyPair(alg)
  const decrypt = async (jwe) => new TextDecoder().decode((await jose.compactDecrypt(jwe, key)).plaintext)
  return { [oauth.jweDecrypt]: decrypt }
}

// authenticate registers a client, signs a person in, and uses all that comes of
// it. Every check that oauth4webapi has passes, or it fails.
async function authenticate({ metadata = {}, parameters = {} }) {
  const as = await discover()
  const c = await register(as, metadata)
  const auth = await authentication(c)
  const tokens = await signIn(as, c, auth, parameters)
  const claims = oauth.getValidatedIdTokenClaims(tokens)
  const person = await userinfo(as, c, tokens.access_token, claims.sub)
  const refreshed = await refresh(as, c, auth, tokens)
  const active = await introspect(as, c, auth, refreshed.access_token)
  const revocation = await oauth.revocationRequest(as, c, auth, refreshed.refresh_token, insecure)
  await oauth.processRevocationResponse(revocation)
  return {
    sub: claims.sub,
    email: person.email,
    refreshed: oauth.getValidatedIdTokenClaims(refreshed).sub,
    introspected: [active?.active, active?.sub],
    after_revocation: await refusal(refresh(as, c, auth, refreshed)),
  }
}

async function signIn(as, c, auth, parameters) {
  const { response_types: [type], redirect_uris: [redirect_uri] } = c
  const verifier = oauth.generateRandomCodeVerifier()
  const checks = {
    state: oauth.generateRandomState(),
    nonce: oauth.generateRandomNonce(),
    maxAge: parameters.max_age && Number(parameters.max_age),
  }
  const request = {
    client_id: c.client_id, redirect_uri, response_type: type,
    scope: 'openid email offline_access', state: checks.state, nonce: checks.nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
    ...parameters,
  }
  const answer = await validated(as, c, await visit(await address(as, c, request)), type, checks)
  const response = await oauth.authorizationCodeGrantRequest(as, c, auth, answer, redirect_uri, verifier, insecure)
  const tokens = await oauth.processAuthorizationCodeResponse(as, c, response, {
    expectedNonce: checks.nonce, maxAge: checks.maxAge, requireIdToken: true, ...(await decryption(c)),
  })
  await oauth.validateApplicationLevelSignature(as, response, insecure)
  const resource = new Request('https://api.example/', { headers: { authorization: `Bearer ${tokens.access_token}` } })
  await oauth.validateJwtAccessToken(as, resource, issuer, insecure)
  return tokens
}

// validated checks the answer of the authorization endpoint, however it came. With
// an ID token in it, as OpenID Connect Core §3.3.2 and as the FAPI profiles do.
async function validated(as, c, answer, type, { state, nonce, maxAge }) {
  if (type === 'code id_token') {
    const copy = answer instanceof URL ? answer : answer.clone()
    const options = { ...insecure, ...(await decryption(c)) }
    await oauth.validateDetachedSignatureResponse(as, c, copy, nonce, state, maxAge, options)
    return oauth.validateCodeIdTokenResponse(as, c, answer, nonce, state, maxAge, options)
  }
  if (answer instanceof Request) return oauth.validateAuthResponse(as, c, new URLSearchParams(await answer.text()), state)
  if (answer.hash) return oauth.validateAuthResponse(as, c, new URLSearchParams(answer.hash.slice(1)), state)
  return oauth.validateAuthResponse(as, c, answer, state)
}

// address is what the browser is sent to: with the parameters, or with a request
// object, signed and encrypted as the client has registered.
async function address(as, c, request) {
  const url = new URL(as.authorization_endpoint)
  const signs = c.request_object_signing_alg
  if (signs) {
    let object = await oauth.issueRequestObject(as, c, request, await keyPair(signs))
    const { request_object_encryption_alg: alg, request_object_encryption_enc: enc } = c
    if (alg) object = await encrypted(object, (await (await fetch(as.jwks_uri)).json()).keys, alg, enc)
    request = { client_id: c.client_id, request: object }
  }
  url.search = new URLSearchParams(request)
  return url
}

async function userinfo(as, c, token, sub) {
  const response = await oauth.userInfoRequest(as, c, token, insecure)
  const person = await oauth.processUserInfoResponse(as, c, sub, response, await decryption(c))
  if (c.userinfo_signed_response_alg) await oauth.validateApplicationLevelSignature(as, response, insecure)
  return person
}

async function refresh(as, c, auth, tokens) {
  const response = await oauth.refreshTokenGrantRequest(as, c, auth, tokens.refresh_token, insecure)
  const refreshed = await oauth.processRefreshTokenResponse(as, c, response, await decryption(c))
  if (refreshed.id_token) await oauth.validateApplicationLevelSignature(as, response, insecure)
  return refreshed
}

async function introspect(as, c, auth, token) {
  if (c.token_endpoint_auth_method === 'none') return undefined
  const response = await oauth.introspectionRequest(as, c, auth, token, insecure)
  return oauth.processIntrospectionResponse(as, c, response)
}

// discovery compares what both kinds of discovery tell.
async function discovery() {
  const [oidc, oauth2] = await Promise.all([discover('oidc'), discover('oauth2')])
  const common = Object.keys(oauth2).filter((name) => name in oidc)
  return { differ: common.filter((name) => JSON.stringify(oidc[name]) !== JSON.stringify(oauth2[name])), issuer: oidc.issuer }
}

await serve({ authenticate, discovery })

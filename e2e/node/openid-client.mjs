// openid-client with all the validation that it has.
import { createServer } from 'node:http'
import * as client from 'openid-client'
import { encrypted, issuer, keyPair, refusal, serve, visit } from './session.mjs'

const options = { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks] }

// discover finds the provider, for a client that it knows already.
const discover = (in_, authentication) =>
  client.discovery(new URL(issuer), in_.client_id, undefined, authentication, options)

async function authentication({ method, client_secret, private_key }) {
  switch (method) {
    case 'none':
      return client.None()
    case 'client_secret_post':
      return client.ClientSecretPost(client_secret)
    case 'private_key_jwt': {
      const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
      const key = await crypto.subtle.importKey('jwk', private_key, algorithm, false, ['sign'])
      return client.PrivateKeyJwt({ key, kid: private_key.kid })
    }
    default:
      return client.ClientSecretBasic(client_secret)
  }
}

// code signs a person in by the code flow with PKCE, state and nonce, and uses
// all that comes of it.
async function code(in_) {
  const config = await discover(in_, await authentication(in_))
  const tokens = await signIn(config, {
    redirect_uri: in_.redirect_uri, scope: 'openid profile email offline_access', ...in_.parameters,
  })
  const { sub } = tokens.claims()
  const person = await client.fetchUserInfo(config, tokens.access_token, sub)
  const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token)
  const result = {
    sub,
    email: person.email,
    refreshed_sub: refreshed.claims().sub,
    rotated: refreshed.refresh_token !== tokens.refresh_token,
    refreshed_works: (await client.fetchUserInfo(config, refreshed.access_token, sub)).sub === sub,
  }
  if (in_.method !== 'none') {
    const active = await client.tokenIntrospection(config, refreshed.access_token)
    result.introspected = [active.active, active.sub, active.client_id]
  }
  await client.tokenRevocation(config, refreshed.refresh_token)
  result.after_revocation = await refusal(client.refreshTokenGrant(config, refreshed.refresh_token))
  if (in_.method !== 'none') {
    result.introspected_after = (await client.tokenIntrospection(config, refreshed.access_token)).active
  }
  return result
}

// machine gets a token for the client itself and has it introspected.
async function machine(in_) {
  const config = await discover(in_, await authentication(in_))
  const tokens = await client.clientCredentialsGrant(config, { scope: in_.scope, resource: in_.resource })
  const { active, sub, scope, aud } = await client.tokenIntrospection(config, tokens.access_token)
  await client.tokenRevocation(config, tokens.access_token)
  return {
    active, sub, scope, aud,
    after_revocation: (await client.tokenIntrospection(config, tokens.access_token)).active,
    wrong_resource: await refusal(client.clientCredentialsGrant(config, { resource: 'https://other.example' })),
  }
}

// register has the client register itself, with what is needed for the test.
function register(metadata, initialAccessToken, authentication = client.ClientSecretBasic()) {
  const registered = { redirect_uris: ['https://app.example/callback'], ...metadata }
  return client.dynamicClientRegistration(new URL(issuer), registered, authentication, {
    ...options, initialAccessToken,
  })
}

// signIn goes through the flow of the client's response type, and returns the
// tokens and, by claims(), what the ID token says.
async function signIn(config, parameters, address = client.buildAuthorizationUrl) {
  // Of a client that the provider alone knows, there is no metadata here.
  const { redirect_uris, response_types: [type] = ['code'] } = config.clientMetadata()
  const verifier = client.randomPKCECodeVerifier()
  const checks = {
    expectedState: client.randomState(),
    expectedNonce: client.randomNonce(),
    maxAge: parameters.max_age && Number(parameters.max_age),
    idTokenExpected: true,
  }
  const request = {
    redirect_uri: redirect_uris?.[0],
    scope: 'openid email',
    state: checks.expectedState,
    nonce: checks.expectedNonce,
  }
  if (type.includes('code')) {
    checks.pkceCodeVerifier = verifier
    request.code_challenge = await client.calculatePKCECodeChallenge(verifier)
    request.code_challenge_method = 'S256'
  }
  Object.assign(request, parameters)
  const answer = await visit(await address(config, request))
  if (type === 'id_token') {
    const claims = await client.implicitAuthentication(config, answer, checks.expectedNonce, checks)
    return { claims: () => claims }
  }
  return client.authorizationCodeGrant(config, answer, checks)
}

// byValue is the address with a request object in it, signed with the key, and
// encrypted if the client has registered that.
const byValue = (key) => async (config, request) => {
  const url = await client.buildAuthorizationUrlWithJAR(config, request, key)
  const { request_object_encryption_alg: alg, request_object_encryption_enc: enc } = config.clientMetadata()
  if (!alg) return url
  const { keys } = await (await fetch(config.serverMetadata().jwks_uri)).json()
  const object = await encrypted(url.searchParams.get('request'), keys, alg, enc)
  return client.buildAuthorizationUrl(config, { request: object })
}

// authenticate registers a client and signs a person in twice: by the pages, and
// then without a word. Every check that openid-client has passes, or it fails.
async function authenticate({ metadata = {}, parameters = {} }) {
  const { config, address } = await prepare(metadata)
  const tokens = await signIn(config, parameters, address)
  const again = await signIn(config, { ...parameters, max_age: '3600', prompt: 'none' }, address)
  const claims = tokens.claims()
  const person = tokens.access_token ? await client.fetchUserInfo(config, tokens.access_token, claims.sub) : claims
  return {
    sub: claims.sub,
    email: person.email,
    again: again.claims().sub,
    same_sign_in: claims.auth_time === again.claims().auth_time,
  }
}

// prepare makes the keys that the metadata ask for, registers the client and has
// it check all that it can.
async function prepare(metadata) {
  const signs = metadata.request_object_signing_alg
  const decrypts = [metadata.id_token_encrypted_response_alg, metadata.userinfo_encrypted_response_alg].filter(Boolean)
  const jar = signs && (await keyPair(signs))
  const keys = await Promise.all([...new Set(decrypts)].map(keyPair))
  const published = [...(jar ? [jar] : []), ...keys].map((key) => key.public)
  const config = await register({ ...(published.length && { jwks: { keys: published } }), ...metadata })
  if (keys.length) client.enableDecryptingResponses(config, undefined, ...keys)
  switch (metadata.response_types?.[0]) {
    case 'id_token':
      client.useIdTokenResponseType(config)
      break
    case 'code id_token':
      client.useCodeIdTokenResponseType(config)
      client.enableDetachedSignatureResponseChecks(config)
  }
  return { config, address: jar && byValue(jar) }
}

// pairwise signs the same person in at two clients of one site and one of another.
async function pairwise() {
  const subs = []
  for (const uri of ['https://one.example/callback', 'https://one.example/other', 'https://two.example/callback']) {
    const config = await register({ redirect_uris: [uri], subject_type: 'pairwise' })
    const tokens = await signIn(config, {})
    const { sub } = tokens.claims()
    await client.fetchUserInfo(config, tokens.access_token, sub) // which compares them
    const introspected = await client.tokenIntrospection(config, tokens.access_token)
    subs.push([sub, introspected.sub === sub])
  }
  return {
    same_site: subs[0][0] === subs[1][0], other_site: subs[0][0] === subs[2][0],
    introspected: subs.every(([, same]) => same), sub: subs[0][0],
  }
}

// published has the provider fetch all that it can from a client: keys, a request
// object, and the list of the sites that are one sector.
async function published() {
  const [signs, decrypts] = await Promise.all(['ES256', 'ECDH-ES'].map(keyPair))
  const documents = { '/keys': { keys: [signs.public, decrypts.public] } }
  const server = createServer((request, response) => {
    const document = documents[request.url]
    response.end(typeof document === 'string' ? document : JSON.stringify(document))
  })
  await new Promise((listens) => server.listen(0, '127.0.0.1', listens).unref())
  const site = `http://127.0.0.1:${server.address().port}`
  documents['/sector'] = ['https://one.example/callback', 'https://two.example/callback']
  const subs = []
  let person
  for (const uri of documents['/sector']) {
    const object = `${site}/request-${subs.length}` // a URI stands for one object, OpenID Connect Core §6.2
    const metadata = {
      redirect_uris: [uri], subject_type: 'pairwise', sector_identifier_uri: `${site}/sector`,
      jwks_uri: `${site}/keys`, token_endpoint_auth_method: 'private_key_jwt', request_uris: [object],
      request_object_signing_alg: 'ES256', id_token_encrypted_response_alg: 'ECDH-ES',
    }
    const config = await register(metadata, undefined, client.PrivateKeyJwt(signs))
    client.enableDecryptingResponses(config, undefined, decrypts)
    const byReference = async (config, request) => {
      const url = await client.buildAuthorizationUrlWithJAR(config, request, signs)
      documents[new URL(object).pathname] = url.searchParams.get('request')
      return client.buildAuthorizationUrl(config, { request_uri: object })
    }
    const tokens = await signIn(config, {}, byReference)
    subs.push(tokens.claims().sub)
    person = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub)
  }
  return { same_sector: subs[0] === subs[1], email: person.email }
}

// registration registers with an initial access token, and without.
async function registration({ initial_access_token, metadata }) {
  const refused = await refusal(register({}))
  const config = await register(metadata, initial_access_token)
  const tokens = await signIn(config, {})
  return { refused, name: config.clientMetadata().client_name, sub: tokens.claims().sub }
}

// signOut signs a person in and out again, and looks who is signed in then.
async function signOut({ metadata, hint = true }) {
  const uri = 'https://app.example/signed-out'
  const { config, address } = await prepare({ post_logout_redirect_uris: [uri], ...metadata })
  const tokens = await signIn(config, {}, address)
  const id_token = client.getDecryptedResponses(tokens)?.id_token.token_endpoint ?? tokens.id_token
  const parameters = { post_logout_redirect_uri: uri, state: client.randomState() }
  if (hint) parameters.id_token_hint = id_token
  const left = await visit(client.buildEndSessionUrl(config, parameters))
  return {
    left: left.origin + left.pathname,
    state: left.searchParams.get('state') === parameters.state,
    then: await refusal(signIn(config, { prompt: 'none' }, address)),
  }
}

await serve({ code, machine, authenticate, pairwise, published, registration, signOut })

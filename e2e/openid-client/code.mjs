// Signs a person in by the code flow with PKCE, state and nonce, and uses all
// that comes of it.
import * as client from 'openid-client'
import { discover, input, print, refusal, visit } from './session.mjs'

const config = await discover()
const verifier = client.randomPKCECodeVerifier()
const checks = {
  pkceCodeVerifier: verifier,
  expectedState: client.randomState(),
  expectedNonce: client.randomNonce(),
  idTokenExpected: true,
}
const parameters = {
  redirect_uri: input.redirect_uri,
  scope: 'openid profile email offline_access',
  state: checks.expectedState,
  nonce: checks.expectedNonce,
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
}
if (input.response_mode) parameters.response_mode = input.response_mode

const answer = await visit(client.buildAuthorizationUrl(config, parameters))
const tokens = await client.authorizationCodeGrant(config, answer, checks)
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
if (input.method !== 'none') {
  const active = await client.tokenIntrospection(config, refreshed.access_token)
  result.introspected = [active.active, active.sub, active.client_id]
}
await client.tokenRevocation(config, refreshed.refresh_token)
result.after_revocation = await refusal(client.refreshTokenGrant(config, refreshed.refresh_token))
if (input.method !== 'none') {
  result.introspected_after = (await client.tokenIntrospection(config, refreshed.access_token)).active
}
print({ result })

// Gets a token for the client itself and has it introspected.
import * as client from 'openid-client'
import { discover, input, print, refusal } from './session.mjs'

const config = await discover()
const tokens = await client.clientCredentialsGrant(config, { scope: input.scope, resource: input.resource })
const { active, sub, scope, aud } = await client.tokenIntrospection(config, tokens.access_token)
await client.tokenRevocation(config, tokens.access_token)
print({
  result: {
    active, sub, scope, aud,
    after_revocation: (await client.tokenIntrospection(config, tokens.access_token)).active,
    wrong_resource: await refusal(client.clientCredentialsGrant(config, { resource: 'https://other.example' })),
  },
})

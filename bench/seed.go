package main

import (
	"context"
	"strconv"

	"github.com/gatelodge/gatelodge/provider/account"
	"github.com/gatelodge/gatelodge/provider/client"
	"github.com/gatelodge/gatelodge/provider/secret"
	"github.com/gatelodge/gatelodge/storage"
)

// What the provider is seeded with. Each worker has a person of its own.
const (
	clientSecret = "a-client-secret-for-the-bench-0123456789abc"
	password     = "correct horse battery staple"
	redirectURI  = "https://app.example/callback"
	api          = "https://api.example"
	apiScope     = "notes.read"
	maxWorkers   = 64
)

func username(worker int) string { return "person" + strconv.Itoa(worker) + "@example.com" }

// seed registers an application for each algorithm of ID tokens, a machine, an API
// and the people.
func seed(ctx context.Context, store storage.Store, secrets *secret.Keys, hasher *account.Hasher) error {
	err := store.SaveResourceServer(ctx, storage.ResourceServer{Identifier: api, Name: "Notes", ClientID: "api"})
	if err != nil {
		return err
	}
	err = store.SaveScope(ctx, storage.Scope{Name: apiScope, Description: "Read your notes", ResourceServer: api})
	if err != nil {
		return err
	}
	for _, id := range []string{"RS256", "ES256", "machine", "api"} {
		c := storage.Client{
			ID: id, Metadata: metadata(id), SecretHash: client.HashSecret(secrets, id, clientSecret),
			CreatedAt: now(), UpdatedAt: now(),
		}
		if err := store.SaveClient(ctx, c); err != nil {
			return err
		}
	}
	return seedPeople(ctx, store, hasher)
}

func metadata(id string) storage.ClientMetadata {
	if id == "machine" || id == "api" {
		return storage.ClientMetadata{
			GrantTypes: []string{"client_credentials"}, Scope: apiScope,
			TokenEndpointAuthMethod: "client_secret_basic",
		}
	}
	return storage.ClientMetadata{
		ClientName: "Sample " + id, RedirectURIs: []string{redirectURI},
		GrantTypes: []string{"authorization_code", "refresh_token"}, ResponseTypes: []string{"code"},
		Scope:                    "openid profile email offline_access " + apiScope,
		TokenEndpointAuthMethod:  "client_secret_basic",
		IDTokenSignedResponseAlg: id,
	}
}

func seedPeople(ctx context.Context, store storage.Store, hasher *account.Hasher) error {
	hash, err := hasher.Hash(ctx, password)
	if err != nil {
		return err
	}
	for i := range maxWorkers {
		u := storage.User{
			ID: "person-" + strconv.Itoa(i), Identifiers: []string{username(i)}, PasswordHash: hash,
			Claims: storage.Claims{
				Name: "Alex Sample", GivenName: "Alex", FamilyName: "Sample", PreferredUsername: "alex",
				Email: username(i), EmailVerified: true,
			},
			CreatedAt: now(), UpdatedAt: now(),
		}
		if err := store.SaveUser(ctx, u); err != nil {
			return err
		}
	}
	return nil
}

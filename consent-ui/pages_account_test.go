package consentui

import (
	"maps"
	"time"
)

// accountExamples are the pages of the account, as empty and as full as they get.
func accountExamples() map[string]Page {
	at := time.Date(2026, 11, 24, 8, 30, 0, 0, time.UTC)
	mine := Mine{Person: Person{Name: "Ada Lovelace", Identifier: "ada@example.com"}, Account: "ada"}
	with := func(change func(*Mine)) Mine {
		m := mine
		change(&m)
		return m
	}
	problem := func(p Problem) Mine { return with(func(m *Mine) { m.Problem = p }) }
	done := func(d Done) Mine { return with(func(m *Mine) { m.Done = d }) }
	zones := []string{"Europe/Amsterdam", "UTC"}
	pages := map[string]Page{
		"account_overview_empty": AccountOverview{},
		"account_overview": AccountOverview{
			Mine: with(func(m *Mine) { m.Several = true }), Email: "ada@example.com", EmailVerified: true,
			HasPassword: true, Passkeys: 2, TOTP: true, RecoveryCodes: 8,
		},
		"account_overview_unverified": AccountOverview{Mine: mine, Email: "ada@example.com"},
		"account_profile_empty":       AccountProfile{},
		"account_profile": AccountProfile{
			Mine: done(DoneProfile), Name: "Ada Lovelace", GivenName: "Ada", FamilyName: "Lovelace", Nickname: "Ada",
			Zone: "UTC", Zones: zones,
		},
		"account_password_empty": AccountPassword{},
		"account_password":       AccountPassword{Mine: done(DonePassword), HasPassword: true, MayRemove: true, MinPassword: 8},
		"account_password_none":  AccountPassword{Mine: done(DonePasswordRemoved), MinPassword: 8},
		"account_sessions_empty": AccountSessions{},
		"account_sessions": AccountSessions{Mine: done(DoneSession), Sessions: []AccountSession{
			{ID: "1", Current: true, Device: Device{Browser: "Chrome", System: "Linux"}, Network: "192.0.2.1/32", SignedInAt: at, LastSeen: at},
			{ID: "2", Device: Device{Browser: "Safari"}, SignedInAt: at, LastSeen: at},
			{ID: "3", SignedInAt: at, LastSeen: at},
		}},
		"account_apps_empty": AccountApps{},
		"account_apps": AccountApps{Mine: done(DoneApp), Apps: []AccountConnection{
			{
				ID: "notes", Client: Client{Name: "Acme Notes"}, Since: at, LastUsed: at,
				Scopes: []Scope{{Name: "openid"}, {Name: "notes:read", Description: "Read your notes"}, {Name: "notes:write"}},
			},
			{ID: "mail", Client: Client{Name: "Acme Mail"}, Since: at, LastUsed: at},
		}},
		"account_activity_empty": AccountActivity{},
		"account_activity": AccountActivity{
			Mine: mine, Older: "/account/activity?before=2026", Later: true, Events: []AccountEvent{
				{Event: "signed_in", Device: Device{Browser: "Chrome", System: "Linux"}, Network: "192.0.2.1/32", At: at},
				{Event: "app_allowed", App: "Acme Notes", At: at},
				{Event: "app_allowed", At: at},
				{Event: "of another version", At: at},
			},
		},
		"account_preferences_empty":       AccountPreferences{},
		"account_preferences":             AccountPreferences{Mine: done(DonePreferences), Language: "en", Theme: "dark"},
		"account_preferences_unavailable": AccountPreferences{Mine: problem(ProblemUnavailable), Theme: "light"},
		"account_data_empty":              AccountData{},
		"account_data":                    AccountData{Mine: mine},
		"account_data_unavailable":        AccountData{Mine: problem(ProblemUnavailable)},
		"account_delete":                  AccountDelete{Mine: mine, At: at},
		"account_delete_unavailable":      AccountDelete{Mine: problem(ProblemUnavailable), At: at},
		"keep_account": KeepAccount{
			Step:   Step{Client: Client{Name: "Acme Notes"}, Request: "sealed", RedirectURI: "https://app.acme.example/callback"},
			Person: mine.Person, At: at,
		},
		"account_deleting":        AccountDeleting{At: at},
		"account_sessions_others": AccountSessions{Mine: done(DoneSessions)},
	}
	passkey := AccountPasskey{ID: "cGs", Name: "Phone", Maker: "1Password", Synced: true, CreatedAt: at, LastUsedAt: at}
	more := map[string]Page{
		"account_email_empty":      AccountEmail{},
		"account_email":            AccountEmail{Mine: done(DoneEmail), Email: "ada@example.com", Verified: true, Mail: true},
		"account_email_unverified": AccountEmail{Mine: mine, Email: "ada@example.com", Mail: true},
		"account_email_none":       AccountEmail{Mine: mine, Mail: true},
		"account_email_bad":        AccountEmail{Mine: problem(ProblemEmail), Entered: "ada@", Mail: true},
		"account_email_too_many":   AccountEmail{Mine: problem(ProblemTooMany), Entered: "ada@example.com", Mail: true},
		"account_email_unavailable": AccountEmail{
			Mine: problem(ProblemUnavailable), Email: "ada@example.com", Entered: "ada@example.org", Mail: true,
		},
		"account_email_wait":             AccountEmailWait{Mine: mine, Email: "ada@example.org", Carried: "sealed"},
		"account_email_wait_code":        AccountEmailWait{Mine: problem(ProblemCode), Email: "ada@example.org"},
		"account_email_wait_gone":        AccountEmailWait{Mine: problem(ProblemGone), Email: "ada@example.org"},
		"account_email_wait_too_many":    AccountEmailWait{Mine: problem(ProblemTooMany), Email: "ada@example.org"},
		"account_email_wait_unavailable": AccountEmailWait{Mine: problem(ProblemUnavailable), Email: "ada@example.org"},
		"account_security_empty":         AccountSecurity{},
		"account_security": AccountSecurity{
			Mine: done(DonePasskeyAdded), HasPassword: true, Carried: "sealed", AppSince: at, RecoveryCodes: 8,
			Add:      &Passkey{Options: `{"challenge":"AAAA","excludeCredentials":[]}`},
			Passkeys: []AccountPasskey{passkey, {ID: "cGsy", Name: "Key", CreatedAt: at}},
		},
		"account_passkey":             AccountOnePasskey{Mine: mine, Passkey: passkey},
		"account_passkey_bare":        AccountOnePasskey{Mine: mine, Passkey: AccountPasskey{ID: "cGs", Name: "Key", CreatedAt: at}},
		"account_passkey_name":        AccountOnePasskey{Mine: problem(ProblemName), Passkey: passkey},
		"account_passkey_unavailable": AccountOnePasskey{Mine: problem(ProblemUnavailable), Passkey: AccountPasskey{ID: "cGs", Name: "Key"}},
		"account_app":                 AccountApp{Mine: mine, App: *app(), Carried: "sealed"},
		"account_app_code":            AccountApp{Mine: problem(ProblemCode), App: *app(), Carried: "sealed"},
		"account_app_unavailable":     AccountApp{Mine: problem(ProblemUnavailable), App: *app(), Carried: "sealed"},
		"account_codes":               AccountCodes{Mine: done(DoneAppAdded), Codes: []string{"ABCD-EFGH-JKMN-PQRS", "0123-4567-89AB-CDEF"}},
	}
	for _, d := range []Done{DonePasskeyRenamed, DonePasskeyRemoved, DoneAppAdded, DoneAppRemoved} {
		more["account_security_"+string(d)] = AccountSecurity{Mine: done(d)}
	}
	for _, p := range []Problem{ProblemPasskey, ProblemOnlyWay, ProblemRequired, ProblemUnavailable} {
		more["account_security_"+string(p)] = AccountSecurity{Mine: problem(p)}
	}
	maps.Copy(pages, more)
	for _, p := range []Problem{
		ProblemName, ProblemGivenName, ProblemFamilyName, ProblemNickname, ProblemZone, ProblemUnavailable,
	} {
		pages["account_profile_"+string(p)] = AccountProfile{Mine: problem(p), Name: "Ada Lovelace", Zones: zones}
	}
	for _, p := range []Problem{ProblemCurrent, ProblemPassword, ProblemPasswordShort, ProblemPasswordCommon, ProblemPasswordPersonal, ProblemPasswordSimple, ProblemOnlyWay, ProblemUnavailable} {
		pages["account_password_"+string(p)] = AccountPassword{Mine: problem(p), HasPassword: true, MinPassword: 8}
	}
	return pages
}

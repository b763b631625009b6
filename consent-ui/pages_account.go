package consentui

import "time"

// Mine is what the pages have in common on which people look after their account.
// Their forms come back with "account": whose page it was, since several people can
// be signed in in one browser.
type Mine struct {
	Person Person
	// Account names the person to us.
	Account string
	// Several: other people are signed in in this browser too.
	Several bool
	// Done is what the person has just done.
	Done Done
	// Problem is why the page is shown again.
	Problem Problem
}

// Done is something that a person has just done to their account.
type Done string

// What can have been done.
const (
	DoneProfile         Done = "profile"
	DonePassword        Done = "password"
	DonePasswordRemoved Done = "password_removed"
	DoneSession         Done = "session"
	DoneSessions        Done = "sessions"
	DoneApp             Done = "app"
	DonePreferences     Done = "preferences"
	DoneEmail           Done = "email"
	DonePasskeyAdded    Done = "passkey_added"
	DonePasskeyRenamed  Done = "passkey_renamed"
	DonePasskeyRemoved  Done = "passkey_removed"
	DoneAppAdded        Done = "app_added" // an authenticator app
	DoneAppRemoved      Done = "app_removed"
)

// The problems of these pages, beside those of the sign-up page.
const (
	ProblemGivenName  Problem = "given_name"
	ProblemFamilyName Problem = "family_name"
	ProblemNickname   Problem = "nickname"
	ProblemZone       Problem = "zone"
	ProblemCurrent    Problem = "current"  // the current password is wrong
	ProblemRequired   Problem = "required" // the last second factor, and one is needed
	ProblemTooMany    Problem = "too_many" // mails were asked for
	ProblemOnlyWay    Problem = "only_way" // it is the one way to sign in that is left
)

// AccountOverview is the first of the pages: what there is, and where it is changed.
type AccountOverview struct {
	Mine
	Email         string
	EmailVerified bool
	HasPassword   bool
	Passkeys      int
	TOTP          bool
	RecoveryCodes int
}

// AccountProfile asks for what applications may be told of the person.
type AccountProfile struct {
	Mine
	Name, GivenName, FamilyName, Nickname string
	// Zone is the name of a time zone, one of Zones.
	Zone  string
	Zones []string
}

// AccountPassword asks for a new password, and for the current one if there is one.
type AccountPassword struct {
	Mine
	HasPassword bool
	// MayRemove: there is another way to sign in.
	MayRemove bool
	// MinPassword is how many characters a password has at least.
	MinPassword int
}

// AccountEmail shows the address, and asks for another one.
type AccountEmail struct {
	Mine
	Email    string
	Verified bool
	// Entered fills in the field.
	Entered string
	// Mail: there is mail, without which no address can be proved.
	Mail bool
}

// AccountEmailWait waits for the code in the mail that proves an address.
type AccountEmailWait struct {
	Mine
	Email string
	// Carried is sealed, and comes back.
	Carried string
}

// AccountSecurity lists what the person signs in with.
type AccountSecurity struct {
	Mine
	HasPassword bool
	Passkeys    []AccountPasskey
	// Add adds a passkey; nil if there can be none. Carried comes back with it.
	Add     *Passkey
	Carried string
	// AppSince is when the authenticator app was added, zero without one.
	AppSince      time.Time
	RecoveryCodes int
}

// AccountPasskey is one of the person's passkeys.
type AccountPasskey struct {
	// ID comes back when it is changed.
	ID, Name string
	// Maker is what has made it, "" if that is not known.
	Maker string
	// Synced: it is on other devices of the person's too.
	Synced                bool
	CreatedAt, LastUsedAt time.Time
}

// AccountOnePasskey asks for another name for a passkey, or takes it away.
type AccountOnePasskey struct {
	Mine
	Passkey AccountPasskey
}

// AccountApp shows an authenticator app to add, and asks for a code of it.
type AccountApp struct {
	Mine
	App App
	// Carried is sealed, and comes back.
	Carried string
}

// AccountCodes shows recovery codes, once.
type AccountCodes struct {
	Mine
	Codes []string
}

// AccountSessions lists where the person is signed in.
type AccountSessions struct {
	Mine
	Sessions []AccountSession
}

// AccountSession is a browser in which the person is signed in.
type AccountSession struct {
	// ID comes back when it is to be ended.
	ID string
	// Current: it is this browser.
	Current bool
	Device  Device
	// Network is where the person signed in from.
	Network              string
	SignedInAt, LastSeen time.Time
}

// AccountApps lists the applications that the person has signed in to.
type AccountApps struct {
	Mine
	Apps []AccountConnection
}

// AccountConnection is one of them.
type AccountConnection struct {
	// ID comes back when it is to be disconnected.
	ID     string
	Client Client
	Scopes []Scope
	// Since is when it began, LastUsed the latest sign-in.
	Since, LastUsed time.Time
}

// AccountActivity lists what has happened to the account, the latest first.
type AccountActivity struct {
	Mine
	Events []AccountEvent
	// Older is the address of the page with what happened before, "" if there is
	// none, and Later whether this is such a page.
	Older string
	Later bool
}

// AccountEvent is something that has happened.
type AccountEvent struct {
	// Event is one of the names that provider/account has.
	Event string
	// App is the application that it happened for, "" if for none.
	App     string
	Device  Device
	Network string
	At      time.Time
}

// AccountPreferences asks how the person wants our pages.
type AccountPreferences struct {
	Mine
	// Language is a BCP 47 tag, "" to go by the browser, and Theme "light", "dark" or
	// "", which goes by the device.
	Language, Theme string
}

// AccountData offers what we know of the person, and the end of the account.
type AccountData struct {
	Mine
}

// AccountDelete asks whether the account is to be deleted, and says what that means.
type AccountDelete struct {
	Mine
	// At is when it would be gone.
	At time.Time
}

// KeepAccount asks whoever has signed in to an account that is about to be deleted
// whether they want to keep it.
type KeepAccount struct {
	Step
	Person Person
	// At is when it would be gone.
	At time.Time
}

// AccountDeleting says that the account is going to be deleted. Nobody is signed in
// any more.
type AccountDeleting struct {
	// At is when it will be gone.
	At time.Time
}

// accountPages are the pages of this file.
func accountPages() []Page {
	return []Page{
		AccountOverview{},
		AccountProfile{},
		AccountPassword{},
		AccountEmail{},
		AccountEmailWait{},
		AccountSecurity{},
		AccountOnePasskey{},
		AccountApp{},
		AccountCodes{},
		AccountSessions{},
		AccountApps{},
		AccountActivity{},
		AccountPreferences{},
		AccountData{},
		AccountDelete{},
		AccountDeleting{},
		KeepAccount{},
	}
}

// The sections are what the navigation of the pages has.
const (
	sectionOverview    = "overview"
	sectionProfile     = "profile"
	sectionSecurity    = "security"
	sectionSessions    = "sessions"
	sectionApps        = "apps"
	sectionActivity    = "activity"
	sectionPreferences = "preferences"
	sectionData        = "data"
)

func (Mine) leadsTo() string            { return "" }
func (AccountDeleting) leadsTo() string { return "" }

func (AccountOverview) template() string    { return "account_overview.html" }
func (AccountProfile) template() string     { return "account_profile.html" }
func (AccountPassword) template() string    { return "account_password.html" }
func (AccountEmail) template() string       { return "account_email.html" }
func (AccountEmailWait) template() string   { return "account_email_wait.html" }
func (AccountSecurity) template() string    { return "account_security.html" }
func (AccountOnePasskey) template() string  { return "account_passkey.html" }
func (AccountApp) template() string         { return "account_app.html" }
func (AccountCodes) template() string       { return "account_codes.html" }
func (AccountSessions) template() string    { return "account_sessions.html" }
func (AccountApps) template() string        { return "account_apps.html" }
func (AccountActivity) template() string    { return "account_activity.html" }
func (AccountPreferences) template() string { return "account_preferences.html" }
func (AccountData) template() string        { return "account_data.html" }
func (AccountDelete) template() string      { return "account_delete.html" }
func (KeepAccount) template() string        { return "keep_account.html" }
func (AccountDeleting) template() string    { return "account_deleting.html" }

// Section is the one of the navigation that the page belongs to.
func (AccountOverview) Section() string { return sectionOverview }

// Section is the one of the navigation that the page belongs to.
func (AccountProfile) Section() string { return sectionProfile }

// Section is the one of the navigation that the page belongs to.
func (AccountPassword) Section() string { return sectionSecurity }

// Section is the one of the navigation that the page belongs to.
func (AccountEmail) Section() string { return sectionProfile }

// Section is the one of the navigation that the page belongs to.
func (AccountEmailWait) Section() string { return sectionProfile }

// Section is the one of the navigation that the page belongs to.
func (AccountSecurity) Section() string { return sectionSecurity }

// Section is the one of the navigation that the page belongs to.
func (AccountOnePasskey) Section() string { return sectionSecurity }

// Section is the one of the navigation that the page belongs to.
func (AccountApp) Section() string { return sectionSecurity }

// Section is the one of the navigation that the page belongs to.
func (AccountCodes) Section() string { return sectionSecurity }

// Section is the one of the navigation that the page belongs to.
func (AccountSessions) Section() string { return sectionSessions }

// Section is the one of the navigation that the page belongs to.
func (AccountApps) Section() string { return sectionApps }

// Section is the one of the navigation that the page belongs to.
func (AccountActivity) Section() string { return sectionActivity }

// Section is the one of the navigation that the page belongs to.
func (AccountPreferences) Section() string { return sectionPreferences }

// Section is the one of the navigation that the page belongs to.
func (AccountData) Section() string { return sectionData }

// Section is the one of the navigation that the page belongs to.
func (AccountDelete) Section() string { return sectionData }

// Others: the person is signed in elsewhere too.
func (p AccountSessions) Others() bool { return len(p.Sessions) > 1 }

// eventTexts are the keys of the texts for what can happen to an account.
func eventTexts() map[string]string {
	return map[string]string{
		"signed_up":            "event.signedUp",
		"signed_in":            "event.signedIn",
		"signed_in_new_device": "event.signedInNewDevice",
		"session_ended":        "event.sessionEnded",
		"password_changed":     "event.passwordChanged",
		"password_reset":       "event.passwordReset",
		"email_verified":       "event.emailVerified",
		"email_changed":        "event.emailChanged",
		"profile_changed":      "event.profileChanged",
		"totp_added":           "event.totpAdded",
		"totp_removed":         "event.totpRemoved",
		"passkey_added":        "event.passkeyAdded",
		"passkey_removed":      "event.passkeyRemoved",
		"recovery_codes_made":  "event.recoveryCodesMade",
		"recovery_code_used":   "event.recoveryCodeUsed",
		"app_allowed":          "event.appAllowed",
		"app_disconnected":     "event.appDisconnected",
		"deletion_requested":   "event.deletionRequested",
		"deletion_cancelled":   "event.deletionCancelled",
		"data_downloaded":      "event.dataDownloaded",
	}
}

// event says what has happened: by its name, if that is from another version.
func (t *Texts) event(e AccountEvent) (string, error) {
	key, ok := eventTexts()[e.Event]
	if !ok {
		return e.Event, nil
	}
	app, err := t.appName(Client{Name: e.App})
	if err != nil {
		return "", err
	}
	return t.Text(key, "app", app)
}

package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v3"

	"github.com/gatelodge/gatelodge/internal/strictyaml"
)

const testSecret = "0123456789abcdef0123456789abcdef"

// write writes a configuration file and returns its path.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// faultsOf loads the settings and returns what is wrong with them.
func faultsOf(t *testing.T, mode Mode, file string, environ ...string) []string {
	t.Helper()
	path := write(t, file)
	_, err := load(path, mode, environ)
	if err == nil {
		return nil
	}
	var faults []string
	for _, fault := range err.(Error) { //nolint:errorlint,errcheck // load promises the type
		faults = append(faults, strings.ReplaceAll(fault, path, "config.yaml"))
	}
	return faults
}

func TestAnnotatedFileShowsTheDefaults(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var got Config
	lines, faults := strictyaml.Decode(data, &got)
	if diff := cmp.Diff(Default(), &got, cmpopts.IgnoreUnexported(Config{}), cmpopts.EquateComparable()); diff != "" || faults != nil {
		t.Errorf("faults %v, settings (-Default +config.yaml):\n%s", faults, diff)
	}
	eachSetting("", reflect.ValueOf(&got).Elem(), func(key string, _ reflect.Value) {
		if lines[key] == 0 {
			t.Errorf("config.yaml does not show %s", key)
		}
	})
}

func TestEnvironmentOverridesTheFile(t *testing.T) {
	t.Parallel()
	path := write(t, "issuer: https://file.example\nhttp: {addr: ':1'}\nlog: {format: text}\n")
	secretFile := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secretFile, []byte(testSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := load(path, Serve, []string{
		"GATELODGE_ISSUER=https://env.example",
		"GATELODGE_HTTP_TRUSTED_PROXIES=10.0.0.0/8, fd00::/8",
		"GATELODGE_SECRET_FILE=" + secretFile,
		"GATELODGE_LOG_LEVEL=warn",
		"DATABASE_URL=postgres://u:p@db/gatelodge",
		"PORT=3000",
		"GATELODGE_SERVICE_HOST=10.1.1.1", "GATELODGE_PORT=tcp://10.1.1.1:80", // Kubernetes
	})
	if err != nil {
		t.Fatal(err)
	}
	got := []string{
		c.Issuer, c.HTTP.Addr, fmt.Sprint(c.HTTP.TrustedProxies), string(c.Secret),
		c.Log.Format, c.Log.Level.String(), string(c.Database.URL),
	}
	want := []string{
		"https://env.example", ":3000", "[10.0.0.0/8 fd00::/8]", testSecret,
		"text", "WARN", "postgres://u:p@db/gatelodge",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

func TestOwnVariableWinsOverThePlatforms(t *testing.T) {
	t.Parallel()
	c, err := load(write(t, ""), Admin, []string{
		"PORT=3000", "GATELODGE_HTTP_ADDR=127.0.0.1:4000",
		"DATABASE_URL=postgres://u@platform/db", "GATELODGE_DATABASE_URL=postgres://u@own/db",
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.HTTP.Addr != "127.0.0.1:4000" || c.Database.URL != "postgres://u@own/db" {
		t.Errorf("http.addr = %q, database.url = %q", c.HTTP.Addr, string(c.Database.URL))
	}
}

func TestServeRefusesDevelopmentDefaults(t *testing.T) {
	t.Parallel()
	want := []string{
		"issuer: is missing, set GATELODGE_ISSUER to the URL that browsers reach the provider at, such as https://login.example.com",
		"secret: is missing, set GATELODGE_SECRET to at least 32 random bytes, such as the output of: openssl rand -base64 32",
	}
	if diff := cmp.Diff(want, faultsOf(t, Serve, "")); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

func TestAllFaultsAreReportedAtOnce(t *testing.T) {
	t.Parallel()
	got := faultsOf(t, Serve, `issuer: http://login.example.com
htpt: {}
http:
  addr: "8080"
  trusted_proxies: [everyone]
ops: {addr: ":0"}
database: {url: "mysql://root:hunter2@db/x", direct_url: hunter2}
lifetimes: {code: 20m, access_token: 0s, refresh_token: 9999h, session: long}
refresh: {grace: -1s}
keys: {algorithms: [RS256, HS256], rotate_every: 1h}
password: {memory_kib: 4, time: 0, threads: 1, concurrency: -1}
accounts: {min_password: 7}
log: {format: xml}
`, "GATELODGE_SECRET=hunter2", "GATELODGE_PREVIOUS_SECRETS=hunter2", "GATELODGE_LOG_LEVEL=loud", "GATELODGE_ISUER=x")
	want := []string{
		`config.yaml: line 2: htpt: unknown key, did you mean "http"?`,
		`config.yaml: line 5: http.trusted_proxies[0]: must be a network such as "10.0.0.0/8", is "everyone"`,
		`config.yaml: line 8: lifetimes.session: must be a duration such as "90s", "10m" or "720h", is "long"`,
		`GATELODGE_LOG_LEVEL: must be debug, info, warn or error, is "loud"`,
		`GATELODGE_ISUER: unknown variable, did you mean GATELODGE_ISSUER?`,
		`issuer: must be https, http is for localhost only, is "http://login.example.com" (config.yaml:1)`,
		`secret: must have at least 32 bytes, has 7 (GATELODGE_SECRET)`,
		`previous_secrets: number 1 must have at least 32 bytes, has 7 (GATELODGE_PREVIOUS_SECRETS)`,
		`http.addr: must be host:port, such as "localhost:8080", or ":8080" for all interfaces, is "8080" (config.yaml:4)`,
		`ops.addr: must be host:port, such as "localhost:8080", or ":8080" for all interfaces, is ":0" (config.yaml:6)`,
		`database.url: must be postgres://user:password@host/database (config.yaml:7)`,
		`database.direct_url: must be postgres://user:password@host/database (config.yaml:7)`,
		`lifetimes.access_token: must be at least 1s, is 0s (config.yaml:8)`,
		`lifetimes.code: must be at most 10m, is 20m0s (config.yaml:8)`,
		`lifetimes.refresh_token: must not be longer than lifetimes.grant, 2160h0m0s, is 9999h0m0s (config.yaml:8)`,
		`refresh.grace: must be between 0s and 10m, is -1s (config.yaml:9)`,
		`keys.algorithms: must be of RS256, PS256, ES256, EdDSA, has "HS256" (config.yaml:10)`,
		`keys.algorithms: must have RS256 and ES256, is [RS256 HS256] (config.yaml:10)`,
		`keys.rotate_every: must be at least 24h, is 1h0m0s (config.yaml:10)`,
		`password.time: must be at least 1, is 0 (config.yaml:11)`,
		`password.memory_kib: must be at least 8 for each of password.threads, is 4 (config.yaml:11)`,
		`password.concurrency: must not be negative, is -1 (config.yaml:11)`,
		`accounts.min_password: must be 8 to 64, is 7 (config.yaml:12)`,
		`log.format: must be json or text, is "xml" (config.yaml:13)`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	if strings.Contains(strings.Join(got, "\n"), "hunter2") {
		t.Error("a secret is shown")
	}
}

func TestIssuerIsWrittenInOneWay(t *testing.T) {
	t.Parallel()
	for issuer, right := range map[string]bool{
		"https://login.example.com":      true,
		"https://login.example.com:8443": true,
		"http://localhost:8080":          true,
		"http://127.0.0.1:8080":          true,
		"http://[::1]:8080":              true,
		"http://10.0.0.1":                false,
		"http://localhost.example.com":   false,
		"https://login.example.com/":     false,
		"https://login.example.com/idp":  false,
		"https://Login.example.com":      false,
		"HTTPS://login.example.com":      false,
		"https://u:p@login.example.com":  false,
		"https://login.example.com?a=b":  false,
		"https://login.example.com#":     false,
		"https://":                       false,
		"login.example.com":              false,
		"ftp://login.example.com":        false,
	} {
		faults := faultsOf(t, Serve, "", "GATELODGE_SECRET="+testSecret, "GATELODGE_ISSUER="+issuer)
		if (faults == nil) != right {
			t.Errorf("%s: faults = %q", issuer, faults)
		}
	}
}

func TestDevMakesUpWhatIsMissing(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "data", "gatelodge.db")
	file := write(t, "")
	environ := []string{"GATELODGE_DATABASE_PATH=" + database, "PORT=3000"}
	first, err := load(file, Dev, environ)
	if err != nil {
		t.Fatal(err)
	}
	if first.Issuer != "http://localhost:3000" || first.HTTP.Addr != "localhost:3000" || first.Log.Format != "text" {
		t.Errorf("issuer %q, http.addr %q, log.format %q", first.Issuer, first.HTTP.Addr, first.Log.Format)
	}
	info, err := os.Stat(filepath.Join(filepath.Dir(database), "dev-secret"))
	if err != nil || info.Mode() != 0o600 || len(first.Secret) < 32 {
		t.Errorf("dev-secret: %v, %v, %d bytes", info, err, len(first.Secret))
	}
	for _, mode := range []Mode{Dev, Admin} {
		again, err := load(file, mode, environ)
		if err != nil || again.Secret != first.Secret {
			t.Errorf("mode %d: the second run has another secret, or %v", mode, err)
		}
	}
	if faults := faultsOf(t, Serve, "", environ...); len(faults) != 2 {
		t.Errorf("serve takes the development secret: faults = %q", faults)
	}
}

func TestAdminMakesNoSecret(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "gatelodge.db")
	c, err := load(write(t, ""), Admin, []string{"GATELODGE_DATABASE_PATH=" + database})
	if err != nil || c.Secret != "" {
		t.Errorf("secret of %d bytes, %v", len(c.Secret), err)
	}
}

func TestSecretIsGivenOnce(t *testing.T) {
	t.Parallel()
	got := faultsOf(t, Admin, "", "GATELODGE_SECRET="+testSecret, "GATELODGE_SECRET_FILE=/nonexistent")
	want := []string{"GATELODGE_SECRET_FILE: the setting is also given by GATELODGE_SECRET, unset one of them"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

func TestNamedFileMustExist(t *testing.T) {
	t.Parallel()
	_, err := load(filepath.Join(t.TempDir(), "gone.yaml"), Admin, nil)
	if err == nil || !strings.Contains(err.Error(), "gone.yaml") {
		t.Errorf("err = %v", err)
	}
}

func TestSecretIsNeverShown(t *testing.T) {
	t.Parallel()
	c := Default()
	c.Secret, c.Database.URL, c.PreviousSecrets = "hunter2", "postgres://u:hunter2@db/x", []Secret{"hunter2"}
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var logged strings.Builder
	slog.New(slog.NewJSONHandler(&logged, nil)).InfoContext(t.Context(), "settings", slog.Any("secret", c.Secret), slog.Any("all", c))
	shown := fmt.Sprintf("%v %+v %#v %s %q %x", *c, *c, *c, c.Secret, c.Secret, c.Secret) +
		string(asJSON) + string(asYAML) + logged.String()
	if strings.Contains(shown, "hunter2") || strings.Contains(shown, fmt.Sprintf("%x", "hunter2")) {
		t.Errorf("a secret is shown:\n%s", shown)
	}
}

// Mails leave by TLS or not at all, and the address that they are from is one.
func TestMailServerIsNamedWithAnAddress(t *testing.T) {
	t.Parallel()
	const (
		badURL   = "mail.url: must be smtp://user:password@host or smtps://user:password@host, with a :port if it is not 587 or 465"
		noSender = "mail.from: goes with mail.url: name the address that mails are from"
	)
	for _, c := range []struct{ url, from, want string }{
		{"", "", ""},
		{"smtps://u:hunter2@mail.example", "Gatelodge <login@id.example>", ""},
		{"smtp://mail.example:2525/", "login@id.example", ""},
		{"smtp://u%40mail.example:hunter2@mail.example", "Zoë <login@id.example>", ""},
		{"smtp://[::1]:1025", "login@id.example", ""},
		{"smtps://mail.example", "", noSender},
		{"smtps://mail.example", "login", `mail.from: must be an address, such as "Gatelodge <login@example.com>", is "login"`},
		{"http://u:hunter2@mail.example", "login@id.example", badURL},
		{"smtp://", "login@id.example", badURL},
		{"mail.example:25", "login@id.example", badURL},
		{"smtp://mail.example:0", "login@id.example", badURL},
		{"smtp://mail.example/inbox", "login@id.example", badURL},
		{"smtp://mail.example?tls=no", "login@id.example", badURL},
		{"smtp://u:hunter%2@mail.example", "login@id.example", badURL},
	} {
		got := strings.Join(faultsOf(t, Admin, "", "GATELODGE_MAIL_URL="+c.url, "GATELODGE_MAIL_FROM="+c.from), "\n")
		got = strings.NewReplacer(" (GATELODGE_MAIL_URL)", "", " (GATELODGE_MAIL_FROM)", "").Replace(got)
		if got != c.want {
			t.Errorf("mail.url %q, mail.from %q: %q, want %q", c.url, c.from, got, c.want)
		}
	}
}

// Whoever signs up proves that the address is theirs.
func TestSignUpNeedsMail(t *testing.T) {
	t.Parallel()
	signUp := []string{
		"GATELODGE_SECRET=" + testSecret, "GATELODGE_ISSUER=https://id.example", "GATELODGE_ACCOUNTS_SIGN_UP=true",
		"GATELODGE_DATABASE_PATH=" + filepath.Join(t.TempDir(), "gatelodge.db"),
	}
	want := []string{
		"accounts.sign_up: needs mail, by which people prove that their address is theirs: set mail.url," +
			" in the environment GATELODGE_MAIL_URL (GATELODGE_ACCOUNTS_SIGN_UP)",
	}
	if diff := cmp.Diff(want, faultsOf(t, Serve, "", signUp...)); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	withMail := append(signUp, "GATELODGE_MAIL_URL=smtps://mail.example", "GATELODGE_MAIL_FROM=login@id.example")
	if faults := faultsOf(t, Serve, "", withMail...); faults != nil {
		t.Errorf("with mail: %q", faults)
	}
	if faults := faultsOf(t, Dev, "", "GATELODGE_ACCOUNTS_SIGN_UP=true", signUp[3]); faults != nil {
		t.Errorf("under dev: %q", faults)
	}
}

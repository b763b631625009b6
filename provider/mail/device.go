package mail

import (
	"slices"
	"strings"

	"github.com/mileusna/useragent"

	consentui "github.com/gatelodge/gatelodge/consent-ui"
)

// Device names the browser and the system in a User-Agent header as people know
// them. What it does not know it leaves out: anybody writes into that header what
// they like, and has us mail it to others.
func Device(userAgent string) consentui.Device {
	ua := useragent.Parse(userAgent)
	return consentui.Device{Browser: known(ua.Name, browsers()), System: known(ua.OS, systems())}
}

func known(name string, names []string) string {
	if slices.Contains(names, name) {
		return name
	}
	return ""
}

func browsers() []string {
	return []string{
		useragent.Chrome, useragent.Edge, useragent.Firefox, useragent.HeadlessChrome, useragent.InternetExplorer,
		useragent.Opera, useragent.OperaMini, useragent.OperaTouch, useragent.Safari, useragent.SamsungBrowser,
		useragent.Vivaldi,
	}
}

func systems() []string {
	return []string{
		useragent.Android, useragent.ChromeOS, useragent.FreeBSD, useragent.IOS, useragent.Linux, useragent.MacOS,
		useragent.Windows,
	}
}

// Place is a network as people know it: a single address is not called a range.
func Place(network string) string {
	return strings.TrimSuffix(strings.TrimSuffix(network, "/32"), "/128")
}

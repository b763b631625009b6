package consentui

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/feature/plural"
)

// formats is how a language writes dates and numbers. Nothing is known of where
// somebody is: times are in UTC and say so.
type formats struct {
	Months []string `json:"months"`
	// Date has {day}, {month} and {year}; DateTime has {date} and {time}.
	Date     string `json:"date"`
	DateTime string `json:"dateTime"`
	// Group separates thousands.
	Group string `json:"group"`
}

// Date writes the day, such as 24 November 2026.
func (t *Texts) Date(at time.Time) string {
	at = at.UTC()
	return strings.NewReplacer(
		"{day}", strconv.Itoa(at.Day()),
		"{month}", t.formats.Months[at.Month()-1],
		"{year}", strconv.Itoa(at.Year()),
	).Replace(t.formats.Date)
}

// DateTime writes the day and the minute, such as 24 November 2026, 16:30 UTC.
func (t *Texts) DateTime(at time.Time) string {
	return strings.NewReplacer(
		"{date}", t.Date(at),
		"{time}", at.UTC().Format("15:04")+"\u00a0UTC",
	).Replace(t.formats.DateTime)
}

// Number writes a number.
func (t *Texts) Number(n int) string {
	digits := strconv.Itoa(n)
	from := 0
	if n < 0 {
		from = 1
	}
	for i := len(digits) - 3; i > from; i -= 3 {
		digits = digits[:i] + t.formats.Group + digits[i:]
	}
	return digits
}

// Count is [Texts.Text] for a text with a number in it, {n}, in the plural that the
// language has for it.
func (t *Texts) Count(key string, n int, pairs ...string) (string, error) {
	pairs = append([]string{"n", t.Number(n)}, pairs...)
	form := key + "#" + pluralForm(plural.Cardinal.MatchPlural(t.tag, n, 0, 0, 0, 0))
	if _, ok := t.texts[form]; !ok {
		form = key + "#other"
	}
	return t.Text(form, pairs...)
}

func pluralForm(form plural.Form) string {
	switch form {
	case plural.Zero:
		return "zero"
	case plural.One:
		return "one"
	case plural.Two:
		return "two"
	case plural.Few:
		return "few"
	case plural.Many:
		return "many"
	default:
		return "other"
	}
}

// Ago writes how long ago something was, such as 5 minutes ago; what is longer ago
// than a month by its date.
func (t *Texts) Ago(at, now time.Time) (string, error) {
	const day = 24 * time.Hour
	switch passed := now.Sub(at); {
	case passed < time.Minute:
		return t.Text("time.now")
	case passed < time.Hour:
		return t.Count("time.minutes", int(passed.Minutes()))
	case passed < day:
		return t.Count("time.hours", int(passed.Hours()))
	case passed < 30*day:
		return t.Count("time.days", int(passed/day))
	default:
		return t.Date(at), nil
	}
}

// Span writes how long something lasts, in minutes, hours or days, whichever it is a
// whole number of.
func (t *Texts) Span(d time.Duration) (string, error) {
	const day = 24 * time.Hour
	switch {
	case d >= 2*day && d%day == 0:
		return t.Count("span.days", int(d/day))
	case d >= time.Hour && d%time.Hour == 0:
		return t.Count("span.hours", int(d/time.Hour))
	default:
		return t.Count("span.minutes", int(d/time.Minute))
	}
}

// element is a time for machines too. A script shows local ones in the zone of the
// device.
func element(at time.Time, text, attribute string) template.HTML {
	return template.HTML(fmt.Sprintf(`<time datetime="%s"%s>%s</time>`, //nolint:gosec // all parts are ours or escaped
		at.UTC().Format(time.RFC3339), attribute, template.HTMLEscapeString(text)))
}

func (t *Texts) dateElement(at time.Time) template.HTML {
	return element(at, t.Date(at), ` data-local="date"`)
}

func (t *Texts) dateTimeElement(at time.Time) template.HTML {
	return element(at, t.DateTime(at), ` data-local="time"`)
}

func (t *Texts) agoElement(at, now time.Time) (template.HTML, error) {
	text, err := t.Ago(at, now)
	return element(at, text, ""), err
}

package consentui

// The purposes of what is mailed, as the pages tell them apart.
const (
	ToSignUp      = "sign_up"
	ToSignIn      = "sign_in"
	ToReset       = "reset"
	ToVerifyEmail = "verify_email"
	ToChangeEmail = "change_email"
)

// The problems of the pages about what is mailed.
const (
	ProblemCode Problem = "code" // not the code in the mail
	ProblemGone Problem = "gone" // used, expired, or typed wrongly too often
)

// AskMail asks for the address to mail a link to, ToSignIn or ToReset.
type AskMail struct {
	Step
	Purpose string
	// Identifier fills in the field.
	Identifier string
	Problem    Problem
}

// CheckMail waits for the person to follow the link that was mailed, or to type the
// code in it. It says the same whether or not there was anybody to mail it to.
type CheckMail struct {
	Step
	// Purpose is ToSignUp, ToSignIn or ToReset, whose mail has no code.
	Purpose string
	// Email is the address as it was entered.
	Email string
	// Again: it was mailed once more.
	Again   bool
	Problem Problem
}

// UseLink is what a mailed link opens. Its form does what the link is for, and so
// nothing happens to whom a mail scanner opens it for.
type UseLink struct {
	Step
	// Purpose is one of all.
	Purpose string
	// Token and App come back with the form.
	Token, App string
	// Email is the address that the link proves.
	Email string
	// ChoosesPassword: the person chooses one, of MinPassword characters at least.
	ChoosesPassword bool
	MinPassword     int
	Problem         Problem
}

// LinkUsed says that an address is proved: ToVerifyEmail or ToChangeEmail.
type LinkUsed struct {
	Purpose, Email string
}

// LinkGone says that a mailed link is not good any more, or that the address has
// become somebody else's.
type LinkGone struct {
	// Client is the application that the person was on the way to, if it is known, and
	// ContinueURI where a link leads back to, the Client's URI without it.
	Client      Client
	ContinueURI string
	// Taken: somebody has an account with the address.
	Taken bool
}

func (AskMail) template() string   { return "ask_mail.html" }
func (CheckMail) template() string { return "check_mail.html" }
func (UseLink) template() string   { return "use_link.html" }
func (LinkUsed) template() string  { return "link_used.html" }
func (LinkGone) template() string  { return "link_gone.html" }

func (LinkUsed) leadsTo() string { return "" }
func (LinkGone) leadsTo() string { return "" }

// linkPages are the pages of this file.
func linkPages() []Page { return []Page{AskMail{}, CheckMail{}, UseLink{}, LinkUsed{}, LinkGone{}} }

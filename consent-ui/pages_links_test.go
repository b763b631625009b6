package consentui

// linkExamples are the pages about what is mailed.
func linkExamples(step Step) map[string]Page {
	const email = "ada@example.com"
	return map[string]Page{
		"ask_mail_empty":       AskMail{},
		"ask_mail":             AskMail{Step: step, Purpose: ToSignIn},
		"ask_mail_email":       AskMail{Step: step, Purpose: ToReset, Identifier: "a da", Problem: ProblemEmail},
		"ask_mail_unavailable": AskMail{Step: step, Purpose: ToReset, Identifier: email, Problem: ProblemUnavailable},
		"check_mail_empty":     CheckMail{},
		"check_mail":           CheckMail{Step: step, Purpose: ToSignUp, Email: email},
		"check_mail_reset":     CheckMail{Step: step, Purpose: ToReset, Email: email},
		"check_mail_again":     CheckMail{Step: step, Purpose: ToSignIn, Email: email, Again: true},
		"check_mail_code":      CheckMail{Step: step, Purpose: ToSignIn, Email: email, Problem: ProblemCode},
		"check_mail_gone":      CheckMail{Step: step, Purpose: ToSignUp, Email: email, Problem: ProblemGone},
		"use_link_empty":       UseLink{},
		"use_link_sign_up":     UseLink{Step: step, Purpose: ToSignUp, Token: "t0ken", App: "acme", Email: email},
		"use_link_elsewhere": UseLink{
			Purpose: ToSignUp, Token: "t0ken", Email: email, ChoosesPassword: true, MinPassword: 8,
		},
		"use_link_sign_in": UseLink{Step: step, Purpose: ToSignIn, Token: "t0ken", Email: email},
		"use_link_reset": UseLink{
			Step: step, Purpose: ToReset, Token: "t0ken", Email: email, ChoosesPassword: true, MinPassword: 8,
		},
		"use_link_password": UseLink{
			Step: step, Purpose: ToReset, Token: "t0ken", Email: email, ChoosesPassword: true, MinPassword: 8,
			Problem: ProblemPasswordCommon,
		},
		"use_link_unavailable": UseLink{Step: step, Purpose: ToSignIn, Token: "t0ken", Email: email, Problem: ProblemUnavailable},
		"use_link_verify":      UseLink{Purpose: ToChangeEmail, Token: "t0ken", Email: email},
		"link_used":            LinkUsed{Purpose: ToVerifyEmail, Email: email},
		"link_used_changed":    LinkUsed{Purpose: ToChangeEmail, Email: email},
		"link_gone_empty":      LinkGone{},
		"link_gone":            LinkGone{Client: step.Client},
		"link_gone_taken":      LinkGone{Client: step.Client, ContinueURI: "https://app.acme.example/", Taken: true},
		"expired_app":          Expired{Client: step.Client, ContinueURI: "https://app.acme.example/sign-in"},
	}
}

// The pages work without this script. It spares a click here and there.
"use strict";

// Show and hide the password, WCAG 2.2 SC 3.3.8. It is hidden again when sent,
// so that the browser does not remember it as a text.
for (const button of document.querySelectorAll("[data-show]")) {
  const field = document.getElementById(button.dataset.show);
  const show = (shown) => {
    field.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
  };
  button.hidden = false;
  button.addEventListener("click", () => show(field.type === "password"));
  field.form.addEventListener("submit", () => show(false));
}

// A form is sent once. Its buttons are disabled only after the browser has
// collected the values, theirs among them. When the page stays, because the
// answer opened another program or the person came back, they work again.
for (const form of document.forms) {
  let sent = false;
  const free = () => {
    sent = false;
    mark(form, false);
  };
  form.addEventListener("submit", (event) => {
    if (sent) {
      event.preventDefault();
      return;
    }
    sent = true;
    setTimeout(mark, 0, form, true);
    setTimeout(free, 10_000);
  });
  addEventListener("pageshow", (event) => event.persisted && free());
}

function mark(form, busy) {
  form.setAttribute("aria-busy", String(busy));
  for (const button of form.querySelectorAll("[type=submit]")) {
    button.disabled = busy;
  }
}

// OAuth 2.0 Form Post Response Mode: the form sends itself.
document.querySelector("form[data-submit]")?.requestSubmit();

// The pages work without this script. It spares a click here and there.
(function () {
  "use strict";

  function each(selector, parent, act) {
    var elements = parent.querySelectorAll(selector);
    for (var i = 0; i < elements.length; i++) {
      act(elements[i]);
    }
  }

  // Show and hide the password, WCAG 2.2 SC 3.3.8. It is hidden again when sent,
  // so that the browser does not remember it as a text.
  each("[data-show]", document, function (button) {
    var field = document.getElementById(button.getAttribute("data-show"));
    function show(shown) {
      field.type = shown ? "text" : "password";
      button.setAttribute("aria-pressed", String(shown));
    }
    button.removeAttribute("hidden");
    button.addEventListener("click", function () {
      show(field.type === "password");
    });
    field.form.addEventListener("submit", function () {
      show(false);
    });
  });

  // A form is sent once. Its buttons are disabled only after the browser has
  // collected the values, theirs among them. When the page stays, because the
  // answer opened another program or the person came back, they work again.
  each("form", document, function (form) {
    var sent = false;
    function mark(busy) {
      sent = busy;
      form.setAttribute("aria-busy", String(busy));
      each("[type=submit]", form, function (button) {
        button.disabled = busy;
      });
    }
    form.addEventListener("submit", function (event) {
      if (sent) {
        event.preventDefault();
        return;
      }
      sent = true;
      setTimeout(function () {
        mark(true);
      }, 0);
      setTimeout(function () {
        mark(false);
      }, 10000);
    });
    window.addEventListener("pageshow", function (event) {
      if (event.persisted) {
        mark(false);
      }
    });
  });

  // Copy and print what is to be kept.
  function copy(element) {
    if (navigator.clipboard) {
      return navigator.clipboard.writeText(element.innerText);
    }
    window.getSelection().selectAllChildren(element);
    return document.execCommand("copy");
  }
  each("[data-copy]", document, function (button) {
    button.removeAttribute("hidden");
    button.addEventListener("click", function () {
      copy(document.getElementById(button.getAttribute("data-copy")));
      button.textContent = button.getAttribute("data-done");
    });
  });
  each("[data-print]", document, function (button) {
    button.removeAttribute("hidden");
    button.addEventListener("click", function () {
      window.print();
    });
  });

  // A code is sent as soon as it is complete, once.
  each("[data-complete]", document, function (field) {
    var length = Number(field.getAttribute("data-complete"));
    var sent = false;
    if (!field.form.requestSubmit) {
      return;
    }
    each("[data-complete-hint]", field.form, function (hint) {
      hint.removeAttribute("hidden");
    });
    field.addEventListener("input", function () {
      if (!sent && field.value.replace(/[^0-9]/g, "").length === length) {
        sent = true;
        field.form.requestSubmit();
      }
    });
  });

  // Times are in UTC, for want of knowing better, which the device does.
  each("time[data-local]", document, function (time) {
    var at = new Date(time.getAttribute("datetime"));
    time.title = time.textContent;
    var shown = { day: "numeric", month: "long", year: "numeric" };
    if (time.getAttribute("data-local") === "time") {
      shown.hour = shown.minute = "2-digit";
    }
    time.textContent = at.toLocaleString(document.documentElement.lang, shown);
  });
})();

// Passkeys, WebAuthn Level 3. What the browser is asked for is in the page, and what
// it answers is sent by a form. Without passkeys nothing of it shows.
(function () {
  "use strict";

  var credentials = navigator.credentials;
  var kind = window.PublicKeyCredential;
  if (!kind || !credentials || !credentials.get) {
    return;
  }
  // The request that waits in the form's suggestions, and how to end it.
  var waiting = null;
  var stop = null;

  function ignore() {}

  function each(selector, parent, act) {
    var elements = parent.querySelectorAll(selector);
    for (var i = 0; i < elements.length; i++) {
      act(elements[i]);
    }
  }

  function show(element, shown) {
    element.hidden = !shown;
  }

  function decode(text) {
    var binary = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    var bytes = new Uint8Array(binary.length);
    for (var i = 0; i < binary.length; i++) {
      bytes[i] = binary.charCodeAt(i);
    }
    return bytes;
  }

  function encode(buffer) {
    var bytes = new Uint8Array(buffer);
    var binary = "";
    for (var i = 0; i < bytes.length; i++) {
      binary += String.fromCharCode(bytes[i]);
    }
    return btoa(binary).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }

  // optionsOf is parseRequestOptionsFromJSON, which not all browsers have.
  function optionsOf(form) {
    var options = JSON.parse(form.getAttribute("data-options"));
    options.challenge = decode(options.challenge);
    if (options.user) {
      options.user.id = decode(options.user.id);
    }
    var list = options.allowCredentials || options.excludeCredentials;
    for (var i = 0; i < list.length; i++) {
      list[i].id = decode(list[i].id);
    }
    return options;
  }

  function send(form, credential) {
    var from = credential.response;
    var response = { clientDataJSON: encode(from.clientDataJSON) };
    if (from.attestationObject) {
      response.attestationObject = encode(from.attestationObject);
      response.transports = from.getTransports ? from.getTransports() : [];
    } else {
      response.authenticatorData = encode(from.authenticatorData);
      response.signature = encode(from.signature);
      if (from.userHandle) {
        response.userHandle = encode(from.userHandle);
      }
    }
    form.querySelector("[name=answer]").value = JSON.stringify({
      id: credential.id,
      rawId: encode(credential.rawId),
      type: credential.type,
      response: response,
      clientExtensionResults: {}
    });
    var kept = form.querySelector("[name=remember]");
    if (kept) {
      kept.value = document.getElementById("remember").checked ? "yes" : "";
    }
    if (form.requestSubmit) {
      form.requestSubmit();
    } else {
      form.submit();
    }
  }

  // ask has the browser ask the person. That they do not want to is no fault.
  function ask(form, button) {
    var creating = form.getAttribute("data-passkey") === "create";
    var options = { publicKey: optionsOf(form) };
    var asked = creating ? credentials.create(options) : credentials.get(options);
    asked.then(function (credential) {
      send(form, credential);
    }).catch(function (fault) {
      button.disabled = false;
      if (fault.name === "InvalidStateError" && creating) {
        show(form.querySelector("[data-passkey-exists]"), true);
      } else if (fault.name !== "NotAllowedError" && fault.name !== "AbortError") {
        show(form.querySelector("[data-passkey-failed]"), true);
      }
    });
  }

  // Only one request can be under way.
  function press(form, button) {
    each("[data-passkey-exists], [data-passkey-failed]", form, function (message) {
      show(message, false);
    });
    button.disabled = true;
    if (!waiting) {
      ask(form, button);
      return;
    }
    var before = waiting;
    waiting = null;
    before.then(function () {
      ask(form, button);
    });
    stop.abort();
  }

  // wait offers passkeys among the suggestions of the field for the username.
  function wait(form) {
    if (!kind.isConditionalMediationAvailable || !window.AbortController) {
      return;
    }
    kind.isConditionalMediationAvailable().then(function (available) {
      if (!available) {
        return;
      }
      stop = new AbortController();
      waiting = credentials.get({
        publicKey: optionsOf(form), mediation: "conditional", signal: stop.signal
      }).then(function (credential) {
        send(form, credential);
      }).catch(ignore);
    }).catch(ignore);
  }

  each("form[data-passkey]", document, function (form) {
    show(form, true);
    each("[data-passkey-button]", form, function (button) {
      button.addEventListener("click", function () {
        press(form, button);
      });
      window.addEventListener("pageshow", function () {
        button.disabled = false;
      });
    });
    var unknown = form.getAttribute("data-unknown");
    if (unknown && kind.signalUnknownCredential) {
      kind.signalUnknownCredential({
        rpId: JSON.parse(form.getAttribute("data-options")).rpId, credentialId: unknown
      }).catch(ignore);
    }
    if (form.hasAttribute("data-conditional")) {
      wait(form);
    }
  });

  each("[data-passkey-or]", document, function (element) {
    show(element, true);
  });

  // Whoever signs in with a password here could have a passkey.
  each("[data-passkeys]", document, function (field) {
    if (kind.isUserVerifyingPlatformAuthenticatorAvailable) {
      kind.isUserVerifyingPlatformAuthenticatorAvailable().then(function (available) {
        field.value = available ? "yes" : "";
      }).catch(ignore);
    }
  });
})();

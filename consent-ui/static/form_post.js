// OAuth 2.0 Form Post Response Mode: the form sends itself. Where the browser
// can, as if its button were pressed, so that it is sent once.
(function () {
  "use strict";

  var form = document.querySelector("form[data-submit]");
  if (form.requestSubmit) {
    form.requestSubmit();
  } else {
    form.submit();
  }
})();

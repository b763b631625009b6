// OpenID Connect Front-Channel Logout: go on once all frames have loaded, or
// when one takes too long. The load event waits for the frames.
(function () {
  "use strict";

  var link = document.querySelector("a[data-continue]");
  var gone = false;

  function go() {
    if (!gone) {
      gone = true;
      window.location.replace(link.href);
    }
  }

  window.addEventListener("load", go);
  setTimeout(go, 5000);
})();

// OpenID Connect Session Management 1.0 §3.2: an application asks, by a message
// "client_id session_state", whether the state of the session is what it was.
// SHA-256 is our own, FIPS 180-4: crypto.subtle is for secure contexts only.
(function () {
  "use strict";

  var alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  var initial = [];
  var constants = [];

  // The first 32 bits of the fractional parts of the roots of the first primes.
  function fraction(root) {
    return ((root - Math.floor(root)) * 4294967296) | 0;
  }

  function prime(n) {
    for (var i = 2; i * i <= n; i++) {
      if (n % i === 0) {
        return false;
      }
    }
    return true;
  }

  for (var n = 2; constants.length < 64; n++) {
    if (prime(n)) {
      if (initial.length < 8) {
        initial.push(fraction(Math.sqrt(n)));
      }
      constants.push(fraction(Math.pow(n, 1 / 3)));
    }
  }

  function turn(x, n) {
    return (x >>> n) | (x << (32 - n));
  }

  // padded returns the bytes of the text in UTF-8, as words with padding, §5.1.1.
  function padded(text) {
    var bytes = unescape(encodeURIComponent(text)) + "\x80";
    var words = [];
    var length = (((bytes.length + 7) >> 6) + 1) * 16;
    for (var i = 0; i < length; i++) {
      words.push(0);
    }
    for (i = 0; i < bytes.length; i++) {
      words[i >> 2] |= bytes.charCodeAt(i) << (24 - (i % 4) * 8);
    }
    words[length - 1] = (bytes.length - 1) * 8;
    return words;
  }

  // block adds 16 words to the hash, §6.2.2.
  function block(hash, words) {
    var w = words.slice();
    var v = hash.slice();
    for (var t = 0; t < 64; t++) {
      if (t >= 16) {
        var x = w[t - 15];
        var y = w[t - 2];
        var s0 = turn(x, 7) ^ turn(x, 18) ^ (x >>> 3);
        var s1 = turn(y, 17) ^ turn(y, 19) ^ (y >>> 10);
        w[t] = (w[t - 16] + s0 + w[t - 7] + s1) | 0;
      }
      var e = v[4];
      var a = v[0];
      var choice = (e & v[5]) ^ (~e & v[6]);
      var majority = (a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]);
      var t1 = (v[7] + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + choice + constants[t] + w[t]) | 0;
      var t2 = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + majority) | 0;
      v = [(t1 + t2) | 0, a, v[1], v[2], (v[3] + t1) | 0, e, v[5], v[6]];
    }
    for (var i = 0; i < 8; i++) {
      hash[i] = (hash[i] + v[i]) | 0;
    }
  }

  function sha256(text) {
    var words = padded(text);
    var hash = initial.slice();
    for (var i = 0; i < words.length; i += 16) {
      block(hash, words.slice(i, i + 16));
    }
    return hash;
  }

  // base64url of the 32 bytes of a hash, without padding.
  function base64url(hash) {
    var text = "";
    for (var bit = 0; bit < 256; bit += 6) {
      var left = hash[bit >> 5] << bit % 32;
      var right = bit % 32 > 26 && bit < 252 ? hash[(bit >> 5) + 1] >>> (32 - (bit % 32)) : 0;
      text += alphabet.charAt(((left | right) >>> 26) & 63);
    }
    return text;
  }

  // state returns the OP browser state, "" if the browser has none.
  function state() {
    var name = document.documentElement.getAttribute("data-cookie") + "=";
    var cookies = document.cookie.split("; ");
    for (var i = 0; i < cookies.length; i++) {
      if (cookies[i].indexOf(name) === 0) {
        return cookies[i].slice(name.length);
      }
    }
    return "";
  }

  function answer(message, origin) {
    var parts = typeof message === "string" ? /^([\s\S]+) ([^ .]+)\.([^ .]+)$/.exec(message) : null;
    if (!parts) {
      return "error";
    }
    try {
      var hash = base64url(sha256(parts[1] + " " + origin + " " + state() + " " + parts[3]));
      return hash === parts[2] ? "unchanged" : "changed";
    } catch (failure) {
      return "error"; // half a surrogate pair, or cookies are not for us to read
    }
  }

  // known calls back with whether the browser lets the frame see the state. Many
  // keep cookies from frames at other sites: "changed" for ever would have the
  // application ask us again and again.
  function known(then) {
    if (state() || !document.hasStorageAccess) {
      then(true);
      return;
    }
    document.hasStorageAccess().then(then, function () {
      then(false);
    });
  }

  window.addEventListener("message", function (event) {
    // A frame without an origin has none that the answer could be sent to.
    if (event.source && event.source !== window && event.origin !== "null") {
      known(function (yes) {
        event.source.postMessage(yes ? answer(event.data, event.origin) : "error", event.origin);
      });
    }
  });
})();

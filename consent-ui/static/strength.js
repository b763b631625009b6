// Shows how hard a password is to guess while it is chosen. The server judges.
(function () {
  "use strict";

  var box = document.querySelector("[data-strength]");
  if (!box || !window.XMLHttpRequest) {
    return;
  }
  var field = document.getElementById("password");
  var meter = box.querySelector("meter");
  var text = box.querySelector("[role=status]");
  var words = box.getAttribute("data-words").split("|");
  var timer;

  function ask() {
    var password = field.value;
    if (!password) {
      box.setAttribute("hidden", "");
      return;
    }
    var about = "";
    for (var i = 0; i < field.form.elements.length; i++) {
      var other = field.form.elements[i];
      if (/^(name|email|username)$/.test(other.name)) {
        about += other.value + " ";
      }
    }
    var request = new XMLHttpRequest();
    request.open("POST", "/password-strength");
    request.setRequestHeader("Content-Type", "application/x-www-form-urlencoded");
    request.onload = function () {
      if (request.status !== 200 || field.value !== password) {
        return; // there will be another answer, or none
      }
      var strength = JSON.parse(request.responseText).strength;
      meter.value = strength;
      text.textContent = words[strength];
      box.removeAttribute("hidden");
    };
    request.send("password=" + encodeURIComponent(password) + "&about=" + encodeURIComponent(about));
  }

  field.addEventListener("input", function () {
    clearTimeout(timer);
    timer = setTimeout(ask, 300);
  });
})();

(function () {
  var root = document.documentElement, search = document.getElementById("search");
  var buttons = document.querySelectorAll("[data-choose]");
  var entries = Array.prototype.slice.call(document.querySelectorAll(".entry"));
  function plain(text) { return text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase(); }
  function choose(tag) {
    root.lang = tag; root.dataset.lang = tag;
    search.placeholder = search.dataset[tag]; search.setAttribute("aria-label", search.dataset[tag]);
    buttons.forEach(function (one) { one.setAttribute("aria-pressed", String(one.dataset.choose === tag)); });
  }
  function keep(tag) { try { localStorage.setItem("language", tag); } catch (error) { /* not allowed here */ } }
  function kept() { try { return localStorage.getItem("language"); } catch (error) { return null; } }
  buttons.forEach(function (one) {
    one.addEventListener("click", function () { choose(one.dataset.choose); keep(one.dataset.choose); });
  });
  var tags = Array.prototype.map.call(buttons, function (one) { return one.dataset.choose; });
  var asked = new URLSearchParams(location.search).get("lang") || kept() || (navigator.language || "").slice(0, 2);
  choose(tags.indexOf(asked) >= 0 ? asked : root.dataset.lang);
  var texts = null;
  search.hidden = false;
  search.addEventListener("input", function () {
    texts = texts || entries.map(function (one) { return plain(one.textContent); });
    var wanted = plain(search.value).split(/\s+/).filter(Boolean), found = 0;
    entries.forEach(function (one, index) {
      one.hidden = !wanted.every(function (word) { return texts[index].indexOf(word) >= 0; });
      if (!one.hidden) { found += 1; }
    });
    document.getElementById("nothing").hidden = found > 0;
  });
  function show() {
    var name = location.hash.slice(1), entry = document.getElementById(name);
    try { entry = entry || document.getElementById(decodeURIComponent(name)); } catch (error) { return; }
    if (entry) {
      entry.hidden = false;
      if (entry.tagName === "DETAILS") { entry.open = true; }
      entry.scrollIntoView();
    }
  }
  addEventListener("hashchange", show);
  addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach(function (one) { one.open = true; });
  });
  show();
})();

// What pages can't do without a script: live updates, marking many, reading a file. Everything
// else works without it. It writes no text of others into the page except by what the server
// has rendered and escaped.
"use strict";

const all = (selector, within = document) => Array.from(within.querySelectorAll(selector));

// Parts with `data-live` are taken again from the server when a host changes.
function refresh() {
  // Nobody asked for it: it does not keep the session of a page that was left open.
  const headers = { Accept: "text/html", "Bootmint-Unasked": "yes" };
  fetch(location.href, { credentials: "same-origin", headers })
    .then((answer) => {
      if (answer.redirected || answer.status === 401) location.reload();
      return answer.ok ? answer.text() : Promise.reject(answer.status);
    })
    .then((text) => {
      const page = new DOMParser().parseFromString(text, "text/html");
      for (const old of all("[data-live]")) {
        const fresh = page.getElementById(old.id);
        if (!fresh || fresh.innerHTML === old.innerHTML) continue;
        replace(old, fresh);
        // What was said of an order is over when something came of it.
        for (const said of all("[data-passing]")) said.remove();
      }
      // An order is for the record that is shown: another one must be looked at first.
      const seen = page.querySelector("[data-generation]");
      for (const field of all("[data-generation]")) {
        if (seen && seen.dataset.record === field.dataset.record) field.value = seen.value;
      }
    })
    .catch(() => {});
}

// Marks, and where the keyboard is, stay.
function replace(old, fresh) {
  const marked = new Set(all("input[name=host]:checked", old).map((box) => box.value));
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const label = focused && focused.getAttribute("aria-label");
  const href = focused && focused.getAttribute("href");
  old.replaceChildren(...fresh.childNodes);
  for (const box of all("input[name=host]", old)) box.checked = marked.has(box.value);
  const same = (item) => (label && item.getAttribute("aria-label") === label) || (href && item.getAttribute("href") === href);
  const found = focused && all("a, input, button, [tabindex]", old).find(same);
  if (found) found.focus({ preventScroll: true });
  count();
}

function follow() {
  const { events, only } = document.body.dataset;
  if (!events || !window.EventSource) return;
  let waiting = 0;
  const source = new EventSource(events);
  source.addEventListener("host", (event) => {
    const change = JSON.parse(event.data);
    if (only && change.host !== only) return;
    clearTimeout(waiting);
    waiting = setTimeout(refresh, 200);
  });
  // Refused, and not just cut off: the session is over, which the page shows now, or the server
  // has no place for a watcher at the moment.
  source.addEventListener("error", () => {
    if (source.readyState !== EventSource.CLOSED) return;
    refresh();
    setTimeout(() => {
      refresh();
      follow();
    }, 30000);
  });
}

function count() {
  const boxes = all("input[name=host]");
  const marked = boxes.filter((box) => box.checked).length;
  for (const out of all("[data-marked]")) out.textContent = marked ? String(marked) : "none";
  for (const box of all("[data-mark-all]")) {
    box.checked = marked > 0 && marked === boxes.length;
    box.indeterminate = marked > 0 && marked < boxes.length;
  }
}

document.addEventListener("change", (event) => {
  const item = event.target;
  if (item.matches("[data-mark-all]")) {
    for (const box of all("input[name=host]")) box.checked = item.checked;
    count();
  } else if (item.matches("input[name=host]")) {
    count();
  } else if (item.matches("[data-file]") && item.files.length) {
    const file = item.files[0];
    const end = file.name.toLowerCase().split(".").pop().replace("jsonl", "ndjson");
    file.text().then((text) => {
      document.getElementById(item.dataset.file).value = text;
      const format = document.getElementById("format");
      if (Array.from(format.options).some((option) => option.value === end)) format.value = end;
    });
  }
});

// The key that a field names leads to it, unless somebody is typing.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
  const field = all("[data-hotkey]").find((field) => field.dataset.hotkey === event.key);
  if (field) {
    event.preventDefault();
    field.focus();
  }
});

document.addEventListener("click", (event) => {
  if (!event.target.matches("[data-archive]")) return;
  const names = all("input[name=host]:checked").map((box) => box.value);
  if (names.length) location.assign("/download.tar?format=iso&hosts=" + encodeURIComponent(names.join(",")));
});

// A fault leads to its line; without this, to its file.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-line]");
  const field = link && document.getElementById(link.hash.slice(1));
  const line = link ? Number(link.dataset.line) : 0;
  if (!field || !line) return;
  event.preventDefault();
  const lines = field.value.split("\n");
  const start = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0);
  field.focus();
  field.setSelectionRange(start, start + (lines[line - 1] || "").length);
  field.scrollTop = (field.scrollHeight * (line - 1)) / lines.length - field.clientHeight / 2;
});

// The name is asked for by the server too; this only spares a way.
document.addEventListener("input", (event) => {
  const field = event.target;
  if (!field.matches("[data-confirm]")) return;
  const wrong = field.value.trim() !== field.dataset.confirm;
  field.setCustomValidity(wrong ? "This is not the host's name." : "");
});

for (const item of all("[data-file-box], [data-archive]")) item.hidden = false;
count();
follow();

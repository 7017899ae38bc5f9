// What a page gains with scripts: folding all code at once, the current section, ledger filters.
"use strict";

(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  const foldCode = () => {
    const cells = all("details.code");
    const bar = document.querySelector(".bar");
    if (!cells.length || !bar) return;
    const button = document.createElement("button");
    button.type = "button";
    const say = () => {
      const open = cells.every((cell) => cell.open);
      button.textContent = open ? "Hide all code" : "Show all code";
      button.setAttribute("aria-pressed", String(open));
    };
    button.addEventListener("click", () => {
      const open = !cells.every((cell) => cell.open);
      cells.forEach((cell) => { cell.open = open; });
      say();
    });
    cells.forEach((cell) => cell.addEventListener("toggle", say));
    say();
    bar.append(button);
  };

  // A link into a folded section opens it; so does printing.
  const openFolds = () => {
    const open = (target) => {
      for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    };
    const arrive = () => {
      const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
      if (!target) return;
      open(target);
      target.scrollIntoView();
    };
    window.addEventListener("hashchange", arrive);
    window.addEventListener("beforeprint", () => all("details.fold").forEach((fold) => { fold.open = true; }));
    arrive();
  };

  const followContents = () => {
    const contents = document.querySelector(".contents details");
    if (!contents) return;
    const wide = window.matchMedia("(min-width: 64rem)");
    const fit = () => { contents.open = wide.matches; };
    wide.addEventListener("change", fit);
    fit();
    const links = new Map(
      all("a", contents).map((link) => [decodeURIComponent(link.hash.slice(1)), link]),
    );
    const headings = [...links.keys()].map((id) => document.getElementById(id)).filter(Boolean);
    let current = null;
    let asked = false;
    const mark = () => {
      asked = false;
      const above = headings.filter((heading) => heading.getBoundingClientRect().top < 120);
      const next = links.get((above.pop() || headings[0] || {}).id) || null;
      if (next === current) return;
      if (current) current.removeAttribute("aria-current");
      if (next) next.setAttribute("aria-current", "true");
      current = next;
      if (next && wide.matches) {
        const panel = contents.parentElement;
        const top = next.offsetTop - panel.clientHeight / 2;
        panel.scrollTop = Math.max(0, top);
      }
    };
    const ask = () => {
      if (!asked) requestAnimationFrame(mark);
      asked = true;
    };
    window.addEventListener("scroll", ask, { passive: true });
    window.addEventListener("resize", ask);
    mark();
  };

  const choice = (name, values) => {
    const label = document.createElement("label");
    const select = document.createElement("select");
    label.append(name, select);
    select.append(new Option("all", ""), ...values.map((value) => new Option(value, value)));
    return [label, select];
  };

  const distinct = (rows, key) =>
    [...new Set(rows.map((row) => row.dataset[key]).filter(Boolean))];

  const filterLedger = (table) => {
    const rows = all("tbody tr", table);
    if (!rows.length) return;
    const form = document.createElement("form");
    form.className = "filter";
    form.setAttribute("role", "search");
    form.setAttribute("aria-label", "Filter the ledger");
    const searchLabel = document.createElement("label");
    const search = document.createElement("input");
    search.type = "search";
    searchLabel.append("Text", search);
    const selects = ["paper", "verdict", "section"]
      .map((key) => [key, distinct(rows, key)])
      .filter(([, values]) => values.length > 1)
      .map(([key, values]) => [key, ...choice(key[0].toUpperCase() + key.slice(1), values)]);
    const count = document.createElement("output");
    const clear = document.createElement("button");
    clear.type = "reset";
    clear.textContent = "Show all";
    form.append(searchLabel, ...selects.map(([, label]) => label), clear, count);

    const texts = rows.map((row) => row.textContent.toLowerCase());
    const apply = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      rows.forEach((row, i) => {
        const fits = words.every((word) => texts[i].includes(word))
          && selects.every(([key, , select]) => !select.value || row.dataset[key] === select.value);
        row.hidden = !fits;
        shown += fits;
      });
      count.textContent = `${shown} of ${rows.length} claims`;
    };
    form.addEventListener("input", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(apply));
    const place = table.closest(".table-scroll") || table;
    place.before(form);

    all("a[data-filter]").forEach((link) => link.addEventListener("click", () => {
      form.reset();
      selects.forEach(([key, , select]) => { if (key === "verdict") select.value = link.dataset.filter; });
      apply();
    }));
    // A link to a row that the filter hides must still arrive there.
    const arrive = () => {
      const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
      if (target && table.contains(target) && target.hidden) {
        form.reset();
        setTimeout(() => target.scrollIntoView({ block: "center" }), 20);
      }
    };
    window.addEventListener("hashchange", arrive);
    apply();
    arrive();
  };

  // Answers of a lesson are kept as slow hashes, and what is said of each is encrypted with a key
  // that only this answer gives; vlms/course/exercises.py does the same in Python.
  const K = [];
  for (let n = 2; K.length < 64; n += 1) {
    let prime = true;
    for (let d = 2; d * d <= n; d += 1) if (n % d === 0) prime = false;
    if (prime) K.push([n ** 0.5, n ** (1 / 3)].map((root) => ((root % 1) * 2 ** 32) | 0));
  }
  const compress = (state, words) => {
    const w = new Int32Array(64);
    w.set(words);
    for (let i = 16; i < 64; i += 1) {
      const [a, b] = [w[i - 15], w[i - 2]];
      w[i] = w[i - 16] + w[i - 7]
        + (((a >>> 7) | (a << 25)) ^ ((a >>> 18) | (a << 14)) ^ (a >>> 3))
        + (((b >>> 17) | (b << 15)) ^ ((b >>> 19) | (b << 13)) ^ (b >>> 10));
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < 64; i += 1) {
      const t = (h + (((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7)))
        + ((e & f) ^ (~e & g)) + K[i][1] + w[i]) | 0;
      const u = ((((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10)))
        + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + t) | 0, c, b, a, (t + u) | 0];
    }
    return [a, b, c, d, e, f, g, h].map((part, i) => (part + state[i]) | 0);
  };
  const START = K.slice(0, 8).map(([root]) => root);
  const blocks = (bytes, before) => {
    const size = Math.ceil((bytes.length + 9) / 64) * 64;
    const view = new DataView(new ArrayBuffer(size));
    bytes.forEach((byte, i) => view.setUint8(i, byte));
    view.setUint8(bytes.length, 128);
    view.setUint32(size - 4, (bytes.length + before) * 8);
    return Array.from({ length: size / 64 }, (_, block) =>
      Int32Array.from({ length: 16 }, (_, i) => view.getInt32(block * 64 + i * 4)));
  };
  const finish = (state, bytes, before = 0) => blocks(bytes, before).reduce(compress, state);
  const toBytes = (words) => {
    const view = new DataView(new ArrayBuffer(words.length * 4));
    words.forEach((word, i) => view.setInt32(i * 4, word));
    return new Uint8Array(view.buffer);
  };
  const sha256 = (bytes) => toBytes(finish(START, bytes));
  const fromHex = (text) => Uint8Array.from(text.match(/../g) || [], (pair) => parseInt(pair, 16));
  const joined = (...parts) => Uint8Array.from(parts.flatMap((part) => [...part]));
  const utf8 = (text) => new TextEncoder().encode(text);

  const slowHash = async (answer, salt, iterations) => {
    const password = utf8(answer);
    if (window.crypto && crypto.subtle) {
      const key = await crypto.subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
      const how = { name: "PBKDF2", hash: "SHA-256", salt, iterations };
      return new Uint8Array(await crypto.subtle.deriveBits(how, key, 256));
    }
    // Plain http has no crypto.subtle.
    const short = password.length > 64 ? sha256(password) : password;
    const padded = joined(short, new Uint8Array(64 - short.length));
    const [inner, outer] = [0x36, 0x5c].map((pad) =>
      compress(START, new Int32Array(blocks(padded.map((byte) => byte ^ pad), 0)[0])));
    const hmac = (bytes) => finish(outer, toBytes(finish(inner, bytes, 64)), 64);
    let last = hmac(joined(salt, [0, 0, 0, 1]));
    const sum = [...last];
    for (let i = 1; i < iterations; i += 1) {
      last = hmac(toBytes(last));
      for (let j = 0; j < 8; j += 1) sum[j] ^= last[j];
    }
    return toBytes(sum);
  };

  const number = /^([+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:e[+-]?\d+)?)(?:\/([1-9]\d*(?:[.,]\d*)?))?(%?)$/;
  const words = { "not reached": "inf", "∞": "inf", yes: "true", no: "false", ja: "true", nein: "false" };
  const canonical = (given, digits) => {
    const text = given.trim().split(/\s+/).join(" ").toLowerCase().replace(/^[[(](.*)[\])]$/, "$1");
    const parts = text.split(/;|, /).filter((part) => part.trim());
    if (parts.length > 1) return parts.map((part) => canonical(part, digits)).join("; ");
    const found = number.exec(text.replaceAll(" ", "").replaceAll("−", "-"));
    if (!found) return words[text] || text;
    const [top, bottom] = [found[1], found[2] || "1"].map((part) => parseFloat(part.replace(",", ".")));
    const value = top / bottom / (found[3] ? 100 : 1);
    const units = Math.floor(Math.abs(value) * 10 ** digits + 0.5 + 1e-9);
    return (value < 0 && units > 0 ? "-" : "") + (units / 10 ** digits).toFixed(digits);
  };

  const feedback = async (asked, given) => {
    const answer = canonical(given, asked.digits);
    if (!answer) return [false, "Not answered yet."];
    const word = await slowHash(answer, fromHex(asked.salt), asked.iterations);
    const hex = [...sha256(joined(word, utf8("name")))].map((byte) => byte.toString(16).padStart(2, "0"));
    const hidden = asked.said[hex.join("").slice(0, 32)];
    if (!hidden) return [false, "Not yet. No common mistake gives this; go through the steps once more."];
    const key = sha256(joined(word, utf8("key")));
    const bytes = fromHex(hidden).map((byte, i) => byte ^ sha256(joined(key, [Math.floor(i / 32)]))[i % 32]);
    const [verdict, said] = JSON.parse(new TextDecoder().decode(bytes));
    return verdict === "right" ? [true, `Right. ${said}`] : [false, `Not yet. ${said}`];
  };

  const checkAnswers = (fields) => {
    if (!fields.length) return;
    const kept = (name, value) => {
      const key = `${location.pathname}#${name}`;
      try {
        if (value === undefined) return localStorage.getItem(key);
        localStorage.setItem(key, value);
      } catch { /* a page without storage keeps no progress */ }
      return null;
    };
    const progress = document.createElement("p");
    progress.className = "vlms-progress";
    progress.setAttribute("role", "status");
    fields[0].before(progress);
    const right = new Set();
    const count = () => {
      progress.textContent = `Answers are kept as slow hashes: that keeps you from reading them by `
        + `accident, not from searching. Solved: ${right.size} of ${fields.length}.`;
    };
    fields.forEach((field) => {
      const asked = JSON.parse(field.dataset.answers);
      const [input, button, said] = ["input", "button", "output"].map((tag) => field.querySelector(tag));
      const check = async () => {
        said.textContent = "…";
        const [solved, text] = await feedback(asked, input.value);
        said.textContent = text;
        field.classList.toggle("solved", solved);
        right[solved ? "add" : "delete"](field.id);
        kept(field.id, input.value);
        count();
      };
      button.addEventListener("click", check);
      input.addEventListener("keydown", (event) => { if (event.key === "Enter") check(); });
      field.hidden = false;
      input.value = kept(field.id) || "";
      if (input.value) check();
    });
    count();
  };

  checkAnswers(all(".vlms-answer"));
  foldCode();
  openFolds();
  followContents();
  all("table.vlms-ledger").forEach(filterLedger);
})();

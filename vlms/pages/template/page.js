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

  foldCode();
  openFolds();
  followContents();
  all("table.vlms-ledger").forEach(filterLedger);
})();

// Switches what the page shows; page-draw.js draws it. The state of the view is in the address, so that a view can be
// linked.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const data = JSON.parse(byId("data").textContent);
  const state = { w: "", t: "", rel: "", scale: "", hide: new Set(), range: new Map() };
  const { TOLD, NOTHING, number, tie, pair, threadsOf, redraw, relative, ofWhat, ...axes } = drawing(data, state);

  // --- the state, the controls, the address ------------------------------------------------------
  const selects = [["workload", "w"], ["threads", "t"], ["relative", "rel"], ["scale", "scale"]].filter(([id]) => byId(id));
  const couple = byId("pair") ? ["one", "other"] : [];
  const names = all(".choice").map((box) => box.value); // of what may be hidden
  const shownAtFirst = new Map(all(".part").map((p) => [p, !p.hidden]));
  const chosen = (part) => {
    const workload = part.dataset.workload;
    if (!workload) return true;
    if (!state.w) return shownAtFirst.get(part);
    if (state.w === "*") return true;
    return state.w === `is:${workload}` || state.w === `group:${data.groups[workload]}`;
  };
  const isHidden = (element) => state.hide.has(element.dataset.a);
  // A column of a table is hidden by its head.
  const hideColumns = (part) => {
    for (const head of all("thead th[data-a]", part))
      for (const line of head.closest("table").rows) line.cells[head.cellIndex].hidden = isHidden(head);
  };
  const apply = () => {
    for (const part of all(".part")) {
      part.hidden = !chosen(part);
      if (part.hidden) continue;
      all("svg.plot", part).forEach(redraw);
      range.draw(part);
      all("svg.small", part).forEach((s) => s.toggleAttribute("hidden", isHidden(s)));
      all("table.relative", part).forEach((t) => relative(t, part.dataset.workload));
      hideColumns(part);
      const at = part.querySelector(".at span");
      if (at && data.main[part.dataset.workload]) at.textContent = threadsOf(part.dataset.workload);
      for (const line of all("tbody tr", part)) {
        const other = at && state.t !== "*" && line.dataset.t && line.dataset.t !== at.textContent;
        line.hidden = isHidden(line) || Boolean(other);
      }
    }
    all(".of").forEach((e) => { e.textContent = ofWhat(); });
    for (const [id, key] of selects) byId(id).value = state[key];
    all(".choice").forEach((box) => { box.checked = !state.hide.has(box.value); });
    if (names.length) {
      byId("hidden").textContent = state.hide.size ? `: ${state.hide.size} hidden` : "";
      byId("left-out").textContent = state.hide.size ? `Left out by choice: ${[...state.hide].join(", ")}.` : ""; // on paper
    }
    if (couple.length) compare();
  };
  const address = (at) => {
    const said = new URLSearchParams();
    if (at) said.set("at", at);
    for (const k of ["w", "t", "rel", "scale"]) if (state[k]) said.set(k, state[k]);
    if (state.hide.size) said.set("hide", [...state.hide].map(encodeURIComponent).join(","));
    if (state.range.size) said.set("range", range.address());
    const pairSaid = couple.map((id) => byId(id).value);
    if (pairSaid.join() !== firstPair.join()) said.set("pair", pairSaid.join(","));
    const view = said.toString();
    return view === `at=${at}` ? at : view;
  };
  const known = (select, value) => ([...select.options].some((o) => o.value === value) ? value : "");
  const decoded = (name) => {
    try {
      return decodeURIComponent(name);
    } catch {
      return name; // typed by hand, as 50%
    }
  };
  const read = () => {
    const hash = location.hash.slice(1);
    if (!hash.includes("=")) return hash;
    const said = new URLSearchParams(hash);
    for (const [id, key] of selects) state[key] = known(byId(id), said.get(key) || "");
    const hidden = (said.get("hide") || "").split(",").map(decoded);
    state.hide = new Set(hidden.filter((n) => names.includes(n)));
    range.read(said.get("range") || "");
    (said.get("pair") || "").split(",").forEach((value, i) => {
      if (couple[i] && known(byId(couple[i]), value)) byId(couple[i]).value = value;
    });
    return said.get("at") || "";
  };
  const go = (id) => {
    all(".target").forEach((e) => e.classList.remove("target"));
    const there = id && byId(id);
    if (!there) return;
    for (let e = there; e; e = e.parentElement) {
      if (e.tagName === "DETAILS") e.open = true;
      if (e.classList.contains("part") && e.hidden) {
        state.w = `is:${e.dataset.workload}`;
        apply();
      }
      if (isHidden(e)) {
        state.hide.delete(e.dataset.a);
        apply();
      }
    }
    there.classList.add("target");
    there.scrollIntoView();
  };
  const say = (text, at = byId("status")) => { if (at) at.textContent = text; };
  const copy = async (text, done, at) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    say(done, at);
  };
  const changed = (key) => (event) => {
    state[key] = event.target.value;
    update();
  };
  const link = () => history.replaceState(null, "", `#${address("")}`);
  const update = () => {
    apply();
    link();
  };

  // --- two of them -------------------------------------------------------------------------------
  const compare = () => {
    const one = Number(byId("one").value), other = Number(byId("other").value);
    const [a, b] = [data.allocators[one], data.allocators[other]];
    const lines = [];
    const shown = new Set(all(".part:not([hidden])").map((p) => p.dataset.workload));
    for (const workload of Object.keys(data.main).filter((w) => shown.has(w))) {
      const threads = threadsOf(workload), key = `${workload}/${threads}`;
      data.measures[workload].forEach(([name, , better, worse], m) => {
        const p = one === other ? null : pair(key, m, one, other);
        const at = `${workload}, ${threads} thread${threads === 1 ? "" : "s"}, ${name}`;
        if (!p) {
          lines.push(one === other ? "" : `${at}: no samples to compare.`);
          return;
        }
        const numbers = `${number(p.middle)} times (${number(p.low)} to ${number(p.high)})`;
        lines.push(
          `${at}: ` +
            (p.told === TOLD.better ? `yes, ${a} is ${better} than ${b}: ${numbers}.`
              : p.told === TOLD.worse ? `no, ${a} is ${worse} than ${b}: ${numbers}.`
                : p.told === TOLD.tie ? `no, a tie: ${numbers}; ${tie(p)}.` : `no: ${NOTHING}.`),
        );
      });
    }
    byId("said").replaceChildren(...lines.filter(Boolean).map((text) => {
      const item = document.createElement("li");
      item.textContent = text;
      return item;
    }));
  };

  // --- hover, keys, CSV --------------------------------------------------------------------------
  const tip = byId("tip");
  const show = (mark, x, y) => {
    const title = mark.querySelector(":scope > title");
    tip.textContent = title ? title.textContent : "";
    tip.hidden = !title;
    tip.style.left = `${Math.max(4, Math.min(x + 14, innerWidth - tip.offsetWidth - 8))}px`;
    tip.style.top = `${Math.max(4, Math.min(y + 14, innerHeight - tip.offsetHeight - 8))}px`;
  };
  const clear = () => {
    tip.hidden = true;
    all(".on").forEach((m) => m.classList.remove("on"));
  };
  const markUnder = (target) => target.closest && (target.closest(".mark") || target.closest("svg.small"));
  document.addEventListener("mouseover", (event) => {
    const mark = markUnder(event.target);
    if (mark) show(mark, event.clientX, event.clientY);
    else tip.hidden = true;
  });
  for (const picture of all(".picture")) {
    picture.addEventListener("keydown", (event) => {
      if (range.key(event, picture.closest(".part"))) {
        event.preventDefault();
        return;
      }
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (event.key === "Escape") clear();
      if (!step) return;
      event.preventDefault();
      const marks = all(".mark:not([hidden])", picture).sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top);
      marks.push(...all("svg.small:not([hidden])", picture));
      if (!marks.length) return;
      const now = marks.findIndex((m) => m.classList.contains("on"));
      const next = marks[now < 0 ? (step > 0 ? 0 : marks.length - 1) : (now + step + marks.length) % marks.length];
      clear();
      next.classList.add("on");
      const box = next.getBoundingClientRect();
      show(next, box.left + box.width / 2, box.bottom);
    });
    picture.addEventListener("blur", clear);
  }
  const NUMBER = /^[+-]?\d[\d.,]*(e[+-]?\d+)?( ?(%|[A-Za-z]+))?$/; // perhaps with a unit
  const quoted = (text) => {
    const plain = text === "-" || text.split(/ \.\. | to /).every((t) => NUMBER.test(t));
    const safe = /^[=+@\t\r-]/.test(text) && !plain ? `'${text}` : text; // not a formula of a spreadsheet
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  for (const button of all(".csv")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const lines = all("tr:not([hidden])", button.closest("table"));
      copy(table(lines.map((l) => [...l.cells].filter((c) => !c.hidden).map((c) => c.textContent))), "The table is copied as CSV.");
    });
  }

  const table = (lines) => lines.map((cells) => cells.map(quoted).join(",")).join("\n") + "\n";
  const range = ranging(state, { ...axes, number, changed: link, copied: (lines, at) => copy(table(lines), "This range is copied as CSV.", at) });

  // --- begin -------------------------------------------------------------------------------------
  const candidates = [...new Set(Object.keys(data.places).flatMap((k) => data.places[k].rows.map((r) => r[0])))].sort((a, b) => a - b);
  for (const id of couple)
    for (const a of candidates) byId(id).append(new Option(data.allocators[a], a));
  const others = candidates.filter((a) => a !== data.base);
  if (couple.length && others.length) byId("one").value = others[0];
  if (couple.length && data.base >= 0) byId("other").value = data.base;
  const firstPair = couple.map((id) => byId(id).value);
  if (couple.length) byId("pair").hidden = candidates.length < 2;
  for (const [id, key] of selects) byId(id).addEventListener("change", changed(key));
  for (const id of couple) byId(id).addEventListener("change", update);
  for (const box of all(".choice")) {
    box.addEventListener("change", () => {
      if (box.checked) state.hide.delete(box.value);
      else state.hide.add(box.value);
      update();
    });
  }
  if (names.length) {
    byId("controls").hidden = false;
    if (!document.querySelector("svg[data-kind]")) byId("scale").parentElement.hidden = true;
    byId("controls").addEventListener("reset", (event) => {
      event.preventDefault();
      Object.assign(state, { w: "", t: "", rel: "", scale: "", hide: new Set(), range: new Map() });
      update();
      say("All is as at first.");
    });
    byId("link").addEventListener("click", () => {
      link();
      copy(location.href, "The link is copied.");
    });
  }
  for (const anchor of all(".anchor")) {
    const id = anchor.getAttribute("href").slice(1);
    anchor.addEventListener("click", (event) => {
      event.preventDefault();
      history.pushState(null, "", `#${address(id)}`);
      go(id);
    });
  }
  const arrive = () => {
    const at = read();
    apply();
    go(at);
  };
  addEventListener("hashchange", arrive);
  addEventListener("popstate", arrive);
  arrive();
})();

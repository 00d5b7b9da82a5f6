// Draws what a reader can switch. It computes no statistics: every number is in #data (data.py). Axes and layout are
// those of scale.py, dots.py and bars.py. `state` is the reader's choice.
"use strict";
const drawing = (data, state) => {
  const all = (selector, from) => [...from.querySelectorAll(selector)];
  const L = data.layout;
  const SVG = "http://www.w3.org/2000/svg";
  const NOTHING = "nothing can be told: too few rounds, or a failed sample"; // as study.py
  const TOLD = { better: 1, worse: -1, tie: 0, nothing: 2 };

  // --- numbers and axes, as in answer.py and scale.py ---------------------------------------------
  // As Python does: of two that are equally near, the even one. toFixed takes the larger.
  const fixed = (v, digits) => {
    const said = v.toFixed(digits), half = !Number.isInteger(v * 2 ** digits) && Number.isInteger(v * 2 ** (digits + 1));
    return half && said.at(-1) % 2 ? (said - Math.sign(v) * 10 ** -digits).toFixed(digits) : said;
  };
  const number = (v) => {
    if (v > 0 && v < 0.005) return v.toExponential(0);
    for (const [below, digits] of [[9.995, 2], [99.95, 1], [9999.5, 0]]) if (v < below) return fixed(v, digits);
    const at = Math.floor(Math.log10(v)), first = fixed(v / 10 ** at, 0);
    return first === "10" ? `1e${at + 1}` : `${first}e${at}`;
  };
  const long = (v) => { // three digits, as in table.py
    const digits = v ? Math.max(0, 2 - Math.floor(Math.log10(Math.abs(Number(v.toPrecision(3)))))) : 0;
    return fixed(v, digits).replace(/\d(?=(\d{3})+$)/g, digits ? "$&" : "$&,");
  };
  const trimmed = (v) => String(Number(v.toPrecision(6)));
  const seen = (percent) => { // as in try_words.py
    if (percent > 100) return `only a factor of ${fixed(1 + percent / 100, 1)} would have been seen`;
    return `a difference of ${percent >= 10 ? fixed(percent, 0) : trimmed(Number(fixed(percent, 1)))} % would have been seen`;
  };
  const label = (v) => {
    for (const [unit, letter] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) if (Math.abs(v) >= unit) return trimmed(v / unit) + letter;
    return trimmed(v);
  };
  const linearTicks = (low, high) => {
    if (!(high > low)) return [low];
    let step = 10 ** Math.floor(Math.log10((high - low) / 2));
    step *= [1, 2, 5, 10].find((f) => (high - low) / (step * f) <= 6);
    const found = [];
    for (let i = Math.ceil(low / step - 1e-9); i <= Math.floor(high / step + 1e-9); i++) found.push(i * step);
    return found;
  };
  const logTicks = (low, high) => {
    let found = [];
    for (const steps of [[1, 1.5, 2, 3, 5, 7], [1, 2, 5], [1]]) {
      found = [];
      for (let e = Math.floor(Math.log10(low)) - 1; e <= Math.ceil(Math.log10(high)) + 1; e++)
        for (const m of steps) found.push(Number(`${m}e${e}`));
      found = found.filter((t) => t >= low && t <= high);
      if (found.length <= 6) break;
    }
    if (found.length > 6) found = found.filter((_, i) => i % Math.ceil(found.length / 6) === 0);
    return found.length >= 2 ? found : linearTicks(low, high);
  };
  const around = (values, start, end, log) => {
    let known = values.filter((v) => Number.isFinite(v) && (v > 0 || !log));
    if (!known.length) known = [1];
    let low = Math.min(...known), high = Math.max(...known);
    if (!log) {
      low = Math.min(0, low);
      high = Math.max(high, 0) || 1;
      high += 0.06 * (high - low);
    } else {
      if (high / low < 1.2) { low /= 1.1; high *= 1.1; }
      const room = (high / low) ** 0.06;
      low /= room;
      high *= room;
    }
    const f = log ? Math.log : (v) => v;
    return {
      at: (v) => {
        v = Math.min(Math.max(v, low), high);
        return start + (high > low ? (f(v) - f(low)) / (f(high) - f(low)) : 0.5) * (end - start);
      },
      ticks: log ? logTicks(low, high) : linearTicks(low, high),
      low,
      high,
    };
  };

  const isHidden = (a) => state.hide.has(data.allocators[a]);

  // --- what is known -----------------------------------------------------------------------------
  const indexed = new Map();
  const pairs = (key, m) => {
    const name = `${key} ${m}`;
    if (!indexed.has(name)) {
      const found = new Map(), flat = data.places[key].pairs[m], rows = data.places[key].rows.map((r) => r[0]);
      let at = 0;
      rows.forEach((one, i) => rows.slice(i + 1).forEach((other) => {
        if (flat[at]) found.set(one * 1000 + other, flat.slice(at, at + 5));
        at += flat[at] ? 5 : 1;
      }));
      indexed.set(name, found);
    }
    return indexed.get(name);
  };
  // Of the first to the second: ratio, its ends, what is told, and the difference that would have been seen.
  const pair = (key, m, one, other) => {
    if (one === other) return { middle: 1, low: 1, high: 1, told: TOLD.tie, seen: null };
    const there = pairs(key, m).get(one * 1000 + other), back = pairs(key, m).get(other * 1000 + one);
    if (there) return { middle: there[0], low: there[1], high: there[2], told: there[3], seen: there[4] };
    if (!back) return null;
    const told = Math.abs(back[3]) === 1 ? -back[3] : back[3];
    return { middle: 1 / back[0], low: 1 / back[2], high: 1 / back[1], told, seen: back[4] };
  };
  const threadsOf = (workload) => {
    const wanted = Number(state.t);
    return wanted && data.places[`${workload}/${wanted}`] ? wanted : data.main[workload];
  };
  const base = () => {
    if (state.rel === "measured") return -1;
    return state.rel.startsWith("of:") ? data.allocators.indexOf(state.rel.slice(3)) : data.base;
  };
  // In its unit, as study.py and dots.py say it.
  const amount = (workload, m, v) => {
    const unit = data.measures[workload][m][1];
    return unit !== "ns" ? `${number(v)} ${unit}` : v < 9999.5 ? `${number(v)} ns` : `${number(v / 1000)} us`;
  };
  const measured = (key, workload, m, a) => {
    const median = data.places[key].rows.find((r) => r[0] === a)?.[1 + 3 * m] ?? null;
    return median === null ? "no number" : amount(workload, m, median);
  };
  const ranked = (key, m, a) => a >= 0 && data.places[key].rows.some((r) => r[0] === a && r[1 + 3 * m] !== null);
  // By allocator: middle, low, high and what is told, relative to the base or as measured.
  const values = (key, m, to) => {
    const found = new Map();
    for (const row of data.places[key].rows) {
      const a = row[0];
      if (isHidden(a)) continue;
      if (to >= 0) {
        const p = pair(key, m, a, to);
        if (p) found.set(a, p);
      } else if (row[1 + 3 * m] !== null) {
        found.set(a, { middle: row[1 + 3 * m], low: row[2 + 3 * m], high: row[3 + 3 * m], told: null });
      }
    }
    return found;
  };

  const tie = (p) => (p.low <= 1 && p.high >= 1 ? "" : "not shown to be above 2 %; ") + seen(p.seen); // as study.py
  // A table of multiples, by the base that the reader chose. It is written with the run's own.
  const written = new Map();
  const relative = (table, workload) => {
    const caption = table.caption.firstChild, region = table.parentElement, body = table.tBodies[0];
    if (!written.has(table)) written.set(table, [caption.data, [...body.rows].map((r) => [r, [...r.cells].map((c) => c.textContent)])]);
    const [said, lines] = written.get(table), to = state.rel.startsWith("of:") ? base() : -1;
    const fill = (row, cells) => cells.forEach((text, i) => { row.cells[i].textContent = text; });
    caption.data = to < 0 ? said : `Relative to ${data.allocators[to]} on ${workload} `;
    region.setAttribute("aria-label", caption.data.trim());
    lines.forEach(([row, cells]) => fill(row, cells));
    const place = (row) => [Number(row.dataset.t), pairOf(row, 0)?.middle ?? Infinity, data.allocators.indexOf(row.dataset.a)];
    const pairOf = (row, m, key = `${workload}/${row.dataset.t}`) => ranked(key, m, to) && pair(key, m, data.allocators.indexOf(row.dataset.a), to);
    const rows = lines.map(([row]) => row);
    if (to >= 0) {
      const at = new Map(rows.map((row) => [row, place(row)])), less = (x, y) => (x === y ? 0 : x - y);
      rows.sort((x, y) => [0, 1, 2].map((i) => less(at.get(x)[i], at.get(y)[i])).find((d) => d) ?? 0);
      for (const row of rows) {
        const [name, threads] = [...row.cells].map((c) => c.textContent);
        fill(row, [name, threads, ...data.measures[workload].flatMap(([, , better, worse], m) => {
          const p = pairOf(row, m);
          if (p === false) return ["-", "-", "the base is not ranked"];
          if (row.dataset.a === data.allocators[to]) return ["1", "", "is the base"];
          if (!p) return ["-", "-", "no number"];
          return [number(p.middle), `${number(p.low)} to ${number(p.high)}`, { 1: better, "-1": worse, 0: `tie: ${tie(p)}`, 2: NOTHING }[p.told]];
        })]);
      }
    }
    body.append(...rows);
  };
  // What a dot of the pictures is, in words.
  const ofWhat = () => state.rel === "measured" ? "a median as measured, with its spread"
    : `a multiple of what ${data.allocators[base()] ?? "the base"} needs, with its interval`;

  // --- drawing -----------------------------------------------------------------------------------
  const set = (element, attributes) => {
    for (const [k, v] of Object.entries(attributes)) element.setAttribute(k, typeof v === "number" ? Math.round(v * 10) / 10 : v);
    return element;
  };
  const make = (kind, attributes, said) => {
    const made = set(document.createElementNS(SVG, kind), attributes);
    if (said !== undefined) made.textContent = said;
    return made;
  };
  const axis = (group, x, top, bottom, title) => {
    group.replaceChildren();
    for (const tick of x.ticks) {
      const at = x.at(tick);
      group.append(make("line", { x1: at, y1: top, x2: at, y2: bottom, class: "grid" }));
      group.append(make("text", { x: at, y: bottom + 13, class: "tick" }, label(tick)));
    }
    return make("text", { y: bottom + 29, class: "title" }, title);
  };
  const markOf = (svg, a) => {
    const name = data.allocators[a];
    let mark = all(".mark", svg).find((m) => m.dataset.a === name);
    if (!mark) {
      mark = svg.querySelector(".mark").cloneNode(true);
      mark.dataset.a = name;
      svg.append(mark);
    }
    mark.removeAttribute("hidden");
    return mark;
  };
  const begin = (svg) => all(".mark", svg).forEach((m) => m.setAttribute("hidden", ""));
  const resize = (svg, height) => set(svg, { height, viewBox: `0 0 ${L.width} ${height}` });
  const under = (group, x, top, bottom, title) => {
    const said = axis(group, x, top, bottom, title);
    set(said, { x: (L.left + L.right) / 2 });
    group.append(said);
  };

  // Lines from the top, with their axis: of each its mark, and low, middle and high. `one`: there is a line at 1.
  const stacked = (svg, lines, one, title) => {
    const x = around(lines.flatMap(([, ...v]) => v).concat(one ? [1] : []), L.left, L.right, state.scale !== "linear");
    const bottom = L.top + L.row * lines.length, middleLine = svg.querySelector(".one");
    lines.forEach(([mark, low, middle, high], i) => {
      set(mark, { transform: `translate(0 ${L.top + L.row * (i + 0.5)})` });
      set(mark.querySelector(".interval"), { x1: x.at(low), x2: x.at(high) });
      set(mark.querySelector("circle"), { cx: x.at(middle) });
    });
    resize(svg, bottom + L.axis);
    under(svg.querySelector(".axis"), x, L.top, bottom, title);
    if (!middleLine) return;
    middleLine.toggleAttribute("hidden", !one);
    set(middleLine, { x1: x.at(1), x2: x.at(1), y2: bottom });
  };
  // What was drawn, less what is hidden.
  const hide = (svg) => all(".mark", svg).forEach((m) => m.toggleAttribute("hidden", state.hide.has(m.dataset.a)));
  const rows = (svg) => {
    hide(svg);
    const lines = all(".mark:not([hidden])", svg).map((m) => [m, ...m.dataset.v.split(" ").map(Number)]);
    stacked(svg, lines, true, svg.querySelector(".axis .title").textContent);
  };

  const dots = (svg, key, workload) => {
    const m = Number(svg.dataset.measure);
    const [name, unit, better, worse] = data.measures[workload][m];
    const to = ranked(key, m, base()) ? base() : -1;
    const of = values(key, m, to);
    const order = [...of.keys()].sort((a, b) => of.get(a).middle - of.get(b).middle || a - b);
    begin(svg);
    const lines = order.map((a) => {
      const v = of.get(a), mark = markOf(svg, a);
      const best = data.places[key].best[m].includes(a) ? "*" : "";
      const unsure = v.told === TOLD.tie || v.told === TOLD.nothing;
      const relative = number(v.middle) + (a === to ? "" : v.told === TOLD.tie ? " tie" : v.told === TOLD.nothing ? " ?" : "");
      const told = a === to ? "the base" : { 1: better, "-1": worse, 0: v.told === TOLD.tie && `tie: ${tie(v)}`, 2: "nothing can be told" }[v.told];
      set(mark.querySelector("circle"), { class: unsure ? "hollow" : "dot" });
      mark.querySelector(".name").textContent = data.names[a];
      mark.querySelector(".value").textContent = (v.told === null ? `${long(v.middle)} ${unit}` : relative) + best;
      const said = measured(key, workload, m, a);
      mark.querySelector("title").textContent = v.told === null ? `${data.allocators[a]}: ${name} ${said} (${amount(workload, m, v.low)} to ${amount(workload, m, v.high)})`
        : `${data.allocators[a]}: ${name} ${number(v.middle)} times ${data.allocators[to]}'s (${number(v.low)} to ${number(v.high)}); ${said}; ${told}`;
      return [mark, v.low, v.middle, v.high];
    });
    const title = to >= 0 ? `multiples of ${data.allocators[to]}` : unit;
    stacked(svg, lines, to >= 0, `${name}, ${title} (left is better)`);
  };

  const slots = (wanted, top, bottom) => {
    const step = Math.min(L.gutter, (bottom - top) / Math.max(1, wanted.length));
    const found = [];
    for (const y of wanted) found.push(Math.max(y, found.length ? found[found.length - 1] + step : top));
    let limit = bottom;
    for (let i = found.length - 1; i >= 0; i--) {
      found[i] = Math.min(found[i], limit);
      limit = found[i] - step;
    }
    return found;
  };
  const pareto = (svg, key, workload) => {
    const both = ranked(key, 0, base()) && ranked(key, 1, base());
    const to = both ? base() : -1;
    const times = values(key, 0, to), memories = values(key, 1, to);
    const speeds = new Map();
    for (const [a, v] of times) {
      const f = v.told === null ? 1000 : 1;
      if (memories.has(a)) speeds.set(a, { middle: f / v.middle, low: f / v.high, high: f / v.low });
    }
    const log = state.scale !== "linear";
    const bottom = Math.max(L.paretoHeight, L.gutter * speeds.size + L.top);
    const ends = (of) => [...speeds.keys()].flatMap((a) => [of.get(a).low, of.get(a).high]);
    const x = around(ends(memories), L.paretoLeft, L.paretoRight, log);
    const y = around(ends(speeds), bottom, L.top, log);
    const px = (a) => x.at(memories.get(a).middle), py = (a) => y.at(speeds.get(a).middle);
    const order = [...speeds.keys()].sort((a, b) => Math.round(py(a) * 10) - Math.round(py(b) * 10) || a - b);
    const heights = slots(order.map(py), L.top + 4, bottom);
    const front = data.places[key].front;
    const [whoseSpeed, whoseMemory] = to >= 0 ? [` times ${data.allocators[to]}'s`, " times"] : [" million operations a second", " MiB"];
    begin(svg);
    order.forEach((a, i) => {
      const mark = markOf(svg, a), [leader, across, up] = all("line", mark), text = mark.querySelector("text");
      const beaten = front.length > 0 && !front.includes(a);
      set(leader, { x1: px(a), y1: py(a), y2: heights[i] });
      set(across, { x1: x.at(memories.get(a).low), x2: x.at(memories.get(a).high), y1: py(a), y2: py(a) });
      set(up, { x1: px(a), x2: px(a), y1: y.at(speeds.get(a).low), y2: y.at(speeds.get(a).high) });
      set(mark.querySelector("circle"), { cx: px(a), cy: py(a), class: beaten ? "hollow" : "dot" });
      set(text, { y: heights[i] + 4, class: beaten ? "label" : "label front" }).textContent = data.names[a] + (beaten || !front.length ? "" : " *");
      mark.querySelector("title").textContent =
        `${data.allocators[a]}: speed ${number(speeds.get(a).middle)}${whoseSpeed}, memory ${number(memories.get(a).middle)}${whoseMemory}; ` +
        `${measured(key, workload, 0, a)} an operation, ${measured(key, workload, 1, a)}` +
        (beaten ? "; clearly beaten" : front.length ? "; not clearly beaten" : "");
    });
    resize(svg, bottom + L.axis);
    const whose = to >= 0 ? `multiples of ${data.allocators[to]}'s` : "as measured";
    const [bottomAxis, rungs] = all(".axis", svg);
    under(bottomAxis, x, L.top, bottom, `${data.measures[workload][1][0]}, ${to >= 0 ? whose : "MiB"} (left is better)`);
    set(bottomAxis.lastChild, { x: (L.paretoLeft + L.paretoRight) / 2 });
    rungs.replaceChildren();
    for (const tick of y.ticks) {
      rungs.append(make("line", { x1: L.paretoLeft, x2: L.paretoRight, y1: y.at(tick), y2: y.at(tick), class: "grid" }));
      rungs.append(make("text", { x: L.paretoLeft - 6, y: y.at(tick) + 4, class: "rung" }, label(tick)));
    }
    rungs.append(make("text", { x: 4, y: 9, class: "caption" }, `speed, ${to >= 0 ? whose : "million operations a second"} (up is better)`));
    const line = [];
    for (const [cx, cy] of order.filter((a) => front.includes(a)).map((a) => [px(a), py(a)]).sort((p, q) => p[0] - q[0] || p[1] - q[1])) {
      if (line.length && cy >= line[line.length - 1][1]) continue;
      if (line.length) line.push([cx, line[line.length - 1][1]]);
      line.push([cx, cy]);
    }
    if (line.length) line.push([L.paretoRight, line[line.length - 1][1]]);
    svg.querySelector(".border").setAttribute("points", line.map((p) => p.map((v) => Math.round(v * 10) / 10).join(",")).join(" "));
  };

  const bars = (svg, key) => {
    const rows = data.places[key].bytes.filter((r) => !isHidden(r[0])).sort((p, q) => p[1] - q[1] || p[0] - q[0]);
    const x = around(rows.map((r) => r[1]), L.left, L.right, false);
    const bottom = L.top + L.row * rows.length;
    begin(svg);
    rows.forEach((row, i) => {
      const mark = markOf(svg, row[0]), total = row[1];
      let left = total, at = 0;
      all("rect", mark).forEach((r) => r.remove());
      const said = [];
      data.parts.forEach((part, n) => {
        const size = row[2 + n];
        if (size === null) return;
        said.push(`${part} ${number(size)}`);
        const width = part === "kept" || part === "rest" ? left : Math.min(Math.max(0, size), left);
        mark.append(make("rect", { x: x.at(at), y: -6, width: x.at(at + width) - x.at(at), height: 12, class: `piece ${part}` }));
        at += width;
        left -= width;
      });
      set(mark, { transform: `translate(0 ${L.top + L.row * (i + 0.5)})` });
      mark.querySelector(".name").textContent = data.names[row[0]];
      mark.querySelector(".value").textContent = `${number(total)} MiB`;
      mark.querySelector("title").textContent = `${data.allocators[row[0]]}: ${number(total)} MiB resident: ${said.join(", ")}`;
    });
    resize(svg, bottom + L.axis);
    under(svg.querySelector(".axis"), x, L.top, bottom, "resident, MiB (left is better)");
  };

  const redraw = (svg) => {
    const { kind, workload } = svg.dataset;
    if (!svg.querySelector(".mark")) return;
    if (!kind) hide(svg); // it stands beside others, and keeps its scale
    else if (kind === "rows") rows(svg);
    else ({ dots, pareto, bars })[kind](svg, `${workload}/${threadsOf(workload)}`, workload);
  };

  return { TOLD, NOTHING, number, long, seen, tie, pair, threadsOf, redraw, relative, ofWhat, around, linearTicks, label };
};

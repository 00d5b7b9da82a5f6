// A part of a long series: a reader drags over a picture, presses keys or types the ends, and all pictures beside it show that
// range. The marks carry their data (ranges.py). For the whole, and on paper, what was drawn at first comes back.
"use strict";
const ranging = (state, { around, linearTicks, label, number, copied, changed }) => {
  const all = (selector, from) => [...from.querySelectorAll(selector)];
  const LEAST = 1 / 500; // of the whole, that can be chosen
  const DRAG = 4; // pixels; less is a click
  let onPaper = false;

  // --- what the marks carry ----------------------------------------------------------------------
  const numbers = (text) => text.split(" ").map(Number);
  const known = new WeakMap();
  const once = (element, work) => {
    if (!known.has(element)) known.set(element, work());
    return known.get(element);
  };
  const lines = (element, [across, up]) => once(element, () => element.dataset.z.split(";").map((text) => {
    let x = 0, y = 0, stride = 0;
    return text.split(" ").map((step) => {
      const [rise, other] = step.split(",").reverse().map((n) => parseInt(n, 36));
      stride = other ?? stride;
      return [(x += stride) / across, (y += rise) / up];
    });
  }));
  const axisOf = (g) => {
    const [left, right, top, bottom] = numbers(g.dataset.box), [low, high] = numbers(g.dataset.shown);
    return { g, left, right, top, bottom, low, high, steps: numbers(g.dataset.steps ?? "1 1"), down: Boolean(g.dataset.cells) };
  };
  // One axis is of all pictures of a part; of several, each picture has its own.
  const axes = (part) => once(part, () => all("[data-box]", part).map(axisOf));
  const marksOf = (part, i) => {
    const from = axes(part).length === 1 ? part : all("svg.small, svg.plot", part)[i];
    return all("[data-z], [data-x], [data-y]", from);
  };
  const parts = all(".part", document).filter((p) => p.querySelector(".range") && axes(p).length);
  const whole = (part) => [axes(part)[0].low, axes(part)[0].high];
  const now = (part) => state.range.get(part.id) ?? whole(part);
  const labels = (part) => { // where x counts things: each of them
    const said = part.querySelector(".range").dataset.labels;
    return said ? said.split("|") : null;
  };

  // --- drawing -----------------------------------------------------------------------------------
  const first = new Map(); // of an element, as it was drawn at first
  const remember = (element) => {
    if (first.has(element)) return;
    first.set(element, { attributes: [...element.attributes].map((a) => [a.name, a.value]), children: [...element.childNodes], text: element.textContent });
  };
  const restore = (element) => {
    const { attributes, children, text } = first.get(element), whole = element.tagName === "svg"; // of it, attributes alone are changed
    for (const [name, value] of attributes) if (name !== "hidden") element.setAttribute(name, value);
    if (whole) return;
    element.removeAttribute("hidden");
    element.replaceChildren(...children);
    if (element.tagName === "title" || element.tagName === "text") element.textContent = text;
  };
  const set = (element, attributes) => {
    for (const [k, v] of Object.entries(attributes)) element.setAttribute(k, typeof v === "number" ? Math.round(v * 10) / 10 : v);
  };
  const put = (element, attributes) => {
    remember(element);
    set(element, attributes);
  };
  const say = (element, text) => {
    remember(element);
    element.textContent = text;
  };
  const hide = (element, yes) => {
    remember(element);
    element.toggleAttribute("hidden", yes);
  };
  // With a point at each end, between the two beside it.
  const cut = (points, from, to) => points.flatMap(([x, y], i) => {
    const [a, b] = points[i - 1] ?? [x, y];
    const ends = (a < x ? [from, to] : [to, from]).filter((e) => (a - e) * (x - e) < 0).map((e) => [e, b + ((y - b) * (e - a)) / (x - a)]);
    return x >= from && x <= to ? [...ends, [x, y]] : ends;
  });
  const upright = (axis, heights) => {
    const { room, least } = axis.g.dataset;
    if (!least || !heights.length) return around(heights, axis.bottom, axis.top, false);
    const low = Math.min(...heights), high = Math.max(...heights), half = Math.max(((high - low) / 2) * Number(room), Number(least)) || 1;
    const start = (low + high) / 2 - half, end = start + 2 * half;
    return { low: start, high: end, at: (v) => axis.bottom - ((v - start) / (end - start)) * (axis.bottom - axis.top), ticks: linearTicks(start, end) };
  };
  const SVG = "http://www.w3.org/2000/svg";
  const make = (kind, attributes, said) => {
    const made = document.createElementNS(SVG, kind);
    set(made, attributes);
    if (said !== undefined) made.textContent = said;
    return made;
  };
  // Its words stay; lines and numbers are new, in the places of the first ones.
  const drawAxis = (axis, y, x, from, to) => {
    const { g, left, right } = axis, rung = g.querySelector(".rung"), tick = g.querySelector(".tick");
    remember(g);
    const words = first.get(g).children.filter((c) => c.matches(".title, .caption"));
    const every = (ticks, look) => ticks.filter((_, i) => look.classList.contains("fine") ? i % Math.max(1, Math.floor(ticks.length / 3)) === 0 : true);
    const made = !rung ? [] : every(y.ticks, rung).flatMap((v) => [
      make("line", { x1: left, x2: right, y1: y.at(v), y2: y.at(v), class: "grid" }),
      make("text", { x: Number(rung.getAttribute("x")), y: y.at(v) + 4, class: rung.getAttribute("class") }, label(v))]);
    if (tick) for (const v of every(linearTicks(from, to), tick))
      made.push(make("text", { x: x(v), y: Number(tick.getAttribute("y")), class: tick.getAttribute("class") }, label(v)));
    g.replaceChildren(...made, ...words);
  };
  const between = (high, low) => high.map(([x, y], k) => [x, y - (low[k]?.[1] ?? 0)]);
  const panelOf = (part, mark) => mark.closest("svg.small") ?? all("svg.small", part).find((s) => s.dataset.a === mark.dataset.n);
  const titleOf = (part, mark) => mark.querySelector("title") ?? panelOf(part, mark)?.querySelector(":scope > title");
  const drawMarks = (part, i, from, to) => {
    const axis = axes(part)[i], marks = marksOf(part, i), [across, up] = axis.steps;
    const cuts = new Map(marks.filter((m) => m.dataset.z).map((m) => [m, lines(m, axis.steps).map((line) => cut(line, from, to))]));
    const heights = [...cuts.values()].flat(2).map(([, v]) => v);
    const y = upright(axis, heights), x = (v) => axis.left + ((v - from) / (to - from)) * (axis.right - axis.left);
    const titles = new Map(), { across: way, heads } = part.querySelector(".range").dataset, unit = heads.split("|").at(-1);
    for (const mark of marks) {
      if (mark.tagName === "path") { // upright lines
        const there = numbers(mark.dataset.x).map((v) => v / across).filter((v) => v >= from && v <= to);
        put(mark, { d: there.map((v) => `M${Math.round(x(v) * 10) / 10},${axis.top}v${axis.bottom - axis.top}`).join("") });
        continue;
      }
      const at = mark.dataset.x === undefined ? null : Number(mark.dataset.x) / across;
      const height = mark.dataset.y === undefined ? null : Number(mark.dataset.y) / up;
      if (cuts.has(mark)) {
        const [high, low = []] = cuts.get(mark);
        put(mark, { points: [...high, ...[...low].reverse()].map(([v, w]) => `${Math.round(x(v) * 10) / 10},${Math.round(y.at(w) * 10) / 10}`).join(" ") });
        const title = mark.dataset.n && titleOf(part, mark);
        if (title && high.length) titles.set(title, [...(titles.get(title) ?? []), ...between(high, low).map(([, v]) => v)]);
        continue;
      }
      hide(mark, (at !== null && (at < from || at > to)) || (height !== null && (height < y.low || height > y.high)));
      if (mark.tagName === "circle") put(mark, { cx: x(at), cy: y.at(height) });
      else if (mark.tagName === "text") put(mark, { x: x(at) });
      else if (at !== null && height !== null) put(mark, { x1: x(at), y1: y.at(height) });
      else if (at !== null) put(mark, { x1: x(at), x2: x(at) });
      else put(mark, { y1: y.at(height), y2: y.at(height) });
    }
    for (const [title, values] of titles) {
      remember(title);
      say(title, `${first.get(title).text}; from ${said(part, [from, to])}${labels(part) ? "" : ` ${way}`}: ${number(Math.min(...values))} to ${number(Math.max(...values))} ${unit}`);
    }
    drawAxis(axis, y, x, from, to);
  };
  const drawWindow = ({ g, left, right, top, bottom }, from, to) => { // a picture of places from the top, in per cent
    const step = (bottom - top) / 100;
    put(g, { viewBox: `${left} ${top + from * step} ${right - left} ${(to - from) * step}` });
    all("text", g.nextElementSibling).forEach((text, i) => say(text, `${digits(i ? to : from)} %`));
  };
  const digits = (v) => String(Number(v.toPrecision(4)));
  // Of counted things, the first and the last one inside.
  const bounds = (part, [from, to]) => (labels(part) ? [Math.ceil(from), Math.floor(to)] : [from, to]);
  const said = (part, ends) => bounds(part, ends).map((v) => labels(part)?.[v - 1] ?? digits(v)).join(" to ");
  const draw = (part) => {
    if (!parts.includes(part)) return;
    const chosen = state.range.get(part.id), bar = part.querySelector(".range"), [low, high] = whole(part), unit = bar.dataset.across;
    const [from, to] = now(part), fields = bounds(part, [from, to]);
    [...first.keys()].filter((e) => part.contains(e)).forEach(restore);
    if (chosen && !onPaper) axes(part).forEach((axis, i) => (axis.down ? drawWindow(axis, from, to) : drawMarks(part, i, from, to)));
    bar.querySelector(".from").value = digits(fields[0]);
    bar.querySelector(".to").value = digits(fields[1]);
    bar.querySelector(".all").disabled = !chosen;
    const ends = said(part, [low, high]), told = bar.querySelector("output"); // which is read out
    const text = chosen ? `Shown: ${said(part, [from, to])}, of ${ends} ${unit}.` : told.textContent && `All is shown: ${ends} ${unit}.`;
    if (told.textContent !== text) told.textContent = text;
  };

  // --- the choice --------------------------------------------------------------------------------
  // As much of the whole as was asked for, and at least LEAST of it. What lacks as little as is rounded away is the whole.
  const fit = (part, from, to) => {
    const [low, high] = whole(part), width = Math.min(high - low, Math.max(Math.abs(to - from), labels(part) ? 1 : (high - low) * LEAST));
    const start = Math.min(Math.max(Math.min(from, to), low), high - width);
    return width >= (high - low) * (1 - 1e-5) ? null : [start, start + width].map((v) => Number(v.toPrecision(6))); // as a link has them
  };
  const choose = (part, from, to) => {
    const chosen = Number.isFinite(from + to) ? fit(part, from, to) : null;
    if (chosen) state.range.set(part.id, chosen);
    else state.range.delete(part.id);
    draw(part);
    changed();
  };
  // Of the two ends, one was typed, and stays within the whole. The other follows only if it must.
  const typed = (part, value, first) => {
    const [low, high] = whole(part), least = labels(part) ? 1 : (high - low) * LEAST, beside = labels(part) ? 0.5 : 0, [from, to] = now(part);
    if (first) {
      const start = Math.min(Math.max(value - beside, low), high - least);
      choose(part, start, Math.max(to, start + least));
    } else {
      const end = Math.max(Math.min(value + beside, high), low + least);
      choose(part, Math.min(from, end - least), end);
    }
  };
  const key = (event, part) => {
    if (!parts.includes(part) || event.ctrlKey || event.metaKey || event.altKey) return false;
    const [from, to] = now(part), quarter = (to - from) / 4, move = { ArrowLeft: -quarter, ArrowUp: -quarter, ArrowRight: quarter, ArrowDown: quarter }[event.key];
    const wanted = event.shiftKey && move ? [from + move, to + move]
      : ["+", "="].includes(event.key) ? [from + quarter, to - quarter]
        : ["-", "_"].includes(event.key) ? [from - 2 * quarter, to + 2 * quarter] : event.key === "0" ? whole(part) : null;
    if (wanted) choose(part, ...wanted);
    return Boolean(wanted);
  };
  const drag = (part, event) => {
    const svg = event.target.closest("svg.small, svg.plot");
    if (!svg || event.button) return;
    const i = Math.max(0, all("svg.small, svg.plot", part).indexOf(svg)), { left, right, top, bottom, down } = axes(part)[i] ?? axes(part)[0];
    if (down && event.pointerType === "touch") return; // it moves the page
    const [start, end] = down ? [top, bottom] : [left, right];
    const at = (e) => {
      const p = new DOMPoint(e.clientX, e.clientY).matrixTransform(svg.getScreenCTM().inverse());
      return down ? p.y : p.x;
    };
    const begun = at(event);
    if (begun < start - DRAG || begun > end + DRAG) return;
    const band = make("rect", { class: "selection" });
    const inside = (e) => Math.min(end, Math.max(start, at(e)));
    const move = (e) => {
      const [a, b] = [begun, inside(e)].map((v) => Math.min(end, Math.max(start, v))).sort((p, q) => p - q);
      set(band, down ? { x: left, width: right - left, y: a, height: b - a } : { x: a, width: b - a, y: top, height: bottom - top });
    };
    const finish = (e) => {
      for (const [name, work] of listeners) svg.removeEventListener(name, work);
      band.remove();
      if (e.type === "pointercancel" || Math.abs(at(e) - begun) < DRAG) return;
      const [from, to] = now(part), value = (p) => from + ((p - start) / (end - start)) * (to - from);
      choose(part, value(Math.min(end, Math.max(start, begun))), value(inside(e)));
    };
    const listeners = [["pointermove", move], ["pointerup", finish], ["pointercancel", finish]];
    for (const [name, work] of listeners) svg.addEventListener(name, work);
    svg.setPointerCapture(event.pointerId);
    svg.append(band);
    move(event);
  };
  const points = (part) => {
    const [from, to] = now(part), names = labels(part), within = (v) => v >= from && v <= to;
    return axes(part).flatMap((axis, i) => axis.down ? cells(axis.g, from, to)
      : marksOf(part, i).filter((m) => m.dataset.n && m.dataset.z && !state.hide.has(m.dataset.n)).flatMap((mark) => {
        const [high, low = []] = lines(mark, axis.steps), round = (v) => String(Number(v.toPrecision(7)));
        return between(high, low).filter(([x]) => within(x))
          .map(([x, y]) => [mark.dataset.n, ...(names ? names[x - 1].split(" ") : [round(x)]), round(y)]);
      }));
  };
  const cells = (g, from, to) => g.dataset.cells.split(";").flatMap((phase, i) => phase.split(" ")
    .map((place, k, { length }) => [[(100 * k) / length, (100 * (k + 1)) / length], place.split(",")])
    .filter(([[start, end]]) => end > from && start < to)
    .map(([[start], sizes]) => [String(i + 1), String(start), ...sizes]));

  // --- begin -------------------------------------------------------------------------------------
  for (const part of parts) {
    const bar = part.querySelector(".range"), [from, to] = [".from", ".to"].map((s) => bar.querySelector(s));
    bar.hidden = false;
    part.classList.add(axes(part)[0].down ? "ranged-down" : "ranged");
    for (const end of [from, to]) end.addEventListener("change", () => typed(part, end.valueAsNumber, end === from));
    bar.querySelector(".all").addEventListener("click", () => choose(part, ...whole(part)));
    bar.querySelector(".points").addEventListener("click", () => copied([bar.dataset.heads.split("|"), ...points(part)], bar.querySelector("output")));
    part.addEventListener("pointerdown", (event) => drag(part, event));
    for (const picture of all(".picture", part)) picture.setAttribute("aria-label", `${picture.getAttribute("aria-label")}; plus and minus change the range, shift with left and right moves it, 0 shows all`);
  }
  const paper = (yes) => {
    onPaper = yes;
    parts.forEach(draw);
  };
  addEventListener("beforeprint", () => paper(true));
  addEventListener("afterprint", () => paper(false));
  matchMedia("print").addEventListener("change", (event) => paper(event.matches));

  return {
    cut,
    draw,
    key,
    address: () => [...state.range].map(([id, ends]) => [id, ...ends].join(":")).join(","),
    read: (text) => {
      state.range = new Map();
      for (const one of text.split(",")) {
        const [id, from, to] = one.split(":"), part = parts.find((p) => p.id === id), chosen = part && to && fit(part, Number(from), Number(to));
        if (chosen && chosen.every(Number.isFinite)) state.range.set(id, chosen);
      }
    },
  };
};

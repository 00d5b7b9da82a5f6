// Drives pages in a headless Chromium, as a reader would, and prints what it saw as JSON: a list of [case, problems].
// usage: node drive.mjs MODULES CHROMIUM FOLDER_FOR_SCREENSHOTS BENCH_PAGE [OTHER_PAGE...]
//        node drive.mjs MODULES CHROMIUM FOLDER --first PAGE    when, with a quarter of the CPU, has it its first picture?
import { createRequire } from "node:module";
import { basename, join, resolve } from "node:path";
import { readFileSync } from "node:fs";

const [, , modules, executablePath, folder, bench, ...others] = process.argv;
const require = createRequire(resolve(modules) + "/");
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const found = [];
const PATIENCE = 300_000; // milliseconds: the machine may be busy
const check = async (name, work) => {
  const problems = [];
  try {
    await work((good, said) => good || problems.push(said));
  } catch (problem) {
    problems.push(String(problem));
  }
  found.push([name, problems]);
};

const browser = await chromium.launch({ executablePath, timeout: PATIENCE, args: ["--no-sandbox", "--disable-gpu"] });
const trouble = [];
const open = async (file, options = {}, fragment = "") => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, bypassCSP: true, ...options });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  page.on("console", (m) => m.type() === "error" && trouble.push(`${basename(file)}: console: ${m.text()}`));
  page.on("pageerror", (e) => trouble.push(`${basename(file)}: ${e}`));
  page.on("request", (r) => r.url().startsWith("file:") || trouble.push(`${basename(file)}: asks for ${r.url()}`));
  await page.goto(`file://${resolve(file)}${fragment}`);
  return page;
};
const shot = (page, name) => process.env.SHOTS && page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
const violations = async (page) => {
  await page.evaluate(axe);
  const result = await page.evaluate(() => globalThis.axe.run());
  return result.violations.map((v) => `${v.id}: ${v.nodes.length} times, as ${v.nodes[0].html.slice(0, 160)}`);
};
const places = (page) =>
  page.$$eval(".part:not([hidden]) svg.plot", (plots) => plots.map((s) => [s.getAttribute("viewBox"), ...[...s.querySelectorAll(".mark:not([hidden])")].map((m) =>
    [m.dataset.a, m.getAttribute("transform"), ...[...m.querySelectorAll("circle, rect, line")].map((e) =>
      ["cx", "cy", "x", "x1", "x2", "y1", "y2", "width", "class"].map((k) => e.getAttribute(k)).join(" "))].join("|") + `\n${[...m.querySelectorAll("text, title")].map((t) => t.textContent).join("|")}`).sort()]));
// A mark may be off by a pixel: the numbers of the page have four digits. What is written may not differ.
const alike = (one, other) => {
  const [[a, said], [b, again]] = [one, other].map((mark) => mark.split("\n")).map(([at, text]) => [at.split(/[ |,]/), text]);
  return said === again && a.length === b.length && a.every((x, i) => x === b[i] || Math.abs(parseFloat(x.replace("translate(", "")) - parseFloat(b[i].replace("translate(", ""))) <= 1);
};
// What is seen of an allocator: its lines of pictures and tables, and the columns that have it in their head.
const seenOf = (page, name) => page.evaluate((n) => {
  const there = (selector) => [...document.querySelectorAll(selector)].filter((e) => e.dataset.a === n);
  const cells = there("thead th").flatMap((th) => [...th.closest("table").rows].map((line) => line.cells[th.cellIndex]));
  const shown = (list) => list.filter((e) => e.checkVisibility() && getComputedStyle(e).display !== "none").length; // of a g, the first says nothing
  return { marks: shown(there(".mark")), panels: shown(there("svg.small")), lines: shown(there("tbody tr")), cells: shown(cells) };
}, name);
// Lines of pictures that do not follow each other, or an axis that is not below the last.
const gaps = (page) => page.$$eval('svg[data-kind="rows"], svg[data-kind="dots"]', (plots) => plots.filter((p) => p.checkVisibility()).flatMap((p) => {
  const at = [...p.querySelectorAll(".mark:not([hidden])")].map((m) => Number(m.getAttribute("transform").match(/ ([\d.]+)\)/)[1])).sort((a, b) => a - b);
  const steps = at.slice(1).map((y, i) => Math.round(y - at[i])), below = p.viewBox.baseVal.height - at[at.length - 1];
  return steps.some((s) => s !== steps[0]) || below > 60 ? [`${p.getAttribute("aria-label")}: at ${at}, then ${below}`] : [];
}));
const visible = (page, selector) => page.$$eval(selector, (e) => e.filter((x) => x.checkVisibility()).length);
const values = (page, workload, measure = 0) => page.$$eval(`svg[data-kind=dots][data-workload=${workload}][data-measure="${measure}"] .mark:not([hidden])`, (m) => m.map((x) => [x.querySelector(".name").textContent, x.querySelector(".value").textContent]));

const holds = (page, part) => page.evaluate((p) => location.hash.includes(p), part);

if (bench === "--first") {
  const context = await browser.newContext(), slow = await context.newPage();
  slow.on("pageerror", (e) => trouble.push(String(e)));
  await (await context.newCDPSession(slow)).send("Emulation.setCPUThrottlingRate", { rate: 4 });
  await slow.addInitScript(() => {
    const look = () => {
      const there = document.querySelector("svg.plot");
      if (!there || !there.getBoundingClientRect().height) requestAnimationFrame(look);
      else requestAnimationFrame(() => setTimeout(() => { globalThis.firstPicture = performance.now(); })); // it is painted
    };
    look();
  });
  await slow.goto(`file://${resolve(others[0])}`, { timeout: PATIENCE });
  await slow.waitForFunction(() => globalThis.firstPicture, null, { timeout: PATIENCE });
  const [milliseconds, pictures] = await slow.evaluate(() => [globalThis.firstPicture, document.querySelectorAll("svg.plot").length]);
  await browser.close();
  console.log(JSON.stringify({ milliseconds, pictures, trouble }));
  process.exit(0);
}
let page = await open(bench);
const drawn = [bench, ...others.filter((f) => /try|together|compare|classes/.test(basename(f)))];
for (const file of drawn) await check(`it draws what was drawn without it: ${basename(file)}`, async (expect) => {
  const plain = await places(await open(file, { javaScriptEnabled: false })), switched = await places(await open(file));
  expect(plain.length > 2 && plain.length === switched.length, "other pictures");
  plain.forEach((p, i) => p.forEach((mark, j) => expect(alike(mark, switched[i][j]), `${mark} became ${switched[i][j]}`)));
});
// [view, { picture: what hovering over its marks says }] as Python makes it of the run, and the points of a line over time.
const { views, over } = JSON.parse(readFileSync(bench.replace(/html$/, "json")));
for (const [view, pictures] of views) await check(`what is drawn anew says the same: ${view}`, async (expect) => {
  const there = await open(bench, {}, `#${view}`);
  const seen = await there.$$eval(".part:not([hidden]) svg[data-workload]", (plots) => plots.map((s) => [`${s.dataset.kind} ${s.dataset.workload} ${s.dataset.measure ?? ""}`,
    [...s.querySelectorAll(".mark:not([hidden]) > title")].map((t) => t.textContent).sort()]));
  expect(seen.length === Object.keys(pictures).length, `pictures: ${seen.map(([key]) => key)}`);
  for (const [key, said] of seen) (pictures[key] ?? []).concat(said).forEach((_, i) => expect(said[i] === pictures[key]?.[i], `${key}: ${said[i]}, not ${pictures[key]?.[i]}`));
  await there.context().close();
});
await check("switch the workload", async (expect) => {
  await page.selectOption("#workload", "is:small");
  const shown = await page.$$eval(".part:not([hidden])", (p) => p.map((x) => x.dataset.workload));
  expect(shown.length > 3 && shown.every((w) => w === "small"), `shown: ${shown}`);
});
await check("hide an allocator", async (expect) => {
  await page.click("#controls summary");
  await page.uncheck("#controls label:has-text('scudo') input");
  const left = await values(page, "small");
  expect(left.length > 3 && !left.some(([name]) => name === "scudo"), `left: ${left}`);
  expect((await visible(page, "#workloads-small tbody th:text-is('scudo')")) === 0, "its line stays");
});
await check("relative to another, and as measured", async (expect) => {
  await page.selectOption("#relative", "of:jemalloc");
  const of = Object.fromEntries(await values(page, "small"));
  expect(/^1\.00/.test(of.jemalloc), `jemalloc is ${of.jemalloc}`);
  expect(parseFloat(of.gomalloc) < 1, `gomalloc is ${of.gomalloc}`);
  const about = () => page.textContent("#workloads > p"), table = () => page.innerText("#workloads-small table");
  expect(/^Each dot is a multiple of what jemalloc needs, /.test(await about()), await about());
  const lines = (await table()).split("\n").map((line) => line.split("\t"));
  expect(/^Relative to jemalloc on small/.test(lines[0][0]), lines[0][0]);
  const [time, memory] = await Promise.all([0, 1].map((m) => values(page, "small", m)));
  for (const [name, , ratio, , , size] of lines.filter(([, threads]) => threads === "2")) {
    const drawnAs = [time, memory].map((of) => Number(of.find(([n]) => n === name)[1].match(/^[\d.e-]+/)[0]));
    expect(drawnAs[0] === Number(ratio) && drawnAs[1] === Number(size), `${name}: ${ratio} and ${size} in the table, ${drawnAs} in the pictures`);
  }
  const order = lines.filter(([, threads]) => threads === "2").map(([, , ratio]) => Number(ratio));
  expect(order.length > 5 && order.every((r, i) => !i || order[i - 1] <= r), `not sorted: ${order}`);
  await page.selectOption("#relative", "");
  const first = await table();
  await page.selectOption("#relative", "of:system");
  expect(first === (await table()), `by the same base, the table became ${await table()}`);
  await page.selectOption("#relative", "measured");
  expect(/^Each dot is a median as measured, /.test(await about()), await about());
  expect(first === (await table()), "the table is relative no more");
  expect((await values(page, "small")).every(([, v]) => / ns\*?$/.test(v)), "not in nanoseconds");
});
await check("other threads", async (expect) => {
  const before = await values(page, "small");
  await page.selectOption("#threads", "4");
  expect(JSON.stringify(before) !== JSON.stringify(await values(page, "small")), "the picture stays");
  const at = await page.textContent("#workloads-small .at");
  expect(/ 4 /.test(at), at);
  const counts = await page.$$eval("#workloads-small tbody tr:not([hidden]) td:nth-child(2)", (c) => [...new Set(c.map((x) => x.textContent))]);
  expect(counts.join() === "4", `threads in the table: ${counts}`);
});
await check("a link leads to the same view", async (expect) => {
  await page.selectOption("#scale", "linear");
  const fragment = await page.evaluate(() => location.hash), there = await open(bench, {}, fragment);
  expect(JSON.stringify(await places(page)) === JSON.stringify(await places(there)), `${fragment} shows something else`);
  expect((await there.inputValue("#scale")) === "linear" && !(await there.isChecked("#controls label:has-text('scudo') input")), "the controls differ");
});
await check("a link to a sentence", async (expect) => {
  await page.click("#controls button[type=reset]");
  const key = await page.$eval("#summary li", (e) => e.id);
  await page.click(`#${key} .anchor`);
  expect(await holds(page, `#${key}`), page.url());
  const there = await open(bench, {}, `#${key}`);
  expect(await there.$eval(`#${key}`, (e) => e.classList.contains("target")), "it is not marked");
});
await check("two of them", async (expect) => {
  await page.selectOption("#one", { label: "gomalloc" });
  await page.selectOption("#other", { label: "system" });
  const said = await page.$$eval("#said li", (e) => e.map((x) => x.textContent));
  expect(said.some((s) => /^small, 2 threads, time: yes, gomalloc is faster than system: 0\.[23]\d times/.test(s)), said.join("\n"));
  expect(said.some((s) => /^small, 2 threads, memory: no, gomalloc is larger than system/.test(s)), said.join("\n"));
});
await check("copy as CSV", async (expect) => {
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.click("#speed-memory-small .csv");
  const text = await page.evaluate(() => navigator.clipboard.readText());
  expect(text.startsWith("allocator,threads,ns/op,") && text.split("\n").length > 8, text);
});
await check("what is copied is not a formula", async (expect) => {
  const there = await open(bench), cell = "#speed-memory-small tbody tr:not([hidden]) th, #speed-memory-small tbody tr:not([hidden]) td";
  await there.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  for (const [name, safe] of [["-2+3+cmd|' /C calc'!A0", false], ["=1", false], ["@a", false], ["+a", false], ["-.a", false], ["-5 to =1", false], ["-", true], ["-21.0 % .. -19.0 %", true], ["-3.5 MiB", true], ["+7", true], ["-1e-3", true]]) {
    await there.$eval(cell, (e, text) => { e.textContent = text; }, name);
    await there.click("#speed-memory-small .csv");
    const copied = await there.evaluate(() => navigator.clipboard.readText());
    expect(copied.split("\n")[1].startsWith(`${safe ? "" : "'"}${name},`), `${name} is copied as ${copied.split("\n")[1]}`);
  }
});
await check("an address that is typed by hand", async (expect) => {
  for (const hide of ["50%", "%25", "%25zz"]) {
    const there = await open(bench, {}, `#hide=${hide},scudo&w=is:small&scale=linear`);
    expect((await there.inputValue("#scale")) === "linear" && !(await there.isChecked("#controls label:has-text('scudo') input")), `hide=${hide}: the rest is ignored`);
    expect((await there.$$eval("#said li", (e) => e.length)) > 0, `hide=${hide}: the pair is empty`);
  }
});
await check("hover and keys", async (expect) => {
  await page.hover("#workloads-small .mark circle");
  expect(/times system's/.test(await page.textContent("#tip")), await page.textContent("#tip"));
  await page.focus("#workloads-small .picture");
  await page.keyboard.press("ArrowRight");
  const first = await page.textContent("#tip");
  await page.keyboard.press("ArrowRight");
  expect(first && first !== (await page.textContent("#tip")), `stays at ${first}`);
  await page.keyboard.press("Escape");
  expect(!(await page.isVisible("#tip")), "Escape leaves it open");
});
await check("keyboard alone", async (expect) => {
  const keys = await open(bench);
  const reach = async (id) => {
    for (let i = 0; i < 200; i++) {
      await keys.keyboard.press("Tab");
      if (await keys.evaluate((x) => document.activeElement.id === x || document.activeElement.parentElement.id === x, id)) return;
    }
    throw new Error(`${id} is not reached`);
  };
  await reach("workload");
  for (let i = 0; i < 20 && (await keys.inputValue("#workload")) !== "is:small"; i++) await keys.keyboard.press("ArrowDown");
  expect((await keys.inputValue("#workload")) === "is:small", `chosen: ${await keys.inputValue("#workload")}`);
  await reach("scale");
  await keys.keyboard.press("ArrowDown");
  expect(await holds(keys, "scale=linear"), keys.url());
  await keys.keyboard.press("Tab");
  await keys.keyboard.press("Enter");
  await keys.keyboard.press("Tab");
  await keys.keyboard.press("Space");
  const focus = await keys.evaluate(() => document.activeElement.outerHTML.slice(0, 80));
  expect(await holds(keys, "hide="), `${keys.url()}, at ${focus}`);
});
// On pages of other kinds, by keys alone: the list is opened, an allocator hidden, and the view linked.
const HIDDEN = { try: ["scudo", ["marks", "lines"]], together: ["scudo", ["marks", "panels", "lines", "cells"]], check: ["poor", ["lines", "cells"]],
  harden: ["poor", ["lines", "cells"]], compare: ["scudo", ["marks", "lines"]], classes: ["scudo", ["marks", "panels", "lines"]] };
for (const [kind, [name, kinds]] of Object.entries(HIDDEN)) for (const file of others.filter((f) => basename(f, ".html") === kind)) {
  await check(`hide an allocator by keys: ${kind}`, async (expect) => {
    const keys = await open(file), before = await seenOf(keys, name), heights = await places(keys);
    for (const k of kinds) expect(before[k] > 0, `nothing to hide: ${k}`);
    const to = async (test) => {
      for (let i = 0; i < 300; i++) {
        await keys.keyboard.press("Tab");
        if (await keys.evaluate(test, name)) return;
      }
      throw new Error("it is not reached");
    };
    await to(() => document.activeElement.matches("#controls summary"));
    await keys.keyboard.press("Enter");
    await to((n) => document.activeElement.matches(".choice") && document.activeElement.value === n);
    await keys.keyboard.press("Space");
    const after = await seenOf(keys, name);
    expect(Object.values(after).every((n) => n === 0), `still seen: ${JSON.stringify(after)}`);
    expect(await holds(keys, `hide=${name}`), keys.url());
    expect(/1 hidden/.test(await keys.textContent("#controls summary")), "the list does not say that one is hidden");
    expect((await keys.evaluate(() => document.activeElement.value)) === name, "the focus is lost");
    for (const said of await gaps(keys)) expect(false, said);
    for (const said of await violations(keys)) expect(false, said);
    const there = await open(file, {}, await keys.evaluate(() => location.hash));
    expect(JSON.stringify(await seenOf(there, name)) === JSON.stringify(after), "the link shows something else");
    await shot(keys, `${kind}-hidden`);
    await keys.keyboard.press("Space");
    expect(JSON.stringify(await seenOf(keys, name)) === JSON.stringify(before), "it does not come back");
    expect(JSON.stringify(await places(keys)) === JSON.stringify(heights), "it comes back elsewhere");
  });
}
await check("what a link leads to is shown", async (expect) => {
  const file = others.find((f) => basename(f) === "check.html");
  const there = await open(file, {}, "#at=f-poor-a_2eone&hide=poor,good");
  expect(await there.$eval("#f-poor-a_2eone", (e) => e.checkVisibility()), "its line is hidden");
  expect((await seenOf(there, "good")).cells === 0, "another is shown, too");
});
await check("no column that is hidden is copied", async (expect) => {
  const copied = await open(others.find((f) => basename(f) === "check.html"), {}, "#at=matrix-all&hide=poor");
  await copied.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await copied.click("#matrix-all .csv");
  const text = await copied.evaluate(() => navigator.clipboard.readText());
  expect(text.startsWith("check,good,the promise\na.one,ok,"), text);
});
await check("no column is cut", async (expect) => {
  for (const file of [bench, ...others]) {
    const wide = await open(file, { viewport: { width: 1200, height: 900 } }, file === bench ? "#w=*" : "");
    const cut = await wide.$$eval(".scroll", (tables) => tables.filter((t) => t.checkVisibility() && t.scrollWidth > t.clientWidth + 1).map((t) => t.getAttribute("aria-label")));
    expect(!cut.length, `${basename(file)}: ${cut.join("; ")}`);
  }
});
await check("narrow", async (expect) => {
  for (const file of [bench, ...others]) {
    const narrow = await open(file, { viewport: { width: 390, height: 844 } });
    const width = await narrow.evaluate(() => document.documentElement.scrollWidth);
    expect(width <= 390, `${basename(file)} is ${width} pixels wide`);
    await shot(narrow, `${basename(file, ".html")}-narrow`);
  }
});
for (const file of [bench, ...others]) for (const colorScheme of ["light", "dark"]) {
  if (colorScheme === "dark" && file !== bench && !process.env.SHOTS) continue; // they look alike
  const name = `${basename(file, ".html")}-${colorScheme}`;
  await check(`accessible: ${name}`, async (expect) => {
    const seen = await open(file, { colorScheme });
    expect((await visible(seen, "svg, table")) > 0, "nothing is there");
    for (const said of await violations(seen)) expect(false, said);
    await shot(seen, name);
  });
}
await check("print", async (expect) => {
  const printed = await open(bench);
  await printed.emulateMedia({ media: "print" });
  expect(!(await printed.isVisible("#controls")), "the controls are printed");
  expect(!(await printed.isVisible("#left-out")), "nothing is hidden, and paper says otherwise");
  await printed.evaluate(() => { location.hash = "hide=system"; });
  const says = await printed.waitForFunction(() => document.querySelector("#left-out").textContent === "Left out by choice: system.").catch(() => false);
  expect(says, "paper does not say what is hidden");
  expect(await printed.isVisible("#left-out"), "what is hidden is not on paper");
  await printed.evaluate(() => { location.hash = ""; });
  await shot(printed, `${basename(bench, ".html")}-print`);
});
// --- a part of a long series ---
const marksOf = (page, part) => page.$$eval(`${part} [data-z], ${part} [data-x], ${part} [data-y], ${part} .axis *, ${part} .window`, (m) => m.map((e) =>
  ["points", "x", "x1", "y1", "x2", "y2", "cx", "cy", "viewBox"].map((k) => e.getAttribute(k)).join(" ") + (e.checkVisibility() ? "" : " hidden") + (e.matches("text") ? e.textContent : "")));
const ends = (page, part) => page.$eval(`${part} .range`, (bar) => [".from", ".to"].map((s) => bar.querySelector(s).valueAsNumber));
const toldOf = (page, part) => page.textContent(`${part} .range output`);
const becomes = async (page, part, wanted) => { // also where an event comes with the next frame
  for (let i = 0; i < 600 && JSON.stringify(await marksOf(page, part)) !== JSON.stringify(wanted); i++) await page.waitForTimeout(50);
  return JSON.stringify(await marksOf(page, part)) === JSON.stringify(wanted);
};
const dragged = async (page, panel, from, to, [start, end, size] = [40, 168, 176]) => {
  await page.locator(panel).scrollIntoViewIfNeeded();
  const box = await page.locator(panel).boundingBox(), at = (share) => box.x + (box.width * (start + share * (end - start))) / size, y = box.y + box.height / 2;
  await page.mouse.move(at(from), y);
  await page.mouse.down();
  await page.mouse.move(at((from + to) / 2), y, { steps: 3 });
  await page.mouse.move(at(to), y);
  await page.mouse.up();
};
const near = (value, wanted, by) => Math.abs(value - wanted) <= by;
const copied = async (page, button) => {
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.click(button);
  return (await page.evaluate(() => navigator.clipboard.readText())).trim().split("\n").map((line) => line.split(","));
};
await check("a range by mouse", async (expect) => {
  const seen = await open(bench), first = await marksOf(seen, "#time-small"), [low, high] = await ends(seen, "#time-small"), of = "#time-small svg.small[data-a=gomalloc]";
  await dragged(seen, of, 0.25, 0.5);
  const [from, to] = await ends(seen, "#time-small"), wide = high - low;
  expect(near(from, low + 0.25 * wide, 0.02 * wide) && near(to, low + 0.5 * wide, 0.02 * wide), `${from} to ${to} of ${low} to ${high}`);
  expect(/^Shown: [\d.]+ to [\d.]+, of 0 to [\d.]+ seconds\.$/.test(await toldOf(seen, "#time-small")), await toldOf(seen, "#time-small"));
  const line = await seen.$eval("#time-small polyline[data-n=gomalloc]", (e) => e.getAttribute("points").split(" ").map((p) => p.split(",").map(Number)));
  expect(line[0][0] === 40 && line[line.length - 1][0] === 168, `drawn from ${line[0]} to ${line[line.length - 1]}`);
  const exact = (await holds(seen, "range=time-small")) && (await seen.evaluate(() => new URLSearchParams(location.hash.slice(1)).get("range").split(":").slice(1).map(Number)));
  const inside = over.filter(([t]) => t >= exact[0] && t <= exact[1]), top = Math.max(...inside.map(([, v]) => v)), bottom = Math.min(...inside.map(([, v]) => v));
  expect(inside.length > 12, `only ${inside.length} points`);
  const unit = (Math.max(...line.map(([, y]) => y)) - Math.min(...line.map(([, y]) => y))) / (top - bottom);
  for (const [t, v] of inside) {
    const x = 40 + (128 * (t - exact[0])) / (exact[1] - exact[0]), y = Math.max(...line.map(([, h]) => h)) - (v - bottom) * unit;
    expect(line.some(([a, b]) => near(a, x, 0.2) && near(b, y, 0.2)), `at ${t} s there is no ${v} MiB`);
  }
  const rows = (await copied(seen, "#time-small .points")), mine = rows.filter(([name]) => name === "gomalloc");
  expect(rows[0].join() === "allocator,seconds,MiB" && rows.some(([name]) => name === "system"), rows[0].join());
  expect(mine.length === inside.length, `${mine.length} points are copied, of ${inside.length}`);
  mine.forEach(([, t, v], i) => expect(near(Number(t), inside[i][0], 1e-4) && near(Number(v), inside[i][1], 1e-3), `copied: ${t} ${v}, not ${inside[i]}`));
  expect(/copied/.test(await toldOf(seen, "#time-small")), "nobody is told that it is copied");
  await seen.hover(of);
  expect(/; from [\d.]+ to [\d.]+ seconds: [\d.]+ to [\d.]+ MiB$/.test(await seen.textContent("#tip")), await seen.textContent("#tip"));
  for (const said of await violations(seen)) expect(false, said);
  await shot(seen, "bench-range");
  const part = await marksOf(seen, "#time-small"), there = await open(bench, {}, await seen.evaluate(() => location.hash));
  expect(JSON.stringify(part) === JSON.stringify(await marksOf(there, "#time-small")), "the link shows another range");
  expect(JSON.stringify(part) !== JSON.stringify(first), "nothing is drawn anew");
  await seen.emulateMedia({ media: "print" });
  expect(await becomes(seen, "#time-small", first), "it is not printed whole");
  expect(!(await seen.isVisible("#time-small .range")), "the fields are printed");
  await seen.emulateMedia({ media: "screen" });
  expect(await becomes(seen, "#time-small", part), "after printing, the range is another");
  await seen.evaluate(() => dispatchEvent(new Event("beforeprint")));
  expect(JSON.stringify(await marksOf(seen, "#time-small")) === JSON.stringify(first), "before printing, it is not whole");
  await seen.evaluate(() => dispatchEvent(new Event("afterprint")));
  await seen.click("#time-small .all");
  expect(JSON.stringify(await marksOf(seen, "#time-small")) === JSON.stringify(first), "the whole is not as at first");
  expect(/^All is shown: /.test(await toldOf(seen, "#time-small")) && !(await holds(seen, "range")), await toldOf(seen, "#time-small"));
  await dragged(seen, of, 0.6, 0.3);
  expect(near((await ends(seen, "#time-small"))[0], low + 0.3 * wide, 0.02 * wide), `to the left: ${await ends(seen, "#time-small")}`);
  await seen.click("#controls button[type=reset]");
  expect(JSON.stringify(await marksOf(seen, "#time-small")) === JSON.stringify(first), "Reset leaves a range");
});
await check("a range by keys", async (expect) => {
  const keys = await open(bench), [low, high] = await ends(keys, "#time-small"), wide = high - low, by = 0.002 * wide;
  const is = async (from, to, what) => {
    const [a, b] = await ends(keys, "#time-small");
    expect(near(a, low + from * wide, by) && near(b, low + to * wide, by), `${what}: ${a} to ${b} of ${low} to ${high}`);
  };
  await keys.focus("#time-small .picture");
  await keys.keyboard.press("+");
  await is(0.25, 0.75, "plus");
  await keys.keyboard.press("Shift+ArrowRight");
  await is(0.375, 0.875, "to the right");
  for (let i = 0; i < 3; i++) await keys.keyboard.press("Shift+ArrowRight");
  await is(0.5, 1, "not beyond the end");
  await keys.keyboard.press("Shift+ArrowLeft");
  await is(0.375, 0.875, "to the left");
  await keys.keyboard.press("ArrowRight");
  expect(await keys.isVisible("#tip"), "without shift, right does not step through the panels");
  await is(0.375, 0.875, "a step");
  await keys.keyboard.press("-");
  await is(0, 1, "minus");
  expect(/^All is shown: /.test(await toldOf(keys, "#time-small")), await toldOf(keys, "#time-small"));
  for (let i = 0; i < 30; i++) await keys.keyboard.press("+");
  const [a, b] = await ends(keys, "#time-small");
  expect(near(b - a, wide / 500, wide / 5000), `as near as ${a} to ${b}`);
  await keys.keyboard.press("0");
  await is(0, 1, "nought");
  for (let i = 0; i < 200 && !(await keys.evaluate(() => document.activeElement.matches("#time-small .from"))); i++) await keys.keyboard.press("Shift+Tab");
  await keys.keyboard.type(String(low + wide / 4)); // of a field that is reached by keys, all is selected
  await keys.keyboard.press("Tab");
  await is(0.25, 1, "typed");
  for (let i = 0; i < 9 && !(await keys.evaluate(() => document.activeElement.matches("#time-small .all"))); i++) await keys.keyboard.press("Tab");
  await keys.keyboard.press("Enter");
  await is(0, 1, "by its button");
  const type = async (end, share) => {
    await keys.fill(`#time-small .${end}`, String(low + share * wide));
    await keys.keyboard.press("Tab");
  };
  for (const [end, share, from, to] of [["from", 0.25, 0.25, 1], ["to", 0.5, 0.25, 0.5], ["from", 0.6, 0.6, 0.602], ["to", 0.75, 0.6, 0.75], ["to", 0.5, 0.498, 0.5], ["from", 7, 0.998, 1], ["from", 0.5, 0.5, 1], ["to", -7, 0, 0.002], ["to", 9, 0, 1]]) {
    await type(end, share);
    await is(from, to, `${end} ${share}`);
  }
  const named = await keys.$eval("#time-small .picture", (e) => e.getAttribute("aria-label"));
  expect(/plus and minus change the range/.test(named), named);
});
// Of all but a fifty-thousandth, which is more than counts as all, each mark is where it was: the data that it carries are those that were drawn.
for (const file of [bench, ...others.filter((f) => /why|history/.test(basename(f)))]) await check(`marks carry what was drawn: ${basename(file)}`, async (expect) => {
  const seen = await open(file, {}, file === bench ? "#w=*" : "");
  const took = () => seen.$$eval(".ranged", (parts) => parts.filter((p) => p.checkVisibility()).map((p) => [p.id, [...p.querySelectorAll("[data-z], [data-x], [data-y]")].map((e) =>
    [["x", "x1", "y1", "x2", "y2", "cx", "cy"].map((k) => Number(e.getAttribute(k))), (e.getAttribute("points") ?? "").split(" ").filter(Boolean).map((p) => p.split(",").map(Number)), e.tagName])]));
  const first = await took();
  expect(first.length > 0 && first.every(([, marks]) => marks.length > 1), "no range");
  const hash = await seen.evaluate(() => [...document.querySelectorAll(".ranged")].map((p) => {
    const [low, high] = p.querySelector("[data-shown]").dataset.shown.split(" ").map(Number);
    return `${p.id}:${low}:${high - (high - low) * 2e-5}`;
  }).join(","));
  await seen.evaluate((h) => { location.hash = h; }, `${file === bench ? "w=*&" : ""}range=${encodeURIComponent(hash)}`);
  await seen.waitForFunction(() => [...document.querySelectorAll(".ranged .all")].some((b) => !b.disabled));
  const again = await took();
  first.forEach(([id, marks], p) => marks.forEach(([at, line, kind], i) => {
    const [nowAt, nowLine] = again[p][1][i];
    at.forEach((v, k) => expect(near(v, nowAt[k], 0.35), `${id}: a ${kind} went from ${at} to ${nowAt}`));
    const lost = line.filter(([x, y]) => !nowLine.some(([a, b]) => near(a, x, 0.35) && near(b, y, 0.35)));
    expect(!lost.length, `${id}: a ${kind} of ${line.length} lost ${lost.length} points, as ${lost[0]}`);
  }));
});
await check("a range of the history", async (expect) => {
  const seen = await open(others.find((f) => basename(f) === "history.html")), part = `#${await seen.$eval(".ranged", (p) => p.id)}`;
  await dragged(seen, `${part} svg.small >> nth=1`, 0.5, 1);
  expect(/^Shown: [0-9a-f]{8} [\d-]{10} to [0-9a-f]{8} [\d-]{10}, of /.test(await toldOf(seen, part)), await toldOf(seen, part));
  const [heads, ...rows] = await copied(seen, `${part} .points`);
  expect(heads.slice(0, 3).join() === "row and set,commit,date" && rows.length > 3, heads.join());
  expect(rows.every((r) => /^"?[a-z_]+/.test(r[0])), rows[0].join());
  const [from, to] = await ends(seen, part), left = await seen.$eval(`${part} .range`, (bar) => bar.dataset.labels.split("|"));
  expect(Number.isInteger(from) && to === left.length, `${from} to ${to} of ${left.length}`);
  const dates = rows.map((r) => r.at(-2)), inside = left.slice(from - 1).map((l) => l.split(" ")[1]);
  expect(dates.every((d) => inside.includes(d)), `${dates}, not within ${inside}`);
  await seen.fill(`${part} .from`, "3");
  await seen.fill(`${part} .to`, "4");
  await seen.press(`${part} .to`, "Enter");
  expect((await toldOf(seen, part)).startsWith(`Shown: ${left[2]} to ${left[3]}, of ${left[0]} to `), await toldOf(seen, part));
  await shot(seen, "history-range");
});
await check("a range of addresses", async (expect) => {
  const seen = await open(others.find((f) => basename(f) === "heap.html")), part = `#${await seen.$eval(".ranged-down", (p) => p.id)}`, plot = `${part} svg.plot`;
  await seen.locator(plot).first().scrollIntoViewIfNeeded();
  const first = await marksOf(seen, part), window = await seen.locator(`${part} .cell-frame`).first().boundingBox();
  await seen.mouse.move(window.x + 9, window.y + window.height * 0.2);
  await seen.mouse.down();
  await seen.mouse.move(window.x + 9, window.y + window.height * 0.4, { steps: 3 });
  await seen.mouse.up();
  const [from, to] = await ends(seen, part);
  expect(near(from, 20, 1) && near(to, 40, 1), `${from} to ${to}`);
  const [, top, , high] = (await seen.locator(`${part} .window`).first().getAttribute("viewBox")).split(" ").map(Number);
  expect(near(high, 0.2 * (await seen.$eval(`${part} .window`, (w) => Number(w.getAttribute("height")))), 4) && top > 18, `${top}, ${high}`);
  const [heads, ...rows] = await copied(seen, `${part} .points`);
  expect(heads[1] === "% of the addresses" && rows.every((r) => Number(r[1]) >= 18 && Number(r[1]) <= 41 && r.length === 8), JSON.stringify(rows[0]));
  await shot(seen, "heap-range");
  await seen.emulateMedia({ media: "print" });
  expect(await becomes(seen, part, first), "it is not printed whole");
});
await check("without a script, all is there and nothing to choose", async (expect) => {
  for (const file of [bench, ...others]) {
    const plain = await open(file, { javaScriptEnabled: false });
    expect(!(await visible(plain, ".range")), `${basename(file)} has fields that do nothing`);
  }
});
await check("no error and no request", async (expect) => trouble.forEach((t) => expect(false, t)));
await browser.close();
console.log(JSON.stringify(found));

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
      ["cx", "cy", "x", "x1", "x2", "y1", "y2", "width", "class"].map((k) => e.getAttribute(k)).join(" "))].join("|") + `: ${[...m.querySelectorAll("text")].map((t) => t.textContent).join("|")}`).sort()]));
// A mark may be off by a pixel: the numbers of the page have four digits. What is written may not differ.
const alike = (one, other) => {
  const [[a, said], [b, again]] = [one, other].map((mark) => mark.split(": ")).map(([at, text]) => [at.split(/[ |,]/), text]);
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
const drawn = [bench, ...others.filter((f) => /try|together|compare/.test(basename(f)))];
for (const file of drawn) await check(`it draws what was drawn without it: ${basename(file)}`, async (expect) => {
  const plain = await places(await open(file, { javaScriptEnabled: false })), switched = await places(await open(file));
  expect(plain.length > 2 && plain.length === switched.length, "other pictures");
  plain.forEach((p, i) => p.forEach((mark, j) => expect(alike(mark, switched[i][j]), `${mark} became ${switched[i][j]}`)));
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
  expect(said.some((s) => /^small, 2 threads, time: yes, gomalloc is faster than system: 0\.34 times/.test(s)), said.join("\n"));
  expect(said.some((s) => /^small, 2 threads, memory: no, gomalloc is larger than system/.test(s)), said.join("\n"));
});
await check("copy as CSV", async (expect) => {
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.click("#speed-memory-small .csv");
  const text = await page.evaluate(() => navigator.clipboard.readText());
  expect(text.startsWith("allocator,threads,ns/op,") && text.split("\n").length > 8, text);
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
  harden: ["poor", ["lines", "cells"]], compare: ["scudo", ["marks", "lines"]] };
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
  await shot(printed, `${basename(bench, ".html")}-print`);
});
await check("no error and no request", async (expect) => trouble.forEach((t) => expect(false, t)));
await browser.close();
console.log(JSON.stringify(found));

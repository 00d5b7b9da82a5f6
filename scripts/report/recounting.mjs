// What recount*.mjs share, which recompute pages: their sentences and tables, what must stand there, and the statistics of
// pairs. It has nothing of the code that makes pages.
import { readFileSync } from "node:fs";
import { basename } from "node:path";
const refuse = (why) => (console.error(`${basename(process.argv[1])}: ${why}`), process.exit(2));
export const read = (file) => {
  try { return readFileSync(file ?? "", "utf8"); } catch ({ code }) { return refuse(file ? `cannot read ${file} (${code}); make report RUN=… writes the page of a run` : "name a page and its files: results/README.md"); }
};
// Of another version, the same names may mean something else: bench_results.py has the same rule.
const ofThisVersion = (file, document) => {
  const told = [document?.context?.spanbench?.version, document?.version, document?.machine?.spanbench].find((v) => typeof v === "string" && v), writer = told ? `, ${told}` : "";
  for (const key of ["schema", "schema_version"]) {
    const is = document?.[key];
    if (is !== undefined && is !== 1) refuse(`${file}: its ${key} is ${JSON.stringify(is)}, and this spanbench knows 1 alone; read it with the spanbench that wrote it${writer}, or update this one`);
  }
  return document;
};
export const parsed = (file, text) => {
  let document;
  try { document = JSON.parse(text); } catch ({ message }) { return refuse(`${file} is not JSON: ${message}`); }
  return ofThisVersion(file, document);
};
export const json = (file) => parsed(file, read(file));
const ENTITIES = { "&lt;": "<", "&gt;": ">", "&#34;": '"', "&quot;": '"', "&#39;": "'", "&#x27;": "'", "&amp;": "&" };
const plain = (s) => s.replace(/<[^>]*>/g, "").replace(/&[#\w]+;/g, (e) => ENTITIES[e] ?? e).trim();
export const pageOf = (file, text = read(file)) => ({
  text,
  sentences: (kind) => [...text.matchAll(new RegExp(`<li id="[^"]*" class="${kind}">(.*?) <a class="anchor"`, "gs"))].map((m) => plain(m[1])),
  tables: [...text.matchAll(/<caption>(.*?) <button.*?<tbody>(.*?)<\/tbody>/gs)].map(([, caption, body]) => ({
    caption: plain(caption),
    rows: [...body.matchAll(/<tr.*?<\/tr>/gs)].map(([row]) => [...row.matchAll(/<t[hd].*?<\/t[hd]>/gs)].map((c) => plain(c[0]))),
  })),
});

export const sum = (values) => values.reduce((s, x) => s + x, 0), count = (list, test) => list.filter(test).length;
const sorted = (values) => [...values].sort((a, b) => a - b);
const quantile = (v, q, s = sorted(v), at = q * (s.length - 1), i = Math.floor(at)) => s[i] + (at - i) * ((s[i + 1] ?? s[i]) - s[i]);
export const median = (values) => quantile(values, 0.5);
export const listed = (names, last = names.at(-1)) => (names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${last}` : last ?? "");
export const named = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;

// Wilcoxon's signed ranks: in how many ways ranks have each sum, and how probable so small a sum below zero is. Equals share
// the mean of their ranks; all ranks are doubled, so that it is whole.
const known = new Map(), ways = (ranks, key = sorted(ranks).join()) => known.get(key) ?? known.set(key, ranks.reduce((w, r) => Array.from({ length: w.length + r }, (_, i) => (w[i] ?? 0) + (w[i - r] ?? 0)), [1])).get(key);
export const tail = (d, sizes = d.map(Math.abs)) => {
  const ranks = sizes.map((s) => 2 * count(sizes, (t) => t < s) + count(sizes, (t) => t === s) + 1);
  return sum(ways(ranks).slice(0, sum(ranks.filter((_, i) => d[i] <= 0)) + 1)) / 2 ** d.length;
};
export const below = (n, level, seen = 0) => count(ways(Array.from({ length: n }, (_, i) => i + 1)), (w) => (seen += w) <= level * 2 ** n);
const walsh = (d) => sorted(d.flatMap((x, i) => d.slice(i).map((y) => (x + y) / 2)));
// Hodges and Lehmann's estimate and its 95 % interval; of fewer than six there is none.
export const effect = (d, w = walsh(d), k = below(d.length, 0.025)) => [median(w), ...(k ? [w[k - 1], w[w.length - k]] : [-Infinity, Infinity])];
// Benjamini and Hochberg: those whose p is small enough, and the p that one more would need.
export const discoveries = (pairs, rate) => {
  const order = [...pairs].sort((a, b) => a.p - b.p), found = order.findLastIndex((x, i) => x.p <= (rate * (i + 1)) / order.length) + 1;
  return [order.slice(0, found), (rate * Math.max(1, found)) / Math.max(1, order.length)];
};
// With fewer than six rounds: the ends are the range, and the test is Student's, whose density is integrated (Simpson's rule).
// Rounds are held to scatter at least as is `usual` among the pairs of a question.
const FEW = 6, STEPS = 400, area = (power, from, h = (Math.PI / 2 - from) / STEPS) => (h / 3) * sum(Array.from({ length: STEPS + 1 }, (_, i) => Math.cos(from + i * h) ** power * (i % STEPS === 0 ? 1 : i % 2 ? 4 : 2)));
const student = (angle, freedom) => area(freedom - 1, angle) / 2 / area(freedom - 1, 0); // P(T > √freedom · tan angle)
export const scatter = (d, mean = sum(d) / d.length) => (d.length > 1 ? Math.sqrt(sum(d.map((x) => (x - mean) ** 2)) / (d.length - 1)) : 0);
export const ends = (d) => (d.length < FEW ? [median(walsh(d)), Math.min(...d), Math.max(...d)] : effect(d));
export const pOf = (d, margin, usual, n = d.length, up = sum(d) > 0) => {
  const beyond = d.map((x) => (up ? x : -x) - Math.log1p(margin)), noise = Math.max(scatter(d), usual) / Math.sqrt(n);
  return n < 2 ? 1 : Math.min(1, 2 * (n < FEW ? student(Math.atan2(sum(beyond) / n, noise * Math.sqrt(n - 1)), n - 1) : tail(beyond)));
};
const quantileOf = (level, freedom, low = 0, high = Math.PI / 2) => {
  for (let i = 0; i < 60; i++) student((low + high) / 2, freedom) > level ? (low = (low + high) / 2) : (high = (low + high) / 2);
  return Math.sqrt(freedom) * Math.tan(high);
};
const smallestOfFew = (d, level, margin, usual, n = d.length) => {
  const shift = n < 2 ? Infinity : Math.log1p(margin) + ((quantileOf(level, n - 1) + quantileOf(0.05, n - 1)) / Math.sqrt(n)) * Math.max(scatter(d), usual);
  return shift < Math.log(1000) ? Math.expm1(shift) : Infinity;
};
let state = 1; // of the random numbers
const random = () => (state = (state * 48271) % 2147483647) / 2147483647;
const normal = () => Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random()), needed = new Map();
// The difference, a fraction, that the test at this level finds in 95 of 100 runs that scatter as d, by simulation.
export const smallest = (d, level, margin, usual = 0, n = d.length, k = below(n, level), [, low, high] = effect(d)) => {
  if (n < FEW) return smallestOfFew(d, level, margin, usual);
  if (!k) return Infinity;
  if (!needed.has(`${n} ${k}`)) needed.set(`${n} ${k}`, quantile(Array.from({ length: 3000 }, () => -walsh(Array.from({ length: n }, normal))[k - 1]), 0.95));
  return Math.expm1(Math.log1p(margin) + needed.get(`${n} ${k}`) * ((high - low) / 2 / 1.95996 / Math.sqrt(Math.PI / 3 / n)));
};

// What must stand somewhere: words, with the numbers between them. text`B takes ${2.5} s` is a list of both; a list may be
// within another. `drawn` marks what comes of random numbers, here and there; it agrees in 15 %.
export const text = (words, ...values) => words.flatMap((word, i) => [word, ...(i < values.length ? [values[i]] : [])]).flat(Infinity);
export const join = (lists, last = " and ", between = ", ") => lists.flatMap((x, i) => [i === 0 ? "" : i === lists.length - 1 ? last : between, ...x]);
export const drawn = (value) => ({ value });
export const near = (shown, v) => Math.abs(Number(shown) - v) <= 0.501 * 10 ** (Number(shown.split("e")[1] ?? 0) - (shown.split("e")[0].split(".")[1] ?? "").length);
const escaped = (word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), NUMBER = "([+-]?\\d[\\d,]*\\.?\\d*(?:e-?\\d+)?)";
export const agrees = (shown, parts) => {
  const numbers = parts.filter((p) => typeof p !== "string");
  const found = shown.match(new RegExp(`^${parts.map((p) => (typeof p === "string" ? escaped(p) : NUMBER)).join("")}$`));
  return Boolean(found) && numbers.every((n, i) => {
    const told = found[i + 1].replaceAll(",", "");
    return n.value === undefined ? near(told, n) : near(told, n.value) || Math.abs(told / n.value - 1) <= 0.15;
  });
};
// The end: a page must have these sentences and no other, and `many` of the cells that are given, chosen at random.
const words = (parts) => parts.map((p) => (p.value ?? p)).join("");
export const judged = (sentences, expected, cells, many = 100) => {
  const wrong = [
    ...sentences.filter((said) => !expected.some((parts) => agrees(said, parts))).map((said) => `${said}: the file says otherwise`),
    ...expected.filter((parts) => !sentences.some((said) => agrees(said, parts))).map((parts) => `Not said: ${words(parts)}`),
  ];
  const left = [...cells], looked = Math.min(many, left.length);
  for (let i = 0; i < looked; i++) {
    const [[where, shown, parts]] = left.splice(Math.floor(random() * left.length), 1);
    if (!agrees(shown, parts)) wrong.push(`${where}: it says ${shown}, the file ${words(parts)}`);
  }
  console.log([...wrong, `${sentences.length} sentences and ${looked} cells are recomputed; ${wrong.length} disagree`].join("\n"));
  process.exitCode = wrong.length || !sentences.length ? 1 : 0;
};

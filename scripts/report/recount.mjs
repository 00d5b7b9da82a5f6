// Recomputes the sentences of a page from JSON alone, with code of its own: of check, harden, why (the numbers in them)
// and real programs. Prints what disagrees, and ends with 1. recompute.mjs: make bench.
import { count, discoveries, json, median, pageOf, pOf, scatter, sum } from "./recounting.mjs";
const [, , pageFile, ...files] = process.argv; // usage: node recount.mjs PAGE JSON...
const wrong = [], sentences = pageOf(pageFile).sentences("finding"), UNITS = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };
let seen = 0; const compare = (said, shown, values) => { // sizes in bytes; each number must be as near as its digits allow
  const off = shown.some((text, i) => {
    const [, digits, unit] = text.match(/^(-?[\d.,]+)(?: (B|KiB|MiB|GiB))?$/), [, exponent = 0] = digits.match(/\.(\d+)$/)?.map((x) => x.length) ?? [];
    return Math.abs(Number(digits.replaceAll(",", "")) - values[i] / (UNITS[unit] ?? 1)) > 0.501 * 10 ** -exponent;
  });
  if (++seen && (off || shown.length !== values.length)) wrong.push(`${said}: the file has ${values}`);
};
const check = ({ results }) => {
  const word = (r) => (r.finding ? "finding" : r.verdict === "fail" && r.known ? "known" : r.verdict);
  for (const said of sentences) {
    const m = said.match(/^(\S+) keeps (\d+) of (\d+) promises?(?:; (\d+) findings?: .*?)?(?:; nothing was found that is not explained)?(?:; (\d+) failures? (?:is|are) known)?(?:; (\d+) more checks? fails?, and (?:does|do) not count)?(?:; (\d+) were not run)?\.$/);
    const words = m ? results.filter((r) => r.allocator === m[1]).map(word) : [], [pass, finding, known, fail, unrun] = ["pass", "finding", "known", "fail", "not run"].map((w) => count(words, (x) => x === w));
    if (m) compare(said, m.slice(2).map((x) => x ?? "0"), [pass, pass + finding + known, finding, known, fail, unrun]);
  }
};
const harden = ({ results }, ends = (r) => Object.keys(r.outcomes)) => { for (const said of sentences) { const m = said.match(/^(\S+) caught (\d+) of (\d+) misuses? in every run(?:; damage was shown in (\d+))?\.$/), own = m ? results.filter((r) => r.allocator === m[1]) : [];
    if (m) compare(said, m.slice(2).map((x) => x ?? "0"), [count(own, (r) => ends(r).every((o) => ["access", "call", "later"].includes(o))), count(own, (r) => ends(r).some((o) => !["unsupported", "void", "not run"].includes(o))), count(own, (r) => r.outcomes.corrupt)]);
} };
const why = ({ processes }) => {
  const { points, looks } = processes.filter((p) => p.points.length).reduce((a, b) => (b.peak_rss > a.peak_rss ? b : a)), [begin, end] = [points[0].seconds, points.at(-1).seconds];
  const late = points.filter((p) => p.seconds >= end - 0.2 * (end - begin) && p.seconds <= end - 0.03 * (end - begin)), those = late.length > 2 ? late : points.slice(0, Math.max(1, points.length - 1)).slice(-3);
  const at = those.findLast((p) => p.rss >= 0.95 * Math.max(...those.map((q) => q.rss))), peak = Math.max(...points.map((p) => p.live)), free = at.kept + at.fragments;
  const third = (k) => begin + ((at.seconds - begin) * k) / 6, low = Math.min(...points.filter((p) => p.seconds >= third(2) && p.seconds <= third(3)).map((p) => p.live));
  const S = "([\\d.]+ [KMG]?i?B)", live = at.requested + at.slack;
  const numbers = [
    [`^Live at ([\\d.]+) s, by count: ${S} in (\\d+) blocks?, of (\\d+) allocations? until then; of this, ${S} are resident. All resident memory is ${S}\\.`, [at.seconds, at.live, at.blocks, at.made, at.live - at.untouched, at.rss]], [`live bytes fell from ${S} to ${S}`, [peak, at.live]],
    [`pin ${S} of free memory`, [at.fragments]], [`but ${S} of free memory, without`, [at.kept]], [`beside ${S} of live bytes`, [at.live]], [`grow to the end, to ${S}, by ${S} in the last two thirds of ([\\d.]+) s`, [at.live, at.live - low, at.seconds - begin]],
    [`hold ${S} of free memory \\(${S} in all; the most that was ever live is ${S}`, [free, at.arenas_memory || at.heap, peak]], [`^In use: (\\d+) % of the memory beside code and files are live blocks, ${S}`, [(100 * live) / (at.rss - at.files), at.live]],
    [`larger than what was asked for, ${S} in all`, [at.slack]], [`^Huge pages: ${S}`, [at.huge]], [`^Memory outside malloc: ${S} .*; malloc has ${S} live`, [at.outside, at.live]], [`^Stacks: ${S}`, [at.stacks]],
    [`^Hardly any memory: ${S} beside code and files \\(${S} in all`, [at.rss - at.files, at.rss]], [`But (\\d+) % of the memory are free`, [(100 * free) / at.rss]], [`^Too few looks for an answer: (\\d+) looks?.* It had ${S} then`, [looks, at.rss]],
  ];
  for (const said of sentences) for (const [pattern, values] of numbers) if (said.match(pattern)) compare(said, said.match(pattern).slice(1), values);
};
const heap = ({ heaps, classes = ["up to 128 B", "129 B to 1 KiB", "over 1 to 8 KiB", "over 8 KiB"] }) => heaps.filter((h) => !h.cause).forEach((h) => sentences.forEach((said) => {
  const m = said.match(/^On (\S+), (\S+) has most free memory resident at "(.*)": (\S+ \S+) beside live blocks(?: \(most of it, (\S+ \S+), beside blocks of (.*?)\))?, and (\S+ \S+) on pages without one; (\S+ \S+) are live\.$/), at = h.instants.reduce((a, b) => (sum(b.pinned) + b.empty > sum(a.pinned) + a.empty ? b : a));
  if (m && m[1] === h.workload && m[2] === h.allocator) compare(said, [m[4], ...(m[5] ? [m[5]] : []), ...m.slice(7)], at.name === m[3] && (!m[5] || at.pinned[classes.indexOf(m[6])] === Math.max(...at.pinned)) ? [sum(at.pinned), ...(m[5] ? [Math.max(...at.pinned)] : []), at.empty, sum(at.places.flatMap((p) => p.slice(0, 4)))] : []);
}));
const structure = ({ heaps }) => heaps.forEach((h) => (h.structure ?? []).forEach((of) => sentences.forEach((said) => { // spans and slots of an allocator that tells
  const m = said.match(/^(\S+) on (\S+) at "(.*)": (\d+) spans? have (\d+) slots?; (\d+) are live, (\d+) on threads' lists, and (\d+) free(?:\. Slots of (\d+) B have most of the free memory, (\S+ \S+))?\.$/);
  const [spans, slots, live, free] = ["spans", "slots", "live", "free"].map((k) => sum(of.classes.map((c) => c[k]))), most = of.classes.reduce((a, b) => (b.slot_bytes * b.free > a.slot_bytes * a.free ? b : a), { slot_bytes: 0, free: 0 }); if (m && m[1] === h.allocator && m[2] === h.workload && m[3] === of.name) compare(said, m.slice(4).filter(Boolean), [spans, slots, live, slots - live - free, free, ...(free ? [most.slot_bytes, most.slot_bytes * most.free] : [])]);
})));
const agreement = ({ pairs }) => sentences.forEach((said) => {
  const m = said.match(/^Of (\d+) pairs? of allocators that differ in a program, (\S+) of make bench has (\d+) in the same order, (\d+) reversed, and (\d+) as ties\.$/);
  if (m) compare(said, [m[1], ...m.slice(3)], [pairs.length, ...["same", "reversed", "tied"].map((w) => count(pairs, (p) => p[w].includes(m[2])))]);
});
const costs = (doc, what) => {
  const { metric, higher_is_better: rate } = doc.program, failed = doc.rows.filter((r) => r.cause).map((r) => r.name), found = new Map();
  doc.runs.filter((r) => r.problem === null && !failed.includes(r.row)).forEach((run) => {
    const time = metric ? run.metric && (rate ? 1 / run.metric : run.metric) : run.wall_seconds, last = Math.max(0, ...Object.keys(run.after ?? {}).map(Number)), value = { time, "peak memory": run.peak_bytes, "memory after": last ? run.after[last] : 0 }[what];
    if (value) found.set(run.row, (found.get(run.row) ?? new Map()).set(run.round, Math.log(value)));
  });
  return found;
};
const KINDS = ["time", "peak memory", "memory after"], shares = (doc, { program, rows } = doc, of = (what, name) => median([...costs(doc, what).get(name)?.values() ?? []])) => { // by row, what is left of its peak
  const own = rows.find((r) => r.name === "system")?.processes?.find((p) => !p.replaced)?.malloc ?? "libc.so", linked = !/\/?(libc[.-]|ld-musl)/.test(own);
  return new Map([...costs(doc, "memory after").keys()].filter((name) => costs(doc, "peak memory").has(name)).map((name) => [linked ? { glibc: "system", system: "as linked" }[name] ?? name : name, 100 * Math.exp(of("memory after", name) - of("peak memory", name))]));
};
const programs = (docs, names) => {
  const pairs = [], bases = docs.map((doc) => (costs(doc, "time").has("glibc") ? "glibc" : "system"));
  docs.forEach((doc, n) => KINDS.forEach((what) => {
    const asked = [...costs(doc, what)].flatMap(([one, a], i, list) => list.slice(i + 1).map(([other, b]) => ({ one, other, d: [...a].filter(([round]) => b.has(round)).map(([round, x]) => x - b.get(round)) }))).filter(({ d }) => d.length);
    for (const { one, other, d } of asked) pairs.push({ n, what, less: sum(d) > 0 ? other : one, more: sum(d) > 0 ? one : other, p: pOf(d, 0.02, median(asked.map((x) => scatter(x.d)))) });
  }));
  const [told] = discoveries(pairs, 0.05);
  for (const said of sentences) {
    const m = said.match(/^(\S+), compared with the C library's malloc: less time in (\d+) of (\d+) programs?, more in (\d+); less peak memory in (\d+) of (\d+) programs?, more in (\d+)(?:; less memory after in (\d+) of (\d+) programs?, more in (\d+))?; all/), left = said.match(/^(\S+): left of its own peak [\d.]+ s after its load: (.*)\.$/), own = left ? shares(docs[names.indexOf(left[1])]) : new Map();
    if (m) compare(said, m.slice(2).filter(Boolean), KINDS.slice(0, m[8] ? 3 : 2).flatMap((what) => [count(told, (t) => t.what === what && t.less === m[1] && t.more === bases[t.n]), count(docs, (doc, n) => costs(doc, what).has(m[1])), count(told, (t) => t.what === what && t.more === m[1] && t.less === bases[t.n])]));
    if (left) { const told = left[2].split(", ").map((x) => x.match(/^(.*) (\d+)%$/).slice(1)), others = [...own.keys()].filter((n) => !told.some(([name]) => name === n)), flat = told.flatMap(([name, share]) => (own.has(name) ? [[share, own.get(name)]] : others.map((n) => [share, own.get(n)]))); compare(said, flat.map(([share]) => share), flat.length === own.size ? flat.map(([, value]) => value) : []); }
  }
};
const documents = files.map(json), real = documents.filter((doc) => "program" in doc);
for (const doc of documents) for (const [key, of] of Object.entries({ checks: check, misuses: harden, processes: why, heaps: (doc) => [heap, structure].forEach((of) => of(doc)), pairs: agreement })) if (key in doc) of(doc);
if (real.length) programs(real, files.filter((_, i) => real.includes(documents[i])).map((file) => file.replace(/.*\/|\.json$/g, ""))); console.log([...wrong, `${seen} statements are recomputed; ${wrong.length} disagree`].join("\n")), process.exitCode = wrong.length || !seen ? 1 : 0;

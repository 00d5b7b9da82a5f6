// Recomputes a page of two runs from their bench.json alone, with code of its own: each sentence, what only one of them has,
// and random cells of the tables. Ends with 1 if any disagree.
import { agrees, below, count, discoveries, drawn, ends, join, json, judged, median, named, pageOf, pOf, smallest, sum, text } from "./recounting.mjs";
const [, , pageFile, ...files] = process.argv; // usage: node recount-compare.mjs PAGE BENCH_JSON_A BENCH_JSON_B
const page = pageOf(pageFile), [A, B] = files.map(json), own = A.context.spanbench, MARGIN = 0.02, MIB = 2 ** 20;
const alone = page.sentences("absent").map((s) => s.match(/^Compared are the rows of these alone: (.*)\.$/)).find(Boolean)?.[1].split(/, | and /) ?? [];
const floors = own.allocators.filter((a) => a.floor).map((a) => a.name);
const groups = new Map((own.workloads ?? []).map((w) => [w.name, w.group ?? "core"])), groupOf = (w) => groups.get(w) ?? "core";
const OF = { time: (e) => e.ns_per_op, memory: (e) => e.rss_live_bytes - e.rss_start_bytes, "peak memory": (e) => (e.rss_peak_bytes === undefined ? 0 : Math.max(4096, e.rss_peak_bytes - e.rss_start_bytes)) };
const rowsOf = (run) => {
  const rows = new Map();
  for (const e of run.benchmarks.filter((e) => !alone.length || alone.includes(e.allocator))) {
    const key = `${e.workload}/${e.allocator}/threads:${e.threads}`, { workload, allocator, threads } = e;
    if (!rows.has(key)) rows.set(key, { key, workload, allocator, threads, good: [], failed: 0 });
    if (e.error_occurred) rows.get(key).failed++; else rows.get(key).good.push(e);
  }
  return rows;
};
const [a, b] = [A, B].map(rowsOf), pairs = [];
const means = (row, of) => { // by round, of logarithms; null: one of them is nothing
  const found = new Map();
  row.good.forEach((e, i) => found.set(e.block ?? i, [...(found.get(e.block ?? i) ?? []), Math.log(Math.max(0, of(e)))]));
  return [...found.values()].flat().every(Number.isFinite) ? new Map([...found].map(([k, v]) => [k, sum(v) / v.length])) : null;
};
for (const one of a.values()) {
  const other = b.get(one.key), floor = floors.includes(one.allocator);
  if (!other || !one.good.length || !other.good.length || one.failed || other.failed) continue;
  for (const what of floor ? ["time"] : ["time", groupOf(one.workload) === "core" ? "memory" : "peak memory"]) {
    const [x, y] = [means(one, OF[what]), means(other, OF[what])], d = x && y ? [...y].filter(([k]) => x.has(k)).map(([k, v]) => v - x.get(k)) : [];
    const up = sum(d) > 0, label = one.allocator + (floor ? " (floor)" : ""); // d: B less A
    if (d.length) pairs.push({ one, other, what, d, up, label, p: pOf(d, MARGIN, 0) });
  }
}
const [found, level] = discoveries(pairs, 0.05);
const ratio = (c) => ends(c.d).map(Math.exp), least = (c) => smallest(c.d, level / 2, MARGIN);
const is = (c) => (found.includes(c) && c.d.length > 1 ? (c.up ? "worse" : "better") : least(c) > 999 ? "" : "tie");
const distance = (t) => Math.abs(Math.log(t / own.machine.cpus_usable)) + t * 1e-9;
const sentences = [...new Set(pairs.map((c) => c.one.workload))].map((workload) => {
  const mine = pairs.filter((c) => c.one.workload === workload), threads = mine.map((c) => c.one.threads).reduce((x, y) => (distance(y) < distance(x) ? y : x));
  const now = mine.filter((c) => c.one.threads === threads), [ties, untold] = ["tie", ""].map((v) => count(now, (c) => is(c) === v)), said = [];
  for (const word of ["better", "worse"]) {
    const names = now.filter((c) => is(c) === word).map((c) => text`${c.label} (${c.what} ${ratio(c)[0]} times)`);
    if (names.length) said.push([`B is ${word} with `, ...join(names)]);
  }
  if (ties || !untold) said.push([ties ? `${named(ties, "comparison")} cannot be told apart` : "none ties"]);
  if (untold) said.push([`of ${named(untold, "comparison")} nothing can be told with so few rounds`]);
  return [`On ${workload} at ${named(threads, "thread")}: `, ...join(said, "; ", "; "), "."];
});
const there = (rows) => [...rows.values()].filter((r) => r.good.length && !r.failed).map((r) => r.key), gaps = page.sentences("gap").filter((s) => s.startsWith("Not in "));
const onlyIn = ([which, keys]) => (keys.length ? [[`Not in ${which}, or failed there: ${keys.slice(0, 6).join(", ")}${keys.length > 6 ? ` and ${keys.length - 6} more` : ""}.`]] : []);
const missing = [["B", there(a).filter((k) => !there(b).includes(k)).sort()], ["A", there(b).filter((k) => !there(a).includes(k)).sort()]].flatMap(onlyIn);
const hosts = [A, B].map((x) => x.context.host_name), machines = [A, B].map((x) => JSON.stringify(x.context.spanbench.machine.cpu));
const warned = page.sentences("caution").some((s) => s.startsWith("DIFFERENT MACHINES")), differ = hosts[0] !== hosts[1] || machines[0] !== machines[1];
if (differ && !warned) missing.push(["DIFFERENT MACHINES"]);
// Where a round gives so few signs that no change can have the p that it needs; of fewer than six, one round alone.
const few = pairs.filter(({ d }) => d.length < 2 || (d.length > 5 && !below(d.length, level / 2))), rounds = few.map(({ d }) => d.length), [fewest, most] = [Math.min(...rounds), Math.max(...rounds)];
const enough = Array.from({ length: 60 }, (_, i) => i + 6).find((n) => 2 / 2 ** n <= level);
const warning = [`TOO FEW ROUNDS: with ${fewest < most ? `${fewest} to ` : ""}${named(most, "round")}, a single change among ${named(pairs.length, "comparison")} cannot be claimed, however large it is. ${enough} rounds of both runs would do (make bench REPS=${enough}), or fewer rows: ALLOCATORS='a b' compares those alone, if they were chosen before anybody looked.`];
if (few.length) missing.push(warning);
const seen = (c, s = least(c), [, low, high] = ratio(c), beside = low > 1 || high < 1 ? " not shown to be above 2 %;" : "") => [
  text`tie:${beside} a difference of ${drawn(100 * s)} % would have been seen`, text`tie:${beside} only a factor of ${drawn(1 + s)} would have been seen`, ["too few rounds to tell"],
].filter((_, i) => (i === 2 ? s > 999 : i === 1 ? s > 0.9 && s < 1100 : s < 1.1));
const ABSOLUTE = { ns: 1, us: 1e3, MiB: MIB }, VERDICT = { time: { better: "faster", worse: "slower" }, else: { better: "smaller", worse: "larger" } };
const cells = [];
for (const { caption, rows } of page.tables.filter((t) => t.caption.startsWith("A and B on "))) for (const row of rows) {
  const c = pairs.find((p) => `A and B on ${p.one.workload}` === caption && p.label === row[0] && String(p.one.threads) === row[1] && p.what === row[2]), where = `${caption}: ${row.slice(0, 3)}`;
  if (!c) { cells.push([where, "a row", ["none"]]); continue; }
  const [middle, low, high] = ratio(c), mids = [c.one, c.other].map((r) => median(r.good.map(OF[c.what])));
  mids.forEach((v, i) => cells.push([where, row[3 + i], ((unit) => text`${v / ABSOLUTE[unit]} ${unit}`)(row[3 + i].split(" ")[1])]));
  cells.push([where, row[5], [middle]], [where, row[6], text`${low} to ${high}`]);
  const ways = ["tie", ""].includes(is(c)) ? seen(c) : [[(VERDICT[c.what] ?? VERDICT.else)[is(c)]]];
  cells.push([where, row[7], ways.find((w) => agrees(row[7], w)) ?? ways[0]]);
}
judged([...page.sentences("finding"), ...gaps, ...page.sentences("caution").filter((s) => s.startsWith("TOO FEW"))], [...sentences, ...missing], cells);

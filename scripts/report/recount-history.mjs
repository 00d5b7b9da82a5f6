// Recomputes the sentences of the page of a history from its lines alone, with code of its own: how many commits and sets,
// which counts changed by more than the gate's limit, and which step from set to set. Ends with 1 if any disagree.
import { median, named, pageOf, parsed, read } from "./recounting.mjs";
const [, , pageFile, ...files] = process.argv; // usage: node recount-history.mjs PAGE HISTORY_JSONL...
const wrong = [], byIdentity = new Map(), sentences = pageOf(pageFile).sentences("finding");
for (const entry of files.flatMap((f) => read(f).split("\n").filter(Boolean).map((line) => parsed(f, line)))) {
  entry.set = JSON.stringify(Object.entries(entry.key).sort());
  byIdentity.set(`${entry.commit} ${entry.set}`, entry); // the later line counts
}
const entries = [...byIdentity.values()].sort((a, b) => (a.date < b.date ? -1 : a.date > b.date ? 1 : 0));
const sets = new Map();
for (const e of entries) sets.set(e.set, [...(sets.get(e.set) ?? []), e]);
const order = [...sets.values()].sort((a, b) => {
  const [one, other] = [a, b].map((s) => s[0].date + s[s.length - 1].date);
  return one < other ? -1 : one > other ? 1 : 0;
});
const MIB = 2 ** 20, ROOM = 64 * 4096;
// Of a count: its name on the page, the part of it and the amount that the gate lets pass.
const COUNTS = {
  instructions: ["instructions an operation", 0.005, () => 0],
  calls: ["system calls", 0.01, (ops) => Math.max(4, (0.5 * ops) / 1000)],
  minor_faults: ["minor page faults", 0.03, () => 64],
  bytes_mapped: ["mapped, MiB", 0.01, () => MIB],
  rss_peak_bytes: ["RSS peak, MiB", 0.03, () => ROOM],
  rss_drained_bytes: ["RSS after all is freed, MiB", 0.03, () => ROOM],
  rss_purged_bytes: ["RSS after a purge, MiB", 0.03, () => ROOM],
};
const valuesOf = (entry, workload, count) => {
  const row = entry.rows[workload], each = (v) => (Array.isArray(v) ? v : Array(row.processes).fill(v));
  if (count !== "calls") return row.counts[count] === undefined ? null : each(row.counts[count]);
  const calls = Object.keys(row.counts).filter((k) => k.startsWith("syscalls.")).map((k) => each(row.counts[k]));
  return Array.from({ length: row.processes }, (_, i) => calls.reduce((sum, c) => sum + c[i], 0));
};
const apart = (base, head, allowed) => Math.max(Math.min(...head) - Math.max(...base), Math.min(...base) - Math.max(...head)) > allowed;
const workloads = [...new Set(entries.flatMap((e) => Object.keys(e.rows)))];
const changes = [], steps = [];
for (const [count, [, part, least]] of Object.entries(COUNTS)) for (const workload of workloads) {
  const counted = order.map((set) => set.filter((e) => e.rows[workload] && valuesOf(e, workload, count))).filter((set) => set.length);
  const differs = (a, b) => {
    const base = valuesOf(a, workload, count);
    return apart(base, valuesOf(b, workload, count), Math.max(part * median(base), least(a.rows[workload].ops)));
  };
  for (const set of counted) {
    let level = set[0];
    for (const entry of set) if (differs(level, entry)) {
      const [before, after] = [level, entry].map((e) => median(valuesOf(e, workload, count)));
      changes.push({ count, row: `${workload}/threads:1`, per: 100 * (after / before - 1), entry });
      level = entry;
    }
  }
  counted.slice(1).forEach((set, i) => {
    const before = counted[i].findLast((e) => set.some((o) => o.commit === e.commit)) ?? counted[i][counted[i].length - 1];
    if (differs(before, set.find((o) => o.commit === before.commit) ?? set[0])) steps.push(workload);
  });
}
const expect = (said, good) => good || wrong.push(`${said}: the lines say otherwise`);
const commits = new Set(entries.map((e) => e.commit)), twice = [...commits].filter((c) => entries.filter((e) => e.commit === c).length > 1).length;
const dates = entries.map((e) => e.date.slice(0, 10));
const first = `${named(commits.size, "commit")} of gomalloc ${commits.size === 1 ? "was" : "were"} counted, from ${dates[0]} to ${dates[dates.length - 1]}, by ${named(sets.size, "set")} of tools and harness; ` +
  `${twice ? `${named(twice, "commit")} ${twice === 1 ? "is" : "are"}` : "none is"} in more than one set.`;
expect(sentences[0], sentences[0]?.startsWith(first));
for (const [count, [name]] of Object.entries(COUNTS)) {
  const mine = changes.filter((c) => c.count === count), said = sentences.find((s) => s.startsWith(`${name}: `)) ?? "";
  const m = said.match(/: (\d+) changes? in (\d+) rows? beyond the gate's limit; the last: (\S+), (?:([+-][\d.]+) %|from none) at (\w+) \((.*)\)\.$/);
  const last = mine.find((c) => m && c.row === m[3] && c.entry.commit.startsWith(m[5])), newest = mine.map((c) => c.entry.date).sort().pop();
  if (!mine.length) expect(said || name, !said);
  else expect(said || `${name} changed, and nothing is said`, m && +m[1] === mine.length && +m[2] === new Set(mine.map((c) => c.row)).size && last && last.entry.date.slice(0, 10) === m[6] && newest.slice(0, 10) === m[6] && (!m[4] || Math.abs(last.per - m[4]) <= 0.0501));
}
const between = sentences.find((s) => s.startsWith("Between sets, ")) ?? "Between sets, 0 ";
expect(between, Number(between.match(/^Between sets, (\d+) /)[1]) === steps.length);
expect("Nothing changed", sentences.some((s) => s.startsWith("Nothing changed")) === !changes.length);
console.log([...wrong, `${sentences.length} sentences are recomputed; ${wrong.length} disagree`].join("\n"));
process.exitCode = wrong.length || !sentences.length ? 1 : 0;

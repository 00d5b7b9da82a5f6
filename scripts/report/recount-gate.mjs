// Recomputes a page of the gate from its gate.json, with code of its own: the verdict and what leads to it, what is said of each
// row that does not pass, and random cells of the tables. Of the samples beside the file, as far as they are there, medians,
// changes and intervals are computed anew (not of a fleet: it ranks rounds by node). Ends with 1 if any disagree.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { agrees, count, effect, json, judged, median, pageOf, sum, text } from "./recounting.mjs";
const [, , pageFile, file] = process.argv; // usage: node recount-gate.mjs PAGE GATE_JSON
const page = pageOf(pageFile), gate = json(file), MIB = 2 ** 20, LOUD = ["fail", "void", "inconclusive", "accepted"], wrong = [];
const SHORT = { ns_per_op: "ns/op", rss_peak_bytes: "RSS peak", rss_drained_bytes: "RSS freed", rss_purged_bytes: "RSS purged", writable_live_bytes: "writable",
  bytes_mapped: "bytes mapped", minor_faults: "minor faults", timed_syscalls: "timed calls" };
const nameOf = (m) => (m.startsWith("syscalls.") ? `${m.slice(9)} calls` : (SHORT[m] ?? m));
const stages = gate.fleet ? [] : (gate.parts ?? []).map((p) => join(dirname(file), p.file)).filter(existsSync).map(json);
const entries = stages.flatMap((run, i) => run.benchmarks.map((e) => ({ ...e, stage: i ? 2 : 1, round: `${i} ${e.block}` })));
const again = (f) => { // medians are of the stage that decided, the effect of that or of both
  const decided = (gate.comparisons ?? []).find((c) => c.row === f.row && c.metric === f.metric)?.decided_in_stage;
  const own = entries.filter((e) => `${e.workload}/threads:${e.threads}` === f.row && !e.error_occurred), last = own.filter((e) => e.stage === decided);
  if (f.tier === "exact" || !last.length || stages.length < gate.parts.length) return f;
  const of = (arm, list) => list.filter((e) => e.allocator === arm).map((e) => e[f.metric]), mean = (v) => sum(v.map(Math.log)) / v.length;
  const shown = decided === 2 && !["fail", "improved", "void"].includes(f.verdict) ? own : last;
  const rounds = [...new Set(shown.map((e) => e.round))].map((r) => shown.filter((e) => e.round === r)), d = rounds.map((r) => mean(of("head", r)) - mean(of("base", r)));
  const [change, low, high] = effect(d).map(Math.expm1);
  return { ...f, base: median(of("base", last)), head: median(of("head", last)), change, low, high };
};
const exact = (f, change = f.head / f.base - 1) => (f.tier === "exact" && f.base && Math.abs(change - f.change) > 1e-9 ? { ...f, change } : f); // a quotient
const findings = gate.findings.map((f) => exact(again(f)));
const percent = (v, sign = "+") => (v === null || v === undefined ? ["-"] : [v >= 0 && sign ? "+" : "", 100 * v, " %"]);
const number = (v, unit) => (v === null ? ["-"] : unit === "bytes" ? text`${v / MIB} MiB` : [v]);
const amount = (v, unit) => (unit === "bytes" ? (v < 1023.5 * 2 ** 10 ? text`${v / 2 ** 10} KiB` : text`${v / MIB} MiB`) : text`${v} ${v === 1 ? unit.replace(/s$/, "") : unit}`);
const change = (f) => (f.change === null && f.base === 0 && f.head > 0 ? ["+", ...number(f.head, f.unit)] : percent(f.change));
const weight = (f) => (f.change ?? (LOUD.includes(f.verdict) ? Infinity : 0)), byName = (f) => `${f.row} ${f.metric}`;
const worse = (a, b) => (weight(a) !== weight(b) ? weight(b) - weight(a) : byName(a) < byName(b) ? -1 : 1);
const whole = LOUD.slice(0, 3).find((v) => findings.some((f) => f.verdict === v)) ?? "pass", grave = findings.filter((f) => f.verdict === whole).sort(worse);
const expected = { fail: ["fail", 1], void: ["void", gate.strict ? 75 : 0], inconclusive: ["inconclusive", gate.strict ? 75 : 0], pass: ["pass", 0] }[whole];
if (gate.verdict !== expected[0] || gate.exit_code !== expected[1]) wrong.push([`The findings make the verdict ${expected}`]);
const WORDS = { fail: "FAIL: worse in ", void: "VOID: this machine is unfit, identical libraries differ on it in ", inconclusive: "INCONCLUSIVE: too noisy to decide ", pass: "PASS: no regression" };
const rows = new Set(findings.map((f) => f.row)).size, told = ["fail", "void", "inconclusive", "accepted", "improved", "pass"].map((v) => [count(findings, (f) => f.verdict === v), v]).filter(([n]) => n);
const said = whole === "pass" ? [] : [`${grave[0].row} ${nameOf(grave[0].metric)}`, ...(change(grave[0])[0] === "-" ? [] : [" ", ...change(grave[0])]), grave.length > 1 ? ` and ${grave.length - 1} more` : ""];
const verdict = [WORDS[whole], ...said, `; ${findings.length} comparison${findings.length === 1 ? "" : "s"} of ${rows} row${rows === 1 ? "" : "s"}: ${told.map((x) => x.join(" ")).join(", ")}`,
  !gate.strict && ["void", "inconclusive"].includes(whole) ? " (not an error without --strict)" : ""];
const remarks = findings.filter((f) => LOUD.includes(f.verdict)).map((f) => {
  const also = [...(nameOf(f.metric) !== f.metric ? [f.metric] : []), ...(f.tier === "exact" ? ["deterministic"] : [])];
  return [`${f.verdict.toUpperCase()} ${f.row} ${nameOf(f.metric)}${also.length ? ` (${also.join(", ")})` : ""}${f.note ? `: ${f.note}` : ""}`];
});
const cells = [];
for (const { caption, rows: lines } of page.tables) {
  const counted = caption.startsWith("deterministic"), mine = findings.filter((f) => (f.tier === "exact") === counted);
  if (!counted && !caption.startsWith("statistical")) continue;
  if (lines.length !== mine.length) wrong.push([`${caption}: ${mine.length} findings`]);
  mine.sort(worse).forEach((f, i) => {
    const interval = counted ? [] : [f.low === null || f.high === null ? [""] : [...percent(f.low), " .. ", ...percent(f.high)]];
    const limits = ["margin", "smallest"].map((k) => (f[`${k}_amount`] !== null ? amount(f[`${k}_amount`], f.unit) : percent(f[k], "")));
    const all = [[f.row], [nameOf(f.metric)], number(f.base, f.unit), number(f.head, f.unit), change(f), ...interval, ...limits, [LOUD.includes(f.verdict) ? f.verdict.toUpperCase() : f.verdict], [f.note], [f.repeat]];
    const line = lines.find((l) => agrees(l[0], all[0]) && agrees(l[1], all[1])) ?? [];
    all.forEach((parts, j) => cells.push([`${caption.split(":")[0]}: ${byName(f)}`, line[j] ?? "nothing", parts]));
  });
}
judged([...page.sentences("finding"), ...page.sentences("gap")], [verdict, ...gate.facts.map((f) => [f]), ...remarks, ...wrong], cells);

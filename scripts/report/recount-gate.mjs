// Recomputes a page of the gate, with code of its own: from the samples beside gate.json the numbers and the verdict of each row,
// from those the verdict of all and what leads to it, and what is said of each row that does not pass. Also random cells of the
// tables. Margins are those that the gate's README states, or that the page says of time. Of counts a run keeps no samples:
// they must lie beyond their margin, or not, as their verdict says. The margins of calls are the file's word. What would have been found, and whether accepted.json has a
// failure, is the file's word. So is all of a fleet, which ranks rounds by node, and of a file without its samples. Then that
// is said. Ends with 1 if any disagree, and with 3 if none does, but verdicts are the file's word.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { bySamples, settingsOf } from "./recount-gate-samples.mjs";
import { agrees, count, json, judged, pageOf, text } from "./recounting.mjs";
const [, , pageFile, file] = process.argv; // usage: node recount-gate.mjs PAGE GATE_JSON
const page = pageOf(pageFile), gate = json(file), MIB = 2 ** 20, LOUD = ["fail", "void", "inconclusive", "accepted"], wrong = [];
const SHORT = { ns_per_op: "ns/op", rss_peak_bytes: "RSS peak", rss_drained_bytes: "RSS freed", rss_purged_bytes: "RSS purged", writable_live_bytes: "writable",
  bytes_mapped: "bytes mapped", minor_faults: "minor faults", timed_syscalls: "timed calls" };
const nameOf = (m) => (m.startsWith("syscalls.") ? `${m.slice(9)} calls` : (SHORT[m] ?? m));
const files = gate.fleet ? [] : (gate.parts ?? []).map((p) => join(dirname(file), p.file)), sampled = files.length > 0 && files.every(existsSync);
const entries = (sampled ? files.map(json) : []).flatMap((run, i) => run.benchmarks.map((e) => ({ ...e, row: `${e.workload}/threads:${e.threads}`, stage: i ? 2 : 1, round: `${i} ${e.block}` })));
const { settings, odd, said: chosen } = settingsOf(gate, page.sentences("finding"));
const { made, missing } = sampled ? bySamples(gate, settings, entries) : { made: [], missing: [] }, isOf = (f) => (x) => f.tier !== "exact" && x.row === f.row && x.metric === f.metric;
const again = (f, by = made.find(isOf(f))) => (by ? { ...f, ...by, ...(f.verdict === "accepted" && by.verdict === "fail" ? { verdict: f.verdict, note: [f.note] } : {}) } : f);
const exact = (f, d = f.head - f.base, allowed = f.margin_amount ?? f.margin * f.base) => { // the change is a quotient
  const change = f.base && Math.abs(d / f.base - f.change) > 1e-9 ? d / f.base : f.change, fits = { fail: d > allowed, accepted: d > allowed, improved: -d > allowed, pass: f.metric === "timed_syscalls" || Math.abs(d) <= allowed };
  return { ...f, change, verdict: f.metric === "samples" || (fits[f.verdict] ?? true) ? f.verdict : d > allowed ? "fail" : -d > allowed ? "improved" : "pass" };
};
const findings = gate.findings.map((f) => ({ note: [], ...(f.tier === "exact" ? exact(f) : again(f)) })).map((f) => ({ ...f, note: [f.note].flat() }));
// Shares of base, and the least amounts. Those of calls depend on how many operations were counted, which the file does not tell.
const PAGES = 64 * 4096, COUNTS = { instructions: [0.005, 0], bytes_mapped: [0.01, MIB], minor_faults: [0.03, 64], rss_peak_bytes: [0.03, PAGES], rss_drained_bytes: [0.03, PAGES], rss_purged_bytes: [0.03, PAGES] };
for (const f of gate.findings.filter((x) => x.tier === "exact" && COUNTS[x.metric])) {
  const [share, least] = COUNTS[f.metric], usual = Math.max(share * f.base, least), is = f.margin_amount ?? f.margin * f.base;
  if (!(is <= usual * (1 + 1e-6))) wrong.push([`${f.row} ${f.metric}: a margin of ${is}, usual is ${usual}`]);
}
findings.forEach((f, i) => f.verdict !== gate.findings[i].verdict && wrong.push([`${f.row} ${f.metric} is ${f.verdict}`]));
for (const f of gate.findings) for (const [key, v] of Object.entries(made.find(isOf(f)) ?? {})) if (typeof v === "number" && !(Math.abs(f[key] - v) <= 1e-6 * Math.max(1e-3, Math.abs(v)))) wrong.push([`${f.row} ${f.metric}: ${key} is `, v]);
wrong.push(...missing.map((m) => [m]), ...made.filter((x) => !gate.findings.some((f) => isOf(f)(x))).map((x) => [`${x.row} ${x.metric} is not judged`]));
if (sampled) wrong.push(...gate.findings.filter((f) => f.tier !== "exact" && !made.some(isOf(f))).map((f) => [`${f.row} ${f.metric} has no samples`]));
const believed = count(gate.findings, (f) => f.tier !== "exact" && !made.some(isOf(f)));
const absent = gate.tier !== "exact" && !sampled, why = gate.fleet ? "they are of a fleet" : files.length ? "their samples are not beside the file" : "the file names no samples";
if (believed || absent) console.log(`${believed} verdicts are not recomputed: ${why}`);
if (!gate.findings.length) wrong.push(["Nothing was compared"]);
wrong.push(...odd.map((said) => [said]));
if (chosen) console.log(chosen);
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
  return [`${f.verdict.toUpperCase()} ${f.row} ${nameOf(f.metric)}${also.length ? ` (${also.join(", ")})` : ""}${f.note.join("") ? ": " : ""}`, ...f.note];
});
const cells = [];
for (const { caption, rows: lines } of page.tables) {
  const counted = caption.startsWith("deterministic"), mine = findings.filter((f) => (f.tier === "exact") === counted);
  if (!counted && !caption.startsWith("statistical")) continue;
  if (lines.length !== mine.length) wrong.push([`${caption}: ${mine.length} findings`]);
  mine.sort(worse).forEach((f, i) => {
    const interval = counted ? [] : [f.low === null || f.high === null ? [""] : [...percent(f.low), " .. ", ...percent(f.high)]];
    const limits = ["margin", "smallest"].map((k) => (f[`${k}_amount`] !== null ? amount(f[`${k}_amount`], f.unit) : percent(f[k], "")));
    const all = [[f.row], [nameOf(f.metric)], number(f.base, f.unit), number(f.head, f.unit), change(f), ...interval, ...limits, [LOUD.includes(f.verdict) ? f.verdict.toUpperCase() : f.verdict], f.note, [f.repeat]];
    const line = lines.find((l) => agrees(l[0], all[0]) && agrees(l[1], all[1])) ?? [];
    all.forEach((parts, j) => cells.push([`${caption.split(":")[0]}: ${byName(f)}`, line[j] ?? "nothing", parts]));
  });
}
judged([...page.sentences("finding"), ...page.sentences("gap")], [verdict, ...gate.facts.map((f) => [f]), ...remarks, ...wrong], cells);
if ((believed || absent) && !process.exitCode) process.exitCode = 3;

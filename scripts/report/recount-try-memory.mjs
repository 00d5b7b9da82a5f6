// For recount-try.mjs: what a page of `spanbench try` says of a server's memory over its life, and of the smallest memory under
// which a program still ends well.
import { join, listed, median, text } from "./recounting.mjs";
const MIB = 2 ** 20, percent = (f) => text`${100 * f} %`;
export const mib = (v) => text`${v / MIB} MiB`;
// What comes back of that which the load took.
export const ofServers = (good, names) => names.flatMap((name) => {
  const mine = good.filter((r) => r.row === name && r.phases);
  if (!mine.length) return [];
  const at = (of) => median(mine.map(of)), ready = at((r) => r.ready_bytes), load = at((r) => r.phases[0].bytes), taken = load - ready;
  const back = (size, f = (load - size) / taken) => (f < -0.01 ? ["none (", ...percent(-f), " more)"] : percent(Math.max(0, f)));
  const after = (where) => Object.keys(mine[0][where] ?? {}).filter((k) => Number(k) > 0).sort((a, b) => a - b).map((k) => [...back(at((r) => r[where][k])), ` within ${Number(k)} s`]);
  const quiet = [...mine[0].phases.slice(1).map((_, i) => [...back(at((r) => r.phases[i + 1].bytes)), ` after command ${i + 1}`]), ...after("after")], busy = after("traffic");
  if (taken < MIB) return [[`${name}: the load took no memory to speak of, so none can come back.`]];
  return [[`${name}: `, ...(quiet.length ? ["gives back ", ...join(quiet)] : ["keeps ", ...mib(taken)]), ...(busy.length ? ["; with light traffic ", ...join(busy)] : []), ", of ", ...mib(taken), " that the load took."]];
});
// `peaks`: the median peak memory of each row that has one.
export const ofLimits = (rows, names, program, peaks) => {
  const expected = [], tried = rows.filter((r) => r.smallest_limit && names.includes(r.name)).map((r) => ({ name: r.name, ...r.smallest_limit })), groups = [];
  const least = (t) => Math.min(t.bytes, t.too_small_bytes ?? 0, ...t.tries.filter((x) => x.problem === null).map((x) => x.bytes));
  for (const t of tried.filter((t) => t.bytes !== null).sort((a, b) => a.bytes - b.bytes)) { // equal: what is between too small, or enough by chance, and enough is in part the same
    if (groups.length && least(t) < groups.at(-1)[0].bytes) groups.at(-1).push(t); else groups.push([t]);
  }
  const sizes = (g, same = Math.abs(g[0].bytes / g.at(-1).bytes - 1) < 1e-9) => (g.length === 1 ? [`${g[0].name} `, ...mib(g[0].bytes)] : [`${listed(g.map((t) => t.name))} `, ...mib(g[0].bytes), ...(same ? [] : [" to ", ...mib(g.at(-1).bytes)]), ` (equal within ${g.some((t) => t.by_chance) ? "chance" : "the resolution"})`]);
  const kind = program.limited_by === "cgroup" ? "smallest container" : "smallest limit of each process's private memory (no control group can be made here)";
  if (groups.length) expected.push([`${kind}: `, ...groups.flatMap((g, i) => [i ? "; " : "", ...sizes(g)]), "."]);
  for (const t of tried) {
    if (t.bytes === null) { expected.push([`${t.name}: not even `, ...mib(Math.max(0, ...t.tries.map((x) => x.bytes))), ` are enough: ${t.problem}.`]); continue; }
    if (t.by_chance) expected.push([`${t.name}: `, ...(least(t) < t.too_small_bytes ? ["between ", ...mib(least(t)), " and "] : ["a little below "]), ...mib(t.bytes), ", chance decides whether it ends well."]);
    if (t.also_enough_bytes !== null) expected.push([`${t.name}: `, ...mib(t.also_enough_bytes), " are enough, too, although ", ...mib(t.too_small_bytes), " are not, in each of three runs; more memory does not always help it."]);
    if (t.also_too_small_bytes !== null) expected.push([`${t.name}: `, ...mib(t.also_too_small_bytes), " were not enough, although ", ...mib(t.bytes), " were; leave room above the limit."]);
  }
  const named = (way) => listed(peaks.map(([name, peak]) => [name, peak, tried.find((t) => t.name === name)?.bytes]).filter(([, peak, bytes]) => typeof bytes === "number" && way * (bytes - peak) > 0).map(([name]) => name));
  const kept = program.limited_by === "cgroup" ? "page tables and other memory of the kernel" : "pages that nobody touched";
  if (named(1)) expected.push([`Limits above the peak memory, of ${named(1)}: ${kept} count, too, and a limit is known to 2 % or 1 MiB. Size by the limit.`]);
  if (named(-1)) expected.push([`Limits below the peak memory, of ${named(-1)}: pages of files that others have read do not count.`]);
  const above = tried.length || !program.limit_bytes ? [] : peaks.filter(([, peak]) => peak > program.limit_bytes);
  if (above.length) expected.push(["Peak memory above the limit of ", ...mib(program.limit_bytes), ": ", ...join(above.map(([name, peak]) => [`${name} `, ...mib(peak)]), "; ", "; "), ". Pages of files that others have read do not count against a limit."]);
  if (tried.some((t) => !t.output_compared)) expected.push(["The program does not print the same each time, so limits were judged by its exit code alone."]);
  return expected;
};

// What the samples of a gate say, for recount-gate.mjs: medians, margins, changes and intervals of each row and metric, and the
// verdict with its words. The rule is that of scripts/gate/README.md, the code is its own. Rows and metrics are those of the
// samples. gate.json is believed in one thing: which rows were too noisy to tell, so that the second stage looked at them, too.
import { discoveries, effect, median, near, sum, tail } from "./recounting.mjs";
const SUSPECTED = 0.2, FALSE_RATE = 0.01, AGREEMENT = 0.05; // of p: to look again, to find, and to agree with the copy
const RSS = "rss_start_bytes", START = { ns_per_op: null, rss_peak_bytes: RSS, rss_drained_bytes: RSS, rss_purged_bytes: RSS, writable_live_bytes: "writable_start_bytes" };
const up = (d, margin) => tail(d.map((x) => x - Math.log1p(margin))), down = (d, margin) => tail(d.map((x) => -x - Math.log1p(margin))); // p of worse, and of better
// What the README states. A user may choose another margin and target of time: then a fact says so, which is on the page.
const README = { rss_margin: 0.03, rss_floor_bytes: 64 * 4096, writable_margin: 0.01, writable_floor_bytes: 2 ** 20, memory_target: 5 / 3 };
const FACT = /^time: more than ([\d.]+) % slower is a regression, ([\d.]+) % must not be missed; /;
export const settingsOf = (gate, facts) => {
  const [, ...told] = facts.map((said) => said.match(FACT)).find(Boolean) ?? [], usual = { margin: 0.01, target: gate.quick ? 0.1 : 0.05 }, given = gate.settings ?? {}, settings = { ...README };
  ["margin", "target"].forEach((key, i) => { settings[key] = told[i] && near(told[i], 100 * given[key]) ? given[key] : told[i] ? told[i] / 100 : usual[key]; });
  const odd = Object.keys(settings).filter((key) => given[key] !== undefined && !(Math.abs(given[key] / settings[key] - 1) < 1e-9));
  const percent = (v) => `${Number((100 * v).toPrecision(6))} %`, another = ["margin", "target"].filter((key) => Math.abs(settings[key] / usual[key] - 1) > 1e-9).map((key) => `${key} of time: ${percent(settings[key])}, usual is ${percent(usual[key])}`);
  return { settings, odd: odd.map((key) => `${key} is ${given[key]} in the file; judged by ${settings[key]}`), said: another.join("; ") };
};
const signed = (v) => [v >= 0 ? "+" : "", 100 * v, "%"];

const differences = (own, metric, arm, against) => { // of logarithms, one a round
  const rounds = new Map();
  for (const e of own) rounds.set(e.round, [...(rounds.get(e.round) ?? []), e]);
  const mean = (round, of, logs = round.filter((e) => e.allocator === of).map((e) => Math.log(e[metric]))) => sum(logs) / logs.length;
  return [...rounds.values()].map((round) => mean(round, arm) - mean(round, against));
};
const limits = (own, metric, base, S) => { // of memory: a share of what the allocator added, and at least an amount for each thread
  const start = START[metric], mapped = metric.startsWith("writable");
  if (!start) return { margin: S.margin, target: S.target, margin_amount: null };
  const least = own[0].threads * (mapped ? S.writable_floor_bytes : S.rss_floor_bytes), added = median(own.filter((e) => e.allocator === "base").map((e) => Math.max(0, e[metric] - e[start])));
  const allowed = Math.max((mapped ? S.writable_margin : S.rss_margin) * added, least), margin = allowed / base;
  return { margin, target: Math.max(S.memory_target * margin, S.target), margin_amount: Math.abs(allowed / least - 1) < 1e-9 ? least : null };
};
const compared = (own, metric, S) => {
  const middle = (arm) => median(own.filter((e) => e.allocator === arm).map((e) => e[metric])), base = middle("base");
  const [d, copy, toCopy] = [["head", "base"], ["twin", "base"], ["head", "twin"]].map((arms) => differences(own, metric, ...arms));
  return { base, head: middle("head"), ...limits(own, metric, base, S), d, copy, toCopy, effect: effect(d), ofCopy: effect(copy) };
};
const suspected = (c) => [c.d, c.copy].some((d) => Math.min(up(d, c.margin), down(d, c.margin)) < SUSPECTED) || c.effect[2] >= Math.log1p(c.target);

// Of each row and metric that was measured, and what is missing.
const comparisons = (gate, settings, entries, missing) => [...new Set([...gate.rows, ...entries.map((e) => e.row)])].flatMap((row) => {
  const own = entries.filter((e) => e.row === row), [first, later] = [1, 2].map((stage) => own.filter((e) => e.stage === stage)), bad = own.find((e) => e.error_occurred);
  if (!first.length) return missing.push(`${row}: no samples`), [];
  if (bad) return [{ row, metric: "samples", is: ["fail", `head failed: ${bad.error_message}`] }];
  return Object.keys(START).filter((m) => own.every((e) => e[m] !== undefined && e[m] !== null)).map((metric) => {
    const one = compared(first, metric, settings), again = suspected(one) || gate.comparisons.some((c) => c.row === row && c.metric === metric && c.decided_in_stage === 2);
    if (!again || !later.length) return again && missing.push(`${row} ${metric}: no samples of the second stage, which must decide it`), { row, metric, ...one, widest: one.effect };
    return { row, metric, again, ...compared(later, metric, settings), widest: effect(differences(own, metric, "head", "base")) };
  });
});

// With the verdict and its words, the end of the change's interval that it is about, and the numbers of gate.json.
export const bySamples = (gate, settings, entries) => {
  const missing = [], all = comparisons(gate, settings, entries, missing), decided = all.filter((c) => c.again);
  const found = (p) => discoveries(decided.map((c) => ({ c, p: p(c) })), FALSE_RATE)[0].map((x) => x.c);
  const beyond = (c) => Math.expm1(Math.log1p(c.margin) + Math.max(...c.ofCopy.slice(1).map(Math.abs)));
  const unfit = [up, down].flatMap((p) => found((c) => p(c.copy, c.margin))), far = found((c) => Math.max(up(c.d, beyond(c)), up(c.toCopy, beyond(c))));
  const worse = found((c) => up(c.d, c.margin)), better = found((c) => down(c.d, c.margin));
  const verdict = (c) => {
    const copy = ["the copy of base differs by ", ...signed(Math.expm1(c.ofCopy[0]))];
    if (unfit.includes(c)) return far.includes(c) ? ["fail", ...copy, ", and head by far more"] : ["void", ...copy, ", although it is the same library: measure on a quieter machine"];
    if (worse.includes(c)) return up(c.toCopy, c.margin) < AGREEMENT ? ["fail"] : ["void", "worse than base, but not than its copy (", ...copy, "): measure again"];
    if (better.includes(c) && down(c.toCopy, c.margin) < AGREEMENT) return ["improved"];
    if (c.effect[1] > Math.log1p(c.margin)) return ["inconclusive", "worse than the margin, but not proven over all rows: measure again"];
    return c.widest[2] < Math.log1p(c.target) ? ["pass"] : ["inconclusive", "a change of ", ...signed(c.target), " is not excluded: too noisy here"];
  };
  const numbers = (c, of) => { // a change that was found is of fresh samples alone
    const [change, low, high] = (["fail", "improved", "void"].includes(of) ? c.effect : c.widest).map((x) => (Number.isFinite(x) ? Math.expm1(x) : null));
    return { base: c.base, head: c.head, change, low, high, margin: c.margin, margin_amount: c.margin_amount };
  };
  const made = all.map((c) => { const [of, ...note] = c.is ?? verdict(c); return { row: c.row, metric: c.metric, verdict: of, note, ...(c.is ? {} : numbers(c, of)) }; });
  return { made, missing };
};

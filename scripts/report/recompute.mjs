// Recomputes the page of a bench run from its bench.json: the sentences on time, memory and who is beaten, and the tables of
// their numbers. It imports nothing of this project: read it, instead of believing the page. recount*.mjs: pages of other kinds.
// usage: node recompute.mjs BENCH_JSON PAGE    exit code 0: all agree; 1: something does not; 2: a file cannot be used
import { readFileSync } from "node:fs";
const [, , file, pageFile] = process.argv, refuse = (why) => (console.error(`recompute.mjs: ${why}`), process.exit(2));
const read = (of, parse) => {
  try { return parse(readFileSync(of, "utf8")); } catch ({ code, message }) {
    refuse(code ? `cannot read ${of} (${code}); make report RUN=… writes the page of a run` : `${of} is not JSON: ${message}`);
  }
};
if (!pageFile) refuse("name a page and its files: results/README.md");
const bench = read(file, JSON.parse), page = read(pageFile, String), own = bench?.context?.spanbench;
const version = own?.version ?? bench?.version ?? bench?.machine?.spanbench, writer = version ? `, ${version}` : "";
for (const key of ["schema", "schema_version"].filter((name) => (bench?.[name] ?? 1) !== 1))
  refuse(`${file}: its ${key} is ${bench[key]}, and this spanbench knows 1 alone; ` +
    `read it with the spanbench that wrote it${writer}, or update this one`);
if (!own?.machine || !own.allocators || !bench.benchmarks?.length) refuse(`${file} is not the bench.json of a run`);

// Statistics. d: of each round, the difference of the logarithms of two allocators' samples.
const { abs, sqrt, min, max, exp, expm1, log, PI, sin, cos } = Math;
const sum = (values) => values.reduce((all, x) => all + x, 0), mean = (values) => sum(values) / values.length;
const range = (n) => [...Array(n).keys()], sorted = (values) => [...values].sort((a, b) => a - b);
const between = (s, at, i = Math.floor(at)) => s[i] + (at - i) * ((s[i + 1] ?? s[i]) - s[i]);
const quantile = (values, q) => between(sorted(values), q * (values.length - 1)), median = (values) => quantile(values, 0.5);
const deviation = (d) => sqrt(sum(d.map((x) => (x - mean(d)) ** 2)) / (d.length - 1)) || 0; // of one, 0
const walsh = (d) => sorted(d.flatMap((x, i) => d.slice(i).map((y) => (x + y) / 2)));
// In how many ways some of the ranks have the sum 0, 1, 2 …; the k for which a sum below it has at most such a probability.
const ways = (ranks) => ranks.reduce((w, r) => [...w, ...Array(r).fill(0)].map((x, i) => x + (w[i - r] ?? 0)), [1]);
const critical = (n, level, seen = 0) => ways(range(n).map((i) => i + 1)).findIndex((w) => (seen += w) > level * 2 ** n);
// Hodges and Lehmann's estimate, and the ends of its 95 % interval; of fewer than six rounds, those of the range.
const effect = (d, w = walsh(d), k = critical(d.length, 0.025) || 1) => [median(w), w[k - 1], w[w.length - k]];
// Wilcoxon's test: how probable so small a sum of the ranks below zero is. They are doubled: equals share the mean of theirs.
const wilcoxon = (d, ranks = d.map((x) => 1 + sum(d.map((y) => 1 + Math.sign(abs(x) - abs(y)))))) =>
  sum(ways(ranks).slice(0, 1 + sum(ranks.filter((_, i) => d[i] <= 0)))) / 2 ** d.length;
// Student's T of one to four degrees of freedom: P(T > t), and the t of a P.
const student = (t, freedom, a = Math.atan(t / sqrt(freedom)), s = sin(a), c = cos(a)) =>
  0.5 - [, a / PI, s / 2, (a + s * c) / PI, (s * (2 + c * c)) / 4][freedom];
const studentAt = (p, freedom, t = 0.01) => { while (student(t, freedom) > p) t *= 1.001; return t; };
const FEW = 6, MARGIN = log(1.02); // of fewer rounds, the test is Student's; a smaller difference matters to nobody
const probability = (d, noise, n = d.length, beyond = d.map((x) => Math.sign(sum(d)) * x - MARGIN)) =>
  n < 2 ? 1 : min(1, 2 * (n < FEW ? student((mean(beyond) * sqrt(n)) / noise, n - 1) : wilcoxon(beyond)));
let state = 1; // of the random numbers
const random = () => (state = (state * 48271) % 2147483647) / 2147483647, drawn = {};
const normal = () => sqrt(-2 * log(random())) * cos(2 * PI * random());
// The least difference that the test finds at this level in 95 of 100 runs that scatter so.
const smallest = (d, noise, level, n = d.length, k = critical(n, level / 2), [, low, high] = effect(d)) => {
  if (n < 2 || (n >= FEW && k === 0)) return Infinity;
  if (n < FEW) return expm1(MARGIN + ((studentAt(level / 2, n - 1) + studentAt(0.05, n - 1)) / sqrt(n)) * noise);
  drawn[`${n} ${k}`] ??= quantile(range(1000).map(() => -walsh(range(n).map(normal))[k - 1]), 0.95);
  return expm1(MARGIN + (drawn[`${n} ${k}`] * (high - low)) / 2 / 1.96 / sqrt(PI / 3 / n));
};

// The run: places, each a workload by so many threads, with rows of samples, and what is asked: who is better in what?
const MIB = 2 ** 20, above = (what) => (e) => e[`rss_${what}_bytes`] - e.rss_start_bytes;
const OF = { time: (e) => e.ns_per_op, memory: above("live"), peak: (e) => max(4096, above("peak")(e)) };
const grouped = (list, keyOf) => [...list.reduce((all, x) => all.set(keyOf(x), [...(all.get(keyOf(x)) ?? []), x]), new Map())];
const plural = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`, placeOf = (e) => `${e.workload} at ${plural(e.threads, "thread")}`;
const byRound = (row, of) => new Map(grouped(row.good, (e) => e.block).map(([n, all]) => [n, mean(all.map((e) => log(of(e))))]));
const logs = (a, b, of, other = byRound(b, of)) =>
  [...byRound(a, of)].filter(([n]) => other.has(n)).map(([n, x]) => x - other.get(n));
const question = (what, rows, of = OF[what], middle = (row) => median(row.good.map(of))) => {
  const ranked = rows.filter((row) => row.whole && !row.floor && row.good.every((e) => of(e) > 0));
  ranked.sort((a, b) => middle(a) - middle(b) || (a.name < b.name ? -1 : 1)); // the best first
  const pairs = ranked.flatMap((a, i) => ranked.slice(i + 1).map((b) => ({ a, b, d: logs(a, b, of) }))).filter(({ d }) => d.length);
  return { what, of, ranked, pairs, usual: pairs.length && median(pairs.map(({ d }) => deviation(d))), better: [] };
};
const places = grouped(bench.benchmarks.filter((e) => e.run_type === "iteration"), placeOf).map(([at, there]) => {
  const { workload, threads } = there[0], core = (own.workloads?.find((w) => w.name === workload)?.group ?? "core") === "core";
  const rows = grouped(there, (e) => e.allocator).map(([name, all]) => {
    const good = all.filter((e) => !e.error_occurred).map((e, i) => ({ block: i, ...e }));
    return { name, good, whole: good.length === all.length, floor: own.allocators.some((a) => a.name === name && a.floor) };
  });
  const asked = [question("time", rows), question(core ? "memory" : "peak", rows)];
  return { at, workload, threads, core, asked, rows: rows.filter((row) => row.good.length) };
});
const noise = (q, d) => max(deviation(d), q.usual); // by chance, few rounds can lie close together
// Benjamini and Hochberg: of what is claimed at these places, on average at most this share is false.
const judge = (family, rate, questions = family.flatMap((p) => p.asked)) => {
  const claim = (q, { a, b, d }) => ({ q, said: sum(d) < 0 ? [a, b] : [b, a], p: probability(d, noise(q, d)) });
  const claims = questions.flatMap((q) => q.pairs.map((pair) => claim(q, pair))).sort((x, y) => x.p - y.p);
  const many = claims.findLastIndex(({ p }, i) => p <= (rate * (i + 1)) / claims.length) + 1;
  claims.slice(0, many).forEach(({ q, said }) => q.better.push(said));
  questions.forEach((q) => (q.level = (rate * (many || 1)) / (claims.length || 1)));
};
const cpus = own.machine.cpus_usable, far = ({ threads: t }) => max(t / cpus, cpus / t) + t * 1e-9;
const nearest = (list) => list.filter((p) => list.every((other) => far(p) <= far(other)));
const core = places.filter((p) => p.core), main = nearest(core);
const groups = grouped(places.filter((p) => !p.core), (p) => p.workload).flatMap(([, list]) => nearest(list));
judge(main, 0.05), judge(groups, 0.05), judge(places.filter((p) => !main.includes(p) && !groups.includes(p)), 0.01);

// What the page must say, with all digits.
const ENTITIES = { "&lt;": "<", "&gt;": ">", "&#34;": '"', "&quot;": '"', "&#39;": "'", "&#x27;": "'", "&amp;": "&" };
const plain = (html) => html.replace(/<[^>]*>/g, "").replace(/&#?\w+;/g, (e) => ENTITIES[e] ?? e).trim();
const base = plain(page.match(/<caption>Relative to (.*?) on /)?.[1] ?? "");
const ratio = (a, b, of) => effect(logs(a, b, of)).map(exp);
const wins = (q, a, b) => q.better.some(([x, y]) => x === a && y === b);
const listed = (rows) => rows.map((row) => row.name).join(", ").replace(/, ([^,]*)$/, " and $1");
const WORDS = {
  time: ["is fastest", "tie as the fastest", "be faster", "time"],
  memory: ["takes least memory", "tie for least memory", "take less memory", "memory"],
  peak: ["has the lowest peak of memory", "tie for the lowest peak of memory", "have a lower peak of memory", "peaks of memory"],
};
const isComparable = ({ asked }) => asked.some(({ ranked }) => ranked.filter((row) => row.good.length > 1).length > 1);
// Who is best in what is asked, by how much, and with whom it ties.
const best = ({ rows, asked }, q, [first, ...others] = q.ranked) => {
  const [is, tie, better, what] = WORDS[q.what], rounds = min(...rows.map((row) => row.good.length));
  if (!others.length) return first && `${first.name} alone can be ranked: there is nothing to compare.`;
  const v = median(first.good.map(q.what === "peak" ? above("peak") : q.of)), time = v < 9999.5 ? `${v} ns` : `${v / 1000} us`;
  const value = q.what === "time" ? `an operation takes ${time}` : `${v / MIB} MiB above the start`;
  if (!isComparable({ asked })) return `${first.name} ${is} by one sample, which may be noise: ${value}.`;
  const none = rounds < FEW && !q.better.length;
  if (none) return `${plural(rounds, "sample")} of each are too few to tell ${what} apart; more repetitions do.`;
  const ties = others.filter((row) => !wins(q, first, row) && !wins(q, row, first));
  const least = max(0, ...ties.map((row) => logs(first, row, q.of)).map((d) => smallest(d, noise(q, d), q.level)));
  const blind = "there are too few runs to see any difference";
  const seen = least < 999 ? `a difference of ${100 * least} % would have been seen` : blind;
  if (ties.length === others.length) return `no allocator is shown to ${better} than another (${seen}).`;
  const to = others.find((row) => row.name === base), [m, low, high] = to ? ratio(first, to, q.of) : [];
  const interval = `${first.good.length < FEW ? "range of the rounds" : "95 % interval"}: ${low} to ${high}`;
  const much = `${value}${to ? `, ${m} times ${base}'s (${interval})` : ""}.`;
  if (!ties.length) return `${first.name} ${is}: ${much} All others are worse for sure.`;
  return `${listed([first, ...ties])} ${tie} (${seen}). The lowest median is ${first.name}'s: ${much}`;
};
// Beaten is what another is better than for sure in time or memory, and at most 2 % worse in the other.
const bearable = (q, a, b) => wins(q, a, b) || (!wins(q, b, a) && ratio(a, b, q.of)[0] <= 1.02);
const beats = ({ asked }, a, b) => asked.some((q) => wins(q, a, b)) && asked.every((q) => bearable(q, a, b));
const inBoth = ({ asked: [time, memory] }) => time.ranked.filter((row) => memory.ranked.includes(row));
const unbeaten = (p, both = inBoth(p), left = both.filter((b) => !both.some((a) => beats(p, a, b)))) =>
  left.length ? left : both;
const front = (p, { asked, asked: [time] } = p, named = unbeaten(p)) => {
  if (!named.length || time.ranked.length < 2 || !asked.some((q) => q.better.length)) return "";
  const all = named.length === time.ranked.length, whose = `${listed(named)} ${named.length > 1 ? "are" : "is"} not`;
  return `${all ? "no allocator is" : whose} clearly beaten in speed and memory together.`;
};
const its = own.fleet?.class, mark = its && page.includes(`<li id="${its}-s-`) ? `${its}: ` : ""; // in panels of classes
const sentences = (p) => [...p.asked.map((q) => best(p, q)), front(p)].filter(Boolean).map((said) => `${mark}On ${p.at}, ${said}`);
const sizes = sorted(places.flatMap((p) => p.rows.map((row) => row.good.length))), [fewest, most] = [sizes[0], sizes.at(-1)];
const each = `; ${fewest < most ? `${fewest} to ` : ""}${plural(most, "sample")} each`;
const wanted = [...[...core, ...groups].flatMap(sentences), ...(mark ? [] : [each])];
// Lines of tables: of each, the caption with whose it is, and the numbers.
const [about, ends] = fewest < 5 ? ["min to max", [0, 1]] : ["quartiles", [0.25, 0.75]];
const spread = (row, of, unit = 1, v = row.good.map((e) => of(e) / unit)) =>
  v.some(Number.isNaN) ? [] : [median(v), ends.map((q) => quantile(v, q)).join(" to ")]; // nothing, if a sample does not tell
const multiple = (row, q, to = q.ranked.find((r) => r.name === base), [m, low, high] = to ? ratio(row, to, q.of) : []) =>
  row === to ? [1] : m > 0 ? [m, `${low} to ${high}`] : [];
const speed = (e) => e.ops_per_second / 1e6, slack = (e) => e.usable_bytes - e.live_bytes;
const kept = (e) => above("live")(e) - e.usable_bytes + (e.untouched_bytes ?? 0);
const BYTES = ["rss_live_bytes", "rss_start_bytes", "live_bytes"].map((name) => (e) => e[name]);
const tables = ({ workload, threads, core, rows, asked }) => rows.flatMap((row) => {
  const whose = `${mark}${row.name}${row.floor ? " (floor)" : ""}; ${threads}`, memory = above(core ? "live" : "peak");
  const [first, second] = places.filter((p) => p.workload === workload).sort((a, b) => a.threads - b.threads);
  const scaled = first.rows.filter((r) => r.name === row.name).map((r) => median(row.good.map(speed)) / median(r.good.map(speed)));
  const bytes = [...BYTES, ...(row.good.some(slack) ? [slack, kept] : []), above("drained"), above("purged")];
  return [
    [`Time and memory on ${workload}: medians and ${about}: ${whose}`, [...spread(row, OF.time), ...spread(row, memory, MIB)]],
    second && [`Throughput of all threads together on ${workload}: ${whose}`, [...spread(row, speed), ...scaled]],
    [`Where resident bytes are on ${workload}: medians, MiB: ${whose}`, bytes.flatMap((of) => spread(row, of, MIB).slice(0, 1))],
    [`Relative to ${base} on ${workload}: ${whose}`, asked.flatMap((q) => multiple(row, q))],
  ].filter(Boolean);
});
const known = new Map(places.flatMap(tables));
// Whom a line of the first calls beaten, and of the last, better or worse than the base.
const ASKED = { time: ["faster", "slower"], memory: ["smaller", "larger"], peak: ["smaller", "larger"] };
const told = (q, row, to = q.ranked.find((r) => r.name === base)) =>
  ASKED[q.what].find((_, worse) => (worse ? wins(q, to, row) : wins(q, row, to)));
const isBeaten = (p, row) => isComparable(p) && inBoth(p).includes(row) && !unbeaten(p).includes(row);
const verdictsOn = (p) => p.rows.filter((row) => !row.floor).flatMap((row) => {
  const whose = `${mark}${row.name}; ${p.threads}`;
  return [
    [`Time and memory on ${p.workload}: medians and ${about}: ${whose}`, [isBeaten(p, row) && "yes"]],
    [`Relative to ${base} on ${p.workload}: ${whose}`, p.asked.map((q) => told(q, row))],
  ];
});
const judged = new Map(places.flatMap(verdictsOn)), JUDGED = /^(yes|faster|slower|smaller|larger)/;

// What the page says must agree in words, and in numbers as they are rounded. What is drawn at random agrees in 15 %.
const NUMBER = /(?<![^\s(])(-?\d+(?:\.\d+)?(?:e[-+]?\d+)?)(?![^\s);])/; // but none within a name
const split = (text) => text.replace(/(\d),(?=\d{3})/g, "$1").split(NUMBER); // words, number, words …
const asDifference = (text) => text.replace(/only a factor of ([\d.]+)/, (_, x) => `a difference of ${100 * (x - 1)} %`);
const near = (said, value, [digits, power = 0] = said.split("e"), [, decimals = ""] = digits.split(".")) =>
  abs(said - value) <= 0.501 * 10 ** (power - decimals.length);
const same = (x, y, before) => near(x, y) || (before.endsWith("difference of ") && abs(x / y - 1) <= 0.15);
const agree = (said, wanted, a = split(asDifference(said)), b = split(wanted)) =>
  a.length === b.length && a.every((x, i) => x === b[i] || (i % 2 && same(x, b[i], a[i - 1])));
const found = (html, pattern) => [...html.matchAll(pattern)].map((match) => plain(match[1]));
const findings = found(page, new RegExp(`<li id="${mark && `${its}-`}s-(?!purge|scope)[^"]*" class="finding">(.*?) <a `, "gs"));
const said = [...findings, ...found(page, /(; [^;]*samples? each)<\/p>/g)];
const wrong = said.filter((one) => !wanted.some((other) => agree(one, other))).map((one) => `${one}: the file says otherwise`);
wrong.push(...wanted.filter((one) => !said.some((other) => agree(other, one))).map((one) => `Not said: ${one}`));
const LINE = /<th.*?>(.*?)<\/th>(.*?)<\/tr>/gs, CELL = /<td>([^<]*\d[^<]*)</g, WORD = /<td class="word">(.*?)<\/td>/g;
const lines = (body) => [...body.matchAll(LINE)].map(([, head, of]) => [plain(head), found(of, CELL), found(of, WORD)]);
const TABLE = /<caption>((?:Time and|Throughput|Where|Relative).*?) <button.*?<tbody>(.*?)<\/tbody>/gs;
const seen = new Set();
let count = 0;
for (const [, title, body] of page.matchAll(TABLE)) {
  const caption = plain(title).replace(/; (by class|class of|no allocator).*/, "");
  const ours = lines(body).filter(([head]) => head.startsWith(mark));
  ours.forEach(([head, [threads, ...cells], words], i) => {
    const [, [before, larger]] = ours[i - 1] ?? [, []];
    const whose = `${caption}: ${head}; ${threads}`, [shown, told] = [cells, known.get(whose) ?? []].map((list) => list.join("; "));
    seen.add(whose);
    if (!agree(shown, told)) wrong.push(`${whose}: it says ${shown}, the file ${told}`);
    const verdicts = (judged.get(whose) ?? []).map((one) => one || "none");
    const says = words.map((word) => word.match(JUDGED)?.[0] ?? "none");
    if (verdicts.join() !== says.slice(0, verdicts.length).join()) wrong.push(`${whose}: it says ${words}, the file ${verdicts}`);
    if (/^Relative/.test(caption) && before === threads && larger - cells[0] > 0) wrong.push(`${whose}: it stands below ${larger}`);
    count += cells.length;
  });
}
// The harness alone (floor) is in no table of memory or multiples.
const needed = [...known.keys()].filter((whose) => !/^(Where|Relative).* \(floor\); \d+$/.test(whose));
wrong.push(...needed.filter((whose) => !seen.has(whose)).map((whose) => `Not there: ${whose}`));
console.log([...wrong, `${findings.length} sentences and ${count} numbers are recomputed; ${wrong.length} disagree`].join("\n"));
process.exitCode = wrong.length || !findings.length ? 1 : 0;

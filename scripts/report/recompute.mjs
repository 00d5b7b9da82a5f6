// Recomputes a page from its bench.json alone, with code of its own: which sentences on speed, memory and the front must be
// there, and no others, and random numbers of the tables. Ends with 1 if any disagree. recount.mjs: other kinds.
// Of a fleet's page with a panel for each class of machines, it looks at what is of the class of that bench.json.
import { discoveries, ends, json, listed, median, named, near, pageOf, plain, pOf, quantile, random, scatter, seeded, seen, smallest, sum, text, unlike } from "./recounting.mjs";
const [, , file, pageFile, count = 100, seed = 1] = process.argv; // usage: node recompute.mjs BENCH_JSON PAGE [COUNT [SEED]]
const { context, benchmarks } = json(file), own = context.spanbench, MIB = 2 ** 20;
seeded(seed);
const { text: page } = pageOf(pageFile), rows = new Map(), wrong = [], its = own.fleet?.class, ownClass = its && page.includes(`<li id="${its}-s-`);
const add = (key, e) => rows.set(key, [...(rows.get(key) ?? []), e]);
benchmarks.forEach((e) => add(`${e.workload}|${e.threads}|${e.allocator}`, e));
const above = (what) => (e) => e[`rss_${what}_bytes`] - e.rss_start_bytes;
const OF = { time: (e) => e.ns_per_op, memory: above("live"), lifted: above("peak"), peak: (e) => (e.rss_peak_bytes === undefined ? 0 : Math.max(4096, above("peak")(e))), drained: above("drained"), purged: above("purged"),
  mops: (e) => e.ops_per_second / 1e6, live: (e) => e.live_bytes, slack: (e) => e.usable_bytes - e.live_bytes,
  total: (e) => e.rss_live_bytes, start: (e) => e.rss_start_bytes,
  kept: (e) => above("live")(e) - e.usable_bytes + (e.untouched_bytes ?? 0) };
const floors = own.allocators.filter((a) => a.floor).map((a) => a.name), name = (key) => key.split("|")[2], good = (key) => rows.get(key).filter((e) => !e.error_occurred);
const isCore = (place) => (own.workloads?.find((w) => w.name === place.split("|")[0])?.group ?? "core") === "core", second = (place) => (isCore(place) ? "memory" : "peak");
const whole = [...rows.keys()].some((k) => good(k).length > 0 && good(k).length < 5); // of so few, the whole range
const quartiles = (key, of, unit = 1) => (whole ? [0.5, 0, 1] : [0.5, 0.25, 0.75]).map((q) => quantile(good(key).map((e) => OF[of](e) / unit), q)), middle = (key, of) => quartiles(key, of)[0];
const ranked = (place, of = "time") => [...rows.keys()].filter((k) => k.startsWith(`${place}|`) && good(k).length === rows.get(k).length && !floors.includes(name(k)) && good(k).every((e) => OF[of](e) > 0)).sort((a, b) => middle(a, of) - middle(b, of) || (a < b ? -1 : 1)); // the best first
const differences = (a, b, of) => good(a).map((e) => [e, good(b).find((o) => o.block === e.block)]).filter(([, o]) => o).map(([e, o]) => Math.log(OF[of](e) / OF[of](o))), ratio = (a, b, of) => ends(differences(a, b, of)).map(Math.exp);
const distance = (place, t = place.split("|")[1], cpus = own.machine.cpus_usable) => Math.max(t / cpus, cpus / t) + t * 1e-9, nearest = (list) => list.filter((p) => distance(p) === Math.min(...list.map((x) => distance(x))));
const places = [...new Set([...rows.keys()].map((k) => k.replace(/\|[^|]*$/, "")))], core = places.filter(isCore), better = new Set(), apart = new Set(), levels = new Map(), usual = new Map();
const tell = (family, rate, pairs = []) => { // all pairs at these places, together
  for (const place of family) for (const of of ["time", second(place)]) {
    const q = `${of} ${place}`, asked = ranked(place, of).flatMap((one, i, list) => list.slice(i + 1).map((other) => ({ one, other, d: differences(one, other, of) }))).filter(({ d }) => d.length);
    usual.set(q, asked.length ? median(asked.map(({ d }) => scatter(d))) : 0);
    asked.forEach(({ one, other, d, up = sum(d) > 0 }) => pairs.push({ q, said: `${of} ${up ? other : one} ${up ? one : other}`, p: pOf(d, 0.02, usual.get(q)) }));
  }
  const [found, level] = discoveries(pairs, rate);
  found.forEach((x) => (better.add(x.said), apart.add(x.q))), family.forEach((p) => levels.set(p, level));
};
const main = nearest(core), groups = places.filter((p) => !isCore(p) && nearest(places.filter((x) => x.split("|")[0] === p.split("|")[0])).includes(p));
tell(main, 0.05), tell(groups, 0.05), tell(places.filter((p) => ![...main, ...groups].includes(p)), 0.01);
const comparable = (place) => ["time", second(place)].some((of) => ranked(place, of).filter((k) => good(k).length > 1).length > 1), fewest = (place) => Math.min(...[...rows.keys()].filter((k) => k.startsWith(`${place}|`) && good(k).length).map((k) => good(k).length)), wins = (of, a, b) => better.has(`${of} ${a} ${b}`), at = (place, [w, t] = place.split("|")) => `On ${w} at ${named(Number(t), "thread")}, `;
const WORDS = { time: ["is fastest", "tie as the fastest", "to be faster than another"], memory: ["takes least memory", "tie for least memory", "to take less memory than another"], peak: ["has the lowest peak of memory", "tie for the lowest peak of memory", "to have a lower peak of memory than another"] };
const value = (key, of, v = middle(key, of === "peak" ? "lifted" : of)) => (of !== "time" ? text`${v / MIB} MiB above the start` : v < 9999.5 ? text`an operation takes ${v} ns` : text`an operation takes ${v / 1e3} us`), relativeTo = (base, key, of, [m, low, high] = ratio(key, base, of)) => text`, ${m} times ${name(base)}'s (${good(key).length < 6 ? "range of the rounds" : "95 % interval"}: ${low} to ${high})`;
const base = plain(page).match(/numbers are multiples of (.+?)'s\./)?.[1] ?? "system", best = (place, of, all = ranked(place, of)) => { // in all the ways in which what is drawn may be said
  const [first, ...others] = all, ties = others.filter((k) => !wins(of, first, k) && !wins(of, k, first)), [is, tie, none] = WORDS[of];
  if (others.length === 0) return first ? [[`${at(place)}${name(first)} alone can be ranked: there is nothing to compare.`]] : [];
  if (!comparable(place)) return [[`${at(place)}${name(first)} ${is} by one sample, which may be noise: `, ...value(first, of), "."]];
  if (fewest(place) < 6 && !apart.has(`${of} ${place}`)) return [[`${at(place)}${named(fewest(place), "sample")} of each are too few to tell ${of === "peak" ? "peaks of memory" : of} apart; more repetitions do.`]];
  const least = Math.max(0, ...ties.map((k) => smallest(differences(first, k, of), levels.get(place) / 2, 0.02, usual.get(`${of} ${place}`)))), ways = [...seen(least), ...(least > 900 ? [["there are too few runs to see any difference"]] : [])], to = all.find((k) => name(k) === base && k !== first);
  if (ties.length === others.length) return ways.map((w) => [`${at(place)}no allocator is shown ${none} (`, ...w, ")."]);
  const said = [...value(first, of), ...(to ? relativeTo(to, first, of) : []), "."];
  return ties.length ? ways.map((w) => [`${at(place)}${listed([first, ...ties].map(name))} ${tie} (`, ...w, `). The lowest median is ${name(first)}'s: `, ...said]) : [[`${at(place)}${name(first)} ${is}: `, ...said, " All others are worse for sure."]];
};
const beats = (a, b, two) => two.some((o) => wins(o, a, b)) && two.every((o) => wins(o, a, b) || (!wins(o, b, a) && ratio(a, b, o)[0] <= 1.02));
const front = (place, two = ["time", second(place)], speed = ranked(place, "time"), both = speed.filter((k) => ranked(place, two[1]).includes(k)), left = both.filter((b) => !both.some((a) => beats(a, b, two)))) => {
  const names = (left.length ? left : both).map(name), whose = names.length === speed.length ? "no allocator is" : `${listed(names)} ${names.length > 1 ? "are" : "is"} not`;
  return speed.length < 2 || !names.length || !two.some((o) => apart.has(`${o} ${place}`)) ? [] : [[`${at(place)}${whose} clearly beaten in speed and memory together.`]];
};
const prefix = ownClass ? `${its}-s-` : "s-", sentences = [...page.matchAll(new RegExp(`<li id="${prefix}(?!(?:purge|scope)")[^"]*" class="finding">(.*?) <a `, "gs"))].map((m) => plain(m[1]).replace(ownClass ? `${its}: ` : "", "")), expected = [...core, ...groups].flatMap((p) => [best(p, "time"), best(p, second(p)), front(p)]).filter((ways) => ways.length);
wrong.push(...unlike(sentences, expected));
const expect = (what, text, values, shown = text.match(/-?\d[\d,]*\.?\d*(e-?\d+)?/g) ?? []) =>
  (shown.length === values.length && shown.every((s, i) => near(s.replaceAll(",", ""), values[i]))) || wrong.push(`${what}: it says ${text}, the samples ${values}`);
const tells = (key) => good(key).some((e) => e.usable_bytes > e.live_bytes); // else slack is not known
const each = plain(page.match(/<header>(.*?)<\/header>/s)[1]).match(/; (\d+(?: to \d+)?) samples? each$/)?.[1], flat = (of, unit) => (key) => [[quartiles(key, of, unit)[0]], quartiles(key, of, unit).slice(1)];
const relative = (of) => (key, base) => (name(key) === base || !ranked(key.replace(/\|[^|]*$/, "")).includes(key) ? [[], [], []] : [...((r) => [[r[0]], r.slice(1)])(ratio(key, key.replace(/[^|]*$/, base), of)), []]);
const RESIDENT = (k, _, said) => BYTES.filter((of) => !/slack|kept/.test(of) || !/not known/.test(said)).map((of) => [quartiles(k, of, MIB)[0]]);
const numbers = [], BYTES = ["total", "start", "live", "slack", "kept", "drained", "purged"], KINDS = [[/^Time and memory on (.*): med/, (k) => [...flat("time", 1)(k), ...flat(isCore(k) ? "memory" : "lifted", MIB)(k)]], [/^Throughput .* on (.*)$/, flat("mops", 1)],
  [/^Where resident .* on (.*): med/, RESIDENT], [/^Relative to \S+ on (.*)$/, (k, base) => [...relative("time")(k, base), ...relative(second(k))(k, base)]]];
for (const [, caption, body] of page.matchAll(/<caption>(.*?) <button.*?<tbody>(.*?)<\/tbody>/gs)) for (const [pattern, of] of KINDS) {
  const workload = plain(caption).replace(/; (by )?class of machines(: \S+)?$/, "").match(pattern)?.[1], base = plain(caption).split(" ")[2], before = [];
  for (const [row] of workload ? body.matchAll(/<tr.*?<\/tr>/gs) : []) {
    const [head, threads, ...cells] = [...row.matchAll(/<t[hd].*?<\/t[hd]>/gs)].map((c) => plain(c[0])), label = ownClass ? head.replace(`${its}: `, "") : head;
    if (ownClass && label === head) continue;
    const key = `${workload}|${threads}|${label.replace(/ \(floor\)$/, "")}`;
    if (/^Rel/.test(caption) && before[0] === threads && Number(before[1]) > Number(cells[0])) wrong.push(`${plain(caption)}: ${cells[0]} below ${before[1]}`);
    before.splice(0, 2, threads, cells[0]);
    if (of === RESIDENT && !/not known/.test(caption) && [cells[3], cells[4]].some((c) => (c === "-") === tells(key))) wrong.push(`${plain(caption)}: ${key}: slack ${cells[3]}, kept ${cells[4]}`);
    of(key, base, caption).forEach((values, i) => values.length && cells[i] !== "-" && numbers.push([`${plain(caption)}: ${key}`, cells[i], values]));
  }
}
const samples = [...rows.keys()].map((k) => good(k).length).filter(Boolean), [few, most] = [Math.min(...samples), Math.max(...samples)];
if (!ownClass && each !== (few === most ? `${most}` : `${few} to ${most}`)) wrong.push(`${each} samples each: the file has ${few} to ${most}`);
const looked = Math.min(Number(count), numbers.length);
for (let i = 0; i < looked; i++) expect(...numbers.splice(Math.floor(random() * numbers.length), 1)[0]);
console.log([...wrong, `${sentences.length} sentences and ${looked} numbers are recomputed; ${wrong.length} disagree`].join("\n"));
process.exitCode = wrong.length || !sentences.length ? 1 : 0;

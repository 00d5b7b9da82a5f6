// Recomputes a page from its bench.json alone, with code of its own: each sentence on speed, memory and the front, and
// random numbers of the tables. Ends with 1 if any disagree. For the core. recount.mjs: other kinds.
// Of a fleet's page with a panel for each class of machines, it looks at what is of the class of that bench.json.
import { discoveries, ends, json, median, near, pageOf, plain, pOf, quantile, random, scatter, seeded, smallest, sum } from "./recounting.mjs";
const [, , file, pageFile, count = 100, seed = 1] = process.argv; // usage: node recompute.mjs BENCH_JSON PAGE [COUNT [SEED]]
const { context, benchmarks } = json(file), own = context.spanbench, MIB = 2 ** 20;
const { text: page } = pageOf(pageFile), rows = new Map(), wrong = [], its = own.fleet?.class, apart = its && page.includes(`<li id="${its}-s-`);
const add = (key, e) => rows.set(key, [...(rows.get(key) ?? []), e]);
benchmarks.forEach((e) => add(`${e.workload}|${e.threads}|${e.allocator}`, e));
const above = (what) => (e) => e[`rss_${what}_bytes`] - e.rss_start_bytes;
const OF = { time: (e) => e.ns_per_op, memory: above("live"), drained: above("drained"), purged: above("purged"),
  mops: (e) => e.ops_per_second / 1e6, live: (e) => e.live_bytes, slack: (e) => e.usable_bytes - e.live_bytes,
  total: (e) => e.rss_live_bytes, start: (e) => e.rss_start_bytes,
  kept: (e) => above("live")(e) - e.usable_bytes + (e.untouched_bytes ?? 0) };
const floors = own.allocators.filter((a) => a.floor).map((a) => a.name), name = (key) => key.split("|")[2], good = (key) => rows.get(key).filter((e) => !e.error_occurred);
const ranked = (place) => [...rows.keys()].filter((k) => k.startsWith(`${place}|`) && good(k).length === rows.get(k).length && !floors.includes(name(k)));
const whole = [...rows.keys()].some((k) => good(k).length > 0 && good(k).length < 5); // of so few, the whole range
const quartiles = (key, of, unit = 1) => (whole ? [0.5, 0, 1] : [0.5, 0.25, 0.75]).map((q) => quantile(good(key).map((e) => OF[of](e) / unit), q));
const differences = (a, b, of) => good(a).map((e) => [e, good(b).find((o) => o.block === e.block)]).filter(([, o]) => o)
  .map(([e, o]) => Math.log(OF[of](e) / OF[of](o)));
const ratio = (a, b, of) => ends(differences(a, b, of)).map(Math.exp);
const distance = (place) => Math.abs(Math.log(place.split("|")[1] / own.machine.cpus_usable)) + place.split("|")[1] * 1e-9;
const places = [...new Set([...rows.keys()].map((k) => k.replace(/\|[^|]*$/, "")))], least = Math.min(...places.map(distance)), better = new Set(), levels = new Map(), usual = new Map();
const tell = (of_places, rate, pairs = []) => { // all pairs at these places, together
  for (const place of of_places) for (const of of ["time", "memory"]) {
    const asked = ranked(place).flatMap((one, i, list) => list.slice(i + 1).map((other) => ({ one, other, d: differences(one, other, of) }))).filter(({ d }) => d.length);
    usual.set(`${of} ${place}`, asked.length ? median(asked.map(({ d }) => scatter(d))) : 0);
    asked.forEach(({ one, other, d, up = sum(d) > 0 }) => pairs.push({ said: `${of} ${up ? other : one} ${up ? one : other}`, p: pOf(d, 0.02, usual.get(`${of} ${place}`)) }));
  }
  const [found, level] = discoveries(pairs, rate);
  found.forEach((x) => better.add(x.said)), of_places.forEach((p) => levels.set(p, level));
};
tell(places.filter((p) => distance(p) === least), 0.05), tell(places.filter((p) => distance(p) !== least), 0.01);
let sentences = 0; seeded(seed);
const expect = (what, text, values, shown = text.match(/-?\d[\d,]*\.?\d*(e-?\d+)?/g) ?? []) =>
  (shown.length === values.length && shown.every((s, i) => near(s.replaceAll(",", ""), values[i]))) || wrong.push(`${what}: it says ${text}, the samples ${values}`);
const list = (said) => (said ? said.split(/, ?| and /) : []).sort().join();
const beats = (a, b) => ["time", "memory"].some((o) => better.has(`${o} ${a} ${b}`)) && ["time", "memory"].every((o) => better.has(`${o} ${a} ${b}`) || (!better.has(`${o} ${b} ${a}`) && ratio(a, b, o)[0] <= 1.02));
const BEST = /threads?, (.*?) (?:(is fastest|takes least memory): |tie (?:as the fastest|for least memory) \(.*?\)\. The lowest median is (\S+)'s: )(?:an operation takes )?(\S+) (ns|us|MiB)(?: above the start)?(?:, (\S+) times (\S+)'s \((95 % interval|range of the rounds): (.*?)\))?\./, SEEN = /\((?:a difference of ([\d.]+) %|only a factor of ([\d.]+))/;
for (const [, of, text] of page.matchAll(new RegExp(`<li id="${apart ? `${its}-` : ""}s-(time|memory|front)-[^>]*>(.*?) <a `, "g"))) {
  const said = plain(text).replace(apart ? `${its}: ` : "", ""), place = said.match(/^On (.*?) at (\d+) /).slice(1).join("|"), all = ranked(place), left = all.filter((b) => !all.some((a) => beats(a, b)));
  if (++sentences && of === "front" && list(said.match(/threads?, (.*) (is|are) not clearly/)?.[1]) !== list(left.map(name).join()) && left.length < all.length) wrong.push(`${said}: not ${left}`);
  if (of === "front") continue;
  const most = all.filter((k) => good(k).length > 1).length, fewest = Math.min(...[...rows.keys()].filter((k) => k.startsWith(`${place}|`) && good(k).length).map((k) => good(k).length)), apart_there = [...better].some((x) => x.startsWith(`${of} ${place}|`));
  if (most > 1 && fewest < 6 && !apart_there) {
    const few = `${fewest} sample${fewest === 1 ? "" : "s"} of each are too few to tell ${of} apart; more repetitions do.`;
    said.endsWith(few) || wrong.push(`${said}: ${few}`);
    continue;
  }
  const best = all.reduce((a, b) => (quartiles(b, of)[0] < quartiles(a, of)[0] ? b : a)), ties = all.filter((k) => most > 1 && k !== best && !better.has(`${of} ${best} ${k}`));
  const m = (most > 1 ? said : said.replace(/( is fastest| takes least memory) by one sample, which may be noise:/, "$1:")).match(BEST), seen = Math.max(...ties.map((k) => 100 * smallest(differences(best, k, of), levels.get(place) / 2, 0.02, usual.get(`${of} ${place}`)))), [, percent, factor] = said.match(SEEN) ?? [];
  const told = percent ? Number(percent) : factor ? 100 * factor - 100 : Infinity, nobody = /no allocator is shown/.test(said) && ties.length === all.length - 1;
  if (!nobody && (!m || list(m[1]) !== list([best, ...ties].map(name).join()) || (m[3] ?? m[1]) !== name(best) || (most < 2) !== /by one sample/.test(said))) wrong.push(`${said}: the samples say ${name(best)}, tied with ${ties.map(name)}`);
  else if (!nobody) expect(said, `${m[4]} ${m[6] ?? ""} ${m[9] ?? ""}`, [quartiles(best, of, { ns: 1, us: 1e3, MiB: MIB }[m[5]])[0], ...(m[6] ? ratio(best, `${place}|${m[7]}`, of) : [])]);
  if (ties.length && told !== seen && Math.abs(told / seen - 1) > 0.15) wrong.push(`${said}: ${seen} would have been seen`); // both are drawn
}
const told = (key) => good(key).some((e) => e.usable_bytes > e.live_bytes); // else slack is not known
const flat = (of, unit) => (key) => [[quartiles(key, of, unit)[0]], quartiles(key, of, unit).slice(1)];
const relative = (of) => (key, base) => (name(key) === base || !ranked(key.replace(/\|[^|]*$/, "")).includes(key) ? [[], [], []] : [...((r) => [[r[0]], r.slice(1)])(ratio(key, key.replace(/[^|]*$/, base), of)), []]);
const RESIDENT = (k, _, said) => BYTES.filter((of) => !/slack|kept/.test(of) || !/not known/.test(said)).map((of) => [quartiles(k, of, MIB)[0]]);
const numbers = [], BYTES = ["total", "start", "live", "slack", "kept", "drained", "purged"], KINDS = [[/^Time and memory on (.*): med/, (k) => [...flat("time", 1)(k), ...flat("memory", MIB)(k)]], [/^Throughput .* on (.*)$/, flat("mops", 1)],
  [/^Where resident .* on (.*): med/, RESIDENT], [/^Relative to \S+ on (.*)$/, (k, base) => [...relative("time")(k, base), ...relative("memory")(k, base)]]];
for (const [, caption, body] of page.matchAll(/<caption>(.*?) <button.*?<tbody>(.*?)<\/tbody>/gs)) for (const [pattern, of] of KINDS) {
  const workload = plain(caption).replace(/; (by )?class of machines(: \S+)?$/, "").match(pattern)?.[1], base = plain(caption).split(" ")[2];
  let before = [];
  for (const [row] of workload ? body.matchAll(/<tr.*?<\/tr>/gs) : []) {
    const [head, threads, ...cells] = [...row.matchAll(/<t[hd].*?<\/t[hd]>/gs)].map((c) => plain(c[0])), label = apart ? head.replace(`${its}: `, "") : head;
    if (apart && label === head) continue;
    const key = `${workload}|${threads}|${label.replace(/ \(floor\)$/, "")}`;
    if (/^Rel/.test(caption) && before[0] === threads && Number(before[1]) > Number(cells[0])) wrong.push(`${plain(caption)}: ${cells[0]} below ${before[1]}`);
    before = [threads, cells[0]];
    if (of === RESIDENT && !/not known/.test(caption) && [cells[3], cells[4]].some((c) => (c === "-") === told(key))) wrong.push(`${plain(caption)}: ${key}: slack ${cells[3]}, kept ${cells[4]}`);
    of(key, base, caption).forEach((values, i) => values.length && cells[i] !== "-" && numbers.push([`${plain(caption)}: ${key}`, cells[i], values]));
  }
}
const samples = [...rows.keys()].map((k) => good(k).length).filter(Boolean), [few, most] = [Math.min(...samples), Math.max(...samples)];
const each = plain(page.match(/<header>(.*?)<\/header>/s)[1]).match(/; (\d+(?: to \d+)?) samples? each$/)?.[1];
if (!apart && each !== (few === most ? `${most}` : `${few} to ${most}`)) wrong.push(`${each} samples each: the file has ${few} to ${most}`);
const looked = Math.min(Number(count), numbers.length);
for (let i = 0; i < looked; i++) expect(...numbers.splice(Math.floor(random() * numbers.length), 1)[0]);
console.log([...wrong, `${sentences} sentences and ${looked} numbers are recomputed; ${wrong.length} disagree`].join("\n"));
process.exitCode = wrong.length || !sentences ? 1 : 0;

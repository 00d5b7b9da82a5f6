// Recomputes the page of a comparison of `spanbench try` from its program.json alone, with code of its own: each sentence and
// random cells of the tables. For six rounds or more. Ends with 1 if any disagree.
import { discoveries, drawn, effect, join, json, judged, listed, median, pageOf, smallest, tail, text } from "./recounting.mjs";
import { mib, ofLimits, ofServers } from "./recount-try-memory.mjs";
const [, , pageFile, file] = process.argv; // usage: node recount-try.mjs PAGE PROGRAM_JSON
const page = pageOf(pageFile), { program, rows, runs, rounds, complete } = json(file), good = runs.filter((r) => r.problem === null);
const later = ["after", "traffic"].flatMap((where) => [...new Set(good.flatMap((r) => Object.keys(r[where] ?? {})))].filter((k) => where === "after" || Number(k) > 0).sort((a, b) => a - b)
  .map((k) => ({ name: `${where} ${k} s`, noun: `memory ${k} s later${where === "traffic" ? " with light traffic" : ""}`, bytes: true, of: (r) => r[where]?.[k] })));
const bare = good.some((r) => r.metric !== null && r.metric <= 0), metrics = [...(program.metric === null || bare ? [] : [{ name: "metric", noun: "the metric", of: (r) => r.metric }]), { name: "time", noun: "time", seconds: true, of: (r) => r.wall_seconds },
  { name: "CPU", noun: "CPU time", seconds: true, of: (r) => r.user_seconds + r.system_seconds }, { name: "peak memory", noun: "peak memory", bytes: true, of: (r) => r.peak_bytes }, ...later];
const names = rows.filter((r) => r.cause === null && good.some((x) => x.row === r.name)).map((r) => r.name), base = names.includes("system") ? "system" : names[0];
const firstOf = (name) => (rows.find((r) => r.name === name).against ? name.replace(/ \(against\)$/, "") : null), builds = rows.some((r) => r.against);
const values = (m, name) => new Map(good.filter((r) => r.row === name && (m.of(r) ?? null) !== null).map((r) => [r.round, m.name === "metric" ? m.of(r) : Math.max(m.of(r), 1e-6)]));
const middle = (m, name) => median([...values(m, name).values()]), has = (m) => names.filter((n) => values(m, n).size);
const room = (m, ...of) => (m.bytes ? Math.max(0.01, 2 ** 18 / Math.min(...of.map((n) => middle(m, n)))) : 0.01);
const logs = (m, a, b, [x, y] = [values(m, a), values(m, b)]) => new Map([...x].filter(([r]) => y.has(r)).map(([r, v]) => [r, Math.log(v / y.get(r))]));
const p = (d, margin) => Math.min(1, 2 * Math.min(...[1, -1].map((way) => d.map((v) => way * v - Math.log1p(margin)).filter((v) => v)).map((v) => (v.length ? tail(v) : 1))));
const pairs = [], add = (kind, m, a, b, d, margin) => d.length && pairs.push({ kind, m, a, b, d, margin, p: p(d, margin) });
const twins = names.filter((n) => firstOf(n) && names.includes(firstOf(n))).map((n) => [n, firstOf(n)]), one = twins.find(([, first]) => first === base) ?? twins[0];
for (const m of metrics) {
  const asked = builds ? twins : names.flatMap((a, i) => names.slice(i + 1).map((b) => [a, b]));
  asked.forEach(([a, b]) => add("pair", m, a, b, [...logs(m, a, b).values()], room(m, a, b)));
  for (const [a, b] of builds ? twins.filter((t) => t !== one) : []) { // are builds as far apart as under the base?
    const there = logs(m, ...one), d = [...logs(m, a, b)].filter(([r]) => there.has(r)).map(([r, v]) => v - there.get(r));
    add("between", m, a, b, d, room(m, a, b, ...one));
  }
}
const [found, level] = discoveries(pairs, 0.01), differs = (c) => found.includes(c), large = (c) => smallest(c.d, level / 2, c.margin);
const pair = (m, a, b, kind = "pair") => pairs.find((c) => c.m === m && c.kind === kind && c.a === a && c.b === b);
const either = (m, a, b, turned = pair(m, b, a)) => pair(m, a, b) ?? (turned && { ...turned, of: turned, d: turned.d.map((v) => -v) });
const told = (c) => differs(c.of ?? c), seen = (s) => (s === Infinity ? [`there are too few runs to see any difference`] : s > 1 ? text`only a factor of ${drawn(1 + s)} would have been seen` : text`a difference of ${drawn(100 * s)} % would have been seen`);
const change = (c, e = effect(c.d), [l, low, high] = e.map(Math.expm1), ends = [low, high].map(Math.abs).sort((x, y) => x - y)) => l >= 1 ? text`${l + 1} times the ${c.m.noun.replace(/^the /, "")} (${low + 1}..${high + 1})`
  : text`${Math.abs(100 * l)} % ${l < 0 ? "less" : "more"} ${c.m.noun === "the metric" ? "of the metric" : c.m.noun} (${100 * ends[0]}..${100 * ends[1]})`;
const fewest = Math.ceil(Math.log2((2 * pairs.length) / 0.01)), enough = rounds >= fewest || found.length > 0, expected = [];
if (!names.length) expected.push(["No row has a result."]);
if (!builds) for (const name of names.filter((n) => n !== base)) {
  const parts = metrics.map((m) => either(m, name, base)).filter((c) => c && told(c)).map((c) => change(c));
  if (parts.length) expected.push([`${name}: `, ...join(parts, ", "), ` than ${base}.`]);
}
if (!builds && enough) for (const m of metrics) { // all rows, from the best median; then each tie, in a group of which no two differ
  const way = m.name === "metric" && program.higher_is_better ? -1 : 1, order = has(m).sort((a, b) => way * (middle(m, a) - middle(m, b)));
  const all = order.flatMap((a, i) => order.slice(i + 1).map((b) => either(m, a, b))), equal = (a, b, c = either(m, a, b)) => c && !told(c);
  const apart = all.filter((c) => c && told(c)), first = all[0], against = apart.filter((c) => way * effect(c.d)[0] > 0), ends = (c) => (c.of ? [c.of.b, c.of.a] : [c.a, c.b]);
  if (all.every(Boolean) && apart.some((c) => c.a !== base && c.b !== base)) expected.push([`${m.name}, best median first: ${listed(order)}; `, ...(told(first) && !ends(first).includes(base) ? [`${ends(first)[0]}: `, ...change(first), ` than ${ends(first)[1]}; `] : []),
    ...against.map((c) => `but ${ends(c)[1]} is better than ${ends(c)[0]}, run by run; `), `all pairs differ${apart.length < all.length ? " but those that follow" : ""}.`]);
  const groups = all.filter((c) => c && !told(c)).map(ends).reduce((made, two) => (made.some((g) => two.every((x) => g.includes(x))) ? made
    : [...made, order.filter((x) => !two.includes(x)).reduce((g, x) => (g.every((y) => equal(x, y)) ? [...g, x] : g), two)]), []).map((g) => order.filter((x) => g.includes(x)));
  for (const g of groups) expected.push([`${m.name}: ${listed(g)} cannot be told apart (`, ...seen(Math.max(...g.flatMap((a, i) => g.slice(i + 1).map((b) => large(pair(m, a, b) ?? pair(m, b, a)))))), ").",]);
}
if (builds && enough) for (const m of metrics) {
  const all = twins.map(([a, b]) => pair(m, a, b)).filter(Boolean), yes = all.filter(differs), no = all.filter((c) => !differs(c));
  const between = twins.map(([a, b]) => pair(m, a, b, "between")).filter(Boolean), proven = between.filter(differs), under = (list) => join(list.map((c) => [...change(c), ` under ${c.b}`]));
  if (yes.length) expected.push([`${m.name}: the other build takes `, ...under(yes), "."]);
  if (no.length) expected.push([`${m.name}: under ${listed(no.map((c) => c.b))} the builds cannot be told apart (`, ...seen(Math.max(...no.map(large))), ")."]);
  const most = Math.max(...between.map(large)), size = Math.min(...yes.map((c) => Math.abs(effect(c.d)[0])));
  if (proven.length) expected.push([`${m.name}: beside its difference under ${base}, the other build takes `, ...under(proven), ": that part is the allocator's."]);
  else if (yes.length && !between.length) expected.push([`${m.name}: one allocator alone cannot tell whose the difference is; name more.`]);
  else if (yes.length && Math.log1p(most) > size / 2) expected.push([`${m.name}: whose the difference is cannot be told (`, ...seen(most), ")."]);
  else if (yes.length) expected.push([`${m.name}: the difference is the program's: allocators do not change it (`, ...seen(most), ")."]);
}
if (bare) expected.push(["metric: it is not compared, for it was 0 or less in some run, and such numbers have no ratio; program.json has them all."]);
if (pairs.length && !enough) expected.push([`${rounds} run${rounds === 1 ? " of each row is" : "s of each row are"} too few to prove a single difference among ${pairs.length} comparisons; ${fewest} would do: give --runs, a larger --budget, or fewer --allocators.`]);
const gaps = [...(complete === false ? [["INTERRUPTED: not all runs are here."]] : []), ...rows.filter((r) => r.cause !== null).map((r) => [`No result: ${r.name}: ${r.cause}.`])], cells = [];
for (const { caption, rows: lines } of page.tables) for (const m of metrics.filter((x) => caption === `${x.name} of each row: medians, and ratios of runs of one round`)) for (const line of lines) {
  const [name] = line, partner = firstOf(name) ?? base, c = either(m, name, partner), e = c && effect(c.d).map(Math.exp), where = `${m.name} of ${name}`, v = middle(m, name);
  const verdict = !c ? [partner === name ? "is the base" : "not compared"] : told(c) ? [(effect(c.d)[0] < 0) === !(m.name === "metric" && program.higher_is_better) ? "better" : "worse"] : large(c) === Infinity ? ["too few runs to tell"] : ["tie: ", ...seen(large(c))];
  cells.push([where, line[1], m.bytes ? mib(v) : m.seconds ? (v >= 1 ? text`${v} s` : text`${v * 1e3} ms`) : [v]], [where, line[2], e ? [e[0]] : ["-"]]);
  cells.push([where, line[3], e && Number.isFinite(e[1] + e[2]) ? text`${e[1]} to ${e[2]}` : ["-"]], [where, line[4], verdict], [where, line[5], [values(m, name).size]]);
}
const noted = rows.filter((x) => names.includes(x.name)), every = new Set(noted.flatMap((r) => r.notes ?? []));
for (const note of every) expected.push([`${listed(noted.filter((r) => r.notes?.includes(note)).map((r) => r.name))}: ${note}.`]);
const inside = rows.filter((x) => names.includes(x.name)).flatMap((x) => (x.processes ?? []).flatMap((own) => (own.inner ?? []).map((text) => `Inside of ${own.comm}: ${text}.`)));
const peak = metrics.find((m) => m.name === "peak memory");
expected.push(...ofServers(good, names), ...ofLimits(rows, names, program, has(peak).map((n) => [n, middle(peak, n)])), ...[...new Set(inside)].map((text) => [text]));
if (!expected.length) expected.push(["One row alone has a result: there is nothing to compare."]);
judged([...page.sentences("finding"), ...page.sentences("gap")], [...expected, ...gaps], cells);

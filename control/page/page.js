/* The page's program. It keeps nothing but what it has just read: whatever it shows comes from the admin listener's API, and
 * whatever its buttons do goes there. All text is set as text, never as HTML. */
"use strict";

const ROWS = 25; // aliases a page
const LIST = 1000; // functions a request
const TURN_MS = 2000, WINDOW_MS = 60000;
const EXPERIMENTS = 10, DEPLOYMENTS = 20, ENDED = 5;

const $ = (id) => document.getElementById(id);
const state = {
  token: sessionStorage.getItem("weir-token") || "",
  isPaused: false,
  mayWrite: true,
  page: 0,
  aliases: [], // {key, function, alias, weights: [[version, percent]], ...}, by name
  took: 0, // reading the metrics, in ms
  listedAt: { generation: -1, t: 0, took: 0 },
  hasFleet: true,
  turns: 0,
};

// ---- Small tools ----

function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "onclick") node.addEventListener("click", value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== undefined && value !== false) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

function draw(tag, attributes) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/* Makes parent's children with keys those of the items, in their order. What stays there keeps its focus. */
function keep(parent, items, create, update) {
  const have = new Map();
  for (const child of parent.children) if (child.dataset.key !== undefined) have.set(child.dataset.key, child);
  let at = [...parent.children].find((child) => child.dataset.key !== undefined) || null;
  for (const item of items) {
    let node = have.get(item.key);
    if (!node) {
      node = create(item);
      node.dataset.key = item.key;
    }
    have.delete(item.key);
    if (node === at) at = at.nextElementSibling;
    else parent.insertBefore(node, at);
    node.item = item;
    update(node, item);
  }
  for (const node of have.values()) node.remove();
}

const whole = (n) => Math.round(n).toLocaleString("en");

function percent(share) {
  const p = share * 100;
  if (p === 0 || p === 100) return `${p} %`;
  if (p < 0.01) return "< 0.01 %";
  return `${p >= 10 ? p.toFixed(1) : p.toFixed(2)} %`;
}

function duration(seconds) {
  if (seconds === Infinity) return "> 60 s";
  if (seconds >= 10) return `${seconds.toFixed(0)} s`;
  if (seconds >= 1) return `${seconds.toFixed(1)} s`;
  return `${(seconds * 1000).toFixed(seconds < 0.01 ? 1 : 0)} ms`;
}

function rate(n) {
  return n >= 100 ? whole(n) : n >= 10 ? n.toFixed(0) : n.toFixed(1);
}

const when = (s) => new Date(s * 1000).toLocaleTimeString();

// ---- The API ----

class Refusal extends Error {
  constructor(status, type, message) {
    super(message);
    this.status = status;
    this.type = type;
  }
}

const UNKNOWN = ["MissingAuthenticationTokenException", "UnrecognizedClientException", "IncompleteSignatureException"];

async function ask(path, { method = "GET", body, headers = {} } = {}) {
  if (state.token) headers.Authorization = `Bearer ${state.token}`;
  const answer = await fetch(path, { method, body, headers, cache: "no-store", redirect: "error" });
  const text = await answer.text();
  if (answer.ok) return { text, etag: answer.headers.get("ETag"), generation: answer.headers.get("x-weir-generation") };
  let json = {};
  try {
    json = JSON.parse(text);
  } catch {
    // no JSON: the status has to do
  }
  const problems = (json.problems || []).map((problem) => `${problem.path}: ${problem.message}`);
  const type = (answer.headers.get("x-amzn-ErrorType") || json.__type || "").split("#").pop();
  throw new Refusal(answer.status, type, [json.message || json.Message || `weir answered ${answer.status}.`, ...problems].join("\n"));
}

async function deploy(operation, body = {}) {
  const headers = { "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": `CodeDeploy_20141006.${operation}` };
  return JSON.parse((await ask("/", { method: "POST", body: JSON.stringify(body), headers })).text || "{}");
}

const aliasPath = (f, a) => `/functions/${encodeURIComponent(f)}/aliases/${encodeURIComponent(a)}`;

/* The order of an alias's weights says which version is its first; an object of numbers would lose it. */
function parse(text) {
  return JSON.parse(text.replace(/"weights":\s*\{([^{}]*)\}/g, (_, inner) => {
    const pairs = [...inner.matchAll(/("(?:[^"\\]|\\.)*")\s*:\s*([^,\s]+)/g)];
    return `"weights":[${pairs.map((pair) => `[${pair[1]},${pair[2]}]`).join(",")}]`;
  }));
}

// ---- Functions and aliases ----

function aliasOf(functionName, name, alias) {
  return {
    key: `${functionName}:${name}`,
    function: functionName,
    alias: name,
    weights: alias.weights,
    split: typeof alias.split === "object" && alias.split ? "sticky" : alias.split || "exact",
    description: alias.description || "",
    hasExperiment: Boolean(alias.experiment),
  };
}

async function list(generation) {
  const began = performance.now();
  const found = [];
  let after = "", nr = 0;
  do {
    const text = (await ask(`/functions?max=${LIST}${after && `&after=${encodeURIComponent(after)}`}`)).text;
    const part = parse(text);
    for (const [name, f] of Object.entries(part.functions)) {
      nr++;
      for (const [alias, a] of Object.entries(f.aliases || {})) found.push(aliasOf(name, alias, a));
      if (!Object.keys(f.aliases || {}).length) {
        found.push({ key: `${name}:`, function: name, alias: "", weights: Object.keys(f.versions || {}).map((v) => [v, null]), split: "", description: "", hasExperiment: false });
      }
    }
    after = part.next || "";
  } while (after);
  found.sort((a, b) => (a.key < b.key ? -1 : 1));
  state.aliases = found;
  state.nrFunctions = nr;
  const now = performance.now();
  state.listedAt = { generation, t: now, took: now - began };
}

function chosen() {
  const words = $("search").value.trim().toLowerCase();
  const onlySplit = $("only-split").checked;
  return state.aliases.filter((a) => (!words || a.key.toLowerCase().includes(words)) && (!onlySplit || (a.alias && a.weights.length > 1)));
}

function shown() {
  const all = chosen();
  const pages = Math.max(1, Math.ceil(all.length / ROWS));
  state.page = Math.min(state.page, pages - 1);
  return { all, pages, rows: all.slice(state.page * ROWS, (state.page + 1) * ROWS) };
}

// ---- Metrics ----

const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

function labelsOf(text) {
  const labels = {};
  for (const [, name, value] of text.matchAll(LABEL)) labels[name] = value.replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c));
  return labels;
}

/* Of the page as Prometheus reads it: what is asked for, of functions that are on show. */
function read(text, functions) {
  const out = { generation: 0, series: new Map(), aliases: new Map(), alarms: new Map(), executions: new Map() };
  const seriesOf = (l) => {
    const key = `${l.function}:${l.alias}:${l.version}`;
    if (!out.series.has(key)) out.series.set(key, { picks: 0, done: 0, failed: 0, buckets: [], weight: null });
    return out.series.get(key);
  };
  const executionsOf = (l) => {
    const key = [l.state_machine, l.alias, l.version].join("\u0000");
    if (!out.executions.has(key)) out.executions.set(key, { key, machine: l.state_machine, alias: l.alias, version: l.version, started: 0, running: 0 });
    return out.executions.get(key);
  };
  const of = {
    weir_table_generation: (l, v) => (out.generation = v),
    weir_invocations_total: (l, v) => (seriesOf(l).picks += v),
    weir_alias_weight_ratio: (l, v) => (seriesOf(l).weight = v),
    weir_budget_left: (l, v) => (seriesOf(l).budget = v),
    weir_guard_evalue: (l, v) => (seriesOf(l).guard = v),
    weir_split_evalue: (l, v) => out.aliases.set(`${l.function}:${l.alias}`, v),
    weir_responses_total: (l, v) => {
      const series = seriesOf(l);
      series.done += v;
      if (l.code === "5xx" || l.code === "none") series.failed += v;
    },
    weir_invocation_duration_seconds_bucket: (l, v) => seriesOf(l).buckets.push([l.le === "+Inf" ? Infinity : Number(l.le), v]),
    weir_executions_started_total: (l, v) => (executionsOf(l).started = v),
    weir_executions_running: (l, v) => (executionsOf(l).running = v),
    weir_executions_closed_total: (l, v) => (executionsOf(l)[l.status] = v),
  };
  for (let at = 0; at < text.length; ) {
    let end = text.indexOf("\n", at);
    if (end < 0) end = text.length;
    if (text.startsWith("weir_", at)) {
      const line = text.slice(at, end);
      const brace = line.indexOf("{");
      const handle = of[brace < 0 ? line.slice(0, line.indexOf(" ")) : line.slice(0, brace)];
      if (handle) {
        const f = /[{,]function="((?:[^"\\]|\\.)*)"/.exec(line);
        if (!f || functions.has(f[1])) handle(labelsOf(line), Number(line.slice(line.lastIndexOf(" ") + 1)));
      }
    }
    at = end + 1;
  }
  return out;
}

/* What was read of the series on show, within the window; the oldest first. */
const history = new Map();
/* Since when each alias has the weights that it has. */
const bases = new Map();

function remember(metrics, rows) {
  const now = performance.now();
  const wanted = new Set();
  for (const row of rows) {
    for (const [version] of row.weights) {
      const key = `${row.key}:${version}`;
      const sample = metrics.series.get(key);
      if (!sample) continue;
      wanted.add(key);
      let samples = history.get(key) || [];
      if (samples.length && samples[samples.length - 1].picks > sample.picks) samples = []; // another process
      samples.push({ t: now, ...sample });
      while (samples.length > 2 && now - samples[1].t > WINDOW_MS) samples.shift();
      history.set(key, samples);
    }
    const series = row.weights.map(([version]) => metrics.series.get(`${row.key}:${version}`));
    const weights = JSON.stringify(row.weights.map(([version], i) => [version, series[i] && series[i].weight]));
    const picks = series.map((s) => (s ? s.picks : 0));
    const base = bases.get(row.key);
    if (!base || base.weights !== weights || base.picks.some((n, i) => n > picks[i])) {
      // Weights that never changed hold for all that was counted.
      bases.set(row.key, { weights, picks: metrics.generation === 1 ? picks.map(() => 0) : picks, last: picks, now: picks });
    } else {
      base.last = base.now;
      base.now = picks;
    }
  }
  for (const key of history.keys()) if (!wanted.has(key)) history.delete(key);
}

function quantile(buckets, before, q) {
  const counts = buckets.map(([, n], i) => n - (before && before[i] ? before[i][1] : 0));
  const total = counts[counts.length - 1] || 0;
  if (total <= 0) return null;
  const i = counts.findIndex((n) => n >= q * total);
  if (buckets[i][0] === Infinity) return Infinity;
  const low = i ? buckets[i - 1][0] : 0, under = i ? counts[i - 1] : 0;
  return low + (buckets[i][0] - low) * ((q * total - under) / Math.max(1, counts[i] - under));
}

/* Errors, p99 and requests a second of a series, with how they moved. */
function figuresOf(key) {
  const samples = history.get(key);
  if (!samples) return null;
  const last = samples[samples.length - 1];
  const first = samples.length > 1 ? samples[0] : { t: null, picks: 0, done: 0, failed: 0, buckets: null };
  const between = (a, b) => ({
    errors: b.done > a.done ? (b.failed - a.failed) / (b.done - a.done) : null,
    p99: b.buckets.length ? quantile(b.buckets, a.buckets, 0.99) : null,
  });
  const moves = [];
  for (let i = 1; i < samples.length; i++) moves.push(between(samples[i - 1], samples[i]));
  return {
    ...between(first, last),
    perSecond: first.t === null ? null : ((last.picks - first.picks) * 1000) / (last.t - first.t),
    isSinceStart: first.t === null,
    moves,
    budget: last.budget,
    guard: last.guard,
  };
}

/* What ran since the weights are as they are, and how far from its share a version may be by how the alias draws. */
function shareOf(row, i) {
  const base = bases.get(row.key);
  if (!base) return null;
  const nrs = base.now.map((n, k) => n - base.picks[k]);
  const n = nrs.reduce((a, b) => a + b, 0);
  const weight = row.weights[i][1] / 100;
  if (!n) return null;
  const expected = n * weight;
  /* Exact: below one at either end of the count. Random: one in a thousand is further out. Sticky: callers are split, not
   * their requests. */
  const band = row.split === "exact" ? 2 : row.split === "random" ? 3.3 * Math.sqrt(n * weight * (1 - weight)) : null;
  /* A page of metrics is read while requests come in. */
  const slack = 0.01 * base.now.reduce((sum, m, k) => sum + m - base.last[k], 0);
  return { n, ran: nrs[i], share: nrs[i] / n, weight, expected, band, isOut: band !== null && Math.abs(nrs[i] - expected) > band + slack };
}

// ---- Drawing ----

function spark(values) {
  const known = values.map((v, i) => [i, v === Infinity ? 60 : v]).filter(([, v]) => v !== null && v !== undefined);
  const svg = draw("svg", { class: "spark", viewBox: "0 0 72 18", "aria-hidden": "true" });
  if (known.length < 2) return svg;
  const most = Math.max(...known.map(([, v]) => v)) || 1;
  const step = 72 / Math.max(1, values.length - 1);
  svg.append(draw("polyline", { points: known.map(([i, v]) => `${(i * step).toFixed(1)},${(17 - (16 * v) / most).toFixed(1)}`).join(" ") }));
  return svg;
}

function shareBar(s) {
  const x = (share) => Math.min(120, Math.max(0, share * 120));
  const svg = draw("svg", { class: "share", viewBox: "0 0 120 12", "aria-hidden": "true" });
  svg.append(draw("rect", { class: "whole", x: 0, y: 0, width: 120, height: 12, rx: 2 }));
  svg.append(draw("rect", { class: "ran", x: 0, y: 3, width: x(s.share), height: 6 }));
  if (s.band !== null) {
    const low = x((s.expected - s.band) / s.n), high = x((s.expected + s.band) / s.n);
    svg.append(draw("rect", { class: "band", x: low, y: 0, width: Math.max(0, high - low), height: 12 }));
  }
  svg.append(draw("line", { class: "weight", x1: x(s.weight), x2: x(s.weight), y1: 0, y2: 12 }));
  return svg;
}

function fill(node, ...children) {
  node.replaceChildren(...children.filter((child) => child !== null && child !== ""));
}

// ---- Functions on show ----

function createAlias(row) {
  const body = make("tbody");
  const name = make("span", { class: "name" }, row.alias ? row.key : row.function);
  body.append(make("tr", {}, make("th", { colspan: 7, scope: "rowgroup" }, name, " ", make("span", { class: "soft" }))));
  return body;
}

function notesOf(row, deployment) {
  const notes = [];
  if (row.split && row.split !== "exact") notes.push(row.split === "random" ? "drawn at random" : "by caller");
  if (row.description) notes.push(row.description);
  if (deployment) notes.push(`deployment ${deployment.deploymentId} is under way`);
  const evalue = state.evalues && state.evalues.get(row.key);
  if (evalue >= 1000) notes.push("Endpoints do not answer as the weights say (weir_split_evalue is over 1000).");
  if (!row.alias) notes.push("no alias");
  return notes.join(" · ");
}

function updateAlias(body, row) {
  const deployment = (state.running || []).find((d) => d.target && d.target.name === row.function && d.target.alias === row.alias);
  say(body.rows[0].querySelector(".soft"), notesOf(row, deployment));
  const items = row.weights.map(([version, weight], i) => ({ key: version, row, version, weight, i, deployment }));
  keep(body, items, createVersion, updateVersion);
}

function createVersion(item) {
  const cell = (label, kind) => make("td", { "data-label": label, class: kind });
  const tr = make("tr", {}, cell("Version", "name"), cell("Weight", "number"), cell("Ran", ""), cell("Per second", "number"), cell("Errors", "number"), cell("p99", "number"));
  const button = make("button", { type: "button", onclick: () => changeWeights(tr.item.row, tr.item.version) });
  tr.append(make("td", {}, button));
  return tr;
}

function updateVersion(tr, item) {
  const [name, weight, ran, perSecond, errors, p99, action] = tr.cells;
  const figures = figuresOf(`${item.row.key}:${item.version}`);
  const share = item.row.alias ? shareOf(item.row, item.i) : null;
  say(name, item.version);
  say(weight, item.weight === null ? "–" : `${item.weight} %`);
  if (share) {
    const parts = [shareBar(share), make("span", { class: "number" }, `${percent(share.share)} `)];
    const band = share.band === null ? "" : `, due ${whole(share.expected)} ± ${whole(Math.ceil(share.band))}`;
    parts.push(make("span", { class: "soft" }, `${whole(share.ran)} of ${whole(share.n)}${band}`));
    if (share.isOut) parts.push(make("strong", { class: "bad" }, " outside"));
    fill(ran, ...parts);
  } else {
    fill(ran, make("span", { class: "soft" }, item.row.alias ? "nothing yet" : ""));
  }
  say(perSecond, figures && figures.perSecond !== null ? rate(figures.perSecond) : "–");
  if (figures && figures.errors !== null) {
    fill(errors, make("span", figures.errors > 0 ? { class: "bad" } : {}, percent(figures.errors)), spark(figures.moves.map((m) => m.errors)));
  } else {
    fill(errors, "–");
  }
  if (figures && figures.budget !== undefined) errors.append(make("span", { class: "soft" }, ` ${whole(figures.budget)} failures left`));
  if (figures && figures.guard !== undefined) errors.append(make("span", { class: "soft" }, ` guard ${figures.guard.toPrecision(2)}`));
  fill(p99, figures && figures.p99 !== null ? duration(figures.p99) : "–", figures ? spark(figures.moves.map((m) => m.p99)) : "");
  const button = action.firstChild;
  button.hidden = !state.mayWrite || !item.row.alias || item.row.weights.length < 2 || Boolean(item.deployment);
  say(button, item.i === 0 ? `Roll back to ${item.version}` : `Promote ${item.version}`);
  const label = `${button.textContent}: all of ${item.row.key} to version ${item.version}`;
  if (button.getAttribute("aria-label") !== label) button.setAttribute("aria-label", label);
}

function showFunctions() {
  const { all, pages, rows } = shown();
  keep($("aliases"), rows, createAlias, updateAlias);
  $("no-functions").hidden = all.length > 0;
  say($("no-functions"), state.aliases.length ? "No function or alias has a name like that." : "There are no functions.");
  say($("count"), `${whole(all.length)} of ${whole(state.aliases.length)} aliases, ${whole(state.nrFunctions || 0)} functions`);
  say($("page-number"), `Page ${state.page + 1} of ${pages}`);
  $("previous").disabled = state.page === 0;
  $("next").disabled = state.page >= pages - 1;
  $("previous").parentElement.hidden = pages === 1;
}

// ---- Changing something ----

function message(text, isBad) {
  $("message").hidden = false;
  $("message").classList.toggle("bad", Boolean(isBad));
  say($("message").firstElementChild, text);
}

function confirmed(title, text, yes) {
  say($("dialog-title"), title);
  say($("dialog-text"), text);
  say($("dialog-yes"), yes);
  return new Promise((resolve) => {
    const dialog = $("dialog");
    $("dialog-yes").onclick = () => dialog.close("yes");
    $("dialog-no").onclick = () => dialog.close("no");
    dialog.onclose = () => resolve(dialog.returnValue === "yes");
    dialog.returnValue = "no";
    dialog.showModal();
    $("dialog-no").focus();
  });
}

/* Does it, and says what came of it. */
async function change(work, done) {
  try {
    await work();
    message(done, false);
  } catch (error) {
    if (error.type === "AccessDeniedException") state.mayWrite = false;
    message(error.status === 412 ? "It was changed meanwhile; nothing was done. Look at it again." : error.message, true);
  }
  again(0, true);
}

const written = (weights) => weights.map(([version, weight]) => `version ${version}: ${weight} %`).join(", ");

async function changeWeights(row, version) {
  try {
    const now = await ask(aliasPath(row.function, row.alias));
    const weights = parse(now.text).weights;
    const isFirst = weights.length > 0 && weights[0][0] === version;
    const text = `Now: ${written(weights)}\nThen: version ${version}: 100 %\n\nIt is in force at once. Requests that run end where they are.`;
    if (!(await confirmed(`${isFirst ? "Roll back" : "Promote"} ${row.key}`, text, `All to version ${version}`))) return;
    await change(
      () => ask(aliasPath(row.function, row.alias), {
        method: "PUT",
        body: JSON.stringify({ weights: { [version]: 100 } }),
        headers: { "Content-Type": "application/json", "If-Match": now.etag },
      }),
      `${row.key} has all of version ${version}.`,
    );
  } catch (error) {
    message(error.message, true);
  }
}

// ---- Deployments ----

const cache = new Map(); // plans and groups of deployments: they do not change while one runs

async function cached(operation, body) {
  const key = operation + JSON.stringify(body);
  if (!cache.has(key)) cache.set(key, await deploy(operation, body).catch(() => ({})));
  return cache.get(key);
}

function stepsOf(config) {
  const rule = config && config.trafficRoutingConfig;
  if (!rule) return null;
  if (rule.type === "AllAtOnce") return [100];
  if (rule.type === "TimeBasedCanary") return [rule.timeBasedCanary.canaryPercentage, 100];
  const each = rule.timeBasedLinear.linearPercentage, steps = [];
  for (let share = each; share < 100; share += each) steps.push(share);
  return [...steps, 100];
}

function everyOf(config) {
  const rule = (config && config.trafficRoutingConfig) || {};
  const minutes = (rule.timeBasedCanary && rule.timeBasedCanary.canaryInterval) || (rule.timeBasedLinear && rule.timeBasedLinear.linearInterval);
  return minutes ? `, ${minutes} min a step` : "";
}

async function readDeployments() {
  const running = (await deploy("ListDeployments", { includeOnlyStatuses: ["Created", "Queued", "InProgress"] })).deployments || [];
  const ended = (await deploy("ListDeployments", { includeOnlyStatuses: ["Succeeded", "Failed", "Stopped"] })).deployments || [];
  const ids = [...running.slice(0, DEPLOYMENTS), ...ended.slice(0, ENDED)];
  const infos = ids.length ? (await deploy("BatchGetDeployments", { deploymentIds: ids })).deploymentsInfo || [] : [];
  for (const info of infos) {
    info.key = info.deploymentId;
    info.isRunning = running.includes(info.deploymentId);
    if (info.status === "Queued") continue;
    try {
      const targets = (await deploy("ListDeploymentTargets", { deploymentId: info.deploymentId })).targetIds || [];
      const target = (await deploy("GetDeploymentTarget", { deploymentId: info.deploymentId, targetId: targets[0] })).deploymentTarget.lambdaTarget;
      const f = target.lambdaFunctionInfo;
      info.target = { name: f.functionName, alias: f.functionAlias, current: f.currentVersion, to: f.targetVersion, weight: f.targetVersionWeight, events: target.lifecycleEvents };
    } catch {
      // it has gone meanwhile
    }
    if (!info.isRunning) continue;
    info.config = (await cached("GetDeploymentConfig", { deploymentConfigName: info.deploymentConfigName })).deploymentConfigInfo;
    const group = (await cached("GetDeploymentGroup", { applicationName: info.applicationName, deploymentGroupName: info.deploymentGroupName })).deploymentGroupInfo || {};
    const rule = info.overrideAlarmConfiguration || group.alarmConfiguration || {};
    info.alarms = rule.enabled ? (rule.alarms || []).map((alarm) => alarm.name) : [];
  }
  state.running = infos.filter((info) => info.isRunning);
  state.ended = infos.filter((info) => !info.isRunning);
  state.nrRunning = running.length;
}

function createDeployment(info) {
  const card = make("article", { class: "card" }, make("h3"), make("p", { class: "soft" }), make("ol", { class: "steps" }), make("p"), make("p"), make("p", { class: "line" }));
  const stop = (isRollback) => () => stopDeployment(card.item, isRollback);
  card.lastChild.append(
    make("button", { type: "button", onclick: stop(true) }, "Stop and roll back"),
    make("button", { type: "button", onclick: stop(false) }, "Stop, keep the split"),
  );
  card.setAttribute("aria-label", `Deployment ${info.deploymentId}`);
  return card;
}

function updateDeployment(card, info) {
  const [title, about, steps, events, alarms, buttons] = card.children;
  const t = info.target;
  say(title, t ? `${t.name}:${t.alias} from version ${t.current} to ${t.to}` : `${info.applicationName} / ${info.deploymentGroupName}`);
  const began = info.startTime || info.createTime;
  say(about, `${info.deploymentId} · ${info.status} · ${info.deploymentConfigName}${everyOf(info.config)} · since ${when(began)}`);
  const list = t && stepsOf(info.config);
  if (list) {
    fill(steps, ...list.map((share) => {
      const isNow = share === t.weight;
      return make("li", { class: isNow ? "now" : share < t.weight ? "done" : "", "aria-current": isNow ? "step" : undefined }, `${share} %${isNow ? " now" : share < t.weight ? " done" : ""}`);
    }));
  } else {
    fill(steps, t ? make("li", { class: "now" }, `${t.weight} % now`) : "");
  }
  say(events, t ? `Hooks: ${t.events.map((e) => `${e.lifecycleEventName} ${e.status}`).join(", ")}` : "Waits for another one of its group.");
  const firing = (state.alarms || {});
  say(alarms, (info.alarms || []).length ? `Alarms: ${info.alarms.map((name) => `${name} ${(firing[name] || {}).state || "unknown"}`).join(", ")}` : "No alarms.");
  buttons.hidden = !state.mayWrite;
}

async function stopDeployment(info, isRollback) {
  const t = info.target;
  const name = t ? `${t.name}:${t.alias}` : info.deploymentId;
  const then = isRollback ? `Version ${t ? t.current : "before"} gets everything back at once.` : "The alias keeps the weights that it has now.";
  if (!(await confirmed(`Stop ${info.deploymentId}`, `${name}: the deployment ends here. ${then}`, isRollback ? "Stop and roll back" : "Stop"))) return;
  await change(() => deploy("StopDeployment", { deploymentId: info.deploymentId, autoRollbackEnabled: isRollback }), `${info.deploymentId} is stopped.`);
}

function showDeployments() {
  keep($("deployment-list"), state.running || [], createDeployment, updateDeployment);
  const left = (state.nrRunning || 0) - (state.running || []).length;
  $("no-deployments").hidden = (state.running || []).length > 0 && left <= 0;
  say($("no-deployments"), left > 0 ? `${whole(left)} more are under way.` : "None is under way.");
  $("ended-title").hidden = !(state.ended || []).length;
  keep($("ended"), state.ended || [], () => make("li"), (li, info) => {
    const t = info.target;
    const error = info.errorInformation ? `: ${info.errorInformation.message}` : "";
    say(li, `${when(info.completeTime || info.createTime)} ${t ? `${t.name}:${t.alias} ${t.current} to ${t.to}` : ""} ${info.status}${error} (${info.deploymentId}${info.creator === "codeDeployRollback" ? ", a rollback" : ""})`);
  });
}

// ---- Alarms ----

function showAlarms() {
  const items = Object.entries(state.alarms || {}).map(([name, alarm]) => ({ key: name, name, alarm }));
  section("alarms", items.length > 0);
  keep($("alarm-list"), items, () => {
    const li = make("li", {}, make("span"), " ");
    li.append(make("button", { type: "button", onclick: () => setAlarm(li.item) }));
    return li;
  }, (li, { name, alarm }) => {
    const [text, button] = li.children;
    const isFiring = alarm.state === "ALARM";
    const rule = alarm.metric === "manual" ? "set by hand" : `${alarm.metric} over ${alarm.threshold}`;
    say(text, `${isFiring ? "FIRES: " : ""}${name} (${rule}): ${alarm.state}`);
    text.classList.toggle("bad", isFiring);
    button.hidden = alarm.metric !== "manual" || !state.mayWrite;
    say(button, isFiring ? `Clear ${name}` : `Raise ${name}`);
  });
}

async function setAlarm({ name, alarm }) {
  const to = alarm.state === "ALARM" ? "OK" : "ALARM";
  const text = to === "ALARM" ? "Deployments that watch it are stopped." : "Deployments that watch it may begin again.";
  if (!(await confirmed(`Set the alarm ${name} to ${to}`, text, `Set to ${to}`))) return;
  await change(
    () => ask(`/alarms/${encodeURIComponent(name)}`, { method: "PUT", body: JSON.stringify({ state: to }), headers: { "Content-Type": "application/json" } }),
    `The alarm ${name} is ${to}.`,
  );
}

// ---- Experiments ----

async function readExperiments() {
  const all = chosen().filter((row) => row.hasExperiment);
  state.nrExperiments = all.length;
  state.experiments = [];
  for (const row of all.slice(0, EXPERIMENTS)) {
    try {
      const path = `/experiments/${encodeURIComponent(row.function)}/${encodeURIComponent(row.alias)}`;
      state.experiments.push({ key: row.key, row, result: JSON.parse((await ask(path)).text) });
    } catch (error) {
      if (error.status !== 404) throw error;
    }
  }
}

function intervalBar(d, most) {
  const x = (v) => 110 + (v / most) * 105;
  const svg = draw("svg", { class: "interval", viewBox: "0 0 220 14", "aria-hidden": "true" });
  svg.append(draw("line", { class: "zero", x1: 110, x2: 110, y1: 0, y2: 14 }));
  svg.append(draw("line", { class: "span", x1: x(d.low), x2: x(d.high), y1: 7, y2: 7 }));
  svg.append(draw("circle", { class: "mean", cx: x(d.estimate), cy: 7, r: 3 }));
  return svg;
}

const METRICS = {
  error_rate: { name: "Errors", of: (v) => ({ mean: v.error_rate, low: v.error_rate_low, high: v.error_rate_high }), write: (x) => `${(x * 100).toFixed(2)} %` },
  duration_ms: { name: "Duration", of: (v) => v.duration_ms || {}, write: (x) => `${x.toFixed(1)} ms` },
};

function experimentRows(result) {
  const rows = [];
  const versions = Object.keys(result.versions);
  versions.sort((a, b) => (a in result.differences) - (b in result.differences)); // the first version has no difference
  const add = (name, of, difference, write) => {
    const most = Math.max(...versions.map((v) => difference(v)).filter((d) => d && d.low !== null).map((d) => Math.max(Math.abs(d.low), Math.abs(d.high))), 1e-12);
    for (const version of versions) {
      const figure = of(result.versions[version]) || {}, d = difference(version);
      const isKnown = (x) => x !== null && x !== undefined;
      const value = isKnown(figure.mean) ? `${write(figure.mean)}${isKnown(figure.low) ? ` (${write(figure.low)} to ${write(figure.high)})` : ""}` : "not known yet";
      const last = make("td", { "data-label": "Difference" });
      if (d && isKnown(d.low)) {
        const word = d.low > 0 ? "higher" : d.high < 0 ? "lower" : "no difference seen";
        last.append(intervalBar(d, most), ` ${word}, ${write(d.low)} to ${write(d.high)}`);
      } else {
        last.append(d ? "not known yet" : "");
      }
      rows.push(make("tr", {}, make("td", { "data-label": "Figure" }, name), make("td", { "data-label": "Version", class: "name" }, version), make("td", { "data-label": "Mean", class: "number" }, value), last));
    }
  };
  for (const [key, m] of Object.entries(METRICS)) add(m.name, m.of, (v) => (result.differences[v] || {})[key], m.write);
  const outcomes = new Set(versions.flatMap((v) => Object.keys(result.versions[v].outcomes || {})));
  for (const name of outcomes) {
    add(name, (v) => (v.outcomes || {})[name], (v) => ((result.differences[v] || {}).outcomes || {})[name], (x) => x.toPrecision(3));
  }
  return rows;
}

function showExperiments() {
  const items = state.experiments || [];
  section("experiments", items.length > 0);
  keep($("experiment-list"), items, (item) => {
    const head = make("tr", {}, ...["Figure", "Version", "Mean", "Difference to the first"].map((text) => make("th", { scope: "col" }, text)));
    return make("article", { class: "card" }, make("h3", { class: "name" }, item.key), make("p", { class: "soft" }), make("div", { class: "scroll" }, make("table", {}, make("thead", {}, head), make("tbody"))));
  }, (card, { result }) => {
    const counts = Object.entries(result.versions).map(([v, f]) => `version ${v}: ${whole(f.invocations)} invocations of ${whole(f.callers)} callers`);
    const warning = result.srm && result.srm.mismatch ? " CALLERS ARE NOT SPLIT AS THE WEIGHTS SAY: find out why before you trust the rest." : "";
    say(card.children[1], `${counts.join(", ")}; each figure holds with ${percent(1 - result.alpha)}.${warning}`);
    card.querySelector("tbody").replaceChildren(...experimentRows(result));
  });
  const left = (state.nrExperiments || 0) - items.length;
  $("more-experiments").hidden = left <= 0;
  say($("more-experiments"), `${whole(left)} more: search for the function.`);
}

// ---- Executions, fleet ----

function section(id, isThere) {
  $(id).hidden = !isThere;
  document.querySelector(`nav a[href="#${id}"]`).hidden = !isThere;
}

function tableRow(labels) {
  return make("tr", {}, ...labels.map((label) => make("td", { "data-label": label })));
}

function showExecutions() {
  const items = [...(state.executions || new Map()).values()].slice(0, 200);
  section("executions", items.length > 0);
  keep($("execution-table").tBodies[0], items, () => tableRow(["State machine", "Version", "Started", "Running", "Succeeded", "Failed", "Timed out", "Aborted"]), (tr, e) => {
    const texts = [e.alias ? `${e.machine}:${e.alias}` : e.machine, e.version, e.started, e.running, e.SUCCEEDED || 0, e.FAILED || 0, e.TIMED_OUT || 0, e.ABORTED || 0];
    texts.forEach((text, i) => say(tr.cells[i], typeof text === "number" ? whole(text) : text));
  });
}

async function readFleet() {
  try {
    state.fleet = JSON.parse((await ask("/fleet")).text);
  } catch (error) {
    if (error.status !== 404) throw error;
    state.fleet = null;
  }
}

function showFleet() {
  const fleet = state.fleet;
  section("fleet", Boolean(fleet));
  if (!fleet) return;
  const store = fleet.store || {};
  say($("fleet-store"), `This is ${fleet.id}. ${fleet.leader ? `${fleet.leader} leads.` : "No leader is known."} The store ${store.connected ? `answers (${store.endpoint})` : `DOES NOT ANSWER: ${store.reason || "no reason is known"}`}.`);
  const items = (fleet.members || []).map((m) => ({ key: m.id, ...m }));
  keep($("fleet-table").tBodies[0], items, () => tableRow(["Member", "Address", "Slot", "Generation"]), (tr, m) => {
    const texts = [`${m.id}${m.id === fleet.leader ? " (leads)" : ""}`, m.address, m.slot, m.generation];
    texts.forEach((text, i) => say(tr.cells[i], text === null || text === undefined ? "–" : String(text)));
  });
}

// ---- Turns ----

function showAll() {
  showFunctions();
  showDeployments();
  showAlarms();
  showExperiments();
  showExecutions();
  showFleet();
}

async function turn() {
  const began = performance.now();
  const text = (await ask("/metrics")).text;
  let metrics = read(text, new Set(shown().rows.map((row) => row.function)));
  state.took = performance.now() - began;
  const listed = state.listedAt;
  if (listed.generation !== metrics.generation && (listed.generation < 0 || performance.now() - listed.t > 20 * listed.took)) {
    await list(metrics.generation);
    metrics = read(text, new Set(shown().rows.map((row) => row.function)));
  }
  state.evalues = metrics.aliases;
  state.executions = metrics.executions;
  remember(metrics, shown().rows);
  state.alarms = JSON.parse((await ask("/alarms")).text).alarms || {};
  await readDeployments();
  if (state.turns % 2 === 0) await readExperiments();
  if (state.turns % 3 === 0) await readFleet();
  state.turns++;
  say($("state"), `generation ${metrics.generation}, read at ${new Date().toLocaleTimeString()}${state.mayWrite ? "" : ", you may read only"}`);
}

let timer = 0, isBusy = false, isAskedAgain = false;

/* Once more in a while; isAsked: by the user, so also where the page is paused. */
function again(ms, isAsked) {
  clearTimeout(timer);
  if (isBusy) isAskedAgain = isAskedAgain || isAsked;
  else if (isAsked || !state.isPaused) timer = setTimeout(step, ms);
}

function signIn(isWrong) {
  $("main").hidden = true;
  $("sign-in").hidden = false;
  $("forget").hidden = true;
  say($("sign-in-why"), isWrong ? "This weir does not know that token." : "This weir asks who you are.");
  say($("state"), "signed out");
  if (document.activeElement === document.body) $("token").focus();
}

async function step() {
  if (isBusy) return;
  isBusy = true;
  isAskedAgain = false;
  let isSignedOut = false;
  try {
    if (!document.hidden || state.turns === 0) {
      await turn();
      $("main").hidden = false;
      $("sign-in").hidden = true;
      $("forget").hidden = !state.token;
      showAll();
    }
  } catch (error) {
    if (error instanceof Refusal && UNKNOWN.includes(error.type)) {
      isSignedOut = true;
      signIn(Boolean(state.token));
    } else {
      say($("state"), error instanceof Refusal ? error.message : `weir does not answer (${error.message}); trying again`);
    }
  }
  isBusy = false;
  /* A large table's metrics take a while to write and to read: weir has better things to do. */
  if (!isSignedOut) again(isAskedAgain ? 0 : Math.max(TURN_MS, 8 * state.took), isAskedAgain);
}

$("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  state.token = $("token").value.trim();
  $("token").value = "";
  state.mayWrite = true;
  sessionStorage.setItem("weir-token", state.token);
  again(0, true);
});
$("forget").addEventListener("click", () => {
  sessionStorage.removeItem("weir-token");
  location.reload();
});
$("pause").addEventListener("click", () => {
  state.isPaused = !state.isPaused;
  $("pause").setAttribute("aria-pressed", String(state.isPaused));
  say($("pause"), state.isPaused ? "Go on" : "Pause");
  if (state.isPaused) clearTimeout(timer);
  else again(0, true);
});
$("message").lastElementChild.addEventListener("click", () => ($("message").hidden = true));
for (const [id, event] of [["search", "input"], ["only-split", "change"]]) {
  $(id).addEventListener(event, () => {
    state.page = 0;
    showFunctions();
    again(300, true);
  });
}
for (const [id, by] of [["previous", -1], ["next", 1]]) {
  $(id).addEventListener("click", () => {
    state.page += by;
    showFunctions();
    again(0, true);
    $("functions").scrollIntoView();
  });
}
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA)$/.test(event.target.tagName) || $("dialog").open) return;
  event.preventDefault();
  $("search").focus();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) again(0);
});
step();

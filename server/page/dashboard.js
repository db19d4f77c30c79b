// The dashboard: asks for /metrics every two seconds and plots what it says. It keeps the last hour, in this page only.
import { fetchMetrics } from "./api.js";
import { h } from "./dom.js";
import { clearNotice, keyForm, showNotice } from "./notices.js";
import { Plot } from "./plot.js";
import { growth, parseMetrics, quantiles, total } from "./prometheus.js";
import { installThemeSwitch } from "./theme_switch.js";

const $ = (id) => document.getElementById(id);
const INTERVAL = 2000;  // milliseconds between two readings
const SPAN = 15;        // readings that a quantile looks back
const KEEP = 3600000;   // milliseconds

const number = (value) => (value >= 100 ? Math.round(value).toLocaleString("en") : String(Math.round(value * 10) / 10));
const percent = (value) => `${(100 * value).toFixed(value < 0.0995 ? 1 : 0)} %`;
const seconds = (value) => (value < 1 ? `${(1000 * value).toFixed(value < 0.01 ? 1 : 0)} ms` : `${value.toFixed(1)} s`);
const one = (name) => [{ name, class: "series-1" }];
const two = (first, second) => [{ name: first, class: "series-1" }, { name: second, class: "series-2" }];

// values(now, last, earlier, time): of each line; `last` is the reading before, `earlier` the one SPAN readings ago, and
// `time` the seconds since `last`.
const CARDS = [
  { title: "Requests", help: "Requests that run and requests in the queue", series: two("running", "waiting"), format: number,
    values: (now) => [total(now, "ttt_num_requests_running"), total(now, "ttt_num_requests_waiting")] },
  { title: "Generated tokens per second", help: "Of all requests together", series: one("generated"), format: number,
    values: (now, last, _, time) => [rate(last, now, "ttt_generation_tokens_total", time)] },
  { title: "Prompt tokens per second", help: "Of all requests together", series: one("prompt"), format: number,
    values: (now, last, _, time) => [rate(last, now, "ttt_prompt_tokens_total", time)] },
  { title: "Pages in use", help: "Share of the pages that hold keys and values", series: one("in use"), format: percent, top: 1,
    values: (now) => [total(now, "ttt_kv_cache_usage_perc")] },
  { title: "Time to first token", help: "From the request's arrival; of the requests of the last half minute",
    series: two("median", "p95"), format: seconds,
    values: (now, _, earlier) => quantiles(earlier, now, "ttt_time_to_first_token_seconds", [0.5, 0.95]) },
  { title: "Between tokens", help: "Time from one token of a request to the next; of the tokens of the last half minute", series: two("median", "p95"), format: seconds,
    values: (now, _, earlier) => quantiles(earlier, now, "ttt_inter_token_latency_seconds", [0.5, 0.95]) },
  { title: "Prefix cache", help: "Share of the prompt tokens of the last half minute that were found in the cache",
    series: one("found"), format: percent, top: 1,
    values: (now, _, earlier) => [ratio(earlier, now, "ttt_prefix_cache_hits_total", "ttt_prefix_cache_queries_total")] },
  { title: "Requests per minute", help: "Requests that ended", series: one("ended"), format: number,
    values: (now, _, earlier, __, span) => [perMinute(earlier, now, span)] },
];

function rate(last, now, name, time) {
  const grown = growth(last, now, name);
  return grown === null || !(time > 0) ? null : grown / time;
}

function ratio(before, now, part, whole) {
  const [found, asked] = [growth(before, now, part), growth(before, now, whole)];
  return found === null || !(asked > 0) ? null : Math.min(1, found / asked);
}

function perMinute(before, now, span) {
  const ended = growth(before, now, "ttt_request_success_total");
  return ended === null || !(span > 0) ? null : (60 * ended) / span;
}

const plots = CARDS.map((card) => ({ card, plot: new Plot(card), points: [] }));
const readings = [];  // {time, families}, the last SPAN + 1
let paused = false;
let timer = null;

async function read() {
  clearTimeout(timer);
  const time = Date.now();
  try {
    const families = parseMetrics(await fetchMetrics(AbortSignal.timeout(10000)));
    take(time, families);
    clearNotice("metrics");
    $("status-dot").dataset.state = "ready";
    $("status").textContent = "Live";
    showTable(families);
  } catch (error) {
    miss(time, error);
  }
  draw();
  if (!paused) timer = setTimeout(read, INTERVAL);
}

function take(time, families) {
  const last = readings.at(-1);
  if (last) {
    const first = readings[0];
    for (const { card, points } of plots) {
      const values = card.values(families, last.families, first.families, (time - last.time) / 1000, (time - first.time) / 1000);
      addPoint(points, time, values);
    }
  }
  readings.push({ time, families });
  if (readings.length > SPAN + 1) readings.shift();
}

// Where nothing was read the lines are broken.
function miss(time, error) {
  for (const { card, points } of plots) addPoint(points, time, card.series.map(() => null));
  readings.length = 0;
  const needsKey = error.status === 401;
  $("status-dot").dataset.state = needsKey ? "key" : "failed";
  $("status").textContent = needsKey ? "Locked" : "Not connected";
  if (document.querySelector('[data-notice="metrics"]')) return;
  if (needsKey) {
    showNotice($("notices"), "metrics", "This server wants an API key.", [], keyForm(() => {
      clearNotice("metrics");
      read();
    }));
  } else {
    showNotice($("notices"), "metrics", `${error.message} Trying again every ${INTERVAL / 1000} s.`, [["Try now", read]]);
  }
}

function addPoint(points, time, values) {
  points.push({ time, values });
  while (points[0].time < time - KEEP) points.shift();
}

function draw() {
  const to = Date.now();
  const from = to - Number($("span").value) * 60000;
  for (const { plot, points } of plots) plot.draw(points.filter((point) => point.time >= from), from, to);
}

function showTable(families) {
  if (!$("all").open) return;
  const rows = [...families].flatMap(([, { help, type, samples }]) => samples
      .filter(({ name }) => !(type === "histogram" && name.endsWith("_bucket")))
      .map(({ name, labels, value }) => h("tr", { title: help }, h("td", null, h("code", null, name), labelText(labels)),
                                          h("td", { class: "number" }, value.toLocaleString("en", { maximumFractionDigits: 6 })))));
  $("rows").replaceChildren(...rows);
}

function labelText(labels) {
  const text = Object.entries(labels).map(([name, value]) => `${name}=${value}`).join(", ");
  return text ? h("span", { class: "hint" }, ` ${text}`) : null;
}

$("cards").append(...plots.map(({ plot }) => plot.element));
$("span").addEventListener("change", draw);
$("all").addEventListener("toggle", () => {
  if (readings.length) showTable(readings.at(-1).families);
});
$("pause").addEventListener("click", () => {
  paused = !paused;
  $("pause").textContent = paused ? "Go on" : "Pause";
  if (paused) {
    clearTimeout(timer);
    $("status").textContent = "Paused";
  } else {
    read();
  }
});
installThemeSwitch($("theme"), $("theme-name"));
read();

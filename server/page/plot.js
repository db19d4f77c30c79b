// A small plot of the last minutes: lines over time in SVG, with the values under the pointer.
import { h, svg } from "./dom.js";

const WIDTH = 400;  // units of the drawing, stretched to the card
const HEIGHT = 120;

export class Plot {
  // series: [{name, class}]; format(value) as text; top: the largest value of the axis where that is fixed
  constructor({ title, help, series, format, top }) {
    Object.assign(this, { title, series, format, top });
    this.points = [];
    this.value = h("div", { class: "value" }, "–");
    this.legend = h("div", { class: "legend" }, series.length > 1 ? series.map((line) =>
        h("span", null, h("i", { class: line.class }), line.name)) : null);
    this.topLabel = h("span", { class: "axis-top" });
    this.fromLabel = h("span", { class: "axis-from" });
    this.tip = h("div", { class: "tip", hidden: true });
    this.cursor = svg("line", { class: "cursor", y1: 0, y2: HEIGHT, visibility: "hidden" });
    this.lines = series.map((line) => svg("path", { class: `line ${line.class}` }));
    this.fill = svg("path", { class: `fill ${series[0].class}` });
    this.drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" },
                       svg("line", { class: "grid", x1: 0, x2: WIDTH, y1: HEIGHT / 2, y2: HEIGHT / 2 }),
                       svg("line", { class: "grid", x1: 0, x2: WIDTH, y1: HEIGHT - 0.5, y2: HEIGHT - 0.5 }),
                       this.fill, this.lines, this.cursor);
    this.area = h("div", { class: "area" }, this.drawing, this.topLabel, this.tip);
    this.element = h("section", { class: "card", "aria-label": title },
                     h("div", { class: "card-head" }, h("h2", { title: help }, title), this.legend), this.value, this.area,
                     h("div", { class: "axis" }, this.fromLabel, h("span", null, "now")));
    this.area.addEventListener("pointermove", (event) => this.point(event));
    this.area.addEventListener("pointerleave", () => this.point(null));
  }

  // points: [{time, values: [number or null for each series]}], oldest first; times in milliseconds
  draw(points, from, to) {
    this.points = points;
    Object.assign(this, { from, to });
    const largest = Math.max(0, ...points.flatMap((point) => point.values.filter((value) => value !== null)));
    this.high = this.top ?? niceTop(largest);
    const x = (time) => ((time - from) / (to - from)) * WIDTH;
    const y = (value) => HEIGHT - 1 - (Math.min(value, this.high) / this.high) * (HEIGHT - 8);
    this.lines.forEach((path, i) => path.setAttribute("d", lineOf(points, i, x, y)));
    this.fill.setAttribute("d", fillOf(points, x, y));
    const last = points.at(-1);
    const now = this.series.map((_, i) => last?.values[i] ?? null);
    const known = points.some((point) => point.values.some((value) => value !== null));
    this.value.replaceChildren(...valueNodes(now, this.series, this.format));
    this.element.classList.toggle("unknown", !known);
    this.topLabel.textContent = known ? this.format(this.high) : "";
    this.fromLabel.textContent = `${Math.round((to - from) / 60000)} min ago`;
    this.drawing.setAttribute("aria-label", `${this.title}: ${this.value.textContent}`);
  }

  point(event) {
    const box = this.area.getBoundingClientRect();
    const time = event && this.from + ((event.clientX - box.left) / box.width) * (this.to - this.from);
    const nearest = event && this.points.length ? this.points.reduce((best, point) =>
        Math.abs(point.time - time) < Math.abs(best.time - time) ? point : best) : null;
    this.tip.hidden = !nearest;
    this.cursor.setAttribute("visibility", nearest ? "visible" : "hidden");
    if (!nearest) return;
    const x = (nearest.time - this.from) / (this.to - this.from);
    this.cursor.setAttribute("x1", x * WIDTH);
    this.cursor.setAttribute("x2", x * WIDTH);
    const when = new Date(nearest.time).toLocaleTimeString();
    this.tip.replaceChildren(h("b", null, when), ...this.series.map((line, i) =>
        h("span", null, h("i", { class: line.class }), `${line.name} ${this.text(nearest.values[i])}`)));
    this.tip.style.left = `${x * 100}%`;
    this.tip.classList.toggle("left", x > 0.5);
  }

  text(value) {
    return value === null ? "–" : this.format(value);
  }
}

function valueNodes(values, series, format) {
  if (values.every((value) => value === null)) return ["–"];
  return values.flatMap((value, i) => {
    const text = value === null ? "–" : format(value);
    return [i ? h("span", { class: "other" }, ` ${series[i].name} ${text}`) : text];
  });
}

// Broken where a value is missing.
function lineOf(points, i, x, y) {
  let path = "";
  let pen = false;
  for (const { time, values } of points) {
    if (values[i] === null) {
      pen = false;
      continue;
    }
    // "h0": a point by itself is a dot.
    path += `${pen ? "L" : "M"}${x(time).toFixed(1)} ${y(values[i]).toFixed(1)}${pen ? "" : "h0"}`;
    pen = true;
  }
  return path;
}

function fillOf(points, x, y) {
  let path = "";
  let run = [];
  const close = () => {
    if (run.length > 1) {
      path += `M${x(run[0].time).toFixed(1)} ${HEIGHT}`;
      path += run.map((point) => `L${x(point.time).toFixed(1)} ${y(point.values[0]).toFixed(1)}`).join("");
      path += `L${x(run.at(-1).time).toFixed(1)} ${HEIGHT}Z`;
    }
    run = [];
  };
  for (const point of points) {
    if (point.values[0] === null) {
      close();
    } else {
      run.push(point);
    }
  }
  close();
  return path;
}

// 1, 2 or 5 times a power of ten, at least as large.
function niceTop(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((factor) => factor * power).find((top) => top >= value * 1.0001) ?? value;
}

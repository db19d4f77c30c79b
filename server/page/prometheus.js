// Reads the Prometheus text format, and what can be said about two readings.

// Families by name: {type, help, samples: [{name, labels, value}]}. The samples of a histogram are in its family.
export function parseMetrics(text) {
  const families = new Map();
  const family = (name) => {
    if (!families.has(name)) families.set(name, { type: "untyped", help: "", samples: [] });
    return families.get(name);
  };
  for (const line of text.split("\n")) {
    const comment = /^# (HELP|TYPE) (\S+) ?(.*)$/.exec(line);
    if (comment) {
      const [, kind, name, rest] = comment;
      if (kind === "HELP") family(name).help = rest.replace(/\\n/g, "\n").replace(/\\\\/g, "\\");
      if (kind === "TYPE") family(name).type = rest.trim();
      continue;
    }
    const sample = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?$/.exec(line.trim());
    if (!sample) continue;
    const [, name, labels, value] = sample;
    const base = name.replace(/_(bucket|sum|count)$/, "");
    const owner = base !== name && ["histogram", "summary"].includes(families.get(base)?.type) ? base : name;
    family(owner).samples.push({ name, labels: parseLabels(labels ?? ""), value: parseValue(value) });
  }
  return families;
}

function parseLabels(text) {
  const labels = {};
  for (const [, name, value] of text.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g)) {
    labels[name] = value.replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c));
  }
  return labels;
}

function parseValue(text) {
  if (/^\+?inf$/i.test(text)) return Infinity;
  if (/^-inf$/i.test(text)) return -Infinity;
  return Number(text);
}

// The sum over all labels, or null where the metric is not reported.
export function total(families, name) {
  const samples = families.get(name)?.samples;
  return samples?.length ? samples.reduce((sum, sample) => sum + sample.value, 0) : null;
}

// By how much a counter grew, or null; a server that was started again counts from zero.
export function growth(before, now, name) {
  const [old, value] = [total(before, name), total(now, name)];
  if (value === null || old === null) return null;
  return value >= old ? value - old : value;
}

// The quantiles of what a histogram took between two readings, as Prometheus estimates them: linear within a bucket.
// Null where nothing was taken.
export function quantiles(before, now, name, shares) {
  const [old, counts] = [buckets(before, name), buckets(now, name)];
  const bounds = [...counts.keys()].sort((a, b) => a - b);
  const grown = bounds.map((bound) => Math.max(0, counts.get(bound) - (old.get(bound) ?? 0)));
  const all = grown.at(-1) ?? 0;
  return shares.map((share) => {
    if (!(all > 0)) return null;
    const rank = share * all;
    const at = grown.findIndex((count) => count >= rank);
    const low = at > 0 ? bounds[at - 1] : 0;
    if (bounds[at] === Infinity) return low;
    const below = at > 0 ? grown[at - 1] : 0;
    return low + ((bounds[at] - low) * (rank - below)) / Math.max(1e-12, grown[at] - below);
  });
}

function buckets(families, name) {
  const counts = new Map();
  for (const { name: of, labels, value } of families.get(name)?.samples ?? []) {
    if (of !== `${name}_bucket`) continue;
    const bound = parseValue(labels.le ?? "");
    counts.set(bound, (counts.get(bound) ?? 0) + value);
  }
  return counts;
}

#include "apps/ttt/bench_results.h"

#include <algorithm>
#include <cstdio>

#include "apps/ttt/by_block.h"
#include "base/error.h"

namespace ttt::app {
namespace {

using kernels::ActivationForm;

double median(std::vector<double> v) {
  std::ranges::sort(v);
  return v[v.size() / 2];
}

// Work per second: at the median, and in the slowest and the fastest run.
struct Speed {
  double median = 0, least = 0, most = 0;
};
Speed speed_of(double work, const std::vector<double>& seconds) {
  const auto [shortest, longest] = std::ranges::minmax(seconds);
  return {work / median(seconds), work / longest, work / shortest};
}

// What one combination needs and reaches.
struct Row {
  const BenchResults& results;
  const FormatResult& format;
  const PrefillResult& prefill;
  const DecodeResult& decode;

  double prefill_seconds() const { return median(prefill.runs.seconds); }
  double decode_seconds() const { return median(decode.runs.seconds); }
  Speed prefill_speed() const {
    return speed_of(static_cast<double>(prefill.sequences * prefill.prompt), prefill.runs.seconds);
  }
  Speed decode_speed() const { return speed_of(static_cast<double>(decode.batch * decode.steps), decode.runs.seconds); }
  double peak() const { return peak_of(results.peak, format.form); }
  double share_of(double operations_per_second) const {
    return prefill.runs.operations / prefill_seconds() / operations_per_second;
  }
  double share_of_bandwidth() const { return decode.runs.bytes / decode_seconds() / results.peak.read_bandwidth; }
  double share_of_roofline(const BenchRuns& runs) const {
    return MachineLimit{peak(), results.peak.read_bandwidth}.share(
        {.seconds = median(runs.seconds), .operations = runs.operations, .bytes = runs.bytes});
  }
  const RunnerMemory& memory() const {
    const RunnerMemory &a = prefill.runs.memory, &b = decode.runs.memory;
    return a.total() > b.total() ? a : b;
  }
  std::int64_t planned_bytes() const { return format.weight_bytes + memory().total(); }
  std::int64_t peak_bytes() const {
    return std::max({format.peak_bytes, prefill.runs.peak_bytes, decode.runs.peak_bytes});
  }
};

Json machine_json(const BenchResults& r) {
  return Json(Json::Object{{"isa", r.isa},
                           {"threads", r.threads},
                           {"f32_ops_per_s", r.peak.f32},
                           {"bf16_ops_per_s", r.peak.bf16},
                           {"int8_ops_per_s", r.peak.int8},
                           {"read_bytes_per_s", r.peak.read_bandwidth}});
}

// The operations of prompts of all sequences of the batch, of which prefill may have taken fewer.
double prefill_operations(const Row& row) {
  return row.prefill.runs.operations / static_cast<double>(row.prefill.sequences) *
         static_cast<double>(row.decode.batch);
}

Json share_by_peak(const Row& row) {
  const bench::MachinePeak& peak = row.results.peak;
  return Json(Json::Object{
      {"f32", row.share_of(peak.f32)}, {"bf16", row.share_of(peak.bf16)}, {"int8", row.share_of(peak.int8)}});
}

Json first_figures(const Row& row) {
  const double steps = static_cast<double>(row.decode.steps);
  return Json(Json::Object{{"model", row.results.model},
                           {"parameters", row.format.parameters},
                           {"prompt", row.prefill.prompt},
                           {"generate", row.decode.steps},
                           {"batch", row.decode.batch},
                           {"repeat", row.results.repeat},
                           {"load_s", row.format.load_seconds},
                           {"prefill_tokens_per_s", row.prefill_speed().median},
                           {"decode_tokens_per_s", row.decode_speed().median},
                           {"prefill_share_of_peak", row.share_of(row.peak())},
                           {"prefill_peak", name_of(row.format.form)},
                           {"prefill_share_by_peak", share_by_peak(row)},
                           {"prefill_operations", prefill_operations(row)},
                           {"decode_share_of_bandwidth", row.share_of_bandwidth()},
                           {"decode_bytes_per_step", row.decode.runs.bytes / steps},
                           {"machine", machine_json(row.results)}});
}

Json row_json(const Row& row) {
  const double steps = static_cast<double>(row.decode.steps);
  const Speed prefill = row.prefill_speed(), decode = row.decode_speed();
  return Json(Json::Object{{"format", row.format.name},
                           {"prompt", row.prefill.prompt},
                           {"batch", row.decode.batch},
                           {"context", row.decode.context},
                           {"load_s", row.format.load_seconds},
                           {"prefill_tokens_per_s", prefill.median},
                           {"prefill_tokens_per_s_min", prefill.least},
                           {"prefill_tokens_per_s_max", prefill.most},
                           {"prefill_share_of_peak", row.share_of(row.peak())},
                           {"prefill_peak", name_of(row.format.form)},
                           {"prefill_share_by_peak", share_by_peak(row)},
                           {"prefill_operations", prefill_operations(row)},
                           {"decode_tokens_per_s", decode.median},
                           {"decode_tokens_per_s_min", decode.least},
                           {"decode_tokens_per_s_max", decode.most},
                           {"decode_share_of_bandwidth", row.share_of_bandwidth()},
                           {"decode_share_of_roofline", row.share_of_roofline(row.decode.runs)},
                           {"decode_bytes_per_step", row.decode.runs.bytes / steps},
                           {"decode_operations_per_step", row.decode.runs.operations / steps},
                           {"planned_bytes", row.planned_bytes()},
                           {"weight_bytes", row.format.weight_bytes},
                           {"state_bytes", row.memory().state},
                           {"scratch_bytes", row.memory().scratch},
                           {"peak_memory_bytes", row.peak_bytes()}});
}

Row first_row(const BenchResults& r) {
  const FormatResult& format = r.formats.front();
  return {r, format, format.prefills.front(), format.decodes.front()};
}

double giga(std::int64_t bytes) { return 1e-9 * static_cast<double>(bytes); }

// The most that anything measured of a format was planned to take, and took.
struct Memory {
  std::int64_t planned = 0, peak = 0;
};
Memory memory_of(const FormatResult& format) {
  Memory m{.planned = 0, .peak = format.peak_bytes};
  const auto add = [&](const BenchRuns& runs) {
    m.planned = std::max(m.planned, format.weight_bytes + runs.memory.total());
    m.peak = std::max(m.peak, runs.peak_bytes);
  };
  for (const PrefillResult& p : format.prefills) add(p.runs);
  for (const DecodeResult& d : format.decodes) add(d.runs);
  return m;
}

}  // namespace

double peak_of(const bench::MachinePeak& peak, ActivationForm form) {
  if (form == ActivationForm::kInt8) return peak.int8;
  return form == ActivationForm::kBF16 ? peak.bf16 : peak.f32;
}

Json first_json(const BenchResults& r) { return first_figures(first_row(r)); }

Json bench_json(const BenchResults& r, bool after_the_prompt) {
  const Row first = first_row(r);
  Json out = first_figures(first);
  out.set("format", first.format.name);
  out.set("context", first.decode.context);
  out.set("planned_bytes", first.planned_bytes());
  out.set("peak_memory_bytes", first.peak_bytes());
  Json::Array rows;
  for (const FormatResult& format : r.formats) {
    for (const PrefillResult& prefill : format.prefills) {
      for (const DecodeResult& decode : format.decodes) {
        if (after_the_prompt && decode.context != prefill.prompt) continue;
        rows.push_back(row_json({r, format, prefill, decode}));
      }
    }
  }
  out.set("rows", Json(std::move(rows)));
  return out;
}

void print_first(const BenchResults& r) {
  const Json out = first_json(r);
  for (const auto& [key, value] : out.as_object("bench")) {
    std::printf("%-28s %s\n", key.c_str(), value.is_string() ? value.as_string(key).c_str() : value.dump().c_str());
  }
}

void print_tables(const BenchResults& r) {
  std::printf("%s: %lld parameters; medians of %lld runs\n", r.model.c_str(),
              static_cast<long long>(r.formats.front().parameters), static_cast<long long>(r.repeat));
  std::printf("%s, %lld threads: f32 %s, bf16 %s, int8 %s; read %s\n", r.isa.c_str(), static_cast<long long>(r.threads),
              rate(r.peak.f32, "op/s").c_str(), rate(r.peak.bf16, "op/s").c_str(), rate(r.peak.int8, "op/s").c_str(),
              rate(r.peak.read_bandwidth, "B/s").c_str());
  std::printf("\n%-8s %10s %12s %12s\n", "format", "load s", "planned GB", "peak GB");
  for (const FormatResult& f : r.formats) {
    const Memory m = memory_of(f);
    std::printf("%-8s %10.2f %12.3f %12.3f\n", f.name.c_str(), f.load_seconds, giga(m.planned), giga(m.peak));
  }
  std::printf("\nprefill\n%-8s %8s %12s %12s %12s  %s\n", "format", "prompt", "tokens/s", "slowest", "fastest",
              "share of the peak");
  for (const FormatResult& f : r.formats) {
    for (const PrefillResult& p : f.prefills) {
      const Row row{r, f, p, f.decodes.front()};
      const Speed speed = row.prefill_speed();
      std::printf("%-8s %8lld %12.2f %12.2f %12.2f  %6.1f %% of %s\n", f.name.c_str(), static_cast<long long>(p.prompt),
                  speed.median, speed.least, speed.most, 100 * row.share_of(row.peak()),
                  std::string(name_of(f.form)).c_str());
    }
  }
  std::printf("\ndecode of %lld tokens a sequence\n%-8s %8s %8s %12s %12s %12s %12s %12s\n",
              static_cast<long long>(r.generate), "format", "batch", "context", "tokens/s", "slowest", "fastest",
              "bandwidth", "roofline");
  for (const FormatResult& f : r.formats) {
    for (const DecodeResult& d : f.decodes) {
      const Row row{r, f, f.prefills.front(), d};
      const Speed speed = row.decode_speed();
      std::printf("%-8s %8lld %8lld %12.2f %12.2f %12.2f %10.1f %% %10.1f %%\n", f.name.c_str(),
                  static_cast<long long>(d.batch), static_cast<long long>(d.context), speed.median, speed.least,
                  speed.most, 100 * row.share_of_bandwidth(), 100 * row.share_of_roofline(d.runs));
    }
  }
}

Roofline roofline_of(const BenchResults& r) {
  Roofline roofline{.title = "Roofline of " + r.model,
                    .machine = text(r.isa, ", ", r.threads, r.threads == 1 ? " thread" : " threads",
                                    "; limits measured in the same run"),
                    .peak = r.peak,
                    .points = {}};
  for (const FormatResult& f : r.formats) {
    const auto add = [&](std::string label, bool prefill, const BenchRuns& runs) {
      const Row row{r, f, f.prefills.front(), f.decodes.front()};
      roofline.points.push_back({.series = f.name,
                                 .label = std::move(label),
                                 .prefill = prefill,
                                 .operations_per_byte = runs.operations / runs.bytes,
                                 .operations_per_second = runs.operations / median(runs.seconds),
                                 .share = row.share_of_roofline(runs)});
    };
    for (const PrefillResult& p : f.prefills) add(text("prefill ", p.prompt), true, p.runs);
    for (const DecodeResult& d : f.decodes) {
      add(text("decode, batch ", d.batch, ", context ", d.context), false, d.runs);
    }
  }
  return roofline;
}

}  // namespace ttt::app

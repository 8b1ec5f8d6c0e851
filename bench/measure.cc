// SPDX-License-Identifier: MIT
#include "measure.h"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <utility>
#include <vector>

namespace bench {
namespace {

// A batch is long against the 0.3 us of reading the thread's clock and short against the time between disturbances.
constexpr double batch_seconds = 100e-6;
// At least so much time lies between two probes, so that they take a small share of the time.
constexpr double between_probes_seconds = 1e-3;
constexpr int first_probes = 10;

struct Prepared {
  std::string name;
  std::unique_ptr<Case> work;
  std::string refusal;  // empty: may be timed
  benchmark::IterationCount batch = 1;
};

Prepared current;
bool refused = false;
bool every_counter = false;

// All that cases count.
const char *const counter_names[] = {"cpu_min_us", "GFLOPS",         "peak_percent", "peak_GFLOPS",
                                     "GMACS",      "macs_per_cycle", "clock_GHz",    "elements_per_second",
                                     "ns_per_8",   "cycles_per_8",   "bytes",        "scratch_bytes"};

benchmark::IterationCount calls_per_batch(Case &work) {
  work.run();
  for (benchmark::IterationCount calls = 1;; calls *= 2) {
    const double start = thread_seconds();
    for (benchmark::IterationCount i = 0; i < calls; ++i) work.run();
    if (thread_seconds() - start >= batch_seconds) return calls;
  }
}

void prepare(const std::string &name, const std::function<std::unique_ptr<Case>()> &make) {
  if (current.name == name) return;
  current = Prepared();  // frees the last one before the next is made
  try {
    current.work = make();
    current.refusal = current.work->check();
    if (current.refusal.empty()) current.batch = calls_per_batch(*current.work);
  } catch (const std::exception &exception) {
    current.refusal = exception.what();
  }
  current.name = name;
}

Best measure(benchmark::State &state, Case &work, benchmark::IterationCount batch) {
  const Probe probe = work.probe();
  std::vector<double> seconds, inverse_rates;
  for (int i = 0; i < first_probes; ++i) inverse_rates.push_back(1 / probe());
  double probed = thread_seconds();
  while (state.KeepRunningBatch(batch)) {
    const double start = thread_seconds();
    for (benchmark::IterationCount i = 0; i < batch; ++i) work.run();
    const double end = thread_seconds();
    seconds.push_back((end - start) / static_cast<double>(batch));
    if (end - probed > between_probes_seconds) {
      state.PauseTiming();
      inverse_rates.push_back(1 / probe());
      probed = thread_seconds();
      state.ResumeTiming();
    }
  }
  return {fastest(std::move(seconds)), 1 / fastest(std::move(inverse_rates))};
}

void run_case(benchmark::State &state, const std::string &name, const std::function<std::unique_ptr<Case>()> &make) {
  prepare(name, make);
  if (!current.refusal.empty()) {
    refused = true;
    state.SkipWithError(current.refusal.c_str());
    return;
  }
  const Best best = measure(state, *current.work, current.batch);
  state.counters["cpu_min_us"] = best.seconds * 1e6;
  current.work->count(state, best);
  if (!every_counter) return;
  for (const char *counter : counter_names) {
    state.counters.emplace(counter, std::numeric_limits<double>::quiet_NaN());  // leaves one that is there
  }
}

double smallest(const std::vector<double> &values) { return *std::min_element(values.begin(), values.end()); }
double largest(const std::vector<double> &values) { return *std::max_element(values.begin(), values.end()); }

}  // namespace

void FmaCase::count(benchmark::State &state, const Best &best) const {
  const double flops = 2 * multiply_adds_ / best.seconds;
  state.counters["GFLOPS"] = flops * 1e-9;
  state.counters["peak_percent"] = 100 * flops / best.rate;
  state.counters["peak_GFLOPS"] = best.rate * 1e-9;
  state.counters["bytes"] = bytes_;
}

double fastest(std::vector<double> values) {
  const size_t left_out = values.size() / 50 + (values.size() < 10 ? 0 : 1);
  std::nth_element(values.begin(), values.begin() + left_out, values.end());
  return values[left_out];
}

void register_case(const std::string &name, benchmark::TimeUnit unit, std::function<std::unique_ptr<Case>()> make) {
  const auto run = [name, make = std::move(make)](benchmark::State &state) { run_case(state, name, make); };
  benchmark::RegisterBenchmark(name.c_str(), run)
      ->Unit(unit)
      ->ComputeStatistics("min", smallest)
      ->ComputeStatistics("max", largest);
}

void give_every_counter() { every_counter = true; }

bool any_refused() { return refused; }

void require_ok(mbconv_status status, const mbconv_error &error) {
  if (status != MBCONV_OK) throw std::runtime_error(error.message);
}

}  // namespace bench

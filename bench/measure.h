// SPDX-License-Identifier: MIT
// What all benchmarks share: preparing a case once, refusing wrong results, timing, counters.
#ifndef MBCONV_BENCH_MEASURE_H
#define MBCONV_BENCH_MEASURE_H

#include <benchmark/benchmark.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "mbconv.h"
#include "peak.h"

namespace bench {

// The fastest batch of calls and the fastest probe of one measurement. Disturbances slow down, so the fastest are the
// ones to compare, both sought over the same time. The fastest 2% are left out: in a virtual machine the thread's clock
// now and then (once in some 2000 times, on Zen 4 under KVM) takes off more than was stolen.
struct Best {
  double seconds;  // of one call, thread CPU time
  double rate;     // what the probe returned
};

// The smallest of the values but for the 2% that are left out (at least one of ten). Values must not be empty.
double fastest(std::vector<double> values);

// One benchmark with its weights and buffers. Constructors throw std::runtime_error if the library refuses.
class Case {
 public:
  virtual ~Case() = default;
  virtual void run() = 0;
  // Empty if one run gives the scalar set's results, else what differs. Called before any timing.
  virtual std::string check() = 0;
  virtual Probe probe() const = 0;
  virtual void count(benchmark::State &state, const Best &best) const = 0;
};

// A case that is multiply-adds: counters GFLOPS, peak_percent, peak_GFLOPS.
class FmaCase : public Case {
 public:
  Probe probe() const override { return fma_probe(isa_); }
  void count(benchmark::State &state, const Best &best) const override;

 protected:
  FmaCase(mbconv_isa isa, double multiply_adds, double floats)
      : isa_(isa), multiply_adds_(multiply_adds), bytes_(sizeof(float) * floats) {}

 private:
  mbconv_isa isa_;
  double multiply_adds_;
  double bytes_;  // tensors and weights, each once
};

// Registers a benchmark. The case is made when it first runs and kept until another one runs: Google Benchmark calls a
// benchmark several times while it seeks the number of iterations.
void register_case(const std::string &name, benchmark::TimeUnit unit, std::function<std::unique_ptr<Case>()> make);

// Cases give all counters that there are, NaN for those that are not theirs: a table in CSV has the same columns in all
// rows, and Google Benchmark ends the program if a row has others.
void give_every_counter();

// Whether any case so far was refused.
bool any_refused();

// Throws std::runtime_error with the library's message unless `status` is MBCONV_OK.
void require_ok(mbconv_status status, const mbconv_error &error);

}  // namespace bench

#endif

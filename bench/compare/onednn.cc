// SPDX-License-Identifier: MIT
// oneDNN at its best: the block is built in every way that it offers (memory formats, depthwise as a post-op of the
// expand or not, the residual as a binary or as a sum post-op) and the fastest way is taken.
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "contender.h"
#include "onednn_net.h"
#include "peak.h"

namespace compare {
namespace {

// Whether oneDNN uses it: ONEDNN_MAX_CPU_ISA may forbid it.
bool has_avx512() {
  const int isa = static_cast<int>(dnnl::get_effective_cpu_isa()),
            avx512 = static_cast<int>(dnnl::cpu_isa::avx512_core);
  return (isa & avx512) == avx512;
}

std::vector<Way> ways(const compare_request &request) {
  using Tag = dnnl::memory::format_tag;
  std::vector<std::pair<Tag, std::string>> formats = {{Tag::any, "any"}, {Tag::nhwc, "nhwc"}, {Tag::nChw8c, "nChw8c"}};
  if (has_avx512()) formats.emplace_back(Tag::nChw16c, "nChw16c");  // for others it has only the reference loops
  const std::vector<Residual> residuals =
      request.residual ? std::vector<Residual>{Residual::binary, Residual::sum} : std::vector<Residual>{Residual::none};
  std::vector<Way> ways;
  for (const auto &[format, name] : formats) {
    for (const Residual residual : residuals) {
      ways.push_back({format, name, false, residual});
      if (request.expand) ways.push_back({format, name, true, residual});
    }
  }
  return ways;
}

double wall_seconds() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

std::vector<float> result(Net &net, const compare_request &request) {
  std::vector<float> y(output_shape(request).floats());
  net.run(0);
  net.output(0, y.data());
  return y;
}

bool close(const std::vector<float> &a, const std::vector<float> &b) {
  float largest = 0, difference = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(b[i])) return false;
    largest = std::max(largest, std::abs(a[i]));
    difference = std::max(difference, std::abs(a[i] - b[i]));
  }
  return difference <= 1e-4f * largest;
}

struct Candidate {
  Way way;
  std::unique_ptr<Net> net;
  double seconds = std::numeric_limits<double>::infinity();  // the fastest run
};

// The ways that compute the block. Oddly, not all do: in 2.6.3 a depthwise fused in NHWC gives other numbers. The first
// way, which is not fused, tells what is right; compare.py checks the winner against its own reference.
std::vector<Candidate> candidates(const compare_request &request) {
  std::vector<Candidate> candidates;
  std::vector<float> expected;
  std::string refusal;
  for (const Way &way : ways(request)) {
    try {
      auto net = std::make_unique<Net>(request, way, 1);
      const std::vector<float> y = result(*net, request);
      if (expected.empty()) expected = y;
      if (close(expected, y)) candidates.push_back({way, std::move(net)});
    } catch (const dnnl::error &error) {  // not in oneDNN, such as most fusions
      refusal = error.what();
    }
  }
  if (candidates.empty()) throw std::runtime_error("oneDNN: " + refusal);
  return candidates;
}

constexpr double race_seconds = 0.5;

// Rounds in which all candidates that are left run in turn. After each, those that are slower than the fastest by more
// than a margin drop out; the margin shrinks from round to round.
Way fastest_way(const compare_request &request) {
  const auto clock = request.threads > 1 ? wall_seconds : bench::thread_seconds;
  std::vector<Candidate> racing = candidates(request);
  const auto faster = [](const Candidate &a, const Candidate &b) { return a.seconds < b.seconds; };
  const double end = wall_seconds() + race_seconds;
  for (double behind = 2.0; racing.size() > 1 && wall_seconds() < end; behind = 1.05 + (behind - 1.05) / 2) {
    for (Candidate &candidate : racing) {
      candidate.net->run(0);  // brings its data back into the caches
      for (int i = 0; i < 3; ++i) {
        const double start = clock();
        candidate.net->run(0);
        candidate.seconds = std::min(candidate.seconds, clock() - start);
      }
    }
    std::sort(racing.begin(), racing.end(), faster);
    while (racing.back().seconds > behind * racing[0].seconds) racing.pop_back();
  }
  return racing[0].way;
}

// Sets the number of threads for the primitives made after it, and returns it.
size_t with_threads(size_t threads) {
  omp_set_num_threads(static_cast<int>(threads));
  return threads;
}

class Onednn : public compare_contender {
 public:
  explicit Onednn(const compare_request &request)
      : threads_(with_threads(request.threads)),
        copies_(request.copies),
        net_(request, fastest_way(request), request.copies) {}

  size_t copies() const override { return copies_; }
  void run(size_t copy) override {
    with_threads(threads_);
    net_.run(copy);
  }
  void output(size_t copy, float *y) override { net_.output(copy, y); }
  size_t scratch_bytes() const override { return net_.scratch_bytes(); }
  std::string describe() const override { return net_.describe(); }

 private:
  size_t threads_, copies_;
  Net net_;
};

}  // namespace

std::unique_ptr<compare_contender> make_onednn(const compare_request &request) {
  return std::make_unique<Onednn>(request);
}

std::string onednn_version() {
  const dnnl_version_t *version = dnnl_version();
  return std::to_string(version->major) + "." + std::to_string(version->minor) + "." + std::to_string(version->patch);
}

}  // namespace compare

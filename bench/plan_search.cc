// SPDX-License-Identifier: MIT
// For developers of block/plan.c: how far is the library's plan from the best one on this machine? README.md tells.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "block_runner.h"
#include "blocks.h"
#include "measure.h"
#include "output.h"
#include "plan_search_options.h"

namespace bench {
namespace {

// ---- The plans of one block ----------------------------------------------------------------------------------------

struct Candidate {
  std::unique_ptr<BlockRunner> runner;
  std::string plan;
  size_t calls = 1;  // per sample
  std::vector<double> samples;

  double best() const { return fastest(samples); }
};

using Candidates = std::vector<Candidate *>;

// Everything that the plans of one block share: only their packed weights are their own.
struct Subject {
  const Block &block;
  mbconv_isa isa;
  BlockParameters parameters;
  Floats x, y, expected, scratch;

  Subject(const Block &of, mbconv_isa on, const SearchOptions &options)
      : block(of),
        isa(on),
        parameters(block, options.se),
        x(random_floats(block.height * block.width * block.in, 1)),
        y(block.out_height() * block.out_width() * block.out),
        expected(y.size()) {
    parameters.desc.layout = options.layout;
  }

  // A plan by its strip and group; zeros for the library's choice.
  std::unique_ptr<Candidate> make(size_t strip_rows, size_t group_channels) {
    mbconv_block_desc desc = parameters.desc;
    desc.strip_rows = strip_rows;
    desc.group_channels = group_channels;
    auto candidate = std::make_unique<Candidate>();
    candidate->runner = std::make_unique<BlockRunner>(desc, isa);
    candidate->plan = candidate->runner->plan();
    return candidate;
  }

  void run(const Candidate &candidate) { candidate.runner->run(x, y, scratch); }
};

// The distinct quotients of `total`, rounded up, by 1 .. total / least: what even shares of it there are.
std::set<size_t> shares(size_t total, size_t least) {
  std::set<size_t> shares;
  for (size_t parts = 1; parts <= std::max<size_t>(1, total / least); ++parts) {
    shares.insert((total + parts - 1) / parts);
  }
  return shares;
}

// All even strips and groups. The first is the library's choice, the second its twin: the same plan made once more,
// which shows how much of a difference is chance. Plans that the library describes alike are the same one.
std::vector<std::unique_ptr<Candidate>> all_plans(Subject &subject) {
  constexpr size_t narrowest_group = 8;  // no set's tile is narrower but the scalar one's
  std::vector<std::unique_ptr<Candidate>> plans;
  plans.push_back(subject.make(0, 0));
  plans.push_back(subject.make(0, 0));
  std::set<std::string> known = {plans[0]->plan};
  for (const size_t rows : shares(subject.block.out_height(), 1)) {
    for (const size_t channels : shares(subject.block.expanded, narrowest_group)) {
      auto plan = subject.make(rows, channels);
      if (known.insert(plan->plan).second) plans.push_back(std::move(plan));
    }
  }
  size_t scratch = 0;
  for (const auto &plan : plans) scratch = std::max(scratch, plan->runner->scratch_bytes());
  subject.scratch = Floats(scratch / sizeof(float) + 1);
  return plans;
}

// ---- Timing --------------------------------------------------------------------------------------------------------

// A sample is long against the reading of the clock; a turn long against the call before it, which brings the plan's
// weights into the caches, as a benchmark's earlier calls do.
constexpr double sample_seconds = 100e-6;
constexpr double turn_seconds = 500e-6;

double sample(Subject &subject, const Candidate &candidate) {
  const double start = thread_seconds();
  for (size_t i = 0; i < candidate.calls; ++i) subject.run(candidate);
  return (thread_seconds() - start) / static_cast<double>(candidate.calls);
}

// The results do not depend on the plan; a plan that differs is not worth timing.
void check(Subject &subject, Candidate &candidate) {
  subject.run(candidate);
  const std::string wrong = difference(subject.y.data(), subject.expected.data(), subject.y.size());
  if (!wrong.empty()) throw std::runtime_error(subject.block.name + ", " + candidate.plan + ": " + wrong);
  const double once = sample(subject, candidate);
  if (once < sample_seconds) candidate.calls = static_cast<size_t>(std::ceil(sample_seconds / once));
}

void take_turn(Subject &subject, Candidate &candidate) {
  subject.run(candidate);
  const double start = thread_seconds();
  do candidate.samples.push_back(sample(subject, candidate));
  while (thread_seconds() - start < turn_seconds);
}

// Rounds in which each takes a turn, in another order each time, for so many seconds but at least one.
void time_rounds(Subject &subject, Candidates candidates, double seconds, std::mt19937 &generator) {
  const double end = thread_seconds() + seconds;
  do {
    std::shuffle(candidates.begin(), candidates.end(), generator);
    for (Candidate *candidate : candidates) take_turn(subject, *candidate);
  } while (thread_seconds() < end);
}

// ---- The search ----------------------------------------------------------------------------------------------------

struct Found {
  std::string block, isa, choice, best;
  size_t plans;
  double choice_seconds, best_seconds, twin_seconds;

  double ratio() const { return choice_seconds / best_seconds; }
  double noise() const { return std::abs(twin_seconds / choice_seconds - 1); }
};

double percent(double ratio) { return 100 * (ratio - 1); }

// Halves the field until few are left, then times those and the choice afresh: a figure that a plan owes its selection
// to is too good.
Found search(const Block &block, mbconv_isa isa, const SearchOptions &options) {
  constexpr size_t finalists = 3;
  constexpr double final_share = 0.4;
  Subject subject(block, isa, options);
  const auto plans = all_plans(subject);
  Candidate &choice = *plans[0], &twin = *plans[1];
  subject.run(choice);
  std::copy_n(subject.y.data(), subject.y.size(), subject.expected.data());
  Candidates field;
  for (const auto &plan : plans) {
    check(subject, *plan);
    if (plan.get() != &twin) field.push_back(plan.get());
  }

  std::mt19937 generator(1);
  size_t stages = 0;
  for (size_t left = field.size(); left > finalists; left = std::max(finalists, left / 2)) ++stages;
  for (size_t stage = 0; stage < stages; ++stage) {
    std::fprintf(stderr, "\r%-4s %-7s %4zu plans, %4zu left ", block.name.c_str(), mbconv_isa_name(isa),
                 plans.size() - 1, field.size());
    time_rounds(subject, field, options.seconds * (1 - final_share) / static_cast<double>(stages), generator);
    std::sort(field.begin(), field.end(), [](auto *a, auto *b) { return a->best() < b->best(); });
    field.resize(std::max(finalists, field.size() / 2));
  }
  if (std::find(field.begin(), field.end(), &choice) == field.end()) field.push_back(&choice);
  field.push_back(&twin);
  for (Candidate *candidate : field) candidate->samples.clear();
  time_rounds(subject, field, options.seconds * final_share, generator);
  std::fprintf(stderr, "\r%50s\r", "");

  field.pop_back();  // the twin is no plan of its own
  const Candidate &best =
      **std::min_element(field.begin(), field.end(), [](auto *a, auto *b) { return a->best() < b->best(); });
  return {block.name,       mbconv_isa_name(isa), choice.plan, best.plan,
          plans.size() - 1, choice.best(),        best.best(), twin.best()};
}

// ---- Output --------------------------------------------------------------------------------------------------------

void print_head() {
  std::printf("%-5s %-7s %6s %10s %10s %8s %8s\n", "block", "isa", "plans", "choice us", "best us", "slower", "noise");
}

// "avx2, inline exp, <plan>, scratch ... bytes": what is the same in all plans of a block stays away.
std::string strategy(const std::string &plan) {
  const size_t first = plan.find(" exp, "), begin = first == std::string::npos ? 0 : first + 6;
  const size_t end = plan.find(", weights");
  return plan.substr(begin, end == std::string::npos ? end : end - begin);
}

void print(const Found &found) {
  std::printf("%-5s %-7s %6zu %10.1f %10.1f %7.1f%% %7.1f%%\n", found.block.c_str(), found.isa.c_str(), found.plans,
              1e6 * found.choice_seconds, 1e6 * found.best_seconds, percent(found.ratio()), 100 * found.noise());
  std::printf("      choice  %s\n", strategy(found.choice).c_str());
  if (found.best != found.choice) std::printf("      best    %s\n", strategy(found.best).c_str());
  std::fflush(stdout);
}

void print_summary(const std::vector<Found> &all) {
  std::map<std::string, std::vector<double>> ratios;
  for (const Found &found : all) ratios[found.isa].push_back(found.ratio());
  for (const auto &[isa, of_isa] : ratios) {
    double logarithms = 0;
    size_t within = 0;
    for (const double ratio : of_isa) {
      logarithms += std::log(ratio);
      within += percent(ratio) <= 3;
    }
    const double geomean = std::exp(logarithms / static_cast<double>(of_isa.size()));
    std::printf(
        "%s: the choice is %.2f%% slower than the best found (geomean), at most %.1f%%; %zu of %zu within 3%%\n",
        isa.c_str(), percent(geomean), percent(*std::max_element(of_isa.begin(), of_isa.end())), within, of_isa.size());
  }
}

void write_csv(const std::string &name, const std::vector<Found> &all, const SearchOptions &options) {
  std::FILE *file = std::fopen(name.c_str(), "w");
  if (!file) throw std::runtime_error("cannot write " + name);
  const char *layout = options.layout == MBCONV_NCHW ? "nchw" : "nhwc";
  std::fprintf(file,
               "block,isa,layout,squeeze_excite,plans,choice_us,best_us,slower_percent,noise_percent,choice,best\n");
  for (const Found &found : all) {
    std::fprintf(file, "%s,%s,%s,%s,%zu,%.3f,%.3f,%.2f,%.2f,\"%s\",\"%s\"\n", found.block.c_str(), found.isa.c_str(),
                 layout, options.se ? "yes" : "no", found.plans, 1e6 * found.choice_seconds, 1e6 * found.best_seconds,
                 percent(found.ratio()), 100 * found.noise(), found.choice.c_str(), found.best.c_str());
  }
  const bool failed = std::ferror(file) != 0;
  if (std::fclose(file) != 0 || failed) throw std::runtime_error("cannot write all of " + name);
}

}  // namespace

void search_all(const SearchOptions &options) {
  std::vector<Found> all;
  print_head();
  for (const Block &block : options.blocks) {
    for (const mbconv_isa isa : options.isas) {
      all.push_back(search(block, isa, options));
      print(all.back());
    }
  }
  print_summary(all);
  if (!options.csv.empty()) write_csv(options.csv, all, options);
}

}  // namespace bench

int main(int argc, char **argv) {
  try {
    bench::search_all(bench::parse_search_options(argc, argv));
  } catch (const std::exception &exception) {
    std::fprintf(stderr, "%s\n", exception.what());
    return 1;
  }
  return bench::all_written() ? 0 : 1;
}

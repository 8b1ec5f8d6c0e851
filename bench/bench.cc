// SPDX-License-Identifier: MIT
// Times the library on every instruction set that this CPU can use; README.md tells how to read it.
#include "bench.h"

#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include "measure.h"
#include "output.h"

extern "C" {
#include "dispatch.h"
}

namespace {

std::vector<mbconv_isa> usable_isas() {
  std::vector<mbconv_isa> isas(mbconv_usable_isas(nullptr, 0));
  mbconv_usable_isas(isas.data(), isas.size());
  return isas;
}

const std::vector<mbconv_exp> exponentials = {MBCONV_EXP_SLEEF, MBCONV_EXP_INLINE};

void register_all(const std::vector<bench::Block> &blocks, const std::vector<mbconv_isa> &isas) {
  using Register = void (*)(const bench::Block &, mbconv_isa);
  const Register by_block[] = {bench::register_pointwise, bench::register_depthwise, bench::register_block,
                               bench::register_block_se, bench::register_block_denormal};
  for (const mbconv_exp variant : exponentials) {
    for (const mbconv_isa isa : isas) bench::register_silu(variant, isa);
  }
  for (const Register add : by_block) {
    for (const bench::Block &block : blocks) {
      for (const mbconv_isa isa : isas) add(block, isa);
    }
  }
#ifdef MBCONV_BENCH_I8
  bench::register_i8(blocks);
#endif
}

// Whether the report is, or also is, CSV: by an argument or by what Google Benchmark reads from the environment.
bool wants_csv(int argc, char **argv) {
  for (const char *variable : {"BENCHMARK_FORMAT", "BENCHMARK_OUT_FORMAT"}) {
    const char *value = std::getenv(variable);
    if (value != nullptr && std::string(value) == "csv") return true;
  }
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--benchmark_format=csv" || argument == "--benchmark_out_format=csv") return true;
  }
  return false;
}

// What a reader of the figures must know, into the head of the report and the JSON's context.
void add_context(const std::vector<mbconv_isa> &isas) {
  mbconv_cpu cpu;
  mbconv_cpu_detect(&cpu);
  std::string isa_names;
  for (const mbconv_isa isa : isas) isa_names += (isa_names.empty() ? "" : " ") + std::string(mbconv_isa_name(isa));
  benchmark::AddCustomContext("mbconv", mbconv_version());
  benchmark::AddCustomContext("compiler", MBCONV_BENCH_COMPILER);
  benchmark::AddCustomContext("cpu", cpu.name);
  benchmark::AddCustomContext("isas", isa_names);
  for (const mbconv_isa isa : isas) {
    std::string variants;
    for (const mbconv_exp variant : exponentials) {
      if (mbconv_exp_usable(isa, variant)) variants += mbconv_exp_name(variant) + std::string(" ");
    }
    const std::string fastest = mbconv_exp_name(mbconv_kernels_of(&mbconv_f32_sets, isa)->fastest_exp);
    benchmark::AddCustomContext("exp_" + std::string(mbconv_isa_name(isa)), variants + "(auto: " + fastest + ")");
  }
}

}  // namespace

int main(int argc, char **argv) {
  const std::vector<mbconv_isa> isas = usable_isas();
  try {
    register_all(bench::read_blocks(), isas);
  } catch (const std::exception &exception) {
    std::fprintf(stderr, "%s\n", exception.what());
    return 1;
  }
  if (wants_csv(argc, argv)) bench::give_every_counter();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  add_context(isas);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return bench::all_written() && !bench::any_refused() ? 0 : 1;
}

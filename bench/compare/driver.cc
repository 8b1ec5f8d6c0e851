// SPDX-License-Identifier: MIT
#include "driver.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "contender.h"
#include "mbconv.h"
#include "peak.h"

namespace {

double now(int clock) {
  timespec time;
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

void put(char *text, size_t size, const std::string &from) { std::snprintf(text, size, "%s", from.c_str()); }

std::unique_ptr<compare_contender> make(const std::string &name, const compare_request &request) {
  if (name == "mbconv") return compare::make_ours(request);
  if (name == "onednn") return compare::make_onednn(request);
  if (name == "xnnpack") return compare::make_xnnpack(request);
  throw std::runtime_error("no contender is called " + name);
}

// `usable`: as mbconv_usable_isas(), best first.
int isa_of(const std::string &name, size_t (*usable)(mbconv_isa *, size_t)) {
  std::vector<mbconv_isa> isas(usable(nullptr, 0));
  usable(isas.data(), isas.size());
  for (const mbconv_isa isa : isas) {
    if (name == "auto" || name == mbconv_isa_name(isa)) return isa;
  }
  return 0;
}

void run_next(compare_contender &contender) {
  contender.run(contender.next_copy);
  if (++contender.next_copy == contender.copies()) contender.next_copy = 0;
}

}  // namespace

compare_contender *compare_create(const char *name, const compare_request *request, char *message,
                                  size_t message_size) {
  try {
    std::unique_ptr<compare_contender> contender = make(name, *request);
    contender->output_floats = compare::output_shape(*request).floats();
    return contender.release();
  } catch (const std::exception &exception) {
    put(message, message_size, exception.what());
    return nullptr;
  }
}

compare_contender *compare_create_network(const compare_network_request *request, char *message, size_t message_size) {
  try {
    return compare::make_ours_network(*request).release();
  } catch (const std::exception &exception) {
    put(message, message_size, exception.what());
    return nullptr;
  }
}

compare_contender *compare_create_i8(const char *name, const mbconv_i8_desc *desc, const void *x, size_t threads,
                                     int isa, char *message, size_t message_size) {
  try {
    if (desc->struct_size != sizeof *desc || desc->stages->struct_size != sizeof *desc->stages)
      throw std::runtime_error("the structs of python/mbconv/_structs.py are not those of mbconv_i8.h");
    const bool ours = std::string(name) == "mbconv";
    return (ours ? compare::make_ours_i8(*desc, x, threads, isa) : compare::make_onednn_i8(*desc, x, threads))
        .release();
  } catch (const std::exception &exception) {
    put(message, message_size, exception.what());
    return nullptr;
  }
}

void compare_destroy(compare_contender *contender) { delete contender; }

int compare_output(compare_contender *contender, float *y) {
  std::vector<float> first(contender->output_floats);
  bool same = true;
  for (size_t copy = 0; copy < contender->copies(); ++copy) {
    contender->run(copy);
    contender->output(copy, y);
    if (copy == 0) std::copy_n(y, first.size(), first.begin());
    same = same && std::equal(first.begin(), first.end(), y);
  }
  return same ? 0 : 1;
}

double compare_time(compare_contender *contender, size_t calls, int clock) {
  const double start = now(clock);
  for (size_t i = 0; i < calls; ++i) run_next(*contender);
  return now(clock) - start;
}

size_t compare_scratch_bytes(const compare_contender *contender) { return contender->scratch_bytes(); }

void compare_describe(const compare_contender *contender, char *text, size_t size) {
  put(text, size, contender->describe());
}

double compare_peak(int isa) {
  const bench::Probe probe = bench::fma_probe(static_cast<mbconv_isa>(isa));
  return probe ? probe() : 0;
}

double compare_clock(void) { return bench::clock_probe(); }

const char *compare_compiler(void) { return COMPARE_COMPILER; }

void compare_version(const char *name, char *text, size_t size) {
  std::string version;
  if (std::string(name) == "mbconv") version = mbconv_version();
  if (std::string(name) == "onednn") version = compare::onednn_version();
  put(text, size, version);
}

int compare_isa(const char *name) { return isa_of(name, mbconv_usable_isas); }

int compare_isa_i8(const char *name) { return isa_of(name, mbconv_usable_isas_i8); }

const char *compare_isa_name(int isa) { return mbconv_isa_name(static_cast<mbconv_isa>(isa)); }

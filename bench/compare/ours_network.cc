// SPDX-License-Identifier: MIT
// A whole network on mbconv, through the public API of its companion library.
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <stdexcept>

#include "contender.h"
#include "mbconv_networks.h"
#include "mbconv_pthreadpool.h"

namespace compare {
namespace {

void require_ok(mbconv_status status, const mbconv_error &error) {
  if (status != MBCONV_OK) throw std::runtime_error(error.message);
}

struct DestroyNetwork {
  void operator()(mbconv_network *network) const { mbconv_network_destroy(network); }
};
using Network = std::unique_ptr<mbconv_network, DestroyNetwork>;

Network load(const compare_network_request &request, size_t threads) {
  mbconv_options kernels = {};
  kernels.isa = static_cast<mbconv_isa>(request.isa);
  mbconv_network_options options = {};
  options.kernels = &kernels;
  options.height = request.height;
  options.width = request.width;
  options.layout = MBCONV_NHWC;
  options.threads = threads;
  mbconv_network *network;
  mbconv_error error;
  require_ok(mbconv_network_load(request.path, &options, &network, &error), error);
  return Network(network);
}

struct Free {
  void operator()(void *memory) const { std::free(memory); }
};
using Arena = std::unique_ptr<void, Free>;

// On huge pages where the system has them, as the command `mbconv` does.
Arena make_arena(size_t bytes) {
  constexpr size_t huge_page = 2 << 20;
  const size_t size = (bytes + huge_page - 1) / huge_page * huge_page;
  Arena arena(std::aligned_alloc(huge_page, size));
  if (!arena) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
  madvise(arena.get(), size, MADV_HUGEPAGE);  // a wish
#endif
  return arena;
}

class OursNetwork : public compare_contender {
 public:
  explicit OursNetwork(const compare_network_request &request)
      : pool_(make_pool(request.threads)),
        threads_(mbconv_pthreadpool_threads(pool_.get())),
        network_(load(request, threads_.count)),
        info_(*mbconv_network_info_of(network_.get())),
        x_(padded_copy(request.x, info_.height * info_.width * info_.channels)),
        y_(info_.outputs),
        arena_bytes_(mbconv_network_arena_size(network_.get(), 1)),
        arena_(make_arena(arena_bytes_)) {
    output_floats = info_.outputs;
  }

  size_t copies() const override { return 1; }

  void run(size_t) override {
    mbconv_error error;
    require_ok(
        mbconv_network_run(network_.get(), 1, x_.data(), y_.data(), arena_.get(), arena_bytes_, &threads_, &error),
        error);
  }

  void output(size_t, float *y) override { std::copy_n(y_.data(), y_.size(), y); }

  size_t scratch_bytes() const override { return arena_bytes_; }

  std::string describe() const override {
    std::array<char, 256> text;
    std::snprintf(text.data(), text.size(), "%s, NHWC, %zu layers, %zu KB of packed weights", info_.name, info_.layers,
                  info_.weight_bytes / 1024);
    return text.data();
  }

 private:
  Pool pool_;
  mbconv_threads threads_;
  Network network_;
  mbconv_network_info info_;
  bench::Floats x_, y_;
  size_t arena_bytes_;
  Arena arena_;
};

}  // namespace

std::unique_ptr<compare_contender> make_ours_network(const compare_network_request &request) {
  return std::make_unique<OursNetwork>(request);
}

}  // namespace compare

// SPDX-License-Identifier: MIT
// mbconv's blocks of int8 through its public API.
#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

#include "contender.h"
#include "mbconv_pthreadpool.h"

namespace compare {
namespace {

void require_ok(mbconv_status status, const mbconv_error &error) {
  if (status != MBCONV_OK) throw std::runtime_error(error.message);
}

size_t input_bytes(const mbconv_i8_desc &desc) { return desc.height * desc.width * desc.in_channels; }

class OursI8 : public compare_contender {
 public:
  OursI8(const mbconv_i8_desc &desc, const void *x, size_t threads, int isa)
      : pool_(make_pool(threads)),
        threads_(mbconv_pthreadpool_threads(pool_.get())),
        x_(bytes(input_bytes(desc))),
        y_(bytes(i8_output_bytes(desc))) {
    mbconv_options options = {};
    options.isa = static_cast<mbconv_isa>(isa);
    mbconv_block *block;
    mbconv_error error;
    require_ok(mbconv_block_create_i8(&desc, &options, &block, &error), error);
    block_.reset(block);
    scratch_ = bytes(scratch_bytes());
    std::memcpy(x_.data(), x, input_bytes(desc));
    output_floats = i8_output_bytes(desc);
    is_signed_ = desc.type == MBCONV_S8;
  }

  size_t copies() const override { return 1; }

  void run(size_t) override {
    mbconv_error error;
    require_ok(
        mbconv_block_run(block_.get(), 1, x_.data(), y_.data(), scratch_.data(), scratch_bytes(), &threads_, &error),
        error);
  }

  void output(size_t, float *y) override { floats_of_bytes(y_.data(), output_floats, is_signed_, y); }

  size_t scratch_bytes() const override { return mbconv_block_scratch_size(block_.get(), threads_.count); }

  std::string describe() const override {
    std::array<char, 256> text;
    mbconv_block_describe(block_.get(), 1, text.data(), text.size());
    return text.data();
  }

 private:
  static bench::Floats bytes(size_t size) { return bench::Floats(size / sizeof(float) + 1); }

  struct DestroyBlock {
    void operator()(mbconv_block *block) const { mbconv_block_destroy(block); }
  };
  Pool pool_;
  mbconv_threads threads_;
  bench::Floats x_, y_, scratch_;
  std::unique_ptr<mbconv_block, DestroyBlock> block_;
  bool is_signed_ = false;
};

}  // namespace

void floats_of_bytes(const void *bytes, size_t size, bool is_signed, float *y) {
  if (is_signed) {
    std::copy_n(static_cast<const int8_t *>(bytes), size, y);
  } else {
    std::copy_n(static_cast<const uint8_t *>(bytes), size, y);
  }
}

size_t i8_output_bytes(const mbconv_i8_desc &desc) {
  size_t height = desc.height, width = desc.width, channels = desc.in_channels;
  for (size_t i = 0; i < desc.count; ++i) {
    const mbconv_i8_stage_desc &stage = desc.stages[i];
    if (stage.out_channels > 0) channels = stage.out_channels;
    if (stage.stride < 2) continue;  // its padding keeps the size
    height = (height - 1) / stage.stride + 1;
    width = (width - 1) / stage.stride + 1;
  }
  return height * width * channels;
}

std::unique_ptr<compare_contender> make_ours_i8(const mbconv_i8_desc &desc, const void *x, size_t threads, int isa) {
  return std::make_unique<OursI8>(desc, x, threads, isa);
}

}  // namespace compare

/* SPDX-License-Identifier: MIT
 *
 * mbconv for C++17: the objects of mbconv.h as values that can be moved, and failures as exceptions. Header-only, thin:
 * every function is one call of mbconv.h, which stays the manual.
 *
 *     #include <mbconv.hpp>
 *
 *     mbconv::conv expand, depthwise, project;   // weights, biases, batch norms
 *     mbconv::block_desc desc;                   // all zero; then height, width, channels ... and &expand ...
 *     const mbconv::block block(desc);           // throws mbconv::error
 *     mbconv::scratch scratch(block.scratch_size());
 *     block.run(1, x, y, scratch);
 *
 * Descriptions point to the parameters that they are made of, which are copied when an object is made. Images are
 * floats (MBCONV_F32) here, but for i8_block; those of mbconv.h are what their description says. An object may be run
 * by any number of threads at once, each with its own scratch. One that was moved from may only be destroyed or
 * assigned to.
 */
#ifndef MBCONV_HPP
#define MBCONV_HPP

#if __cplusplus < 201703L && !defined(_MSVC_LANG)
#error "mbconv.hpp needs C++17 (-std=c++17); mbconv.h does with any C++"
#endif

#include <mbconv.h>
#include <mbconv_i8.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace mbconv {

/* ---- Failure ----------------------------------------------------------------------------------------------------- */

/** What a function of mbconv.h reports by status and message. */
class error : public std::runtime_error {
 public:
  error(mbconv_status status, const char *message) : std::runtime_error(message), status_(status) {}
  mbconv_status status() const noexcept { return status_; }

 private:
  mbconv_status status_;
};

/** Throws what `report` says unless `status` is MBCONV_OK. For calls of mbconv.h that have no place here. */
inline void check(mbconv_status status, const mbconv_error &report) {
  if (status != MBCONV_OK) throw error(status, report.message);
}

/* ---- Descriptions and options, zero unless set ------------------------------------------------------------------- */

/** A struct of mbconv.h, zero at first but for struct_size. */
template <typename Struct>
struct sized : Struct {
  sized() noexcept : Struct() { this->struct_size = sizeof(Struct); }
};

/** Zero at first but for struct_size.
 * @{ */
using batch_norm = sized<mbconv_batch_norm>;
using conv = sized<mbconv_conv>;
using squeeze_excite = sized<mbconv_squeeze_excite>;
using options = sized<mbconv_options>;
using pointwise_desc = sized<mbconv_pointwise_desc>;
using depthwise_desc = sized<mbconv_depthwise_desc>;
using convolution_desc = sized<mbconv_convolution_desc>;
using global_pool_desc = sized<mbconv_global_pool_desc>;
using activation_desc = sized<mbconv_activation_desc>;
using block_desc = sized<mbconv_block_desc>;
using stage_desc = sized<mbconv_stage_desc>;
using stages_desc = sized<mbconv_stages_desc>;
using i8_stage_desc = sized<mbconv_i8_stage_desc>;
using i8_squeeze_excite = sized<mbconv_i8_squeeze_excite>;
using i8_desc = sized<mbconv_i8_desc>;
using i8_global_pool_desc = sized<mbconv_i8_global_pool_desc>;
using i8_activation_desc = sized<mbconv_i8_activation_desc>;
using i8_addition_desc = sized<mbconv_i8_addition_desc>;
/** @} */

/** Padding by `p` on all sides, as PyTorch's padding=p. */
inline mbconv_pad pad(std::size_t p) noexcept { return {p, p, p, p}; }

/* ---- What is there ----------------------------------------------------------------------------------------------- */

/** The instruction sets that are in this build and usable on this CPU, best first. */
inline std::vector<mbconv_isa> usable_isas() {
  std::vector<mbconv_isa> isas(mbconv_usable_isas(nullptr, 0));
  mbconv_usable_isas(isas.data(), isas.size());
  return isas;
}

/* ---- Scratch ----------------------------------------------------------------------------------------------------- */

/** Bytes for a run, not initialised. One for each thread that runs at the same time. */
class scratch {
 public:
  explicit scratch(std::size_t size) : bytes_(new std::byte[size]), size_(size) {}

  /** Aligned for any type. */
  void *data() const noexcept { return bytes_.get(); }

  /** In bytes. */
  std::size_t size() const noexcept { return size_; }

 private:
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t size_;
};

/* ---- Operators --------------------------------------------------------------------------------------------------- */

/** Height and width of an image. */
struct size {
  std::size_t height, width;
};

namespace detail {

/* What all operators have: ownership of a C object. */
template <typename Object, void (*destroy)(Object *),
          mbconv_status (*info_of)(const Object *, mbconv_info *, mbconv_error *)>
class handle {
 public:
  const Object *get() const noexcept { return object_.get(); }
  mbconv_info info() const {
    sized<mbconv_info> info;
    mbconv_error report;
    check(info_of(get(), &info, &report), report);
    return info;
  }

 protected:
  template <typename Desc, typename Create>
  handle(Create create, Desc desc, const mbconv_options *how) : object_() {
    Object *object;
    mbconv_error report;
    check(create(desc, how, &object, &report), report);
    object_.reset(object);
  }

 private:
  struct destroyer {
    void operator()(Object *object) const noexcept { destroy(object); }
  };
  std::unique_ptr<Object, destroyer> object_;
};

template <typename Object>
size output_size(void (*query)(const Object *, std::size_t *, std::size_t *), const Object *object) noexcept {
  size output;
  query(object, &output.height, &output.width);
  return output;
}

/* Those whose names end in _at. */
template <typename Object>
size output_size_at(mbconv_status (*query)(const Object *, std::size_t, std::size_t, std::size_t *, std::size_t *,
                                           mbconv_error *),
                    const Object *object, size image) {
  size output;
  mbconv_error report;
  check(query(object, image.height, image.width, &output.height, &output.width, &report), report);
  return output;
}

template <typename Object>
std::size_t scratch_size_at(mbconv_status (*query)(const Object *, std::size_t, std::size_t, std::size_t, std::size_t *,
                                                   mbconv_error *),
                            const Object *object, size image, std::size_t threads) {
  std::size_t bytes;
  mbconv_error report;
  check(query(object, image.height, image.width, threads, &bytes, &report), report);
  return bytes;
}

}  // namespace detail

/** The whole MBConv, or any list of stages. What takes a `size` is for input images of that size, the rest for that of
 * the description. */
class block : public detail::handle<mbconv_block, mbconv_block_destroy, mbconv_block_info> {
 protected:
  explicit block(const mbconv_i8_desc &desc, const mbconv_options *how) : handle(mbconv_block_create_i8, &desc, how) {}

 public:
  explicit block(const mbconv_block_desc &desc, const mbconv_options *how = nullptr)
      : handle(mbconv_block_create, &desc, how) {}

  /** mbconv_block_create_stages(): an array or a vector of stage_desc is its list. */
  explicit block(const mbconv_stages_desc &desc, const mbconv_options *how = nullptr)
      : handle(mbconv_block_create_stages, &desc, how) {}

  size output_size() const noexcept { return detail::output_size(mbconv_block_output_size, get()); }
  size output_size(size image) const { return detail::output_size_at(mbconv_block_output_size_at, get(), image); }

  /** mbconv_block_scratch_size(). */
  std::size_t scratch_size(std::size_t threads = 1) const noexcept { return mbconv_block_scratch_size(get(), threads); }

  /** mbconv_block_scratch_size_at(). */
  std::size_t scratch_size(size image, std::size_t threads = 1) const {
    return detail::scratch_size_at(mbconv_block_scratch_size_at, get(), image, threads);
  }

  /** mbconv_block_run(). */
  void run(std::size_t batch, const float *x, float *y, const scratch &scratch,
           const mbconv_threads *threads = nullptr) const {
    mbconv_error report;
    check(mbconv_block_run(get(), batch, x, y, scratch.data(), scratch.size(), threads, &report), report);
  }

  /** mbconv_block_run_at(). */
  void run(std::size_t batch, size image, const float *x, float *y, const scratch &scratch,
           const mbconv_threads *threads = nullptr) const {
    mbconv_error report;
    check(mbconv_block_run_at(get(), batch, image.height, image.width, x, y, scratch.data(), scratch.size(), threads,
                              &report),
          report);
  }

  /** mbconv_block_run_residual(). */
  void run_residual(std::size_t batch, const float *x, const float *residual, float *y, const scratch &scratch,
                    const mbconv_threads *threads = nullptr) const {
    mbconv_error report;
    check(mbconv_block_run_residual(get(), batch, x, residual, y, scratch.data(), scratch.size(), threads, &report),
          report);
  }

  /** mbconv_block_run_residual_at(). */
  void run_residual(std::size_t batch, size image, const float *x, const float *residual, float *y,
                    const scratch &scratch, const mbconv_threads *threads = nullptr) const {
    mbconv_error report;
    check(mbconv_block_run_residual_at(get(), batch, image.height, image.width, x, residual, y, scratch.data(),
                                       scratch.size(), threads, &report),
          report);
  }

  /** How it runs with `threads` threads, as a line of text. */
  std::string describe(std::size_t threads = 1) const {
    std::string text(mbconv_block_describe(get(), threads, nullptr, 0), '\0');
    mbconv_block_describe(get(), threads, text.data(), text.size() + 1);
    return text;
  }

  /** The same for images of a size. */
  std::string describe(size image, std::size_t threads = 1) const {
    std::size_t length;
    mbconv_error report;
    const auto write = [&](char *text, std::size_t room) {
      check(mbconv_block_describe_at(get(), image.height, image.width, threads, text, room, &length, &report), report);
    };
    write(nullptr, 0);
    std::string text(length, '\0');
    write(text.data(), length + 1);
    return text;
  }
};

/** A block of mbconv_i8.h, on bytes: like block, but x, y and the residual are of its description's type, or floats by
 * its doors. */
class i8_block : public block {
 public:
  explicit i8_block(const mbconv_i8_desc &desc, const mbconv_options *how = nullptr) : block(desc, how) {}

  /** mbconv_block_run(). */
  template <typename X, typename Y>
  void run(std::size_t batch, const X *x, Y *y, const scratch &scratch, const mbconv_threads *threads = nullptr) const {
    static_assert(element<X> && element<Y>, "images are int8_t, uint8_t or float");
    mbconv_error report;
    check(mbconv_block_run(this->get(), batch, x, y, scratch.data(), scratch.size(), threads, &report), report);
  }

  /** mbconv_block_run_at(). */
  template <typename X, typename Y>
  void run(std::size_t batch, size image, const X *x, Y *y, const scratch &scratch,
           const mbconv_threads *threads = nullptr) const {
    static_assert(element<X> && element<Y>, "images are int8_t, uint8_t or float");
    mbconv_error report;
    check(mbconv_block_run_at(get(), batch, image.height, image.width, x, y, scratch.data(), scratch.size(), threads,
                              &report),
          report);
  }

  /** mbconv_block_run_residual(). */
  template <typename X, typename Y>
  void run_residual(std::size_t batch, const X *x, const X *residual, Y *y, const scratch &scratch,
                    const mbconv_threads *threads = nullptr) const {
    static_assert(element<X> && element<Y>, "images are int8_t, uint8_t or float");
    mbconv_error report;
    check(mbconv_block_run_residual(get(), batch, x, residual, y, scratch.data(), scratch.size(), threads, &report),
          report);
  }

  /** mbconv_block_run_residual_at(). */
  template <typename X, typename Y>
  void run_residual(std::size_t batch, size image, const X *x, const X *residual, Y *y, const scratch &scratch,
                    const mbconv_threads *threads = nullptr) const {
    static_assert(element<X> && element<Y>, "images are int8_t, uint8_t or float");
    mbconv_error report;
    check(mbconv_block_run_residual_at(get(), batch, image.height, image.width, x, residual, y, scratch.data(),
                                       scratch.size(), threads, &report),
          report);
  }

 private:
  template <typename T>
  static constexpr bool element =
      std::is_same_v<T, std::int8_t> || std::is_same_v<T, std::uint8_t> || std::is_same_v<T, float>;
};

/** mbconv_i8_make_table(), of 256 bytes. */
inline std::vector<std::uint8_t> i8_table(mbconv_i8_function function, mbconv_type type, mbconv_i8_rounding rounding,
                                          const mbconv_quantization &input, const mbconv_quantization &output,
                                          float alpha = 0.0f) {
  std::vector<std::uint8_t> table(256);
  mbconv_error report;
  check(mbconv_i8_make_table(function, alpha, type, rounding, &input, &output, table.data(), &report), report);
  return table;
}

/** The same of int8 as usable_isas(). */
inline std::vector<mbconv_isa> usable_isas_i8() {
  std::vector<mbconv_isa> isas(mbconv_usable_isas_i8(nullptr, 0));
  mbconv_usable_isas_i8(isas.data(), isas.size());
  return isas;
}

/** A 1x1 convolution. */
class pointwise : public detail::handle<mbconv_pointwise, mbconv_pointwise_destroy, mbconv_pointwise_info> {
 public:
  explicit pointwise(const mbconv_pointwise_desc &desc, const mbconv_options *how = nullptr)
      : handle(mbconv_pointwise_create, &desc, how) {}

  /** All tensors dense; mbconv_pointwise_run(get(), ...) takes strides too. */
  void run(std::size_t pixels, const float *x, float *y, const float *residual = nullptr,
           const mbconv_threads *threads = nullptr) const {
    mbconv_error report;
    check(mbconv_pointwise_run(get(), pixels, x, 0, y, 0, residual, 0, threads, &report), report);
  }
};

/** A kxk convolution per channel. */
class depthwise : public detail::handle<mbconv_depthwise, mbconv_depthwise_destroy, mbconv_depthwise_info> {
 public:
  explicit depthwise(const mbconv_depthwise_desc &desc, const mbconv_options *how = nullptr)
      : handle(mbconv_depthwise_create, &desc, how) {}

  size output_size() const noexcept { return detail::output_size(mbconv_depthwise_output_size, get()); }
  size output_size(size image) const { return detail::output_size_at(mbconv_depthwise_output_size_at, get(), image); }

  /** mbconv_depthwise_scratch_size(). */
  std::size_t scratch_size(std::size_t threads = 1) const noexcept {
    return mbconv_depthwise_scratch_size(get(), threads);
  }

  /** mbconv_depthwise_scratch_size_at(). */
  std::size_t scratch_size(size image, std::size_t threads = 1) const {
    return detail::scratch_size_at(mbconv_depthwise_scratch_size_at, get(), image, threads);
  }

  /** mbconv_depthwise_run(). */
  void run(std::size_t batch, const float *x, float *y, const scratch &scratch,
           const mbconv_threads *threads = nullptr) const {
    mbconv_error report;
    check(mbconv_depthwise_run(get(), batch, x, y, scratch.data(), scratch.size(), threads, &report), report);
  }

  /** mbconv_depthwise_run_at(). */
  void run(std::size_t batch, size image, const float *x, float *y, const scratch &scratch,
           const mbconv_threads *threads = nullptr) const {
    mbconv_error report;
    check(mbconv_depthwise_run_at(get(), batch, image.height, image.width, x, y, scratch.data(), scratch.size(),
                                  threads, &report),
          report);
  }
};

/** A kxk convolution over all channels. */
class convolution : public detail::handle<mbconv_convolution, mbconv_convolution_destroy, mbconv_convolution_info> {
 public:
  explicit convolution(const mbconv_convolution_desc &desc, const mbconv_options *how = nullptr)
      : handle(mbconv_convolution_create, &desc, how) {}

  size output_size() const noexcept { return detail::output_size(mbconv_convolution_output_size, get()); }
  size output_size(size image) const { return detail::output_size_at(mbconv_convolution_output_size_at, get(), image); }

  /** mbconv_convolution_scratch_size(). */
  std::size_t scratch_size(std::size_t threads = 1) const noexcept {
    return mbconv_convolution_scratch_size(get(), threads);
  }

  /** mbconv_convolution_scratch_size_at(). */
  std::size_t scratch_size(size image, std::size_t threads = 1) const {
    return detail::scratch_size_at(mbconv_convolution_scratch_size_at, get(), image, threads);
  }

  /** mbconv_convolution_run(). */
  void run(std::size_t batch, const float *x, float *y, const scratch &scratch, const float *residual = nullptr,
           const mbconv_threads *threads = nullptr) const {
    mbconv_error report;
    check(mbconv_convolution_run(get(), batch, x, y, residual, scratch.data(), scratch.size(), threads, &report),
          report);
  }

  /** mbconv_convolution_run_at(). */
  void run(std::size_t batch, size image, const float *x, float *y, const scratch &scratch,
           const float *residual = nullptr, const mbconv_threads *threads = nullptr) const {
    mbconv_error report;
    check(mbconv_convolution_run_at(get(), batch, image.height, image.width, x, y, residual, scratch.data(),
                                    scratch.size(), threads, &report),
          report);
  }
};

/** The mean of each channel. */
class global_pool : public detail::handle<mbconv_global_pool, mbconv_global_pool_destroy, mbconv_global_pool_info> {
 public:
  explicit global_pool(const mbconv_global_pool_desc &desc, const mbconv_options *how = nullptr)
      : handle(mbconv_global_pool_create, &desc, how) {}

  /** mbconv_global_pool_run(). */
  void run(std::size_t batch, const float *x, float *y, const mbconv_threads *threads = nullptr) const {
    mbconv_error report;
    check(mbconv_global_pool_run(get(), batch, x, y, threads, &report), report);
  }

  /** mbconv_global_pool_run_at(). */
  void run(std::size_t batch, size image, const float *x, float *y, const mbconv_threads *threads = nullptr) const {
    mbconv_error report;
    check(mbconv_global_pool_run_at(get(), batch, image.height, image.width, x, y, threads, &report), report);
  }
};

/** The same on bytes: mbconv_global_pool_create_i8(). */
class i8_global_pool : public detail::handle<mbconv_global_pool, mbconv_global_pool_destroy, mbconv_global_pool_info> {
 public:
  explicit i8_global_pool(const mbconv_i8_global_pool_desc &desc, const mbconv_options *how = nullptr)
      : handle(mbconv_global_pool_create_i8, &desc, how) {}

  /** mbconv_global_pool_run(), of the description's type. */
  void run(std::size_t batch, const void *x, void *y, const mbconv_threads *threads = nullptr) const {
    mbconv_error report;
    check(mbconv_global_pool_run(get(), batch, x, y, threads, &report), report);
  }

  /** mbconv_global_pool_run_at(). */
  void run(std::size_t batch, size image, const void *x, void *y, const mbconv_threads *threads = nullptr) const {
    mbconv_error report;
    check(mbconv_global_pool_run_at(get(), batch, image.height, image.width, x, y, threads, &report), report);
  }
};

/** An activation over a buffer. */
class activation : public detail::handle<mbconv_activation, mbconv_activation_destroy, mbconv_activation_info> {
 public:
  explicit activation(const mbconv_activation_desc &desc, const mbconv_options *how = nullptr)
      : handle(mbconv_activation_create, &desc, how) {}

  /** Of floats. */
  explicit activation(mbconv_activation_kind kind, const mbconv_options *how = nullptr)
      : activation(described(kind), how) {}

  /** y may be x. */
  void run(std::size_t n, const float *x, float *y) const {
    mbconv_error report;
    check(mbconv_activation_run(get(), n, x, y, &report), report);
  }

 private:
  static activation_desc described(mbconv_activation_kind kind) noexcept {
    activation_desc desc;
    desc.kind = kind;
    return desc;
  }
};

/** A table over a buffer of bytes: mbconv_activation_create_i8(). */
class i8_activation : public detail::handle<mbconv_activation, mbconv_activation_destroy, mbconv_activation_info> {
 public:
  explicit i8_activation(const mbconv_i8_activation_desc &desc, const mbconv_options *how = nullptr)
      : handle(mbconv_activation_create_i8, &desc, how) {}

  /** Of the description's type; y may be x. */
  void run(std::size_t n, const void *x, void *y) const {
    mbconv_error report;
    check(mbconv_activation_run(get(), n, x, y, &report), report);
  }
};

/** The sum of two buffers of bytes: mbconv_addition_create_i8(). */
class i8_addition : public detail::handle<mbconv_addition, mbconv_addition_destroy, mbconv_addition_info> {
 public:
  explicit i8_addition(const mbconv_i8_addition_desc &desc, const mbconv_options *how = nullptr)
      : handle(mbconv_addition_create_i8, &desc, how) {}

  /** Of the description's type; y may be a or b. */
  void run(std::size_t n, const void *a, const void *b, void *y) const {
    mbconv_error report;
    check(mbconv_addition_run(get(), n, a, b, y, &report), report);
  }
};

}  // namespace mbconv

#endif

// SPDX-License-Identifier: MIT
// The C interface of the driver, which peers/native.py calls through ctypes. Structs change there and here together.
#ifndef MBCONV_COMPARE_DRIVER_H
#define MBCONV_COMPARE_DRIVER_H

#include <stddef.h>

#define COMPARE_API __attribute__((visibility("default")))

extern "C" {

// One stage of a block that is a list of stages; its padding is kernel / 2.
struct compare_stage {
  size_t kind;  // mbconv_stage_kind: pointwise, depthwise or dense
  size_t kernel, stride, out;
  size_t activation;           // mbconv_activation_kind: none, ReLU or SiLU
  const float *weight, *bias;  // PyTorch's layouts
};

#define COMPARE_MOST_STAGES 6

// One block, its parameters (PyTorch's layouts, all with biases) and one input image (NHWC), and how to run it. The
// arrays are copied: they may be freed after compare_create.
struct compare_request {
  size_t height, width, in, expanded, out, kernel, stride;
  size_t silu;      // 1: SiLU, 0: ReLU6
  size_t residual;  // 1: y += x
  size_t se_width;  // 0: no squeeze-excite
  const float *x;
  const float *expand, *expand_bias;  // NULL: no expand
  const float *depthwise, *depthwise_bias;
  const float *project, *project_bias;
  const float *reduce, *reduce_bias, *gate, *gate_bias;
  size_t stage_count;  // > 0: the block is this list instead; of the above only height to out, x and residual count,
  compare_stage stages[COMPARE_MOST_STAGES];  // and the residual is added to what the last stage gives
  size_t threads;
  size_t copies;  // of weights, input and output, used in turn: 1 keeps them warm, many make them cold
  int isa;        // mbconv_isa, for mbconv only
};

// A network for mbconv: its weights in a safetensors file, and one image (NHWC), which is copied.
struct compare_network_request {
  const char *path;
  size_t height, width;
  const float *x;
  size_t threads;
  int isa;  // mbconv_isa
};

struct mbconv_i8_desc;     // of mbconv_i8.h
struct compare_contender;  // one block or network, ready to run

// `name`: mbconv, onednn or xnnpack. NULL if it refuses, with the reason in `message`.
COMPARE_API compare_contender *compare_create(const char *name, const compare_request *request, char *message,
                                              size_t message_size);
COMPARE_API compare_contender *compare_create_network(const compare_network_request *request, char *message,
                                                      size_t message_size);
// A block of int8; `name`: mbconv or onednn. Its output is bytes as floats.
COMPARE_API compare_contender *compare_create_i8(const char *name, const mbconv_i8_desc *desc, const void *x,
                                                 size_t threads, int isa, char *message, size_t message_size);
COMPARE_API void compare_destroy(compare_contender *contender);

// Runs every copy once; y [out height][out width][out], or the logits, of the last one. 0 if all copies gave the same,
// else 1.
COMPARE_API int compare_output(compare_contender *contender, float *y);

// Seconds that `calls` runs took by `clock` (of <time.h>).
COMPARE_API double compare_time(compare_contender *contender, size_t calls, int clock);

COMPARE_API size_t compare_scratch_bytes(const compare_contender *contender);
COMPARE_API void compare_describe(const compare_contender *contender, char *text, size_t size);

// One probe of the FMA peak of one core, FLOP/s; 0 if the set is not in this build. Repeat it and take the largest.
COMPARE_API double compare_peak(int isa);

// One probe of the clock rate of the core, Hz. Repeat it and take the largest.
COMPARE_API double compare_clock(void);

// The compiler, and the version of a contender ("" if it does not say).
COMPARE_API const char *compare_compiler(void);
COMPARE_API void compare_version(const char *name, char *text, size_t size);

// The set that `name` stands for ("auto": the best one usable), or 0 if it is not usable here.
COMPARE_API int compare_isa(const char *name);
COMPARE_API int compare_isa_i8(const char *name);  // of the sets of int8
COMPARE_API const char *compare_isa_name(int isa);
}

#endif

/* SPDX-License-Identifier: MIT
 *
 * mbconv: the inverted bottleneck (MBConv) of MobileNetV2 and EfficientNet, in f32, on CPUs.
 *
 *     x - 1x1 expand - BN - act - kxk depthwise - BN - act - [squeeze-excite] - 1x1 project - BN - (+ x) - y
 *
 * This header is the manual. A complete program, the block of 16 channels expanded to 96:
 *
 *     #include <mbconv.h>
 *     #include <stdio.h>
 *
 *     static float x[32 * 32 * 16], y[32 * 32 * 16], w1[96 * 16], w2[96 * 3 * 3], w3[16 * 96], scratch[1 << 20];
 *
 *     int main(void) {
 *       mbconv_conv expand = {.weight = w1}, depthwise = {.weight = w2}, project = {.weight = w3};
 *       mbconv_block_desc desc = {
 *           .height = 32, .width = 32, .in_channels = 16, .expanded_channels = 96, .out_channels = 16,
 *           .expand = &expand, .depthwise = &depthwise, .project = &project,
 *           .kernel = 3, .stride = 1, .pad = {1, 1, 1, 1}, .activation = MBCONV_ACTIVATION_SILU};
 *       mbconv_error error;
 *       mbconv_block *block;
 *       if (mbconv_block_create(&desc, NULL, &block, &error) == MBCONV_OK) {
 *         mbconv_block_run(block, 1, x, y, scratch, sizeof scratch, NULL, &error);
 *         mbconv_info info = {0};
 *         mbconv_block_info(block, &info, NULL);
 *         printf("%s: %s\n", mbconv_isa_name(info.isa), error.message);
 *         mbconv_block_destroy(block);
 *       }
 *     }
 *
 * Conventions that hold everywhere
 *   Objects     create -> (query scratch) -> run -> destroy. An object is immutable after create: any number of threads
 *               may run it at once, each call with its own scratch. Only create and destroy touch the allocator. An
 *               object works on in both processes after a fork; a run takes no lock, so a signal handler may make one.
 *   Numbers     The result is the same (under ==, NaN where the other is NaN) on every instruction set, for any number
 *               of threads, any plan and both layouts, given round-to-nearest and no flush-to-zero. That takes a fixed
 *               order: one FMA chain per output, whose error grows with the root of its length (rms 1.8e-7 of the
 *               outputs' size for 96 channels, 1.1e-6 for 3840; docs/numbers.md). Denormals are computed as IEEE 754
 *               says, at the speed the CPU does so; the caller's floating-point mode is never changed: set
 *               flush-to-zero yourself around run if your data are full of denormals. Then denormals count as zeros,
 *               and data without them give the same floats. (A program or library linked with -ffast-math sets
 *               flush-to-zero for its whole process, mostly unasked. The flags that a parent project compiles with
 *               change nothing else.) In another rounding mode results are rounded that way, SiLU and sigmoid within
 *               4e-6 of their size, and sets may differ.
 *   Tensors     NHWC: [batch][height][width][channels], NCHW: [batch][channels][height][width], both dense unless
 *               a stride is named. No alignment beyond a float's is asked of any tensor. Not a byte outside a tensor is
 *               read or written. x and y must not overlap unless a function says that they may. Scratch may lie at any
 *               address, odd ones too, but not in a tensor of the same run. A run refuses what overlaps.
 *   Sizes       Packed weights do not depend on the size of the image. One object runs images of any size: functions
 *               whose names end in _at are told the input's height and width. Those without _at mean the size that the
 *               description names. It may name none (height and width 0); then only the _at functions can be used. A
 *               run at another size than the description's plans anew, which takes no memory and a few microseconds.
 *   Weights     PyTorch's layouts: 1x1 [out][in][1][1], depthwise [channels][1][k][k], dense [out][in][k][k], fully
 *               connected [out][in]. They are copied (packed) at create and may be freed after it.
 *   Errors      Every function that can fail returns a status and, if the caller gives it an mbconv_error, says
 *               exactly what was wrong. On failure nothing is written to outputs (a create leaves *out NULL) and
 *               nothing leaks.
 *   Structs     A zeroed field means the default. Always initialise (`= {0}` or designated initialisers).
 *   Types       A description says by its `type` of what type the elements of x, y and the residual are. All of this
 *               header are of float: MBCONV_F32, which is 0. mbconv_i8.h has blocks of int8_t and uint8_t.
 *   Versions    A struct that may grow begins with struct_size: its sizeof, or 0 for the size it had in version 0.2. A
 *               library that is older than the header refuses fields that it does not know, unless they are zero. All
 *               other structs stay as they are.
 */
#ifndef MBCONV_H
#define MBCONV_H

#include <stddef.h>
#include <stdint.h>

#define MBCONV_VERSION_MAJOR 0
#define MBCONV_VERSION_MINOR 2
#define MBCONV_VERSION_PATCH 0
#define MBCONV_VERSION_STRING "0.2.0"

/* What a shared library shows. */
#if defined(_WIN32) || defined(__CYGWIN__)
#define MBCONV_API
#else
#define MBCONV_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Status ------------------------------------------------------------------------------------------------------ */

/* What came of a call. */
typedef enum mbconv_status {
  MBCONV_OK = 0,
  MBCONV_INVALID_ARGUMENT, /* a null pointer, a zero size, an unknown enum value, a shape that makes no sense */
  MBCONV_SIZE_OVERFLOW,    /* a tensor, the packed weights or the scratch would not fit into size_t */
  MBCONV_UNSUPPORTED_ISA, /* the instruction set or variant of the exponential asked for is not usable on this CPU or in
                             this build */
  MBCONV_OUT_OF_MEMORY,   /* the allocator returned NULL */
  MBCONV_SCRATCH_TOO_SMALL, /* less scratch than the object's scratch query returned */
  MBCONV_BAD_FILE           /* a file that cannot be read, or is not what it has to be (mbconv_networks.h) */
} mbconv_status;

/* What exactly was wrong, as one English sentence. On MBCONV_OK the message is empty. The caller owns it, so that no
 * state is shared between threads; every `error` argument may be NULL. */
typedef struct mbconv_error {
  mbconv_status status;
  char message[252];
} mbconv_error;

/* A static string such as "invalid argument"; "unknown status" for other values. */
MBCONV_API const char *mbconv_status_string(mbconv_status status);

/* The version of the library that is linked, such as "0.2.0" (MBCONV_VERSION_STRING is that of the header). */
MBCONV_API const char *mbconv_version(void);

/* ---- Instruction sets -------------------------------------------------------------------------------------------- */

/* AVX2 means AVX2 and FMA; AVX512 means F, VL, BW and DQ; all with the operating system saving the registers. AVX2,
 * AVX512 and NEON stand for the best kernels that they have for the type and the CPU: in int8 those with VNNI, DOTPROD
 * or I8MM, if the CPU has it. The names with VNNI, DOTPROD and I8MM ask for exactly those in int8; in f32, where these
 * instructions are of no use, they mean AVX2, AVX512 and NEON. */
typedef enum mbconv_isa {
  MBCONV_ISA_AUTO = 0, /* what the environment variable MBCONV_ISA names, else the best for this CPU */
  MBCONV_ISA_SCALAR,
  MBCONV_ISA_AVX2,
  MBCONV_ISA_AVX512,
  MBCONV_ISA_NEON,
  MBCONV_ISA_AVX2_VNNI,    /* AVX2 with AVX-VNNI */
  MBCONV_ISA_AVX512_VNNI,  /* AVX-512 with AVX512_VNNI */
  MBCONV_ISA_NEON_DOTPROD, /* NEON with SDOT and UDOT */
  MBCONV_ISA_NEON_I8MM     /* these, and products of matrices of bytes */
} mbconv_isa;

/* The number of values of mbconv_isa in this version, AUTO included: what an array needs that is indexed by them. */
#define MBCONV_ISA_COUNT (MBCONV_ISA_NEON_I8MM + 1)

/* Where the exponential of SiLU and sigmoid comes from. Both give the same floats. */
typedef enum mbconv_exp {
  MBCONV_EXP_AUTO = 0, /* what the environment variable MBCONV_EXP names, else the faster one, by a constant table */
  MBCONV_EXP_SLEEF,    /* calls into libsleef; scalar needs a CPU with FMA for it */
  MBCONV_EXP_INLINE    /* the same arithmetic written in place */
} mbconv_exp;

/* "scalar", "avx2", "avx512", "neon", "avx2_vnni", "avx512_vnni", "neon_dotprod", "neon_i8mm"; "auto" for
 * MBCONV_ISA_AUTO; "unknown" for other values. */
MBCONV_API const char *mbconv_isa_name(mbconv_isa isa);

/* "sleef", "inline", "auto" or "unknown". */
MBCONV_API const char *mbconv_exp_name(mbconv_exp variant);

/* Lists the sets that are in this build and usable on this CPU, best first; scalar is always the last.
 *   isas      receives up to `capacity` of them; may be NULL
 * Returns how many there are. */
MBCONV_API size_t mbconv_usable_isas(mbconv_isa *isas, size_t capacity);

/* 1 if `isa` can run with the `variant` of the exponential here (AUTO: with any), else 0; also for `isa` AUTO. */
MBCONV_API int mbconv_exp_usable(mbconv_isa isa, mbconv_exp variant);

/* ---- Memory, threads, options ------------------------------------------------------------------------------------ */

/* `allocate` returns `size` bytes aligned to `alignment` (a power of two, 64 at most) or NULL; `release` takes back
 * such a pointer. Called by create and destroy only, on their thread. */
typedef struct mbconv_allocator {
  void *(*allocate)(void *context, size_t size, size_t alignment);
  void (*release)(void *context, void *memory);
  void *context;
} mbconv_allocator;

/* How an object is made; NULL stands for all defaults. A set or variant that cannot be had is an error, never replaced
 * by another. The parameter beats the environment. */
typedef struct mbconv_options {
  size_t struct_size; /* sizeof this struct, or 0 */
  mbconv_isa isa;
  mbconv_exp exp;
  const mbconv_allocator *allocator; /* NULL: the C library's aligned memory; the struct is copied */
} mbconv_options;

/* Must call task(argument, i) exactly once for each i < count, in any order, on any threads, however many, and return
 * when all calls have. May be nested in another. `context` is the caller's (a thread pool, say). */
typedef void (*mbconv_parallel_for)(void *context, void (*task)(void *argument, size_t index), void *argument,
                                    size_t count);

/* The threads that a run may use; NULL, or count 0 or 1, for the calling thread alone. mbconv_pthreadpool.h and
 * mbconv_openmp.h make one from a pthreadpool and from OpenMP. The work is cut into at most `count`
 * tasks per phase; the library makes no threads of its own. */
typedef struct mbconv_threads {
  size_t struct_size; /* sizeof this struct, or 0 */
  mbconv_parallel_for parallel_for;
  void *context;
  size_t count;
} mbconv_threads;

/* The type of the elements of images, vectors and residuals. */
typedef enum mbconv_type {
  MBCONV_F32 = 0, /* float */
  MBCONV_S8,      /* int8_t: blocks of mbconv_i8.h alone */
  MBCONV_U8       /* uint8_t: likewise */
} mbconv_type;

/* What an object is made of. The function mbconv_*_info() of the object fills it, struct_size apart, which the caller
 * sets: a size that the library does not know is refused, and nothing is written. */
typedef struct mbconv_info {
  size_t struct_size;  /* sizeof this struct, or 0 */
  mbconv_isa isa;      /* never AUTO */
  mbconv_exp exp;      /* the variant that SiLU and sigmoid use or would use; never AUTO */
  mbconv_type type;    /* that of the description */
  size_t weight_bytes; /* the packed weights and biases: at most 1.1 times the floats they came from (a bias per output
                          channel included), plus one tile's padding for each convolution */
} mbconv_info;

/* ---- Convolutions and activations -------------------------------------------------------------------------------- */

/* Each operation is rounded once; NaN in gives NaN out. With c = max(x, -88), e = exp(-c) of 1.0 ULP (SLEEF u10):
 * sigmoid 1/(1+e), silu c/(1+e) (Hendrycks and Gimpel 2016; "swish" in Ramachandran et al. 2017); relu6(x) =
 * min(max(x,0),6) (Howard et al. 2017); hard-sigmoid relu6(x+3)/6, hard-swish x*relu6(x+3)/6 (Howard et al. 2019);
 * leaky ReLU x < 0 ? slope*x : x (Maas et al. 2013), PReLU the same with a slope per channel (He et al. 2015).
 *
 * GELU is x*Phi(x), Phi being the normal distribution (Hendrycks and Gimpel 2016), within 2 ULP for every float, small
 * and denormal results below 0 included. GELU_TANH is their approximation x*(1+tanh(u))/2 with u = sqrt(2/pi)*(x +
 * 0.044715*x^3), computed as x/(1+exp(-2u)): within 2 ULP above 0, 2.6*(1+|2u|) ULP below, and -0 from -10.05 down.
 * Both give -0 for -0 and, the limit, for -infinity, where PyTorch's give NaN. Neither depends on mbconv_exp. */
typedef enum mbconv_activation_kind {
  MBCONV_ACTIVATION_NONE = 0,
  MBCONV_ACTIVATION_RELU,
  MBCONV_ACTIVATION_RELU6,
  MBCONV_ACTIVATION_SILU,
  MBCONV_ACTIVATION_SIGMOID,
  MBCONV_ACTIVATION_HARD_SIGMOID,
  MBCONV_ACTIVATION_HARD_SWISH,
  MBCONV_ACTIVATION_GELU,
  MBCONV_ACTIVATION_GELU_TANH,
  MBCONV_ACTIVATION_LEAKY_RELU,
  MBCONV_ACTIVATION_PRELU
} mbconv_activation_kind;

/* How an image lies in memory. */
typedef enum mbconv_layout { MBCONV_NHWC = 0, MBCONV_NCHW } mbconv_layout;

/* y = gamma * (x - mean) / sqrt(variance + epsilon) + beta, per output channel (Ioffe and Szegedy 2015). Folded into
 * the convolution at create, in double, rounded once. gamma NULL: ones; beta NULL: zeros. epsilon >= 0, usually 1e-5
 * (PyTorch) or 1e-3 (trained in TensorFlow); variance >= 0, and their sum > 0. */
typedef struct mbconv_batch_norm {
  size_t struct_size; /* sizeof this struct, or 0 */
  const float *gamma, *beta, *mean, *variance;
  float epsilon;
} mbconv_batch_norm;

/* The parameters of one convolution, or fully connected layer. */
typedef struct mbconv_conv {
  size_t struct_size;                  /* sizeof this struct, or 0 */
  const float *weight;                 /* in PyTorch's layout */
  const float *bias;                   /* [out], or NULL */
  const mbconv_batch_norm *batch_norm; /* NULL: none */
  const float *scale;                  /* [out]: multiplies what the BN gives, as layer scale does; NULL: ones */
  const float *slope; /* of the activation after it: LEAKY_RELU a single float, PRELU [out]; else not read */
} mbconv_conv;

/* Zero padding of an image. PyTorch's padding=p is {p,p,p,p}; TensorFlow's SAME at stride 2 is {0,0,1,1} for k=3 and
 * an even image. Each must be less than what the taps reach over: (kernel - 1) * dilation + 1. */
typedef struct mbconv_pad {
  size_t top, left, bottom, right;
} mbconv_pad;

/* How an image is padded. */
typedef enum mbconv_pad_kind {
  MBCONV_PAD_GIVEN = 0, /* as `pad` says */
  MBCONV_PAD_SAME       /* TensorFlow's SAME, for each image's own size: the output has input / stride pixels, rounded
                           up, and an odd pixel of padding is at the bottom or on the right. `pad` must be zeros. */
} mbconv_pad_kind;

/* ---- Pointwise: 1x1 convolution ---------------------------------------------------------------------------------- */

/* y[p][o] = act(bias[o] + sum over i of w[o][i] * x[p][i]  (+ residual[p][o])): one FMA chain, i ascending. */
typedef struct mbconv_pointwise_desc {
  size_t struct_size;               /* sizeof this struct, or 0 */
  mbconv_type type;                 /* of x, y and the residual */
  size_t in_channels, out_channels; /* >= 1 */
  const mbconv_conv *conv;          /* weight [out][in] */
  mbconv_activation_kind activation;
} mbconv_pointwise_desc;

/* Made by mbconv_pointwise_create(). */
typedef struct mbconv_pointwise mbconv_pointwise;

/* Makes *out of `desc`. */
MBCONV_API mbconv_status mbconv_pointwise_create(const mbconv_pointwise_desc *desc, const mbconv_options *options,
                                                 mbconv_pointwise **out, mbconv_error *error);

/* Runs over `pixels` pixels (batch * height * width; 0 is allowed and does nothing). Needs no scratch.
 *   x, x_stride           pixel p at x + p * x_stride, in_channels floats; x_stride >= in_channels, 0 for dense
 *   y, y_stride           likewise, out_channels
 *   residual, r_stride    added to the chain before the activation, or NULL; may be y itself with y's stride */
MBCONV_API mbconv_status mbconv_pointwise_run(const mbconv_pointwise *pointwise, size_t pixels, const void *x,
                                              size_t x_stride, void *y, size_t y_stride, const void *residual,
                                              size_t r_stride, const mbconv_threads *threads, mbconv_error *error);

/* Fills *info. */
MBCONV_API mbconv_status mbconv_pointwise_info(const mbconv_pointwise *pointwise, mbconv_info *info,
                                               mbconv_error *error);

/* Frees it; NULL is allowed. */
MBCONV_API void mbconv_pointwise_destroy(mbconv_pointwise *pointwise);

/* ---- Depthwise: kxk convolution per channel ---------------------------------------------------------------------- */

/* NHWC. One FMA chain per output from the bias, taps row by row; taps outside the image are multiplied as +0.
 * The output has (height + top + bottom - span) / stride + 1 rows, and columns likewise; span = (kernel - 1) * dilation
 * + 1 is what the taps reach over. */
typedef struct mbconv_depthwise_desc {
  size_t struct_size;   /* sizeof this struct, or 0 */
  mbconv_type type;     /* of x and y */
  size_t height, width; /* of the input; both 0: see "Sizes" */
  size_t channels;      /* >= 1 */
  size_t kernel;        /* 3, 5 or 7 */
  size_t stride;        /* 1 or 2 */
  mbconv_pad pad;
  mbconv_pad_kind pad_kind;
  const mbconv_conv *conv; /* weight [channels][1][kernel][kernel] */
  mbconv_activation_kind activation;
  size_t dilation; /* pixels from one tap to the next; 0 stands for 1 */
} mbconv_depthwise_desc;

/* Made by mbconv_depthwise_create(). */
typedef struct mbconv_depthwise mbconv_depthwise;

/* Makes *out of `desc`. */
MBCONV_API mbconv_status mbconv_depthwise_create(const mbconv_depthwise_desc *desc, const mbconv_options *options,
                                                 mbconv_depthwise **out, mbconv_error *error);

/* The height and width of the image that a run writes; 0 if the description names no size, or if a pointer is NULL. */
MBCONV_API void mbconv_depthwise_output_size(const mbconv_depthwise *depthwise, size_t *height, size_t *width);

/* Bytes of scratch for a run with up to `threads` threads; SIZE_MAX if the description names no size, or for NULL.
 * Scratch needs no alignment and no initialisation. */
MBCONV_API size_t mbconv_depthwise_scratch_size(const mbconv_depthwise *depthwise, size_t threads);

/* x [batch][height][width][channels] to y [batch][out height][out width][channels]; batch 0 does nothing. */
MBCONV_API mbconv_status mbconv_depthwise_run(const mbconv_depthwise *depthwise, size_t batch, const void *x, void *y,
                                              void *scratch, size_t scratch_size, const mbconv_threads *threads,
                                              mbconv_error *error);

/* The three above for images of height x width. A size that is smaller than the span, padding included, is refused. */
MBCONV_API mbconv_status mbconv_depthwise_output_size_at(const mbconv_depthwise *depthwise, size_t height, size_t width,
                                                         size_t *out_height, size_t *out_width, mbconv_error *error);
MBCONV_API mbconv_status mbconv_depthwise_scratch_size_at(const mbconv_depthwise *depthwise, size_t height,
                                                          size_t width, size_t threads, size_t *bytes,
                                                          mbconv_error *error);
MBCONV_API mbconv_status mbconv_depthwise_run_at(const mbconv_depthwise *depthwise, size_t batch, size_t height,
                                                 size_t width, const void *x, void *y, void *scratch,
                                                 size_t scratch_size, const mbconv_threads *threads,
                                                 mbconv_error *error);

/* Fills *info. */
MBCONV_API mbconv_status mbconv_depthwise_info(const mbconv_depthwise *depthwise, mbconv_info *info,
                                               mbconv_error *error);

/* Frees it; NULL is allowed. */
MBCONV_API void mbconv_depthwise_destroy(mbconv_depthwise *depthwise);

/* ---- Convolution: kxk over all channels -------------------------------------------------------------------------- */

/* One FMA chain per output from the bias, taps row by row and channels ascending within a tap; taps outside the image
 * are multiplied as +0. Then the residual is added, then the activation applied. The output has (height + top + bottom
 * - kernel) / stride + 1 rows, and columns likewise; it is NHWC, whatever the input is. */
typedef struct mbconv_convolution_desc {
  size_t struct_size;               /* sizeof this struct, or 0 */
  mbconv_type type;                 /* of x, y and the residual */
  size_t height, width;             /* of the input; both 0: see "Sizes" */
  size_t in_channels, out_channels; /* >= 1 */
  size_t kernel;                    /* 1 .. 7 */
  size_t stride;                    /* 1 or 2 */
  mbconv_pad pad;
  mbconv_pad_kind pad_kind;
  const mbconv_conv *conv; /* weight [out][in][kernel][kernel] */
  mbconv_activation_kind activation;
  mbconv_layout layout; /* of x: NCHW takes PyTorch's images as they are */
} mbconv_convolution_desc;

/* Made by mbconv_convolution_create(). */
typedef struct mbconv_convolution mbconv_convolution;

/* Makes *out of `desc`. */
MBCONV_API mbconv_status mbconv_convolution_create(const mbconv_convolution_desc *desc, const mbconv_options *options,
                                                   mbconv_convolution **out, mbconv_error *error);

/* The height and width of the image that a run writes; 0 if the description names no size, or if a pointer is NULL. */
MBCONV_API void mbconv_convolution_output_size(const mbconv_convolution *convolution, size_t *height, size_t *width);

/* Bytes of scratch for a run with up to `threads` threads; SIZE_MAX if the description names no size, or for NULL.
 * Scratch needs no alignment and no initialisation. */
MBCONV_API size_t mbconv_convolution_scratch_size(const mbconv_convolution *convolution, size_t threads);

/* Runs `batch` images from x, in the layout of the description, to y [batch][out height][out width][out]; batch 0 does
 * nothing.
 *   residual   as y, added to the chain before the activation, or NULL; may be y itself */
MBCONV_API mbconv_status mbconv_convolution_run(const mbconv_convolution *convolution, size_t batch, const void *x,
                                                void *y, const void *residual, void *scratch, size_t scratch_size,
                                                const mbconv_threads *threads, mbconv_error *error);

/* The three above for images of height x width. A size that is smaller than the kernel, padding included, is refused.
 */
MBCONV_API mbconv_status mbconv_convolution_output_size_at(const mbconv_convolution *convolution, size_t height,
                                                           size_t width, size_t *out_height, size_t *out_width,
                                                           mbconv_error *error);
MBCONV_API mbconv_status mbconv_convolution_scratch_size_at(const mbconv_convolution *convolution, size_t height,
                                                            size_t width, size_t threads, size_t *bytes,
                                                            mbconv_error *error);
MBCONV_API mbconv_status mbconv_convolution_run_at(const mbconv_convolution *convolution, size_t batch, size_t height,
                                                   size_t width, const void *x, void *y, const void *residual,
                                                   void *scratch, size_t scratch_size, const mbconv_threads *threads,
                                                   mbconv_error *error);

/* Fills *info. */
MBCONV_API mbconv_status mbconv_convolution_info(const mbconv_convolution *convolution, mbconv_info *info,
                                                 mbconv_error *error);

/* Frees it; NULL is allowed. */
MBCONV_API void mbconv_convolution_destroy(mbconv_convolution *convolution);

/* ---- Global average pooling -------------------------------------------------------------------------------------- */

/* The mean of each channel of an image: per row a sum left to right from +0, the rows' sums added top to bottom, times
 * the rounded 1 / (height * width). */
typedef struct mbconv_global_pool_desc {
  size_t struct_size;   /* sizeof this struct, or 0 */
  mbconv_type type;     /* of x and y */
  size_t height, width; /* of the input; both 0: see "Sizes" */
  size_t channels;      /* >= 1 */
} mbconv_global_pool_desc;

/* Made by mbconv_global_pool_create(). */
typedef struct mbconv_global_pool mbconv_global_pool;

/* Makes *out of `desc`. */
MBCONV_API mbconv_status mbconv_global_pool_create(const mbconv_global_pool_desc *desc, const mbconv_options *options,
                                                   mbconv_global_pool **out, mbconv_error *error);

/* x [batch][height][width][channels] to y [batch][channels]; batch 0 does nothing. Needs no scratch. */
MBCONV_API mbconv_status mbconv_global_pool_run(const mbconv_global_pool *pool, size_t batch, const void *x, void *y,
                                                const mbconv_threads *threads, mbconv_error *error);

/* The same for images of height x width. */
MBCONV_API mbconv_status mbconv_global_pool_run_at(const mbconv_global_pool *pool, size_t batch, size_t height,
                                                   size_t width, const void *x, void *y, const mbconv_threads *threads,
                                                   mbconv_error *error);

/* Fills *info. */
MBCONV_API mbconv_status mbconv_global_pool_info(const mbconv_global_pool *pool, mbconv_info *info,
                                                 mbconv_error *error);

/* Frees it; NULL is allowed. */
MBCONV_API void mbconv_global_pool_destroy(mbconv_global_pool *pool);

/* ---- Activation over a buffer ------------------------------------------------------------------------------------ */

/* The activation `kind` of any number of elements. */
typedef struct mbconv_activation_desc {
  size_t struct_size; /* sizeof this struct, or 0 */
  mbconv_type type;   /* of x and y */
  mbconv_activation_kind kind;
  size_t channels;    /* PRELU: element i is of channel i % channels; else not read */
  const float *slope; /* LEAKY_RELU a single float, PRELU [channels]; copied */
} mbconv_activation_desc;

/* Made by mbconv_activation_create(). */
typedef struct mbconv_activation mbconv_activation;

/* Makes *out of `desc`. */
MBCONV_API mbconv_status mbconv_activation_create(const mbconv_activation_desc *desc, const mbconv_options *options,
                                                  mbconv_activation **out, mbconv_error *error);

/* y[i] = act(x[i]) for i < n. y may be x itself; otherwise they must not overlap. Needs no scratch. */
MBCONV_API mbconv_status mbconv_activation_run(const mbconv_activation *activation, size_t n, const void *x, void *y,
                                               mbconv_error *error);

/* Fills *info. */
MBCONV_API mbconv_status mbconv_activation_info(const mbconv_activation *activation, mbconv_info *info,
                                                mbconv_error *error);

/* Frees it; NULL is allowed. */
MBCONV_API void mbconv_activation_destroy(mbconv_activation *activation);

/* ---- Block: the whole MBConv ------------------------------------------------------------------------------------- */

/* Squeeze-excite (Hu et al. 2018) as EfficientNet places it, between depthwise and project:
 * s = gate(w2 * inner(w1 * mean(h) + b1) + b2) per image, then h * s. EfficientNet: width max(1, in_channels / 4),
 * inner SILU, gate SIGMOID; MobileNetV3: RELU and HARD_SIGMOID. */
typedef struct mbconv_squeeze_excite {
  size_t struct_size;                 /* sizeof this struct, or 0 */
  size_t width;                       /* channels between the two layers, >= 1 */
  const mbconv_conv *reduce;          /* weight [width][expanded] */
  const mbconv_conv *expand;          /* weight [expanded][width] */
  mbconv_activation_kind inner, gate; /* zero means none, not a default */
} mbconv_squeeze_excite;

/* Whether a block adds a shortcut to its output. */
typedef enum mbconv_residual {
  MBCONV_RESIDUAL_AUTO = 0, /* its input, exactly if no stage has a stride and input and output have the same shape */
  MBCONV_RESIDUAL_OFF,
  MBCONV_RESIDUAL_ON,   /* its input; an error if the shapes do not fit */
  MBCONV_RESIDUAL_GIVEN /* an image that every run is given: mbconv_block_run_residual() */
} mbconv_residual;

/* The inverted bottleneck of Sandler et al. 2018 (MobileNetV2) and Tan and Le 2019 (EfficientNet). */
typedef struct mbconv_block_desc {
  size_t struct_size;   /* sizeof this struct, or 0 */
  mbconv_type type;     /* of x and y */
  size_t height, width; /* of the input image; both 0: see "Sizes" */
  size_t in_channels, expanded_channels, out_channels;
  const mbconv_conv *expand;    /* [expanded][in]; NULL: no expand, then expanded_channels must equal in_channels */
  const mbconv_conv *depthwise; /* [expanded][1][kernel][kernel] */
  const mbconv_conv *project;   /* [out][expanded]; linear */
  const mbconv_squeeze_excite *squeeze_excite; /* NULL: none */
  size_t kernel;                               /* 3, 5 or 7 */
  size_t stride;                               /* 1 or 2 */
  mbconv_pad pad;                              /* of the depthwise */
  mbconv_pad_kind pad_kind;
  mbconv_activation_kind activation; /* after expand and after depthwise */
  mbconv_residual residual;
  mbconv_layout layout;  /* of x and y */
  size_t strip_rows;     /* the plan, for experiments: output rows per strip, 0 for the library's choice */
  size_t group_channels; /* and expanded channels per group. Both are cut to what there is, the latter rounded up to a
                            whole tile; results do not depend on them */
  size_t dilation;       /* of the depthwise; 0 stands for 1 */
} mbconv_block_desc;

/* Made by mbconv_block_create() and mbconv_block_create_stages(). */
typedef struct mbconv_block mbconv_block;

/* Makes *out of `desc`. */
MBCONV_API mbconv_status mbconv_block_create(const mbconv_block_desc *desc, const mbconv_options *options,
                                             mbconv_block **out, mbconv_error *error);

/* ---- Block: any list of stages ----------------------------------------------------------------------------------- */

/* What a stage is. */
typedef enum mbconv_stage_kind {
  MBCONV_STAGE_POINTWISE = 1, /* 1x1 */
  MBCONV_STAGE_DEPTHWISE,     /* kxk per channel */
  MBCONV_STAGE_DENSE,         /* kxk over all channels; only as the first stage */
  MBCONV_STAGE_SQUEEZE_EXCITE /* only before the last stage, which is then pointwise */
} mbconv_stage_kind;

/* One stage of a block. Its numbers are those of the operator of its kind, above: one chain per output, then the
 * activation. */
typedef struct mbconv_stage_desc {
  size_t struct_size; /* sizeof this struct, or 0; the same in all stages of a block */
  mbconv_stage_kind kind;
  size_t out_channels;     /* of pointwise and dense; the others keep their channels: 0, or how many they are */
  const mbconv_conv *conv; /* of all but squeeze-excite */
  const mbconv_squeeze_excite *squeeze_excite; /* of squeeze-excite */
  mbconv_activation_kind activation;           /* of squeeze-excite: after the product, NONE or of no slope */
  size_t kernel;                               /* depthwise 3, 5 or 7; dense 1 .. 7; the others 0 or 1 */
  size_t stride;                               /* depthwise and dense 1 or 2; the others 0 or 1 */
  size_t dilation;                             /* depthwise >= 1; the others 1; 0 stands for 1 */
  mbconv_pad pad;                              /* depthwise and dense; the others zeros */
  mbconv_pad_kind pad_kind;
} mbconv_stage_desc;

/* Where the shortcut is added. */
typedef enum mbconv_residual_place {
  MBCONV_RESIDUAL_BEFORE_ACTIVATION = 0, /* to the chains of the last stage, whose activation follows: BlazeFace */
  MBCONV_RESIDUAL_AFTER_ACTIVATION       /* to what the last stage's activation gives: Fused-MBConv without project */
} mbconv_residual_place;

/* A block of up to MBCONV_MOST_STAGES stages, each of which reads the image that the one before writes; between two
 * neighbours images are not stored in full, but before squeeze-excite. With P for pointwise, D depthwise, C dense, E
 * squeeze-excite:
 *
 *     MBConv (Sandler et al. 2018)            P D [E] P      Fused-MBConv (Tan and Le 2021)     C [E] P, or C
 *     MobileNetV1 (Howard et al. 2017)        D P            LCNet (Cui et al. 2021)            D [E] P
 *     MobileNetV4 (Qin et al. 2024)           D P D P (ExtraDW), P D P, D P P (ConvNeXt-like), P P (FFN)
 */
typedef struct mbconv_stages_desc {
  size_t struct_size;   /* sizeof this struct, or 0 */
  mbconv_type type;     /* of x and y */
  size_t height, width; /* of the input image; both 0: see "Sizes" */
  size_t in_channels;
  size_t count; /* of stages: 1 .. MBCONV_MOST_STAGES */
  const mbconv_stage_desc *stages;
  mbconv_residual residual; /* not if the last stage is depthwise */
  mbconv_residual_place residual_place;
  size_t residual_channels; /* how many channels the shortcut has; it is added to the first ones of the output. 0
                               means all channels, or in_channels if the input is added to more (RexNet) */
  mbconv_layout layout;     /* of x, y and the residual */
  size_t strip_rows, group_channels; /* the plan, for experiments: as in mbconv_block_desc */
} mbconv_stages_desc;

/* The most stages of a block. */
#define MBCONV_MOST_STAGES 6

/* Makes *out of `desc`. */
MBCONV_API mbconv_status mbconv_block_create_stages(const mbconv_stages_desc *desc, const mbconv_options *options,
                                                    mbconv_block **out, mbconv_error *error);

/* ---- Block: queries and runs ------------------------------------------------------------------------------------- */

/* The height and width of the image that a run writes; 0 if the description names no size, or if a pointer is NULL. */
MBCONV_API void mbconv_block_output_size(const mbconv_block *block, size_t *height, size_t *width);

/* Bytes of scratch for a run with up to `threads` threads; SIZE_MAX if the description names no size, or for NULL.
 * Scratch needs no alignment and no initialisation. */
MBCONV_API size_t mbconv_block_scratch_size(const mbconv_block *block, size_t threads);

/* Runs `batch` images from x to y, both in the block's layout; batch 0 does nothing. Until it returns, y may hold
 * intermediate results. */
MBCONV_API mbconv_status mbconv_block_run(const mbconv_block *block, size_t batch, const void *x, void *y,
                                          void *scratch, size_t scratch_size, const mbconv_threads *threads,
                                          mbconv_error *error);

/* The same for a block that was made with MBCONV_RESIDUAL_GIVEN, which mbconv_block_run() refuses; another block is
 * refused here.
 *   residual   [batch] images of the output's size with the description's residual_channels, in its layout. It
 *              does not overlap y. */
MBCONV_API mbconv_status mbconv_block_run_residual(const mbconv_block *block, size_t batch, const void *x,
                                                   const void *residual, void *y, void *scratch, size_t scratch_size,
                                                   const mbconv_threads *threads, mbconv_error *error);

/* The four above for images of height x width. A size that is smaller than what a stage's taps reach over, padding
 * included, is refused. */
MBCONV_API mbconv_status mbconv_block_output_size_at(const mbconv_block *block, size_t height, size_t width,
                                                     size_t *out_height, size_t *out_width, mbconv_error *error);
MBCONV_API mbconv_status mbconv_block_scratch_size_at(const mbconv_block *block, size_t height, size_t width,
                                                      size_t threads, size_t *bytes, mbconv_error *error);
MBCONV_API mbconv_status mbconv_block_run_at(const mbconv_block *block, size_t batch, size_t height, size_t width,
                                             const void *x, void *y, void *scratch, size_t scratch_size,
                                             const mbconv_threads *threads, mbconv_error *error);
MBCONV_API mbconv_status mbconv_block_run_residual_at(const mbconv_block *block, size_t batch, size_t height,
                                                      size_t width, const void *x, const void *residual, void *y,
                                                      void *scratch, size_t scratch_size, const mbconv_threads *threads,
                                                      mbconv_error *error);

/* Fills *info. */
MBCONV_API mbconv_status mbconv_block_info(const mbconv_block *block, mbconv_info *info, mbconv_error *error);

/* Frees it; NULL is allowed. */
MBCONV_API void mbconv_block_destroy(mbconv_block *block);

/* Writes how the block runs with `threads` threads (strategy, strip, group, scratch and weight bytes) as a line of
 * text, cut to `size` bytes and terminated; returns the length it would have, as snprintf does. Without a size in the
 * description, or for NULL, there is no plan to describe: the line says so. */
MBCONV_API size_t mbconv_block_describe(const mbconv_block *block, size_t threads, char *text, size_t size);

/* The same for images of height x width; *length is the length that the whole text has. */
MBCONV_API mbconv_status mbconv_block_describe_at(const mbconv_block *block, size_t height, size_t width,
                                                  size_t threads, char *text, size_t size, size_t *length,
                                                  mbconv_error *error);

/* ---- Counts ------------------------------------------------------------------------------------------------------ */

/* The size of a layer. */
typedef struct mbconv_counts {
  uint64_t parameters;    /* trainable, as PyTorch counts them: weights, biases, and gamma and beta of each BN */
  uint64_t multiply_adds; /* of all convolutions and fully connected layers, for one image */
} mbconv_counts;

/* Counts a block. Only sizes and whether pointers are NULL matter; weights are not read and may be NULL. A BN counts
 * two parameters per channel, whether or not its pointers are set. The description must name a size. */
MBCONV_API mbconv_status mbconv_block_count(const mbconv_block_desc *desc, mbconv_counts *counts, mbconv_error *error);

/* Counts a block that is a list of stages, likewise. */
MBCONV_API mbconv_status mbconv_stages_count(const mbconv_stages_desc *desc, mbconv_counts *counts,
                                             mbconv_error *error);

/* Counts a convolution, likewise. */
MBCONV_API mbconv_status mbconv_convolution_count(const mbconv_convolution_desc *desc, mbconv_counts *counts,
                                                  mbconv_error *error);

/* Counts Conv3x3-BN-ReLU-Conv3x3-BN-ReLU with padding 1 and no biases, for comparison. */
MBCONV_API mbconv_status mbconv_plain_block_count(size_t height, size_t width, size_t in_channels, size_t out_channels,
                                                  mbconv_counts *counts, mbconv_error *error);

/* Counts the classic bottleneck 1x1-BN-ReLU-3x3-BN-ReLU-1x1-BN (He et al. 2016) with stride 1 and no biases. */
MBCONV_API mbconv_status mbconv_bottleneck_count(size_t height, size_t width, size_t in_channels,
                                                 size_t bottleneck_channels, size_t out_channels, mbconv_counts *counts,
                                                 mbconv_error *error);

#ifdef __cplusplus
}
#endif

#endif

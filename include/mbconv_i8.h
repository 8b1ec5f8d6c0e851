/* SPDX-License-Identifier: MIT
 *
 * mbconv in int8: the inverted bottleneck on quantized images, exact to the byte.
 *
 * Sums of products of bytes are integers, so that results are the same bytes on every machine; and they are the bytes
 * of the frameworks whose kernels are exact functions of them: LiteRT (its default and its reference), TFLM, CMSIS-NN,
 * ONNX Runtime. Which of them does what is a parameter here. This header is the manual; what it does not say is in
 * mbconv.h. A complete program, 16 channels expanded to 96:
 *
 *     #include <mbconv_i8.h>
 *     #include <stdio.h>
 *
 *     static int8_t x[32 * 32 * 16], y[32 * 32 * 16], w1[96 * 16], w2[96 * 3 * 3], w3[16 * 96];
 *     static char scratch[1 << 20];
 *
 *     int main(void) {
 *       const float scale = 0.01f;
 *       mbconv_i8_stage_desc stages[3] = {
 *           {.kind = MBCONV_STAGE_POINTWISE, .out_channels = 96, .weight = w1, .weight_scale = &scale,
 *            .weight_scales = 1, .output = {0.02f, -128}, .activation = MBCONV_ACTIVATION_RELU6},
 *           {.kind = MBCONV_STAGE_DEPTHWISE, .kernel = 3, .stride = 1, .pad = {1, 1, 1, 1}, .weight = w2,
 *            .weight_scale = &scale, .weight_scales = 1, .output = {0.02f, -128},
 *            .activation = MBCONV_ACTIVATION_RELU6},
 *           {.kind = MBCONV_STAGE_POINTWISE, .out_channels = 16, .weight = w3, .weight_scale = &scale,
 *            .weight_scales = 1, .output = {0.05f, 3}}};
 *       mbconv_i8_desc desc = {.type = MBCONV_S8, .height = 32, .width = 32, .in_channels = 16,
 *                              .input = {0.04f, -1}, .count = 3, .stages = stages, .sum = {0.06f, 2}};
 *       mbconv_error error;
 *       mbconv_block *block;
 *       if (mbconv_block_create_i8(&desc, NULL, &block, &error) == MBCONV_OK) {
 *         mbconv_block_run(block, 1, x, y, scratch, sizeof scratch, NULL, &error);
 *         mbconv_block_destroy(block);
 *       }
 *       printf("%s\n", error.message);
 *     }
 *
 * Numbers
 *   An image's byte q stands for the real number scale * (q - zero_point). A weight w of output channel c stands for
 *   weight_scale[c] * w; weights have no zero point and may be -128 .. 127. A bias is an integer, in units of the
 *   input's scale times weight_scale[c]. A sum is exact; a description whose sums might leave 32 bits is refused.
 *   Pixels of padding are the input's zero point. fl() rounds to a float, RNE() to an integer, half to even.
 *
 *     sum = bias[c] + sum of w * (x - the input's zero_point)
 *     q   = min(max(r + the output's zero_point, lo), hi), within the type's limits and those of the activation
 *     y   = q, or table[q] if the stage has a table
 *
 *   FP32:
 *     s   = fl(fl(input scale * weight_scale[c]) / output scale)
 *     r   = RNE(fl(fl(sum) * s))
 *
 *   TFLITE_DOUBLE:
 *     m   = input scale * weight_scale[c] / output scale, in double; the product is rounded to a float in MBCONV_U8
 *     m   = M * 2^(e - 31), M from 2^30 to 2^31, rounded half away from zero
 *     h   = sum * 2^max(e, 0) * M / 2^31, rounded half up
 *     r   = h / 2^max(-e, 0), rounded half away from zero; 0 where e < -31
 *
 *   The shortcut is added as mbconv_i8_add_kind says. Everything else (objects, threads, any size of image, layouts,
 *   scratch, errors) is as mbconv.h says of blocks.
 */
#ifndef MBCONV_I8_PUBLIC_H
#define MBCONV_I8_PUBLIC_H

#include "mbconv.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the bytes of an image stand for: scale * (q - zero_point). The scale is a normal float above 0; the zero point
 * is a value of the image's type. This struct stays as it is. */
typedef struct mbconv_quantization {
  float scale;
  int32_t zero_point;
} mbconv_quantization;

/* How a sum becomes a byte; the formulas stand above. */
typedef enum mbconv_i8_rounding {
  MBCONV_I8_FP32 = 0,     /* LiteRT's default (XNNPACK), ONNX Runtime's QLinearConv */
  MBCONV_I8_TFLITE_DOUBLE /* LiteRT's reference kernels, TFLM, CMSIS-NN: two roundings */
} mbconv_i8_rounding;

/* How the shortcut is added. a is a byte of what the last stage gives, b one of the shortcut; S, Z are scales and zero
 * points of a, b and of y, the sum. y is cut to the type's limits and those of sum_activation.
 *
 *   XNNPACK  n = 20 - the exponent of max(fl(Sa / Sy), fl(Sb / Sy)); A = RNE(fl(Sa / Sy) * 2^n), B likewise;
 *            y = floor((A * (a - Za) + B * (b - Zb) + 2^(n-1)) / 2^n) + Zy. Both ratios are from 2^-10 to below 2^8.
 *   TFLITE   with t = 2 * max(Sa, Sb) in double, and the multiplication of TFLITE_DOUBLE by m written as Q(v, m):
 *            y = Q(Q((a - Za) * 2^20, Sa / t) + Q((b - Zb) * 2^20, Sb / t), t / (2^20 * Sy)) + Zy; t < 2^20 * Sy
 *   FLOAT    A = fl(Sa / Sy), B = fl(Sb / Sy), F = fl(Zy - fma(A, Za, fl(B * Zb)));
 *            y = RNE(fma(a, A, fma(b, B, F))) */
typedef enum mbconv_i8_add_kind {
  MBCONV_I8_ADD_XNNPACK = 0, /* LiteRT's default */
  MBCONV_I8_ADD_TFLITE,      /* LiteRT's reference kernels, TFLM */
  MBCONV_I8_ADD_FLOAT        /* ONNX Runtime's QLinearAdd, whose first input is a */
} mbconv_i8_add_kind;

/* What x or y is where a block of int8 stands between floats. With S, Z of `input` (or of residual_input), and the
 * largest and the smallest byte for what is beyond them, infinities too; a NaN becomes the smallest:
 *
 *   XNNPACK  q = RNE(fl(x * fl(1 / S))) + Z
 *   TFLITE   q = fl(x / S) rounded half away from zero, + Z
 *   ONNX     q = RNE(fl(x / S)) + Z
 *
 * On the way out all three are y = fl((q - Z) * S), S and Z of y. All that is between is
 * done on bytes: a shortcut adds those that x has become. */
typedef enum mbconv_i8_door {
  MBCONV_I8_DOOR_BYTES = 0, /* no floats, but bytes of the description's type */
  MBCONV_I8_DOOR_XNNPACK,   /* floats, as LiteRT's default converts them */
  MBCONV_I8_DOOR_TFLITE,    /* as LiteRT's reference kernels and TFLM do */
  MBCONV_I8_DOOR_ONNX       /* as ONNX Runtime's QuantizeLinear does */
} mbconv_i8_door;

/* ---- Tables ------------------------------------------------------------------------------------------------------ */

/* Activations as tables. v = fl(fl(q - zero_point) * scale) of the input's byte q; S, Z are the output's scale and zero
 * point, f the function rounded once to a float; y is cut to the type's limits. "Reference" is TFLITE_DOUBLE.
 *
 *   LOGISTIC, TANH   y = RNE(fl(fl(f(v) * fl(1 / S)) + Z)). Reference: fl(f(v) * fl(1 / S)) rounded half away from
 *                    zero, + Z, where LOGISTIC is fl(1 / fl(1 + fl(e^-v)))
 *   GELU             as the reference does TANH, with v / 2 * (1 + erf(v / sqrt(2)))
 *   SILU             LOGISTIC to a byte of scale 1 / 256 and the lowest zero point; then its product with the input is
 *                    a sum that is requantized, with a weight_scale of 1 / 256. Reference: multiplied by
 *                    m = fl(fl(scale / 256) / S)
 *   HARD_SWISH       TFLite's fixed point of 16 bits; S > scale / 128
 *   LEAKY_RELU       y = floor((RNE(256 * r) * (q - zero_point) + 128) / 256) + Z with r = fl(scale / S), below zero
 *                    fl(r * alpha); both r are from 2^-8 to 2^7. Reference: (q - zero_point) times fl(scale / S), below
 *                    zero times fl(fl(scale * alpha) / S), as TFLITE_DOUBLE multiplies sums by m; + Z */
typedef enum mbconv_i8_function {
  MBCONV_I8_LOGISTIC = 0, /* LiteRT's output is {1 / 256, the lowest value} */
  MBCONV_I8_TANH,         /* LiteRT's output is {1 / 128, the middle} */
  MBCONV_I8_GELU,         /* LiteRT's reference; its default has other roundings, and about one byte in 500,000 */
  MBCONV_I8_SILU,         /* LiteRT's LOGISTIC and MUL */
  MBCONV_I8_HARD_SWISH,
  MBCONV_I8_LEAKY_RELU
} mbconv_i8_function;

/* Makes a stage's `table`, of 256 bytes: the function as LiteRT has it, its default (FP32) or its reference
 * (TFLITE_DOUBLE).
 *   alpha    of LEAKY_RELU, >= 0; else 0
 *   input    the stage's `output`
 *   output   the stage's `table_output`
 * MBCONV_INVALID_ARGUMENT for scales that the host's kernels do not take. */
MBCONV_API mbconv_status mbconv_i8_make_table(mbconv_i8_function function, float alpha, mbconv_type type,
                                              mbconv_i8_rounding rounding, const mbconv_quantization *input,
                                              const mbconv_quantization *output, uint8_t *table, mbconv_error *error);

/* Makes the tables of PReLU, [channels][256], as LiteRT's kernel has it, by its default and by its reference. v = q -
 * the input's zero_point, w = slope[c] - the slopes' zero_point, S and Z are the output's, and Q(v, m) is what
 * TFLITE_DOUBLE makes of v by m:
 *
 *   v >= 0   y = Q(v, fl(scale / S)) + Z
 *   v < 0    y = Q(v * w, fl(fl(scale * the slopes' scale) / S)) + Z
 *
 * Both m are below 2^15.
 *   slope    [channels], bytes of the type
 *   slopes   what they stand for
 *   input    the stage's `output`
 *   output   the stage's `table_output` */
MBCONV_API mbconv_status mbconv_i8_make_prelu(size_t channels, const void *slope, const mbconv_quantization *slopes,
                                              mbconv_type type, const mbconv_quantization *input,
                                              const mbconv_quantization *output, uint8_t *tables, mbconv_error *error);

/* ---- Block ------------------------------------------------------------------------------------------------------- */

/* One stage of a block. */
typedef struct mbconv_i8_stage_desc {
  size_t struct_size;         /* sizeof this struct, or 0; the same in all stages of a block */
  mbconv_stage_kind kind;     /* the first of a block alone can be dense */
  size_t out_channels;        /* of pointwise and dense; the others keep their channels: 0, or how many they are */
  const int8_t *weight;       /* [out][in]; depthwise [channels][k][k], dense [out][in][k][k], k: the kernel. (TFLite's
                                 files have [k][k][channels], and [out][k][k][in]: to be transposed.) */
  const int32_t *bias;        /* [out], or NULL for zeros */
  const float *weight_scale;  /* [weight_scales], normal floats above 0 */
  size_t weight_scales;       /* out_channels, or 1: the same for all */
  mbconv_quantization output; /* what the sums become */
  mbconv_activation_kind activation; /* NONE, RELU or RELU6: q is at least the zero point (that of 0), at most the byte
                                        of 6: zero_point + fl(6 / scale) rounded half away from zero */
  int32_t clamp_lo, clamp_hi;        /* and within these; both 0: no more than the type's limits */
  const uint8_t *table;              /* NULL, or [256], from q (as a byte: -1 of int8_t is at 255) to what is stored:
                                        any activation. It is copied. */
  mbconv_quantization table_output;  /* what the table's bytes stand for; zeros without a table */
  size_t kernel;                     /* depthwise 3, 5 or 7; dense 1 .. 7; the others 0 or 1 */
  size_t stride;                     /* depthwise and dense 1 or 2; the others 0 or 1 */
  size_t dilation;                   /* depthwise >= 1; the others 1; 0 stands for 1 */
  mbconv_pad pad;                    /* depthwise and dense; the others zeros */
  mbconv_pad_kind pad_kind;
  const struct mbconv_i8_squeeze_excite *squeeze_excite; /* of that kind, which has no weights, bias and scales; else
                                                            NULL */
  size_t tables; /* of `table`: 0 or 1, of all channels; or as many as channels are written, [channels][256]: a function
                    of each channel, such as PReLU */
} mbconv_i8_stage_desc;

/* Squeeze-excite as LiteRT's default (FP32) or its reference (TFLITE_DOUBLE) computes MEAN, two 1x1 convolutions and
 * MUL. x is a byte of the stage's input, an image of n pixels, S and Z are its scale and zero point; Sm, Zm those of
 * the mean, Sg, Zg of the gate, which is what `expand` gives, Sy, Zy of the stage's output. With s = fl(fl(S * Sg) /
 * Sy):
 *
 *   gate   of the means by `reduce` and then `expand`, stages as those of a block
 *   FP32:
 *     mean   RNE(fl(fl(sum of (x - Z)) * fl(fl(S / Sm) / n))) + Zm, within the type's limits; S / Sm is 2^-64 to 2^64
 *     q      from RNE(fl(fl((x - Z) * (gate - Zg)) * s)) + Zy on as other stages
 *   TFLITE_DOUBLE, with S / Sm in double and then s as m = M * 2^(e - 31), and h and r as above:
 *     mean   r + Zm of the sum of (x - Z), by floor(M * 2^l / n) and e - l in the places of M and e, 2^l <= n < 2^(l+1)
 *            (but l <= e + 31); S / Sm is below 2^22
 *     q      from r + Zy of (x - Z) * (gate - Zg) on as other stages; s is below 2^15
 *
 * Images have at most 8,421,504 pixels there, whose sums 32 bits hold. */
typedef struct mbconv_i8_squeeze_excite {
  size_t struct_size;                 /* sizeof this struct, or 0 */
  mbconv_quantization mean;           /* of the means */
  const mbconv_i8_stage_desc *reduce; /* pointwise, without a window: of the channels */
  const mbconv_i8_stage_desc *expand; /* pointwise: back to as many channels; its table makes gates of them, such as
                                         LOGISTIC, or its clamp */
} mbconv_i8_squeeze_excite;

/* A block of up to MBCONV_MOST_STAGES stages, pointwise (P) and depthwise (D) in any order: MBConv is P D P, without
 * expand D P; the operators alone are P, D and C, dense, which stands first: Fused-MBConv is C P; a fully connected
 * layer is P of one pixel. Squeeze-excite (E) stands behind another stage and before the last one, which is then P: P D
 * E P. */
typedef struct mbconv_i8_desc {
  size_t struct_size;          /* sizeof this struct, or 0 */
  mbconv_type type;            /* MBCONV_S8 or MBCONV_U8: of x, y, the residual (but see x_door) and every zero point */
  mbconv_i8_rounding rounding; /* of all stages */
  size_t height, width;        /* of the input; both 0: see "Sizes" in mbconv.h */
  size_t in_channels;
  mbconv_quantization input; /* of x */
  size_t count;              /* of stages: 1 .. MBCONV_MOST_STAGES */
  const mbconv_i8_stage_desc *stages;
  mbconv_residual residual;              /* AUTO: the input is added exactly if `sum` is set. Not if the last stage is
                                            depthwise */
  mbconv_i8_add_kind add;                /* how */
  mbconv_quantization residual_input;    /* RESIDUAL_GIVEN: of the residual; else zeros */
  mbconv_quantization sum;               /* of the sum, and y, if a shortcut is added; else zeros, and y has the last
 stage's */
  mbconv_activation_kind sum_activation; /* NONE, RELU or RELU6, of the sum */
  mbconv_layout layout;                  /* of x, y and the residual */
  size_t strip_rows, group_channels;     /* the plan, for experiments: as in mbconv_block_desc */
  mbconv_i8_door x_door;                 /* of x and of a residual that is given: of floats the scale is <= 2^126 */
  mbconv_i8_door y_door;                 /* of y */
  const uint8_t *sum_table;              /* NULL, or as a stage's `table`: from the sum, after sum_activation */
  mbconv_quantization sum_table_output;  /* what its bytes, then those of y, stand for; zeros without it */
} mbconv_i8_desc;

/* Makes *out of `desc`. All functions of mbconv.h on mbconv_block then work as they say; x, y and the residual are
 * int8_t or uint8_t, or float by their doors. Weights, biases, scales and tables are copied. (Libraries that are built
 * with MBCONV_TYPES=f32 do not have the functions of this header.) */
MBCONV_API mbconv_status mbconv_block_create_i8(const mbconv_i8_desc *desc, const mbconv_options *options,
                                                mbconv_block **out, mbconv_error *error);

/* ---- Global average pooling -------------------------------------------------------------------------------------- */

/* The mean of each channel of an image, as squeeze-excite above has it: Sm, Zm are those of `output`. */
typedef struct mbconv_i8_global_pool_desc {
  size_t struct_size;   /* sizeof this struct, or 0 */
  mbconv_type type;     /* MBCONV_S8 or MBCONV_U8, of x and y */
  size_t height, width; /* of the input; both 0: see "Sizes" in mbconv.h. At most 8,421,504 pixels */
  size_t channels;      /* >= 1 */
  mbconv_quantization input, output;
  mbconv_i8_rounding rounding; /* as a block's, of the mean */
} mbconv_i8_global_pool_desc;

/* Makes *out of `desc`, for the functions of mbconv.h on mbconv_global_pool. */
MBCONV_API mbconv_status mbconv_global_pool_create_i8(const mbconv_i8_global_pool_desc *desc,
                                                      const mbconv_options *options, mbconv_global_pool **out,
                                                      mbconv_error *error);

/* ---- Activation over a buffer ------------------------------------------------------------------------------------ */

/* Any function of a byte, of any number of bytes. */
typedef struct mbconv_i8_activation_desc {
  size_t struct_size;   /* sizeof this struct, or 0 */
  mbconv_type type;     /* MBCONV_S8 or MBCONV_U8, of x and y */
  const uint8_t *table; /* [256], as a stage's; copied */
} mbconv_i8_activation_desc;

/* Makes *out of `desc`, for the functions of mbconv.h on mbconv_activation. */
MBCONV_API mbconv_status mbconv_activation_create_i8(const mbconv_i8_activation_desc *desc,
                                                     const mbconv_options *options, mbconv_activation **out,
                                                     mbconv_error *error);

/* ---- Addition ---------------------------------------------------------------------------------------------------- */

/* The sum of two images, or of any two buffers of bytes. */
typedef struct mbconv_i8_addition_desc {
  size_t struct_size;       /* sizeof this struct, or 0 */
  mbconv_type type;         /* MBCONV_S8 or MBCONV_U8, of a, b and y */
  mbconv_i8_add_kind kind;  /* how, as it says */
  mbconv_quantization a, b; /* of the inputs */
  mbconv_quantization output;
  mbconv_activation_kind activation; /* NONE, RELU or RELU6, as a stage's */
  int32_t clamp_lo, clamp_hi;        /* and within these, as a stage's; both 0: no more than the type's limits */
} mbconv_i8_addition_desc;

/* An addition; mbconv_addition_create_i8() makes it. */
typedef struct mbconv_addition mbconv_addition;

/* Makes *out of `desc`. */
MBCONV_API mbconv_status mbconv_addition_create_i8(const mbconv_i8_addition_desc *desc, const mbconv_options *options,
                                                   mbconv_addition **out, mbconv_error *error);

/* y[i] is the sum of a[i] and b[i], i < n, bytes of the description's type. y may be a or b, and a may be b; otherwise
 * y overlaps neither. Threads may share the object, and take parts of the buffers each. */
MBCONV_API mbconv_status mbconv_addition_run(const mbconv_addition *addition, size_t n, const void *a, const void *b,
                                             void *y, mbconv_error *error);

/* The set that was chosen. */
MBCONV_API mbconv_status mbconv_addition_info(const mbconv_addition *addition, mbconv_info *info, mbconv_error *error);

/* Frees it. NULL is allowed. */
MBCONV_API void mbconv_addition_destroy(mbconv_addition *addition);

/* ---- Sets -------------------------------------------------------------------------------------------------------- */

/* Like mbconv_usable_isas(), but the sets of int8. */
MBCONV_API size_t mbconv_usable_isas_i8(mbconv_isa *isas, size_t capacity);

#ifdef __cplusplus
}
#endif

#endif

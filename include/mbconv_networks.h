/* SPDX-License-Identifier: MIT
 *
 * mbconv_networks: whole networks made of mbconv's operators, with weights from a PyTorch checkpoint.
 *
 *     #include <mbconv_networks.h>
 *     #include <stdio.h>
 *     #include <stdlib.h>
 *
 *     int main(int count, char **words) {
 *       mbconv_network *network;
 *       mbconv_error error;
 *       if (count < 2 || mbconv_network_load(words[1], NULL, &network, &error) != MBCONV_OK) return 1;
 *       const mbconv_network_info *info = mbconv_network_info_of(network);
 *       const size_t bytes = mbconv_network_arena_size(network, 1);
 *       float *x = calloc(info->height * info->width * info->channels, sizeof *x);
 *       float *y = calloc(info->outputs, sizeof *y);
 *       void *arena = malloc(bytes);
 *       mbconv_network_run(network, 1, x, y, arena, bytes, NULL, &error);
 *       printf("%s: %g\n", info->name, y[0]);
 *       mbconv_network_destroy(network);
 *     }
 *
 * What mbconv.h says of objects, numbers, tensors and errors holds here too. A network is immutable: any number of
 * threads may run it at once, each call with its own arena. Reading a file takes memory from malloc as well as from the
 * allocator, and gives it back before the call returns.
 *
 * A network has a default size of images: the options name it, or the network has its own. One network runs images of
 * any size: functions whose names end in _at are told the height and width of the images. Those without _at mean the
 * default size. Packed weights do not depend on the size, so nothing is packed again. A call at another size than the
 * default plans anew: that takes no memory and tens of microseconds. No size is too small, as each layer is padded. A
 * height or width of 0 is refused, and so is an image that does not fit into memory; the message names the layer.
 *
 * A network is of f32 or of int8 (MBCONV_S8, MBCONV_U8), whose layers compute what LiteRT's default does:
 * MBCONV_I8_FP32 and MBCONV_I8_ADD_XNNPACK in mbconv_i8.h. Its images are NHWC; x and y are bytes, or floats by its
 * doors. All that is said of floats below is said of bytes then. The single blocks "plain" and "bottleneck" have no
 * form in int8; libraries that are built with MBCONV_TYPES=f32 refuse them all.
 */
#ifndef MBCONV_NETWORKS_H
#define MBCONV_NETWORKS_H

#include <mbconv.h>
#include <mbconv_i8.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Networks ---------------------------------------------------------------------------------------------------- */

/* The networks, by name. They are torchvision's, with its paddings, where it has them; else timm's:
 *
 *     mobilenet_v1, mobilenet_v1_1.25
 *     mobilenet_v2                          width 1; mobilenet_v2_0.5 and the like for other widths, 0.1 to 4
 *     mobilenet_v3_small, mobilenet_v3_large
 *     mobilenet_v4_conv_small, mobilenet_v4_conv_medium, mobilenet_v4_conv_large
 *     mnasnet0_5, mnasnet0_75, mnasnet1_0, mnasnet1_3
 *     efficientnet_b0 ... efficientnet_b8
 *     efficientnet_lite0 ... efficientnet_lite4   with the padding of their authors, TensorFlow's SAME
 *     efficientnet_v2_s, efficientnet_v2_m, efficientnet_v2_l, efficientnet_v2_b0 ... efficientnet_v2_b3
 *     mbconv, plain, bottleneck             single blocks of 16 channels on 32x32 pixels: the inverted bottleneck
 *                                           (SiLU, expansion 6), Conv-BN-ReLU twice, and the classic bottleneck (ReLU)
 *     mbconv_relu, plain_silu, bottleneck_silu   the same with the other activation, for comparison: with random
 *                                           weights only, as a file does not tell them apart; not listed
 *
 * Lists up to `capacity` of the names (width 1 only); `names` may be NULL. Returns how many there are; the strings are
 * static. */
MBCONV_API size_t mbconv_network_names(const char **names, size_t capacity);

/* Made by mbconv_network_load(), _load_memory() or _random(). */
typedef struct mbconv_network mbconv_network;

/* How convolutions are padded. At stride 1 both are the same. */
typedef enum mbconv_padding {
  MBCONV_PADDING_OWN = 0,   /* what the file says, or else the network's own: mostly symmetric */
  MBCONV_PADDING_SYMMETRIC, /* PyTorch's: kernel / 2 on all sides */
  MBCONV_PADDING_SAME /* TensorFlow's, of timm's tf_* networks: the output has input / stride pixels, rounded up; an odd
                         pixel of padding is at the bottom and on the right */
} mbconv_padding;

/* How a network is made; NULL stands for all defaults. */
typedef struct mbconv_network_options {
  size_t struct_size;            /* sizeof this struct, or 0: see mbconv.h */
  const mbconv_options *kernels; /* instruction set, variant of the exponential, allocator; NULL for the defaults */
  size_t height, width;          /* of the images, by default; both 0 for the size that the network was trained for */
  mbconv_layout layout;          /* of the images. Single blocks are NHWC only; their output is NHWC, too */
  size_t threads;                /* the most that a run will be given; 0 counts as 1 */
  float epsilon;                 /* of all batch norms; 0 for what the file says, or else the network's own */
  size_t classes;                /* random weights: 0 for 1000 */
  uint64_t seed;                 /* random weights */
  mbconv_padding padding;
  mbconv_type type; /* random weights: of the network; a file's network must be of it, if it is not F32 */
  mbconv_i8_door x_door,
      y_door; /* int8: x and y are bytes, or floats by their doors, see mbconv_i8.h; in f32 floats anyway */
} mbconv_network_options;

/* Makes the network whose weights are in a safetensors file: which it is, its width and its number of classes are told
 * from the names and shapes of the tensors, which are torchvision's, timm's or efficientnet_pytorch's, all of them
 * behind "module." or "_orig_mod." or not. Every tensor of the network must be there, and no other, apart from
 * num_batches_tracked. Only the classifier may be missing: then the outputs are the features that it would have been
 * given. Tensors are F32; F16 and BF16, and F64 if all of its values are floats, are read as the floats that they are.
 * What names and shapes do not tell (padding, epsilon, strides, activations, preprocessing) the file's metadata may, as
 * networks/export.py writes them; info.assumed lists what was left open. Any other file is MBCONV_BAD_FILE, and the
 * message names the tensor. (If memory runs out while Jansson reads the header, it may be MBCONV_BAD_FILE as well.)
 * The file is mapped into memory until its weights are packed: truncating the file while it loads kills the process
 * with SIGBUS. */
MBCONV_API mbconv_status mbconv_network_load(const char *path, const mbconv_network_options *options,
                                             mbconv_network **out, mbconv_error *error);

/* Like mbconv_network_load(), from the `size` bytes of such a file at `data`. */
MBCONV_API mbconv_status mbconv_network_load_memory(const void *data, size_t size,
                                                    const mbconv_network_options *options, mbconv_network **out,
                                                    mbconv_error *error);

/* Like mbconv_network_load(), with random weights for the network `name`: the same for the same seed. They are scaled
 * so that activations stay of moderate size. Those of int8 are the quantized ones of f32, with the ranges that values
 * have for one random image; the same bytes on every machine. */
MBCONV_API mbconv_status mbconv_network_random(const char *name, const mbconv_network_options *options,
                                               mbconv_network **out, mbconv_error *error);

/* Writes the safetensors file of what mbconv_network_random() makes, in int8: `options` and their `type` must be given.
 * MBCONV_BAD_FILE, with what the system says, if it cannot be written; then no file is left. */
MBCONV_API mbconv_status mbconv_network_write_random(const char *name, const mbconv_network_options *options,
                                                     const char *path, mbconv_error *error);

/* What neither a file nor the options say, though the tensors' names leave it open. */
enum {
  MBCONV_ASSUMED_PADDING = 1,      /* symmetric: but timm's tf_* networks have the same names, and padding SAME */
  MBCONV_ASSUMED_EPSILON = 2,      /* 1e-5, or 1e-3 with padding SAME: under timm's names it may be either */
  MBCONV_ASSUMED_PREPROCESSING = 4 /* of its authors' first weights of this network */
};

/* What a network is. */
typedef struct mbconv_network_info {
  const char *name;               /* lives as long as the network */
  mbconv_isa isa;                 /* never AUTO */
  mbconv_exp exp;                 /* never AUTO */
  mbconv_layout layout;           /* of the images */
  size_t height, width, channels; /* of the images; height and width are the default size */
  size_t outputs; /* floats per image in y at the default size: the classes, the features if there is no classifier, or
                     the height * width * channels of a block */
  size_t layers;
  size_t weight_bytes; /* packed */
  size_t threads;      /* the most that a run may be given */
  size_t resize;       /* preprocessing of images: the shorter side is resized to this, then the centre is cut out */
  size_t crop;
  int bicubic;                 /* resized with bicubic instead of bilinear interpolation */
  mbconv_counts counts;        /* for an image of the default size */
  float mean[3], deviation[3]; /* of the colours, from 0 to 1: x = (colour - mean) / deviation */
  size_t classes;              /* 0 if the outputs are none: without a classifier, and of a block */
  mbconv_padding padding;      /* never OWN */
  float epsilon;               /* of the batch norms; 0 in int8, which has none */
  unsigned assumed;            /* bits of MBCONV_ASSUMED_* */
  mbconv_type type;            /* F32; or S8 or U8, int8 */
  mbconv_i8_door x_door, y_door;
  mbconv_quantization input, output; /* in int8: what the bytes of images and of outputs stand for; else zeros */
} mbconv_network_info;

/* Lives as long as the network; NULL for NULL. Later versions may append fields. */
MBCONV_API const mbconv_network_info *mbconv_network_info_of(const mbconv_network *network);

/* Frees it; NULL is allowed. */
MBCONV_API void mbconv_network_destroy(mbconv_network *network);

/* ---- Run --------------------------------------------------------------------------------------------------------- */

/* Bytes of the arena, which holds activations and scratch, for a run of up to `batch` images on as many threads as the
 * network was made for; SIZE_MAX if they do not fit, or for NULL. It needs no alignment and no initialisation; on huge
 * pages it is faster. Images are run one by one up to the pooling, the fully connected layers for all at once: an image
 * more takes only its features' floats. */
MBCONV_API size_t mbconv_network_arena_size(const mbconv_network *network, size_t batch);

/* x [batch] images in the network's layout, of floats, or bytes in int8, to y [batch][outputs]: logits, or the output
 * of a block. Batch 0 does nothing. x, y and the arena must not overlap. */
MBCONV_API mbconv_status mbconv_network_run(const mbconv_network *network, size_t batch, const void *x, void *y,
                                            void *arena, size_t arena_size, const mbconv_threads *threads,
                                            mbconv_error *error);

/* Floats per image in y, for images of height x width. They depend on the size only where the network is a single
 * block. */
MBCONV_API mbconv_status mbconv_network_outputs_at(const mbconv_network *network, size_t height, size_t width,
                                                   size_t *outputs, mbconv_error *error);

/* Like mbconv_network_arena_size(), for images of height x width: *bytes may be SIZE_MAX as well. On failure *bytes is
 * not written. */
MBCONV_API mbconv_status mbconv_network_arena_size_at(const mbconv_network *network, size_t batch, size_t height,
                                                      size_t width, size_t *bytes, mbconv_error *error);

/* Like mbconv_network_run(), for images of height x width. */
MBCONV_API mbconv_status mbconv_network_run_at(const mbconv_network *network, size_t batch, size_t height, size_t width,
                                               const void *x, void *y, void *arena, size_t arena_size,
                                               const mbconv_threads *threads, mbconv_error *error);

/* Like mbconv_network_run(), but only layers [first, last) of one image: what the layers before `first` left in the
 * arena is read from there. For timing. */
MBCONV_API mbconv_status mbconv_network_run_layers(const mbconv_network *network, size_t first, size_t last,
                                                   const void *x, void *y, void *arena, size_t arena_size,
                                                   const mbconv_threads *threads, mbconv_error *error);

/* What a layer is. */
typedef struct mbconv_layer_info {
  size_t struct_size;             /* sizeof this struct, or 0: see mbconv.h */
  char name[64];                  /* such as "block 3x3/2 16-96-24" */
  size_t height, width, channels; /* of its output */
  size_t scratch_bytes;           /* on as many threads as the network was made for */
  mbconv_counts counts;
} mbconv_layer_info;

/* Layer `index`, for images of the default size; lives as long as the network. NULL for an index that is not below
 * `layers`, or without a network. Later versions may append fields; struct_size is what this library's struct has. */
MBCONV_API const mbconv_layer_info *mbconv_network_layer(const mbconv_network *network, size_t index);

/* Fills *layer, struct_size apart, which the caller sets, with layer `index` for images of height x width. An index
 * that is not below `layers`, or a struct_size that the library does not know, is refused. On failure *layer is not
 * written. */
MBCONV_API mbconv_status mbconv_network_layer_at(const mbconv_network *network, size_t index, size_t height,
                                                 size_t width, mbconv_layer_info *layer, mbconv_error *error);

/* ---- Logits ------------------------------------------------------------------------------------------------------ */

/* probabilities[i] = exp(logits[i] - the largest) / their sum, in double, rounded once; may be done in place. NaN or
 * +inf among the logits makes all of them NaN. n 0 does nothing. */
MBCONV_API void mbconv_softmax(size_t n, const float *logits, float *probabilities);

/* The indices of the k largest of n values, largest first; of equals the lower index first; NaN comes after all
 * numbers. Returns how many were written: k, or n if that is less. */
MBCONV_API size_t mbconv_top_k(size_t n, const float *values, size_t k, size_t *indices);

#ifdef __cplusplus
}
#endif

#endif

/* SPDX-License-Identifier: MIT
 *
 * What this delegate reads of its host, LiteRT (TensorFlow Lite): the structs of the host's C interface, declared by
 * ourselves as far as they are used. The host promises that fields are only added, at the end of a struct; README.md
 * has the table of the versions that were tried. A context carries neither its version nor its size, so graph.c checks
 * every pointer and count before it is used.
 *
 * Fields that are never used are there for their size, and have the type that has it.
 */
#ifndef MBCONV_LITERT_HOST_H
#define MBCONV_LITERT_HOST_H

#include <stddef.h>
#include <stdint.h>

/* A struct that the host passes by value may be longer than it knows: on 64-bit systems that changes nothing for it. */
_Static_assert(sizeof(void *) == 8, "the delegate is for 64-bit systems");

typedef void host_unused(void);

enum { HOST_OK = 0, HOST_ERROR = 1 }; /* what the host's functions, and ours that it calls, return */

enum host_type { HOST_F32 = 1, HOST_I32 = 2, HOST_I8 = 9, HOST_F16 = 10, HOST_MOST_TYPES = 40 };

/* Where a tensor's data are. A constant of the model is mapped. */
enum host_allocation { HOST_MAPPED = 1, HOST_DYNAMIC = 4, HOST_MOST_ALLOCATIONS = 15 };

enum host_quantization { HOST_AFFINE = 1, HOST_MOST_QUANTIZATIONS = 7 };

enum host_padding { HOST_SAME = 1, HOST_VALID = 2 };

enum host_fused { HOST_NONE = 0, HOST_RELU = 1, HOST_RELU6 = 3 }; /* activations in other operators */

/* Codes of operators, as in the format of .tflite files. */
enum host_code {
  HOST_ADD = 0,
  HOST_AVERAGE_POOL_2D = 1,
  HOST_CONCATENATION = 2,
  HOST_CONV_2D = 3,
  HOST_DEPTHWISE_CONV_2D = 4,
  HOST_DEQUANTIZE = 6,
  HOST_FULLY_CONNECTED = 9,
  HOST_LOGISTIC = 14,
  HOST_MAX_POOL_2D = 17,
  HOST_MUL = 18,
  HOST_OP_RELU = 19,
  HOST_OP_RELU6 = 21,
  HOST_RESHAPE = 22,
  HOST_RESIZE_BILINEAR = 23,
  HOST_SOFTMAX = 25,
  HOST_PAD = 34,
  HOST_MEAN = 40,
  HOST_SUB = 41,
  HOST_SQUEEZE = 43,
  HOST_STRIDED_SLICE = 45,
  HOST_PRELU = 54,
  HOST_SHAPE = 77,
  HOST_PACK = 83,
  HOST_RESIZE_NEAREST = 97,
  HOST_LEAKY_RELU = 98,
  HOST_QUANTIZE = 114,
  HOST_HARD_SWISH = 117
};

typedef struct host_ints {
  int count;
  int values[];
} host_ints;

typedef struct host_floats {
  int count;
  float values[];
} host_floats;

typedef struct host_affine {
  host_floats *scales;
  host_ints *zero_points;
  int32_t dimension; /* whose indices the scales belong to */
} host_affine;

typedef struct host_tensor {
  int type; /* host_type */
  void *data;
  host_ints *dims;
  uint64_t legacy_quantization;
  int allocation; /* host_allocation */
  size_t bytes;
  const void *file;
  const char *name;
  void *delegate;
  int handle;
  unsigned char stale, variable; /* truths: another value shows that this is not a tensor */
  struct {
    int type;
    void *parameters; /* host_affine, if type is HOST_AFFINE */
  } quantization;
  void *sparsity;
  const host_ints *signature;
} host_tensor;

typedef struct host_node {
  host_ints *inputs, *outputs, *intermediates, *temporaries; /* numbers of tensors; inputs may be -1: none */
  void *ours;                                                /* what init returned */
  void *parameters; /* a struct of the operator's kind; of a delegate's node, host_partition */
  const void *custom;
  int custom_size;
  void *delegate;
} host_node;

typedef struct host_context host_context;
typedef struct host_delegate host_delegate;

/* How a kind of node is run. */
typedef struct host_registration {
  void *(*init)(host_context *context, const char *partition, size_t size);
  void (*free)(host_context *context, void *ours);
  int (*prepare)(host_context *context, host_node *node);
  int (*invoke)(host_context *context, host_node *node);
  host_unused *profiling_string;
  int32_t code; /* host_code */
  const char *name;
  int version;
  void *external;
  host_unused *async;
  uint64_t in_place;
  void *later[4]; /* zeros, for fields of later hosts */
} host_registration;

/* Nodes that a delegate's node replaces, and the tensors by which the rest of the graph meets them. */
typedef struct host_partition {
  host_delegate *delegate;
  host_ints *nodes, *inputs, *outputs; /* the inputs with the constants */
} host_partition;

struct host_context {
  size_t tensor_count;
  int (*plan)(host_context *context, host_ints **nodes); /* the nodes in the order in which they run */
  host_tensor *tensors;
  void *implementation;
  int (*resize)(host_context *context, host_tensor *tensor, host_ints *dims); /* dims, of malloc(), become the host's */
  void (*report)(host_context *context, const char *format, ...);
  host_unused *add_tensors;
  int (*node)(host_context *context, int index, host_node **node, host_registration **registration);
  int (*replace)(host_context *context, host_registration registration, const host_ints *nodes,
                 host_delegate *delegate);
  int threads; /* of the interpreter; less than 1: its default. The host's kernels of the rest are made with it later */
  host_unused *get_external, *set_external;
  unsigned char relaxed;
  void *profiler;
  host_unused *allocate_persistent, *allocate_for_run, *request_scratch, *get_scratch, *resize_explicit;
  /* What `replace` would make of the nodes. The partitions are the host's, until the next call. */
  int (*preview)(host_context *context, const host_ints *nodes, host_partition **partitions, int *count);
};

struct host_delegate {
  void *ours;
  int (*prepare)(host_context *context, host_delegate *delegate);
  host_unused *copy_from_handle, *copy_to_handle, *free_handle;
  int64_t flags;
  void *opaque_builder;
};

enum { HOST_ALLOWS_DYNAMIC = 1 }; /* a delegate's flag: graphs may have tensors whose shapes are found during a run */

/* ---- Parameters of operators ------------------------------------------------------------------------------------- */

typedef struct host_conv {
  int padding, stride_width, stride_height, fused, dilation_width, dilation_height;
} host_conv;

typedef struct host_depthwise {
  int padding, stride_width, stride_height, multiplier, fused, dilation_width, dilation_height;
} host_depthwise;

typedef struct host_arithmetic { /* of ADD and MUL */
  int fused;
} host_arithmetic;

typedef struct host_pool {
  int padding, stride_width, stride_height, filter_width, filter_height, fused;
} host_pool;

typedef struct host_connected { /* of FULLY_CONNECTED */
  int fused, format;            /* format: of the weights, 0 for [out][in] */
} host_connected;

typedef struct host_reducer { /* of MEAN */
  unsigned char keep_dims;
} host_reducer;

typedef struct host_slice { /* of STRIDED_SLICE: bits, one per dimension */
  int begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_mask;
} host_slice;

typedef struct host_pack {
  int count, axis;
} host_pack;

typedef struct host_leaky_relu {
  float alpha;
} host_leaky_relu;

#endif

/* SPDX-License-Identifier: MIT
 *
 * The native half of Block.kt. Whatever is wrong becomes an IllegalArgumentException with the library's message.
 */
#include <jni.h>
#include <mbconv.h>
#include <stdlib.h>

struct block {
  mbconv_block *block;
  void *scratch;
  size_t scratch_size;
  jlong x_bytes, y_bytes;
};

static void fail(JNIEnv *env, const char *message) {
  const jclass exception = (*env)->FindClass(env, "java/lang/IllegalArgumentException");
  if (exception) (*env)->ThrowNew(env, exception, message);
}

/* The arrays of a convolution, pinned or copied by the virtual machine until release(). */
struct arrays {
  jfloatArray weight, bias;
  mbconv_conv conv;
};

static int acquire(JNIEnv *env, struct arrays *arrays, jlong out, jlong terms) {
  if ((*env)->GetArrayLength(env, arrays->weight) != out * terms) return 0;
  if ((*env)->GetArrayLength(env, arrays->bias) != out) return 0;
  arrays->conv.weight = (*env)->GetFloatArrayElements(env, arrays->weight, NULL);
  arrays->conv.bias = (*env)->GetFloatArrayElements(env, arrays->bias, NULL);
  return arrays->conv.weight && arrays->conv.bias;
}

static void release(JNIEnv *env, const struct arrays *arrays) {
  const mbconv_conv *conv = &arrays->conv;
  if (conv->weight) (*env)->ReleaseFloatArrayElements(env, arrays->weight, (jfloat *)conv->weight, JNI_ABORT);
  if (conv->bias) (*env)->ReleaseFloatArrayElements(env, arrays->bias, (jfloat *)conv->bias, JNI_ABORT);
}

static void destroy(struct block *block) {
  if (!block) return;
  mbconv_block_destroy(block->block);
  free(block->scratch);
  free(block);
}

static struct block *create(const mbconv_block_desc *desc, mbconv_error *error) {
  struct block *block = calloc(1, sizeof *block);
  if (!block || mbconv_block_create(desc, NULL, &block->block, error) != MBCONV_OK) {
    destroy(block);
    return NULL;
  }
  size_t height, width;
  mbconv_block_output_size(block->block, &height, &width);
  block->x_bytes = (jlong)(desc->height * desc->width * desc->in_channels * sizeof(float));
  block->y_bytes = (jlong)(height * width * desc->out_channels * sizeof(float));
  block->scratch_size = mbconv_block_scratch_size(block->block, 1);
  block->scratch = malloc(block->scratch_size);
  if (block->scratch) return block;
  destroy(block);
  return NULL;
}

JNIEXPORT jlong JNICALL Java_org_mbconv_Block_create(JNIEnv *env, jclass class, jint height, jint width, jint in,
                                                     jint expanded, jint out, jint kernel, jint stride, jint activation,
                                                     jfloatArray expand_weight, jfloatArray expand_bias,
                                                     jfloatArray depthwise_weight, jfloatArray depthwise_bias,
                                                     jfloatArray project_weight, jfloatArray project_bias) {
  (void)class;
  const jint sizes[] = {height, width, in, expanded, out, kernel, stride};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    if (sizes[i] < 1) return fail(env, "a size is not positive"), 0;
  }
  struct arrays expand = {.weight = expand_weight, .bias = expand_bias};
  struct arrays depthwise = {.weight = depthwise_weight, .bias = depthwise_bias};
  struct arrays project = {.weight = project_weight, .bias = project_bias};
  const size_t pad = (size_t)kernel / 2;
  const mbconv_block_desc desc = {.struct_size = sizeof desc,
                                  .height = (size_t)height,
                                  .width = (size_t)width,
                                  .in_channels = (size_t)in,
                                  .expanded_channels = (size_t)expanded,
                                  .out_channels = (size_t)out,
                                  .expand = &expand.conv,
                                  .depthwise = &depthwise.conv,
                                  .project = &project.conv,
                                  .kernel = (size_t)kernel,
                                  .stride = (size_t)stride,
                                  .pad = {pad, pad, pad, pad},
                                  .activation = (mbconv_activation_kind)activation};
  mbconv_error error = {.message = "no memory"};
  struct block *block = NULL;
  const int acquired = acquire(env, &expand, expanded, in) &&
                       acquire(env, &depthwise, expanded, (jlong)kernel * kernel) &&
                       acquire(env, &project, out, expanded);
  if (acquired) block = create(&desc, &error);
  release(env, &expand), release(env, &depthwise), release(env, &project);
  if (!block) fail(env, acquired ? error.message : "an array of weights or biases has the wrong length");
  return (jlong)(uintptr_t)block;
}

JNIEXPORT void JNICALL Java_org_mbconv_Block_run(JNIEnv *env, jclass class, jlong native, jobject x, jobject y) {
  (void)class;
  const struct block *block = (const struct block *)(uintptr_t)native;
  if (!block) {
    fail(env, "the block is closed");
    return;
  }
  const float *from = (*env)->GetDirectBufferAddress(env, x);
  float *to = (*env)->GetDirectBufferAddress(env, y);
  if (!from || !to || (*env)->GetDirectBufferCapacity(env, x) < block->x_bytes ||
      (*env)->GetDirectBufferCapacity(env, y) < block->y_bytes) {
    fail(env, "a buffer is not direct or too small");
    return;
  }
  mbconv_error error;
  if (mbconv_block_run(block->block, 1, from, to, block->scratch, block->scratch_size, NULL, &error) != MBCONV_OK)
    fail(env, error.message);
}

JNIEXPORT void JNICALL Java_org_mbconv_Block_destroy(JNIEnv *env, jclass class, jlong native) {
  (void)env, (void)class;
  destroy((struct block *)(uintptr_t)native);
}

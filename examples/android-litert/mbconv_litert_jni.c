/* SPDX-License-Identifier: MIT
 *
 * The native half of MbconvDelegate.kt. Whatever is wrong becomes an IllegalArgumentException with the delegate's
 * message.
 */
#include <jni.h>
#include <mbconv_litert.h>
#include <stdint.h>
#include <string.h>

static char reason[300]; /* create() is synchronized */

static void keep(const char *message) {
  const size_t length = strlen(message), most = sizeof reason - 1;
  memcpy(reason, message, length < most ? length : most);
  reason[length < most ? length : most] = '\0';
}

JNIEXPORT jlong JNICALL Java_org_mbconv_MbconvDelegate_create(JNIEnv *env, jclass class, jint kernels, jint threads,
                                                              jboolean verbose) {
  (void)class;
  const mbconv_litert_options options = {.struct_size = sizeof options,
                                         .kernels = (mbconv_litert_kernels)kernels,
                                         .threads = (size_t)threads,
                                         .verbose = verbose,
                                         .report = keep};
  struct TfLiteDelegate *delegate = mbconv_litert_create(&options);
  if (!delegate) {
    const jclass exception = (*env)->FindClass(env, "java/lang/IllegalArgumentException");
    if (exception) (*env)->ThrowNew(env, exception, reason);
  }
  return (jlong)(uintptr_t)delegate;
}

JNIEXPORT void JNICALL Java_org_mbconv_MbconvDelegate_destroy(JNIEnv *env, jclass class, jlong delegate) {
  (void)env, (void)class;
  mbconv_litert_destroy((struct TfLiteDelegate *)(uintptr_t)delegate);
}

// SPDX-License-Identifier: MIT
package org.mbconv

import org.tensorflow.lite.Delegate

/**
 * mbconv under an Interpreter of org.tensorflow.lite:
 *
 *     MbconvDelegate().use { delegate ->
 *       Interpreter(model, Interpreter.Options().setUseXNNPACK(true).addDelegate(delegate)).use { it.run(x, y) }
 *     }
 *
 * It must outlive the interpreters that have it. int8 is taken if `kernels` says whose bytes the interpreter alone would
 * give. `threads` 0 stands for the interpreter's.
 */
class MbconvDelegate(kernels: Kernels = Kernels.UNKNOWN, threads: Int = 0, verbose: Boolean = false) :
    Delegate, AutoCloseable {
  enum class Kernels { UNKNOWN, XNNPACK, REFERENCE } // in the order of mbconv_litert.h

  private var native = create(kernels.ordinal, threads, verbose)

  override fun getNativeHandle(): Long = native

  override fun close() {
    destroy(native)
    native = 0
  }

  companion object {
    init {
      System.loadLibrary("mbconv_litert_jni")
    }

    @JvmStatic @Synchronized private external fun create(kernels: Int, threads: Int, verbose: Boolean): Long

    @JvmStatic private external fun destroy(native: Long)
  }
}

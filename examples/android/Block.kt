// SPDX-License-Identifier: MIT
package org.mbconv

import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * One MBConv block, batch 1, NHWC. Weights are PyTorch's arrays, flat, with BN folded or none; biases one float per
 * channel. An object is for one thread at a time.
 */
class Block(
    private val height: Int, private val width: Int, private val inChannels: Int, expandedChannels: Int,
    private val outChannels: Int, kernel: Int, private val stride: Int, activation: Activation,
    expandWeight: FloatArray, expandBias: FloatArray, depthwiseWeight: FloatArray, depthwiseBias: FloatArray,
    projectWeight: FloatArray, projectBias: FloatArray,
) : AutoCloseable {
  enum class Activation { NONE, RELU, RELU6, SILU, SIGMOID, HARD_SIGMOID, HARD_SWISH } // in the order of mbconv.h

  private var native = create(
      height, width, inChannels, expandedChannels, outChannels, kernel, stride, activation.ordinal,
      expandWeight, expandBias, depthwiseWeight, depthwiseBias, projectWeight, projectBias)

  fun newInput(): ByteBuffer = newFloats(height * width * inChannels)

  fun newOutput(): ByteBuffer = newFloats(-(-height / stride) * -(-width / stride) * outChannels)

  /** `x` and `y` are direct buffers of floats in native order, as newInput() and newOutput() make them. */
  fun run(x: ByteBuffer, y: ByteBuffer) = run(native, x, y)

  override fun close() {
    destroy(native)
    native = 0
  }

  companion object {
    init {
      System.loadLibrary("mbconv_jni")
    }

    private fun newFloats(count: Int) = ByteBuffer.allocateDirect(4 * count).order(ByteOrder.nativeOrder())

    @JvmStatic private external fun create(
        height: Int, width: Int, inChannels: Int, expandedChannels: Int, outChannels: Int, kernel: Int, stride: Int,
        activation: Int, expandWeight: FloatArray, expandBias: FloatArray, depthwiseWeight: FloatArray,
        depthwiseBias: FloatArray, projectWeight: FloatArray, projectBias: FloatArray): Long

    @JvmStatic private external fun run(native: Long, x: ByteBuffer, y: ByteBuffer)

    @JvmStatic private external fun destroy(native: Long)
  }
}

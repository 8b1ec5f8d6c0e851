/* SPDX-License-Identifier: MIT
 *
 * What else people keep networks in, told from the first bytes.
 */
#include <string.h>

#include "tensors.h"

#define EXPORT "; networks/export.py makes safetensors of "

const char *mbconv_other_format(const void *file, size_t size) {
  /* A safetensors file begins with the length of its header, which is below 2^56, and with the header. */
  const unsigned char *bytes = file;
  if (size > 8 && bytes[7] == 0 && bytes[8] == '{') return NULL;
  static const struct {
    size_t offset, length;
    const char *bytes, *name;
  } formats[] = {
      {0, 4, "PK\3\4", "a zip archive, as PyTorch's checkpoints (.pth, .pt) are" EXPORT "these"},
      {0, 2, "\x80\2", "a pickle, as PyTorch's old checkpoints (.pth) are" EXPORT "these"},
      {4, 4, "TFL3", "a model of TensorFlow Lite, which cannot be read here" EXPORT "PyTorch's checkpoints"},
      {0, 8, "\x89HDF\r\n\x1a\n", "HDF5, as Keras' weights are" EXPORT "PyTorch's checkpoints"},
      {0, 4, "GGUF", "GGUF" EXPORT "PyTorch's checkpoints"},
      {0, 6, "\x93NUMPY", "an array of NumPy" EXPORT "PyTorch's checkpoints"},
      {0, 2, "\x1f\x8b", "compressed by gzip"},
      {0, 8, "\x89PNG\r\n\x1a\n", "an image (PNG)"},
      {0, 3, "\xff\xd8\xff", "an image (JPEG)"},
      {0, 1, "{", "JSON without the eight bytes that say how long it is"},
      {0, 7, "version", "a pointer of git-lfs, which stands for a file that was not fetched"},
  };
  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
    const size_t offset = formats[i].offset, length = formats[i].length;
    if (size < offset + length || memcmp(bytes + offset, formats[i].bytes, length) != 0) continue;
    return formats[i].name;
  }
  /* ONNX is protobuf: field 1 (the version, below 128), then field 2, the name of who made it, or 7, the graph. */
  if (size >= 16 && bytes[0] == 8 && bytes[1] < 128 && (bytes[2] == 0x12 || bytes[2] == 0x3a))
    return "what seems a model of ONNX, which cannot be read here" EXPORT "PyTorch's checkpoints";
  return NULL;
}

#undef EXPORT

/* SPDX-License-Identifier: MIT
 *
 * Networks of int8 as safetensors files.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "quantized.h"
#include "status.h"

enum { PREFIX = 8 };

static bool is_bytes(const struct mbconv_tensor *tensor) { return mbconv_type_size(tensor->type) == 1; }

static size_t bytes_of(const struct mbconv_tensor *tensor) {
  size_t bytes = mbconv_type_size(tensor->type);
  for (size_t i = 0; i < tensor->rank; i++) bytes *= tensor->shape[i];
  return bytes;
}

/* Adds what the header says of a tensor that begins at *end, which moves behind it. */
static bool add_entry(json_t *header, const struct mbconv_tensor *tensor, size_t *end) {
  const size_t begin = *end;
  json_t *shape = json_array();
  bool good = shape != NULL;
  for (size_t i = 0; i < tensor->rank && good; i++)
    good = json_array_append_new(shape, json_integer((json_int_t)tensor->shape[i])) == 0;
  *end += bytes_of(tensor);
  json_t *entry = json_pack("{s:s, s:o, s:[I, I]}", "dtype", tensor->type, "shape", shape, "data_offsets",
                            (json_int_t)begin, (json_int_t)*end);
  return good && json_object_set_new(header, tensor->name, entry) == 0;
}

/* The header's text, from malloc, with spaces at its end, so that the data are aligned; NULL if there is no memory. */
static char *header_text(const struct mbconv_tensors *tensors, const struct mbconv_description *d,
                         mbconv_padding padding) {
  json_t *header =
      json_pack("{s:{s:s, s:s, s:s}}", "__metadata__", "mbconv.type", d->type == MBCONV_S8 ? "int8" : "uint8",
                "mbconv.network", d->name, "mbconv.padding", padding == MBCONV_PADDING_SAME ? "same" : "symmetric");
  size_t end = 0;
  bool good = header != NULL;
  for (int bytes = 0; bytes < 2; bytes++) /* floats and integers first: bytes are not of a size that aligns them */
    for (size_t i = 0; i < tensors->count && good; i++)
      if (is_bytes(&tensors->tensor[i]) == (bytes == 1)) good = add_entry(header, &tensors->tensor[i], &end);
  char *json = good ? json_dumps(header, JSON_COMPACT) : NULL;
  json_decref(header);
  if (!json) return NULL;
  const size_t length = strlen(json), padded = (length + PREFIX - 1) / PREFIX * PREFIX;
  char *text = malloc(padded + 1);
  if (text) {
    memset(text, ' ', padded);
    memcpy(text, json, length);
    text[padded] = '\0';
  }
  free(json);
  return text;
}

mbconv_status mbconv_quantized_write(const struct mbconv_tensors *tensors, const struct mbconv_description *d,
                                     mbconv_padding padding, FILE *file, mbconv_error *error) {
  char *text = header_text(tensors, d, padding);
  if (!text) return mbconv_network_fail(error, MBCONV_OUT_OF_MEMORY, "no memory for the header of %s", d->name);
  const size_t length = strlen(text);
  unsigned char prefix[PREFIX];
  for (size_t i = 0; i < PREFIX; i++) prefix[i] = (unsigned char)((uint64_t)length >> 8 * i);
  bool good = fwrite(prefix, 1, PREFIX, file) == PREFIX && fwrite(text, 1, length, file) == length;
  free(text);
  for (int bytes = 0; bytes < 2; bytes++)
    for (size_t i = 0; i < tensors->count && good; i++) {
      const struct mbconv_tensor *tensor = &tensors->tensor[i];
      if (is_bytes(tensor) != (bytes == 1)) continue;
      good = fwrite(tensor->bytes, 1, bytes_of(tensor), file) == bytes_of(tensor);
    }
  good = fflush(file) == 0 && good;
  return good ? MBCONV_OK : mbconv_network_fail(error, MBCONV_BAD_FILE, "%s", strerror(errno));
}

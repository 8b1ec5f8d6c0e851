/* SPDX-License-Identifier: MIT
 *
 * Safetensors: 8 bytes that say how long the JSON is, the JSON, the data. The JSON maps each name to {"dtype", "shape",
 * "data_offsets"}; the tensors must fill the data without gaps and overlaps.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "status.h"
#include "tensors.h"

/* The format allows headers of 100 MB, which a JSON library turns into gigabytes. A network's has some 100 bytes per
 * tensor: EfficientNet-B7's, 1,700 tensors, 0.2 MB. */
enum { PREFIX = 8, MOST_HEADER = 4 << 20 };

/* Brackets within brackets: the header, a tensor, its shape. Jansson recurses as deep as the text does, and with 4 KB
 * of brackets leaves the stack of a small thread. */
enum { MOST_DEPTH = 3 };

static mbconv_status bad(mbconv_error *error, const char *tensor, const char *what) {
  return mbconv_network_fail(error, MBCONV_BAD_FILE, "tensor \"%.80s\": %s", tensor, what);
}

/* A whole number that is not negative; false for anything else. Where a size_t has 32 bits, what it does not hold is
 * larger than all that there can be, as its largest value is. */
static bool size_of(const json_t *value, size_t *size) {
  if (!json_is_integer(value) || json_integer_value(value) < 0) return false;
  *size = (size_t)json_integer_value(value);
  if ((json_int_t)*size != json_integer_value(value)) *size = SIZE_MAX;
  return true;
}

static mbconv_status read_shape(const json_t *shape, struct mbconv_tensor *tensor, mbconv_error *error) {
  if (!json_is_array(shape)) return bad(error, tensor->name, "has no shape");
  tensor->rank = json_array_size(shape);
  if (tensor->rank > MBCONV_MOST_DIMENSIONS) return bad(error, tensor->name, "has too many dimensions");
  for (size_t i = 0; i < tensor->rank; i++)
    if (!size_of(json_array_get(shape, i), &tensor->shape[i])) return bad(error, tensor->name, "its shape is no shape");
  return MBCONV_OK;
}

/* Type, shape and place of one tensor, within `size` bytes of data. */
static mbconv_status read_tensor(const json_t *entry, size_t size, struct mbconv_tensor *tensor, mbconv_error *error) {
  if (!json_is_object(entry) || json_object_size(entry) != 3)
    return bad(error, tensor->name, "is not described by dtype, shape and data_offsets");
  const char *type = json_string_value(json_object_get(entry, "dtype"));
  if (!type) return bad(error, tensor->name, "has no dtype");
  size_t bytes = mbconv_type_size(type);
  if (bytes == 0)
    return mbconv_network_fail(error, MBCONV_BAD_FILE, "tensor \"%.80s\": its dtype \"%.20s\" is unknown", tensor->name,
                               type);
  strcpy(tensor->type, type);
  mbconv_status status = read_shape(json_object_get(entry, "shape"), tensor, error);
  if (status != MBCONV_OK) return status;
  const json_t *offsets = json_object_get(entry, "data_offsets");
  if (json_array_size(offsets) != 2 || !size_of(json_array_get(offsets, 0), &tensor->begin) ||
      !size_of(json_array_get(offsets, 1), &tensor->end))
    return bad(error, tensor->name, "its data_offsets are not two offsets");
  if (tensor->begin > tensor->end || tensor->end > size)
    return mbconv_network_fail(error, MBCONV_BAD_FILE,
                               "tensor \"%.80s\": its data lie at %zu to %zu, but the file has %zu bytes of them",
                               tensor->name, tensor->begin, tensor->end, size);
  for (size_t i = 0; i < tensor->rank; i++)
    if (__builtin_mul_overflow(bytes, tensor->shape[i], &bytes)) return bad(error, tensor->name, "its shape overflows");
  if (bytes != tensor->end - tensor->begin)
    return mbconv_network_fail(error, MBCONV_BAD_FILE, "tensor \"%.80s\": its shape takes %zu bytes, its data have %zu",
                               tensor->name, bytes, tensor->end - tensor->begin);
  return MBCONV_OK;
}

static mbconv_status read_metadata(json_t *metadata, struct mbconv_tensors *tensors, mbconv_error *error) {
  const char *key;
  json_t *value;
  if (!json_is_object(metadata)) return mbconv_network_fail(error, MBCONV_BAD_FILE, "__metadata__ is not an object");
  json_object_foreach(metadata, key, value) {
    if (!json_is_string(value))
      return mbconv_network_fail(error, MBCONV_BAD_FILE, "__metadata__: \"%.80s\" is not a string", key);
    const mbconv_status status = mbconv_metadata_read(&tensors->metadata, key, json_string_value(value), error);
    if (status != MBCONV_OK) return status;
  }
  return MBCONV_OK;
}

static int by_place(const void *a, const void *b) {
  const struct mbconv_tensor *first = a, *second = b;
  if (first->begin != second->begin) return first->begin < second->begin ? -1 : 1;
  return first->end < second->end ? -1 : first->end > second->end;
}

/* One after the other, from the first byte to the last. */
static mbconv_status check_places(struct mbconv_tensors *tensors, size_t size, mbconv_error *error) {
  if (tensors->count > 1) qsort(tensors->tensor, tensors->count, sizeof *tensors->tensor, by_place);
  size_t end = 0;
  for (size_t i = 0; i < tensors->count; i++) {
    const struct mbconv_tensor *tensor = &tensors->tensor[i];
    if (tensor->begin < end)
      return mbconv_network_fail(error, MBCONV_BAD_FILE, "tensor \"%.80s\": its data overlap those of \"%.80s\"",
                                 tensor->name, tensor[-1].name);
    if (tensor->begin > end)
      return mbconv_network_fail(error, MBCONV_BAD_FILE,
                                 "tensor \"%.80s\": %zu bytes before its data belong to no tensor", tensor->name,
                                 tensor->begin - end);
    end = tensor->end;
  }
  if (end < size)
    return mbconv_network_fail(error, MBCONV_BAD_FILE, "the last %zu bytes of the file belong to no tensor",
                               size - end);
  return MBCONV_OK;
}

static mbconv_status read_entries(json_t *header, size_t size, struct mbconv_tensors *tensors, mbconv_error *error) {
  const char *key;
  json_t *value;
  tensors->tensor = calloc(json_object_size(header) + 1, sizeof *tensors->tensor);
  if (!tensors->tensor) return mbconv_network_fail(error, MBCONV_OUT_OF_MEMORY, "no memory for the tensors' names");
  json_object_foreach(header, key, value) {
    mbconv_status status;
    if (strcmp(key, "__metadata__") == 0) {
      status = read_metadata(value, tensors, error);
    } else {
      struct mbconv_tensor *tensor = &tensors->tensor[tensors->count];
      tensor->name = malloc(strlen(key) + 1);
      if (!tensor->name) return mbconv_network_fail(error, MBCONV_OUT_OF_MEMORY, "no memory for the tensors' names");
      strcpy(tensor->name, key);
      tensors->count++;
      status = read_tensor(value, size, tensor, error);
    }
    if (status != MBCONV_OK) return status;
  }
  return MBCONV_OK;
}

/* Whether the brackets in the JSON `text`, strings apart, are nested no deeper than MOST_DEPTH. */
static bool is_shallow(const char *text, size_t length) {
  size_t depth = 0;
  bool string = false;
  for (size_t i = 0; i < length; i++) {
    const char c = text[i];
    if (c == '"') string = !string;
    if (string) {
      if (c == '\\') i++; /* what follows is no end of the string */
    } else if (c == '[' || c == '{') {
      if (++depth > MOST_DEPTH) return false;
    } else if ((c == ']' || c == '}') && depth > 0) {
      depth--;
    }
  }
  return true;
}

/* The header as JSON, or NULL. */
static json_t *read_header(const char *text, size_t length, mbconv_error *error) {
  if (!is_shallow(text, length)) {
    mbconv_network_fail(error, MBCONV_BAD_FILE, "no safetensors file: its header has brackets more than %d deep",
                        MOST_DEPTH);
    return NULL;
  }
  json_error_t json_error;
  json_t *header = json_loadb(text, length, JSON_REJECT_DUPLICATES, &json_error);
  if (header) return header;
  /* Out of memory, Jansson mostly says nothing; sometimes it has lost a byte and finds fault with what it read. */
  if (json_error.text[0] == '\0')
    mbconv_network_fail(error, MBCONV_OUT_OF_MEMORY, "no memory to read the header with");
  else
    mbconv_network_fail(error, MBCONV_BAD_FILE, "the header is not JSON: %.150s, at byte %d", json_error.text,
                        json_error.position);
  return NULL;
}

mbconv_status mbconv_safetensors_read(const void *file, size_t size, struct mbconv_tensors *tensors,
                                      mbconv_error *error) {
  *tensors = (struct mbconv_tensors){0};
  const unsigned char *bytes = file;
  const char *other = mbconv_other_format(file, size);
  if (other) return mbconv_network_fail(error, MBCONV_BAD_FILE, "no safetensors file, but %s", other);
  if (size < PREFIX)
    return mbconv_network_fail(error, MBCONV_BAD_FILE, "no safetensors file: it has only %zu bytes", size);
  uint64_t length = 0;
  for (int i = PREFIX - 1; i >= 0; i--) length = length << 8 | bytes[i];
  if (length > size - PREFIX)
    return mbconv_network_fail(error, MBCONV_BAD_FILE,
                               "no safetensors file, or cut off: its header would have %llu bytes, the file has %zu",
                               (unsigned long long)length, size);
  if (length > MOST_HEADER)
    return mbconv_network_fail(error, MBCONV_BAD_FILE, "a header of %llu bytes is more than any network's: %d at most",
                               (unsigned long long)length, MOST_HEADER);
  mbconv_error cause;
  json_t *header = read_header((const char *)bytes + PREFIX, (size_t)length, &cause);
  if (!header) return mbconv_network_fail(error, cause.status, "%s", cause.message);
  const char *data = (const char *)bytes + PREFIX + length;
  const size_t data_size = size - PREFIX - (size_t)length;
  mbconv_status status = MBCONV_OK;
  if (!json_is_object(header)) status = mbconv_network_fail(error, MBCONV_BAD_FILE, "the header is not an object");
  if (status == MBCONV_OK) status = read_entries(header, data_size, tensors, error);
  json_decref(header);
  if (status == MBCONV_OK) status = check_places(tensors, data_size, error);
  if (status == MBCONV_OK) status = mbconv_tensors_place(data, tensors, error);
  if (status == MBCONV_OK)
    mbconv_tensors_sort(tensors);
  else
    mbconv_tensors_free(tensors);
  return status;
}

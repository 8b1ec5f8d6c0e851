/* SPDX-License-Identifier: MIT
 *
 * Where a network's weights come from: a file, memory, or chance.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "network.h"
#include "quantized.h"
#include "status.h"
#include "weights.h"

static const mbconv_network_options defaults;

mbconv_status mbconv_network_load_memory(const void *data, size_t size, const mbconv_network_options *options,
                                         mbconv_network **out, mbconv_error *error) {
  if (!out) return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "out is NULL");
  *out = NULL;
  if (!data) return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "data is NULL");
  struct mbconv_tensors tensors;
  struct mbconv_description description;
  mbconv_status status = mbconv_safetensors_read(data, size, &tensors, error);
  if (status != MBCONV_OK) return status;
  const struct mbconv_metadata *said = &tensors.metadata;
  status = said->type != MBCONV_F32 || *said->network ? mbconv_quantized_describe(&tensors, &description, error)
                                                      : mbconv_recognise(&tensors, &description, error);
  if (status == MBCONV_OK && description.type != MBCONV_F32 && options && options->epsilon > 0)
    status = mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "epsilon is given, but %s of int8 has no batch norms",
                                 description.name);
  if (status == MBCONV_OK)
    status = mbconv_network_make(&description, &tensors, options ? options : &defaults, out, error);
  mbconv_tensors_free(&tensors);
  return status;
}

mbconv_status mbconv_network_load(const char *path, const mbconv_network_options *options, mbconv_network **out,
                                  mbconv_error *error) {
  if (!out) return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "out is NULL");
  *out = NULL;
  if (!path) return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "path is NULL");
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return mbconv_network_fail(error, MBCONV_BAD_FILE, "%.150s: %s", path, strerror(errno));
  struct stat about;
  void *data = MAP_FAILED;
  if (fstat(file, &about) == 0 && S_ISREG(about.st_mode) && about.st_size > 0 &&
      about.st_size == (off_t)(size_t)about.st_size) /* an address of 32 bits has an end */
    data = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, file, 0);
  close(file);
  if (data == MAP_FAILED)
    return mbconv_network_fail(error, MBCONV_BAD_FILE, "%.150s: cannot be mapped, or is empty", path);
  const mbconv_status status = mbconv_network_load_memory(data, (size_t)about.st_size, options, out, error);
  munmap(data, (size_t)about.st_size);
  return status;
}

/* Random weights of the options' type, which becomes the description's, for the network `name`. In int8 *padding is the
 * one that they are made for. */
static mbconv_status make_random(const char *name, const mbconv_network_options *options, struct mbconv_description *d,
                                 struct mbconv_tensors *tensors, mbconv_padding *padding, mbconv_error *error) {
  if (options->classes > MBCONV_MOST_CLASSES)
    return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "%zu classes are more than a million", options->classes);
  if (!mbconv_describe(name, options->classes ? options->classes : MBCONV_DEFAULT_CLASSES, d))
    return mbconv_no_network(MBCONV_INVALID_ARGUMENT, "", name, error);
  const bool i8 = options->type == MBCONV_S8 || options->type == MBCONV_U8;
  mbconv_network_options known;
  if (!i8) return mbconv_random_tensors(d, options->seed, tensors, error);
  mbconv_status status = mbconv_quantized_layers(options->type, d, error);
  if (status == MBCONV_OK) status = mbconv_options_take(options, d, &known, error);
  struct mbconv_tensors floats;
  if (status == MBCONV_OK) status = mbconv_random_tensors(d, options->seed, &floats, error);
  if (status != MBCONV_OK) return status;
  *padding = known.padding;
  status = mbconv_quantize(d, &floats, known.padding, known.epsilon, known.seed, tensors, error);
  mbconv_tensors_free(&floats);
  return status;
}

mbconv_status mbconv_network_random(const char *name, const mbconv_network_options *options, mbconv_network **out,
                                    mbconv_error *error) {
  if (!out) return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "out is NULL");
  *out = NULL;
  if (!name) return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "name is NULL");
  if (!options) options = &defaults;
  struct mbconv_description description;
  struct mbconv_tensors tensors;
  mbconv_padding padding;
  mbconv_status status = make_random(name, options, &description, &tensors, &padding, error);
  if (status != MBCONV_OK) return status;
  status = mbconv_network_make(&description, &tensors, options, out, error);
  mbconv_tensors_free(&tensors);
  return status;
}

mbconv_status mbconv_network_write_random(const char *name, const mbconv_network_options *options, const char *path,
                                          mbconv_error *error) {
  if (!name || !path) return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "%s is NULL", name ? "path" : "name");
  if (!options || options->type == MBCONV_F32)
    return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "only networks of int8 are written, not of f32");
  struct mbconv_description description = {0};
  struct mbconv_tensors tensors;
  mbconv_padding padding = MBCONV_PADDING_OWN;
  mbconv_status status = make_random(name, options, &description, &tensors, &padding, error);
  if (status != MBCONV_OK) return status;
  FILE *file = fopen(path, "wb");
  mbconv_error cause = {.message = ""};
  status = file ? mbconv_quantized_write(&tensors, &description, padding, file, &cause) : MBCONV_BAD_FILE;
  const bool closed = file && fclose(file) == 0;
  if (status == MBCONV_OK && !closed) status = MBCONV_BAD_FILE;
  mbconv_tensors_free(&tensors);
  if (status == MBCONV_OK) return mbconv_network_succeed(error);
  mbconv_network_fail(error, status, "%.150s: %s", path, cause.message[0] ? cause.message : strerror(errno));
  struct stat about;
  if (file && stat(path, &about) == 0 && S_ISREG(about.st_mode)) remove(path);
  return status;
}

/* SPDX-License-Identifier: MIT
 *
 * Where a network's weights come from: a file, memory, or chance.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "network.h"
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
  status = mbconv_recognise(&tensors, &description, error);
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

mbconv_status mbconv_network_random(const char *name, const mbconv_network_options *options, mbconv_network **out,
                                    mbconv_error *error) {
  if (!out) return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "out is NULL");
  *out = NULL;
  if (!name) return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "name is NULL");
  if (!options) options = &defaults;
  struct mbconv_description description;
  if (options->classes > 1 << 20)
    return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "%zu classes are more than a million", options->classes);
  if (!mbconv_describe(name, options->classes ? options->classes : 1000, &description))
    return mbconv_network_fail(error, MBCONV_INVALID_ARGUMENT, "\"%.80s\" is no network known here", name);
  struct mbconv_tensors tensors;
  mbconv_status status = mbconv_random_tensors(&description, options->seed, &tensors, error);
  if (status != MBCONV_OK) return status;
  status = mbconv_network_make(&description, &tensors, options, out, error);
  mbconv_tensors_free(&tensors);
  return status;
}

/* SPDX-License-Identifier: MIT
 *
 * Several copies of the library in one process: the one linked into this program, and those in the shared objects named
 * on the command line. They run at the same time; all must give the same floats, and none may call another, this
 * program's functions or an impostor's.
 *
 * usage: copies IMPOSTOR LIBRARY...
 */
#include <dlfcn.h>
#include <mbconv.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 14, IN = 24, EXPANDED = 144, FLOATS = SIDE * SIDE * IN, MOST_COPIES = 8, RUNS = 200 };

/* A program that has cpu_features of its own, of another version. The library must not take them for its own. */
void GetX86Info(void);
void GetX86Info(void) { abort(); }
void GetAarch64Info(void);
void GetAarch64Info(void) { abort(); }

struct copy {
  const char *name;
  mbconv_status (*create)(const mbconv_block_desc *, const mbconv_options *, mbconv_block **, mbconv_error *);
  size_t (*scratch_size)(const mbconv_block *, size_t);
  mbconv_status (*run)(const mbconv_block *, size_t, const void *, void *, void *, size_t, const mbconv_threads *,
                       mbconv_error *);
  size_t (*describe)(const mbconv_block *, size_t, char *, size_t);
  void (*destroy)(mbconv_block *);
  float y[FLOATS];
  int failed;
};

static float weights[EXPANDED * IN], x[FLOATS];

/* The numbers are arbitrary. */
static void fill(float *numbers, size_t n) {
  static unsigned state = 7;
  for (size_t i = 0; i < n; i++) {
    state = state * 1664525u + 1013904223u;
    numbers[i] = (float)(state >> 8) / (float)(1u << 24) - 0.5f;
  }
}

static int fail(struct copy *copy, const char *what) {
  printf("%s: %s\n", copy->name, what);
  copy->failed = 1;
  return 0;
}

/* Creates and runs a block again and again. */
static void *work(void *argument) {
  struct copy *copy = argument;
  const mbconv_conv conv = {.weight = weights};
  const mbconv_block_desc desc = {.struct_size = sizeof desc,
                                  .height = SIDE,
                                  .width = SIDE,
                                  .in_channels = IN,
                                  .expanded_channels = EXPANDED,
                                  .out_channels = IN,
                                  .expand = &conv,
                                  .depthwise = &conv,
                                  .project = &conv,
                                  .kernel = 3,
                                  .stride = 1,
                                  .pad = {1, 1, 1, 1},
                                  .activation = MBCONV_ACTIVATION_SILU};
  for (int i = 0; i < RUNS && !copy->failed; i++) {
    mbconv_error error;
    mbconv_block *block;
    char text[256];
    if (copy->create(&desc, NULL, &block, &error) != MBCONV_OK) return fail(copy, error.message), NULL;
    const size_t size = copy->scratch_size(block, 1);
    void *scratch = malloc(size);
    if (copy->run(block, 1, x, copy->y, scratch, size, NULL, &error) != MBCONV_OK) fail(copy, error.message);
    copy->describe(block, 1, text, sizeof text);
    if (strncmp(text, "impostor", 8) == 0) fail(copy, "calls the impostor");
    free(scratch);
    copy->destroy(block);
  }
  return NULL;
}

static void *symbol(void *library, const char *name) {
  void *address = dlsym(library, name);
  if (!address) printf("%s\n", dlerror()), exit(1);
  return address;
}

static struct copy load(const char *path) {
  void *library = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
  if (!library) printf("%s\n", dlerror()), exit(1);
  struct copy copy = {.name = path};
  *(void **)&copy.create = symbol(library, "mbconv_block_create");
  *(void **)&copy.scratch_size = symbol(library, "mbconv_block_scratch_size");
  *(void **)&copy.run = symbol(library, "mbconv_block_run");
  *(void **)&copy.describe = symbol(library, "mbconv_block_describe");
  *(void **)&copy.destroy = symbol(library, "mbconv_block_destroy");
  return copy;
}

int main(int count, char **words) {
  static struct copy copies[MOST_COPIES] = {{.name = "linked",
                                             .create = mbconv_block_create,
                                             .scratch_size = mbconv_block_scratch_size,
                                             .run = mbconv_block_run,
                                             .describe = mbconv_block_describe,
                                             .destroy = mbconv_block_destroy}};
  if (count < 3 || count - 1 > MOST_COPIES) return fputs("usage: copies IMPOSTOR LIBRARY...\n", stderr), 2;
  if (!dlopen(words[1], RTLD_NOW | RTLD_GLOBAL)) return printf("%s\n", dlerror()), 1;
  fill(weights, EXPANDED * IN);
  fill(x, FLOATS);
  const int loaded = count - 2;
  for (int i = 1; i <= loaded; i++) copies[i] = load(words[i + 1]);
  for (int i = 1; i <= loaded; i++) {
    for (int k = 0; k < i; k++)
      if (copies[k].create == copies[i].create) fail(&copies[i], "is the same copy as another");
  }
  pthread_t threads[MOST_COPIES];
  for (int i = 0; i <= loaded; i++) pthread_create(&threads[i], NULL, work, &copies[i]);
  for (int i = 0; i <= loaded; i++) pthread_join(threads[i], NULL);
  int failed = 0;
  for (int i = 0; i <= loaded; i++) {
    if (memcmp(copies[i].y, copies[0].y, sizeof copies[i].y) != 0) fail(&copies[i], "gives other floats");
    failed |= copies[i].failed;
  }
  printf("%d copies, %d runs each, %s\n", loaded + 1, RUNS, failed ? "disturbed" : "undisturbed");
  return failed;
}

/* SPDX-License-Identifier: MIT
 *
 * On a thread with a small stack: a thread of musl has 128 KB, many programs give theirs 64 KB. Everything that a user
 * calls must get by with that, hostile files included. A stack is painted, so that what was needed of it is known;
 * below it lies an inaccessible page.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <jpeglib.h>
#include <png.h>

#include "file_case.h"
#include "image.h"
#include "networks_suites.h"

/* Sanitizers put space around what is on the stack. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(MBCONV_TEST_LARGE_FRAMES)
enum { STACK = 1 << 20 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
enum { STACK = 1 << 20 };
#else
enum { STACK = 64 << 10 };
#endif
#else
enum { STACK = 64 << 10 };
#endif

enum { PAGES = 64 << 10, PAINT = 0x5a, CLASSES = 10, SIDE = 48 }; /* PAGES: of any size that systems have */

/* ---- What is done there ------------------------------------------------------------------------------------------ */

struct job {
  mbconv_options kernels;
  const char *name;
  struct file_case file;
  float *x;
  void *arena;
  size_t arena_size;
  mbconv_status expected, status;
  char message[252];
  float y[CLASSES];
};

static void *load(void *argument) {
  struct job *job = argument;
  const mbconv_network_options options = {.kernels = &job->kernels, .height = SIDE, .width = SIDE};
  mbconv_network *network = NULL;
  mbconv_error error = {.message = ""};
  job->status = mbconv_network_load_memory(job->file.data, job->file.size, &options, &network, &error);
  memcpy(job->message, error.message, sizeof error.message);
  mbconv_network_destroy(network);
  return NULL;
}

static void *make_and_run(void *argument) {
  struct job *job = argument;
  const mbconv_network_options options = {
      .kernels = &job->kernels, .height = SIDE, .width = SIDE, .classes = CLASSES, .seed = 1};
  mbconv_network *network = NULL;
  mbconv_error error = {.message = ""};
  job->status = mbconv_network_random(job->name, &options, &network, &error);
  if (job->status == MBCONV_OK && mbconv_network_arena_size(network, 1) <= job->arena_size)
    job->status = mbconv_network_run(network, 1, job->x, job->y, job->arena, job->arena_size, NULL, &error);
  if (job->status == MBCONV_OK) /* at another size, for which all is planned on the stack */
    job->status = mbconv_network_run_at(network, 1, SIDE / 2, SIDE - 1, job->x, job->y, job->arena, job->arena_size,
                                        NULL, &error);
  size_t best[CLASSES];
  mbconv_softmax(CLASSES, job->y, job->y);
  if (mbconv_top_k(CLASSES, job->y, CLASSES, best) != CLASSES) job->status = MBCONV_INVALID_ARGUMENT;
  memcpy(job->message, error.message, sizeof error.message);
  mbconv_network_destroy(network);
  return NULL;
}

static void *decode(void *argument) {
  struct job *job = argument;
  const struct image_preprocessing how = {
      .resize = SIDE, .height = SIDE, .width = SIDE, .bicubic = true, .deviation = {1, 1, 1}, .layout = MBCONV_NHWC};
  struct image image;
  mbconv_error error = {.message = ""};
  job->status = image_decode(job->file.data, job->file.size, &image, &error);
  if (job->status == MBCONV_OK) job->status = image_preprocess(&image, &how, job->x, &error);
  image_free(&image);
  memcpy(job->message, error.message, sizeof error.message);
  return NULL;
}

/* ---- On a small stack -------------------------------------------------------------------------------------------- */

/* More than STACK where a thread cannot have less, as on ARM64; no more of it may be used all the same. */
static size_t stack_size(void) {
  const long least = sysconf(_SC_THREAD_STACK_MIN);
  return least > STACK ? ((size_t)least + PAGES - 1) / PAGES * PAGES : STACK;
}

static void on_small_stack(struct test *t, const char *what, void *(*work)(void *), struct job *job) {
  const size_t size = stack_size();
  test_at(t, "%s with %d KB of stack", what, STACK >> 10);
  unsigned char *room = mmap(NULL, PAGES + size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  pthread_attr_t attributes;
  pthread_t thread;
  if (room == MAP_FAILED || mprotect(room, PAGES, PROT_NONE) != 0 || pthread_attr_init(&attributes) != 0) abort();
  unsigned char *stack = room + PAGES;
  memset(stack, PAINT, size);
  if (pthread_attr_setstack(&attributes, stack, size) != 0 || pthread_create(&thread, &attributes, work, job) != 0)
    abort();
  pthread_join(thread, NULL);
  pthread_attr_destroy(&attributes);
  size_t left = 0;
  while (left < size && stack[left] == PAINT) left++;
  test_check(t, job->status == job->expected, "%s: %s", mbconv_status_string(job->status), job->message);
  test_check(t, size - left < STACK, "%zu bytes were used", size - left);
  if (getenv("MBCONV_TEST_STACKS")) printf("%s: %zu bytes of stack\n", what, size - left);
  munmap(room, PAGES + size);
}

/* ---- Files ------------------------------------------------------------------------------------------------------- */

static struct file_case nested(const char *before, char bracket, size_t count) {
  const size_t length = strlen(before);
  char *text = malloc(length + count + 1);
  if (!text) abort();
  memcpy(text, before, length);
  memset(text + length, bracket, count);
  text[length + count] = '\0';
  struct file_case file;
  file_case_of_header(&file, text, 0);
  free(text);
  return file;
}

static struct file_case picture(void) {
  png_image png = {.version = PNG_IMAGE_VERSION, .width = 61, .height = 53, .format = PNG_FORMAT_RGB};
  static unsigned char pixels[53 * 61 * 3];
  for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (unsigned char)(i * i >> 5);
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png);
  struct file_case file = {.data = malloc(size)};
  if (!file.data || !png_image_write_to_memory(&png, file.data, &size, 0, pixels, 0, NULL)) abort();
  file.size = size;
  return file;
}

/* Progressive: both kinds of libjpeg's entropy decoding are in it, and its smoothing. */
static struct file_case photograph(void) {
  enum { HEIGHT = 53, WIDTH = 61 };
  struct jpeg_error_mgr errors;
  struct jpeg_compress_struct jpeg = {.err = jpeg_std_error(&errors)};
  struct file_case file = {0};
  unsigned long size = 0;
  jpeg_create_compress(&jpeg);
  jpeg_mem_dest(&jpeg, &file.data, &size);
  jpeg.image_width = WIDTH;
  jpeg.image_height = HEIGHT;
  jpeg.input_components = 3;
  jpeg.in_color_space = JCS_RGB;
  jpeg_set_defaults(&jpeg);
  jpeg_simple_progression(&jpeg);
  jpeg_start_compress(&jpeg, TRUE);
  for (size_t r = 0; r < HEIGHT; r++) {
    unsigned char row[3 * WIDTH], *rows[] = {row};
    for (size_t i = 0; i < sizeof row; i++) row[i] = (unsigned char)(i * (r + 3) >> 2);
    jpeg_write_scanlines(&jpeg, rows, 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  file.size = size;
  return file;
}

static const char *const good[] = {"mobilenet_v2_0.1", "mobilenet_v3_small", "efficientnet_b0"};

void test_stacks(struct test *t) {
  struct job job = {.kernels = {.isa = t->isa}, .arena_size = 32 << 20};
  job.x = calloc(SIDE * SIDE * 3, sizeof *job.x);
  job.arena = malloc(job.arena_size);
  if (!job.x || !job.arena) abort();
  for (size_t i = 0; i < (t->small ? 2 : 3); i++) {
    const struct mbconv_description d = file_case_describe(good[i], i == 1 ? MBCONV_TIMM : MBCONV_TORCHVISION, CLASSES);
    job.name = good[i];
    job.expected = MBCONV_OK;
    file_case_of_network(&job.file, &d, 1, &(struct file_changes){0});
    on_small_stack(t, "load", load, &job);
    file_case_free(&job.file);
    on_small_stack(t, "create and run", make_and_run, &job);
    file_case_of_network(&job.file, &d, 1, &(struct file_changes){.extra = "a"});
    job.expected = MBCONV_BAD_FILE;
    on_small_stack(t, "refuse", load, &job);
    file_case_free(&job.file);
  }
  static const struct {
    const char *before;
    char bracket;
    size_t count;
  } hostile[] = {
      {"", '[', 2040}, {"", '{', 2040}, {"{\"a\":", '[', 2047}, {"{\"\\\"[\":", '[', 100000}, {"[", '[', 4 << 19}};
  for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
    job.file = nested(hostile[i].before, hostile[i].bracket, hostile[i].count);
    on_small_stack(t, "nested header", load, &job);
    file_case_free(&job.file);
  }
  job.expected = MBCONV_OK;
  job.file = picture();
  on_small_stack(t, "PNG", decode, &job);
  job.file.data[job.file.size / 2] ^= 1;
  job.expected = MBCONV_BAD_FILE;
  on_small_stack(t, "damaged PNG", decode, &job);
  file_case_free(&job.file);
  job.expected = MBCONV_OK;
  job.file = photograph();
  on_small_stack(t, "JPEG", decode, &job);
  job.file.size /= 2;
  job.expected = MBCONV_BAD_FILE;
  on_small_stack(t, "JPEG cut off", decode, &job);
  file_case_free(&job.file);
  free(job.x);
  free(job.arena);
}

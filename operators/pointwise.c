/* SPDX-License-Identifier: MIT
 *
 * The pointwise operator: panels over a run of pixels, pixels shared out to the threads.
 */
#include "epilogue.h"
#include "fold.h"
#include "more.h"
#include "operator.h"
#include "panels.h"

struct mbconv_pointwise {
  struct mbconv_operator base;
  struct mbconv_panels panels;
  struct mbconv_epilogue epilogue;
};

static mbconv_status check(const mbconv_pointwise_desc *desc, mbconv_error *error) {
  if (!desc) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "desc is NULL");
  mbconv_status status = mbconv_struct_check(&desc->struct_size, sizeof *desc, "desc", error);
  if (status == MBCONV_OK) status = mbconv_type_check(desc->type, error);
  if (status != MBCONV_OK) return status;
  if (desc->in_channels == 0 || desc->out_channels == 0)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s is 0", desc->in_channels ? "out_channels" : "in_channels");
  status = mbconv_activation_check(desc->activation, "activation", true, error);
  if (status != MBCONV_OK) return status;
  bool overflow = desc->in_channels > PTRDIFF_MAX / 8 || desc->out_channels > PTRDIFF_MAX / 8;
  const size_t weights = mbconv_multiply(desc->in_channels, desc->out_channels, &overflow);
  if (overflow || weights > PTRDIFF_MAX / sizeof(float))
    return mbconv_fail(error, MBCONV_SIZE_OVERFLOW, "%zu x %zu weights do not fit into memory", desc->out_channels,
                       desc->in_channels);
  return mbconv_conv_check(desc->conv, "conv", desc->out_channels, desc->activation, true, error);
}

/* Takes the memory of the object, of its weights and of its slopes, and sets all but these. */
static void lay_out(struct mbconv_pointwise *pointwise, const mbconv_pointwise_desc *desc,
                    struct mbconv_cursor *cursor) {
  const struct mbconv_operator *base = &pointwise->base;
  mbconv_take(cursor, 1, sizeof *pointwise);
  mbconv_panels_plan(&pointwise->panels, base->kernels, desc->in_channels, desc->out_channels, 0, false, cursor);
  pointwise->epilogue =
      mbconv_epilogue_of(desc->activation, base->kernels, mbconv_more_of(base->kernels), base->info.exp);
  if (mbconv_activation_sloped(desc->activation))
    pointwise->epilogue.slopes = mbconv_take(cursor, desc->out_channels, base->kernels->element);
}

mbconv_status mbconv_pointwise_create(const mbconv_pointwise_desc *desc, const mbconv_options *options,
                                      mbconv_pointwise **out, mbconv_error *error) {
  if (!out) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "out is NULL");
  *out = NULL;
  struct mbconv_pointwise made = {.base = {.kernels = NULL}};
  struct mbconv_cursor cursor = {0};
  mbconv_status status = check(desc, error);
  if (status == MBCONV_OK) status = mbconv_operator_choose(&made.base, &mbconv_f32_sets, desc->type, options, error);
  if (status != MBCONV_OK) return status;
  lay_out(&made, desc, &cursor);
  status = mbconv_operator_allocate(&made.base, &cursor, error);
  if (status != MBCONV_OK) return status;

  mbconv_pointwise *pointwise = (void *)cursor.base; /* the first of all that is taken */
  lay_out(&made, desc, &cursor);
  mbconv_panels_pack(&made.panels, desc->conv, 1);
  if (made.epilogue.prelu)
    mbconv_slopes_pack(desc->activation, desc->out_channels, desc->conv->slope, made.epilogue.slopes);
  made.base.info.weight_bytes = mbconv_panels_bytes(&made.panels);
  *pointwise = made;
  *out = pointwise;
  return mbconv_succeed(error);
}

struct job {
  const mbconv_pointwise *pointwise;
  size_t pixels, tasks;
  struct mbconv_pixel_run run;
};

/* A task's share of the pixels. */
static void run_share(void *argument, size_t index) {
  const struct job *job = argument;
  const struct mbconv_panels *panels = &job->pointwise->panels;
  size_t begin, end;
  mbconv_share(job->pixels, mbconv_panels_height(panels), index, job->tasks, &begin, &end);
  if (begin == end) return;
  struct mbconv_pixel_run run = mbconv_run_from(&job->run, begin, panels->kernels->element);
  run.pixels = end - begin;
  mbconv_panels_run_mapped(panels, &run, &job->pointwise->epilogue);
}

/* A tensor of pixels that are `row` bytes apart, of which each has `pixel` bytes; `bytes` in all. Of a single pixel
 * `row` is 0: its stride is not used, and in bytes it may be more than a size holds. */
struct tensor {
  const char *data;
  size_t pixel, row, bytes;
};

/* The tensor at `data`. *stride 0 becomes dense. */
static mbconv_status span(const void *data, size_t pixels, size_t channels, size_t element, size_t *stride,
                          const char *name, struct tensor *tensor, mbconv_error *error) {
  if (*stride == 0) *stride = channels;
  if (*stride < channels)
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s is %zu, less than the %zu channels", name, *stride,
                       channels);
  bool overflow = false;
  size_t bytes = mbconv_multiply(pixels - 1, *stride, &overflow);
  bytes = mbconv_multiply(mbconv_add(bytes, channels, &overflow), element, &overflow);
  if (overflow || bytes > PTRDIFF_MAX)
    return mbconv_fail(error, MBCONV_SIZE_OVERFLOW, "%zu pixels with %s %zu do not fit into memory", pixels, name,
                       *stride);
  *tensor = (struct tensor){data, channels * element, pixels > 1 ? *stride * element : 0, bytes};
  return MBCONV_OK;
}

/* Whether two tensors share a byte. Slices of the same rows (a concatenation) may interleave. */
static bool tensors_overlap(const struct tensor *a, const struct tensor *b) {
  if (!mbconv_overlap(a->data, a->bytes, b->data, b->bytes)) return false;
  const size_t row = a->row;
  if (b->row != row || row == 0) return true;
  const uintptr_t first = (uintptr_t)a->data, second = (uintptr_t)b->data;
  const size_t gap = first < second ? (second - first) % row : (row - (first - second) % row) % row;
  return gap < a->pixel || gap + b->pixel > row;
}

mbconv_status mbconv_pointwise_run(const mbconv_pointwise *pointwise, size_t pixels, const void *x, size_t x_stride,
                                   void *y, size_t y_stride, const void *residual, size_t r_stride,
                                   const mbconv_threads *threads, mbconv_error *error) {
  if (!pointwise) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "pointwise is NULL");
  size_t count;
  mbconv_status status = mbconv_thread_count(threads, &count, error);
  if (status != MBCONV_OK) return status;
  if (pixels == 0) return mbconv_succeed(error);
  if (!x || !y) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "%s is NULL", x ? "y" : "x");
  const struct mbconv_panels *panels = &pointwise->panels;
  const size_t in = panels->k, out = panels->channels, element = panels->kernels->element;
  struct tensor from = {0}, to = {0}, added = {0};
  status = span(x, pixels, in, element, &x_stride, "x_stride", &from, error);
  if (status == MBCONV_OK) status = span(y, pixels, out, element, &y_stride, "y_stride", &to, error);
  if (status == MBCONV_OK && residual)
    status = span(residual, pixels, out, element, &r_stride, "r_stride", &added, error);
  if (status != MBCONV_OK) return status;
  if (tensors_overlap(&from, &to)) return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "x and y overlap");
  if (residual && !(residual == y && r_stride == y_stride) && tensors_overlap(&added, &to))
    return mbconv_fail(error, MBCONV_INVALID_ARGUMENT, "residual and y overlap without being the same");
  const size_t height = mbconv_panels_height(panels);
  struct job job = {
      .pointwise = pointwise,
      .pixels = pixels,
      .tasks = mbconv_min(count, (pixels + height - 1) / height),
      .run = {.channels = panels->channels,
              .x = x,
              .x_stride = x_stride,
              .y = y,
              .y_stride = y_stride,
              .residual = residual,
              .r_stride = r_stride,
              .ending = pointwise->epilogue.ending},
  };
  mbconv_parallel(threads, job.tasks, run_share, &job);
  return mbconv_succeed(error);
}

mbconv_status mbconv_pointwise_info(const mbconv_pointwise *pointwise, mbconv_info *info, mbconv_error *error) {
  return mbconv_operator_info(pointwise, "pointwise", info, error);
}

void mbconv_pointwise_destroy(mbconv_pointwise *pointwise) { mbconv_operator_destroy(pointwise); }

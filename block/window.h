/* SPDX-License-Identifier: MIT
 *
 * A window that slides over an image, and all the geometry that follows from it. No other file has such formulas.
 */
#ifndef MBCONV_WINDOW_H
#define MBCONV_WINDOW_H

#include "mbconv.h"
#include "size.h"

/* What a stage looks at for each output: fixed at create. A 1x1 has kernel 1 and stride 1. */
struct mbconv_window {
  size_t kernel, stride;
  size_t dilation; /* pixels from one tap to the next: 1 but for some depthwises */
  mbconv_pad pad;
  bool same; /* TensorFlow's SAME instead of `pad`: the padding depends on the image's size */
};

/* What a description says: its dilation of 0 stands for 1. */
static inline struct mbconv_window mbconv_window_of(size_t kernel, size_t stride, size_t dilation,
                                                    const mbconv_pad *pad, mbconv_pad_kind kind) {
  const struct mbconv_window window = {kernel, stride, mbconv_max(dilation, 1), *pad, kind == MBCONV_PAD_SAME};
  return window;
}

/* Pixels from the first tap to the last, both included. */
static inline size_t mbconv_window_span(const struct mbconv_window *window) {
  return (window->kernel - 1) * window->dilation + 1;
}

/* The stride of the ordinary rows that a dilated one consists of: see mbconv_axis_ordinary_stride(). */
static inline size_t mbconv_window_ordinary_stride(const struct mbconv_window *window) {
  return window->stride == 2 && window->dilation % 2 == 0 ? 1 : window->stride;
}

/* Whether the output has the height and width of the input, whatever they are. */
static inline bool mbconv_window_keeps_size(const struct mbconv_window *window) {
  const mbconv_pad *pad = &window->pad;
  const size_t padding = mbconv_window_span(window) - 1;
  return window->stride == 1 &&
         (window->same || (pad->top + pad->bottom == padding && pad->left + pad->right == padding));
}

/* One axis of an image under a window: the rows, or the columns. */
struct mbconv_axis {
  size_t in, out;          /* pixels of the input and of the output */
  size_t kernel, dilation; /* taps of a window, and pixels from one to the next */
  size_t span;             /* pixels from a window's first tap to its last, both included */
  size_t stride;           /* pixels from one window to the next */
  size_t before;           /* padding above the first row, or left of the first column */
};

/* The axis of `in` pixels with `before` and `after` pixels of padding. With SAME these are chosen so that there are
 * in / stride outputs, rounded up, and an odd pixel of padding is after the image. Without it the padded axis must not
 * be smaller than the span. */
static inline struct mbconv_axis mbconv_axis_of(const struct mbconv_window *window, size_t in, size_t before,
                                                size_t after) {
  const size_t span = mbconv_window_span(window), stride = window->stride;
  if (window->same) {
    const size_t reach = (in - 1) / stride * stride + span, padding = reach > in ? reach - in : 0;
    before = padding / 2;
    after = padding - before;
  }
  const size_t out = (in + before + after - span) / stride + 1;
  const struct mbconv_axis axis = {in, out, window->kernel, window->dilation, span, stride, before};
  return axis;
}

/* Pixels from the first of the first window to the last of the last one, when there are `outputs` windows. */
static inline size_t mbconv_axis_reach(const struct mbconv_axis *axis, size_t outputs) {
  return (outputs - 1) * axis->stride + axis->span;
}

/* The most outputs that reach over fewer pixels than the input has. */
static inline size_t mbconv_axis_within(const struct mbconv_axis *axis) {
  return axis->in > axis->span ? mbconv_min((axis->in - axis->span - 1) / axis->stride + 1, axis->out) : 0;
}

/* The first pixel of the window of output o, counted from the first pixel of padding. */
static inline size_t mbconv_axis_padded(const struct mbconv_axis *axis, size_t o) { return o * axis->stride; }

/* The input pixels that windows [first, last) look at are [begin, end), cut to the image: begin ... */
static inline size_t mbconv_axis_begin(const struct mbconv_axis *axis, size_t first) {
  const size_t padded = mbconv_axis_padded(axis, first);
  return mbconv_min(padded > axis->before ? padded - axis->before : 0, axis->in);
}

/* ... and end. */
static inline size_t mbconv_axis_end(const struct mbconv_axis *axis, size_t last) {
  const size_t padded = mbconv_axis_reach(axis, last);
  return mbconv_min(padded > axis->before ? padded - axis->before : 0, axis->in);
}

/* Outputs whose windows lie in the image are [whole begin, whole end): begin ... */
static inline size_t mbconv_axis_whole_begin(const struct mbconv_axis *axis) {
  return (axis->before + axis->stride - 1) / axis->stride;
}

/* ... and end, which may be less than begin. */
static inline size_t mbconv_axis_whole_end(const struct mbconv_axis *axis) {
  const size_t inside = axis->before + axis->in;
  return inside < axis->span ? 0 : mbconv_min((inside - axis->span) / axis->stride + 1, axis->out);
}

/* A dilated row is several ordinary ones, interleaved: with m = mbconv_axis_interleaved(), outputs o, o + m, o + 2m ...
 * are an ordinary row over every dilation-th pixel, with a stride of mbconv_axis_ordinary_stride(). A stride of 2 over
 * an even dilation becomes 1, over half as many rows. */
static inline bool mbconv_axis_halves(const struct mbconv_axis *axis) {
  return axis->stride == 2 && axis->dilation % 2 == 0;
}

static inline size_t mbconv_axis_interleaved(const struct mbconv_axis *axis) {
  return mbconv_axis_halves(axis) ? axis->dilation / 2 : axis->dilation;
}

static inline size_t mbconv_axis_ordinary_stride(const struct mbconv_axis *axis) {
  return mbconv_axis_halves(axis) ? 1 : axis->stride;
}

#endif

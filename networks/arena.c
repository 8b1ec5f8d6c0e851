/* SPDX-License-Identifier: MIT
 *
 * Where values and scratch lie: each is alive from one layer to another, and those alive together must not overlap. The
 * largest are placed first, each as low as those placed before allow. On the networks here that reaches the least that
 * is possible, the largest sum of input, output and scratch of one layer.
 */
#include <stdlib.h>

#include "network.h"

struct item {
  size_t bytes, first, last; /* alive in layers first .. last */
  size_t *offset;
};

static size_t round_up(size_t bytes) {
  return (bytes + MBCONV_ARENA_ALIGNMENT - 1) / MBCONV_ARENA_ALIGNMENT * MBCONV_ARENA_ALIGNMENT;
}

static int larger_first(const void *a, const void *b) {
  const struct item *first = a, *second = b;
  if (first->bytes != second->bytes) return first->bytes > second->bytes ? -1 : 1;
  return first->first < second->first ? -1 : first->first > second->first;
}

static int lower_first(const void *a, const void *b) {
  const struct item *first = *(struct item *const *)a, *second = *(struct item *const *)b;
  return *first->offset < *second->offset ? -1 : *first->offset > *second->offset;
}

/* The lowest gap for items[index] between those before it in the list. Returns where it ends. */
static size_t place(struct item *items, size_t index) {
  const struct item *item = &items[index];
  struct item *in_the_way[2 * MBCONV_MOST_LAYERS];
  size_t count = 0;
  for (size_t i = 0; i < index; i++)
    if (items[i].first <= item->last && item->first <= items[i].last) in_the_way[count++] = &items[i];
  qsort(in_the_way, count, sizeof *in_the_way, lower_first);
  size_t offset = 0;
  for (size_t i = 0; i < count && *in_the_way[i]->offset < offset + item->bytes; i++) {
    const size_t end = *in_the_way[i]->offset + in_the_way[i]->bytes;
    if (end > offset) offset = end;
  }
  *item->offset = offset;
  return offset + item->bytes;
}

/* The last layer that reads value i + 1, which is layer i's. */
static size_t last_reader(const struct mbconv_description *d, size_t i) {
  size_t last = i + 1;
  for (size_t reader = i + 1; reader < d->layers; reader++)
    if (d->layer[reader].residual_back > 0 && reader - d->layer[reader].residual_back == i + 1) last = reader;
  return last;
}

bool mbconv_arena_plan(struct mbconv_network *network) {
  const struct mbconv_description *d = &network->description;
  struct item items[2 * MBCONV_MOST_LAYERS];
  size_t count = 0, floats = 0;
  for (size_t i = 0; i < d->layers; i++) {
    struct mbconv_step *step = &network->step[i];
    if (step->scratch_bytes > PTRDIFF_MAX / MBCONV_MOST_LAYERS / 4) return false;
    if (step->scratch_bytes > 0) items[count++] = (struct item){round_up(step->scratch_bytes), i, i, &step->scratch};
    if (i + 1 == d->layers) continue;
    const size_t size = step->height * step->width * step->channels;
    if (size > PTRDIFF_MAX / MBCONV_MOST_LAYERS / 16) return false;
    if (i + 1 < network->first_for_all) {
      items[count++] = (struct item){round_up(size * sizeof(float)), i, last_reader(d, i), &step->output};
    } else {
      step->output = floats; /* in floats per image, behind those of the layers before */
      floats += size;
    }
  }
  qsort(items, count, sizeof *items, larger_first);
  network->image_bytes = 0;
  for (size_t i = 0; i < count; i++) {
    const size_t end = place(items, i);
    if (end > network->image_bytes) network->image_bytes = end;
  }
  network->batch_floats = floats;
  return true;
}

/* SPDX-License-Identifier: MIT
 *
 * Huge pages are asked for: for the weights of every network, and for the command's images and arenas. What the system
 * then does is its own affair: only the wish is looked at, on its way (the linker's --wrap has sent it here).
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "cli.h"
#include "network.h"
#include "networks_suites.h"

enum { HUGE_PAGE = 2 << 20, MOST_WISHES = 16 };

static struct wish {
  uintptr_t begin;
  size_t bytes;
  int advice;
} wishes[MOST_WISHES];
static size_t wish_count;

int __real_madvise(void *memory, size_t bytes, int advice);
int __wrap_madvise(void *memory, size_t bytes, int advice);

int __wrap_madvise(void *memory, size_t bytes, int advice) {
  if (wish_count < MOST_WISHES) wishes[wish_count] = (struct wish){(uintptr_t)memory, bytes, advice};
  wish_count++;
  return __real_madvise(memory, bytes, advice);
}

/* There was one wish: for whole huge pages in which these bytes lie, and not for many more. */
static void check_wish(struct test *t, const char *what, const void *memory, size_t bytes, size_t most) {
  const struct wish *wish = &wishes[0];
  const uintptr_t begin = (uintptr_t)memory;
  if (!test_check(t, wish_count == 1 && wish->advice == MADV_HUGEPAGE, "%s: huge pages asked for %zu times", what,
                  wish_count))
    return;
  test_check(t, wish->begin % HUGE_PAGE == 0 && wish->bytes % HUGE_PAGE == 0,
             "%s: %zu bytes at %#zx are not whole pages", what, wish->bytes, (size_t)wish->begin);
  test_check(t, wish->begin <= begin && begin + bytes <= wish->begin + wish->bytes, "%s: not all on huge pages", what);
  test_check(t, wish->bytes <= most + 2 * HUGE_PAGE, "%s: %zu bytes on huge pages for %zu", what, wish->bytes, most);
}

/* Layers whose object, which has its packed weights in itself, is not on the pages asked for. */
static size_t layers_elsewhere(const mbconv_network *network) {
  const uintptr_t begin = wishes[0].begin, end = begin + wishes[0].bytes;
  size_t elsewhere = 0;
  for (size_t i = 0; i < mbconv_network_info_of(network)->layers; i++) {
    const uintptr_t layer = (uintptr_t)network->step[i].object.block; /* or another member of the union of pointers */
    elsewhere += layer < begin || layer >= end;
  }
  return elsewhere;
}

/* The network itself is the first thing on its pages, the packed weights follow. */
static void check_network(struct test *t, const char *name, size_t classes) {
  const mbconv_options kernels = {.isa = t->isa};
  const mbconv_network_options options = {.kernels = &kernels, .classes = classes};
  mbconv_network *network = NULL;
  test_at(t, "weights of %s", name);
  wish_count = 0;
  if (!test_check(t, mbconv_network_random(name, &options, &network, NULL) == MBCONV_OK, "not made")) return;
  const size_t bytes = mbconv_network_info_of(network)->weight_bytes;
  check_wish(t, name, network, bytes, bytes + bytes / 8);
  const size_t elsewhere = layers_elsewhere(network);
  test_check(t, elsewhere == 0, "%zu layers are not on huge pages", elsewhere);
  wish_count = 0;
  mbconv_network_destroy(network);
  test_check(t, wish_count == 0, "asked for something at the end");
}

static void check_command(struct test *t, size_t bytes, bool huge) {
  test_at(t, "the command's %zu bytes", bytes);
  wish_count = 0;
  char *memory = cli_allocate(bytes / 4, 4);
  if (huge)
    check_wish(t, "memory", memory, bytes, bytes);
  else
    test_check(t, wish_count == 0, "small memory on huge pages");
  bool zero = true;
  for (size_t i = 0; i < bytes; i++) zero = zero && memory[i] == 0;
  test_check(t, zero, "not zero");
  free(memory);
}

void test_huge_pages(struct test *t) {
  check_network(t, "mobilenet_v2_0.5", 1000); /* several huge pages */
  if (!t->small) check_network(t, "efficientnet_b0", 1000);
  check_command(t, 4096, false);
  check_command(t, 600 * 1000, true);
  check_command(t, 3 << 20, true);
}

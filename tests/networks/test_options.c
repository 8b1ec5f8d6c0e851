/* SPDX-License-Identifier: MIT
 *
 * The options of a network: bad ones, those of other versions of the library, and sizes that nobody has memory for.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "networks_suites.h"

static void check_bad_options(struct test *t) {
  test_at(t, "bad options");
  static const struct {
    const char *what, *name;
    mbconv_network_options options;
  } bad[] = {
      {"name", "mobilenet_v9", {0}},
      {"width", "mobilenet_v2_9", {0}},
      {"width", "mobilenet_v2_x", {0}},
      {"variant", "efficientnet_b9", {0}},
      {"variant", "efficientnet_b00", {0}},
      {"long name", "mobilenet_v2_0.5000000000000000000000000", {0}},
      {"height", "mobilenet_v2", {.height = 5}},
      {"layout", "mobilenet_v2", {.layout = (mbconv_layout)2}},
      {"layout", "mbconv", {.layout = MBCONV_NCHW}},
      {"epsilon", "mobilenet_v2", {.epsilon = -1}},
      {"classes", "mobilenet_v2", {.classes = SIZE_MAX}},
  };
  mbconv_network *network;
  mbconv_error error;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    network = (void *)&error;
    const mbconv_status status = mbconv_network_random(bad[i].name, &bad[i].options, &network, &error);
    test_check(t, status == MBCONV_INVALID_ARGUMENT && network == NULL && error.message[0], "%s: %s", bad[i].what,
               error.message);
  }
  const mbconv_network_options huge = {.height = SIZE_MAX / 4, .width = 4};
  test_check(t, mbconv_network_random("mobilenet_v2_0.1", &huge, &network, &error) == MBCONV_SIZE_OVERFLOW && !network,
             "huge images: %s", error.message);
  test_check(t, mbconv_network_random(NULL, NULL, &network, NULL) == MBCONV_INVALID_ARGUMENT, "no name");
  test_check(t, mbconv_network_random("mbconv", NULL, NULL, NULL) == MBCONV_INVALID_ARGUMENT, "no out");
  mbconv_network_destroy(NULL);
}

/* A name as others write it is told the network's own. */
static void check_names(struct test *t) {
  test_at(t, "names that are none");
  static const struct {
    const char *name, *said;
  } cases[] = {
      {"efficientnet-b3", "\"efficientnet-b3\" is no network known here; the nearest is efficientnet_b3"},
      {"tf_efficientnetv2_s", "; the nearest is efficientnet_v2_s"},
      {"MobileNetV3-Large", "; the nearest is mobilenet_v3_large"},
      {"mobilenetv2_100", "; the nearest is mobilenet_v2"},
      {"resnet18", "\"resnet18\" is no network known here; known are MobileNets"},
      {"mobilevit_s", " is no network known here; known are MobileNets"},
      {"", " is no network known here; known are MobileNets"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    mbconv_network *network;
    mbconv_error error;
    const mbconv_status status = mbconv_network_random(cases[i].name, NULL, &network, &error);
    test_check(t, status == MBCONV_INVALID_ARGUMENT && strstr(error.message, cases[i].said), "%s", error.message);
  }
}

/* As with the descriptions of mbconv.h. */
static void check_struct_size(struct test *t) {
  const mbconv_options kernels = {.isa = t->isa};
  struct {
    mbconv_network_options known;
    size_t appended;
  } options = {.known = {.kernels = &kernels, .height = 32, .width = 32, .classes = 2}};
  const struct {
    size_t size, appended;
    mbconv_status expected;
  } cases[] = {{0, 1, MBCONV_OK},
               {sizeof options.known, 1, MBCONV_OK},
               {offsetof(mbconv_network_options, padding), 0, MBCONV_INVALID_ARGUMENT},
               {sizeof options.known - 1, 0, MBCONV_INVALID_ARGUMENT},
               {sizeof options, 0, MBCONV_OK},
               {sizeof options, 1, MBCONV_INVALID_ARGUMENT},
               {sizeof(size_t), 0, MBCONV_INVALID_ARGUMENT}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    test_at(t, "options with struct_size %zu", cases[i].size);
    options.known.struct_size = cases[i].size;
    options.appended = cases[i].appended;
    mbconv_network *network = NULL;
    mbconv_error error = {.message = ""};
    const mbconv_status status = mbconv_network_random("mobilenet_v2_0.1", &options.known, &network, &error);
    test_check(t, status == cases[i].expected && (network != NULL) == (status == MBCONV_OK), "%s", error.message);
    mbconv_network_destroy(network);
  }
  /* The last field is read with struct_size 0, too. */
  options.known.padding = (mbconv_padding)99;
  for (size_t i = 0; i < 2; i++) {
    const size_t sizes[] = {0, sizeof options.known};
    test_at(t, "a padding that is none, struct_size %zu", sizes[i]);
    options.known.struct_size = sizes[i];
    mbconv_network *network = NULL;
    const mbconv_status status = mbconv_network_random("mobilenet_v2_0.1", &options.known, &network, NULL);
    test_check(t, status == MBCONV_INVALID_ARGUMENT && !network, "%s", mbconv_status_string(status));
  }
}

/* ---- Absurd sizes ------------------------------------------------------------------------------------------------ */

/* The last that is possible is made, what is not is refused: never less than was asked for, never a crash. */
static void check_absurd(struct test *t) {
  const mbconv_options kernels = {.isa = t->isa};
  static const size_t sizes[] = {
      1 << 16,     PTRDIFF_MAX / 8192, PTRDIFF_MAX / 4096, PTRDIFF_MAX / 64, PTRDIFF_MAX / 12, PTRDIFF_MAX / 12 + 1,
      PTRDIFF_MAX, SIZE_MAX / 12 + 1,  SIZE_MAX / 4 + 1,   SIZE_MAX};
  mbconv_error error;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    for (int side = 0; side < 3; side++) { /* the height, the width, the threads */
      mbconv_network_options options = {.kernels = &kernels, .height = 1, .width = 1, .classes = 2};
      *(side == 0 ? &options.height : side == 1 ? &options.width : &options.threads) = sizes[i];
      test_at(t, "%s %zu", side == 0 ? "height" : side == 1 ? "width" : "threads", sizes[i]);
      mbconv_network *network = NULL;
      const mbconv_status status = mbconv_network_random("mobilenet_v2_0.1", &options, &network, &error);
      test_check(t, status == MBCONV_OK || status == MBCONV_SIZE_OVERFLOW || status == MBCONV_OUT_OF_MEMORY, "%s: %s",
                 mbconv_status_string(status), error.message);
      if (!network) continue;
      const mbconv_network_info info = *mbconv_network_info_of(network);
      test_check(t, info.threads == (side == 2 ? sizes[i] : 1), "%zu threads", info.threads);
      const size_t image = info.height * info.width * 3 * sizeof(float), arena = mbconv_network_arena_size(network, 1);
      test_check(t, side == 2 || image / 12 == sizes[i], "an image larger than memory");
      test_check(t, side == 2 || (arena > image / 12 && arena <= PTRDIFF_MAX), "an arena of %zu bytes", arena);
      const size_t most = PTRDIFF_MAX / image + 1; /* images whose bytes are more than PTRDIFF_MAX */
      float x = 0, y = 0;
      test_check(t, mbconv_network_run(network, most, &x, &y, &x, SIZE_MAX, NULL, &error) == MBCONV_SIZE_OVERFLOW,
                 "%zu images are run: %s", most, error.message);
      mbconv_network_destroy(network);
    }
  }
}

void test_options(struct test *t) {
  check_bad_options(t);
  check_names(t);
  check_struct_size(t);
  check_absurd(t);
}

/* SPDX-License-Identifier: MIT
 *
 * Files that break the format's promises, each with what its message must say; and files cut off anywhere.
 */
#include <stdlib.h>

#include "failing_memory.h"
#include "file_case.h"

struct hostile {
  const char *header;
  size_t data_bytes;
  const char *message; /* a part of it */
};

static const struct hostile cases[] = {
    {"", 0, "not JSON"},
    {"{", 0, "not JSON"},
    {"nonsense", 0, "not JSON"},
    {"{\"a\":1}trailing", 0, "not JSON"},
    {"{\"a\\u0000b\":1}", 0, "not JSON"},
    {"{\"\xff\":1}", 0, "not JSON"},
    {"[]", 0, "not an object"},
    {"null", 0, "not JSON"},
    {"{}", 0, "of no network known"},
    {"{}", 4, "the last 4 bytes of the file belong to no tensor"},
    {"{\"__metadata__\":[]}", 0, "__metadata__ is not an object"},
    {"{\"__metadata__\":{\"a\":1}}", 0, "\"a\" is not a string"},
    {"{\"__metadata__\":{\"bn_eps\":\"x\"}}", 0, "bn_eps \"x\""},
    {"{\"__metadata__\":{\"bn_eps\":\"0\"}}", 0, "bn_eps \"0\""},
    {"{\"__metadata__\":{\"bn_eps\":\"nan\"}}", 0, "bn_eps \"nan\""},
    {"{\"a\":1}", 0, "\"a\": is not described"},
    {"{\"a\":{}}", 0, "\"a\": is not described"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "\"a\": is not described"},
    {"{\"a\":{\"dtype\":1,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "\"a\": has no dtype"},
    {"{\"a\":{\"dtype\":\"F31\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "\"a\": its dtype \"F31\" is unknown"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":1,\"data_offsets\":[0,4]}}", 4, "\"a\": has no shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "\"a\": its shape is no shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}}", 4, "\"a\": its shape is no shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4, "too many dimensions"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0, "its shape overflows"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,4]}}", 4, "not JSON"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, "\"a\": its data_offsets are not two"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,-4]}}", 4, "\"a\": its data_offsets are not two"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":4}}", 4, "\"a\": its data_offsets are not two"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, "\"a\": its data lie at 4 to 0"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4, "but the file has 4 bytes"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[9223372036854775800,9223372036854775807]}}", 4,
     "but the file has 4 bytes"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4294967296,4294967300]}}", 4,
     "but the file has 4 bytes"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4294967300],\"data_offsets\":[0,4]}}", 4, "bytes, its data have 4"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "its shape takes 8 bytes, its data have 4"},
    {"{\"a\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "its shape takes 4 bytes, its data have 8"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
     "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
     8, "duplicate"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
     "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}",
     12, "\"b\": its data overlap those of \"a\""},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
     "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}",
     12, "\"b\": 4 bytes before its data belong to no tensor"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 8, "the last 4 bytes"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
     "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[1,5]}}",
     5, "the first is \"a\""}, /* misaligned floats are floats */
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "the first is \"a\""},
    {"{\"\\u001b[31m\":1}", 0, "\"?[31m\""}, /* no escape sequences for the terminal */
};

static void check_cases(struct test *t) {
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    test_at(t, "header %s, %zu bytes", cases[i].header, cases[i].data_bytes);
    struct file_case file;
    file_case_of_header(&file, cases[i].header, cases[i].data_bytes);
    file_case_refused(t, &file, cases[i].message);
    file_case_free(&file);
  }
}

/* Lengths that are not those of the header. */
static void check_lengths(struct test *t) {
  static const struct {
    unsigned char bytes[8];
    size_t size;
    const char *message;
  } lengths[] = {{{0}, 0, "it has only 0 bytes"},
                 {{0}, 7, "it has only 7 bytes"},
                 {{0}, 8, "not JSON"},
                 {{1}, 8, "its header would have 1 bytes, the file has 8"},
                 {{255, 255, 255, 255, 255, 255, 255, 255}, 8, "cut off"}};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    test_at(t, "file of %zu bytes, length starts with %d", lengths[i].size, lengths[i].bytes[0]);
    struct file_case file = {.data = malloc(lengths[i].size + 1), .size = lengths[i].size};
    if (!file.data) abort();
    memcpy(file.data, lengths[i].bytes, lengths[i].size);
    file_case_refused(t, &file, lengths[i].message);
    file_case_free(&file);
  }
}

/* More text than any network's header, and brackets deeper than any stack should follow. */
static void check_huge_headers(struct test *t) {
  const size_t size = (4 << 20) + 1;
  char *text = malloc(size + 1);
  if (!text) abort();
  memset(text, ' ', size);
  text[size] = '\0';
  struct file_case file;
  test_at(t, "header of more than 4 MB");
  file_case_of_header(&file, text, 0);
  file_case_refused(t, &file, "more than any network's");
  file_case_free(&file);
  test_at(t, "a million brackets");
  memset(text, '[', size);
  text[1000000] = '\0';
  file_case_of_header(&file, text, 0);
  file_case_refused(t, &file, "brackets more than 3 deep");
  file_case_free(&file);
  free(text);
}

/* Every prefix of a good file is bad, and says so without crashing; flipped bytes may be either. */
static void check_damage(struct test *t) {
  const struct mbconv_description description = file_case_describe("mbconv", MBCONV_TORCHVISION, 1);
  struct file_case file;
  uint64_t state = t->seed;
  file_case_of_network(&file, &description, 1, &(struct file_changes){0});
  const struct file_case whole = file;
  for (size_t i = 0; i < (t->small ? 20 : 300); i++) {
    file = whole;
    file.size = i < 20 ? i : test_random_size(&state, 0, whole.size - 1);
    file.data = malloc(file.size + 1);
    if (!file.data) abort();
    memcpy(file.data, whole.data, file.size);
    test_at(t, "cut off at %zu of %zu bytes", file.size, whole.size);
    file_case_refused(t, &file, "");
    file_case_free(&file);
  }
  for (size_t i = 0; i < (t->small ? 20 : 1000); i++) {
    const size_t at = test_random_size(&state, 0, 2000);
    const unsigned char saved = whole.data[at];
    whole.data[at] = (unsigned char)test_random(&state);
    test_at(t, "byte %zu is %d instead of %d", at, whole.data[at], saved);
    mbconv_network *network = NULL;
    mbconv_error error = {.status = MBCONV_OK};
    const mbconv_status status = mbconv_network_load_memory(whole.data, whole.size, NULL, &network, &error);
    test_check(t, (status == MBCONV_OK) == (network != NULL) && error.status == status, "%s", error.message);
    mbconv_network_destroy(network);
    whole.data[at] = saved;
  }
  file = whole;
  file_case_free(&file);
}

/* Every allocation fails once; nothing is left, and the network is made when none fails. */
static void check_memory(struct test *t, size_t spaces) {
  const struct mbconv_description description = file_case_describe("mbconv", MBCONV_TORCHVISION, 1);
  const struct file_changes changes = {.spaces = spaces};
  struct file_case file;
  file_case_of_network(&file, &description, 1, &changes);
  const mbconv_options kernels = {.isa = t->isa};
  const mbconv_network_options options = {.kernels = &kernels};
  mbconv_network *network = NULL;
  size_t failing = 0;
  while (!network && failing < 10000) {
    test_at(t, "allocation %zu of reading a file fails, %zu spaces", ++failing, spaces);
    mbconv_error error = {.message = ""};
    failing_memory_begin(failing);
    const mbconv_status status = mbconv_network_load_memory(file.data, file.size, &options, &network, &error);
    const struct failing_memory_count count = failing_memory_end();
    if (network) break;
    const bool told = status == MBCONV_OUT_OF_MEMORY || (count.in_json && status == MBCONV_BAD_FILE);
    test_check(t, told && error.status == status && error.message[0], "status \"%s\", \"%s\"",
               mbconv_status_string(status), error.message);
    test_check(t, count.live == 0, "%td allocations left", count.live);
  }
  test_check(t, network && failing > 20, "%zu allocations failed", failing - 1);
  mbconv_network_destroy(network);
  file_case_free(&file);
}

static void check_paths(struct test *t) {
  mbconv_network *network = NULL;
  mbconv_error error;
  test_at(t, "paths");
  test_check(t,
             mbconv_network_load("/nonexistent/file", NULL, &network, &error) == MBCONV_BAD_FILE &&
                 strstr(error.message, "/nonexistent/file"),
             "a file that is not there");
  test_check(t, mbconv_network_load("/", NULL, &network, &error) == MBCONV_BAD_FILE, "a directory");
  test_check(t, mbconv_network_load("/dev/null", NULL, &network, &error) == MBCONV_BAD_FILE, "an empty file");
  test_check(t, mbconv_network_load(NULL, NULL, &network, &error) == MBCONV_INVALID_ARGUMENT, "no path");
  test_check(t, mbconv_network_load("/", NULL, NULL, &error) == MBCONV_INVALID_ARGUMENT, "no out");
  test_check(t, mbconv_network_load_memory(NULL, 0, NULL, &network, &error) == MBCONV_INVALID_ARGUMENT, "no data");
  test_check(t, network == NULL, "*out is not NULL");
}

void test_safetensors(struct test *t) {
  check_cases(t);
  check_lengths(t);
  check_huge_headers(t);
  check_damage(t);
  check_memory(t, 0);
  check_memory(t, 1); /* misaligned floats are copied */
  check_paths(t);
}

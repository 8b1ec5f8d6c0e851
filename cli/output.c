/* SPDX-License-Identifier: MIT */
#include "output.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

/* Whether all that was written to a stream is on its way; if not, errno says why. It is 0 if nobody knows any longer,
 * since the write that failed was an earlier one. */
static bool flush(FILE *stream) {
  errno = 0;
  return fflush(stream) == 0 && ferror(stream) == 0;
}

static const char *reason(void) { return errno != 0 ? strerror(errno) : "not all of it could be written"; }

/* All of standard output ends here, since every exit calls it. If it was closed from the start, that matters only to
 * what should have been written. */
static void end_standard_output(void) {
  if (flush(stdout) && (close(STDOUT_FILENO) == 0 || errno == EBADF)) return;
  fprintf(stderr, "mbconv: standard output: %s\n", reason());
  _exit(CLI_FAILED); /* exit() must not be called while the process exits */
}

void cli_output_begin(void) {
  if (atexit(end_standard_output) != 0) cli_fail("no memory for what is done at the end");
}

FILE *cli_output_open(const char *path) {
  FILE *file = fopen(path, "wb");
  if (!file) cli_fail("%s: %s", path, strerror(errno));
  return file;
}

void cli_output_close(FILE *file, const char *path) {
  /* Neither a device nor a link, which /dev/stdout is, goes away. */
  struct stat about;
  const bool removable = lstat(path, &about) == 0 && S_ISREG(about.st_mode);
  const bool flushed = flush(file);
  const char *why = reason();
  if (fclose(file) == 0 && flushed) return;
  if (flushed) why = reason();
  if (removable) remove(path); /* a part would pass for the whole */
  cli_fail("%s: %s", path, why);
}

json_t *cli_json_number(double value) { return isfinite(value) ? json_real(value) : json_null(); }

void cli_json_print(json_t *value, int digits) {
  if (!value) cli_fail("no memory for the JSON");
  const size_t flags = JSON_INDENT(1) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION((size_t)digits);
  char *text = json_dumps(value, flags);
  if (!text) cli_fail("no memory for the JSON");
  puts(text);
  free(text);
  json_decref(value);
}

/* SPDX-License-Identifier: MIT
 *
 * What the command writes. Nothing is written whose failure would not end the process with CLI_FAILED and a line on
 * standard error.
 */
#ifndef MBCONV_CLI_OUTPUT_H
#define MBCONV_CLI_OUTPUT_H

#include <jansson.h>
#include <stdio.h>

/* Called once, first of all: standard output will be flushed, checked and closed however the process exits. */
void cli_output_begin(void);

/* A file to write to; cli_fail() if it cannot be opened. */
FILE *cli_output_open(const char *path);

/* Flushes, checks and closes it. If not all of it could be written, removes the file and calls cli_fail(). */
void cli_output_close(FILE *file, const char *path);

/* A number for JSON, which has none for NaN and the infinities: they become null. */
json_t *cli_json_number(double value);

/* Prints `value` to standard output, with so many digits, and frees it. NULL stands for one that there was no memory
 * for. */
void cli_json_print(json_t *value, int digits);

#endif

/* SPDX-License-Identifier: MIT */
#include "i8_row.h"

#include <string.h>

#include "i8.h"
#include "run.h"

bool i8_row_belongs(const struct mbconv_row *row, mbconv_isa isa) {
  const char *name = mbconv_isa_name(isa), *of_row = mbconv_isa_name(row->isa);
  const size_t length = strlen(name);
  if (row->kernels->isa != row->isa) return false;
  return isa == MBCONV_ISA_AUTO || (strncmp(of_row, name, length) == 0 && strchr("_", of_row[length]));
}

bool i8_row_runs(const struct mbconv_row *row, mbconv_isa isa) {
  struct mbconv_cpu cpu;
  mbconv_cpu_detect(&cpu);
  return i8_row_belongs(row, isa) && mbconv_row_offered(row, &cpu);
}

mbconv_status i8_row_create(const mbconv_i8_desc *desc, const struct mbconv_row *row, mbconv_block **out,
                            mbconv_error *error) {
  const struct mbconv_sets one = {row, 1};
  const mbconv_options options = {.isa = row->isa};
  struct mbconv_maker maker = mbconv_i8_maker;
  struct mbconv_i8_described made;
  struct mbconv_stages *stages;
  *out = NULL;
  mbconv_status status = mbconv_i8_check(desc, &made, error);
  if (status != MBCONV_OK) return status;
  maker.sets = &one;
  made.described.stages.maker = &maker;
  status = mbconv_stages_create(&made.described, &options, &stages, error);
  if (status != MBCONV_OK) return status;
  stages->maker = &mbconv_i8_maker; /* the other one ends here */
  *out = (mbconv_block *)stages;
  return MBCONV_OK;
}

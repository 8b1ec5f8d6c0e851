/* SPDX-License-Identifier: MIT */
#ifndef STAND_IN_AARCH64_H
#define STAND_IN_AARCH64_H
typedef struct {
  struct {
    unsigned asimd : 1;
  } features;
  int implementer, part;
} Aarch64Info;
Aarch64Info GetAarch64Info(void);
#endif

/* SPDX-License-Identifier: MIT */
#ifndef STAND_IN_AARCH64_H
#define STAND_IN_AARCH64_H
typedef struct {
  unsigned asimd : 1, fphp : 1, asimdhp : 1, asimddp : 1, i8mm : 1;
} Aarch64Features;
typedef struct {
  Aarch64Features features;
  int implementer, part;
} Aarch64Info;
Aarch64Info GetAarch64Info(void);
#endif

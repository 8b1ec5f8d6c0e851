/* SPDX-License-Identifier: MIT */
#ifndef STAND_IN_X86_H
#define STAND_IN_X86_H
typedef struct {
  unsigned fma3 : 1, avx : 1, avx2 : 1, avx512f : 1, avx512vl : 1, avx512bw : 1, avx512dq : 1, avx512vnni : 1, avx512vbmi : 1,
      avx512_second_fma : 1;
} X86Features;
typedef struct {
  X86Features features;
  int family, model;
  char brand_string[49];
} X86Info;
X86Info GetX86Info(void);
#endif

/* SPDX-License-Identifier: MIT
 *
 * a * b + c and square roots, each rounded once to nearest, by integers alone: for the C libraries and compilers whose
 * own are to be judged.
 */
#ifndef MBCONV_ORACLE_ARITHMETIC_H
#define MBCONV_ORACLE_ARITHMETIC_H

float oracle_fma_by_integers(float a, float b, float c);

/* x >= 0, finite and not denormal. */
double oracle_root_by_integers(double x);

/* The C library's fmaf(), which is faster, if it is right where others are wrong (tried at the first call); else the
 * integers. */
float oracle_fma(float a, float b, float c);

#endif

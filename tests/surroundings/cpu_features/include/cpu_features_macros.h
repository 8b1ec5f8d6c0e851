/* SPDX-License-Identifier: MIT */
#ifndef STAND_IN_MACROS_H
#define STAND_IN_MACROS_H
#if defined(__x86_64__) || defined(__i386__)
#define CPU_FEATURES_ARCH_X86
#elif defined(__aarch64__)
#define CPU_FEATURES_ARCH_AARCH64
#endif
#endif

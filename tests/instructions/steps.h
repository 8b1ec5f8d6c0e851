/* SPDX-License-Identifier: MIT
 *
 * How many instructions a call executes, exactly: the CPU's trap flag interrupts the program after each of them. x86-64
 * under Linux.
 */
#ifndef MBCONV_STEPS_H
#define MBCONV_STEPS_H

#include <stddef.h>

/* Instructions of call(argument), after a first call for what is bound or cached once. */
size_t steps_of(void (*call)(void *argument), void *argument);

#endif

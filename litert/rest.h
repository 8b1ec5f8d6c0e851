/* SPDX-License-Identifier: MIT
 *
 * What stays with the host, and how many threads it should have for that.
 *
 * The host's threads wait awake for a while, as ours do. With more of them than CPUs, those that wait take CPUs from
 * those that work: this costs a small model more than the host's threads can save on the little that stays.
 */
#ifndef MBCONV_LITERT_REST_H
#define MBCONV_LITERT_REST_H

#include "graph.h"

/* The work of the operators that are not in `taken`, in multiply-adds: those of convolutions, and some for each number
 * that another operator reads or writes. Infinite if an operator is of a kind whose work is not known here, or has a
 * shape that is found during a run. For images of the size that the model names, or of the least if it names none. */
double rest_work(const litert_graph *graph, const bool *taken);

/* The threads for the rest: 1 or, where that could cost more than it saves, those that the host has. It is 1 if all
 * threads are more than the CPUs, and the rest by one thread makes a run longer by a tenth at the most, as far as
 * multiply-adds tell. */
int rest_threads(double rest, double taken, size_t threads, int host_threads, size_t cpus);

/* The CPUs on which this process may run. */
size_t rest_cpus(void);

#endif

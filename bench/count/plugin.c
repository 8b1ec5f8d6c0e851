/* SPDX-License-Identifier: MIT
 *
 * A plugin of qemu-aarch64 that counts the instructions a program executes between its marks, by class. A mark is the
 * system call getppid. At each, what was executed since the one before goes to stdout as a line
 *
 *     count instructions=... uops=... more_tables=... fma=... vector_load=... (and so on)
 *
 * preceded, with the plugin's argument functions=on, by a line `function NAME UOPS` for each function.
 *
 * `uops` counts a load or store once per register that it moves: four loads written as one ld1 are no less work. A
 * look-up in four registers is one there; `more_tables` are its registers beyond the first.
 * Counts are exact and repeatable; they are those of one thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu_plugin.h"

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

enum { MARK = 173 }; /* getppid */

/* ---- Classes ----------------------------------------------------------------------------------------------------- */

enum class { FMA, VECTOR, VECTOR_LOAD, VECTOR_STORE, INTEGER, LOAD, STORE, BRANCH, CLASSES };

static const char *const class_names[CLASSES] = {"fma",     "vector", "vector_load", "vector_store",
                                                 "integer", "load",   "store",       "branch"};

/* Whether the bits of `word` under `mask` are `value`. The values are those of the Arm Architecture Reference Manual,
 * section C4.1. */
static bool has(uint32_t word, uint32_t mask, uint32_t value) { return (word & mask) == value; }

static bool is_pair(uint32_t word) { return has(word, 0x3a000000, 0x28000000); }          /* ldp, stp, ldnp, stnp */
static bool is_structures(uint32_t word) { return has(word, 0xbf000000, 0x0c000000); }    /* ld1 to ld4, whole */
static bool is_one_structure(uint32_t word) { return has(word, 0xbf000000, 0x0d000000); } /* to a lane, to all lanes */

static bool is_load_or_store(uint32_t word) { return has(word, 0x0a000000, 0x08000000); }

static bool loads(uint32_t word) {
  if (has(word, 0x3b000000, 0x18000000)) return true; /* from beside the code */
  const bool vector = word >> 26 & 1, low = word >> 22 & 1, high = word >> 23 & 1;
  const bool exclusive = has(word, 0x3f000000, 0x08000000);
  return low || (high && !vector && !is_pair(word) && !exclusive); /* ldrsw and its like; prfm */
}

static bool is_fma(uint32_t word) {
  const bool vectors = has(word, 0xbf20fc00, 0x0e20cc00); /* fmla, fmls */
  const bool by_lane = has(word, 0xbf80b400, 0x0f801000); /* the same by one lane */
  const bool scalars = has(word, 0xff000000, 0x1f000000); /* fmadd, fmsub and the negated ones */
  return vectors || by_lane || scalars;
}

static enum class class_of(uint32_t word) {
  if (is_load_or_store(word)){const bool vector = word >> 26 & 1; if (loads(word)) return vector ? VECTOR_LOAD : LOAD;
                              return vector ? VECTOR_STORE : STORE;}
if (is_fma(word)) return FMA;
if (has(word, 0x0e000000, 0x0e000000)) return VECTOR;
if (has(word, 0x1c000000, 0x14000000)) return BRANCH; /* with system calls and barriers */
return INTEGER;
}

/* Registers that a load or store moves; 1 for all else. */
static unsigned moved(uint32_t word) {
  if (is_pair(word)) return 2;
  if (is_one_structure(word)) return 1 + (word >> 21 & 1) + (word >> 12 & 2);
  if (!is_structures(word)) return 1;
  switch (word >> 12 & 15) {
    case 0:
    case 2: return 4;
    case 4:
    case 6: return 3;
    case 8:
    case 10: return 2;
    default: return 1;
  }
}

/* Registers of a look-up, TBL or TBX, beyond the first: many CPUs take it for as many operations as it has. */
static unsigned more_tables(uint32_t word) { return has(word, 0xbfe08c00, 0x0e000000) ? word >> 13 & 3 : 0; }

/* ---- Blocks of instructions -------------------------------------------------------------------------------------- */

struct counts {
  uint64_t classes[CLASSES], uops, more_tables;
};

/* What one execution of a block adds. Never freed: qemu translates a block again after it has dropped it. */
struct block {
  struct block *next;
  uint64_t executed, executed_at_mark;
  struct counts once;
  char *function;
};

static struct block *blocks;
static bool by_function;

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *source) {
  (void)id;
  struct block *block = calloc(1, sizeof *block);
  if (!block) abort();
  const size_t count = qemu_plugin_tb_n_insns(source);
  for (size_t i = 0; i < count; i++) {
    const struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(source, i);
    uint32_t word;
    memcpy(&word, qemu_plugin_insn_data(instruction), sizeof word);
    block->once.classes[class_of(word)]++;
    block->once.uops += moved(word);
    block->once.more_tables += more_tables(word);
    if (i == 0 && by_function) {
      const char *name = qemu_plugin_insn_symbol(instruction);
      block->function = strdup(name ? name : "?");
    }
  }
  block->next = blocks;
  blocks = block;
  qemu_plugin_register_vcpu_tb_exec_inline(source, QEMU_PLUGIN_INLINE_ADD_U64, &block->executed, 1);
}

/* ---- Marks ------------------------------------------------------------------------------------------------------- */

static void print_function(const struct block *first) {
  uint64_t uops = 0;
  for (const struct block *block = first; block; block = block->next) {
    if (!strcmp(block->function, first->function))
      uops += (block->executed - block->executed_at_mark) * block->once.uops;
  }
  if (uops) printf("function %s %llu\n", first->function, (unsigned long long)uops);
}

static void print_functions(void) {
  for (const struct block *block = blocks; block; block = block->next) {
    const struct block *first = blocks;
    while (strcmp(first->function, block->function)) first = first->next;
    if (first == block) print_function(block);
  }
}

static void mark(void) {
  if (by_function) print_functions();
  struct counts sum = {{0}, 0, 0};
  for (struct block *block = blocks; block; block = block->next) {
    const uint64_t times = block->executed - block->executed_at_mark;
    for (int i = 0; i < CLASSES; i++) sum.classes[i] += times * block->once.classes[i];
    sum.uops += times * block->once.uops;
    sum.more_tables += times * block->once.more_tables;
    block->executed_at_mark = block->executed;
  }
  uint64_t instructions = 0;
  for (int i = 0; i < CLASSES; i++) instructions += sum.classes[i];
  printf("count instructions=%llu uops=%llu more_tables=%llu", (unsigned long long)instructions,
         (unsigned long long)sum.uops, (unsigned long long)sum.more_tables);
  for (int i = 0; i < CLASSES; i++) printf(" %s=%llu", class_names[i], (unsigned long long)sum.classes[i]);
  printf("\n");
  fflush(stdout);
}

static void system_call(qemu_plugin_id_t id, unsigned cpu, int64_t number, uint64_t a1, uint64_t a2, uint64_t a3,
                        uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8) {
  (void)id, (void)cpu, (void)a1, (void)a2, (void)a3, (void)a4, (void)a5, (void)a6, (void)a7, (void)a8;
  if (number == MARK) mark();
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv) {
  if (strcmp(info->target_name, "aarch64")) {
    fprintf(stderr, "plugin.c counts instructions of ARM64 only, not of %s\n", info->target_name);
    return 1;
  }
  for (int i = 0; i < argc; i++) by_function = by_function || !strcmp(argv[i], "functions=on");
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  qemu_plugin_register_vcpu_syscall_cb(id, system_call);
  return 0;
}

/* SPDX-License-Identifier: MIT */
#include "system.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

size_t system_page(void) {
  SYSTEM_INFO info;
  GetSystemInfo(&info);
  return info.dwPageSize;
}

void *system_reserve(size_t size) { return VirtualAlloc(NULL, size, MEM_RESERVE | MEM_COMMIT, PAGE_NOACCESS); }

bool system_allow(void *pages, size_t size, bool write) {
  DWORD before;
  return VirtualProtect(pages, size, write ? PAGE_READWRITE : PAGE_READONLY, &before) != 0;
}

void system_release(void *pages, size_t size) {
  (void)size;
  VirtualFree(pages, 0, MEM_RELEASE);
}

void *system_aligned_allocate(size_t alignment, size_t size) { return _aligned_malloc(size, alignment); }

void system_aligned_release(void *memory) { _aligned_free(memory); }

void system_set_variable(const char *name, const char *value) { _putenv_s(name, value ? value : ""); }

/* ---- Crashes ----------------------------------------------------------------------------------------------------- */

static void (*crash_report)(const char *what);
static int crash_status;

static void end(const char *what) {
  crash_report(what);
  _exit(crash_status);
}

static LONG WINAPI excepted(EXCEPTION_POINTERS *exception) {
  switch (exception->ExceptionRecord->ExceptionCode) {
    case EXCEPTION_ACCESS_VIOLATION: end("segmentation fault"); break;
    case EXCEPTION_ILLEGAL_INSTRUCTION: end("illegal instruction"); break;
    default: end("exception"); break;
  }
  return EXCEPTION_CONTINUE_SEARCH;
}

static void aborted(int signal_number) {
  (void)signal_number;
  end("abort");
}

void system_catch_crashes(void (*report)(const char *what), int status) {
  crash_report = report;
  crash_status = status;
  SetUnhandledExceptionFilter(excepted);
  signal(SIGABRT, aborted);
}

void system_write_error(const char *text) {
  fputs(text, stderr);
  fflush(stderr);
}

/* A few pages of each stack are kept for the filter. */
void system_crash_stack_new(struct system_crash_stack *stack) {
  *stack = (struct system_crash_stack){0};
  ULONG size = 1 << 15;
  SetThreadStackGuarantee(&size);
}

void system_crash_stack_free(struct system_crash_stack *stack) { (void)stack; }

/* ---- Processes --------------------------------------------------------------------------------------------------- */

/* There is no fork here. */
void *system_shared(size_t size) { return calloc(1, size); }

void system_shared_release(void *memory, size_t size) {
  (void)size;
  free(memory);
}

bool system_processes(size_t count, void (*work)(const void *argument, size_t index, size_t count),
                      const void *argument) {
  (void)count;
  work(argument, 0, 1);
  return true;
}

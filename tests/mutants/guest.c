/* SPDX-License-Identifier: MIT
 *
 * guest PROGRAM... -- ARGUMENT...: in the emulator, runs the programs one after the other, each with the arguments, and
 * prints a line before and after each. One that takes too long by the guest's clock, which counts instructions, is
 * ended.
 */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LIMIT = 120 };

static int run(char **words) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(LIMIT);
    execv(words[0], words);
    _exit(127);
  }
  int status;
  if (child < 0 || waitpid(child, &status, 0) < 0) return 126;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int main(int count, char **words) {
  int programs = 1;
  while (programs < count && strcmp(words[programs], "--") != 0) programs++;
  if (programs == count) return 1;
  for (int i = 1; i < programs; i++) {
    printf("guest: begin %s\n", words[i]);
    fflush(stdout);
    words[programs] = words[i]; /* where "--" stood: the program's own name, before its arguments */
    const int status = run(words + programs);
    printf("guest: end %d\n", status);
    fflush(stdout);
  }
  return 0;
}

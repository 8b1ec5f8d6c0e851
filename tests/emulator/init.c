/* SPDX-License-Identifier: MIT
 *
 * The only process of the emulated machine: runs /program and, if there is one, /also with the arguments in /arguments
 * and the environment in /environment (each a list of strings ended by zero bytes), prints the exit status, the first
 * that is not 0, and switches the machine off.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { MAX_STRINGS = 256, BOCHS_SHUTDOWN_PORT = 0x8900 };

static void mount_file_systems(void) {
  static const char *const mounts[][2] = {{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}};
  for (size_t i = 0; i < sizeof mounts / sizeof mounts[0]; i++) {
    mkdir(mounts[i][1], 0755);
    mount(mounts[i][0], mounts[i][1], mounts[i][0], 0, NULL);
  }
}

static void open_console(void) {
  int console = open("/dev/console", O_RDWR);
  for (int i = 0; console >= 0 && i <= 2; i++) dup2(console, i);
}

/* Splits the file at `path`, read into `buffer`, into a list of strings that ends with NULL. */
static void read_strings(const char *path, char *buffer, size_t size, char *strings[MAX_STRINGS + 1]) {
  size_t n = 0, count = 0;
  FILE *file = fopen(path, "rb");
  if (file) {
    n = fread(buffer, 1, size - 1, file);
    fclose(file);
  }
  buffer[n] = 0;
  for (size_t i = 0; i < n && count < MAX_STRINGS; i += strlen(buffer + i) + 1) strings[count++] = buffer + i;
  strings[count] = NULL;
}

static int run_program(const char *program, char **arguments, char **environment) {
  pid_t child = fork();
  if (child == 0) {
    execve(program, arguments, environment);
    perror(program);
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Bochs ends when this word arrives at its port. */
static void switch_off(void) {
  if (iopl(3) == 0)
    for (const char *c = "Shutdown"; *c; c++) outb((unsigned char)*c, BOCHS_SHUTDOWN_PORT);
  reboot(RB_POWER_OFF);
}

int main(void) {
  static char argument_text[1 << 16], environment_text[1 << 16];
  static char *arguments[MAX_STRINGS + 1], *environment[MAX_STRINGS + 1];
  mount_file_systems();
  open_console();
  read_strings("/arguments", argument_text, sizeof argument_text, arguments);
  read_strings("/environment", environment_text, sizeof environment_text, environment);
  int status = run_program("/program", arguments, environment);
  if (access("/also", X_OK) == 0) {
    const int also = run_program("/also", arguments, environment);
    if (status == 0) status = also;
  }
  printf("\nemulator: exit status %d\n", status);
  fflush(stdout);
  tcdrain(STDOUT_FILENO);
  switch_off();
  for (;;) pause();
}

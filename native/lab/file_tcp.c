// SPDX-License-Identifier: GPL-2.0-or-later
// A file over one TCP connection into a file, as plainly as it goes: what the benchmark of the core
// is compared with. The receiver answers one byte when everything is written and one when it is
// fsynced; the sender prints both times, from before its connect, as a line of JSON.
//
//   file_tcp receive FILE ADDRESS PORT CONGESTION      prints "ready" when it listens
//   file_tcp send FILE ADDRESS PORT CONGESTION
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER_SIZE = 1 << 20, SENDFILE_SIZE = 1 << 30, TIME_LIMIT_S = 900 };

static void require(int isGood, const char* what) {
  if (isGood) return;
  fprintf(stderr, "file_tcp: %s: %s\n", what, strerror(errno));
  exit(EXIT_FAILURE);
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double cpuSeconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int newSocket(const char* congestion) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  require(fd >= 0, "socket");
  socklen_t length = (socklen_t)strlen(congestion);
  require(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion, length) == 0, congestion);
  return fd;
}

static void writeAll(int fd, const char* bytes, size_t length) {
  while (length > 0) {
    ssize_t written = write(fd, bytes, length);
    require(written > 0, "write");
    bytes += written;
    length -= (size_t)written;
  }
}

static void receive(const char* path, struct sockaddr_in address, const char* congestion) {
  int listener = newSocket(congestion);
  int on = 1;
  require(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0, "SO_REUSEADDR");
  require(bind(listener, (struct sockaddr*)&address, sizeof address) == 0, "bind");
  require(listen(listener, 1) == 0, "listen");
  puts("ready");
  fflush(stdout);
  int peer = accept(listener, NULL, NULL);
  require(peer >= 0, "accept");
  int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  require(file >= 0, path);
  char* buffer = malloc(BUFFER_SIZE);
  require(buffer != NULL, "malloc");
  for (;;) {
    ssize_t got = read(peer, buffer, BUFFER_SIZE);
    require(got >= 0, "read");
    if (got == 0) break;
    writeAll(file, buffer, (size_t)got);
  }
  writeAll(peer, "w", 1);
  require(fsync(file) == 0, "fsync");
  writeAll(peer, "s", 1);
  printf("{\"cpuSeconds\":%.3f}\n", cpuSeconds());
}

static void awaitAnswer(int fd, char expected) {
  char answer = 0;
  require(read(fd, &answer, 1) == 1 && answer == expected, "answer of the receiver");
}

static void sendAll(const char* path, struct sockaddr_in address, const char* congestion) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  require(file >= 0, path);
  struct stat about;
  require(fstat(file, &about) == 0, "fstat");
  double began = seconds();
  int fd = newSocket(congestion);
  require(connect(fd, (struct sockaddr*)&address, sizeof address) == 0, "connect");
  for (off_t offset = 0; offset < about.st_size;) {
    require(sendfile(fd, file, &offset, SENDFILE_SIZE) > 0, "sendfile");
  }
  require(shutdown(fd, SHUT_WR) == 0, "shutdown");
  awaitAnswer(fd, 'w');
  double written = seconds();
  awaitAnswer(fd, 's');
  printf("{\"bytes\":%jd,\"seconds\":%.6f,\"durableSeconds\":%.6f,\"cpuSeconds\":%.3f}\n",
         (intmax_t)about.st_size, written - began, seconds() - began, cpuSeconds());
}

int main(int argc, char** argv) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  long port = argc == 6 ? strtol(argv[4], NULL, 10) : 0;
  int isReceiver = argc == 6 && strcmp(argv[1], "receive") == 0;
  if (argc != 6 || (!isReceiver && strcmp(argv[1], "send") != 0) || port < 1 || port > 65535 ||
      inet_pton(AF_INET, argv[3], &address.sin_addr) != 1) {
    fputs("usage: file_tcp receive|send FILE ADDRESS PORT CONGESTION\n", stderr);
    return 2;
  }
  address.sin_port = htons((uint16_t)port);
  // It ends with who started it, and after a maximum time.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  alarm(TIME_LIMIT_S);
  if (isReceiver) {
    receive(argv[2], address, argv[5]);
  } else {
    sendAll(argv[2], address, argv[5]);
  }
  return EXIT_SUCCESS;
}

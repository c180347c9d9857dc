/* Writes lines at an even pace: `line-writer LINES-PER-SECOND SECONDS`. A line is "seq N US" and filler up to 100 bytes; US
   is the wall clock in microseconds at which it was written. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long long clock_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  long rate = atol(argv[1]), total = rate * atol(argv[2]), written = 0;
  long long start = clock_us();
  static char out[1 << 16];
  while (written < total) {
    long due = (clock_us() - start) * rate / 1000000 + 1;
    if (due > total) due = total;
    size_t used = 0;
    while (written < due && used < sizeof out - 128) {
      int length = sprintf(out + used, "seq %ld %lld ", ++written, clock_us());
      memset(out + used + length, '.', 99 - length);
      out[used + 99] = '\n';
      used += 100;
    }
    for (size_t at = 0; at < used;) {
      ssize_t done = write(1, out + at, used - at);
      if (done < 0) return 1;
      at += done;
    }
    usleep(1000);
  }
  return 0;
}

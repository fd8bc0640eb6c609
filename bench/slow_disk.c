/* A slower disk for measurements: preloaded, it makes each fsync and fdatasync take BENCH_DISK_US microseconds longer. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

static int slowly(const char *name, int file) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    int result = real(file), error = errno;
    const char *more = getenv("BENCH_DISK_US");
    long wait = more ? atol(more) : 0;
    struct timespec left = {wait / 1000000, wait % 1000000 * 1000};
    while (nanosleep(&left, &left) && errno == EINTR) {
    }
    errno = error;
    return result;
}

int fsync(int file) { return slowly("fsync", file); }

int fdatasync(int file) { return slowly("fdatasync", file); }

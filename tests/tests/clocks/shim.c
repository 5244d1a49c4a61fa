/* Moves the clocks of a process: IGAIN_CLOCK names a file with two numbers, by how many seconds the system's clock and the
 * boot clock are ahead. It is read at each call, so that clocks can jump while the process runs. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *at) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int done = real(id, at);
    if (done != 0 || (id != CLOCK_REALTIME && id != CLOCK_BOOTTIME)) return done;
    const char *name = getenv("IGAIN_CLOCK");
    int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return done;
    char text[64] = {0};
    long system = 0, boot = 0;
    if (read(file, text, sizeof text - 1) > 0) sscanf(text, "%ld %ld", &system, &boot);
    close(file);
    at->tv_sec += id == CLOCK_REALTIME ? system : boot;
    return done;
}

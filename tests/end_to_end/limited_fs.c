/* Loaded before the C library: returns the errors of a file system without the feature that MISSING_FEATURE names. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

static int is_missing(const char *what) { const char *named = getenv("MISSING_FEATURE"); return named && strcmp(named, what) == 0; }
static int fails(int error) { errno = error; return -1; }
static int is_folder(int file) { struct stat found; return fstat(file, &found) == 0 && S_ISDIR(found.st_mode); }

/* exFAT, shared folders of virtual machines, many FUSE and SMB mounts. */
int linkat(int a, const char *b, int c, const char *d, int e) {
    int (*real)(int, const char *, int, const char *, int) = dlsym(RTLD_NEXT, "linkat");
    return is_missing("hard-links") ? fails(EPERM) : real(a, b, c, d, e);
}
int link(const char *a, const char *b) { return linkat(AT_FDCWD, a, AT_FDCWD, b, 0); }

/* SMB and some FUSE mounts. */
int fsync(int file) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
    return is_missing("folder-sync") && is_folder(file) ? fails(EINVAL) : real(file);
}

/* NFS: a lock needs a file that is open for what the lock excludes. */
int flock(int file, int operation) {
    int (*real)(int, int) = dlsym(RTLD_NEXT, "flock");
    int access = fcntl(file, F_GETFL) & O_ACCMODE, kind = operation & ~LOCK_NB;
    int refused = (kind == LOCK_EX && access == O_RDONLY) || (kind == LOCK_SH && access == O_WRONLY);
    return is_missing("read-only-locks") && refused ? fails(EBADF) : real(file, operation);
}

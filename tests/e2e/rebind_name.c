// Preloaded into the program by test_hostile_connectors.py: a name server that returns another address for
// `rebind.test` each time, first one that a connector may reach (127.0.0.1), then that of the machine's metadata
// (169.254.169.254). Other names go to the C library.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdatomic.h>
#include <string.h>

static atomic_int asked;

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **list) {
  int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
      (int (*)(const char *, const char *, const struct addrinfo *, struct addrinfo **))dlsym(RTLD_NEXT, "getaddrinfo");
  if (node != NULL && strcmp(node, "rebind.test") == 0)
    node = atomic_fetch_add(&asked, 1) == 0 ? "127.0.0.1" : "169.254.169.254";
  return real(node, service, hints, list);
}

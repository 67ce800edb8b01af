/* A guest has one thread, which takes a lock that it holds already only by mistake. Hides the header of the machine in
 * /usr/include. */
#pragma once
typedef struct {
  int unused;
} pthread_rwlock_t;
static inline int pthread_rwlock_init(pthread_rwlock_t* lock, const void* attributes) {
  (void)lock;
  (void)attributes;
  return 0;
}
static inline int pthread_rwlock_destroy(pthread_rwlock_t* lock) {
  (void)lock;
  return 0;
}
static inline int pthread_rwlock_rdlock(pthread_rwlock_t* lock) {
  (void)lock;
  return 0;
}
static inline int pthread_rwlock_wrlock(pthread_rwlock_t* lock) {
  (void)lock;
  return 0;
}
static inline int pthread_rwlock_unlock(pthread_rwlock_t* lock) {
  (void)lock;
  return 0;
}

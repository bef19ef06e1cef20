#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>

/* Signals are for the threads that know what to do with them: this one gets none. 0 or a positive errno. */
int thread_start(pthread_t *thread, void *(*run)(void *), void *argument);

#endif

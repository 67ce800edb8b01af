#pragma once
#include_next <signal.h>
#ifdef __cplusplus
extern "C" {
#endif
int kill(int process, int signal);
#ifdef __cplusplus
}
#endif

#pragma once
#include_next <sys/stat.h>
/* wasi-libc gives sockets the number of pipes; a switch over both must compile. */
#undef S_IFSOCK
#define S_IFSOCK 0xC001

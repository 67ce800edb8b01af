#pragma once
// The parts of Mbed TLS that are compiled: hashes and base64. TLS is the host's.

#define MBEDTLS_SHA256_C
#define MBEDTLS_MD5_C
#define MBEDTLS_BASE64_C

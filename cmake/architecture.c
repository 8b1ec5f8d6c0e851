/* SPDX-License-Identifier: MIT
 *
 * Compiled while configuring, and never successfully: architecture.cmake reads the message.
 */
#if defined(__x86_64__)
#error "mbconv architecture: x86_64"
#elif defined(__i386__)
#error "mbconv architecture: x86"
#elif defined(__aarch64__)
#error "mbconv architecture: arm64"
#else
#error "mbconv architecture: other"
#endif

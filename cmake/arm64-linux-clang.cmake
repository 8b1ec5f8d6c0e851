# SPDX-License-Identifier: MIT
# As arm64-linux.cmake, but with Clang, which finds the cross compiler's libraries and linker by itself.
include(${CMAKE_CURRENT_LIST_DIR}/arm64-linux.cmake)
set(CMAKE_C_COMPILER clang)
set(CMAKE_CXX_COMPILER clang++)
set(CMAKE_C_COMPILER_TARGET aarch64-linux-gnu)
set(CMAKE_CXX_COMPILER_TARGET aarch64-linux-gnu)

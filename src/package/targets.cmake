# The targets that write files instead of building anything.
#
#   amalgamation            the whole library for all systems as two files, in amalgamation/ of the
#                           build directory
#   format, format-check    clang-format over all C files
#
# SPDX-License-Identifier: MIT

set(amalgamated_headers ${public_headers})
list(REMOVE_ITEM amalgamated_headers include/gyre.h)
add_custom_target(amalgamation
  COMMAND ${CMAKE_COMMAND} "-Droot=${PROJECT_SOURCE_DIR}" "-Dout=${PROJECT_BINARY_DIR}/amalgamation"
    "-Dversion=${PROJECT_VERSION}" "-Dheaders=${amalgamated_headers}"
    "-Dcommon_sources=${base_sources};${os_sources}"
    "-Dlinux_sources=${linux_sources};src/os/pollers_linux.c"
    "-Dbsd_sources=${bsd_sources};src/os/pollers_bsd.c"
    "-Dgeneric_sources=${generic_sources};src/os/pollers_generic.c"
    "-Dupper_sources=${loop_sources};${future_sources};${pool_sources}"
    -P ${PROJECT_SOURCE_DIR}/src/package/amalgamate.cmake
  COMMENT "Writing amalgamation/gyre.h and gyre.c" VERBATIM)

find_program(CLANG_FORMAT NAMES clang-format-14 clang-format clang-format-15 clang-format-16
             clang-format-17 clang-format-18 clang-format-19 clang-format-20)
mark_as_advanced(CLANG_FORMAT)
set(format ${CMAKE_COMMAND} "-Dtool=${CLANG_FORMAT}" "-Droot=${PROJECT_SOURCE_DIR}")
set(format_script -P ${PROJECT_SOURCE_DIR}/src/package/format.cmake)
add_custom_target(format COMMAND ${format} ${format_script} VERBATIM)
add_custom_target(format-check COMMAND ${format} -Dcheck=ON ${format_script} VERBATIM)

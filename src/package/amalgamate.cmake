# cmake -Droot=. -Dout=directory -Dversion=1.2.3 -Dheaders=... -Dcommon_sources=...
# -Dlinux_sources=... -Dbsd_sources=... -Dgeneric_sources=... -Dupper_sources=...
# -P amalgamate.cmake: write the library as two files, gyre.h and gyre.c, to `out`.
#
# `headers` are the public ones in the order of inclusion. Of the sources, the common ones and the
# upper ones, which come last, are for all systems, the others for one kind each.
#
# A private header is found by the sources' includes and inlined once, before all sources, because a
# source of one system must not be the only one to bring it. Names that sources share through
# private headers are renamed by macros, so that no global name in gyre.o begins with anything but
# gyre_.
#
# SPDX-License-Identifier: MIT
cmake_minimum_required(VERSION 3.16)

file(READ ${root}/LICENSE license)
string(STRIP "${license}" license)
string(REGEX REPLACE "\n" "\n * " license "\n${license}")
string(REGEX REPLACE " +\n" "\n" license "${license}")
set(banner "/* gyre ${version}, an event loop for C programs. Generated: change the sources instead.
 *${license} */
")

# ---- pieces of text

# read_source(RESULT FILE): the file, beginning with an empty line and without its project includes,
# which go into the variable `includes`.
function(read_source result file)
  file(READ ${root}/${file} text)
  string(PREPEND text "\n")
  string(REGEX MATCHALL "\n#include \"[^\"\n]+" includes "${text}")
  string(REPLACE "\n#include \"" "" includes "${includes}")
  string(REGEX REPLACE "\n#include \"[^\n]+" "" text "${text}")
  set(${result} "${text}" PARENT_SCOPE)
  set(includes "${includes}" PARENT_SCOPE)
endfunction()

# add_headers(FILE): append the private headers that FILE needs, innermost first, to the global
# property `headers`.
function(add_headers file)
  read_source(text ${file})
  foreach(include IN LISTS includes)
    set(header src/${include})
    get_property(known GLOBAL PROPERTY headers)
    if(include MATCHES "^gyre/" OR header IN_LIST known)
      continue()
    endif()
    add_headers(${header})
    set_property(GLOBAL APPEND PROPERTY headers ${header})
  endforeach()
endfunction()

# append_files(VARIABLE FILE...): each under a line with its name.
function(append_files variable)
  set(all "${${variable}}")
  foreach(file IN LISTS ARGN)
    read_source(text ${file})
    string(APPEND all "\n/* ==== ${file} ==== */\n${text}")
  endforeach()
  set(${variable} "${all}" PARENT_SCOPE)
endfunction()

# collect_names(RESULT HEADER...): the functions and variables that the headers declare and do not
# define: prototypes, declarations by a function's type (`gyre_call_fn name;`) and externs. All of
# them begin in the first column.
function(collect_names result)
  set(names)
  foreach(header IN LISTS ARGN)
    read_source(text ${header})
    string(REGEX MATCHALL "\n[a-z][a-z_0-9 *]*[ *][a-z_0-9]+\\(" declarations "${text}")
    list(FILTER declarations EXCLUDE REGEX "\n(static|typedef) ")
    string(REGEX MATCHALL "\n[a-z_]+_fn [a-z_0-9]+" by_type "${text}")
    string(REGEX MATCHALL "\nextern [a-zA-Z_0-9 *]+" variables "${text}")
    foreach(declaration IN LISTS declarations by_type variables)
      string(REGEX MATCH "([a-z_0-9]+)\\(?$" name "${declaration}")
      list(APPEND names ${CMAKE_MATCH_1})
    endforeach()
  endforeach()
  list(REMOVE_DUPLICATES names)
  list(SORT names)
  set(${result} ${names} PARENT_SCOPE)
endfunction()

# ---- gyre.h

set(header "${banner}")
append_files(header ${headers})
file(WRITE ${out}/gyre.h "${header}")

# ---- gyre.c

foreach(file IN LISTS common_sources linux_sources bsd_sources generic_sources upper_sources)
  add_headers(${file})
endforeach()
get_property(private_headers GLOBAL PROPERTY headers)
collect_names(names ${private_headers})

set(on_linux "defined(__linux__)")
set(on_bsd "defined(__APPLE__) || defined(__FreeBSD__) || defined(__NetBSD__) || \\
    defined(__OpenBSD__) || defined(__DragonFly__)")

set(source "${banner}
#if ${on_linux} && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#if defined(__APPLE__) && !defined(_DARWIN_C_SOURCE)
#define _DARWIN_C_SOURCE
#endif
#if defined(__NetBSD__) && !defined(_NETBSD_SOURCE)
#define _NETBSD_SOURCE
#endif
#if ${on_bsd}
#define GYRE_HAVE_KQUEUE
#endif

#include \"gyre.h\"

/* Shared among the files below and nobody else's business: hidden, and under names that no program
 * has for something else. */
#pragma GCC visibility push(hidden)
")
foreach(name IN LISTS names)
  string(APPEND source "#define ${name} gyre_private_${name}\n")
endforeach()

append_files(source ${private_headers} ${common_sources})
string(APPEND source "\n#if ${on_linux}\n")
append_files(source ${linux_sources})
string(APPEND source "\n#elif ${on_bsd}\n")
append_files(source ${bsd_sources})
string(APPEND source "\n#else\n")
append_files(source ${generic_sources})
string(APPEND source "\n#endif\n")
append_files(source ${upper_sources})
string(APPEND source "\n#pragma GCC visibility pop\n")

# Hidden must not be what a system header declares: other people's functions.
string(REGEX REPLACE "((\n#include <[^\n]+)+)"
  "\n#pragma GCC visibility push(default)\\1\n#pragma GCC visibility pop"
  source "${source}")
file(WRITE ${out}/gyre.c "${source}")

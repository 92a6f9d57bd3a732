# join_objects(RESULT OBJECT...): the objects as one, in which the library's own hidden names have
# become local.
#
# -fvisibility=hidden keeps a name out of a shared library's table, but in a static one it is global
# until the program is linked: a program with a variable `sys` of its own would not link. Needs
# objcopy, so ELF. Where that is missing, or where the objects are not plain machine code, RESULT is
# the objects as they are: everything works, and only such a program does not.
#
# SPDX-License-Identifier: MIT

function(join_objects result)
  set(${result} ${ARGN} PARENT_SCOPE)
  get_property(is_multi_config GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
  if(NOT CMAKE_OBJCOPY OR APPLE OR is_multi_config OR GYRE_SANITIZE
     OR CMAKE_INTERPROCEDURAL_OPTIMIZATION
     OR CMAKE_C_FLAGS MATCHES "-flto|-fsanitize|-fprofile|--coverage")
    return()
  endif()

  set(object ${PROJECT_BINARY_DIR}/gyre.o)
  set(target)
  if(CMAKE_C_COMPILER_TARGET)
    set(target ${CMAKE_C_COMPILE_OPTIONS_TARGET}${CMAKE_C_COMPILER_TARGET})
  endif()
  separate_arguments(flags UNIX_COMMAND "${CMAKE_C_COMPILER_ARG1} ${CMAKE_C_FLAGS}")
  add_custom_command(OUTPUT ${object}
    COMMAND ${CMAKE_C_COMPILER} ${target} ${flags} -r -nostdlib -o ${object} ${ARGN}
    COMMAND ${CMAKE_OBJCOPY} --localize-hidden ${object}
    DEPENDS ${ARGN} COMMENT "Joining the objects of the static library"
    COMMAND_EXPAND_LISTS VERBATIM)
  set(${result} ${object} PARENT_SCOPE)
endfunction()

# cmake -Dtool=clang-format -Droot=. [-Dcheck=ON] -P format.cmake: bring every C file into the form
# that .clang-format asks for; with `check`, only tell which are not.
#
# SPDX-License-Identifier: MIT

if(NOT tool)
  message(FATAL_ERROR "clang-format 14 or later was not found when this project was configured")
endif()

execute_process(COMMAND ${tool} --version OUTPUT_VARIABLE version)
string(REGEX MATCH "version ([0-9]+)" version "${version}")
if(NOT CMAKE_MATCH_1 OR CMAKE_MATCH_1 VERSION_LESS 14)
  message(FATAL_ERROR "${tool} is older than version 14")
endif()

foreach(directory src include tests examples)
  file(GLOB_RECURSE found ${root}/${directory}/*.c ${root}/${directory}/*.h)
  list(APPEND files ${found})
endforeach()

set(mode -i)
if(check)
  set(mode --dry-run --Werror)
endif()
execute_process(COMMAND ${tool} ${mode} ${files} RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "not formatted as .clang-format asks; the target `format` does it")
endif()

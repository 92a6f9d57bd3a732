# The install rules: headers, both libraries, and what CMake and pkg-config need to find them.
#
# SPDX-License-Identifier: MIT

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/gyre)
set(generated_dir ${PROJECT_BINARY_DIR}/package)

foreach(header IN LISTS public_headers)
  get_filename_component(below ${header} DIRECTORY)
  string(REGEX REPLACE "^include" "" below "${below}")
  install(FILES ${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}${below})
endforeach()

# One export for each kind, so that a distribution may put the static library into a package of its
# own.
function(install_library target file)
  install(TARGETS ${target} EXPORT ${target}
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
    INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(EXPORT ${target} NAMESPACE gyre:: FILE ${file} DESTINATION ${config_dir})
endfunction()

install_library(${gyre_static} gyreStatic.cmake)
install_library(${gyre_shared} gyreShared.cmake)

configure_package_config_file(src/package/gyreConfig.cmake.in ${generated_dir}/gyreConfig.cmake
  INSTALL_DESTINATION ${config_dir} NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
write_basic_package_version_file(${generated_dir}/gyreConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${generated_dir}/gyreConfig.cmake ${generated_dir}/gyreConfigVersion.cmake
  DESTINATION ${config_dir})

# gyre.pc finds everything from where it lies, so the installed tree can be moved. Where a directory
# was given as an absolute path, it cannot.
set(pc_prefix ${CMAKE_INSTALL_PREFIX})
if(NOT IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR})
  file(RELATIVE_PATH up /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
  string(REGEX REPLACE "/$" "" pc_prefix "\${pcfiledir}/${up}")
endif()
foreach(dir INCLUDEDIR LIBDIR)
  string(TOLOWER pc_${dir} variable)
  set(${variable} ${CMAKE_INSTALL_${dir}})
  if(NOT IS_ABSOLUTE ${CMAKE_INSTALL_${dir}})
    set(${variable} "\${prefix}/${CMAKE_INSTALL_${dir}}")
  endif()
endforeach()
configure_file(src/package/gyre.pc.in ${generated_dir}/gyre.pc @ONLY)
install(FILES ${generated_dir}/gyre.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

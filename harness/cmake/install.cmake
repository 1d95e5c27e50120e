# What `cmake --install` lays out, relative to the prefix; `tlsbye` finds its data from its own place (harness/cli/house.h),
# by the way there from the folder of programs, which tlsbye_installed_places() gives it (targets.cmake):
#
#   bin/tlsbye                    the program
#   libexec/tlsbye/peers          one program a stack
#   libexec/tlsbye/kit            what `tlsbye get` makes peers of
#   libexec/tlsbye/rogues         the peers that lie, and a client, for `tlsbye selftest`
#   share/tlsbye/scenarios        scenarios, clauses, known.toml
#   share/man, share/bash-completion, share/zsh, share/fish
#   lib/cmake/tlsbye              find_package(tlsbye)

include(CMakePackageConfigHelpers)

install(TARGETS tlsbye RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
get_property(stacks GLOBAL PROPERTY TLSBYE_PEERS)
foreach(stack IN LISTS stacks)
  # For a library in a folder that the loader does not look into, as BoringSSL's.
  set_target_properties(tlsbye-peer-${stack} PROPERTIES INSTALL_RPATH_USE_LINK_PATH TRUE)
  install(TARGETS tlsbye-peer-${stack} RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/tlsbye/peers)
endforeach()
if(TARGET tlsbye-peer-rogue)
  install(TARGETS tlsbye-peer-rogue tlsbye-client RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/tlsbye/rogues)
endif()
install(DIRECTORY ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/kit DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/tlsbye)
install(DIRECTORY scenarios DESTINATION ${CMAKE_INSTALL_DATADIR}/tlsbye)

install(FILES harness/cmake/tlsbye.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES harness/cmake/completion/tlsbye.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME tlsbye)
install(FILES harness/cmake/completion/_tlsbye DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES harness/cmake/completion/tlsbye.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)

set(TLSBYE_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/tlsbye)
configure_package_config_file(harness/cmake/tlsbyeConfig.cmake.in ${PROJECT_BINARY_DIR}/tlsbyeConfig.cmake
                              INSTALL_DESTINATION ${TLSBYE_PACKAGE_DIR} PATH_VARS CMAKE_INSTALL_BINDIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/tlsbyeConfigVersion.cmake COMPATIBILITY SameMajorVersion ARCH_INDEPENDENT)
install(FILES ${PROJECT_BINARY_DIR}/tlsbyeConfig.cmake ${PROJECT_BINARY_DIR}/tlsbyeConfigVersion.cmake DESTINATION ${TLSBYE_PACKAGE_DIR})

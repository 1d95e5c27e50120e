# The three kinds of target that this project has. Sources are listed, never globbed.

set(TLSBYE_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion)
if(TLSBYE_WERROR)
  list(APPEND TLSBYE_WARNINGS -Werror)
endif()

# tlsbye_library(wire SOURCES wire.cpp record.cpp LINK tlsbye::transcript OpenSSL::Crypto): static library tlsbye_wire, used as tlsbye::wire.
function(tlsbye_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_library(tlsbye_${name} STATIC ${arg_SOURCES})
  add_library(tlsbye::${name} ALIAS tlsbye_${name})
  target_include_directories(tlsbye_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_compile_options(tlsbye_${name} PRIVATE ${TLSBYE_WARNINGS})
  target_link_libraries(tlsbye_${name} PUBLIC ${arg_LINK})
endfunction()

# tlsbye_program(tlsbye-peer-gnutls SOURCES gnutls.cpp LINK tlsbye::peer PkgConfig::GNUTLS)
function(tlsbye_program name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_options(${name} PRIVATE ${TLSBYE_WARNINGS})
  target_link_libraries(${name} PRIVATE ${arg_LINK})
endfunction()

# tlsbye_test(wire SOURCES wire_test.cpp LINK tlsbye::wire): GoogleTest program wire-test, its tests known to ctest as wire.<suite>.<test>.
function(tlsbye_test name)
  if(NOT TLSBYE_TESTS)
    return()
  endif()
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  tlsbye_program(${name}-test SOURCES ${arg_SOURCES} LINK ${arg_LINK} GTest::gmock GTest::gtest_main)
  # The optimiser takes longer over GoogleMock's matchers than over the whole core, for programs that run for seconds.
  target_compile_options(${name}-test PRIVATE -O0)
  target_compile_definitions(${name}-test PRIVATE TLSBYE_SOURCE_DIR="${PROJECT_SOURCE_DIR}" TLSBYE_BINARY_DIR="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  gtest_discover_tests(${name}-test TEST_PREFIX ${name}. PROPERTIES TIMEOUT 3600 DISCOVERY_TIMEOUT 600)
endfunction()

# Tells a program that knows its own place how to get from there to the data and to the peers, however the folders of an installation are
# called (CMAKE_INSTALL_LIBEXECDIR and the like).
function(tlsbye_installed_places target)
  file(RELATIVE_PATH data ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_DATADIR})
  file(RELATIVE_PATH programs ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBEXECDIR})
  target_compile_definitions(${target} PRIVATE TLSBYE_WAY_TO_DATA="${data}/tlsbye" TLSBYE_WAY_TO_PROGRAMS="${programs}/tlsbye")
endfunction()

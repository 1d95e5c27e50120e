# Programs that feed arbitrary bytes to everything that reads what others wrote: libFuzzer, so clang, and the preset `fuzz`. `ninja fuzzers`
# builds them, `./tlsbye fuzz` builds and runs them: what is added here is named there too.

option(TLSBYE_FUZZ "Build the fuzzers (clang; TLSBYE_SANITIZE with fuzzer-no-link)" OFF)
if(NOT TLSBYE_FUZZ)
  return()
endif()
add_custom_target(fuzzers)

# tlsbye_fuzzer(record harness/wire/record_fuzz.cpp tlsbye::wire): program fuzz-record from that file of the project.
function(tlsbye_fuzzer name source)
  tlsbye_program(fuzz-${name} SOURCES ${PROJECT_SOURCE_DIR}/${source} LINK ${ARGN})
  target_link_options(fuzz-${name} PRIVATE -fsanitize=fuzzer)
  set_target_properties(fuzz-${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/fuzzers)
  add_dependencies(fuzzers fuzz-${name})
endfunction()

tlsbye_fuzzer(message peers/protocol/message_fuzz.cpp tlsbye::protocol)
tlsbye_fuzzer(record harness/wire/record_fuzz.cpp tlsbye::wire)
tlsbye_fuzzer(remote harness/wire/remote_fuzz.cpp tlsbye::wire tlsbye::oracle)
tlsbye_fuzzer(scenario harness/scenario/scenario_fuzz.cpp tlsbye::scenario)
tlsbye_fuzzer(clauses harness/oracle/clauses_fuzz.cpp tlsbye::oracle)
tlsbye_fuzzer(capture harness/capture/capture_fuzz.cpp tlsbye::capture)

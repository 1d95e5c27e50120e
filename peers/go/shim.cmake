# Builds the shim, a library with Go's runtime in it, which the adapter carries in itself.
set(shim ${PROJECT_BINARY_DIR}/peers/go/shim.so)
set(go ${CMAKE_COMMAND} -E env GOTOOLCHAIN=local GOFLAGS= GOWORK=off CGO_ENABLED=1 ${TLSBYE_GO_TOOL})
execute_process(COMMAND ${go} env GOVERSION OUTPUT_VARIABLE version OUTPUT_STRIP_TRAILING_WHITESPACE)
string(REGEX MATCH "[0-9]+[.][0-9.]*[0-9]" version "${version}")
add_custom_command(
  OUTPUT ${shim}
  COMMAND ${go} build -buildmode=c-shared -trimpath "-ldflags=-s -w" -o ${shim} .
  WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/go
  DEPENDS go/shim.go go/transport.go go/shim.h go/go.mod ${TLSBYE_GO_TOOL}
  COMMENT "Building Go's crypto/tls")
set_source_files_properties(go.cpp PROPERTIES OBJECT_DEPENDS ${shim})
target_compile_definitions(tlsbye_adapter_go PRIVATE TLSBYE_SHIM="${shim}" TLSBYE_GO_VERSION="${version}")

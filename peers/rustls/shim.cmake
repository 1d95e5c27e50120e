# Builds the shim and rustls with it. The crates were fetched, and their versions locked, when the stack was looked for (needs.cmake).
set(target ${PROJECT_BINARY_DIR}/peers/rustls)
set(shim ${target}/release/libtlsbye_rustls.a)
file(STRINGS ${CMAKE_CURRENT_SOURCE_DIR}/rustls/Cargo.toml version REGEX "^rustls ")
string(REGEX MATCH "[0-9]+[.][0-9]+[.][0-9]+" version "${version}")
add_custom_command(
  OUTPUT ${shim}
  COMMAND ${TLSBYE_RUSTLS_TOOL} build --quiet --release --locked --offline --target-dir ${target}
  WORKING_DIRECTORY ${target}
  DEPENDS rustls/shim.rs rustls/application.rs ${target}/Cargo.toml
  COMMENT "Building rustls")
add_custom_target(tlsbye-rustls-shim DEPENDS ${shim})
add_dependencies(tlsbye_adapter_rustls tlsbye-rustls-shim)
target_compile_definitions(tlsbye_adapter_rustls PRIVATE TLSBYE_RUSTLS_VERSION="${version}")
target_link_libraries(tlsbye_adapter_rustls PUBLIC ${shim} m)

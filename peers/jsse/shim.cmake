# Compiles the shim, a jar that the adapter carries in itself, and finds the JVM of the same JDK.
get_filename_component(java_home "${TLSBYE_JSSE_TOOL}" REALPATH)
get_filename_component(java_home "${java_home}/../.." REALPATH)
set(shim ${PROJECT_BINARY_DIR}/peers/jsse/shim.jar)
set(sources ${CMAKE_CURRENT_SOURCE_DIR}/jsse/Shim.java ${CMAKE_CURRENT_SOURCE_DIR}/jsse/OverSocket.java ${CMAKE_CURRENT_SOURCE_DIR}/jsse/OverEngine.java)
add_custom_command(
  OUTPUT ${shim}
  COMMAND ${CMAKE_COMMAND} -E rm -rf classes
  COMMAND ${java_home}/bin/javac -nowarn -d classes ${sources}
  COMMAND ${java_home}/bin/jar -c -f ${shim} -C classes .
  WORKING_DIRECTORY ${PROJECT_BINARY_DIR}/peers/jsse
  DEPENDS ${sources}
  COMMENT "Compiling the JSSE shim")
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/peers/jsse)
set_source_files_properties(jsse.cpp PROPERTIES OBJECT_DEPENDS ${shim})
target_compile_definitions(tlsbye_adapter_jsse PRIVATE TLSBYE_SHIM="${shim}" TLSBYE_JVM="${java_home}/lib/server/libjvm.so")
target_include_directories(tlsbye_adapter_jsse SYSTEM PRIVATE ${java_home}/include ${java_home}/include/linux)

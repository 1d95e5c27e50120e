# Writes OUT, which says what commit the sources in FOLDER are of: `unknown` where they are in no repository of their own.
set(commit unknown)
find_program(GIT git)
if(GIT AND EXISTS ${FOLDER}/.git)
  execute_process(COMMAND ${GIT} -c safe.directory=* -C ${FOLDER} describe --always --abbrev=12 --dirty=-changed --exclude *
                  OUTPUT_VARIABLE told OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(NOT failed AND told MATCHES "^[0-9a-f]+(-changed)?$")
    set(commit ${told})
  endif()
endif()
file(CONFIGURE OUTPUT ${OUT} CONTENT [[#include "harness/cli/provenance.h"
const char* const tlsbye::commit = "@commit@";
]] @ONLY)

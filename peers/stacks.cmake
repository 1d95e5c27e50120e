# The stacks: what each adapter of this folder is built with. A new one needs its line here and nothing elsewhere
# (docs/adding-a-stack.md).
#
#   MODULE             what pkg-config calls the library, the newer of several names first; or, where it has no name there,
#   HEADER, LIBRARIES  a header of it, as it is included, and what to link
#   FOLDER             of the header and the libraries below those of the system, where they have one for themselves
#   TOOL               the program that builds it, for a library that comes with its language: the shim is peers/NAME, and NAME/shim.cmake builds it
#   PACKAGE            Debian's, named where the library is missing; or the build that `tlsbye get` obtains (fleet.toml)
#   ADAPTER            ADAPTER.cpp is compiled; left out: NAME.cpp

tlsbye_stack(aws-lc ADAPTER openssl HEADER openssl/is_awslc.h LIBRARIES ssl crypto FOLDER aws-lc PACKAGE aws-lc@crate)
tlsbye_stack(boringssl ADAPTER openssl HEADER openssl/is_boringssl.h LIBRARIES ssl crypto FOLDER android PACKAGE android-libboringssl-dev)
tlsbye_stack(botan MODULE botan-3 botan-2 PACKAGE libbotan-2-dev)
tlsbye_stack(gnutls MODULE gnutls PACKAGE libgnutls28-dev)
tlsbye_stack(go TOOL go PACKAGE golang-go)
if(NOT TLSBYE_SANITIZE) # a JVM and a sanitizer both want the signals
  tlsbye_stack(jsse TOOL javac PACKAGE openjdk-17-jdk-headless)
endif()
tlsbye_stack(mbedtls HEADER mbedtls/ssl.h LIBRARIES mbedtls mbedx509 mbedcrypto PACKAGE libmbedtls-dev)
tlsbye_stack(nss MODULE nss PACKAGE libnss3-dev)
tlsbye_stack(openssl MODULE openssl PACKAGE libssl-dev)
tlsbye_stack(rustls TOOL cargo PACKAGE cargo)
tlsbye_stack(s2n HEADER s2n.h LIBRARIES s2n PACKAGE s2n@crate)
tlsbye_stack(wolfssl MODULE wolfssl PACKAGE libwolfssl-dev)

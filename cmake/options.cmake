option(OCTET_TESTS "build the tests" ON)
option(OCTET_ONEDNN "use oneDNN in the CPU plugin; without it own and portable kernels run alone" ON)
set(OCTET_SANITIZE "" CACHE STRING "sanitizers to build with: empty, address (with undefined) or thread")

octet_test(test_cpu_machine SOURCES machine_test.cpp LIBS octet_cpu_kernels)
octet_test(test_cpu_packed_memory SOURCES packed_memory_test.cpp LIBS octet_cpu_kernels)
octet_test(test_cpu_pool SOURCES pool_test.cpp LIBS octet_cpu_kernels)
set_tests_properties(test_cpu_pool PROPERTIES RUN_SERIAL TRUE)
# The pool inside an application's OpenMP region and with OpenMP settings of the application's own.
find_package(OpenMP QUIET COMPONENTS CXX)
# The thread sanitizer does not see the barriers of the system's OpenMP library.
if(OCTET_SANITIZE STREQUAL "thread")
  set(OpenMP_CXX_FOUND FALSE)
endif()
if(OpenMP_CXX_FOUND)
  octet_test(test_cpu_pool_openmp SOURCES pool_openmp_test.cpp LIBS octet_cpu_kernels OpenMP::OpenMP_CXX)
endif()

if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  octet_test(x64_kernels_test
    SOURCES x64_matmul_test.cpp x64_depthwise_test.cpp x64_elementwise_test.cpp x64_pool_test.cpp
            x64_image_convolution_test.cpp
    LIBS octet_cpu_kernels)
endif()

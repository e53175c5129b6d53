if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  octet_test(x64_kernels_test
    SOURCES x64_matmul_test.cpp x64_coded_product_test.cpp x64_product_test.cpp x64_attention_test.cpp x64_depthwise_test.cpp x64_float_test.cpp x64_elementwise_test.cpp x64_pool_test.cpp x64_normalize_test.cpp x64_few_outputs_test.cpp x64_float_few_outputs_test.cpp x64_few_rows_test.cpp
            x64_image_convolution_test.cpp x64_dense_convolution_test.cpp x64_recurrent_test.cpp x64_sum_of_products_test.cpp
    LIBS octet_cpu_kernels)
  octet_program(octet_bench_kernels SOURCES bench_x64.cpp bench_float.cpp bench_transformer.cpp LIBS octet_cpu_kernels benchmark::benchmark)
  if(OCTET_ONEDNN)
    target_compile_definitions(octet_bench_kernels PRIVATE OCTET_BENCH_ONEDNN)
  endif()
endif()

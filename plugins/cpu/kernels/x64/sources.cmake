if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  list(APPEND kernel_sources
    x64/code.cpp
    x64/coded_product.cpp
    x64/emitter.cpp
    x64/emit_function.cpp
    x64/emit_epilogue.cpp
    x64/epilogue_data.cpp
    x64/depthwise.cpp
    x64/depthwise_emit.cpp
    x64/dense_convolution.cpp
    x64/elementwise.cpp
    x64/image_convolution.cpp
    x64/image_quantize.cpp
    x64/pool.cpp
    x64/recurrent.cpp
    x64/sum_of_products.cpp
    x64/segments.cpp
    x64/softmax.cpp
    x64/tile.cpp
    x64/matmul.cpp
    x64/attention.cpp
    x64/panel_product.cpp
    x64/product.cpp)
endif()

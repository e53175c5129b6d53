if(OCTET_ONEDNN)
  list(APPEND kernel_sources
    onednn/convolution.cpp
    onednn/kernel.cpp
    onednn/post_ops.cpp
    onednn/saturation.cpp)
  list(APPEND kernel_libs DNNL::dnnl)
endif()

if(OCTET_ONEDNN)
  list(APPEND kernel_sources
    onednn/convolution.cpp
    onednn/deconvolution.cpp
    onednn/kernel.cpp
    onednn/matmul.cpp
    onednn/post_ops.cpp
    onednn/saturation.cpp
    onednn/weighted.cpp)
  list(APPEND kernel_libs DNNL::dnnl)
else()
  list(APPEND kernel_sources onednn/absent.cpp)
endif()

if(OCTET_ONEDNN)
  list(APPEND kernel_libs DNNL::dnnl)
endif()

set(portable_sources bfloat.cpp convolution.cpp copy.cpp dense.cpp dot_tile_base.cpp elementwise.cpp epilogue.cpp gate.cpp gather_windows.cpp
    interpolate.cpp matmul.cpp normalize.cpp pixel_shuffle.cpp pool.cpp quantize.cpp recurrent.cpp reduce.cpp softmax.cpp softmax_few.cpp
    vectorize.cpp window_sum.cpp)
list(TRANSFORM portable_sources PREPEND portable/)
# Only explicit fused operations fuse, so that results do not depend on the instruction set.
set_source_files_properties(${portable_sources} PROPERTIES COMPILE_OPTIONS "-ffp-contract=off;-fno-math-errno;-fno-trapping-math")
list(APPEND kernel_sources ${portable_sources})
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
  list(APPEND kernel_sources portable/dot_tile_avx2.cpp portable/dot_tile_avx512.cpp)
  set_source_files_properties(portable/dot_tile_avx2.cpp PROPERTIES COMPILE_OPTIONS "-march=x86-64-v3")
  set_source_files_properties(portable/dot_tile_avx512.cpp PROPERTIES COMPILE_OPTIONS "-march=x86-64-v4;-mprefer-vector-width=512")
endif()

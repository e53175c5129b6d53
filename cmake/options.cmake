# Every option of the build.
option(OCTET_TESTS "build the tests" ON)
option(OCTET_ONEDNN "use oneDNN in the CPU plugin; without it own and portable kernels run alone" ON)
set(OCTET_ONEDNN_SOURCE "" CACHE PATH "oneDNN source tree (3.2 or newer) to build instead of looking for a library")
set(OCTET_SANITIZE "" CACHE STRING "sanitizers to build with: empty, address (with undefined) or thread")
set_property(CACHE OCTET_SANITIZE PROPERTY STRINGS "" address thread)
set(OCTET_DEPENDENCIES_DIR ${PROJECT_SOURCE_DIR}/build/_deps CACHE PATH "where fetched dependencies are kept, for all build folders")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
